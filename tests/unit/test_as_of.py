"""The journal as it was: where it ended 1 ms before an entry, or at a time, and what it came to then."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.journals import FakeClock, end_of, writer_of
from support.lines import NIGHT
from threeam.core.errors import BadStamp, BadTime, PreconditionFailed
from threeam.core.format.clock import fixed_zone
from threeam.core.format.entry import CLOCK_STEPPED_PREFIX, NS_PER_S, Entry, Stamp, format_entry
from threeam.core.state.fold import State
from threeam.core.store.as_of import PointInTime, point_before_entry, resolve_point
from threeam.core.store.journal import Journal, Position, resolve_journal
from threeam.core.store.reader import Line, lines_forward
from threeam.core.store.seek import find_line
from threeam.core.write.draft import note_draft
from threeam.core.write.locked_log import WriteOptions
from threeam.core.write.writer import Writer
from threeam.human.drafts import coffee_draft
from threeam.hypotheses.drafts import conclusion_draft, hypothesis_draft
from threeam.projections import FOLD

MS = 1_000_000
LATER = Stamp(NIGHT.ns + 3600 * NS_PER_S)
STEPPED = CLOCK_STEPPED_PREFIX + "1.000 s; the order of the file is the true order."


def said(ns: int, text: str, *tags: tuple[str, str]) -> bytes:
    """A line of bob's, ``ns`` after 03:14:07.123456789."""
    return format_entry(Entry(Stamp(NIGHT.ns + ns), 0, (("BY", "bob@db1:77%1"), *tags), text))


def line_that(journal: Journal, text: str) -> Line:
    """The first line, in all files, whose text is ``text``."""
    for segment in journal.segments_forward(end_of(journal).segment):
        for line in lines_forward(segment):
            if line.entry is not None and line.entry.text == text:
                return line
    raise AssertionError(f"no line says {text!r}")


def kept(journal: Journal, end: Position) -> list[str]:
    """What the lines up to ``end`` say, in all files."""
    lines: list[str] = []
    for segment in journal.segments_forward(end.segment):
        stop = end.offset if segment == end.segment else None
        lines += [line.entry.text if line.entry else line.display_text for line in lines_forward(segment, 0, stop)]
    return lines


def before(journal: Journal, text: str) -> list[str]:
    return kept(journal, point_before_entry(journal, line_that(journal, text)).end)


# --- before a line


def test_it_is_one_millisecond_before_the_entry(journal: Journal, log: Path) -> None:
    log.write_bytes(said(0, "a") + said(2 * MS, "b"))
    moment = point_before_entry(journal, line_that(journal, "b"))
    assert moment.ns == NIGHT.ns + MS
    assert kept(journal, moment.end) == ["a"]


def test_what_was_stamped_within_the_millisecond_is_not_there(journal: Journal, log: Path) -> None:
    """A block, or a burst, is not cut in its middle."""
    block = [said(10 * MS + n, f"block {n}") for n in range(4)]
    log.write_bytes(said(0, "a") + said(9 * MS, "exactly") + said(9 * MS + 1, "just after") + b"".join(block))
    assert before(journal, "block 0") == ["a", "exactly"]
    assert before(journal, "block 3") == ["a", "exactly", "just after"], "which is 1 ms and 2 ns before that"


def test_foreign_lines_go_with_the_entry_that_they_follow(journal: Journal, log: Path) -> None:
    log.write_bytes(
        said(0, "a") + b"kernel: one\n" + said(10 * MS, "b") + b"kernel: two\n" + said(10 * MS + 5, "c") + b"torn"
    )
    assert before(journal, "c") == ["a", "kernel: one"]
    assert before(journal, "b") == ["a", "kernel: one"]


def test_before_the_first_line_there_is_nothing(journal: Journal, log: Path) -> None:
    log.write_bytes(said(0, "a") + said(1, "b"))
    for text in ("a", "b"):
        moment = point_before_entry(journal, line_that(journal, text))
        assert moment.end.offset == 0
        assert FOLD.state_at(*moment.end).people == {}


def test_what_stands_above_a_step_of_the_clock_was_there_before(journal: Journal, log: Path) -> None:
    log.write_bytes(
        said(900 * MS, "late stamp") + said(0, STEPPED) + said(1, "first after") + said(5 * MS, "well after")
    )
    assert before(journal, "first after") == ["late stamp"]
    assert before(journal, STEPPED) == ["late stamp"]
    assert before(journal, "well after") == ["late stamp", STEPPED, "first after"]


