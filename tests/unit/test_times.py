"""Times as people write them, to the nanosecond."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from support.lines import HOUR_NS
from threeam.core.errors import BadTime
from threeam.core.format.clock import fixed_zone
from threeam.core.format.entry import NS_PER_S, Stamp
from threeam.core.format.times import parse_time

NOW = Stamp(1_795_490_047_123_456_789, 0)  # 2026-11-24T03:14:07.123456789+0000
BERLIN = Stamp(NOW.ns, 3600)
UTC_ALL_YEAR = fixed_zone(0)


def at(*fields: int, offset: int = 0) -> int:
    moment = datetime(*fields, tzinfo=timezone(timedelta(seconds=offset)))  # type: ignore[misc,arg-type]
    return int((moment - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(seconds=1)) * NS_PER_S


@pytest.mark.parametrize(
    ("text", "ago"),
    [
        ("now", 0),
        ("-0s", 0),
        ("-1ns", 1),
        ("-3us", 3000),
        ("-20ms", 20_000_000),
        ("-90s", 90 * NS_PER_S),
        ("-15m", 900 * NS_PER_S),
        ("-15min", 900 * NS_PER_S),
        ("-2h", 2 * HOUR_NS),
        ("-7d", 168 * HOUR_NS),
        (" -2h ", 2 * HOUR_NS),
    ],
)
def test_a_time_ago_is_counted_from_now(text: str, ago: int) -> None:
    assert parse_time(text, NOW, UTC_ALL_YEAR) == NOW.ns - ago


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("today", at(2026, 11, 24)),
        ("yesterday", at(2026, 11, 23)),
        ("03:14", at(2026, 11, 24, 3, 14)),
        ("3:14", at(2026, 11, 24, 3, 14)),
        ("03:14:07", at(2026, 11, 24, 3, 14, 7)),
        ("03:14:07.1", at(2026, 11, 24, 3, 14, 7) + 100_000_000),
        ("03:14:07.123456789", NOW.ns),
        ("03:14:07.123456790", NOW.ns + 1 - 24 * HOUR_NS),  # later than now: yesterday's
        ("23:50", at(2026, 11, 23, 23, 50)),
        ("2026-11-24", at(2026, 11, 24)),
        ("2026-11-24 03:14", at(2026, 11, 24, 3, 14)),
        ("2026-11-24T03:14:07.5Z", at(2026, 11, 24, 3, 14, 7) + NS_PER_S // 2),
        ("2026-11-24T03:14:07+01:00", at(2026, 11, 24, 2, 14, 7)),
        ("2026-11-24T03:14:07-0530", at(2026, 11, 24, 8, 44, 7)),
        ("2027-01-01", at(2027, 1, 1)),  # a date says which day: it may be still to come
    ],
)
def test_a_time_is_understood(text: str, expected: int) -> None:
    assert parse_time(text, NOW, UTC_ALL_YEAR) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("today", at(2026, 11, 24, offset=3600)),
        ("04:14", at(2026, 11, 24, 4, 14, offset=3600)),
        ("2026-11-24 04:14", at(2026, 11, 24, 4, 14, offset=3600)),
        ("2026-11-24T03:14:07Z", at(2026, 11, 24, 3, 14, 7)),
    ],
)
def test_a_local_time_is_in_the_zone_of_now(text: str, expected: int) -> None:
    assert parse_time(text, BERLIN, fixed_zone(3600)) == expected


@pytest.mark.parametrize("text", ["@2026-11-24T03:14:07.123456789+0000", "2026-11-24T04:14:07.123456789+0100"])
def test_a_stamp_is_its_own_instant(text: str) -> None:
    assert parse_time(text, BERLIN, fixed_zone(3600)) == NOW.ns


@given(
    st.integers(-1439, 1439).map(lambda minutes: minutes * 60), st.integers(0, 23), st.integers(0, 59), st.booleans()
)
@example(-12 * 3600, 2, 0, True)
@example(12 * 3600, 14, 0, True)
def test_a_clock_time_alone_is_the_last_such_time(offset: int, hour: int, minute: int, in_utc: bool) -> None:
    ns = parse_time(f"{hour:02d}:{minute:02d}{'Z' if in_utc else ''}", Stamp(NOW.ns, offset), fixed_zone(offset))
    assert NOW.ns - 24 * HOUR_NS < ns <= NOW.ns
    local = ns if in_utc else ns + offset * NS_PER_S
    assert local // (60 * NS_PER_S) % 1440 == hour * 60 + minute


@given(
    st.integers(0, 7_258_118_399 * NS_PER_S + NS_PER_S - 1), st.integers(-1439, 1439).map(lambda minutes: minutes * 60)
)
def test_every_stamp_is_understood_to_the_nanosecond(ns: int, offset: int) -> None:
    stamp = Stamp(ns, offset)
    for text in (f"@{stamp}", str(stamp), stamp.rfc3339()):
        assert parse_time(text, NOW, UTC_ALL_YEAR) == ns


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "@",
        "Z",
        "tomorrowish",
        "25:00",
        "03:60",
        "03:14:61",
        "2026-02-31",
        "0000-01-01",
        "2026-11-24T03:14+2500",
        "-15",
        "-15 weeks",
        "15m",
        "03:14:07.1234567890",
        "٠٣:١٤",
        "@2026-11-24T03:14:07+0000x",
    ],
)
def test_what_is_not_a_time_is_refused_with_examples(text: str) -> None:
    with pytest.raises(BadTime, match="is not a time"):
        parse_time(text, NOW, UTC_ALL_YEAR)


@given(st.text(st.sampled_from("0123456789-+:.TZ @dhms"), max_size=24))
def test_any_text_is_a_time_or_refused(text: str) -> None:
    with suppress(BadTime):  # and nothing else
        assert isinstance(parse_time(text, NOW, UTC_ALL_YEAR), int)
