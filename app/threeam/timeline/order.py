"""The one rule of the order of two lines: what may be claimed from their clocks and their places in the files."""

from __future__ import annotations

from typing import NamedTuple

from threeam.timeline.instant import Interval, Order


class ClockRange(NamedTuple):
    """A part of what one program has written in which its clock only went on.

    ``file``: the number of the file, in the order in which the program wrote them. ``part``: of the file, between two
    steps of the clock. ``has_steps``: whether the file has more than one part.
    """

    file: int = 0
    part: int = 0
    has_steps: bool = False


class OrderFacts(NamedTuple):
    """The facts about a line from which its order follows.

    ``source``: the number of its source. ``interval``: the time in which it was stamped; None: not known.
    ``is_continuation``: it belongs to the entry before it.
    """

    source: int
    clock_range: ClockRange
    interval: Interval | None
    is_continuation: bool = False


def order_of(line: OrderFacts, previous: OrderFacts | None) -> Order:
    """Return the order of a line to the one that is shown before it.

    Lines of one source are in the order of its clock, and after a step of the clock in the order of the file. Between
    sources an order is claimed only if their intervals are disjoint. A line that continues its entry comes after it.
    """
    if previous is None or line.is_continuation:
        return Order.AFTER
    if line.source == previous.source:
        return _order_within_source(line.clock_range, previous.clock_range)
    if line.interval is None or previous.interval is None:
        return Order.UNKNOWN
    return line.interval.order_to(previous.interval)


def _order_within_source(own: ClockRange, previous: ClockRange) -> Order:
    if own.file == previous.file:
        return Order.BEFORE if own.part < previous.part else Order.AFTER
    # A program may write to a file after it was renamed: its clock tells the order, if it was never stepped.
    return Order.UNKNOWN if own.has_steps or previous.has_steps else Order.AFTER