def test_right_after_a_rotation_it_is_the_file_before(journal: Journal, clock: FakeClock, writer: Writer) -> None:
    writer.write(hypothesis_draft("the sweeper", 4))
    clock.forward(NS_PER_S)
    writer.write(coffee_draft(2, 95, 4))
    then = FOLD.state_at(*end_of(journal))
    clock.forward(NS_PER_S)
    with writer.lock_log(full_state=True) as locked:
        locked.rotate()
    clock.forward(NS_PER_S)
    writer.write(conclusion_draft("refute", "H1", "it was off", 4))
    moment = point_before_entry(journal, line_that(journal, "Conclusion: it was off"))
    assert FOLD.state_at(*moment.end).hypotheses == then.hypotheses
    assert FOLD.state_at(*moment.end).cups("alice", clock().ns, 8 * 3600 * NS_PER_S) == 2
    # Among the lines with which the new file begins there is no moment: it does not say all yet.
    first = next(lines_forward(end_of(journal).segment))
    moment = point_before_entry(journal, first)
    assert moment.end.segment != end_of(journal).segment
    assert moment.end == Position(moment.end.segment, moment.end.segment.size())
    assert FOLD.state_at(*moment.end).hypotheses == then.hypotheses


def test_a_line_in_an_older_file_is_as_good_as_any(journal: Journal, clock: FakeClock, writer: Writer) -> None:
    writer.write(note_draft("one"))
    clock.forward(NS_PER_S)
    writer.write(note_draft("two"))
    clock.forward(NS_PER_S)
    with writer.lock_log(full_state=True) as locked:
        locked.rotate()
    clock.forward(NS_PER_S)
    writer.write(note_draft("three"))
    moment = point_before_entry(journal, line_that(journal, "two"))
    assert kept(journal, moment.end) == ["one"]
    assert moment.end.segment != end_of(journal).segment


# --- at a time


def named(journal: Journal, word: str, now: Stamp = LATER) -> PointInTime:
    return resolve_point(journal, end_of(journal), word, now, fixed_zone(0))


def test_a_time_is_up_to_and_with_it(journal: Journal, log: Path) -> None:
    log.write_bytes(said(0, "a") + said(60 * NS_PER_S, "b") + said(120 * NS_PER_S, "c"))
    assert kept(journal, named(journal, "03:15:07.123456789").end) == ["a", "b"]
    assert kept(journal, named(journal, "03:15:07.123456788").end) == ["a"]
    assert kept(journal, named(journal, "2026-11-24T03:15:30Z").end) == ["a", "b"]
    assert kept(journal, named(journal, "-59m").end) == ["a", "b"]
    assert named(journal, "03:15:07.5").ns == NIGHT.ns - 123456789 + 60 * NS_PER_S + 500 * MS


def test_a_time_after_the_last_line_is_all_of_it(journal: Journal, log: Path) -> None:
    log.write_bytes(said(0, "a") + said(60 * NS_PER_S, "b"))
    assert kept(journal, named(journal, "now").end) == ["a", "b"]
    assert named(journal, "now").end == end_of(journal)


def test_a_stamp_is_a_millisecond_before_its_entry(journal: Journal, log: Path) -> None:
    log.write_bytes(said(0, "a") + said(60 * NS_PER_S - 5, "burst") + said(60 * NS_PER_S, "b"))
    assert named(journal, f"@{Stamp(NIGHT.ns + 60 * NS_PER_S)}") == point_before_entry(journal, line_that(journal, "b"))
    assert kept(journal, named(journal, f"@{Stamp(NIGHT.ns + 60 * NS_PER_S, 3600)}").end) == ["a"], "in any zone"


def test_a_time_before_the_journal_is_declined(journal: Journal, log: Path) -> None:
    log.write_bytes(said(0, "a") + said(60 * NS_PER_S, "b"))
    with pytest.raises(PreconditionFailed, match="begins later than 03:13"):
        named(journal, "03:13")
    with pytest.raises(PreconditionFailed, match="begins later than -100d"):
        named(journal, " -100d")  # as the command line gives it to its parser


def test_what_names_no_time_and_no_entry_is_reported(journal: Journal, log: Path) -> None:
    log.write_bytes(said(0, "a"))
    with pytest.raises(PreconditionFailed, match=f"there is no entry @{Stamp(NIGHT.ns + 1)}".replace("+", r"\+")):
        named(journal, f"@{Stamp(NIGHT.ns + 1)}")
    with pytest.raises(BadStamp):
        named(journal, "@yesterday")
    with pytest.raises(BadTime):
        named(journal, "tea time")


