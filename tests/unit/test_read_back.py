"""Nothing is appended that `parse` does not give back: it is refused, and the log is as it was."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from support.commands import Run
from support.journals import FakeClock, entries, texts, writer_of
from support.lines import NIGHT, parse_stamp
from threeam.core.errors import RotationSkipped, Unsure, WriteFailed
from threeam.core.format.entry import NS_PER_S, Entry, Stamp, format_entry, parse_entry
from threeam.core.store.journal import Journal
from threeam.core.write.draft import note_draft
from threeam.core.write.locked_log import WriteOptions, format_checked_entry
from threeam.core.write.writer import Writer
from threeam.human.drafts import coffee_draft, undo_coffee_draft
from threeam.hypotheses.drafts import hypothesis_draft
from threeam.projections import FOLD

LAST = parse_stamp("9999-12-31T23:59:59.999999999+0000")
UNREADABLE = [
    Stamp(NIGHT.ns, 24 * 3600),
    Stamp(NIGHT.ns, -25 * 3600),
    Stamp(LAST.ns + 1),
    Stamp(LAST.ns - NS_PER_S, 3600),
    Stamp(LAST.ns + 1, -3600),
    Stamp(-63_000_000_000 * NS_PER_S),
]


@pytest.mark.parametrize("now", UNREADABLE, ids=str)
def test_a_time_that_could_not_be_read_back_is_refused(writer: Writer, clock: FakeClock, log: Path, now: Stamp) -> None:
    log.write_bytes(b"")
    clock.now = now
    for write in (lambda: writer.write(note_draft("x")), lambda: writer.write_stream(["x"])):
        with pytest.raises(WriteFailed, match="look at the clock and at TZ"):
            write()
    with pytest.raises(WriteFailed), writer.lock_log(full_state=False) as locked:
        locked.write_script_line("x", 1)
    assert log.read_bytes() == b""


def test_a_stream_whose_last_line_could_not_be_read_back_is_refused(
    writer: Writer, clock: FakeClock, log: Path
) -> None:
    log.write_bytes(b"")
    clock.now = Stamp(LAST.ns - 1)
    with pytest.raises(WriteFailed):
        writer.write_stream(["a", "b", "c"])
    assert log.read_bytes() == b""
    writer.write_stream(["a", "b"])
    assert texts(log) == ["a", "b"]


def test_a_cup_that_the_tag_has_no_digits_for_is_refused_and_can_be_taken_back(
    writer: Writer, clock: FakeClock, log: Path
) -> None:
    log.write_bytes(format_entry(Entry(NIGHT, 999_999_999, (("BY", "alice@db1:1"),), "by hand")))
    before = log.read_bytes()
    with pytest.raises(WriteFailed, match="1000000000 cups are more than the COFFEE tag has digits for"):
        writer.write(coffee_draft(1, 95, 4))
    assert log.read_bytes() == before
    writer.write(note_draft("x"))
    writer.write(undo_coffee_draft())
    assert [entry.cups for entry in entries(log)] == [999_999_999, 999_999_999, 999_999_998]


def test_lines_of_the_script_that_were_written_before_one_that_is_refused_are_unsure(
    writer: Writer, clock: FakeClock, log: Path
) -> None:
    with writer.lock_log(full_state=False) as locked:
        locked.write_script_line("first", 1)
        clock.now = Stamp(LAST.ns + 1)
        with pytest.raises(Unsure, match="only its first lines"):
            locked.write_script_line("second", 1)
    assert texts(log) == ["first"]


@pytest.mark.parametrize("by_hand", [999_999_998, 999_999_999])
def test_a_number_that_a_hand_wrote_ends_no_counting(
    journal: Journal, clock: FakeClock, log: Path, by_hand: int
) -> None:
    log.write_bytes(
        b"".join(
            format_entry(Entry(Stamp(NIGHT.ns + number), 0, ((f"H{number}", "open"),), "Hypothesis: by hand"))
            for number in (1, by_hand, 3)
        )
    )
    clock.forward(10 * NS_PER_S)
    for name in ("a", "b", "c"):
        writer_of("alice", journal, clock).write(hypothesis_draft(name, 4))
    numbers = [entry.hypothesis[0] for entry in entries(log) if entry.hypothesis]
    assert len(set(numbers)) == len(numbers) == 6
    assert numbers[-1] in (4, 5)


def test_a_log_that_ends_with_the_year_9999_is_rotated_after_the_next_block_and_its_chain_holds(
    journal: Journal, clock: FakeClock, log: Path
) -> None:
    line = format_entry(Entry(LAST, 0, (("BY", "alice@db1:1"),), "by hand"))
    log.write_bytes(line)
    writer = Writer(journal, FOLD, clock, WriteOptions("alice", "alice@db1:1", sync=False, rotate_bytes=50))
    with writer.lock_log(full_state=True) as locked, pytest.raises(RotationSkipped, match="the end of the year 9999"):
        locked.rotate()
    assert log.read_bytes() == line
    writer.write(note_draft("after"))
    with writer.lock_log(full_state=True) as locked:
        locked.rotate()
    live = journal.open_live()
    assert live is not None
    *_, oldest = journal.segments_backward(live)
    assert oldest.read(0, len(line)) == line
    assert oldest != live


def test_what_parse_gives_is_written_back(writer: Writer, log: Path) -> None:
    for entry in (
        Entry(LAST, 999_999_999, (("BY", "a@b:1"),), "x"),
        Entry(Stamp(NIGHT.ns, -86_340), 0, (("FILE", "a]b"),), "[H1: open] x"),
    ):
        assert parse_entry(format_checked_entry(entry)[:-1]) is not None
    with pytest.raises(WriteFailed, match="could not be read back"):
        format_checked_entry(Entry(NIGHT, 0, (("lower", "x"),), "x"))


def test_a_clock_after_2262_is_a_sentence(run_here: Run, monkeypatch: pytest.MonkeyPatch, log: Path) -> None:
    def too_late() -> int:
        raise OverflowError("timestamp too large to convert to C _PyTime_t")

    monkeypatch.setattr(time, "time_ns", too_late)
    done = run_here("log", "the words")
    assert (done.returncode, log.exists()) == (3, False)
    assert done.stderr.decode().splitlines() == [
        "3am: not written: the words",
        "3am: the clock of this host is past the year 2262: set it, and look with: date",
    ]
