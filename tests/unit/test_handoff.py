"""The hand-off: what whoever takes over is told, as text, as Markdown and as JSON.

The files under `golden/` were read before they were kept. SANITY_GOLDEN=write makes them anew, to be read again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from support.commands import Run
from support.experiments import Runs, plan_entry
from support.golden import assert_golden
from support.journals import FakeClock, end_of, writer_of
from support.lines import at_minute, entry_of
from threeam.cli import handoff as command
from threeam.core.format.entry import NS_PER_S, Author, Entry, Stamp, format_entry, parse_entry
from threeam.core.format.report import ReportSection
from threeam.core.store.journal import Journal
from threeam.hypotheses.quotations import QuotationReader
from threeam.projections import FOLD
from threeam.reports.handoff import Handoff, collect_handoff, find_awake_since, handoff_report
from threeam.reports.handoff_json import handoff_json

MINUTE, HOUR = 60 * NS_PER_S, 3600 * NS_PER_S
ALICE, BOB, SCRIPT = Author("alice", "db1", 4121, "%3"), Author("bob", "db1", 9, "%1"), None


def line(minutes: float, by: Author | None, text: str, *tags: tuple[str, str], cups: int = 0) -> Entry:
    return entry_of(by, at_minute(minutes), text, tags, cups)


def ran(number: int, minute: float, runs: Runs) -> Entry:
    """An experiment whose plan line has its results, as if it were not repeated by a rotation."""
    entry = plan_entry(number, at_minute(minute), runs)
    tags = ((key, "open" if value == "run" else value) for key, value in entry.tags if key != "AT")
    return entry._replace(tags=tuple(tags))


# A night in which everything was noted that can be handed over, some of it in words that are markup elsewhere.
THE_NIGHT = (
    line(0, ALICE, "paged: *somebody else's* cart <b>once</b>, `GET /cart/8812`"),
    line(1, ALICE, "Coffee: cup 1 of the night.", ("MG", "95"), cups=1),
    line(2, ALICE, "Hypothesis: the sweeper races the writer", ("H1", "open"), cups=1),
    line(3, BOB, "UPDATE 2 ms after DELETE [row 8812]"),
    line(4, ALICE, "Prediction: with it off, 500 runs stay clean", ("H1", "open"), cups=1),
    line(5, BOB, f"Supports: @{at_minute(3)} updated after it was gone", ("H1", "open")),
    line(6, BOB, "Hypothesis: reads go to replica 1", ("H2", "open")),
    line(7, ALICE, f"Contradicts: @{at_minute(3)} the row is on the primary", ("H2", "open"), cups=1),
    line(8, BOB, "Conclusion: lag was 0.4 ms", ("H2", "refuted")),
    line(9, ALICE, f"Correction: @{at_minute(6)} reads go to replica_2", ("CORRECTION", "1"), cups=1),
    line(10, SCRIPT, "Acquired sanity lock.", cups=3),
    line(11, SCRIPT, "Hypothesis: cron | <script>alert(1)</script>", cups=3),
    line(12, SCRIPT, "Releasing sanity lock.", cups=3),
    line(13, ALICE, "Hypothesis: the pool hands out dirty connections", ("H3", "open"), cups=5),
    line(14, ALICE, "Conclusion: it resets on return (pool.py:61)", ("H3", "parked"), ("RECHECK", "toxic"), cups=5),
    line(15, BOB, "Hypothesis: two locks, one table", ("H4", "open")),
    line(16, BOB, "Supports: lsof shows two files", ("H4", "open")),
    line(17, BOB, "Conclusion: 1,200 sweeps and no overlap", ("H4", "confirmed")),
    ran(1, 17.5, Runs(10, 10, hypothesis=1)),
    line(18, ALICE, "Changed: SWEEP_LOCK=/shared on canary (undo: unset it)", ("CHANGE", "open"), cups=5),
    line(19, ALICE, "Changed: pool at 50", ("CHANGE", "open"), cups=5),
    line(20, BOB, "Changed: debug log on (undo: off)", ("CHANGE", "open")),
    line(21, BOB, f"Undone: @{at_minute(20)} off", ("CHANGE", "undone")),
    line(22, BOB, "Topology: lb -> app1, app2 -> db1", ("NOTED", "topology")),
    line(22.1, BOB, "|   # db2 is a replica", ("NOTED", "topology")),
    line(23, BOB, "Shared: /shared is NFS", ("NOTED", "shared")),
    line(24, ALICE, "Next: an older step", ("NOTED", "next"), cups=5),
    line(25, ALICE, "Next: take the row lock in Sweeper.tick", ("NOTED", "next"), cups=5),
    line(26, ALICE, "Stamp: words follow", ("STAMP", "now"), cups=5),
    line(27, BOB, "Taken: bob holds the journal now.", ("HOLDS", "bob")),
    line(28, ALICE, "Contradicts: it happened with the sweeper off", ("H1", "open"), cups=5),
    line(28.1, ALICE, "Hypothesis: the clock of app2 is behind", ("H5", "open"), cups=5),
    line(28.2, BOB, "Conclusion: chrony says 0.1 ms", ("H5", "refuted"), ("RECHECK", "toxic")),
    line(28.3, ALICE, "Reopened: app2 | has no chrony", ("H5", "open"), cups=5),
    ran(2, 28.35, Runs(0, 40, hypothesis=1)),
    line(28.4, BOB, "Terminated: 4711 shop@shop, for whom 3 waited: UPDATE carts", ("TERMINATED", "4711")),
    line(28.5, ALICE, "Stable: 3f2a91c in /srv/shop: row lock", ("STABLE", "3f2a91c"), ("TREE", "/srv/shop"), cups=5),
    line(
        28.55, BOB, "Clock: web2 +3.2ms±0.4ms (against web1: align --key, 64 pairs)", ("CLOCK", "web2 3200000 400000")
    ),
    line(28.6, ALICE, "Verdict: bare 10/20 failed, 50 %", ("R1", "20/20"), ("H1", "open"), ("VERDICT", "{}"), cups=5),
    line(28.7, ALICE, "Verdict: bare 0/40 failed, 0 %", ("R2", "40/40"), ("H1", "open"), ("VERDICT", "{}"), cups=5),
)
NOW = at_minute(30)


def written(log: Path, lines: Iterable[Entry]) -> None:
    log.write_bytes(b"".join(map(format_entry, lines)))


def handed_over(journal: Journal, now: Stamp = NOW) -> Handoff:
    end = end_of(journal)
    state = FOLD.state_at(*end)
    awake_since = find_awake_since(journal, end, state, now, 8 * HOUR)
    return collect_handoff(state, now, 8 * HOUR, 5.0, awake_since, QuotationReader(journal))


def part(told: list[ReportSection], title: str) -> list[str]:
    return [line.text for section in told if section.title == title for line in section.lines]


# --- golden files


@pytest.mark.parametrize(
    ("name", "argv"), [("handoff.txt", []), ("handoff.md", ["--md"]), ("handoff.json", ["--json"])]
)
def test_the_handoff_is_what_it_was_when_it_was_read(
    log: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], name: str, argv: list[str]
) -> None:
    written(log, THE_NIGHT)
    monkeypatch.setattr("threeam.cli.context.system_clock", lambda: NOW)
    assert command.run("handoff", argv) == 0
    printed = capfd.readouterr()
    assert printed.err == ""
    text = printed.out
    if name.endswith(".json"):  # one object on one line; the golden one is for eyes
        assert text.count("\n") == 1
        text = json.dumps(json.loads(text), ensure_ascii=False, indent=2) + "\n"
    assert_golden(name, text)


def test_a_handoff_of_next_to_nothing_says_so(log: Path, journal: Journal) -> None:
    written(log, [line(0, SCRIPT, "a line of the script's")])
    report = handoff_report(handed_over(journal))
    assert [line.title for line in report] == ["where we stand"]
    assert part(report, "where we stand") == ["hypotheses: none yet", "last entry 03:14:07 (30m)"]


# --- what stands in it


def test_the_most_important_comes_first(log: Path, journal: Journal) -> None:
    written(log, THE_NIGHT)
    assert [section.title for section in handoff_report(handed_over(journal))] == [
        "where we stand",
        "may it be called fixed",
        "live hypotheses",
        "what the experiments have shown",
        "next",
        "to be undone",
        "terminated backends",
        "ruled out",
        "parked",
        "stable commit",
        "clocks of other logs",
        "topology",
        "shared state",
        "stamps without words",
        "people",
    ]


def test_each_line_leads_to_an_entry_that_is_there(log: Path, journal: Journal) -> None:
    written(log, THE_NIGHT)
    stamps = {entry.stamp for entry in THE_NIGHT}
    report = [line for section in handoff_report(handed_over(journal)) for line in section.lines]
    assert all(line.stamp in stamps for line in report if line.stamp is not None)
    assert [line.text for line in report if line.stamp is None] == [
        "hypotheses: 3 open, 1 confirmed, 1 refuted, 1 parked"
    ]


def test_what_was_undone_is_not_handed_over_and_the_last_change_comes_first(log: Path, journal: Journal) -> None:
    written(log, THE_NIGHT)
    assert part(handoff_report(handed_over(journal)), "to be undone") == ["pool at 50", "SWEEP_LOCK=/shared on canary"]


def test_a_reopened_hypothesis_says_why_it_was_closed_and_why_it_is_open_again(log: Path, journal: Journal) -> None:
    written(log, THE_NIGHT)
    lines = next(
        section.lines for section in handoff_report(handed_over(journal)) if section.title == "live hypotheses"
    )
    about = [line for line in lines if line.stamp in (at_minute(28.1), at_minute(28.2), at_minute(28.3))]
    assert [line.text.strip() for line in about] == [
        "H5 the clock of app2 is behind",
        "refuted: chrony says 0.1 ms",
        "reopened: app2 | has no chrony",
    ]
    assert about[1].detail.endswith(" · recheck: too many cups")


def test_the_last_verdicts_of_experiments_and_the_last_terminations_are_listed(log: Path, journal: Journal) -> None:
    """A script in a loop may write hundreds: the hand-off stays one screen, and says how many it leaves out."""
    lines = []
    for n in range(1, 26):
        lines.append(ran(n, n, Runs(1, 1, hypothesis=None)))
        lines.append(line(n + 0.1, ALICE, f"Verdict: the {n}th", (f"R{n}", "2/2"), ("VERDICT", "{}")))
        lines.append(line(n + 0.2, ALICE, f"Terminated: {n} shop@shop", ("TERMINATED", str(n))))
    written(log, lines)
    report = handoff_report(handed_over(journal))
    assert part(report, "what the experiments have shown") == [
        *(f"R{n} the {n}th" for n in range(25, 19, -1)),
        "and 19 older verdicts: 3am run --list",
    ]
    assert part(report, "terminated backends") == [
        *(f"{n} shop@shop" for n in range(25, 20, -1)),
        "and 15 more: 3am tail --kind Terminated",
    ]


def test_the_json_has_what_the_report_shows(log: Path, journal: Journal) -> None:
    written(log, THE_NIGHT)
    as_json = handoff_json(handed_over(journal))
    assert [(verdict["run"], verdict["hypothesis"]) for verdict in as_json["verdicts"]] == [("R1", 1), ("R2", 1)]
    assert [(answer["hypothesis"], answer["fixed"]) for answer in as_json["fixed"]] == [(1, True)]
    assert [backend["pid"] for backend in as_json["terminated"]] == [4711]
    assert [(stable["commit"], stable["tree"]) for stable in as_json["stable"]] == [("3f2a91c", "/srv/shop")]
    moves = next(known["moves"] for known in as_json["hypotheses"] if known["number"] == 5)
    assert [(move["kind"], move["text"]) for move in moves] == [
        ("Conclusion", "chrony says 0.1 ms"),
        ("Reopened", "app2 | has no chrony"),
    ]


def test_the_last_next_step_is_the_next_step(log: Path, journal: Journal) -> None:
    written(log, THE_NIGHT)
    assert part(handoff_report(handed_over(journal)), "next") == ["take the row lock in Sweeper.tick"]


def test_the_cups_of_another_night_are_nobodys_any_more(log: Path, journal: Journal) -> None:
    written(log, THE_NIGHT)
    assert [person.user for person in handed_over(journal, at_minute(60)).people] == ["alice", "bob"]
    assert handed_over(journal, at_minute(60 * 9)).people == []


def test_the_same_is_handed_over_after_a_rotation(log: Path, journal: Journal) -> None:
    written(log, THE_NIGHT)
    before = [section for section in handoff_report(handed_over(journal)) if section.title != "where we stand"]
    with writer_of("carol", journal, FakeClock(at_minute(29))).lock_log(full_state=True) as held:
        held.rotate()
    after = [section for section in handoff_report(handed_over(journal)) if section.title != "where we stand"]
    assert after == before


def test_the_shell_hands_over_in_three_shapes(run: Run, log: Path) -> None:
    written(log, THE_NIGHT)
    text = run("handoff")
    assert (text.returncode, text.stderr) == (0, b"")
    assert text.stdout.startswith(b"WHERE WE STAND\n  H4 two locks, one table  (confirmed: ")
    assert b"\x1b" not in text.stdout
    assert run("handoff", "--md").stdout.startswith(b"# Hand-off, ")
    as_json = json.loads(run("handoff", "--json").stdout)
    assert [hypothesis["number"] for hypothesis in as_json["hypotheses"]] == [5, None, 1, 4, 3, 2]
    assert [hypothesis["recheck"] for hypothesis in as_json["hypotheses"]] == [False, False, False, False, True, False]
    assert as_json["next"]["text"] == "take the row lock in Sweeper.tick"
    assert as_json["topology"]["text"] == "lb -> app1, app2 -> db1\n  # db2 is a replica"
    assert as_json["holder"] == {"by": str(BOB), "at": str(at_minute(27))}


def test_notes_from_the_shell_are_handed_over(run: Run) -> None:
    for text in ("Next: sleep", "Topology: lb\ndb1", "Shared: nothing", "Otherwise: a note"):
        assert run("log", "-q", text).returncode == 0
    as_json = json.loads(run("handoff", "--json").stdout)
    assert [as_json[name]["text"] for name in ("next", "topology", "shared")] == ["sleep", "lb\ndb1", "nothing"]


def test_without_a_log_nothing_is_handed_over(run: Run, log: Path) -> None:
    for argv in ([], ["--md"], ["--json"]):
        done = run("handoff", *argv)
        assert (done.returncode, done.stdout) == (1, b"")
        assert (
            done.stderr.decode()
            == f"3am: there is no log at {log}: 3am log TEXT begins one; 3am path explains the choice\n"
        )
    assert not log.exists()


@pytest.mark.parametrize("argv", [["--md", "--json"], ["now"], ["--html"]], ids=" ".join)
def test_a_shape_that_there_is_not_is_bad_usage(run: Run, log: Path, argv: list[str]) -> None:
    done = run("handoff", *argv)
    assert (done.returncode, done.stdout) == (2, b"")
    assert len(done.stderr.splitlines()) == 1
    assert not log.exists()


def test_an_open_terminal_is_not_driven_by_what_is_handed_over(run: Run, log: Path) -> None:
    raw = format_entry(line(0, ALICE, "Hypothesis: harmless", ("H1", "open")))
    log.write_bytes(raw.replace(b"harmless", b"\x1b[2J \xe2\x80\xae \xff \x07"))
    for argv in ([], ["--md"], ["--json"]):
        stdout = run("handoff", *argv).stdout.decode()
        assert "\x1b" not in stdout
        assert "\x07" not in stdout
        assert "\u202e" not in stdout
        assert "x1b" in stdout


# --- Markdown


# All that CommonMark knows, and of GitHub's additions tables and strikethrough.
MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def test_the_handoff_is_read_in_markdown_as_it_is_reported(
    log: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    written(log, THE_NIGHT)
    monkeypatch.setattr("threeam.cli.context.system_clock", lambda: NOW)
    assert command.run("handoff", ["--md"]) == 0
    tokens = MARKDOWN.parse(capfd.readouterr().out)
    items = [
        "".join(child.content for child in token.children or ())
        for before, token in pairwise(tokens)
        if token.type == "inline" and before.type == "paragraph_open"
    ]
    expected = []
    for line in (line for section in handoff_report(handed_over(journal)) for line in section.lines):
        detail = f" ({line.detail})" if line.detail else ""
        expected.append(line.text.strip() + detail + (f" @{line.stamp}" if line.stamp is not None else ""))
    assert items == expected
    headings = [token.content for before, token in pairwise(tokens) if before.tag == "h2" and token.type == "inline"]
    assert headings == [section.title.capitalize() for section in handoff_report(handed_over(journal))]


def test_hours_awake_stand_in_the_handoff(log: Path, journal: Journal) -> None:
    written(log, [line(0, ALICE, "a"), line(90, ALICE, "b", cups=1)])
    report = handoff_report(handed_over(journal, at_minute(96)))
    assert part(report, "people") == ["alice: 1 cup, 0 mg · awake since 03:14:07 (1h36m) at least"]


def test_every_line_of_the_night_is_one_of_ours() -> None:
    assert [parse_entry(format_entry(entry).rstrip(b"\n")) for entry in THE_NIGHT] == list(THE_NIGHT)


def test_the_last_shift_of_each_clock_is_handed_over(log: Path, journal: Journal) -> None:
    lines = [
        line(n, ALICE, f"Clock: web{n % 12} +{n}ns±1ns (--shift)", ("CLOCK", f"web{n % 12} {n} unknown"))
        for n in range(20)
    ]
    written(log, lines)
    handoff = handed_over(journal)
    shown = part(handoff_report(handoff), "clocks of other logs")
    assert shown[:2] == ["web7 +19ns±1ns (--shift)", "web6 +18ns±1ns (--shift)"]
    assert shown[-1] == "and 2 more: 3am tail --kind Clock"
    assert len(shown) == 11
    first = handoff_json(handoff)["clocks"][0]
    assert (first["source"], first["shift_ns"], first["bound_ns"]) == ("web7", "19", None)
