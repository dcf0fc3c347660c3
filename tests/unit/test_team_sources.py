"""The journal of another host as a log: on the timeline, and in ``3am tail``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.commands import Run, good, refused
from support.lines import NIGHT, line
from support.team import DB1, LATER_SEGMENT, OtherHost
from threeam.cli.mirrors import mirror_opener
from threeam.core.store.follow import Follower
from threeam.core.store.journal import Journal
from threeam.team.mirrors.mirror_source import mirror_journal
from threeam.timeline.arguments import SourceName, SourceOptions, open_source
from threeam.timeline.follow import SourceFollower

MS = 10**6


def at(ms: int, text: str) -> bytes:
    return line(ms * MS, text)


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, utc: None) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def db1(journal: Journal) -> OtherHost:
    host = OtherHost(journal)
    host.send(at(0, "note: cart 42 is empty") + at(2, "note: pool exhausted"))
    host.send(at(4, "note: \x1b[2Jrestarted"), LATER_SEGMENT)
    return host


def texts(printed: str) -> list[str]:
    return [text.rpartition("] ")[2] for text in printed.splitlines()]


def test_merge_reads_all_segments_of_a_host(run: Run, db1: OtherHost) -> None:
    Path("app.log").write_text("2026-11-24T03:14:07.124500000Z start\n")
    printed = good(run("merge", "db1", "app.log"))
    assert [text.split()[-1] for text in printed.splitlines()] == ["empty", "start", "exhausted", "\\x1b[2Jrestarted"]
    assert [text.split()[2:-1].count("≈") for text in printed.splitlines()] == [0, 1, 1, 0]  # no bound is known yet


def test_the_clock_of_a_host_has_no_known_bound(run: Run, db1: OtherHost) -> None:
    Path("app.log").write_text("2026-11-24T03:14:07.124500000Z start\n")
    assert "orders that are not known: 2" in run("merge", "--strict", "db1", "app.log").stderr.decode()
    assert json.loads(good(run("sources", "--json", "db1")))["bound_ns"] is None
    shifted = good(run("sources", "--json", "db1", "--shift", "db1=+3ms±1ms"))
    assert json.loads(shifted)["bound_ns"] == MS


def test_a_file_wins_over_a_host(run: Run, db1: OtherHost) -> None:
    Path("db1").write_text("2026-11-24T03:14:07.124500000Z of the file\n")
    assert good(run("merge", "-o", "raw", "db1")) == Path("db1").read_text()


def test_a_folder_does_not_win_over_a_host(run: Run, db1: OtherHost) -> None:
    Path("db1").mkdir()
    assert "cart 42 is empty" in good(run("merge", "-o", "raw", "db1"))


def test_a_name_that_is_neither_is_refused_with_the_names(run: Run, db1: OtherHost) -> None:
    sentence = "3am: there is no such file, and there is no host db2; did you mean db1?; mirrored here: db1"
    assert refused(run("merge", "db2"), 3) == sentence
    assert refused(run("tail", "--host", "db2"), 2).endswith(
        "there is no host db2; did you mean db1?; mirrored here: db1"
    )


def test_without_a_team_a_missing_file_is_a_missing_file(run: Run) -> None:
    assert refused(run("merge", "db1"), 3) == "3am: db1 cannot be opened: No such file or directory"


def test_new_lines_are_followed_into_a_new_segment_and_up_to_another_epoch(journal: Journal, db1: OtherHost) -> None:
    options = SourceOptions({}, {}, {}, {}, mirror_opener(journal))
    source, _ = open_source(SourceName("db1", "db1"), 0, options, live=True)
    follower = SourceFollower(source)
    assert follower.read() == []
    db1.send(at(6, "note: up again"), LATER_SEGMENT)
    db1.send(at(8, "note: rotated"), "20261124T051407.000000000Z")
    read = follower.read()
    assert [placed.line.entry.text for placed in read if placed.line.entry] == ["note: up again", "note: rotated"]
    assert [placed.ns for placed in read] == [NIGHT.ns + 6 * MS, NIGHT.ns + 8 * MS]
    assert follower.source is source
    assert follower.problem == ""
    OtherHost(journal, origin=DB1._replace(epoch=2)).send(at(0, "note: cart 42 is empty"))
    assert follower.read() == []
    assert follower.problem == "db1 has lost lines that it had sent: open it again to follow what it sends since"
    follower.close()


def test_tail_has_the_lines_of_a_host_and_its_filters(run: Run, db1: OtherHost) -> None:
    assert texts(good(run("tail", "--host", "db1"))) == [
        "note: cart 42 is empty",
        "note: pool exhausted",
        "note: \\x1b[2Jrestarted",
    ]
    assert texts(good(run("tail", "--host", "dddd", "--grep", "pool"))) == ["note: pool exhausted"]
    printed = good(run("tail", "--host", "db1", "--json", "--since", "2026-11-24 03:14:07.124"))
    assert json.loads(printed.partition("\n")[0])["text"] == "note: pool exhausted"
    assert texts(good(run("tail", "--host", "db1", "-n", "+3"))) == ["note: \\x1b[2Jrestarted"]


def test_the_journal_of_a_host_is_followed_and_ends_with_its_epoch(run: Run, journal: Journal, db1: OtherHost) -> None:
    mirror = mirror_journal(journal, "db1")
    follower = Follower(mirror, None)
    assert len(follower.read()) == 3
    db1.send(at(6, "note: up again"), LATER_SEGMENT)
    assert [each.entry.text for each in follower.read() if each.entry] == ["note: up again"]
    follower.close()
    assert mirror.problem == ""
    OtherHost(journal, origin=DB1._replace(epoch=2)).send(at(0, "note: cart 42 is empty"))
    assert "has lost lines" in mirror.problem
    assert mirror_journal(journal, "db1·1").problem == ""


def test_the_names_of_hosts_are_completed(run: Run, db1: OtherHost) -> None:
    assert good(run("completion", "candidates", "--", "tail", "--host", "")).split() == ["db1"]


def test_races_between_a_host_and_a_file_are_found_if_the_clocks_allow_it(run: Run, db1: OtherHost) -> None:
    db1.send(at(2000, "note: req=a7 update cart=42"), LATER_SEGMENT)
    Path("app.log").write_text("2026-11-24T03:14:08.000000000Z req=b1 delete cart=42\n")
    search = ("races", "--key", r"cart=(?P<key>\d+)", "db1", "app.log")
    assert run(*search).returncode == 0
    done = run(*search, "--shift", "db1=+0s±1ms")
    assert done.returncode == 1
    assert "use after delete" in done.stdout.decode()
