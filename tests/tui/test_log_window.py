"""The window: the rows around the screen are a slice of what all lines of the log come to, whatever was paged."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pilots import append, line, notes

from support.journals import writer_of
from threeam.core.format.clock import system_clock
from threeam.core.format.entry import ACQUIRED, RELEASING
from threeam.core.store.follow import Follower
from threeam.core.store.journal import Journal, Position, resolve_journal
from threeam.core.store.reader import Line, lines_forward
from threeam.tui import log_rows
from threeam.tui import log_window as window_module
from threeam.tui.log_window import LogWindow


class Shown(NamedTuple):
    """A row as a reader knows it: where it is, what it says, and the hold time."""

    offset: int
    text: str
    held_ns: int | None


def rows_of(window: LogWindow) -> list[Shown]:
    return [
        Shown(row.line.offset, row.entry.text if row.entry else row.line.display_text, row.lock_held_ns)
        for row in window.rows
    ]


def plain_fold(log: Path) -> list[Shown]:
    """What all lines come to: the ceremony is left out, and its hold time stands at the first line within."""
    rows: list[Shown] = []
    offset, acquired, first = 0, None, 0
    for raw in log.read_bytes().splitlines(keepends=True):
        entry = Line(None, offset, raw[:-1]).entry  # type: ignore[arg-type]
        if entry is not None and entry.text == ACQUIRED:
            acquired, first = entry, len(rows)
        elif entry is not None and entry.text == RELEASING:
            if acquired is not None and first < len(rows):
                rows[first] = rows[first]._replace(held_ns=entry.stamp.ns - acquired.stamp.ns)
            acquired = None
        else:
            rows.append(Shown(offset, entry.text if entry else raw[:-1].decode(), None))
        offset += len(raw)
    return rows


def write_log(log: Path, shape: Iterable[int]) -> None:
    """A log of blocks: 0 is a note, -1 a foreign line, n a hypothesis of n lines with the ceremony around it."""
    with log.open("ab") as file:
        for i, inside in enumerate(shape):
            ns = (log.stat().st_size + i) * 1_000_000
            if inside == 0:
                file.write(line(f"note {ns}", ns))
            elif inside < 0:
                file.write(f"foreign {ns}\n".encode())
            else:
                texts = [f"Hypothesis: {ns}", *(f"| line {n}" for n in range(1, inside))]
                held = 700_000 + i
                lines = [line(text, ns + 1 + n, tags=((f"H{i + 1}", "open"),)) for n, text in enumerate(texts)]
                file.write(line(ACQUIRED, ns) + b"".join(lines) + line(RELEASING, ns + held))
            file.flush()


class Small:
    """A window that holds little, so that its edges are everywhere."""

    def __init__(self, step: int, kept: int) -> None:
        self.patches = (
            mock.patch.multiple(window_module, ROWS_PER_READ=step, MAX_ROWS=kept),
            mock.patch.object(log_rows, "MAX_SECTION_LINES", 8),  # those of these tests are of six lines at the most
        )

    def __enter__(self) -> None:
        for patch in self.patches:
            patch.start()

    def __exit__(self, *_: object) -> None:
        for patch in self.patches:
            patch.stop()


SHAPES = st.lists(st.sampled_from([0, 0, -1, 1, 1, 2, 4]), min_size=1, max_size=60)

STEPS = st.integers(5, 12)


MOVES = st.lists(
    st.tuples(st.sampled_from(["back", "forward", "start", "end", "before", "after", "raw"]), st.integers(0, 40)),
    max_size=25,
)


def move(window: LogWindow, what: str, index: int) -> None:
    offset = min(index, max(0, len(window.rows) - 1))
    match what:
        case "back":
            window.read_backward()
        case "forward":
            window.read_forward()
        case "start":
            window.go_to_start()
        case "end":
            window.go_to_end()
        case "before":
            window.forget_before(offset)
        case "after":
            window.forget_after(offset)
        case _:
            window.set_raw(True)
            window.set_raw(False)


@settings(max_examples=60, deadline=None)
@given(shape=SHAPES, step=STEPS)
def test_paging_forward_from_the_start_comes_to_what_all_lines_come_to(shape: list[int], step: int) -> None:
    with tempfile.TemporaryDirectory() as folder, Small(step, 1000):
        log = Path(folder, "sanity.log")
        write_log(log, shape)
        window = LogWindow(resolve_journal(str(log)))
        window.go_to_start()
        while not window.at_end:
            window.read_forward()
        assert rows_of(window) == plain_fold(log)


def test_nothing_is_read_that_the_follower_has_not_told_of(journal: Journal, log: Path) -> None:
    log.write_bytes(notes(10))
    window = LogWindow(journal)
    follower = Follower(journal, window.anchor)
    append(log, notes(5, 10))
    assert window.read_forward() == 0
    window.go_to_end()
    assert len(window.rows) == 10
    assert window.append(follower.read(), follower.position) == 5
    follower.close()
    assert rows_of(window) == plain_fold(log)


def test_a_window_keeps_little_however_long_the_log(journal: Journal, log: Path) -> None:
    log.write_bytes(notes(5000))
    with Small(50, 200):
        window = LogWindow(journal)
        while not window.at_start:
            window.read_backward()
            window.forget_after(0)
        assert len(window.rows) < 400
        while not window.at_end:
            window.read_forward()
            window.forget_before(len(window.rows) - 1)
        assert len(window.rows) < 400
        assert rows_of(window)[-1].text == "note 4999"


@settings(max_examples=60, deadline=None)
@given(shape=SHAPES, step=STEPS)
def test_paging_back_from_the_end_comes_to_what_all_lines_come_to(shape: list[int], step: int) -> None:
    with tempfile.TemporaryDirectory() as folder, Small(step, 1000):
        log = Path(folder, "sanity.log")
        write_log(log, shape)
        window = LogWindow(resolve_journal(str(log)))
        while not window.at_start:
            window.read_backward()
        assert rows_of(window) == plain_fold(log)


@settings(max_examples=150, deadline=None)
@given(shape=SHAPES, step=STEPS, moves=MOVES)
def test_wherever_it_was_paged_and_whatever_it_forgot_the_rows_are_a_slice_of_all(
    shape: list[int], step: int, moves: list[tuple[str, int]]
) -> None:
    with tempfile.TemporaryDirectory() as folder, Small(step, 2 * step):
        log = Path(folder, "sanity.log")
        write_log(log, shape)
        every = plain_fold(log)
        window = LogWindow(resolve_journal(str(log)))
        for what, index in moves:
            move(window, what, index)
            rows = rows_of(window)
            if not rows:
                continue
            first = [row.offset for row in every].index(rows[0].offset)
            expected = every[first : first + len(rows)]
            if not window.at_end:  # of a section that goes on after the last row, the hold is not known yet
                expected[-4:] = [
                    want._replace(held_ns=None) if have.held_ns is None else want
                    for have, want in zip(rows[-4:], expected[-4:], strict=True)
                ]
            assert rows == expected, f"after {what}"


@settings(max_examples=60, deadline=None)
@given(shape=SHAPES, later=SHAPES, step=STEPS, batch=st.integers(1, 9), paged=st.booleans())
def test_lines_that_come_in_batches_are_folded_as_if_they_had_been_there(
    shape: list[int], later: list[int], step: int, batch: int, paged: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder, Small(step, 1000):
        log = Path(folder, "sanity.log")
        write_log(log, shape)
        journal = resolve_journal(str(log))
        window = LogWindow(journal)
        follower = Follower(journal, window.anchor)
        write_log(log, later)
        arrived = follower.read()
        follower.close()
        reported = 0
        for start in range(0, len(arrived), batch):
            reported += window.append(arrived[start : start + batch])
            if paged:
                window.read_backward()
        while not window.at_start:
            window.read_backward()
        every = plain_fold(log)
        assert rows_of(window) == every
        assert reported == len([row for row in every if row.offset >= arrived[0].offset])


@pytest.mark.parametrize("notes_after", range(5))
def test_no_hypothesis_of_a_long_night_loses_its_hold_time_at_the_edge_of_a_step(
    journal: Journal, log: Path, notes_after: int
) -> None:
    write_log(log, [1] * 500 + [0] * notes_after)
    window = LogWindow(journal)
    while not window.at_start:
        window.read_backward()
    assert [row.text for row in rows_of(window)[:500] if row.held_ns is None] == []


@pytest.mark.parametrize("inside", [1, 2])
def test_what_was_forgotten_comes_back_with_its_hold_time(journal: Journal, log: Path, inside: int) -> None:
    write_log(log, [inside] * 200)
    with Small(60, 101):
        window = LogWindow(journal)
        while not window.at_start:
            window.read_backward()
            window.forget_after(0)
        while not window.at_end:
            window.read_forward()
        assert rows_of(window) == plain_fold(log), "forgotten at the end"
        window.forget_before(len(window.rows) - 1)
        while not window.at_start:
            window.read_backward()
        assert rows_of(window) == plain_fold(log), "forgotten at the start"


def rotate(journal: Journal) -> None:
    with writer_of("alice", journal, system_clock).lock_log(full_state=True) as locked:
        locked.rotate()


@settings(max_examples=40, deadline=None)
@given(
    shapes=st.lists(SHAPES, min_size=2, max_size=4).filter(lambda shapes: max(shapes[0], default=-1) >= 0),
    step=STEPS,
    moves=MOVES,
)
def test_the_files_of_a_journal_are_one_scroll(
    shapes: list[list[int]], step: int, moves: list[tuple[str, int]]
) -> None:
    with tempfile.TemporaryDirectory() as folder, Small(step, 2 * step):
        log = Path(folder, "sanity.log")
        journal = resolve_journal(str(log), state_dir=folder)  # where lines by hand may come first
        every: list[Position] = []
        for number, shape in enumerate(shapes):
            if number:
                rotate(journal)
            write_log(log, shape)
        live = journal.open_live()
        assert live is not None
        for segment in journal.segments_forward(live):
            entries = [(line, line.entry) for line in lines_forward(segment)]
            every += [
                Position(line.segment, line.offset)
                for line, entry in entries
                if entry is None or (entry.kind != "ceremony" and (not entry.carried_from or entry.kind == "Continued"))
            ]
        window = LogWindow(journal)
        for what, index in [*moves, ("start", 0)]:
            move(window, what, index)
            shown = [row.position for row in window.rows]
            if not shown:
                continue
            first = every.index(shown[0])
            assert every[first : first + len(shown)] == shown
        while not window.at_end:
            window.read_forward()
            window.forget_before(len(window.rows) - 1)
        assert window.rows[-1].position == every[-1]
        while not window.at_start:
            window.read_backward()
            window.forget_after(0)
        assert window.rows[0].position == every[0]


def test_a_line_that_was_taken_back_goes_though_a_late_one_of_the_file_before_comes_with_it(
    journal: Journal, log: Path
) -> None:
    log.write_bytes(line("old"))
    window = LogWindow(journal)
    before = journal.open_live()
    assert before is not None
    log.rename(f"{log}.1")
    log.write_bytes(line("kept", 1) + line("taken back", 2))
    live = journal.open_live()
    assert live is not None
    remaining, gone = lines_forward(live)
    window.append([remaining, gone], Position(live, gone.end))
    os.truncate(log, gone.offset)
    append(log, line("again", 3))
    late, again = Line(before, 500, line("late", 4)[:-1]), Line(live, gone.offset, line("again", 3)[:-1])
    window.append([late, again], Position(live, again.end))
    assert [row.text for row in rows_of(window)] == ["old", "kept", "late", "again"]
