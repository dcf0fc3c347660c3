"""Instants that are known up to an interval, and the order that follows from two of them.

All times are integer nanoseconds since the epoch.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from threeam.core.format.clock import Zone
from threeam.core.format.entry import NS_PER_S, Stamp

_SECONDS_END = len("2026-11-24T03:14:07")


class Order(StrEnum):
    """The order of an event to another one; `UNKNOWN` if their intervals overlap."""

    BEFORE = "before"
    AFTER = "after"
    UNKNOWN = "unknown"


class Interval(NamedTuple):
    """The time in which an event happened: from ``begin_ns`` up to, but not including, ``end_ns``."""

    begin_ns: int
    end_ns: int

    def order_to(self, other: Interval) -> Order:
        """Return whether this event came before ``other``, after it, or in an order that is not known."""
        if self.end_ns <= other.begin_ns:
            return Order.BEFORE
        if other.end_ns <= self.begin_ns:
            return Order.AFTER
        return Order.UNKNOWN


class Timestamp(NamedTuple):
    """The time that a line states: ``ns``, and the unit of its last digit, ``resolution_ns`` (1 s: 10**9)."""

    ns: int
    resolution_ns: int


class ClockCorrection(NamedTuple):
    """The correction of a clock: ``shift_ns`` is added to its timestamps, and is wrong by ``bound_ns`` at most.

    ``bound_ns`` None: the error of the clock is not known, so no order to another clock can be claimed.
    """

    shift_ns: int = 0
    bound_ns: int | None = 0

    def interval_of(self, timestamp: Timestamp) -> Interval | None:
        """Return the interval of an event of ``timestamp``: [stamp - bound, stamp + resolution + bound); or None."""
        if self.bound_ns is None:
            return None
        begin_ns = timestamp.ns + self.shift_ns
        return Interval(begin_ns - self.bound_ns, begin_ns + timestamp.resolution_ns + self.bound_ns)


def fraction_digits(resolution_ns: int) -> int:
    """Return the number of digits after the second that a timestamp of this resolution has."""
    return max(0, len(str(NS_PER_S)) - len(str(resolution_ns)))


def format_instant(ns: int, resolution_ns: int, zone: Zone) -> str:
    """Return the local time of an instant to the digits that it is known to: ``2026-11-24 03:14:07.100``."""
    digits = fraction_digits(resolution_ns)
    return str(Stamp(ns, zone(ns)))[: _SECONDS_END + (digits + 1 if digits else 0)].replace("T", " ")
