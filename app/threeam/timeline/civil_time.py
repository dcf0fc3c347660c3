"""The Gregorian calendar in integers: the number of a day, and the seconds of a date and a time of day."""

from __future__ import annotations

SECONDS_PER_DAY = 86_400
_DAYS_OF_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_DAYS_TO_EPOCH = 719_468  # from 0000-03-01, where the formula begins, to 1970-01-01
_DAYS_PER_ERA = 146_097  # 400 years


def day_number(year: int, month: int, day: int) -> int | None:
    """Return the days from 1970-01-01 to a date; None if the calendar does not have the date."""
    if not (1 <= month <= 12 and 1 <= day <= _DAYS_OF_MONTH[month - 1]):
        return None
    if month == 2 and day == 29 and not is_leap_year(year):
        return None
    # The year is counted from March, so that the leap day is its last one.
    era, year_of_era = divmod(year - (month <= 2), 400)
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    day_of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
    return era * _DAYS_PER_ERA + day_of_era - _DAYS_TO_EPOCH


def is_leap_year(year: int) -> bool:
    """Return whether the year has a 29 February."""
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def year_of_day(number: int) -> int:
    """Return the year of the day that is ``number`` days after 1970-01-01."""
    year = 1970 + number // 366 if number >= 0 else 1970 + number // 365
    while number >= _first_day(year + 1):
        year += 1
    return year


def date_text(number: int) -> str:
    """Return the date of the day that is ``number`` days after 1970-01-01, as 2026-11-24."""
    year = year_of_day(number)
    rest = number - _first_day(year)
    month = 1
    while rest >= (days := _DAYS_OF_MONTH[month - 1] - (month == 2 and not is_leap_year(year))):
        rest -= days
        month += 1
    return f"{year:04d}-{month:02d}-{rest + 1:02d}"


def second_of_day(hour: int, minute: int, second: int) -> int | None:
    """Return the seconds since midnight; None if a clock does not show the time. Second 60 is a leap second."""
    if hour > 23 or minute > 59 or second > 60:
        return None
    return hour * 3600 + minute * 60 + second


def hour_of_24(hour: int, half: bytes) -> int | None:
    """Return the hour of a 12-hour clock (``half``: AM or PM) as one of 24; None if such a clock does not show it."""
    if not 1 <= hour <= 12:
        return None
    return hour % 12 + (12 if half.upper().startswith(b"P") else 0)


def _first_day(year: int) -> int:
    number = day_number(year, 1, 1)
    assert number is not None  # each year has a 1 January
    return number
