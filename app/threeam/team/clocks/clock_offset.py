"""The offset of another host's clock, by pings: integer arithmetic, and no network.

A ping has four times: t1 and t4 by the clock of this host, when the question left and the answer was there; t2 and t3
by the other clock, when the question was there and the answer left. Each way takes time, so the other clock is ahead by
t2 - t1 at most, and by t3 - t4 at least, whatever the delay of each way is.

Two clocks drift apart by `DRIFT_PPM` at most. So a ping says less about the offset at another time, and the offset is
in the intersection of what all pings say. If that is empty, a clock was stepped, or it drifts faster.
"""

from __future__ import annotations

from typing import NamedTuple

from threeam.timeline.align import DRIFT_PPM

SPAN_NS = 600 * 10**9  # a span of measurements is as long as that,
SHORT_SPAN_NS = 30 * 10**9  # or as that if the offset is known much better, or worse, from then on,
STEPPED_SPAN_NS = 10 * 10**9  # or as that if a clock was stepped in it
MAX_PAUSE_NS = 30 * 10**9  # a longer time without a ping is not part of a span
_NS_OF_A_TICK = 10**6 // DRIFT_PPM  # in that time clocks drift apart by one nanosecond at most


class Reading(NamedTuple):
    """The time by the clock of this host, which may be stepped, and by one that never is."""

    wall_ns: int
    steady_ns: int


class Offset(NamedTuple):
    """The time by which another clock is ahead of that of this host: between ``low_ns`` and ``high_ns``."""

    low_ns: int
    high_ns: int

    @property
    def middle_ns(self) -> int:
        """The most likely offset."""
        return (self.low_ns + self.high_ns) // 2

    @property
    def width_ns(self) -> int:
        """The difference of the two limits."""
        return self.high_ns - self.low_ns

    @property
    def bound_ns(self) -> int:
        """The largest error of the most likely offset."""
        return self.high_ns - self.middle_ns

    def widened(self, age_ns: int) -> Offset:
        """Return the offset at a time that is ``age_ns`` later or earlier."""
        drift_ns = -(-abs(age_ns) // _NS_OF_A_TICK)
        return Offset(self.low_ns - drift_ns, self.high_ns + drift_ns)

    def intersection(self, other: Offset) -> Offset | None:
        """Return what both allow; None if they contradict each other."""
        low_ns, high_ns = max(self.low_ns, other.low_ns), min(self.high_ns, other.high_ns)
        return Offset(low_ns, high_ns) if low_ns <= high_ns else None

    def hull(self, other: Offset) -> Offset:
        """Return the smallest interval that holds both."""
        return Offset(min(self.low_ns, other.low_ns), max(self.high_ns, other.high_ns))


class Span(NamedTuple):
    """A time by the clock of this host, in which the offset was never outside of ``offset``."""

    begin_ns: int
    end_ns: int
    offset: Offset


class Step(NamedTuple):
    """Measurements that no offset fits: a clock was stepped by about ``size_ns``, or drifts faster than `DRIFT_PPM`.

    ``is_ours``: the clock of this host was.
    """

    wall_ns: int
    size_ns: int
    is_ours: bool


def measured_offset(t1_ns: int, t2_ns: int, t3_ns: int, t4_ns: int) -> Offset | None:
    """Return what a ping says about the offset when it ended; None if its times contradict each other."""
    offset = Offset(t3_ns - t4_ns, t2_ns - t1_ns).widened(t4_ns - t1_ns)
    return offset if t2_ns <= t3_ns and t1_ns <= t4_ns and offset.low_ns <= offset.high_ns else None


class ClockTrack:
    """The knowledge of another clock, ping by ping.

    ``offset``: that at ``last``, the time of the last ping. ``span``: the last part of the measured time; a part ends
    after `SPAN_NS`, and soon after a step, so that the next part is not as wide.
    """

    def __init__(self) -> None:
        self.offset: Offset | None = None
        self.last = Reading(0, 0)
        self.span: Span | None = None
        self._has_step = False  # the span has

    def add(self, measured: Offset, at: Reading) -> Step | None:
        """Take what a ping says, which ended at ``at``; return the step that the last pings and this one show."""
        known, last = self.offset, self.last
        self.last = at
        if known is None or self.span is None:
            self.offset, self.span = measured, Span(at.wall_ns, at.wall_ns, measured)
            return None
        pause_ns = at.steady_ns - last.steady_ns
        before = known.widened(pause_ns)
        fitting = before.intersection(measured)
        self.offset = measured if fitting is None else fitting
        self.span = self._extended(self.span, known, last, pause_ns, is_step=fitting is None)
        if fitting is not None:
            return None
        size_ns = measured.middle_ns - before.middle_ns
        own_step_ns = at.wall_ns - last.wall_ns - pause_ns
        return Step(at.wall_ns, size_ns, is_ours=abs(size_ns + own_step_ns) < abs(size_ns) // 2)

    def _extended(self, span: Span, known: Offset, last: Reading, pause_ns: int, *, is_step: bool) -> Span:
        """Return the span up to now, or a new one."""
        assert self.offset is not None
        wall_ns = self.last.wall_ns
        age_ns = wall_ns - span.begin_ns
        if pause_ns > MAX_PAUSE_NS:
            self._has_step = False
            return Span(wall_ns, wall_ns, self.offset)
        # Without a step both limits hold in the pause, so the clocks have drifted for half of it before one of them.
        between = known.hull(self.offset).widened(pause_ns if is_step else pause_ns // 2 + 1)
        if is_step or self._has_step:
            is_full = span.end_ns - span.begin_ns >= STEPPED_SPAN_NS
        else:  # the clocks have drifted little since the span began, so its offset was near the one that is known now
            narrowed = span.offset.intersection(self.offset.widened(age_ns))
            span = span._replace(offset=narrowed or span.offset)
            is_other = (
                age_ns >= SHORT_SPAN_NS and not between.width_ns // 2 <= span.offset.width_ns <= 2 * between.width_ns
            )
            is_full = is_other or span.end_ns - span.begin_ns >= SPAN_NS
        self._has_step = is_step or (self._has_step and not is_full)
        if is_full:
            return Span(min(last.wall_ns, wall_ns), max(last.wall_ns, wall_ns), between)
        return Span(min(span.begin_ns, wall_ns), max(span.end_ns, wall_ns), between.hull(span.offset))
