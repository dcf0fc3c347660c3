"""A zone, a year, a date or an order of day and month that a file does not state: assumed and said, or refused."""

from __future__ import annotations

from datetime import UTC, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from support.timestamps import CONTEXT, DAY, NOON, S, found, seconds
from threeam.timeline.detect import detect, reader_for_format
from threeam.timeline.instant import Timestamp
from threeam.timeline.missing_date import UnclearStamps
from threeam.timeline.timestamp_format import Context
from threeam.timeline.zones import AmbiguousZone


def test_each_line_is_read_in_its_own_offset() -> None:
    lines = [b"2026-11-24T00:00:01+00:00 x", b"2026-11-24T01:00:02+01:00 x", b"2026-11-23T19:00:03-05:00 x"]
    detection = found(lines)
    assert seconds(detection, lines) == [1, 2, 3]
    assert detection.assumptions == ()
    assert detection.reader.fixed_column_prefix is None  # the bytes do not sort as the times do


def test_a_missing_zone_is_that_of_the_context_and_is_said() -> None:
    lines = [b"2026-11-24 01:00:00,000 x"]
    assert found(lines).assumptions == ("zone assumed: Europe/Berlin",)
    assert seconds(found(lines), lines) == [0]
    assert found(lines, CONTEXT._replace(zone=None)).assumptions == ("zone assumed: UTC",)
    told = CONTEXT._replace(zone=timezone(timedelta(hours=1)), zone_is_assumed=False)
    assert found(lines, told).assumptions == ()
    assert seconds(found(lines, told), lines) == [0]


def test_the_names_of_utc_are_read_in_any_zone() -> None:
    for name in (b"UTC", b"GMT", b"Z", b"UTC+0", b"GMT+00:00"):
        lines = [b"2026-11-24 00:00:05 " + name + b" [42] LOG:  x"]
        assert seconds(found(lines), lines) == [5], name


def test_a_name_of_the_zone_of_the_file_is_read_and_any_other_is_refused() -> None:
    lines = [b"2026-11-24 01:00:05 CET [42] LOG:  x", b"2026-07-01 02:00:05 CEST [42] LOG:  x"]
    detection = found(lines)
    assert detection.reader.read(lines[1]) == Timestamp(1782864005 * S, S)
    assert seconds(detection, lines[:1]) == [5]
    assert detection.assumptions == ("CEST assumed: that of Europe/Berlin", "CET assumed: that of Europe/Berlin")
    chicago = CONTEXT._replace(zone=ZoneInfo("America/Chicago"), zone_is_assumed=False)
    with pytest.raises(AmbiguousZone, match="CET, which is Europe/Berlin or Europe/Paris"):
        detect(lines, chicago)
    with pytest.raises(AmbiguousZone, match=r"IST, which is Asia/Kolkata, Europe/Dublin or Asia/Jerusalem.*--tz SRC="):
        detect([b"2026-11-24 01:00:05 IST [42] LOG:  x"] * 5, CONTEXT)
    cst = [b"2026-11-24 01:00:05 CST [42] LOG:  x"]
    assert found(cst, chicago).reader.read(cst[0]) == Timestamp((1795478405 + 7 * 3600) * S, S)


def test_an_offset_in_place_of_a_name_is_read() -> None:
    lines = [b"2026-11-23 21:00:05.000 -03 [42] LOG:  x", b"2026-11-24 05:30:06 +0530 [42] LOG:  x"]
    assert seconds(found(lines), lines) == [5, 6]
    assert found([b"2026-11-24 01:00:05 -10 degrees"]).assumptions == ("zone assumed: Europe/Berlin",)


def test_a_zone_that_is_named_by_its_place_is_read() -> None:
    lines = [b"[24-Nov-2026 01:00:05 Europe/Berlin] PHP Warning: x", b"[23-Nov-2026 19:00:06 America/New_York] PHP x"]
    detection = found(lines, CONTEXT._replace(zone=UTC))
    assert seconds(detection, lines) == [5, 6]
    assert detection.assumptions == ()
    assert seconds(detection, [b"[24-Nov-2026 01:00:05 Europe/Nowhere] x"]) == [None]
    words = [b"2026-11-24 00:00:07 Client/Server started"]
    assert seconds(found(words, CONTEXT._replace(zone=UTC)), words) == [7]


