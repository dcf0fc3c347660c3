"""Lines in file order, put in the order of their times while they are read: exact up to a limit of lateness."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

from threeam.core.store.reader import Line

_FIRST_NS, _LAST_NS = -(2**63), 2**63 - 1


class _Placed(Protocol):
    """A line of one file with the instant (ns) by which it is placed."""

    @property
    def ns(self) -> int: ...

    @property
    def line(self) -> Line: ...


P = TypeVar("P", bound=_Placed)


def in_order_of_time(lines: Iterable[P], hold_ns: int) -> Iterator[P]:
    """Yield ``lines``, which are in file order, by their places; exact if none is more than ``hold_ns`` late."""
    heap: list[tuple[int, int, P]] = []
    newest_ns = _FIRST_NS
    for placed in lines:
        newest_ns = max(newest_ns, placed.ns)
        heapq.heappush(heap, (placed.ns, placed.line.offset, placed))
        while heap[0][0] <= newest_ns - hold_ns:
            yield heapq.heappop(heap)[2]
    while heap:
        yield heapq.heappop(heap)[2]


def in_backward_order_of_time(lines: Iterable[P], hold_ns: int) -> Iterator[P]:
    """Yield ``lines``, which are in file order but the last one first, by their places, the last one first."""
    heap: list[tuple[int, int, P]] = []
    oldest_ns = _LAST_NS
    for placed in lines:
        oldest_ns = min(oldest_ns, placed.ns)
        heapq.heappush(heap, (-placed.ns, -placed.line.offset, placed))
        while -heap[0][0] >= oldest_ns + hold_ns:
            yield heapq.heappop(heap)[2]
    while heap:
        yield heapq.heappop(heap)[2]
