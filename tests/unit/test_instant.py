"""Intervals of events, and the order that may be claimed from them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from threeam.timeline.instant import ClockCorrection, Interval, Order, Timestamp

NS = st.integers(-(10**18), 10**18)
SMALL = st.integers(0, 10**10)


def test_touching_intervals_have_an_order() -> None:
    assert Interval(0, 5).order_to(Interval(5, 9)) is Order.BEFORE
    assert Interval(5, 9).order_to(Interval(0, 5)) is Order.AFTER
    assert Interval(0, 6).order_to(Interval(5, 9)) is Order.UNKNOWN


def test_a_clock_without_a_bound_has_no_interval() -> None:
    assert ClockCorrection(5, None).interval_of(Timestamp(1, 1)) is None


@given(NS, NS, SMALL, SMALL, SMALL, st.data())
def test_a_claimed_order_is_the_true_order(
    first: int, second: int, resolution: int, bound: int, other_bound: int, data: st.DataObject
) -> None:
    """Two clocks that are wrong by their bound at most, and cut their stamps to a resolution, claim no false order."""

    def observed(true_ns: int, bound_ns: int) -> Interval:
        error = data.draw(st.integers(-bound_ns, bound_ns))
        resolution_ns = max(1, resolution)
        stamp = Timestamp((true_ns + error) // resolution_ns * resolution_ns, resolution_ns)
        interval = ClockCorrection(0, bound_ns).interval_of(stamp)
        assert interval is not None
        return interval

    order = observed(first, bound).order_to(observed(second, other_bound))
    assert order is not Order.BEFORE or first < second
    assert order is not Order.AFTER or second < first
