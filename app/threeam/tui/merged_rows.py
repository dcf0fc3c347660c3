"""Rows of several streams, merged by their keys: loaded around the screen, and dropped when they are far from it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from threeam.core.errors import JournalError
from threeam.timeline.source import FIRST_NS, Key
from threeam.tui.background_scan import SLICE_S
from threeam.tui.log_rows import Row
from threeam.tui.log_window import MAX_ROWS, ROWS_PER_READ
from threeam.tui.row_streams import END, START, Place, RowStream, Step, merged


class Edges(NamedTuple):
    """The places between which the rows of a stream are loaded."""

    back: Place
    front: Place


class MergedRows:
    """The loaded rows of ``streams``, by number. Each has two edges: its rows between them are loaded, and no others.

    ``is_filtered``: rows may be far apart, so a read may end before it has found one. ``problem``: why a stream ended
    early, or "".
    """

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.at_start = self.at_end = False
        self.problem = ""
        self.is_filtered = False
        self.streams: Mapping[int, RowStream] = {}
        self.pinned = range(0)
        self._waiting: list[Row] = []
        self._edges: dict[int, Edges] = {}
        self._forward: Iterator[Step] | None = None  # from the edges on; None: to be begun
        self._backward: Iterator[Step] | None = None

    def stream_of(self, row: Row) -> RowStream | None:
        """Return the stream that ``row`` is of; None if its source is not shown."""
        return self.streams.get(row.placement.source.number) if row.placement is not None else None

    def go_to_end(self) -> None:
        """Load the last rows of all sources."""
        self.load_at(END)
        self.at_end = True
        self.read_backward()

    def go_to_start(self) -> None:
        """Load the first rows of all sources."""
        self.load_at(START)
        self.at_start = True
        self.read_forward()

    def load_at(self, place: Place) -> None:
        """Drop all rows; the next ones that are read are those around ``place``."""
        self.rows, self._waiting = [], []
        self.at_start = self.at_end = False
        self._set_edges(place)

    def forget_all(self) -> None:
        """Drop all rows, since their places have changed; they must be loaded again."""
        self.load_at(END)

    def _set_edges(self, place: Place) -> None:
        self._edges = {number: Edges(place, place) for number in self.streams}
        self._forward = self._backward = None

    def read_forward(self) -> int:
        """Read rows after the last; return how many were added. 0 with `at_end` False means: call again."""
        if self.at_end:
            return 0
        if self._forward is None:
            self._forward = merged(
                [(s, self._guard(s, s.forward(self._edges[n].front))) for n, s in self.streams.items()], 1
            )
        rows, is_all = self._take(self._forward)
        for row in rows:
            stream = self.streams[source_number(row)]
            self._edges[stream.number] = self._edges[stream.number]._replace(front=stream.place_after(row))
        self.at_end = is_all
        self.rows += rows
        return len(rows)

    def read_backward(self) -> int:
        """Read rows before the first; return how many were added. 0 with `at_start` False means: call again."""
        if self.at_start:
            return 0
        if self._backward is None:
            self._backward = merged(
                [(s, self._guard(s, s.backward(self._edges[n].back))) for n, s in self.streams.items()], -1
            )
        rows, is_all = self._take(self._backward)
        for row in rows:
            stream = self.streams[source_number(row)]
            self._edges[stream.number] = self._edges[stream.number]._replace(back=stream.place_of(row))
        self.at_start = is_all
        self.rows[:0] = rows[::-1]
        return len(rows)

    def _take(self, steps: Iterator[Step]) -> tuple[list[Row], bool]:
        """Return the next rows of ``steps``, and whether they are all; if filtered, those of a few milliseconds."""
        rows, deadline = list[Row](), time.monotonic() + SLICE_S
        for step in steps:
            if isinstance(step, Row):
                rows.append(step)
                if len(rows) >= ROWS_PER_READ:
                    return rows, False
            if self.is_filtered and time.monotonic() > deadline:
                return rows, False
        return rows, True

    def _guard(self, stream: RowStream, steps: Iterator[Step]) -> Iterator[Step]:
        """Yield ``steps``; if the source cannot be read any more, the others continue."""
        try:
            yield from steps
        except (OSError, JournalError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            self.problem = f"{stream.name} cannot be read: {reason}"

    @property
    def has_waiting(self) -> bool:
        """True if a row waits for `insert_waiting`."""
        return bool(self._waiting)

    def insert(self, row: Row) -> bool:
        """Insert ``row`` at its place, mostly at the end; return False if that is before all that is loaded.

        If that place is pinned, the row waits. One that is loaded already is not inserted again.
        """
        key, index = self.key_of(row), len(self.rows)
        while index > 0 and self._belongs_before(row, key, self.rows[index - 1]):
            index -= 1
        if index == 0 and self.rows and not self.at_start:
            return False
        if index > 0 and self.rows[index - 1].position == row.position:
            self.rows[index - 1] = row  # an unfinished line may have got its end
            return True
        if index in self.pinned:
            self._waiting.append(row)
            return True
        if index < self.pinned.start:
            self.pinned = range(self.pinned.start + 1, self.pinned.stop + 1)
        self.rows.insert(index, row)
        return True

    def insert_waiting(self) -> int:
        """Insert the rows that wait; return how many."""
        waiting, self._waiting = self._waiting, []
        for row in waiting:
            self.insert(row)
        return len(waiting)

    def _belongs_before(self, row: Row, key: Key, other: Row) -> bool:
        if row.is_of_journal and other.is_of_journal:  # a step of its clock does not change its order
            return False
        return self.key_of(other) > key

    def key_of(self, row: Row) -> Key:
        """Return the place of ``row`` among the loaded ones."""
        stream = self.stream_of(row)
        return Key(FIRST_NS, 0, 0) if stream is None else stream.key_of(row)

    def drop_before(self, key: Key) -> None:
        """Drop the rows before ``key``, at once and whatever their number; new ones may be added behind it."""
        count = len(self.rows)
        while count > 0 and self.key_of(self.rows[count - 1]) >= key:
            count -= 1
        del self.rows[:count]
        first = self._first_rows(self.rows)
        for number, edges in self._edges.items():
            if number in first:
                self._edges[number] = edges._replace(back=self.streams[number].place_of(first[number]))
            else:
                self._edges[number] = Edges(Place(key), Place(key))
        self._backward = self._forward = None
        self.at_start = False

    def forget_before(self, index: int) -> int:
        """Drop rows far before ``index``; return how many."""
        excess = min(len(self.rows) - MAX_ROWS, index - MAX_ROWS // 2)
        if excess < ROWS_PER_READ:
            return 0
        del self.rows[:excess]
        first = self._first_rows(self.rows)
        for number, edges in self._edges.items():
            back = self.streams[number].place_of(first[number]) if number in first else edges.front
            self._edges[number] = edges._replace(back=back)
        self._backward, self.at_start = None, False
        return excess

    def forget_after(self, index: int) -> None:
        """Drop rows far after ``index``."""
        if len(self.rows) - MAX_ROWS < ROWS_PER_READ or index >= MAX_ROWS // 2:
            return
        del self.rows[MAX_ROWS:]
        last = self._first_rows(reversed(self.rows))
        for number, edges in self._edges.items():
            front = self.streams[number].place_after(last[number]) if number in last else edges.back
            self._edges[number] = edges._replace(front=front)
        self._forward, self.at_end = None, False

    def _first_rows(self, rows: Sequence[Row] | Iterator[Row]) -> Mapping[int, Row]:
        """Return the first of ``rows`` of each stream, by its number."""
        first = dict[int, Row]()
        for row in rows:
            if row.read_from is not None:  # else it was cut off
                first.setdefault(source_number(row), row)
            if len(first) == len(self.streams):
                break
        return first


def source_number(row: Row) -> int:
    """Return the number of the source of ``row``; 0 is the journal."""
    return 0 if row.placement is None else row.placement.source.number
