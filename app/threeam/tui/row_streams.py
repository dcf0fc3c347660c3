"""Streams of rows: the journal, or a log of another program, from any place on, forwards or backwards.

A stream yields rows, and a `Key` now and then: no row that follows is before it (forwards) or after it (backwards). So
a merge need not wait for a stream that has searched for a while and found nothing.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol, TypeVar

from threeam.core.format.entry import Stamp
from threeam.core.store.filters import LineFilter
from threeam.core.store.journal import Journal, Position, Segment
from threeam.core.store.reader import Line, lines_forward
from threeam.core.store.seek import find_time, matches_backward, matches_forward
from threeam.timeline.instant import Timestamp
from threeam.timeline.source import FIRST_KEY, FIRST_NS, LAST_KEY, Key
from threeam.tui.log_rows import Row, fold_lines, lines_before, without_hidden
from threeam.tui.placement import JOURNAL_SOURCE, Placement

JOURNAL_NUMBER = -1  # of its keys: of lines at one instant the journal's come first
_LINES_PER_READ = 300
_STAMP_BYTES = 34  # of ``[2026-11-24T03:14:07.123456789+0000``, after the bracket

Step = Row | Key
S = TypeVar("S", bound="RowStream")


class Place(NamedTuple):
    """A place between two rows: before the row of ``key``, if there is one. ``position``: of a row of the journal."""

    key: Key
    position: Position | None = None


START, END = Place(FIRST_KEY), Place(LAST_KEY)


class RowStream(Protocol):
    """The rows of one source that ``line_filter`` accepts. ``number``, ``name``: of `Placement.source`."""

    number: int
    name: str
    line_filter: LineFilter

    @property
    def effective_filter(self) -> LineFilter:
        """The filter that selects the lines that are rows."""

    def key_of(self, row: Row) -> Key:
        """Return the place of ``row`` among the rows of all sources."""

    def place_of(self, row: Row) -> Place:
        """Return the place before ``row``."""

    def place_after(self, row: Row) -> Place:
        """Return the place behind ``row``."""

    def forward(self, place: Place) -> Iterator[Step]:
        """Yield the rows behind ``place``. Raises OSError."""

    def backward(self, place: Place) -> Iterator[Step]:
        """Yield the rows before ``place``, the last one first. Raises OSError."""


def with_filter(stream: S, line_filter: LineFilter) -> S:
    """Return a stream of the same source with another filter."""
    other = copy.copy(stream)
    other.line_filter = line_filter
    return other


def merged(streams: Sequence[tuple[RowStream, Iterator[Step]]], direction: int) -> Iterator[Step]:
    """Yield the steps of ``streams`` in the order of their keys: ascending (``direction`` 1) or descending (-1)."""
    heads = list[tuple[Key, Step, RowStream, Iterator[Step]]]()

    def push(stream: RowStream, steps: Iterator[Step]) -> None:
        if (step := next(steps, None)) is not None:
            heads.append((step if isinstance(step, Key) else stream.key_of(step), step, stream, steps))

    for stream, steps in streams:
        push(stream, steps)
    while heads:
        # A key is taken before the rows that are as early: its stream may have another such row.
        chosen = min(
            range(len(heads)),
            key=lambda index: (_signed(heads[index][0], direction), isinstance(heads[index][1], Row)),
        )
        _, step, stream, steps = heads.pop(chosen)
        yield step
        push(stream, steps)


def _signed(key: Key, direction: int) -> tuple[int, ...]:
    return key if direction > 0 else descending(key)


def descending(key: Key) -> tuple[int, ...]:
    """Return a sort key for the order from the last to the first."""
    return tuple(-part for part in key)


class JournalRows:
    """The rows of ``journal`` up to ``end``, in its order, which a step of its clock does not change.

    ``raw``: the lines that are hidden otherwise are rows too.
    """

    number, name = JOURNAL_SOURCE

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.line_filter = LineFilter()
        self.raw = False
        self.end: Position | None = None

    @property
    def effective_filter(self) -> LineFilter:
        """The filter that selects the lines that are rows."""
        return self.line_filter if self.raw else without_hidden(self.line_filter)

    def key_of(self, row: Row) -> Key:
        ns = row.placement.ns if row.placement is not None else None
        return Key(FIRST_NS if ns is None else ns, JOURNAL_NUMBER, offset=row.line.offset)

    def place_of(self, row: Row) -> Place:
        return Place(self.key_of(row), row.position)

    def place_after(self, row: Row) -> Place:
        return Place(self.key_of(row), Position(row.line.segment, row.line.end))

    def forward(self, place: Place) -> Iterator[Step]:
        position, last = self._position(place), self.end
        while position is not None and last is not None:
            segment, offset = position
            stop = last.offset if segment == last.segment else segment.size()
            for lines, end in self._batches_forward(segment, offset, stop):
                yield from self.rows_of(lines)
                yield from self._bound(segment, end)
            if segment == last.segment:
                return
            position = Position(self._journal.successor(segment) or last.segment, 0)

    def backward(self, place: Place) -> Iterator[Step]:
        position = self._position(place)
        while position is not None:
            segment, offset = position
            for lines, begin in self._batches_backward(segment, offset):
                yield from reversed(self.rows_of(lines))
                yield from self._bound(segment, begin)
            predecessor = self._journal.predecessor(segment)
            position = None if predecessor is None else Position(predecessor, predecessor.size())

    def rows_of(self, lines: Iterable[Line]) -> list[Row]:
        """Return the rows of ``lines``, some lines in a row.

        One that is not an entry stands where the entry before it does.
        """
        lines = [line for line in lines if line.finished]
        rows = list[Row]()
        if self.line_filter:
            rows += [Row(line, line.entry) for line in lines]
        else:
            fold_lines(lines, rows, None, raw=self.raw)
        ns = next((line.entry.stamp.ns for line in lines if line.entry is not None), None)
        for index, row in enumerate(rows):
            ns = row.entry.stamp.ns if row.entry is not None else ns
            timestamp = None if ns is None else Timestamp(ns, 1)
            placement = Placement(JOURNAL_SOURCE, timestamp, continues=row.entry is None)
            rows[index] = row._replace(read_from=row.line.offset, placement=placement)
        return rows

    def _batches_forward(self, segment: Segment, offset: int, stop: int) -> Iterator[tuple[list[Line], int]]:
        """Yield the lines that may be rows, and where each batch ends."""
        if self.line_filter:
            for matches in matches_forward(segment, offset, stop, self.effective_filter):
                yield matches.lines, matches.end
            return
        batch = list[Line]()
        for line in lines_forward(segment, offset, stop):
            batch.append(line)
            if len(batch) >= _LINES_PER_READ:
                yield batch, line.end
                batch = []
        if batch:
            yield batch, batch[-1].end

    def _batches_backward(self, segment: Segment, offset: int) -> Iterator[tuple[list[Line], int]]:
        if self.line_filter:
            for matches in matches_backward(segment, offset, self.effective_filter):
                yield matches.lines, matches.start
            return
        while offset > 0 and (lines := lines_before(segment, offset, _LINES_PER_READ)):
            offset = lines[0].offset
            yield lines, offset

    def _bound(self, segment: Segment, offset: int) -> Iterator[Key]:
        """Yield a key with the time of the entry at ``offset``, if there is one."""
        if self.line_filter and (
            stamp := Stamp.parse(segment.read(offset + 1, _STAMP_BYTES).decode("ascii", "replace"))
        ):
            yield Key(stamp.ns, JOURNAL_NUMBER, offset=offset)

    def _position(self, place: Place) -> Position | None:
        """Return where in the files ``place`` is."""
        if place.position is not None or self.end is None:
            return place.position
        if place.key >= LAST_KEY:
            return self.end
        if place.key.ns <= FIRST_NS:
            return Position(self._journal.oldest_segment(self.end.segment), 0)
        # Of lines at one instant the journal's come first.
        ns = place.key.ns if place.key.source < JOURNAL_NUMBER else place.key.ns + 1
        return find_time(self._journal, self.end, ns)[0] or self.end
