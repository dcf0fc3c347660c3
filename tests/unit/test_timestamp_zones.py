"""The calendar in integers agrees with that of the library; zones are read as users and stamps name them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threeam.core.errors import BadInput
from threeam.timeline.civil_time import date_text, day_number, hour_of_24, second_of_day, year_of_day
from threeam.timeline.detect import detect
from threeam.timeline.timestamp_format import Context
from threeam.timeline.zones import (
    ZONES_OF_ABBREVIATION,
    AmbiguousZone,
    offset_of_abbreviation,
    parse_offset,
    parse_zone,
    utc_offset_s,
    wall_second,
    zone_name,
)

BERLIN = ZoneInfo("Europe/Berlin")
EPOCH = datetime(1970, 1, 1)


def wall(text: str) -> int:
    """Return the seconds from 1970 to a time on the same clock."""
    return (datetime.fromisoformat(text) - EPOCH) // timedelta(seconds=1)


@given(day=st.dates())
def test_a_date_is_numbered_as_the_library_numbers_it(day: date) -> None:
    number = day_number(day.year, day.month, day.day)
    assert number == (day - date(1970, 1, 1)).days
    assert year_of_day(number) == day.year
    assert date_text(number) == day.isoformat()


@given(year=st.integers(1, 9999), month=st.integers(0, 14), day=st.integers(0, 33))
def test_a_date_has_a_number_only_if_the_library_has_it(year: int, month: int, day: int) -> None:
    try:
        date(year, month, day)
    except ValueError:
        assert day_number(year, month, day) is None
    else:
        assert day_number(year, month, day) is not None


def test_a_time_of_day_is_one_that_a_clock_shows() -> None:
    assert second_of_day(23, 59, 60) == 86_400
    assert [second_of_day(*time) for time in ((24, 0, 0), (0, 60, 0), (0, 0, 61))] == [None, None, None]
    assert [hour_of_24(hour, b"AM") for hour in (12, 1, 11)] == [0, 1, 11]
    assert [hour_of_24(hour, b"p.m.") for hour in (12, 1, 11)] == [12, 13, 23]
    assert [hour_of_24(hour, b"AM") for hour in (0, 13)] == [None, None]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        ("UTC", "UTC"),
        ("utc", "UTC"),
        ("Z", "UTC"),
        ("+02:00", "UTC+02:00"),
        ("-0330", "UTC-03:30"),
    ],
)
def test_a_zone_is_read_as_a_user_writes_it(text: str, name: str) -> None:
    assert zone_name(parse_zone(text)) == name


@pytest.mark.parametrize(
    "text", ["", "Berlin", "Europe", "../etc/passwd", "/etc/localtime", "+25:00", "Europe/Berln", "é", "a\0b"]
)
def test_a_zone_that_does_not_exist_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="there is no time zone"):
        parse_zone(text)


def test_a_name_of_several_zones_is_refused_with_places() -> None:
    with pytest.raises(AmbiguousZone, match="Asia/Kolkata, Europe/Dublin or Asia/Jerusalem"):
        parse_zone("IST")


def test_each_place_of_the_table_has_or_had_the_name() -> None:
    for name, places in ZONES_OF_ABBREVIATION.items():
        for place in places:
            zone = ZoneInfo(place)
            years = (datetime(year, month, 15, tzinfo=UTC) for year in range(1975, 2027) for month in (1, 4, 7, 10))
            assert any(moment.astimezone(zone).tzname() == name for moment in years) or name in OF_OLD, (name, place)


OF_OLD = {"AST", "BRT", "BST", "EST", "MST", "SGT", "SST"}
"""Names that programs write, and that the database of zones does not have for all of these places."""


@pytest.mark.parametrize(
    ("text", "seconds"),
    [(b"Z", 0), (b"+01", 3600), (b"-0330", -12600), (b"+05:45", 20700), (b"UTC+1", 3600), (b"GMT-03:30", -12600)],
)
def test_an_offset_is_read_in_each_form(text: bytes, seconds: int) -> None:
    assert parse_offset(text) == seconds


def test_an_offset_that_no_zone_has_is_refused() -> None:
    assert [parse_offset(text) for text in (b"+16:00", b"+01:60", b"01:00", b"", b"+", b"CET")] == [None] * 6


def test_an_hour_that_occurs_twice_has_two_offsets_and_one_that_is_left_out_none() -> None:
    twice, never = wall("2026-10-25T02:30:00"), wall("2026-03-29T02:30:00")
    assert [utc_offset_s(BERLIN, twice, fold) for fold in (0, 1)] == [7200, 3600]
    assert [utc_offset_s(BERLIN, never, fold) for fold in (0, 1)] == [None, None]


def test_a_name_has_the_offset_that_the_zone_means_by_it() -> None:
    assert offset_of_abbreviation(BERLIN, wall("2026-07-01T00:00:00"), b"CET") == 3600
    assert offset_of_abbreviation(BERLIN, wall("2026-07-01T00:00:00"), b"EST") is None
    assert offset_of_abbreviation(ZoneInfo("Asia/Shanghai"), wall("2026-07-01T00:00:00"), b"CST") == 28800


@given(second=st.integers(-(2**40), 2**40))
def test_the_wall_clock_of_a_zone_is_that_of_the_library(second: int) -> None:
    try:
        moment = datetime.fromtimestamp(second, BERLIN)
    except (ValueError, OverflowError):
        assert wall_second(BERLIN, second) == second
    else:
        assert wall_second(BERLIN, second) == (moment.replace(tzinfo=None) - EPOCH) // timedelta(seconds=1)


def test_threads_that_share_a_reader_read_the_zone_of_each_line() -> None:
    """The screen, the follower and a search read lines of one source at the same time."""
    summer, winter = b"2026-10-25T02:30:00.500+0200 x", b"2026-10-25T02:30:00.500+0100 x"
    detection = detect([summer] * 20, Context(0, None))
    assert detection is not None
    read = detection.reader.read

    def distances() -> set[int]:
        found = set()
        for _ in range(20_000):
            first, second = read(summer), read(winter)
            assert first is not None
            assert second is not None
            found.add(second.ns - first.ns)
        return found

    with ThreadPoolExecutor(3) as pool:
        results = [pool.submit(distances) for _ in range(3)]
    assert [result.result() for result in results] == [{3600 * 10**9}] * 3
