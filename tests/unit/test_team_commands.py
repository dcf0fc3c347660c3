"""The commands that tell of people and hypotheses, with mirrors of other hosts."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from support.commands import Done, Run, good, refused, stderr_lines
from support.team import mirror_journal
from threeam.core.format.entry import Entry, parse_entry
from threeam.core.store.attachments import open_own_dir
from threeam.core.store.journal import Journal, resolve_journal
from threeam.projections import FOLD
from threeam.team.clocks.clock_offset import Offset, Span
from threeam.team.clocks.host_clocks import ClockFile
from threeam.team.mirrors.host_states import HostStates
from threeam.team.origin import host_name, read_origin
from threeam.team.team_status import status_dir

HOSTS = ("db1", "web1", "web2")


class Team:
    """Three hosts with a journal each, and what `3am` does on them."""

    def __init__(self, folder: Path, run: Run) -> None:
        self._folder, self._run = folder, run
        for host in HOSTS:
            (folder / host).mkdir()

    def journal(self, host: str) -> Journal:
        return resolve_journal(str(self._folder / host / "sanity.log"))

    def on(self, host: str, *argv: str, **environ: str) -> Done:
        lock = str(self._folder / host / "lock")
        return self._run(*argv, SANITY_LOG=self.journal(host).log_path, SANITY_LOCK=lock, **environ)

    def write(self, host: str, *argv: str) -> Entry:
        """Write a line on a host, and return it."""
        raw = next(raw for raw in good(self.on(host, *argv)).splitlines() if "sanity lock" not in raw)
        entry = parse_entry(raw.encode())
        assert entry is not None
        return entry

    def join(self, *hosts: str) -> None:
        """Let ``hosts``, or all of them, have mirrors of each other."""
        for source in hosts or HOSTS:
            if self.journal(source).open_live() is not None:
                for into in hosts or HOSTS:
                    if into != source:
                        mirror_journal(self.journal(source), source, self.journal(into))

    def board(self, host: str) -> dict[str, dict[str, Any]]:
        """Return what `hyp list --json` prints on a host, by name."""
        return {row["name"]: row for row in map(json.loads, good(self.on(host, "hyp", "list", "--json")).splitlines())}


@pytest.fixture
def team(tmp_path: Path, run: Run) -> Team:
    found = Team(tmp_path, run)
    found.write("db1", "hyp", "new", "the sweeper races the writer")
    found.write("web1", "log", "hello")
    found.write("web2", "log", "hello")
    found.join()
    return found


def test_the_hypotheses_of_other_hosts_are_in_the_list(team: Team) -> None:
    team.write("web1", "hyp", "new", "the cron job")
    (own, other) = sorted(good(team.on("web1", "hyp", "list")).splitlines())
    assert own.split() == ["H1", "open", "+0", "-0", "the", "cron", "job"]
    assert other.split() == ["db1/H1", "open", "+0", "-0", "the", "sweeper", "races", "the", "writer"]


def test_a_verdict_of_another_host_closes_a_hypothesis_for_the_status_too(team: Team) -> None:
    assert json.loads(good(team.on("db1", "status", "--json")))["open"] == 1
    team.write("web1", "hyp", "confirm", "db1/H1", "300 clean runs")
    team.join()
    assert json.loads(good(team.on("db1", "status", "--json")))["open"] == 0
    assert json.loads(good(team.on("web2", "status", "--json")))["open"] == 0


def test_two_verdicts_of_two_sides_both_stand_on_every_host(team: Team) -> None:
    """The network is parted, db1 and web1 come to different verdicts, and it is joined."""
    refuted = team.write("db1", "hyp", "refute", "H1", "it was off")
    confirmed = team.write("web1", "hyp", "confirm", "db1/H1", "300 clean runs")
    assert (confirmed.kind, confirmed.tag("ON"), confirmed.state_after) == ("Conclusion", "db1/H1", "confirmed")
    team.join()
    boards = [team.board(host)["H1" if host == "db1" else "db1/H1"] for host in HOSTS]
    for row in boards:
        assert row["states"] == ["confirmed", "refuted"]
        verdicts = {(verdict["state"], verdict["why"], verdict["at"]) for verdict in row["verdicts"]}
        assert verdicts == {
            ("refuted", "it was off", str(refuted.stamp)),
            ("confirmed", "300 clean runs", str(confirmed.stamp)),
        }
    (line,) = good(team.on("web2", "hyp", "list")).splitlines()
    assert line.startswith("db1/H1   confirmed and refuted at once +0 -0  the sweeper races the writer (")
    assert "@db1: it was off" in line
    assert "@web1: 300 clean runs" in line


def test_a_later_verdict_stands_alone_if_the_measured_clock_shows_it(team: Team) -> None:
    refuted = team.write("db1", "hyp", "refute", "H1", "it was off")
    team.join()
    reopened = team.write("web1", "hyp", "reopen", "db1/H1", "seen again")
    assert team.board("web1")["db1/H1"]["states"] == ["open", "refuted"]
    journal = team.journal("web1")
    _, db1 = HostStates(journal, FOLD).read(FOLD.empty_state)[:2]
    with open_own_dir(status_dir(journal), make=True):
        pass
    for bound_ns, states in ((10 * 10**9, ["open", "refuted"]), (1000, ["open"])):
        measured = Span(refuted.stamp.ns - 10**9, reopened.stamp.ns + 10**9, Offset(-bound_ns, bound_ns))
        ClockFile(journal, db1.origin_id).write(measured)
        assert team.board("web1")["db1/H1"]["states"] == states
        Path(status_dir(journal), f"{db1.origin_id}.clock").unlink()


def test_what_two_hosts_say_is_added(team: Team) -> None:
    team.write("db1", "hyp", "support", "H1", "seen at 03:14")
    team.write("web1", "hyp", "support", "db1/H1", "seen here, too")
    team.write("web2", "hyp", "contradict", "db1/h1", "it was off")
    team.write("web2", "hyp", "predict", "db1/1", "500 runs stay clean")
    team.join()
    row = team.board("db1")["H1"]
    assert (row["supports"], row["contradicts"], row["predictions"], row["states"]) == (2, 1, 1, ["open"])


def test_show_prints_the_lines_of_all_hosts(team: Team) -> None:
    team.write("web1", "hyp", "support", "db1/H1", "seen")
    team.write("web2", "log", "-H", "db1/H1", "bob knows it")
    team.join()
    lines = good(team.on("web2", "hyp", "show", "db1/H1")).splitlines()
    assert [line[:2] for line in lines] == ["  ", "  ", "≈ "]
    assert [line.split()[-2:] for line in lines] == [["the", "writer"], ["Supports:", "seen"], ["knows", "it"]]
    moves = json.loads(good(team.on("db1", "hyp", "show", "H1", "--json")))["moves"]
    assert [(move["host"], move["kind"], move["text"]) for move in moves] == [("web1", "Supports", "seen")]


def test_tail_finds_what_this_log_says_about_it(team: Team) -> None:
    said = team.write("web1", "hyp", "support", "db1/H1", "seen")
    assert good(team.on("web1", "tail", "-H", "db1/h1")).split()[0] == f"[{said.stamp}]"
    assert stderr_lines(team.on("web1", "tail", "-H", "db1/H2")) == ["3am: the log has no line about db1/H2"]


def test_a_verdict_beside_another_one_says_so(team: Team) -> None:
    team.write("db1", "hyp", "refute", "H1", "it was off")
    team.join()
    done = team.on("web1", "hyp", "confirm", "db1/H1", "300 clean runs")
    (sentence,) = stderr_lines(done)
    assert sentence.startswith("3am: db1/H1 is confirmed and refuted at once: refuted by alice@db1: it was off; ")


def test_a_verdict_of_all_is_not_given_again(team: Team) -> None:
    team.write("web1", "hyp", "refute", "db1/H1", "it was off")
    assert "db1/H1 is refuted already" in refused(team.on("web1", "hyp", "refute", "db1/H1", "again"), 1)
    team.join()
    assert "H1 is refuted already" in refused(team.on("db1", "hyp", "refute", "H1", "again"), 1)
    assert team.write("db1", "hyp", "reopen", "H1", "seen again").kind == "Reopened"


def test_an_unknown_host_or_number_is_one_sentence(team: Team) -> None:
    log = Path(team.journal("web1").log_path)
    before = log.read_bytes()
    argvs: list[tuple[str, ...]] = [("hyp", "refute"), ("hyp", "support"), ("hyp", "show"), ("log", "-H")]
    for argv in argvs:
        words = () if "show" in argv else ("it was off",)
        for name, code, sentence in (
            ("db9/H1", 2, "there is no host db9; did you mean db1?; mirrored here: db1, web2"),
            ("db1/H9", 1, "db1 has no hypothesis H9: it has H1"),
            ("web2/H1", 1, "web2 has no hypothesis H1: it has none yet"),
        ):
            assert sentence in refused(team.on("web1", *argv, name, *words), code)
    assert log.read_bytes() == before


def test_without_a_mirror_a_name_of_another_host_is_refused(tmp_path: Path, run: Run) -> None:
    alone = Team(tmp_path, run)
    alone.write("web1", "log", "hello")
    assert "no journal is mirrored here yet" in refused(alone.on("web1", "hyp", "refute", "db1/H1", "x"), 2)


@pytest.mark.parametrize(
    ("argv", "kind"),
    [
        (("changed", "-H", "db1/H1", "pool at 50"), "Changed"),
        (("changed", "-H", "db1/h1", "pool at 50", "--undo", "back to 9"), "Changed"),
        (("log", "-H", "db1/H1", "look at nginx"), "note"),
    ],
)
def test_a_line_for_a_hypothesis_of_another_host_is_told_there(team: Team, argv: tuple[str, ...], kind: str) -> None:
    (claim,) = team.board("web1").values()
    entry = team.write("web1", *argv)
    origin = read_origin(team.journal("db1"))
    assert origin is not None
    assert (entry.kind, entry.tag("ON"), entry.tag("CLAIM")) == (kind, "db1/H1", f"{origin.id}@{claim['at']}")
    team.join()
    for host, name in (("web1", "db1/H1"), ("db1", "H1"), ("web2", "db1/H1")):
        assert entry.text in good(team.on(host, "hyp", "show", name))
    assert team.board("db1")["H1"]["states"] == ["open"]


def test_evidence_of_another_host_counts_at_a_verdict(team: Team) -> None:
    assert b"no evidence for or against it" in team.on("db1", "hyp", "confirm", "H1", "it is so").stderr
    team.write("web1", "hyp", "support", "db1/H1", "seen")
    team.join()
    assert b"no evidence" not in team.on("db1", "hyp", "confirm", "H1", "it is so, still").stderr


def test_what_only_this_host_says_is_shown_as_it_was(team: Team) -> None:
    """A team alone changes nothing: no line has the name of a host before it."""
    team.write("db1", "hyp", "support", "H1", "seen")
    (first, second) = good(team.on("db1", "hyp", "show", "H1")).splitlines()
    assert (first[0], second[0]) == ("[", "[")


def test_commands_refuse_an_unknown_host_or_number_before_they_do_anything(team: Team) -> None:
    log = Path(team.journal("web1").log_path)
    before = log.read_bytes()
    argvs: list[tuple[tuple[str, ...], tuple[str, ...]]] = [
        (("changed",), ("pool at 50",)),
        (("run",), ("--", "touch", "made")),
        (("run", "-n", "4"), ("--", "touch", "made")),
        (("observe", "1", "--for", "1s"), ()),
        (("capture",), ()),
        (("provoke",), ("--", "touch", "made")),
        (("bisect", "HEAD~3", "HEAD"), ("--", "touch", "made")),
    ]
    for argv, rest in argvs:
        for name, code, sentence in (
            ("db9/H1", 2, "there is no host db9; did you mean db1?; mirrored here: db1, web2"),
            ("db1/H9", 1, "db1 has no hypothesis H9: it has H1"),
            ("H9", 1, "there is no hypothesis H9: 3am hyp list shows those there are"),
        ):
            assert sentence in refused(team.on("web1", *argv, "-H", name, *rest), code)
    assert log.read_bytes() == before


def test_tab_completes_the_hypotheses_of_other_hosts(team: Team) -> None:
    team.write("web1", "hyp", "new", "the cron job")
    for words in (("hyp", "support"), ("run", "-H"), ("changed", "-H"), ("fixed",)):
        found = good(team.on("web1", "completion", "candidates", "--", *words, ""))
        assert "H1\topen: the cron job\n" in found
        assert "db1/H1\topen: the sweeper races the writer\n" in found


def test_an_export_of_another_hosts_hypothesis_says_where_to_make_it(team: Team) -> None:
    sentence = refused(team.on("web1", "export", "md", "-H", "db1/H1"), 2)
    assert sentence == "3am: db1/H1 is in the journal of db1: 3am export -H H1 there, or 3am hyp show db1/H1 here"


def test_evidence_from_another_log_may_be_for_a_hypothesis_of_another_host(team: Team, tmp_path: Path) -> None:
    (tmp_path / "app.log").write_text("2026-11-24 03:14:07.100900 delete cart=42\n")
    entry = team.write("web1", "hyp", "support", "db1/H1", "--cite", f"{tmp_path}/app.log:1")
    assert (entry.tag("ON"), (entry.tag("CITED") or "").split()[0]) == ("db1/H1", "app.log:1")
    assert stderr_lines(team.on("web1", "hyp", "show", "db1/H1")) == []


# --- cups


def status(team: Team, host: str) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(good(team.on(host, "status", "--json")))
    return values


def test_the_cups_of_a_person_are_added_across_hosts_once(team: Team) -> None:
    team.on("db1", "coffee", "3")
    team.on("web1", "coffee", "2")
    team.join()
    team.join()  # every line comes again
    assert [status(team, host)["cups"] for host in HOSTS] == [5, 5, 5]
    assert status(team, "web1")["cups_elsewhere"] == {"db1": 3}
    assert status(team, "web2")["mg"] == status(team, "db1")["mg"] > 470
    assert status(team, "web2")["toxic"]
    assert good(team.on("web1", "status")).startswith("☕ 5 (3 on db1) TOXIC 475 mg")


def test_toxicity_follows_the_sum_and_the_number_in_the_line_does_not(team: Team) -> None:
    team.on("db1", "coffee", "4")
    team.join()
    done = team.on("web1", "coffee")
    entry, warning = (parse_entry(raw) for raw in done.stdout.splitlines())
    assert entry is not None
    assert warning is not None
    assert (entry.cups, warning.kind) == (1, "WARNING")
    assert stderr_lines(done) == ["3am: 5 cups this night: 1 here, 4 on db1"]
    assert team.write("web1", "hyp", "refute", "db1/H1", "it was off").tag("RECHECK") == "toxic"
    assert b"toxicity" in team.on("web1", "hyp", "new", "the cron job").stdout
    assert b"toxicity" in team.on("web1", "log", "--hypothesis", "the cron job").stdout
    assert b"toxicity" not in team.on("db1", "hyp", "new", "the cron job").stdout  # the fifth cup is not mirrored yet


def test_a_person_may_have_several_names(team: Team) -> None:
    team.on("db1", "coffee", "2", LOGNAME="al")
    team.on("db1", "coffee", LOGNAME="bob")
    team.join()
    assert status(team, "web1")["cups"] == 0
    names = {"SANITY_SAME_PERSON": f"alice@{host_name()} al@db1"}
    assert json.loads(good(team.on("web1", "status", "--json", **names)))["cups"] == 2


def test_a_mirror_that_cannot_be_read_prevents_no_cup(team: Team) -> None:
    remote = Path(team.journal("web1").folder_beside_log) / "remote"
    for about in remote.glob("*/about.json"):
        about.write_text("{")
    done = team.on("web1", "coffee")
    assert done.returncode == 0
    assert "other hosts are left out: " in stderr_lines(done)[0]
    assert team.write("web1", "hyp", "new", "the cron job").kind == "Hypothesis"
    assert team.write("web1", "hyp", "refute", "H1", "it was off").kind == "Conclusion"


def test_what_was_said_is_shown_when_the_mirrors_are_gone(team: Team) -> None:
    said = team.write("web1", "hyp", "refute", "db1/H1", "it was off")
    shutil.rmtree(Path(team.journal("web1").folder_beside_log) / "remote")
    row = team.board("web1")["db1/H1"]
    assert (row["claim"], row["states"], row["why"]) == ("", ["refuted"], "it was off")
    (line,) = good(team.on("web1", "hyp", "show", "db1/H1")).splitlines()
    assert str(said.stamp) in line
    assert "db1/H1" in good(team.on("web1", "handoff"))
    assert "no journal is mirrored here yet" in refused(team.on("web1", "hyp", "reopen", "db1/H1", "x"), 2)
