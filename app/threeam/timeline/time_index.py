"""The index of one file: its late lines, the steps of its clock, its gaps, found by one scan in file order.

A line is late if a line before it has a later timestamp. Without the late lines, the timestamps of a range of the file
never decrease, so the file can be bisected and merged without being sorted. A new range begins where the clock was
stepped back.
"""

from __future__ import annotations

import copy
from bisect import bisect_right
from collections.abc import Iterator
from operator import itemgetter
from threading import Lock
from typing import NamedTuple

from threeam.core.format.entry import BOM, NS_PER_S
from threeam.core.store.reader import Chunk, chunks_forward
from threeam.core.store.segment import Segment
from threeam.timeline.instant import Timestamp
from threeam.timeline.late_entries import LateEntries, LateEntry
from threeam.timeline.sorted_chunks import sorted_lines
from threeam.timeline.timestamp_reader import TimestampReader

GAP_NS = 300 * NS_PER_S  # a longer time without a line is a gap
_MIN_STEP_NS = 5 * NS_PER_S  # a smaller step back looks like lines that were flushed late
_LARGE_STEP_NS, _MIN_LARGE_STEP_LINES = 600 * NS_PER_S, 8  # no buffer is kept for that long
_MIN_STEP_LINES = 32  # in a row that go on from an earlier time: a step of the clock, and not a few late lines
_MIN_WRONG_NS = 86_400 * NS_PER_S  # one timestamp that is later by more is wrong, and the clock was not stepped


class ClockStep(NamedTuple):
    """A step of the clock: from the line at ``offset`` on, it is ``back_ns`` behind.

    It has shown the times from ``repeated_begin_ns`` to ``repeated_end_ns`` before the step, and shows them again.
    """

    offset: int
    back_ns: int
    repeated_begin_ns: int
    repeated_end_ns: int

    @property
    def is_one_wrong_stamp(self) -> bool:
        """True if one line alone has a time that is far ahead: the clock was right before."""
        return self.repeated_begin_ns == self.repeated_end_ns

    def repeats(self, ns: int) -> bool:
        """Return whether the clock has shown ``ns`` twice: a timestamp does not say which time it was."""
        return self.repeated_begin_ns <= ns <= self.repeated_end_ns


class Gap(NamedTuple):
    """A time without a line."""

    begin_ns: int
    end_ns: int

    @property
    def length_ns(self) -> int:
        """The length of the gap."""
        return self.end_ns - self.begin_ns


