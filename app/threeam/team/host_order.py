"""The order of lines of different hosts, as far as their clocks show it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from threeam.core.state.host_state import HostStamp
from threeam.timeline.instant import ClockCorrection, Order, Timestamp
from threeam.timeline.order import ClockRange, OrderFacts, order_of

_NOT_KNOWN = ClockCorrection(bound_ns=None)


class HostClock(Protocol):
    """The clock of a host, as far as it is known."""

    def correction(self, begin_ns: int, end_ns: int) -> ClockCorrection:
        """Return what brings the stamps of that host from ``begin_ns`` to ``end_ns`` to the clock of this host."""


class HostOrder:
    """Knows the order of lines of different hosts from their ``clocks``, by origin id.

    The clock of this host, ``own_origin_id``, is the one that the others are compared with. If nothing is known of a
    clock, the order of its lines to those of other hosts is not known.
    """

    def __init__(self, own_origin_id: str, clocks: Mapping[str, HostClock]) -> None:
        self._own_origin_id = own_origin_id
        self._clocks = clocks
        self._numbers: dict[str, int] = {}

    def is_before(self, first: HostStamp, second: HostStamp) -> bool:
        """Return whether ``first`` is known to be before ``second``, which is of another host."""
        return self.order_to(second, first) is Order.AFTER

    def order_to(self, stamp: HostStamp, previous: HostStamp) -> Order:
        """Return the order of ``stamp`` to ``previous``, which is of another host."""
        return order_of(self._facts(stamp), self._facts(previous))

    def _facts(self, stamp: HostStamp) -> OrderFacts:
        source = self._numbers.setdefault(stamp.origin_id, len(self._numbers))
        interval = self._correction(stamp).interval_of(Timestamp(stamp.ns, 1))
        return OrderFacts(source, stamp.ns, ClockRange(), interval)

    def _correction(self, stamp: HostStamp) -> ClockCorrection:
        if stamp.origin_id == self._own_origin_id:
            return ClockCorrection()
        clock = self._clocks.get(stamp.origin_id)
        return _NOT_KNOWN if clock is None else clock.correction(stamp.ns, stamp.ns + 1)