def test_the_name_of_a_zone_tells_the_two_hours_of_autumn_apart() -> None:
    lines = [b"2026-10-25 02:30:00 CEST [42] LOG:  x", b"2026-10-25 02:30:00 CET [42] LOG:  x"]
    first, second = (found(lines).reader.read(line) for line in lines)
    assert first is not None
    assert second is not None
    assert second.ns - first.ns == 3600 * S


def test_the_repeated_hour_has_two_readers() -> None:
    lines = [b"2026-10-25 02:30:00 x"]
    reader = found(lines).reader
    assert reader.reads_local_time
    first, second = reader.read(lines[0]), reader.with_fold(1).read(lines[0])
    assert first == Timestamp(1792888200 * S, S)
    assert second == Timestamp(1792891800 * S, S)


def test_a_time_that_the_clocks_leave_out_is_no_stamp() -> None:
    assert found([b"2026-03-29 01:59:59 x"]).reader.read(b"2026-03-29 02:30:00 x") is None


def test_a_stamp_with_a_zone_is_not_local() -> None:
    assert not found([b"2026-10-25T02:30:00Z x"]).reader.reads_local_time
    assert not found([b"1795490047 x"]).reader.reads_local_time
    assert not found([b"2026-10-25 02:30:00 x"], CONTEXT._replace(zone=UTC)).reader.reads_local_time


# The year and the date.


