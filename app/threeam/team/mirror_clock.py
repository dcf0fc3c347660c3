"""The clock of a mirrored journal on the timeline: one shift for all of its lines, and a bound for each of them.

The shift is that of the last measurement when the journal was opened, or of the first one after that, so lines do not
move. At another time the clock was ahead by more or less: that is part of the bound of the lines of that time.
"""

from __future__ import annotations

import os
import time
from bisect import bisect_left, bisect_right

from threeam.core.store.journal import Journal
from threeam.team.clock_offset import Span
from threeam.team.host_clocks import HostClock, clock_of, clock_path
from threeam.timeline.instant import ClockCorrection

_PERIOD_NS = 10 * 10**9  # lines within this time have one bound
_LOOK_S = 0.5  # s; between two looks at the file of the measurements
_MAX_PERIODS = 100_000


class MirrorClock:
    """The clock of an origin as it was measured from here, and is being measured. Construction raises `FileUnusable`.

    ``correction``: that of the time of a measurement; its bound is None until there is one.
    """

    def __init__(self, journal: Journal, origin_id: str) -> None:
        self._journal, self._origin_id = journal, origin_id
        self.correction = ClockCorrection(0, None)
        self._spans: list[Span] = []  # by the clock of that host
        self._begins: list[int] = []
        self._longest_ns = 0
        self._bounds: dict[int, int | None] = {}  # by the number of the period
        self._looked_s, self._seen = 0.0, tuple[int, ...]()
        self._look()

    def bound_at(self, ns: int) -> int | None:
        """Return how wrong the shift is at most for a stamp ``ns`` of that host; None if nothing was measured."""
        if time.monotonic() - self._looked_s > _LOOK_S:
            self._look()
        period = ns // _PERIOD_NS
        if period not in self._bounds:
            if len(self._bounds) >= _MAX_PERIODS:
                self._bounds = {}
            self._bounds[period] = self._measured_bound(period * _PERIOD_NS, (period + 1) * _PERIOD_NS)
        return self._bounds[period]

    def _measured_bound(self, begin_ns: int, end_ns: int) -> int | None:
        first = max(0, bisect_left(self._begins, begin_ns - self._longest_ns) - 1)
        last = bisect_right(self._begins, end_ns) + 1
        shift_ns, bound_ns = HostClock(tuple(self._spans[first:last])).correction(begin_ns, end_ns)
        return None if bound_ns is None else bound_ns + abs(shift_ns - self.correction.shift_ns)

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

    def _take(self, spans: tuple[Span, ...]) -> None:
        if spans and self.correction.bound_ns is None:
            last_ns = spans[-1].end_ns + spans[-1].offset.middle_ns
            self.correction = HostClock(spans[-1:]).correction(last_ns, last_ns)
        self._spans = sorted(spans, key=_begin_ns)
        self._begins = [_begin_ns(span) for span in self._spans]
        self._longest_ns = max((_end_ns(span) - _begin_ns(span) for span in spans), default=0)
        self._bounds = {}


def _begin_ns(span: Span) -> int:
    """Return the earliest time by the other clock at which ``span`` begins."""
    return span.begin_ns + span.offset.low_ns


def _end_ns(span: Span) -> int:
    return span.end_ns + span.offset.high_ns
