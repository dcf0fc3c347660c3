"""From the fields of a stamp to nanoseconds, with what the file does not say: the zone, the year, the day, the boot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo

from threeam.core.format.entry import NS_PER_S
from threeam.timeline.civil_time import (
    SECONDS_PER_DAY,
    day_number,
    hour_of_24,
    second_of_day,
    year_of_day,
)
from threeam.timeline.zones import offset_of_abbreviation, parse_offset, utc_offset_s, wall_second, zone_of_region

_MONTH_NUMBERS = {
    name: number
    for number, name in enumerate(
        (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"), 1
    )
}
DAY_MARGIN_S = 600  # of a stamp without a date, after the time at which the file was written: two clocks differ
# A line is hardly later than the last write. The margin is for lines that are still to be written, and for a clock that
# was wrong.
_YEAR_S = 365 * SECONDS_PER_DAY
_YEAR_MARGIN_S = 62 * SECONDS_PER_DAY
_MAX_NS = (1 << 63) - 10**16  # less the longest request
_TAI64_EPOCH = 1 << 62
_TAI_OFFSETS = (
    (1_483_228_800, 37),  # since 2017-01-01
    (1_435_708_800, 36),  # since 2015-07-01
    (1_341_100_800, 35),  # since 2012-07-01
    (1_230_768_000, 34),  # since 2009-01-01
    (1_136_073_600, 33),  # since 2006-01-01
    (915_148_800, 32),  # since 1999-01-01
)
_WEEKDAYS = (b"Thu", b"Fri", b"Sat", b"Sun", b"Mon", b"Tue", b"Wed")  # of 1970-01-01 and the days after it
_FIRST_TWO_DIGIT_YEAR = 1969  # POSIX: 69 to 99 are 1969 to 1999


@dataclass(frozen=True, slots=True)
class StampClock:
    """The rules by which the stamps of one file are read.

    ``zone``, ``fold``: of stamps without a zone. ``year_begin_s`` and ``day_begin_s``: a stamp without a year, or
    without a date, is the first one from there on, in seconds since 1970 on the wall clock. ``boot_ns``: zero of the
    monotonic clock. ``tai_offset_s``: TAI less UTC, for a program that always adds the same; None: as it was then.
    """

    zone: tzinfo = UTC
    fold: int = 0
    year_begin_s: int = 0
    day_begin_s: int = 0
    boot_ns: int | None = None
    tai_offset_s: int | None = None

    def near(self, modified_ns: int) -> StampClock:
        """Return the rules by which a missing year or date is the last one before a time, or soon after it."""
        modified_s = wall_second(self.zone, modified_ns // NS_PER_S)
        return replace(
            self,
            year_begin_s=modified_s + _YEAR_MARGIN_S - _YEAR_S,
            day_begin_s=modified_s + DAY_MARGIN_S - SECONDS_PER_DAY,
        )

    def second_ns(self, fields: Mapping[str, bytes | None]) -> int | None:
        """Return the nanoseconds since the epoch of the second that the fields state.

        None if there is no such second, or if 64 bits do not hold it (years 1678 to 2261 do).
        """
        ns = self._second_ns(fields)
        return ns if ns is not None and -_MAX_NS < ns < _MAX_NS else None

    def _second_ns(self, fields: Mapping[str, bytes | None]) -> int | None:
        if epoch := fields.get("epoch"):
            return int(epoch) * NS_PER_S
        if up := fields.get("up"):
            return None if self.boot_ns is None else self.boot_ns + int(up) * NS_PER_S
        if tai := fields.get("tai"):
            return self._second_of_tai(int(tai, 16) - _TAI64_EPOCH)
        wall_s = self._wall_second(fields)
        if wall_s is None:
            return None
        offset_s = self._offset(wall_s, fields.get("z"))
        if offset_s is None:
            return None
        second = wall_s - offset_s
        if fields["S"] == b"60" and second % SECONDS_PER_DAY != 0:
            return None  # a leap second is the last one of a day in UTC
        return second * NS_PER_S

    def _second_of_tai(self, tai_s: int) -> int | None:
        if self.tai_offset_s is not None:
            return (tai_s - self.tai_offset_s) * NS_PER_S
        for begin_s, offset_s in _TAI_OFFSETS:
            if tai_s - offset_s >= begin_s:
                return (tai_s - offset_s) * NS_PER_S
        return None

    def _offset(self, wall_s: int, zone_text: bytes | None) -> int | None:
        """Return the seconds east of UTC of a stamp; None if they are not known."""
        if zone_text is None:
            return utc_offset_s(self.zone, wall_s, self.fold)
        zone_text = zone_text.strip(b" ()[]")
        if zone_text[-1:].isdigit() or zone_text in (b"Z", b"UTC", b"GMT"):
            return parse_offset(zone_text)
        if b"/" in zone_text:
            region = zone_of_region(zone_text)
            return None if region is None else utc_offset_s(region, wall_s, self.fold)
        return offset_of_abbreviation(self.zone, wall_s, zone_text)

    def _wall_second(self, fields: Mapping[str, bytes | None]) -> int | None:
        """Return the seconds from 1970-01-01 00:00:00 to the date and time of the fields, on the same wall clock."""
        hour_text, minute_text, second_text = fields["H"], fields["M"], fields["S"]
        assert hour_text is not None
        assert minute_text is not None
        assert second_text is not None
        hour: int | None = int(hour_text)
        if half := fields.get("p"):
            hour = hour_of_24(int(hour_text), half)
        if hour is None:
            return None
        time_s = second_of_day(hour, int(minute_text), int(second_text))
        if time_s is None:
            return None
        day_text = fields.get("d")
        if day_text is None:
            wall_s = self.day_begin_s - self.day_begin_s % SECONDS_PER_DAY + time_s
            return wall_s if wall_s >= self.day_begin_s else wall_s + SECONDS_PER_DAY
        month_name = fields.get("b")
        month = int(fields.get("m") or b"0") if month_name is None else _MONTH_NUMBERS[month_name]
        weekday = fields.get("a")
        for year in self._years(fields):
            number = day_number(year, month, int(day_text))
            if number is None or (weekday is not None and _WEEKDAYS[number % 7] != weekday):
                continue
            wall_s = number * SECONDS_PER_DAY + time_s
            if "Y" in fields or "y" in fields:
                return wall_s
            if wall_s >= self.year_begin_s if weekday is None else wall_s < self.year_begin_s + _YEAR_S:
                return wall_s
        return None

    def _years(self, fields: Mapping[str, bytes | None]) -> tuple[int, ...]:
        """Return the year of a stamp, or those that a stamp without a year can have."""
        if four_digits := fields.get("Y"):
            return (int(four_digits),)
        if two_digits := fields.get("y"):
            return ((int(two_digits) - _FIRST_TWO_DIGIT_YEAR) % 100 + _FIRST_TWO_DIGIT_YEAR,)
        year = year_of_day(self.year_begin_s // SECONDS_PER_DAY)
        if "a" in fields:  # a date has the same day of the week again after 5, 6 or 11 years
            return tuple(range(year + 1, year - 11, -1))
        return (year, year + 1)
