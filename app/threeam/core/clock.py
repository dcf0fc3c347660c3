"""The clock, handed in: the one place that reads the time of day."""

from __future__ import annotations

import time
from collections.abc import Callable

from threeam.core.entry import NS, Stamp
from threeam.core.journal import JournalError

Clock = Callable[[], Stamp]
"""Gives the true time now. Tests and the demo hand in their own."""


class BadClock(JournalError):
    """The clock shows a time that cannot be read."""


def system_clock() -> Stamp:
    """The time now in this process's zone, to the nanosecond (``time.time_ns``: no float). Raises `BadClock`."""
    try:
        ns = time.time_ns()
    except OverflowError:
        raise BadClock("the clock of this host is past the year 2262: set it, and look with: date") from None
    return Stamp(ns, zone_offset(ns))


def zone_offset(ns: int) -> int:
    """Seconds east of UTC here at ``ns``, in whole minutes, since ``%z`` can say no more."""
    offset = time.localtime(ns // NS).tm_gmtoff
    return offset - offset % 60 if offset >= 0 else -(-offset - -offset % 60)
