"""The year or the date of stamps that have none: from the time at which the file was written, and from its samples.

A stamp without a year is read as the first one from some moment on, and within a year from then; one without a date, as
the first within a day. The moment is chosen so that the samples grow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC
from itertools import pairwise

from threeam.core.errors import BadInput
from threeam.core.format.entry import NS_PER_S
from threeam.timeline.civil_time import SECONDS_PER_DAY, date_text, year_of_day
from threeam.timeline.instant import Timestamp
from threeam.timeline.stamp_clock import DAY_MARGIN_S, StampClock
from threeam.timeline.timestamp_format import Context, Layout
from threeam.timeline.zones import wall_second

_HALF_YEAR_S = 183 * SECONDS_PER_DAY
_MULTILOG_OFFSET_S = 10
_SAME_WRITE_S = 5  # between the last line and the last write of a file
_YEAR_S = 365 * SECONDS_PER_DAY
_YEAR_MARGIN_S = SECONDS_PER_DAY  # lines that were written late

Reread = Callable[[StampClock], Sequence[Timestamp]]
"""Reads the stamps of the samples by other rules."""


class UnclearStamps(BadInput):
    """Stamps that do not say which time they mean; the message says what is missing."""


def nearest_clock(context: Context, layout: Layout) -> StampClock:
    """Return the rules by which a missing year or date is the last one before the last write, or soon after it."""
    zone = UTC if layout.utc or context.zone is None else context.zone
    return StampClock(zone, boot_ns=context.boot_ns).near(context.modified_ns)


def complete_clock(
    reread: Reread, fields: Sequence[str], clock: StampClock, modified_ns: int, *, forced: bool
) -> tuple[StampClock, tuple[str, ...]]:
    """Return the rules for stamps with these ``fields``, and what they assume. Raises `UnclearStamps`.

    ``forced``: the user named the format, and wants it read as well as it can be.
    """
    if "up" in fields and clock.boot_ns is None:
        raise UnclearStamps(
            "the stamps count the seconds since the boot of a machine, and it is not known when that was: read the log "
            "with wall-clock times (dmesg --time-format iso, journalctl -o short-iso-precise)"
        )
    if "up" in fields and not forced:
        latest_ns = max((stamp.ns for stamp in reread(clock)), default=0)
        if latest_ns > modified_ns + DAY_MARGIN_S * NS_PER_S:
            raise UnclearStamps(
                "the stamps count the seconds since a boot, and not since the last boot of this host: they would be "
                "later than the last write of the file"
            )
    if "tai" in fields:
        return _with_tai_offset(reread, clock, modified_ns)
    if "H" not in fields or "Y" in fields or "y" in fields:
        return clock, ()
    if "d" in fields:
        return _with_year(reread, clock, forced=forced)
    return _with_date(reread, clock, forced=forced)


def _with_tai_offset(reread: Reread, clock: StampClock, modified_ns: int) -> tuple[StampClock, tuple[str, ...]]:
    """Return the rules by which the last line was written when the file was; programs add 10 s or the true offset."""
    fixed = replace(clock, tai_offset_s=_MULTILOG_OFFSET_S)
    if (last := reread(fixed)[-1:]) and abs(last[0].ns - modified_ns) < _SAME_WRITE_S * NS_PER_S:
        return fixed, ("TAI less UTC assumed: 10s, which multilog adds; the last line then fits the last write",)
    return clock, ("TAI less UTC assumed: the true one, 37s since 2017; some programs add 10s",)


def _with_year(reread: Reread, clock: StampClock, *, forced: bool) -> tuple[StampClock, tuple[str, ...]]:
    stamps = reread(clock)
    if (jumps := _count_jumps(stamps, _YEAR_MARGIN_S)) and stamps:
        # The first lines are nearly a year old, and would be read as lines of the next year.
        last_s = wall_second(clock.zone, stamps[-1].ns // NS_PER_S)
        earlier = replace(clock, year_begin_s=last_s + _YEAR_MARGIN_S - _YEAR_S)
        earlier_stamps = reread(earlier)
        if _count_jumps(earlier_stamps, _YEAR_MARGIN_S) < jumps:
            clock, stamps = earlier, earlier_stamps
        if _count_jumps(stamps, _HALF_YEAR_S) and not forced:
            raise UnclearStamps(
                "the stamps have no year, and the lines run through more than one: merge the parts of one year each, "
                "or write --format SRC=NAME to read all of them as of the last one"
            )
    days = [wall_second(clock.zone, stamp.ns // NS_PER_S) // SECONDS_PER_DAY for stamp in stamps]
    years = sorted({year_of_day(day) for day in days})
    return clock, (f"year assumed: {' and '.join(map(str, years))}",) if years else ()


def _with_date(reread: Reread, clock: StampClock, *, forced: bool) -> tuple[StampClock, tuple[str, ...]]:
    stamps = reread(clock)
    if _count_jumps(stamps, SECONDS_PER_DAY // 4):
        # The file is older than the last write, as a copy is: the last line is the last before it, the others before.
        last_s = wall_second(clock.zone, stamps[-1].ns // NS_PER_S)
        clock = replace(clock, day_begin_s=last_s + DAY_MARGIN_S - SECONDS_PER_DAY)
        stamps = reread(clock)
        if _count_jumps(stamps, SECONDS_PER_DAY // 4) and not forced:
            raise UnclearStamps(
                "the stamps have no date, and the lines run through more than a day: have the program write the date"
            )
    if not stamps:
        return clock, ()
    # Lines that are still to be written are later, so the day begins with the first line.
    first_s = min(wall_second(clock.zone, stamp.ns // NS_PER_S) for stamp in stamps)
    clock = replace(clock, day_begin_s=max(clock.day_begin_s, first_s - DAY_MARGIN_S))
    days = sorted({wall_second(clock.zone, stamp.ns // NS_PER_S) // SECONDS_PER_DAY for stamp in stamps})
    return clock, (f"date assumed: {' and '.join(map(date_text, days))}",)


def _count_jumps(stamps: Sequence[Timestamp], seconds: int) -> int:
    """Return how often a stamp is earlier than the one before by more than ``seconds``."""
    return sum(before.ns - after.ns > seconds * NS_PER_S for before, after in pairwise(stamps))
