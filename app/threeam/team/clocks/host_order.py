"""The order of lines of different hosts, as far as their clocks show it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from threeam.core.state.host_state import HostStamp
from threeam.team.clocks.host_clocks import HostClock
from threeam.timeline.instant import ClockCorrection, Order, Timestamp
from threeam.timeline.order import ClockRange, OrderFacts, order_of

ReadClock = Callable[[str], HostClock]  # by origin id


class HostOrder:
    """Knows the order of lines of different hosts from what was measured of their clocks.

    The clock of this host, ``own_origin_id``, is the one that the others are compared with. ``read_clock`` is called
    once for each of the others, when an order is asked for. If nothing was measured, the order is not known.
    """

    def __init__(self, own_origin_id: str, read_clock: ReadClock) -> None:
        self._own_origin_id = own_origin_id
        self._read_clock = cache(read_clock)
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
        return self._read_clock(stamp.origin_id).correction(stamp.ns, stamp.ns + 1)
