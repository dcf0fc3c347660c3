"""The lines of several sources, merged by their corrected timestamps, and the order that may be claimed."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence

from threeam.timeline.instant import Order
from threeam.timeline.source import FIRST_KEY, LAST_KEY, Key, PlacedLine, Source


def merged_after(sources: Sequence[Source], key: Key = FIRST_KEY) -> Iterator[PlacedLine]:
    """Yield the lines of ``sources`` whose place is after ``key``, in their order. Raises OSError."""
    return heapq.merge(*(source.lines_after(key) for source in sources), key=lambda placed: placed.key)


def merged_before(sources: Sequence[Source], key: Key = LAST_KEY) -> Iterator[PlacedLine]:
    """Yield the lines of ``sources`` whose place is before ``key``, the last one first. Raises OSError."""
    streams = (source.lines_before(key) for source in sources)
    return heapq.merge(*streams, key=lambda placed: placed.key, reverse=True)


def order_between(placed: PlacedLine, previous: PlacedLine | None) -> Order:
    """Return the order of a line to the one that is shown before it.

    Lines of one source are in the order of its clock, and after a step of the clock in the order of the file. Between
    sources an order is claimed only if their intervals are disjoint. A line that continues its entry comes after it.
    """
    if previous is None or placed.is_continuation:
        return Order.AFTER
    if placed.source.number == previous.source.number:
        return _order_within_source(placed, previous)
    interval, previous_interval = placed.interval, previous.interval
    if interval is None or previous_interval is None:
        return Order.UNKNOWN
    return interval.order_to(previous_interval)


def _order_within_source(placed: PlacedLine, previous: PlacedLine) -> Order:
    source, previous_source = placed.source, previous.source
    if source.generation == previous_source.generation:
        is_before = source.range_of(placed.line) < previous_source.range_of(previous.line)
        return Order.BEFORE if is_before else Order.AFTER
    return Order.UNKNOWN if source.has_clock_steps or previous_source.has_clock_steps else Order.AFTER
