"""The offset of another clock, from pings whose truth is known: inside, whatever the network and the clocks do."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from threeam.team.clocks.clock_offset import MAX_PAUSE_NS, ClockTrack, Offset, Reading, Span, Step, measured_offset
from threeam.team.clocks.host_clocks import HostClock
from threeam.timeline.align import DRIFT_PPM

MS, S = 10**6, 10**9
DELAY = st.one_of(st.integers(0, MS), st.integers(0, 20 * S))
FIRST = Reading(1_795_490_047 * S, 5 * S)


class Ping(NamedTuple):
    """``pause_ns`` after the last one, the question takes ``out_ns``, the other host ``answer_ns``, the way back
    ``back_ns``. ``ppm``: how much faster the other clock runs in the meantime."""

    pause_ns: int
    out_ns: int
    answer_ns: int
    back_ns: int
    ppm: int = 0


PINGS = st.builds(Ping, st.integers(0, 40 * S), DELAY, st.integers(0, MS), DELAY, st.integers(-DRIFT_PPM, DRIFT_PPM))


class TwoClocks:
    """A host that pings another one, and the truth: by how much the other clock is ahead, at each time.

    ``truth`` has the time by our wall clock and the offset, at and between all events.
    """

    def __init__(self, offset_ns: int) -> None:
        self.now = FIRST
        self.offset_ns = offset_ns
        self.truth: list[tuple[int, int]] = []
        self.track = ClockTrack()
        self.spans: dict[int, Span] = {}
        self._remainder = 0

    def ping(self, ping: Ping) -> Step | None:
        for part in (ping.pause_ns // 2, ping.pause_ns - ping.pause_ns // 2):
            self.pass_time(part, ping.ppm)
        t1 = self.now.wall_ns
        t2 = self.pass_time(ping.out_ns, ping.ppm)
        t3 = self.pass_time(ping.answer_ns, ping.ppm)
        self.pass_time(ping.back_ns, ping.ppm)
        measured = measured_offset(t1, t2, t3, self.now.wall_ns)
        assert measured is not None
        return self.add(measured)

    def add(self, measured: Offset) -> Step | None:
        step = self.track.add(measured, self.now)
        assert self.track.span is not None
        self.spans[self.track.span.begin_ns] = self.track.span
        return step

    def step(self, ours_ns: int = 0, theirs_ns: int = 0) -> None:
        self.now = self.now._replace(wall_ns=self.now.wall_ns + ours_ns)
        self.offset_ns += theirs_ns - ours_ns

    def pass_time(self, ns: int, ppm: int) -> int:
        """Return the time by the other clock after ``ns``."""
        drift_ns, self._remainder = divmod(ns * ppm + self._remainder, 10**6)
        self.now = Reading(self.now.wall_ns + ns, self.now.steady_ns + ns)
        self.offset_ns += drift_ns
        self.truth.append((self.now.wall_ns, self.offset_ns))
        return self.now.wall_ns + self.offset_ns

    def is_inside(self) -> bool:
        offset = self.track.offset
        return offset is not None and offset.low_ns <= self.offset_ns <= offset.high_ns


def truth_is_in_correction(clocks: TwoClocks, begin_ns: int, end_ns: int) -> bool:
    """Return whether the correction of the stamps of a time holds for each of these stamps."""
    spans = tuple(clocks.spans.values())
    stamps = [ns + offset_ns for ns, offset_ns in clocks.truth if begin_ns <= ns + offset_ns <= end_ns]
    correction = HostClock(spans).correction(begin_ns, end_ns)
    assert correction.bound_ns is not None
    offsets = [offset_ns for ns, offset_ns in clocks.truth if ns + offset_ns in stamps]
    return all(abs(correction.shift_ns + offset_ns) <= correction.bound_ns for offset_ns in offsets)


@given(st.integers(-10 * S, 10 * S), st.lists(PINGS, min_size=1, max_size=6))
def test_the_true_offset_is_inside_whatever_the_delays_and_the_drift(offset_ns: int, pings: list[Ping]) -> None:
    clocks = TwoClocks(offset_ns)
    for ping in pings:
        assert clocks.ping(ping) is None
        assert clocks.is_inside()
    stamps = [ns + offset_ns for ns, offset_ns in clocks.truth]
    assert truth_is_in_correction(clocks, min(stamps), max(stamps))
    middle = stamps[len(stamps) // 2]
    assert truth_is_in_correction(clocks, middle, middle)
    assert truth_is_in_correction(clocks, middle, max(stamps))


@given(st.integers(0, 2 * MS), st.integers(0, 2 * MS), st.integers(0, 5 * MS))
def test_the_bound_is_half_of_the_round_trip_without_the_answer_time(out_ns: int, back_ns: int, answer_ns: int) -> None:
    clocks = TwoClocks(3 * S)
    clocks.ping(Ping(0, out_ns, answer_ns, back_ns))
    assert clocks.track.offset is not None
    drift_ns = (out_ns + back_ns + answer_ns) // 10_000 + 1
    half_ns = (out_ns + back_ns + 1) // 2
    assert half_ns <= clocks.track.offset.bound_ns <= half_ns + drift_ns


def test_a_quick_ping_counts_and_slow_ones_do_no_harm() -> None:
    clocks = TwoClocks(0)
    for _ in range(64):
        clocks.ping(Ping(MS, 10 * MS, 0, 30 * MS))
        clocks.ping(Ping(MS, MS // 10, 0, MS // 10))
        clocks.ping(Ping(MS, 30 * MS, 0, 10 * MS))
    assert clocks.track.offset is not None
    assert clocks.track.offset.bound_ns <= MS // 10 + 42 * MS // 10_000


def test_ways_that_are_slow_in_turn_bound_the_offset_from_both_sides() -> None:
    clocks = TwoClocks(5 * MS)
    clocks.ping(Ping(0, 0, 0, 80 * MS))
    clocks.ping(Ping(0, 80 * MS, 0, 0))
    assert clocks.is_inside()
    assert clocks.track.offset is not None
    assert clocks.track.offset.bound_ns < MS // 10


def test_the_bound_grows_with_the_age_of_the_ping() -> None:
    assert Offset(-10, 10).widened(S) == Offset(-100_010, 100_010)
    assert Offset(-10, 10).widened(-1) == Offset(-11, 11)


@given(st.integers(1, 10 * S) | st.integers(-10 * S, -1), st.lists(PINGS, min_size=1, max_size=3), PINGS, st.booleans())
def test_a_step_that_is_larger_than_the_bounds_is_told_and_the_offset_is_right_again(
    size_ns: int, before: list[Ping], after: Ping, ours: bool
) -> None:
    clocks = TwoClocks(3 * S)
    for ping in before:
        clocks.ping(ping)
    if ours:
        clocks.step(ours_ns=-size_ns)
    else:
        clocks.step(theirs_ns=size_ns)
    known = clocks.track.offset
    assert known is not None
    step = clocks.ping(after)
    round_trip_ns = after.out_ns + after.answer_ns + after.back_ns
    drift_ns = 2 * (after.pause_ns + 2 * round_trip_ns) // 10_000 + 4
    assert (step is not None) or abs(size_ns) <= 2 * known.bound_ns + round_trip_ns + drift_ns
    if step is None:  # an offset fits both, so nothing can be told; it is wrong by the step at most
        assert clocks.track.offset is not None
        assert clocks.track.offset.low_ns - abs(size_ns) <= clocks.offset_ns
        assert clocks.track.offset.high_ns + abs(size_ns) >= clocks.offset_ns
        return
    assert clocks.is_inside()
    assert abs(step.size_ns - size_ns) <= 2 * known.bound_ns + round_trip_ns + drift_ns
    stamps = [ns + offset_ns for ns, offset_ns in clocks.truth]
    assert truth_is_in_correction(clocks, min(stamps), max(stamps))


def test_the_host_whose_clock_was_stepped_is_named() -> None:
    for ours_ns, theirs_ns in [(3 * S, 0), (-3 * S, 0), (0, 3 * S), (0, -3 * S)]:
        clocks = TwoClocks(0)
        clocks.ping(Ping(0, MS, 0, MS))
        clocks.step(ours_ns, theirs_ns)
        step = clocks.ping(Ping(S, MS, 0, MS))
        assert step is not None
        assert step.is_ours == bool(ours_ns)
        assert abs(step.size_ns - (theirs_ns - ours_ns)) < 3 * MS


def test_a_clock_that_drifts_faster_than_clocks_do_is_told() -> None:
    clocks = TwoClocks(0)
    clocks.ping(Ping(0, 0, 0, 0))
    assert clocks.ping(Ping(10 * S, 0, 0, 0, DRIFT_PPM)) is None
    assert clocks.ping(Ping(10 * S, 0, 0, 0, DRIFT_PPM + 1)) is not None


def test_times_that_contradict_each_other_say_nothing() -> None:
    assert measured_offset(0, 10, 5, 20) is None  # the other clock was set back while it answered
    assert measured_offset(0, 100, 130, 20) is None  # or says that the answer took longer than the round trip
    assert measured_offset(20, 10, 10, 0) is None  # ours was set back
    assert measured_offset(0, 10, 10, 20) == Offset(-11, 11)


def test_the_time_around_a_step_is_a_part_of_its_own() -> None:
    """Before the step and soon after it the bound is narrow again."""
    clocks = TwoClocks(0)
    for _ in range(60):
        clocks.ping(Ping(S, MS // 10, 0, MS // 10))
    clocks.step(theirs_ns=3 * S)
    for _ in range(60):
        clocks.ping(Ping(S, MS // 10, 0, MS // 10))
    clock = HostClock(tuple(clocks.spans.values()))
    bounds = [clock.correction(at, at).bound_ns or 0 for at in (FIRST.wall_ns + 30 * S, FIRST.wall_ns + 110 * S)]
    assert max(bounds) < MS
    stamps = [ns + offset_ns for ns, offset_ns in clocks.truth]
    assert (clock.correction(min(stamps), max(stamps)).bound_ns or 0) > 1.5 * S


def bounds_at(clocks: TwoClocks, *seconds: float) -> list[int]:
    """Return the bounds of stamps of these times, from the begin of the measurements on."""
    clock = HostClock(tuple(clocks.spans.values()))
    times = [FIRST.wall_ns + int(second * S) for second in seconds]
    return [clock.correction(ns, ns).bound_ns or 0 for ns in times]


def test_a_good_ping_also_says_what_the_offset_was_a_moment_before() -> None:
    clocks = TwoClocks(0)
    clocks.ping(Ping(0, 8 * MS, 0, 0))
    assert bounds_at(clocks, 0) > [3 * MS]
    for _ in range(10):
        clocks.ping(Ping(20 * MS, MS // 10, 0, MS // 10))
    assert bounds_at(clocks, 0, 0.1) < [MS // 5, MS // 5]


def test_a_time_of_slow_pings_makes_no_other_time_worse() -> None:
    clocks = TwoClocks(0)
    for pause_ns in (*[S] * 60, 25 * S, *[S] * 60):
        clocks.ping(Ping(pause_ns, MS // 10, 0, MS // 10))
    before, pause, after = bounds_at(clocks, 40, 75, 130)
    assert max(before, after) < MS // 2 < pause


def test_a_long_time_without_a_ping_is_not_measured() -> None:
    clocks = TwoClocks(0)
    clocks.ping(Ping(0, 0, 0, 0))
    clocks.ping(Ping(MAX_PAUSE_NS * 100, 0, 0, 0))
    clock = HostClock(tuple(clocks.spans.values()))
    begin, end = FIRST.wall_ns, clocks.now.wall_ns
    assert (clock.correction(begin, begin).bound_ns or 0) < 10
    assert (clock.correction(end, end).bound_ns or 0) < 10
    assert (clock.correction(begin, end).bound_ns or 0) == MAX_PAUSE_NS // 100
    assert (clock.correction(begin - 50_000 * S, begin - 40_000 * S).bound_ns or 0) == 5 * S
    assert (clock.correction(end + 40_000 * S, end + 50_000 * S).bound_ns or 0) == 5 * S


def test_a_clock_that_was_never_measured_has_no_bound() -> None:
    assert HostClock(()).correction(0, S) == (0, None)


def test_the_offset_between_two_pings_is_in_the_correction() -> None:
    """Between two pings a clock may run fast and then slow; or fast, until it is stepped."""
    for steps_ns, rates in [(0, (100, -100)), (0, (-100, 100)), (0, (100, 100)), (3 * S, (100, 100)), (-S, (-100, 0))]:
        clocks = TwoClocks(0)
        for _ in range(35):
            clocks.ping(Ping(0, 0, 0, 0))
            for ppm in (*rates, *rates):
                clocks.pass_time(5 * S, ppm)
            clocks.step(theirs_ns=steps_ns)
        stamps = [ns + offset_ns for ns, offset_ns in clocks.truth]
        for begin_ns, end_ns in [(min(stamps), max(stamps)), *zip(stamps, stamps, strict=True)]:
            assert truth_is_in_correction(clocks, begin_ns, end_ns)


def test_stamps_of_a_clock_that_is_hours_off_find_the_time_at_which_it_was_measured() -> None:
    for offset_ns in (-3 * 3600 * S, 3 * 3600 * S):
        clocks = TwoClocks(offset_ns)
        clocks.ping(Ping(0, MS, 0, MS))
        clocks.ping(Ping(S, MS, 0, MS))
        stamps = [ns + offset_ns for ns, _ in clocks.truth]
        correction = HostClock(tuple(clocks.spans.values())).correction(min(stamps), max(stamps))
        assert (correction.bound_ns or 0) < 2 * MS


def test_a_long_night_is_few_parts() -> None:
    clocks = TwoClocks(0)
    for _ in range(3 * 3600 // 10):
        clocks.ping(Ping(10 * S, MS // 10, 0, MS // 10))
    assert 3 * 6 - 1 <= len(clocks.spans) <= 3 * 6
    clocks = TwoClocks(0)
    for _ in range(1000):  # a clock that is being set right
        clocks.ping(Ping(S, 0, 0, 0, 500))
    assert 1000 // 11 <= len(clocks.spans) <= 1000 // 10
    clocks.ping(Ping(2 * MAX_PAUSE_NS, 0, 0, 0))
    count = len(clocks.spans)
    for _ in range(500):
        clocks.ping(Ping(S, 0, 0, 0))
    assert len(clocks.spans) == count