class TimeIndex:
    """The index of the lines of a file, up to ``end`` (an offset). All times are those of the lines, without a shift.

    ``sorted_ranges``: ranges of offsets in which all lines have timestamps at the same columns, which never decrease.
    ``has_huge_line``: a line is too long to be held in memory. ``lines``: lines that were scanned.
    ``stamped``: those with a timestamp. ``range_begins``: the offset at which each range begins. ``repeated_hours``:
    ranges of offsets that are in the second of two hours that local clocks show.
    """

    def __init__(self, segment: Segment, reader: TimestampReader) -> None:
        self._segment = segment
        self._reader = reader
        self._fold_reader = reader.with_fold(1) if reader.reads_local_time else None
        self.end = 0
        self.lines = 0
        self.stamped = 0
        self.first_ns: int | None = None
        self.newest_ns: int | None = None  # of the current range
        self.latest_ns: int | None = None  # of all
        self.resolution_ns = 0  # the finest of the timestamps; 0: no line has one
        self._largest_lateness_ns = 0  # of the late entries before the run
        self.range_begins = [0]
        self.sorted_ranges: list[tuple[int, int]] = []
        self.has_huge_line = False
        self.steps: list[ClockStep] = []
        self.gaps: list[Gap] = []
        self.repeated_hours: list[tuple[int, int | None]] = []
        self.late = LateEntries()
        self._run_begin = -1  # the first late entry since one that was not late; -1: the last entry was not late
        self._run_distance_ns = self._run_newest_ns = 0
        self._second_newest_ns = 0  # of the current range, before `newest_ns`
        self._adding = Lock()  # a snapshot is not taken between two facts about a chunk

    def scan(self, stop: int) -> Iterator[None]:
        """Scan up to ``stop``, the end of a line, in steps of a chunk. Raises OSError."""
        for chunk in chunks_forward(self._segment, self.end, stop):
            with self._adding:
                if not self._scan_sorted_chunk(chunk):
                    self._scan_lines(chunk)
                self.end = chunk.end
            yield

    def snapshot(self) -> TimeIndex:
        """Return a copy that stays as it is while another thread scans what is appended to the file."""
        with self._adding:
            taken = copy.copy(self)
            taken.range_begins, taken.sorted_ranges = self.range_begins[:], self.sorted_ranges[:]
            taken.steps, taken.gaps, taken.repeated_hours = self.steps[:], self.gaps[:], self.repeated_hours[:]
            taken.late = self.late.snapshot()
        return taken

    def is_sorted(self, begin: int, end: int) -> bool:
        """Return whether the offsets ``begin`` to ``end`` are in one of the `sorted_ranges`."""
        index = bisect_right(self.sorted_ranges, begin, key=itemgetter(0)) - 1
        return index >= 0 and end <= self.sorted_ranges[index][1]

    def reader_at(self, offset: int) -> TimestampReader:
        """Return the reader for the line at ``offset``."""
        if self._fold_reader is not None:
            for begin, end in self.repeated_hours:
                if begin <= offset and (end is None or offset < end):
                    return self._fold_reader
        return self._reader

    def range_of(self, offset: int) -> int:
        """Return the number of the range that has the line at ``offset``."""
        return bisect_right(self.range_begins, offset) - 1

    def ahead_ns(self, offset: int) -> int:
        """Return by how much the clock may have been ahead when the line at ``offset`` was written."""
        later = (step for step in self.steps if step.offset > offset and not step.is_one_wrong_stamp)
        return sum(step.back_ns for step in later)

    def is_repeated(self, ns: int) -> bool:
        """Return whether the clock has shown ``ns`` twice."""
        return any(step.repeats(ns) for step in self.steps)

    @property
    def possible_step(self) -> LateEntry | None:
        """The first of the last entries if they may come after a step of the clock that too few lines prove."""
        if self._run_begin < 0 or self._run_distance_ns < _MIN_STEP_NS:
            return None
        return self.late.from_index(self._run_begin)[0]

    @property
    def largest_lateness_ns(self) -> int:
        """The lateness of the latest of the late entries."""
        run = self.late.from_index(self._run_begin) if self._run_begin >= 0 else ()
        return max(self._largest_lateness_ns, max((late.lateness_ns for late in run), default=0))

    @property
    def late_count(self) -> int:
        """The number of late entries."""
        return len(self.late)

    # The scan.

    def _scan_sorted_chunk(self, chunk: Chunk) -> bool:
        """Scan a chunk whose timestamps never decrease; return False if it is not one. Only a few are read."""
        reader = self.reader_at(chunk.start)
        lines = sorted_lines(reader, chunk) if self._run_begin < 0 else None
        if lines is None:
            return False
        first, last = reader.read(lines[0]), reader.read(lines[-1])
        if first is None or last is None or (self.newest_ns is not None and first.ns < self.newest_ns):
            return False
        self._note_resolution(first.resolution_ns)
        begin = self.sorted_ranges.pop()[0] if self.is_sorted(chunk.start - 1, chunk.start) else chunk.start
        self.sorted_ranges.append((begin, chunk.end))
        self._note_gap(first.ns)
        self._note_gaps_between(lines, 0, len(lines) - 1)
        self.lines += len(lines)
        self.stamped += len(lines)
        if self.first_ns is None:
            self.first_ns = first.ns
        self._end_repeated_hour(lines[-1], chunk.end)
        self.newest_ns = self._second_newest_ns = last.ns
        self.latest_ns = last.ns if self.latest_ns is None else max(self.latest_ns, last.ns)
        return True

    def _note_gaps_between(self, lines: list[bytes], low: int, high: int) -> None:
        """Note the gaps between two lines of a sorted chunk: only a part that takes long can have one."""
        first, last = self._read(lines[low], 0), self._read(lines[high], 0)
        if first is None or last is None or last.ns - first.ns < GAP_NS:
            return
        if high - low == 1:
            self.gaps.append(Gap(first.ns, last.ns))
            return
        middle = (low + high) // 2
        self._note_gaps_between(lines, low, middle)
        self._note_gaps_between(lines, middle, high)

    def _scan_lines(self, chunk: Chunk) -> None:
        self.has_huge_line = self.has_huge_line or chunk.omitted_bytes > 0
        offset, lines = chunk.start, chunk.data.split(b"\n")
        if not lines[-1]:
            lines.pop()
        for raw in lines:
            self.lines += 1
            timestamp = self._read(raw, offset)
            if timestamp is not None:
                self._note_resolution(timestamp.resolution_ns)
                self._add(timestamp.ns, raw, offset)
            offset += len(raw) + 1

    def _read(self, raw: bytes, offset: int) -> Timestamp | None:
        raw = raw.removesuffix(b"\r") if offset else raw.removesuffix(b"\r").removeprefix(BOM)
        return self.reader_at(offset).read(raw)

    def _add(self, ns: int, raw: bytes, offset: int) -> None:
        """Add an entry with the timestamp ``ns``."""
        self.stamped += 1
        if self.first_ns is None:
            self.first_ns = ns
        if self._fold_reader is not None:
            ns = self._resolve_repeated_hour(ns, raw, offset)
        self._note_gap(ns)
        self.latest_ns = ns if self.latest_ns is None else max(self.latest_ns, ns)
        if self.newest_ns is None or ns >= self.newest_ns:
            self._end_run()
            if self.newest_ns is not None:
                self._second_newest_ns = self.newest_ns
            self.newest_ns = ns
            return
        self._add_late(LateEntry(ns, offset, self.newest_ns - ns))
        if self._is_clock_step():
            self._begin_range()

    def _add_late(self, late: LateEntry) -> None:
        ends_run = self._run_newest_ns - late.ns > self._run_distance_ns // 4  # not a clock that goes on
        if self._run_begin >= 0 and ends_run:
            self._end_run()
        if self._run_begin < 0:
            self._run_begin, self._run_distance_ns, self._run_newest_ns = len(self.late), late.lateness_ns, late.ns
        self._run_newest_ns = max(self._run_newest_ns, late.ns)
        self.late.add(late)

    def _end_run(self) -> None:
        if self._run_begin >= 0:
            self._largest_lateness_ns = self.largest_lateness_ns
            self._run_begin = -1

    def _is_clock_step(self) -> bool:
        min_lines = _MIN_STEP_LINES if self._run_distance_ns < _LARGE_STEP_NS else _MIN_LARGE_STEP_LINES
        return self._run_distance_ns >= _MIN_STEP_NS and len(self.late) - self._run_begin >= min_lines

    def _begin_range(self) -> None:
        """Take the run of late entries as the beginning of a new range, after a step of the clock."""
        entries = self.late.from_index(self._run_begin)
        self.late.cut(self._run_begin)
        self.steps.append(self._clock_step(entries[0]))
        self.range_begins.append(entries[0].offset)
        self.newest_ns, self._run_begin = None, -1
        for ns, offset, _ in entries:
            if self.newest_ns is None or ns >= self.newest_ns:
                self._end_run()
                self.newest_ns = ns
            else:
                self._add_late(LateEntry(ns, offset, self.newest_ns - ns))

    def _clock_step(self, first: LateEntry) -> ClockStep:
        """Return the step before ``first``."""
        before_ns = first.ns + first.lateness_ns
        is_one_wrong_stamp = first.lateness_ns >= _MIN_WRONG_NS and self._second_newest_ns <= first.ns
        return ClockStep(first.offset, first.lateness_ns, before_ns if is_one_wrong_stamp else first.ns, before_ns)

    def _resolve_repeated_hour(self, ns: int, raw: bytes, offset: int) -> int:
        """Return the time of a line in an hour that local clocks show twice: in file order the second one follows."""
        assert self._fold_reader is not None
        is_open = bool(self.repeated_hours) and self.repeated_hours[-1][1] is None
        second = self._fold_reader.read(raw)
        if second is None or self.newest_ns is None:
            return ns
        first = self._reader.read(raw)
        if first is None or second.ns == first.ns:  # not in such an hour
            if is_open and ns > self.newest_ns:
                self.repeated_hours[-1] = (self.repeated_hours[-1][0], offset)
            return ns
        if not is_open and self.newest_ns - first.ns > (second.ns - first.ns) // 2:
            self.repeated_hours.append((offset, None))
            return second.ns
        return ns

    def _note_resolution(self, resolution_ns: int) -> None:
        if not self.resolution_ns or resolution_ns < self.resolution_ns:
            self.resolution_ns = resolution_ns

    def _end_repeated_hour(self, raw: bytes, offset: int) -> None:
        """End the second of two hours at ``offset`` if the line before it is later."""
        if self._fold_reader is not None and self.repeated_hours and self.repeated_hours[-1][1] is None:
            first, second = self._reader.read(raw), self._fold_reader.read(raw)
            if first == second:
                self.repeated_hours[-1] = (self.repeated_hours[-1][0], offset)

    def _note_gap(self, ns: int) -> None:
        if self.newest_ns is not None and ns - self.newest_ns >= GAP_NS:
            self.gaps.append(Gap(self.newest_ns, ns))
