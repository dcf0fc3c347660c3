"""When how much was written: a few thousand samples of the journal, whatever its size."""

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

_MAX_SAMPLES = 8192  # samples: when there are more, two and two become one
_INITIAL_STRIDE_BYTES = 256  # bytes from one to the next, in the beginning: a line or two
_MAX_WARNINGS = 1024
_WARNING_MARKER = b"] WARNING: "
_STAMP_END = 35  # of ``[2026-11-24T03:14:07.123456789+0000``


class ActivityHistogram(NamedTuple):
    """A stretch of time in columns: lines in each, and in which there were warnings. Both ends in ns."""

    begin_ns: int
    end_ns: int
    counts: list[int]
    warning_columns: set[int]

    def column_at(self, ns: int) -> int | None:
        """The column that an instant is in, or None."""
        if not self.begin_ns <= ns <= self.end_ns:
            return None
        return (ns - self.begin_ns) * len(self.counts) // (self.end_ns - self.begin_ns + 1)


class ActivityIndex(LineCounter):
    """Counts all lines, and samples when they were written."""

    def __init__(self, journal: Journal) -> None:
        super().__init__(journal, LineFilter())
        self._samples: list[tuple[int, int]] = []  # (ns, lines from there to the next)
        self._stride_bytes = _INITIAL_STRIDE_BYTES
        self._ends_mid_line = False  # whether the last bytes ended in the middle of a line
        self._last_ns = 0  # ns: when the last line was written
        self._warning_times_ns: list[int] = []

    def histogram(self, columns: int, gap_ns: int) -> ActivityHistogram | None:
        """The time since the last pause of ``gap_ns``, in so many columns; None where nothing has a stamp."""
        if not self._samples or columns < 1:
            return None
        since = 0
        for at, (one, after) in enumerate(pairwise(self._samples), 1):
            if after[0] - one[0] > gap_ns:
                since = at
        times = [ns for ns, _ in self._samples[since:]]
        night = ActivityHistogram(min(times), max(*times, self._last_ns), [0] * columns, set())
        for ns, count in self._samples[since:]:
            if (column := night.column_at(ns)) is not None:
                night.counts[column] += count
        night.warning_columns.update(
            column for ns in self._warning_times_ns if (column := night.column_at(ns)) is not None
        )
        return night

    def _count_new_block(self, segment: Segment, block: Chunk) -> int:
        data = block.data
        if not self._samples:
            self._stride_bytes = max(_INITIAL_STRIDE_BYTES, 2 * self._every // _MAX_SAMPLES)
        begin = data.find(b"\n") + 1 if self._ends_mid_line else 0
        total = 1 if begin else 0  # the line that was cut
        self._ends_mid_line = not data.endswith(b"\n")
        while begin < len(data):
            after = data.find(b"\n", min(begin + self._stride_bytes, len(data) - 1)) + 1 or len(data)
            count = data.count(b"\n", begin, after)
            total += count
            if (ns := _parse_stamp_ns(data, begin)) is not None:
                self._samples.append((ns, count))
            begin = after
        self._last_ns = _parse_stamp_ns(data, data.rfind(b"\n", 0, -1) + 1) or self._last_ns
        for at in _find_all(data, _WARNING_MARKER):
            if (warned := _parse_stamp_ns(data, data.rfind(b"\n", 0, at) + 1)) is not None:
                self._warning_times_ns.append(warned)
        if len(self._warning_times_ns) > _MAX_WARNINGS:
            del self._warning_times_ns[: -_MAX_WARNINGS // 2]
        while len(self._samples) > _MAX_SAMPLES:
            self._stride_bytes *= 2
            pairs = zip(self._samples[::2], [*self._samples[1::2], (0, 0)], strict=False)
            self._samples = [(one[0], one[1] + other[1]) for one, other in pairs]
        return total


def _parse_stamp_ns(data: bytes, begin: int) -> int | None:
    if data[begin : begin + 1] != b"[":
        return None
    stamp = Stamp.parse(data[begin + 1 : begin + _STAMP_END].decode("ascii", "replace"))
    return None if stamp is None else stamp.ns


def _find_all(data: bytes, needle: bytes) -> Iterator[int]:
    at = data.find(needle) if b"W" in data else -1  # one letter is searched ten times as fast as a word
    while at >= 0:
        yield at
        at = data.find(needle, at + 1)
