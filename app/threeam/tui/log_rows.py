"""Rows of the log: a row for each line that is shown, with the critical sections of the lock folded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate, islice
from typing import NamedTuple

from threeam.core.format.entry import ACQUIRED, CEREMONY_TEXTS, RELEASING, Entry, author_name
from threeam.core.store.filters import IsCeremony, LineFilter
from threeam.core.store.journal import Position, Segment
from threeam.core.store.reader import Line, lines_backward, lines_forward
from threeam.experiments.runs.run_rows import IsExperimentRun
from threeam.tui.placement import Placement

MAX_SECTION_LINES = 64  # a longer section that is cut by an edge of the window loses its hold time
_ACQUIRED_END, _RELEASING_END = ACQUIRED.encode(), RELEASING.encode()
HIDDEN_UNLESS_RAW = (IsCeremony(), IsExperimentRun())  # conditions: a line that meets one is not a row


class Row(NamedTuple):
    """A line, its entry if it is one of the journal, and how long the lock was held around it (ns).

    ``read_from`` is the offset from which to read to get this row and its complete section; None inside a section.
    ``placement``: its place among other logs; None if the journal alone is shown.
    """

    line: Line
    entry: Entry | None
    lock_held_ns: int | None = None
    read_from: int | None = None
    placement: Placement | None = None

    @property
    def is_of_journal(self) -> bool:
        """True if the line is one of the journal, and not of another log."""
        return self.placement is None or self.placement.source.number == 0

    @property
    def ns(self) -> int | None:
        """The time of the line, for differences, T0, marks and days; None if it has none."""
        if self.placement is not None and not self.is_of_journal:
            return self.placement.ns
        return self.entry.stamp.ns if self.entry is not None else None

    @property
    def resolution_ns(self) -> int:
        """The unit of the last digit of `ns`."""
        timestamp = self.placement.timestamp if self.placement is not None else None
        return 1 if timestamp is None else timestamp.resolution_ns

    @property
    def position(self) -> Position:
        """The position of the line, which identifies the row."""
        return Position(self.line.segment, self.line.offset)


class LockSection(NamedTuple):
    """A critical section that has begun: its first line, that line's offset, and the index of the first row in it."""

    acquired_entry: Entry
    first_row: int
    offset: int


def fold_lines(lines: Iterable[Line], rows: list[Row], section: LockSection | None, *, raw: bool) -> LockSection | None:
    """Add the rows of ``lines`` to ``rows``; return the section that is open after them.

    ``section`` is open before them. ``raw``: every line is a row, and no row gets a hold time.
    """
    for line in lines:
        entry = line.entry
        if raw or entry is None or not _is_hidden(line):
            rows.append(Row(line, entry, None, _offset_to_read_from(line, section, len(rows))))
        if entry is None or entry.text not in CEREMONY_TEXTS:
            continue
        if entry.text == ACQUIRED:
            section = LockSection(entry, len(rows), line.offset)
        elif section is not None:
            if not raw:
                _set_hold_time(rows, section, entry)
            section = None
    return section


def without_hidden(line_filter: LineFilter) -> LineFilter:
    """Return the filter of the lines of a journal that pass ``line_filter`` and are rows, unless all lines are."""
    return LineFilter(line_filter.include, (*line_filter.exclude, *HIDDEN_UNLESS_RAW), skip_repeated=True)


def _is_hidden(line: Line) -> bool:
    return line.is_repeated or any(condition.matches(line.raw) for condition in HIDDEN_UNLESS_RAW)


def _offset_to_read_from(line: Line, section: LockSection | None, index: int) -> int | None:
    """Return the `Row.read_from` of ``line``, which becomes the row at ``index``."""
    if section is None:
        return line.offset
    return section.offset if section.first_row == index else None


def _set_hold_time(rows: list[Row], section: LockSection, released_entry: Entry) -> None:
    """Set the hold time of the first row of ``section``, if it has one and the same author released the lock."""
    index, acquired_entry = section.first_row, section.acquired_entry
    if acquired_entry.tag("BY") == released_entry.tag("BY") and 0 <= index < len(rows):
        rows[index] = rows[index]._replace(lock_held_ns=released_entry.stamp.ns - acquired_entry.stamp.ns)


def lines_before(segment: Segment, offset: int, count: int) -> list[Line]:
    """Return ``count`` lines before ``offset``, or a few more, in order.

    The first section is complete, so that it has its hold time.
    """
    earlier = lines_backward(segment, offset)
    lines = list(islice(earlier, count))
    if _begins_inside_section(lines):
        for line in islice(earlier, MAX_SECTION_LINES):
            lines.append(line)
            if line.raw.endswith(_ACQUIRED_END):
                break
    lines.reverse()
    return lines


def _begins_inside_section(lines: Sequence[Line]) -> bool:
    """Return whether the earliest of ``lines``, which is the last item, is inside a section."""
    for line in reversed(lines):
        if line.raw.endswith((_ACQUIRED_END, _RELEASING_END)):
            return line.raw.endswith(_RELEASING_END)
    return False


def select_lines(lines: Sequence[Line], line_filter: LineFilter) -> list[Line]:
    """Return the ``lines`` that pass ``line_filter``, by one search in the bytes of all."""
    begins = accumulate((len(line.raw) + 1 for line in lines), initial=0)
    matching = set(line_filter.matching_line_offsets(b"".join(line.raw + b"\n" for line in lines)))
    selected = [line for line, begin in zip(lines, begins, strict=False) if begin in matching]
    return [line for line in selected if not (line_filter.skip_repeated and line.is_repeated)]


def count_rows_of(lines: Sequence[Line], user: str, line_filter: LineFilter) -> int:
    """Return how many of ``lines`` pass ``line_filter`` and are of ``user``, whichever program of theirs wrote them."""
    needle = f"[BY: {user}@".encode()
    own = [
        line
        for line in lines
        if needle in line.raw and line.entry is not None and author_name(line.entry.author) == user
    ]
    return len(select_lines(own, line_filter))


def read_lines_around(line: Line, end: int | None) -> list[Line]:
    """Return some lines before ``line`` in its file, itself, and some after it up to ``end``. Raises OSError."""
    segment = line.segment
    if segment.size() < line.end:  # truncated: its neighbours are gone
        return [line]
    before = list(islice(lines_backward(segment, line.offset), MAX_SECTION_LINES))[::-1] if line.offset else []
    return [*before, line, *islice(lines_forward(segment, line.end, end), MAX_SECTION_LINES)]
