"""The one rule of the order of two lines: what may be claimed from their clocks and their places in the files."""

from __future__ import annotations

from typing import NamedTuple

from threeam.timeline.instant import Interval, Order


class ClockRange(NamedTuple):
    """A part of what one program has written in which its clock only went on.

    ``file``: the number of the file, in the order in which the program wrote them. ``part``: of the file, between two
    steps of the clock. ``has_steps``: whether the file has more than one part. ``has_late``: whether it has late lines,
    so that lines of one timestamp may have been written in another order.
    """

    file: int = 0
    part: int = 0
    has_steps: bool = False
    has_late: bool = False


class OrderFacts(NamedTuple):
    """The facts about a line from which its order follows.

    ``source``: the number of its source. ``ns``: its place by time. ``interval``: the time in which it was stamped;
    None: not known. ``is_continuation``: it belongs to the entry before it.
    """

    source: int
    ns: int
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
        return _order_within_source(line, previous)
    if line.interval is None or previous.interval is None:
        return Order.UNKNOWN
    return line.interval.order_to(previous.interval)


def _order_within_source(line: OrderFacts, previous: OrderFacts) -> Order:
    own, other = line.clock_range, previous.clock_range
    if own.file == other.file and own.part != other.part:
        return Order.BEFORE if own.part < other.part else Order.AFTER
    # A program may write to a file after it was renamed: its clock tells the order, if it was never stepped.
    if own.file != other.file and (own.has_steps or other.has_steps):
        return Order.UNKNOWN
    if line.ns == previous.ns:
        return Order.UNKNOWN if own.has_late or other.has_late else Order.AFTER
    return Order.AFTER if line.ns > previous.ns else Order.BEFORE
