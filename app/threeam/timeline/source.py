"""A log of another program on the timeline: its lines, in the order of their corrected timestamps.

Nothing is read but the lines that are asked for. The file is read in file order, and lines that were written late are
put where their timestamps say. With a `TimeIndex` of the file that is exact, whatever their lateness; without one it is
exact for lines up to `_LAZY_HOLD_NS` late.
"""

from __future__ import annotations

import copy
import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, dropwhile
from typing import NamedTuple

from threeam.core.format.entry import BOM, NS_PER_S
from threeam.core.store.reader import (
    Line,
    find_line_begin_between,
    lines_backward,
    lines_forward,
)
from threeam.core.store.segment import Segment
from threeam.timeline.detect import Detection
from threeam.timeline.files import MeasuredClock, OpenedFile
from threeam.timeline.instant import ClockCorrection, Interval, Timestamp
from threeam.timeline.order import ClockRange, OrderFacts
from threeam.timeline.reorder import in_backward_order_of_time, in_order_of_time
from threeam.timeline.time_index import TimeIndex

FIRST_NS, LAST_NS = -(2**63), 2**63 - 1  # before and after every instant
_LAZY_HOLD_NS = 2 * NS_PER_S  # how late a line may be to get its place without an index
_LINEAR_SCAN_BYTES = 16 * 1024
_PROBE_BYTES = 4 * 1024
_ENTRY_BYTES, _ENTRY_GROWTH = 4 * 1024, 8  # the first read of an entry, and how much larger each next one is
_MAX_WAITING_LINES = 1000  # lines without a timestamp that are kept until the entry before them is found


class Key(NamedTuple):
    """The place of a line on the timeline: lines of one instant are in the order of their sources and their bytes."""

    ns: int
    source: int = -1
    generation: int = 0
    offset: int = 0


FIRST_KEY, LAST_KEY = Key(FIRST_NS), Key(LAST_NS)


class PlacedLine(NamedTuple):
    """A line on the timeline.

    ``timestamp``: that of its entry, as the file states it; None if the file has no timestamps. ``ns``: the corrected
    instant by which it is placed. ``lateness_ns``: how much earlier its timestamp is than one that was written before
    it; 0 if the source has no index. ``is_continuation``: it has no timestamp, and belongs to the entry before it.
    """

    line: Line
    source: Source
    timestamp: Timestamp | None
    ns: int
    lateness_ns: int = 0
    is_continuation: bool = False

    @property
    def key(self) -> Key:
        """The place of the line on the timeline."""
        return Key(self.ns, self.source.number, self.source.generation, self.line.offset)

    @property
    def interval(self) -> Interval | None:
        """The time in which the entry was stamped; None if that is not known."""
        return None if self.timestamp is None else self.correction.interval_of(self.timestamp)

    @property
    def correction(self) -> ClockCorrection:
        """The correction of the clock when the entry was stamped."""
        return self.source.correction_at(self)

    @property
    def order_facts(self) -> OrderFacts:
        """The facts from which the order of the line follows."""
        clock_range = self.source.clock_range_of(self.line)
        return OrderFacts(self.source.number, self.ns, clock_range, self.interval, self.is_continuation)


