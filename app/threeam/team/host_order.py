"""The order of lines of different hosts, as far as their clocks show it."""

from __future__ import annotations

from collections.abc import Mapping

from threeam.core.state.host_state import HostStamp
from threeam.timeline.instant import ClockCorrection, Order, Timestamp
from threeam.timeline.order import ClockRange, OrderFacts, order_of

_NOT_KNOWN = ClockCorrection(bound_ns=None)


class HostOrder:
    """Knows the order of lines of different hosts from ``corrections``, to the clock of this host, by origin id.

    The clock of a host that is not in ``corrections`` is not known, nor is the order of its lines to those of others.
    """

    def __init__(self, corrections: Mapping[str, ClockCorrection]) -> None:
        self._corrections = corrections
        self._numbers: dict[str, int] = {}

    def is_before(self, first: HostStamp, second: HostStamp) -> bool:
        """Return whether ``first`` is known to be before ``second``, which is of another host."""
        return self.order_to(second, first) is Order.AFTER

    def order_to(self, stamp: HostStamp, previous: HostStamp) -> Order:
        """Return the order of ``stamp`` to ``previous``, which is of another host."""
        return order_of(self._facts(stamp), self._facts(previous))

    def _facts(self, stamp: HostStamp) -> OrderFacts:
        source = self._numbers.setdefault(stamp.origin_id, len(self._numbers))
        correction = self._corrections.get(stamp.origin_id, _NOT_KNOWN)
        return OrderFacts(source, stamp.ns, ClockRange(), correction.interval_of(Timestamp(stamp.ns, 1)))
