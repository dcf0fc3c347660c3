"""From the fields of a stamp to nanoseconds, with what the file does not say: the zone, the year, the day, the boot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo

from threeam.core.format.entry import NS_PER_S
from threeam.timeline.civil_time import (
    SECONDS_PER_DAY,
    day_number,
    hour_of_24,
    second_of_day,
    year_of_day,
)
from threeam.timeline.zones import offset_of_abbreviation, parse_offset, utc_offset_s

_MONTH_NUMBERS = {
    name: number
    for number, name in enumerate(
        (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"), 1
    )
}
_TAI64_EPOCH = 1 << 62
_FIRST_TWO_DIGIT_YEAR = 1969  # POSIX: 69 to 99 are 1969 to 1999


@dataclass(frozen=True, slots=True)
class StampClock:
    """The rules by which the stamps of one file are read.

    ``zone``, ``fold``: of stamps without a zone. ``year_begin_s`` and ``day_begin_s``: a stamp without a year, or
    without a date, is the first one from there on, in seconds since 1970 on the wall clock. ``boot_ns``: zero of the
    monotonic clock. ``tai_offset_s``: TAI less UTC.
    """

    zone: tzinfo = UTC
    fold: int = 0
    year_begin_s: int = 0
    day_begin_s: int = 0
    boot_ns: int | None = None
    tai_offset_s: int = 37

    def second_ns(self, fields: Mapping[str, bytes | None]) -> int | None:
        """Return the nanoseconds since the epoch of the second that the fields state; None if there is none."""
        if epoch := fields.get("epoch"):
            return int(epoch) * NS_PER_S
        if up := fields.get("up"):
            return None if self.boot_ns is None else self.boot_ns + int(up) * NS_PER_S
        if tai := fields.get("tai"):
            return (int(tai, 16) - _TAI64_EPOCH - self.tai_offset_s) * NS_PER_S
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

    def _offset(self, wall_s: int, zone_text: bytes | None) -> int | None:
        """Return the seconds east of UTC of a stamp; None if they are not known."""
        if zone_text is None:
            return utc_offset_s(self.zone, wall_s, self.fold)
        zone_text = zone_text.lstrip()
        if zone_text[-1:].isdigit() or zone_text in (b"Z", b"UTC", b"GMT"):
            return parse_offset(zone_text)
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
        for year in self._years(fields):
            number = day_number(year, month, int(day_text))
            if number is None:
                continue
            wall_s = number * SECONDS_PER_DAY + time_s
            if "Y" in fields or "y" in fields or wall_s >= self.year_begin_s:
                return wall_s
        return None

    def _years(self, fields: Mapping[str, bytes | None]) -> tuple[int, ...]:
        """Return the year of a stamp, or those that a stamp without a year can have."""
        if four_digits := fields.get("Y"):
            return (int(four_digits),)
        if two_digits := fields.get("y"):
            return ((int(two_digits) - _FIRST_TWO_DIGIT_YEAR) % 100 + _FIRST_TWO_DIGIT_YEAR,)
        year = year_of_day(self.year_begin_s // SECONDS_PER_DAY)
        return (year, year + 1)
