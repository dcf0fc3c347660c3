"""When lines were written: a few thousand samples of the journal, whatever its size, and a histogram of them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from threeam.core.format.entry import Stamp
from threeam.core.store.filters import LineFilter
from threeam.core.store.journal import Journal
from threeam.core.store.reader import Chunk
from threeam.core.store.segment import Segment
from threeam.tui.line_counter import LineCounter

_MAX_SAMPLES = 8192  # with more, each two become one
_INITIAL_STRIDE_BYTES = 256  # from one sample to the next: a line or two
_MAX_WARNINGS = 1024
_WARNING_MARKER = b"] WARNING: "
_STAMP_END = 35  # of ``[2026-11-24T03:14:07.123456789+0000``


class ActivityHistogram(NamedTuple):
    """A period of time in columns: the number of lines in each, and the columns with warnings. Both ends in ns."""

    begin_ns: int
    end_ns: int
    counts: list[int]
    warning_columns: set[int]

    def column_at(self, ns: int) -> int | None:
        """Return the column that contains the time ``ns``, or None."""
        if not self.begin_ns <= ns <= self.end_ns:
            return None
        return (ns - self.begin_ns) * len(self.counts) // (self.end_ns - self.begin_ns + 1)


class ActivityIndex(LineCounter):
    """Counts all lines, and samples when they were written."""

    def __init__(self, journal: Journal) -> None:
        super().__init__(journal, LineFilter())
        self._samples: list[tuple[int, int]] = []  # (time in ns, number of lines from there to the next sample)
        self._stride_bytes = _INITIAL_STRIDE_BYTES
        self._ends_mid_line = False  # whether the last chunk ended inside a line
        self._last_ns = 0  # the time of the last line
        self._warning_times_ns: list[int] = []

    def histogram(self, columns: int, gap_ns: int) -> ActivityHistogram | None:
        """Return the time since the last pause of ``gap_ns`` in ``columns`` columns; None if no line has a stamp."""
        if not self._samples or columns < 1:
            return None
        first = 0
        for index, ((ns, _), (next_ns, _)) in enumerate(pairwise(self._samples), 1):
            if next_ns - ns > gap_ns:
                first = index
        samples = self._samples[first:]
        times_ns = [ns for ns, _ in samples]
        histogram = ActivityHistogram(min(times_ns), max(*times_ns, self._last_ns), [0] * columns, set())
        for ns, count in samples:
            column = histogram.column_at(ns)
            if column is not None:
                histogram.counts[column] += count
        for ns in self._warning_times_ns:
            column = histogram.column_at(ns)
            if column is not None:
                histogram.warning_columns.add(column)
        return histogram

    def _count_new_chunk(self, segment: Segment, chunk: Chunk) -> int:
        if not self._samples:
            self._stride_bytes = max(_INITIAL_STRIDE_BYTES, 2 * self._bytes_to_count // _MAX_SAMPLES)
        total = self._sample_lines(chunk.data)
        self._last_ns = _parse_stamp_ns(chunk.data, chunk.data.rfind(b"\n", 0, -1) + 1) or self._last_ns
        self._add_warnings(chunk.data)
        self._thin_samples()
        return total

    def _sample_lines(self, data: bytes) -> int:
        """Add a sample for each stride of ``data``; return the number of lines in it."""
        begin = data.find(b"\n") + 1 if self._ends_mid_line else 0
        total = 1 if begin else 0  # the line that began in the last chunk
        self._ends_mid_line = not data.endswith(b"\n")
        while begin < len(data):
            end = data.find(b"\n", min(begin + self._stride_bytes, len(data) - 1)) + 1 or len(data)
            count = data.count(b"\n", begin, end)
            total += count
            ns = _parse_stamp_ns(data, begin)
            if ns is not None:
                self._samples.append((ns, count))
            begin = end
        return total

    def _add_warnings(self, data: bytes) -> None:
        for index in _find_all(data, _WARNING_MARKER):
            ns = _parse_stamp_ns(data, data.rfind(b"\n", 0, index) + 1)
            if ns is not None:
                self._warning_times_ns.append(ns)
        if len(self._warning_times_ns) > _MAX_WARNINGS:
            del self._warning_times_ns[: -_MAX_WARNINGS // 2]

    def _thin_samples(self) -> None:
        """Join each two samples into one, until there are not too many."""
        while len(self._samples) > _MAX_SAMPLES:
            self._stride_bytes *= 2
            pairs = zip(self._samples[::2], [*self._samples[1::2], (0, 0)], strict=False)
            self._samples = [(ns, count + next_count) for (ns, count), (_, next_count) in pairs]


def _parse_stamp_ns(data: bytes, begin: int) -> int | None:
    if data[begin : begin + 1] != b"[":
        return None
    stamp = Stamp.parse(data[begin + 1 : begin + _STAMP_END].decode("ascii", "replace"))
    return None if stamp is None else stamp.ns


def _find_all(data: bytes, needle: bytes) -> Iterator[int]:
    index = data.find(needle) if b"W" in data else -1  # to search for one byte is ten times as fast as for a word
    while index >= 0:
        yield index
        index = data.find(needle, index + 1)