def test_a_time_between_the_last_line_and_a_rotation_is_the_file_before(
    journal: Journal, clock: FakeClock, writer: Writer
) -> None:
    writer.write(hypothesis_draft("the sweeper", 4))
    clock.forward(60 * NS_PER_S)
    with writer.lock_log(full_state=True) as locked:
        locked.rotate()
    clock.forward(60 * NS_PER_S)
    writer.write(note_draft("after"))
    moment = named(journal, "03:14:30")
    assert moment.end.segment != end_of(journal).segment
    assert [hypothesis.claim for hypothesis in FOLD.state_at(*moment.end).hypotheses.values()] == ["the sweeper"]


# --- any log


class Step(NamedTuple):
    """Something that is written: how long after the last (ns; backwards too), by whom, and what it is."""

    after: int
    user: str
    what: str


STEPS = st.lists(
    st.builds(
        Step,
        st.one_of(st.integers(0, 3 * MS), st.integers(1, 3600 * NS_PER_S), st.integers(-5 * NS_PER_S, -2 * MS)),
        st.sampled_from(["alice", "bob"]),
        st.sampled_from(["note", "claim", "refute", "coffee", "rotate", "foreign"]),
    ),
    min_size=1,
    max_size=14,
)


def write_all(journal: Journal, steps: list[Step]) -> None:
    clock = FakeClock()
    for n, (after, user, what) in enumerate(steps):
        clock.forward(after)
        writer = writer_of(user, journal, clock)
        if what == "foreign":
            if not os.path.exists(
                journal.log_path
            ):  # a file of foreign lines alone is no journal, and is not appended to
                continue
            with open(journal.log_path, "ab") as file:
                file.write(b"kernel: oops\n")
        elif what == "rotate":
            if n and any(step.what not in ("rotate", "foreign") for step in steps[:n]):
                with writer.lock_log(full_state=True) as locked:
                    locked.rotate()
        elif what == "refute":
            try:
                writer.write(conclusion_draft("refute", "H1", f"why {n}", 4))
            except PreconditionFailed:
                writer.write(note_draft(f"not {n}"))
        else:
            draft = {
                "note": note_draft(f"note {n}"),
                "claim": hypothesis_draft(f"claim {n}", 4),
                "coffee": coffee_draft(1, 95, 4),
            }[what]
            writer.write(draft)


def all_lines(journal: Journal) -> Iterator[Line]:
    for segment in journal.segments_forward(end_of(journal).segment):
        yield from lines_forward(segment)


def counted(state: State) -> tuple[object, ...]:
    """What a person sees of a state."""
    people = {user: person.cups for user, person in state.people.items()}
    return people, {hypothesis.number: (hypothesis.state, hypothesis.claim) for hypothesis in state.hypotheses.values()}


@given(STEPS)
def test_the_state_of_a_moment_is_that_of_the_lines_before_it(steps: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        journal = resolve_journal(
            str(Path(folder) / "sanity.log"), state_dir=folder
        )  # where lines by hand may come first
        write_all(journal, steps)
        if journal.open_live() is None:
            return
        lines = list(all_lines(journal))
        for line in lines:
            entry = line.entry
            if entry is None:
                continue
            moment = point_before_entry(journal, line)
            assert moment.ns == entry.stamp.ns - MS
            # What a rotation carried over says nothing new, so the lines of all files are as good as the last file.
            above = [
                line.entry for line in lines if _stands_before(journal, line, moment.end) and line.entry is not None
            ]
            assert counted(FOLD.state_at(*moment.end)) == counted(FOLD(FOLD.empty_state, above))
            assert not _stands_before(journal, line, moment.end)


def _stands_before(journal: Journal, line: Line, end: Position) -> bool:
    if line.segment == end.segment:
        return line.offset < end.offset
    return line.segment in list(journal.segments_backward(end.segment))


def test_a_millisecond_is_one_over_a_rotation_too(journal: Journal) -> None:
    clock = FakeClock()
    writer = Writer(journal, FOLD, clock, WriteOptions("alice", "alice@db1:1"))
    first = writer.write(note_draft("a"))
    clock.forward(NS_PER_S)
    writer.write(note_draft("b"))
    clock.forward(1000)
    with writer.lock_log(full_state=True) as held:
        held.rotate()
    clock.forward(1000)
    stamp = writer.write(note_draft("c")).entries[0].stamp
    moment = point_before_entry(journal, find_line(journal, stamp))
    assert moment.end.offset == len(first.raw), "b is younger than a millisecond"
