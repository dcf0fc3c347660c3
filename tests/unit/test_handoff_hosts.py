"""The hand-off of a team: what each host has found, and the lines that nobody else holds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from support.golden import assert_golden
from support.hypotheses import hypothesis_entry, line, verdict_entry
from support.lines import HOUR_NS, at_second
from support.team_states import HOSTS, author_on, order_not_known, remote, seen_from, verdict_on
from threeam.cli.console import print_report
from threeam.core.format.report import ReportSection
from threeam.core.store.journal import resolve_journal
from threeam.human.team_cups import with_cups_of_everybody
from threeam.hypotheses.quotations import QuotationReader
from threeam.reports.handoff import Handoff, collect_handoff, handoff_report
from threeam.reports.handoff_hosts import collect_team_handoff
from threeam.reports.handoff_json import handoff_json
from threeam.team.messages.position import Origin
from threeam.team.team_status import HostStatus, OwnStatus, StatusFile, TeamStatus, UnheldLines, read_unheld_lines

ALICE, BOB, CAROL = author_on("web1"), author_on("db1", "bob"), author_on("web2", "carol")
CLAIM_1 = hypothesis_entry(1, "the sweeper races the writer", 60, BOB)
CLAIM_2 = hypothesis_entry(2, "reads go to replica 1", 120, BOB)
OWN_CLAIM = hypothesis_entry(1, "the cron job", 180, ALICE)
OWN_CLAIM_2 = hypothesis_entry(2, "dirty connections", 190, ALICE)
DB1_H1, DB1_H2 = remote("db1", 1, CLAIM_1), remote("db1", 2, CLAIM_2)
WEB1_H1, WEB1_H2 = remote("web1", 1, OWN_CLAIM), remote("web1", 2, OWN_CLAIM_2)
JOURNALS = {
    "web1": [
        OWN_CLAIM,
        OWN_CLAIM_2,
        line(200, ALICE, "Supports: seen at 03:14", ("H1", "open")),
        verdict_on(DB1_H1, "confirmed", "300 clean runs", 300, ALICE),
        line(400, ALICE, "Coffee: cup 1 of the night.", ("MG", "95"), cups=1),
    ],
    "db1": [
        CLAIM_1,
        CLAIM_2,
        line(130, BOB, "Changed: pool size to 50 (undo: back to 20)", ("CHANGE", "open")),
        verdict_entry(1, "refuted", "it was off", 310, BOB),
        verdict_entry(2, "refuted", "lag was 0.4ms", 320, BOB),
        line(330, author_on("db1"), "Coffee: cup 1 of the night.", ("MG", "95"), cups=1),
        line(340, BOB, "Next: ask carol about cron", ("NOTED", "next")),
    ],
    "web2": [
        line(350, CAROL, "Contradicts: cron was stopped", *WEB1_H1.tags()),
        verdict_on(WEB1_H2, "refuted", "the pool was new", 360, CAROL),
    ],
}
UNHELD = {HOSTS["web1"]: 12, HOSTS["web2"]: 1, HOSTS["db1"]: 0}


def handed_over(tmp_path: Path, unheld: Mapping[str, int], *, is_running: bool = True) -> Handoff:
    hosts, now = seen_from("web1", JOURNALS), at_second(900)
    journal = resolve_journal(str(tmp_path / "sanity.log"))
    state = with_cups_of_everybody(hosts, now.ns, 8 * HOUR_NS)
    handoff = collect_handoff(state, now, 8 * HOUR_NS, 5.0, {}, QuotationReader(journal))
    team = collect_team_handoff(hosts, order_not_known, unheld, is_running=is_running)
    return handoff._replace(team=team)


def texts(sections: list[ReportSection], title: str) -> list[str]:
    return [each.text for section in sections if section.title == title for each in section.lines]


def test_the_handoff_of_a_team_is_what_it_was_when_it_was_read(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    print_report(handoff_report(handed_over(tmp_path, UNHELD)))
    assert_golden("handoff-hosts.txt", capfd.readouterr().out)
    as_json = handoff_json(handed_over(tmp_path, UNHELD))
    found = {key: as_json[key] for key in ("hosts", "team_is_running", "team_hypotheses", "people")}
    assert_golden("handoff-hosts.json", json.dumps(found, ensure_ascii=False, indent=2) + "\n")


def test_without_a_running_team_the_numbers_are_lower_bounds(tmp_path: Path) -> None:
    lines = texts(handoff_report(handed_over(tmp_path, UNHELD, is_running=False)), "where we stand")
    assert "no 3am team of yours sends the lines of this log: if nobody else's does, no other host gets them" in lines
    assert "12 lines at least in this log that no other host holds" in lines


def test_a_hypothesis_that_another_host_has_refuted_is_not_live(tmp_path: Path) -> None:
    sections = handoff_report(handed_over(tmp_path, {}))
    assert not any("dirty connections" in text for text in texts(sections, "live hypotheses"))
    assert texts(sections, "ruled out") == ["H2 dirty connections"]


@pytest.mark.parametrize("counts", [(7, 0), (0, 7)])
def test_of_two_engines_the_one_that_was_used_last_counts(counts: tuple[int, int], tmp_path: Path) -> None:
    journal = resolve_journal(str(tmp_path / "sanity.log"))
    for address, written_ns, count in (("nats://a", 2, counts[0]), ("nats://b", 1, counts[1])):
        own = OwnStatus(Origin(HOSTS["web1"]), "web1", True, unsent_lines=count)
        db1 = HostStatus(Origin(HOSTS["db1"]), "db1", seen_ns=written_ns, unheld_lines=2 * count)
        file = StatusFile(journal, address)
        file.write(TeamStatus(address, 1, written_ns, own=own, hosts={db1.origin.id: db1}), None)
        file.close()
    expected = {HOSTS["web1"]: counts[0], HOSTS["db1"]: 2 * counts[0]}
    assert read_unheld_lines(journal) == UnheldLines(expected, is_running=False)
    running = StatusFile(journal, "nats://a")
    assert read_unheld_lines(journal).is_running
    running.close()
