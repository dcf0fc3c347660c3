"""The clock of a mirrored journal on the timeline: one shift for all of its lines, and a bound for each of them.

The shift is that of the last measurement when the journal was opened, or of the first one after that, so lines do not
move. At another time the clock was ahead by more or less: that is part of the bound of the lines of that time.
"""

from __future__ import annotations

import os
import time
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

from threeam.core.store.journal import Journal
from threeam.team.clocks.clock_offset import Span
from threeam.team.clocks.host_clocks import HostClock, clock_of, clock_path
from threeam.timeline.instant import ClockCorrection

_PERIOD_NS = 10 * 10**9  # lines within this time have one bound
_LOOK_S = 0.5  # s; between two looks at the file of the measurements
_MAX_PERIODS = 100_000
_NOT_ASKED = -1  # no bound is negative


class _Measured(NamedTuple):
    """The spans in the order of their beginnings, by the clock of that host.

    ``last_ended``: of the spans before the one with this index, the one that ends last. ``bounds``: by the number of
    the period, as far as they were asked for.
    """

    spans: list[Span]
    begins: list[int]
    last_ended: list[Span]
    longest_ns: int
    bounds: dict[int, int | None]


class MirrorClock:
    """The clock of an origin as it was measured from here, and is being measured. Construction raises `FileUnusable`.

    ``correction``: that of the time of a measurement; its bound is None until there is one. Any thread may ask.
    """

    def __init__(self, journal: Journal, origin_id: str) -> None:
        self._journal, self._origin_id = journal, origin_id
        self.correction = ClockCorrection(0, None)
        self._measured = _Measured([], [], [], 0, {})  # replaced as a whole
        self._looked_s, self._seen = 0.0, tuple[int, ...]()
        self._look()

    def bound_at(self, ns: int) -> int | None:
        """Return how wrong the shift is at most for a stamp ``ns`` of that host; None if nothing was measured."""
        if time.monotonic() - self._looked_s > _LOOK_S:
            self._look()
        measured, period = self._measured, ns // _PERIOD_NS
        bound_ns = measured.bounds.get(period, _NOT_ASKED)
        if bound_ns == _NOT_ASKED:
            if len(measured.bounds) >= _MAX_PERIODS:
                measured.bounds.clear()
            bound_ns = self._measured_bound(measured, period * _PERIOD_NS, (period + 1) * _PERIOD_NS)
            measured.bounds[period] = bound_ns
        return bound_ns

    def _measured_bound(self, measured: _Measured, begin_ns: int, end_ns: int) -> int | None:
        first = bisect_left(measured.begins, begin_ns - measured.longest_ns)
        near = measured.spans[first : bisect_right(measured.begins, end_ns) + 1]
        clock = HostClock((*measured.last_ended[first : first + 1], *near))
        bounds = []
        # In a pause the nearest span counts: the bound is largest at an end of the period, or in the middle of a pause.
        times = [begin_ns, end_ns - 1, *(ns for ns in _middles_of_pauses(clock.spans) if begin_ns <= ns < end_ns)]
        for begin, end in ((begin_ns, end_ns), *((ns, ns + 1) for ns in times)):
            shift_ns, bound_ns = clock.correction(begin, end)  # if nothing was measured, that of the nearest span
            if bound_ns is None:
                return None
            bounds.append(bound_ns + abs(shift_ns - self.correction.shift_ns))
        return max(bounds)

    def _look(self) -> None:
        """Read the measurements if there are new ones."""
        self._looked_s = time.monotonic()
        try:
            status = os.stat(clock_path(self._journal, self._origin_id))
        except FileNotFoundError:
            return
        seen = (status.st_ino, status.st_size, status.st_mtime_ns)
        if seen != self._seen:
            self._seen = seen
            self._take(clock_of(self._journal, self._origin_id).spans)

    def _take(self, measured: tuple[Span, ...]) -> None:
        if measured and self.correction.bound_ns is None:
            last_ns = measured[-1].end_ns + measured[-1].offset.middle_ns
            self.correction = HostClock(measured[-1:]).correction(last_ns, last_ns)
        spans = sorted(measured, key=_begin_ns)
        self._measured = _Measured(
            spans,
            [_begin_ns(span) for span in spans],
            [*spans[:1], *accumulate(spans, _later_ended)],
            max((_end_ns(span) - _begin_ns(span) for span in spans), default=0),
            {},
        )


def _middles_of_pauses(spans: Sequence[Span]) -> Iterator[int]:
    """Yield the times in the middle of each pause between ``spans``; on each side of it, another span is nearer."""
    reached_ns: int | None = None
    for span in sorted(spans, key=_begin_ns):
        if reached_ns is not None and _begin_ns(span) > reached_ns:
            middle_ns = (reached_ns + _begin_ns(span)) // 2
            yield from (middle_ns - 1, middle_ns, middle_ns + 1)
        reached_ns = _end_ns(span) if reached_ns is None else max(reached_ns, _end_ns(span))


def _begin_ns(span: Span) -> int:
    """Return the earliest time by the other clock at which ``span`` begins."""
    return span.begin_ns + span.offset.low_ns


def _end_ns(span: Span) -> int:
    return span.end_ns + span.offset.high_ns


def _later_ended(span: Span, other: Span) -> Span:
    return max(span, other, key=_end_ns)
