"""The lines of several sources, merged by their corrected timestamps, and the order that may be claimed."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence

from threeam.timeline.instant import Order
from threeam.timeline.order import order_of
from threeam.timeline.source import FIRST_KEY, LAST_KEY, Key, PlacedLine, Source


def merged_after(sources: Sequence[Source], key: Key = FIRST_KEY) -> Iterator[PlacedLine]:
    """Yield the lines of ``sources`` whose place is after ``key``, in their order. Raises OSError."""
    return heapq.merge(*(source.lines_after(key) for source in sources), key=lambda placed: placed.key)


def merged_before(sources: Sequence[Source], key: Key = LAST_KEY) -> Iterator[PlacedLine]:
    """Yield the lines of ``sources`` whose place is before ``key``, the last one first. Raises OSError."""
    streams = (source.lines_before(key) for source in sources)
    return heapq.merge(*streams, key=lambda placed: placed.key, reverse=True)


def order_between(placed: PlacedLine, previous: PlacedLine | None) -> Order:
    """Return the order of a line to the one that is shown before it; see `order_of`."""
    return order_of(placed.order_facts, None if previous is None else previous.order_facts)