def test_a_missing_year_is_the_one_nearest_to_the_last_write() -> None:
    january = Context(1_798_765_200 * S, UTC)  # 2027-01-01T01:00:00Z
    lines = [b"Dec 31 23:59:59 db1 x[1]: y", b"Jan  1 00:00:01 db1 x[1]: y"]
    detection = found(lines, january)
    assert [stamp and stamp.ns // S for stamp in map(detection.reader.read, lines)] == [1798761599, 1798761601]
    assert "year assumed: 2026 and 2027" in detection.assumptions
    december = Context(1_798_761_599 * S, UTC)  # the last second of 2026
    assert found(lines, december).reader.read(lines[1]) == Timestamp(1798761601 * S, S)


def test_a_file_of_nearly_a_year_begins_in_the_year_before() -> None:
    lines = [b"%s %d 00:00:00 db1 x[1]: y" % (month, 3) for month in (b"Dec", b"Feb", b"May", b"Aug", b"Nov")]
    reader = found(lines, CONTEXT._replace(zone=UTC)).reader
    stamps = [stamp.ns for stamp in map(reader.read, lines) if stamp is not None]
    assert stamps == sorted(stamps)
    assert stamps[0] == 1764720000 * S  # 2025-12-03


def test_a_file_of_more_than_a_year_without_a_year_is_refused() -> None:
    lines = [b"%s %d 00:00:00 db1 x[1]: y" % (month, 3) for month in (b"Jun", b"Nov", b"Mar", b"Jul", b"Nov")]
    with pytest.raises(UnclearStamps, match="no year"):
        detect(lines, CONTEXT)
    assert reader_for_format("syslog", lines, CONTEXT).format.name == "syslog"


def test_the_day_of_the_week_tells_the_year() -> None:
    lines = [b"Sun Nov 24 03:14:07 x", b"Tue Nov 24 03:14:07 x", b"Wed Nov 24 03:14:07 x"]
    stamps = [found([line], CONTEXT._replace(zone=UTC)).reader.read(line) for line in lines]
    years = [(stamp.ns // S - 1_795_490_047) / 86_400 for stamp in stamps if stamp is not None]
    assert years == [-(366 + 364), 0, -5 * 365 - 1]  # 2024, 2026 and 2021, not 2027
    assert "year assumed: 2024" in found(lines[:1]).assumptions


def test_29_february_is_of_a_leap_year() -> None:
    lines = [b"Feb 29 00:00:00 db1 x[1]: y"]
    leap = Context(1_835_000_000 * S, UTC)  # 2028-02-24
    assert found(lines, leap).reader.read(lines[0]) == Timestamp(1835395200 * S, S)
    assert detect(lines, CONTEXT) is None


def test_a_missing_date_is_the_last_one_before_the_last_write() -> None:
    lines = [b"23:59:59.000 x", b"00:00:01.000 x"]
    detection = found(lines, Context(1_795_478_402 * S, UTC))  # 2026-11-24T00:00:02Z
    assert seconds(detection, lines) == [-1, 1]
    assert "date assumed: 2026-11-23 and 2026-11-24" in detection.assumptions


def test_lines_without_a_date_that_are_written_later_are_later() -> None:
    lines = [b"10:00:00.000 x", b"11:00:00.000 x"]
    reader = found(lines, Context(NOON, UTC)).reader
    assert reader.read(b"22:00:00.000 x") == Timestamp((1_795_478_400 + 22 * 3600) * S, 1_000_000)
    tomorrow = reader.with_modified(NOON + DAY)
    assert tomorrow.read(b"10:30:00.000 x") == Timestamp((1_795_478_400 + 34 * 3600 + 1800) * S, 1_000_000)


def test_lines_of_more_than_a_day_without_a_date_are_refused() -> None:
    lines = [b"%02d:00:00.000 x" % (hour % 24) for hour in range(0, 60, 5)]
    with pytest.raises(UnclearStamps, match="no date"):
        detect(lines, CONTEXT)


def test_a_header_with_the_date_is_refused() -> None:
    with pytest.raises(UnclearStamps, match="header has the date"):
        detect([b"#Date: 2026-11-24", b"#Fields: time c-ip", b"03:14:07 10.0.0.9"], CONTEXT)


def test_seconds_since_the_boot_need_the_boot() -> None:
    lines = [b"[12345.678901] usb 1-1: x", b"[12345.678902] usb 1-1: y"]
    with pytest.raises(UnclearStamps, match="boot"):
        detect(lines, CONTEXT)
    assert found(lines, CONTEXT._replace(boot_ns=1000)).reader.read(lines[0]) == Timestamp(12345_678902000, 1000)


def test_seconds_since_another_boot_are_refused() -> None:
    lines = [b"[12345.678901] usb 1-1: x"]
    with pytest.raises(UnclearStamps, match="not since the last boot of this host"):
        detect(lines, CONTEXT._replace(boot_ns=NOON - 11_000 * S))


# Day and month.


def test_the_samples_show_the_order_of_day_and_month() -> None:
    american = [b"11/%02d/2026 03:14:07 x" % day for day in (1, 2, 13)]
    european = [b"%02d/11/2026 03:14:07 x" % day for day in (1, 2, 13)]
    assert found(american).format.name == "date-mdy"
    assert found(european).format.name == "date-dmy"
    assert [found(american).reader.read(line) for line in american] == [
        found(european).reader.read(line) for line in european
    ]


def test_times_that_grow_show_the_order_of_day_and_month() -> None:
    lines = [b"0%d/0%d/2026 00:00:00 x" % (day, month) for month in (1, 2) for day in (1, 5, 9)]
    assert found(lines).format.name == "date-dmy"


def test_an_order_of_day_and_month_that_no_sample_shows_is_refused() -> None:
    lines = [b"04/0%d/2026 03:14:07 x" % day for day in (3, 4, 5)]
    with pytest.raises(UnclearStamps, match="date-dmy or --format SRC=date-mdy"):
        detect(lines, CONTEXT)
    forced = [reader_for_format(name, lines, CONTEXT).reader.read(lines[0]) for name in ("date-mdy", "date-dmy")]
    assert forced[0] is not None
    assert forced[1] is not None
    assert forced[0].ns - forced[1].ns == 30 * DAY - 3600 * S  # 3 April and 4 March; summer time began between them
