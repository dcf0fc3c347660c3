"""The clock and the time zone: the one module that reads either from the machine. Others get them as arguments."""

from __future__ import annotations

import time
from collections.abc import Callable

from threeam.core.errors import BadClock
from threeam.core.format.entry import NS_PER_S, Stamp

Clock = Callable[[], Stamp]
"""Returns the time now. Tests and the demo pass their own."""

Zone = Callable[[int], int]
"""Returns the seconds east of UTC that are in force at an instant (ns), with the rules of summer time."""

MAX_TIE_NS = 1_000_000  # a reading at most this far behind the last stamp is a tie, not a step of the clock
_MAX_OFFSET_S = 24 * 3600  # a stamp holds less than that


def system_clock() -> Stamp:
    """Return the time now in this process's zone, to the nanosecond (``time.time_ns``, without a float).

    Raises `BadClock` if a stamp cannot hold it.
    """
    try:
        ns = time.time_ns()
    except OverflowError:
        raise BadClock("the clock of this host is past the year 2262: set it, and look with: date") from None
    if ns < 0:
        raise BadClock("the clock of this host is before the year 1970: set it, and look with: date")
    return Stamp(ns, utc_offset(ns))


def utc_offset(ns: int) -> int:
    """Return the seconds east of UTC here at ``ns``, in whole minutes, as stamps hold it.

    The rules are those of the C library: from ``TZ`` (a name or a POSIX string), or from /etc/localtime. Raises
    `BadClock` if a stamp cannot hold the offset.
    """
    offset = time.localtime(ns // NS_PER_S).tm_gmtoff
    if abs(offset) >= _MAX_OFFSET_S:
        raise BadClock(
            f"the time zone is {offset / 3600:+g}h from UTC, and a stamp holds less than 24h: set TZ to UTC, or to a "
            "zone such as Europe/Berlin"
        )
    return offset - offset % 60 if offset >= 0 else -(-offset - -offset % 60)


def fixed_zone(offset: int) -> Zone:
    """Return the rules of a zone that is ``offset`` seconds east of UTC all year."""
    return lambda _: offset


def monotonic_epoch_ns() -> int:
    """Return the instant (ns) at which the monotonic clock of this host, which the kernel's log uses, was 0."""
    return time.time_ns() - time.monotonic_ns()
