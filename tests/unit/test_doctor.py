"""The doctor: every kind of damage with its place, and nothing sound called damage."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.journals import FakeClock, writer_of
from support.lines import NIGHT
from threeam.core.format.entry import ACQUIRED, NS_PER_S, RELEASING, Entry, Stamp, format_entry
from threeam.core.store.doctor import Finding, LogChecker
from threeam.core.store.journal import Journal, Segment
from threeam.core.write.draft import note_draft
from threeam.human.drafts import coffee_draft
from threeam.hypotheses.drafts import hypothesis_draft

ALICE, BOB = "alice@db1:4121%3", "bob@db1:9%1"


class Log:
    """A log in the making; each line a nanosecond after the one before."""

    def __init__(self) -> None:
        self.data = b""
        self.ns = NIGHT.ns

    def line(self, text: str, by: str | None = ALICE, forward: int = 1) -> int:
        self.ns += forward
        return self.add(format_entry(Entry(Stamp(self.ns), 0, (("BY", by),) if by else (), text)))

    def add(self, raw: bytes) -> int:
        offset = len(self.data)
        self.data += raw
        return offset

    def findings(self, *, lock_held: bool = False) -> list[Finding]:
        fd = os.memfd_create("log")
        os.write(fd, self.data)
        return list(LogChecker(lock_held=lock_held).check(Segment(fd, "sanity.log"), len(self.data)))

    def whats(self, *, lock_held: bool = False) -> list[tuple[str, int]]:
        return [(finding.what, finding.offset) for finding in self.findings(lock_held=lock_held)]


@pytest.fixture
def log_() -> Log:
    return Log()


def test_a_sound_log_has_no_findings(log_: Log) -> None:
    for by in (ALICE, BOB, None):
        for text in ("a note", ACQUIRED, "Hypothesis: x", RELEASING):
            log_.line(text, by)
    assert log_.findings() == []


def test_an_empty_log_has_no_findings(log_: Log) -> None:
    assert log_.findings() == []


def test_whatever_our_own_writers_write_is_sound(journal: Journal, clock: FakeClock) -> None:
    alice, bob = writer_of("alice", journal, clock), writer_of("bob", journal, clock)
    for forward in (0, 5, -2 * NS_PER_S, NS_PER_S, -500_000, 9 * 3600 * NS_PER_S):
        clock.forward(forward)
        alice.write(hypothesis_draft("a\n[H9: open]", 4))
        bob.write(coffee_draft(6, 95, 4))
        bob.write(hypothesis_draft("b", 4))
        alice.write_stream(["piped", ""])
        alice.write(note_draft("\x00 " + str(NIGHT)))
    segment = journal.open_live()
    assert segment is not None
    assert list(LogChecker(lock_held=False).check(segment, segment.size())) == []


def test_a_foreign_line_is_found_at_its_offset(log_: Log) -> None:
    log_.line("a")
    offset = log_.add(b"kernel: oops\n")
    log_.line("b")
    (finding,) = log_.findings()
    assert (finding.what, finding.offset, finding.line) == ("foreign", offset, 2)
    assert "kernel: oops" in finding.text


def test_an_empty_line_is_foreign(log_: Log) -> None:
    assert log_.whats() == []
    offset = log_.add(b"\n")
    assert log_.whats() == [("foreign", offset)]


def test_a_torn_line_that_was_ended_is_found(log_: Log) -> None:
    log_.line("a")
    offset = log_.add(b"[2026-11-24T03:14:07.1234\n")
    log_.line("b")
    assert log_.whats() == [("foreign", offset)]


def test_a_line_that_was_glued_to_a_torn_one_is_found(log_: Log) -> None:
    log_.line("a")
    stamp = Stamp(log_.ns + 1)
    torn = format_entry(Entry(stamp, 1, (), "Hypothesis: it was the ca"))[:-1]
    offset = log_.add(torn + format_entry(Entry(Stamp(stamp.ns + 1), 1, (), "b")))
    log_.line(f"quoted: [{stamp}] [COFFEE: 1] Hypothesis: x", None, forward=100)
    assert log_.whats() == [("torn", offset)]


@pytest.mark.parametrize("text", ["", "it is [ab", "arr[i", "at [12:0", "[a] [b", "[AB: c", "[2026-11-24T03:1", "x ["])
@pytest.mark.parametrize("is_last", [False, True])
def test_a_line_that_was_glued_behind_an_open_bracket_is_found(log_: Log, text: str, is_last: bool) -> None:
    log_.line("a")
    stamp = Stamp(log_.ns + 1)
    torn = format_entry(Entry(stamp, 1, (), text))[:-1]
    offset = log_.add(torn + format_entry(Entry(Stamp(stamp.ns + 1), 1, (), "b")))
    if not is_last:
        log_.add(b"\n")
        log_.line("c", forward=100)
    assert ("torn", offset) in log_.whats()


def test_two_lines_that_were_glued_to_a_torn_one_are_one_finding(log_: Log) -> None:
    stamps = [Stamp(log_.ns + n) for n in range(3)]
    torn = [format_entry(Entry(stamp, 1, (), "arr[i]"))[:-2] for stamp in stamps]
    offset = log_.add(torn[0] + torn[1][:20] + torn[2] + b"]\n")
    log_.line("c", forward=100)
    assert log_.whats() == [("torn", offset)]


@pytest.mark.parametrize("forward", [2_000_000, 9 * 3600 * NS_PER_S])
def test_a_quoted_stamp_that_is_later_than_the_next_line_is_not_damage(log_: Log, forward: int) -> None:
    log_.line("a")
    log_.line(f"the other host has: [{Stamp(log_.ns + forward)}] [COFFEE: 1] Hypothesis: x", None)
    log_.line("b", forward=100)
    assert log_.findings() == []


def test_a_quoted_line_of_3am_is_not_damage(log_: Log) -> None:
    log_.line("a")
    quoted = format_entry(Entry(Stamp(log_.ns + 50), 12, (("BY", BOB),), "x"))[:-1].decode()
    log_.line(f"the other host has: {quoted}", None)
    log_.line("b", forward=100)
    assert log_.findings() == []


def test_a_section_goes_on_behind_a_quoted_stamp(log_: Log) -> None:
    section = log_.line(ACQUIRED, None)
    log_.line(f"the other host has: [{Stamp(log_.ns + NS_PER_S)}] [COFFEE: 1] x", None)
    log_.line("a note without the lock", BOB)
    log_.line(RELEASING, None)
    assert log_.whats() == [("overlap", section)]


@pytest.mark.parametrize(("size", "what"), [(-14, "torn"), (10, "foreign")], ids=["it parses", "it does not"])
def test_a_section_of_the_script_whose_end_is_torn_is_not_an_overlap(log_: Log, size: int, what: str) -> None:
    log_.line(ACQUIRED, None)
    stamp = Stamp(log_.ns + 1)
    torn = format_entry(Entry(stamp, 1, (), RELEASING))[:size]
    offset = log_.add(torn + format_entry(Entry(Stamp(stamp.ns + 1), 1, (), "b")))
    for text in ("c", ACQUIRED, RELEASING, RELEASING):
        log_.line(text, None, forward=100)
    assert log_.whats() == [(what, offset)]


@pytest.mark.parametrize("cut", [1, 5, 60])
def test_a_torn_last_line_is_found_unless_it_may_be_being_written(log_: Log, cut: int) -> None:
    log_.line("a")
    offset = log_.add(format_entry(Entry(Stamp(log_.ns + 1), 0, (("BY", ALICE),), "torn"))[:-cut])
    assert log_.whats() == [("torn", offset)]
    assert log_.whats(lock_held=True) == []


def test_nul_bytes_are_found(log_: Log) -> None:
    log_.line("a")
    offset = log_.add(b"\0" * 100 + format_entry(Entry(Stamp(log_.ns + 1), 0, (), "b")))
    assert log_.whats() == [("nul", offset)]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf16_is_called_by_its_name(log_: Log, encoding: str) -> None:
    log_.add("[2026-11-24T03:14:07.123456789+0000] [COFFEE: 0] a note\r\nanother\r\n".encode(encoding))
    (finding,) = log_.findings()
    assert (finding.what, "iconv" in finding.text) == ("utf-16", True)


def test_a_line_in_utf16_is_called_by_its_name(log_: Log) -> None:
    log_.line("a note")
    log_.add("appended by another shell".encode("utf-16-le") + b"\n")
    (finding,) = log_.findings()
    assert (finding.what, "UTF-16" in finding.text) == ("nul", True)


def test_an_undeclared_step_back_is_found(log_: Log) -> None:
    log_.line("a")
    offset = log_.line("b", forward=-5)
    (finding,) = log_.findings()
    assert (finding.what, finding.offset) == ("backwards", offset)
    assert "5ns" in finding.text


def test_a_declared_step_back_is_not_damage(log_: Log) -> None:
    log_.line("a")
    log_.line("WARNING: Clock stepped back 1.203 s; the order of the file is the true order.", forward=-1_203_000_000)
    log_.line("b")
    assert log_.findings() == []


def test_a_step_back_is_declared_for_its_own_line_alone(log_: Log) -> None:
    log_.line("a")
    log_.line("WARNING: Clock stepped back 1.203 s; the order of the file is the true order.", forward=-1_203_000_000)
    offset = log_.line("b", forward=-7)
    assert log_.whats() == [("backwards", offset)]


def test_a_script_a_little_behind_is_a_tie_and_no_damage(log_: Log) -> None:
    log_.line("a")
    log_.line("Hypothesis: x", None, forward=-1_000_000)
    assert log_.findings() == []


def test_a_script_that_runs_back_further_is_found(log_: Log) -> None:
    log_.line("a")
    offset = log_.line("Hypothesis: x", None, forward=-1_000_001)
    assert log_.whats() == [("backwards", offset)]


def test_a_stamp_quoted_in_a_note_is_not_damage(log_: Log) -> None:
    log_.line("a")
    log_.line(f"see @{Stamp(NIGHT.ns - NS_PER_S)} and [{Stamp(0)}] [COFFEE: 1] quoted")
    assert log_.findings() == []


def test_two_equal_stamps_of_the_scripts_are_no_damage(log_: Log) -> None:
    log_.line("a", None)
    log_.line("b", None, forward=0)
    assert log_.findings() == []


def test_interleaved_sections_are_both_found(log_: Log) -> None:
    first = log_.line(ACQUIRED, ALICE)
    second = log_.line(ACQUIRED, BOB)
    log_.line(RELEASING, ALICE)
    log_.line(RELEASING, BOB)
    assert sorted(log_.whats()) == [("overlap", first), ("overlap", second)]


def test_a_section_inside_another_is_found(log_: Log) -> None:
    outer = log_.line(ACQUIRED, ALICE)
    intruder = log_.line(ACQUIRED, BOB)
    log_.line("Hypothesis: b", BOB)
    log_.line(RELEASING, BOB)
    log_.line(RELEASING, ALICE)
    (finding,) = log_.findings()
    assert (finding.what, finding.offset) == ("overlap", outer)
    assert str(intruder) in finding.text


@pytest.mark.parametrize("by", [ALICE, None])
def test_a_section_inside_another_of_the_same_author_is_found(log_: Log, by: str | None) -> None:
    outer = log_.line(ACQUIRED, by)
    log_.line(ACQUIRED, by)
    log_.line(RELEASING, by)
    log_.line(RELEASING, by)
    assert log_.whats() == [("overlap", outer)]


def test_a_note_that_broke_into_a_section_is_found(log_: Log) -> None:
    section = log_.line(ACQUIRED, None)
    log_.line("a note without the lock", BOB)
    log_.line(RELEASING, None)
    assert log_.whats() == [("overlap", section)]


@pytest.mark.parametrize("killed", [ALICE, None])
@pytest.mark.parametrize("after", [ALICE, BOB, None])
def test_a_section_that_never_ended_is_not_damage(log_: Log, killed: str | None, after: str | None) -> None:
    log_.line(ACQUIRED, killed)
    log_.line("Hypothesis: killed here", killed)
    for by in (after, BOB, after):
        for text in (ACQUIRED, "Hypothesis: x", RELEASING):
            log_.line(text, by)
    assert log_.findings() == []


def test_a_log_that_begins_inside_a_section_is_not_damage(log_: Log) -> None:
    log_.line(RELEASING, ALICE)
    log_.line("a", BOB)
    assert log_.findings() == []


def test_a_note_that_quotes_the_ceremony_is_not_a_section(log_: Log) -> None:
    log_.line("he said: Acquired sanity lock.", ALICE)
    log_.line("a", BOB)
    log_.line("Releasing sanity lock.?", ALICE)
    assert log_.findings() == []


def test_a_bad_line_is_quoted_in_short_and_made_safe(log_: Log) -> None:
    log_.add(b"\x1b[2J" + b"x" * 5000 + b"\n")
    (finding,) = log_.findings()
    assert "\\x1b[2J" in finding.text
    assert len(finding.text) < 200


@given(st.binary())
def test_the_doctor_is_total_on_any_bytes(data: bytes) -> None:
    log = Log()
    log.add(data)
    for finding in log.findings():
        assert 0 <= finding.offset < len(data)
        assert finding.line >= 1