class Source:
    """A file on the timeline.

    ``number``: its place in the command line, from 0. ``generation``: the number of files that the program has written
    before this one, since it was opened. ``detection``: the format of its timestamps; None: the lines have
    none, and stand before the timeline in file order. ``end``: the lines are read up to here. ``index``: None until the
    whole file was scanned. ``detector``: finds the format from lines that come later.
    """

    def __init__(
        self, name: str, number: int, file: OpenedFile, detection: Detection | None, correction: ClockCorrection
    ) -> None:
        self.name = name
        self.number = number
        self.generation = 0
        self.file = file
        self.segment = segment = file.segment
        self.detection = detection
        self.correction = correction
        self.end = segment.size()
        self.index: TimeIndex | None = None
        self.detector: Callable[[Sequence[bytes]], Detection | None] = lambda samples: None

    def continued_in(self, segment: Segment) -> Source:
        """Return the source for the next file of the same program, after a rotation or a truncation: still empty."""
        source = Source(self.name, self.number, self.file._replace(segment=segment), self.detection, self.correction)
        source.end, source.generation, source.detector = 0, self.generation + 1, self.detector
        if self.index is not None:
            source.make_index()
        return source

    def snapshot(self) -> Source:
        """Return a copy that stays as it is while this file is followed: its lines are those of its index."""
        taken = copy.copy(self)
        if self.index is not None:
            taken.index = self.index.snapshot()
            taken.end = taken.index.end
        return taken

    def make_index(self) -> TimeIndex | None:
        """Return an index of the whole file, and keep it; None if its lines have no timestamps. Raises OSError."""
        if self.index is None and self.detection is not None:
            index = TimeIndex(self.segment, self.detection.reader)
            for _ in index.scan(self.end):
                pass
            self.index = index
        return self.index

    def ranges(self) -> list[tuple[int, int]]:
        """Return the ranges of offsets between which the clock was stepped back."""
        begins = list(self.index.range_begins) if self.index is not None else [0]  # a scan may add one meanwhile
        return list(zip(begins, [*begins[1:], self.end], strict=True))

    @property
    def measured_clock(self) -> MeasuredClock | None:
        """The clock that is measured; None if it is not measured, or if the user or the journal has said how it is."""
        clock = self.file.clock
        return clock if clock is not None and self.correction == clock.correction else None

    def correction_at(self, placed: PlacedLine) -> ClockCorrection:
        """Return the correction of the clock when the entry of ``placed`` was stamped, with what its digits hide.

        A step back sets a clock right. It may have been ahead by as much, at any time before. If it has shown a time
        twice, the timestamp does not say which time it was, and the correction has no bound.
        """
        index, detection, timestamp = self.index, self.detection, placed.timestamp
        shift_ns, bound_ns = self.correction
        if timestamp is not None and (clock := self.measured_clock) is not None:
            bound_ns = clock.bound_at(timestamp.ns)
        if detection is None or bound_ns is None or timestamp is None:
            return ClockCorrection(shift_ns, bound_ns)
        bound_ns += detection.reader.place.rounding_ns
        has_both_hours = index is not None and bool(index.repeated_hours)
        if not has_both_hours and detection.reader.is_hour_repeated(timestamp.ns):
            return ClockCorrection(shift_ns, None)  # the file does not show which of the two hours it was
        if index is None or not index.steps:
            return ClockCorrection(shift_ns, bound_ns)
        if index.is_repeated(timestamp.ns):
            return ClockCorrection(shift_ns, None)
        return ClockCorrection(shift_ns, bound_ns + index.ahead_ns(placed.line.offset))

    @property
    def is_truncated(self) -> bool:
        """True if the file has become shorter than it was when it was opened."""
        return self.segment.size() < self.end

    def clock_range_of(self, line: Line) -> ClockRange:
        """Return the range that has ``line``: after each step of the clock another one begins."""
        if self.index is None:
            return ClockRange(self.generation)
        index = self.index
        return ClockRange(self.generation, index.range_of(line.offset), bool(index.steps), index.late_count > 0)

    # Lines in the order of the timeline.

    def lines_after(self, key: Key) -> Iterator[PlacedLine]:
        """Yield the lines whose place is after ``key``, in their order. Raises OSError."""
        if self.detection is None:
            in_order: Iterable[PlacedLine] = self._unplaced_lines_after(key)
        elif self.index is None:
            begin = self.offset_before(0, self.end, key.ns - self.correction.shift_ns - _LAZY_HOLD_NS)
            in_order = in_order_of_time(self._placed_forward(begin, self.end), _LAZY_HOLD_NS)
        else:
            streams = list(self._indexed_streams_after(self.index, key))
            in_order = streams[0] if len(streams) == 1 else heapq.merge(*streams, key=lambda placed: placed.key)
        return dropwhile(lambda placed: placed.key <= key, in_order)

    def lines_before(self, key: Key) -> Iterator[PlacedLine]:
        """Yield the lines whose place is before ``key``, the last one first. Raises OSError."""
        if self.detection is None:
            in_order: Iterable[PlacedLine] = self._unplaced_lines_before(key)
        elif self.index is None:
            end = self._offset_after(0, self.end, key.ns - self.correction.shift_ns + _LAZY_HOLD_NS)
            in_order = in_backward_order_of_time(self._placed_backward(0, end), _LAZY_HOLD_NS)
        else:
            streams = list(self._indexed_streams_before(self.index, key))
            in_order = (
                streams[0] if len(streams) == 1 else heapq.merge(*streams, key=lambda placed: placed.key, reverse=True)
            )
        return dropwhile(lambda placed: placed.key >= key, in_order)

    def _unplaced_lines_after(self, key: Key) -> Iterator[PlacedLine]:
        if key.ns > FIRST_NS:
            return
        begin = max(0, key.offset) if key[:3] == (FIRST_NS, self.number, self.generation) else 0
        for line in lines_forward(self.segment, begin, self.end):
            yield PlacedLine(line, self, None, FIRST_NS)

    def _unplaced_lines_before(self, key: Key) -> Iterator[PlacedLine]:
        own_key = Key(FIRST_NS, self.number, self.generation)
        end = key.offset if key[:3] == own_key[:3] else self.end
        if key > own_key:
            for line in lines_backward(self.segment, end):
                yield PlacedLine(line, self, None, FIRST_NS)

    def _indexed_streams_after(self, index: TimeIndex, key: Key) -> Iterator[Iterator[PlacedLine]]:
        """Yield the lines of each range from ``key`` on: those that are not late, and those that are."""
        ns = key.ns - self.correction.shift_ns
        for begin, end in self.ranges():
            first = self.offset_before(begin, end, ns)
            yield self._without_late(index, self._placed_forward(first, end))
            if index.late_count:
                entries = index.late.since(ns, begin, end)
                yield chain.from_iterable(self._late_lines(late.offset) for late in entries)

    def _indexed_streams_before(self, index: TimeIndex, key: Key) -> Iterator[Iterator[PlacedLine]]:
        ns = key.ns - self.correction.shift_ns
        for begin, end in self.ranges():
            last = self._offset_after(begin, end, ns)
            yield self._without_late(index, self._placed_backward(begin, last))
            if index.late_count:
                entries = index.late.until(ns, begin, end)
                yield chain.from_iterable(self._late_lines(late.offset)[::-1] for late in entries)

    def _without_late(self, index: TimeIndex, lines: Iterator[PlacedLine]) -> Iterator[PlacedLine]:
        if not index.late_count:
            return lines
        return (placed for placed in lines if not placed.lateness_ns)

    def _late_lines(self, offset: int) -> list[PlacedLine]:
        """Return the lines of the entry at ``offset``: the first one, and those that continue it."""
        return list(self._placed_forward(offset, self.entry_end(offset)))

    def entry_end(self, offset: int) -> int:
        """Return the end of the entry that begins at ``offset``, with the lines that continue it. Raises OSError."""
        size = _ENTRY_BYTES
        while True:
            stop = min(self.end, offset + size)
            for line in lines_forward(self.segment, offset, stop):
                if not line.finished and stop < self.end:  # it was cut: read more
                    break
                if line.offset > offset and self.read_timestamp(line) is not None:
                    return line.offset
            if stop == self.end:
                return stop
            size *= _ENTRY_GROWTH

    # Lines in the order of the file.

    def lines_in_file_order(self, begin: int = 0, end: int | None = None) -> Iterator[PlacedLine]:
        """Yield the lines from ``begin``, the beginning of a line, to ``end``, as they were written."""
        return self._placed_forward(begin, self.end if end is None else end)

    def lines_in_file_order_backward(self, end: int) -> Iterator[PlacedLine]:
        """Yield the lines that begin before ``end``, the last one first."""
        return self._placed_backward(0, end)

    def read_timestamp(self, line: Line) -> Timestamp | None:
        """Return the timestamp of ``line``, or None if it has none."""
        if self.detection is None:
            return None
        raw = line.raw if line.offset else line.raw.removeprefix(BOM)
        reader = self.detection.reader if self.index is None else self.index.reader_at(line.offset)
        return reader.read(raw)

    def place(self, line: Line) -> PlacedLine:
        """Return the place of ``line``, whose entry may be before it. Raises OSError."""
        return next(self._placed_backward(0, line.end))

    def _placed(self, line: Line, timestamp: Timestamp | None, entry_offset: int) -> PlacedLine:
        if timestamp is None:
            return PlacedLine(line, self, None, FIRST_NS)
        lateness_ns = self.index.late.lateness_at(entry_offset) if self.index is not None else 0
        ns = timestamp.ns + self.correction.shift_ns
        return PlacedLine(line, self, timestamp, ns, lateness_ns, line.offset > entry_offset)

    def _placed_forward(self, begin: int, end: int) -> Iterator[PlacedLine]:
        """Yield the lines between two offsets. Lines before the first entry of the file belong to that entry."""
        timestamp, entry_offset = None, begin
        for line in lines_forward(self.segment, begin, end):
            own = self.read_timestamp(line)
            if own is not None:
                timestamp, entry_offset = own, line.offset
            elif timestamp is None and line.offset == begin:
                timestamp, entry_offset = self._entry_from(begin)
            yield self._placed(line, timestamp, entry_offset)

    def _placed_backward(self, begin: int, end: int) -> Iterator[PlacedLine]:
        """Yield the lines between two offsets, the last one first."""
        waiting = list[Line]()
        for line in lines_backward(self.segment, end):
            if line.offset < begin:
                break
            timestamp = self.read_timestamp(line)
            waiting.append(line)
            if timestamp is not None:
                yield from (self._placed(later, timestamp, line.offset) for later in waiting)
                waiting.clear()
            elif len(waiting) >= _MAX_WAITING_LINES:
                yield from self._continued_backward(waiting, begin)
                return
        timestamp, entry_offset = self._entry_from(begin)
        yield from (self._placed(line, timestamp, entry_offset) for line in waiting)

    def _continued_backward(self, waiting: list[Line], begin: int) -> Iterator[PlacedLine]:
        """Yield many lines without a timestamp, and those before them: their entry is looked up first."""
        timestamp, entry_offset = self._entry_before(waiting[-1].offset, begin)
        yield from (self._placed(line, timestamp, entry_offset) for line in waiting)
        for line in lines_backward(self.segment, waiting[-1].offset):
            if line.offset < begin:
                return
            yield self._placed(line, timestamp, entry_offset)
            if line.offset == entry_offset:
                yield from self._placed_backward(begin, entry_offset)
                return

    def _entry_before(self, offset: int, begin: int) -> tuple[Timestamp | None, int]:
        """Return the timestamp and the offset of the last entry before ``offset``; else of the first one after it."""
        for line in lines_backward(self.segment, offset):
            if line.offset < begin:
                break
            if (timestamp := self.read_timestamp(line)) is not None:
                return timestamp, line.offset
        return self._entry_from(begin)

    def _entry_from(self, begin: int) -> tuple[Timestamp | None, int]:
        """Return the timestamp and the offset of the first entry from ``begin`` on."""
        for line in lines_forward(self.segment, begin, self.end):
            if (timestamp := self.read_timestamp(line)) is not None:
                return timestamp, line.offset
        return None, begin

    # Bisection.

    def offset_before(self, begin: int, end: int, ns: int) -> int:
        """Return the offset of a line such that no line before it, from ``begin`` on, is stamped ``ns`` or later.

        Late lines do not count if the index is known.
        """
        low, high = begin, end
        while high - low > _LINEAR_SCAN_BYTES:
            middle = (low + high) // 2
            probe = self._probe(middle, high)
            if probe is None or probe.ns - self.correction.shift_ns >= ns:
                high = middle
            else:
                low = probe.line.offset
        return low

    def _offset_after(self, begin: int, end: int, ns: int) -> int:
        """Return the offset of a line such that it and all lines after it, up to ``end``, are stamped after ``ns``."""
        low, high = begin, end
        while high - low > _LINEAR_SCAN_BYTES:
            middle = (low + high) // 2
            probe = self._probe(middle, high)
            if probe is None or probe.ns - self.correction.shift_ns > ns:
                high = middle
            else:
                low = probe.line.offset
        for placed in self._placed_forward(low, end):
            if (
                placed.timestamp is not None
                and not placed.is_continuation
                and not placed.lateness_ns
                and placed.timestamp.ns > ns
            ):
                return placed.line.offset
        return end

    def _probe(self, middle: int, high: int) -> PlacedLine | None:
        """Return the first entry that begins between two offsets and is not known to be late, or None."""
        start = find_line_begin_between(self.segment, middle - 1, high) if middle > 0 else 0
        if start is None:
            return None
        near = min(high, start + _PROBE_BYTES)  # nearly always enough: a bisection reads little
        finished = (line for line in lines_forward(self.segment, start, near) if line.finished)
        for line in chain(finished, lines_forward(self.segment, start, high)):
            if (timestamp := self.read_timestamp(line)) is not None:
                placed = self._placed(line, timestamp, line.offset)
                if not placed.lateness_ns:
                    return placed
        return None
