"""The format of a file: read rightly or not found, and never read wrongly. What is assumed is said."""

from __future__ import annotations

from datetime import UTC
from random import Random

import pytest

from support.timestamps import CONTEXT, S, found, seconds
from threeam.core.errors import BadInput
from threeam.timeline.detect import detect, reader_for_format
from threeam.timeline.instant import Timestamp
from threeam.timeline.stamp_pattern import reader_for_pattern
from threeam.timeline.timestamp_format import Context, Meaning

# Dates and numbers that are not the stamp of the line.


def test_a_date_in_the_user_agent_is_not_the_stamp() -> None:
    lines = [
        b'10.0.0.9 - - [24/Nov/2026:00:00:%02d +0000] "GET / HTTP/1.1" 200 5 "-" "x [01/Jan/2020:00:00:00 +0000] y"' % n
        for n in range(20)
    ]
    assert seconds(found(lines), lines) == list(range(20))


@pytest.mark.parametrize(
    "user",
    [b"[01/Jan/2020:00:00:00 +0000]", b"x [01/Jan/2020:00:00:00 +0000] y", b'x [01/Jan/2020:00:00:00 +0000] \\"GET'],
)
def test_a_date_in_the_name_of_a_user_is_not_the_stamp(user: bytes) -> None:
    lines = [b'10.0.0.9 - bob [24/Nov/2026:00:00:%02d +0000] "GET /" 200 5' % n for n in range(20)]
    reader = found(lines).reader
    hostile = b"10.0.0.9 - " + user + b' [24/Nov/2026:00:00:30 +0000] "GET /" 200 5'
    assert reader.read(hostile) is None


def test_numbers_in_the_text_are_no_stamps() -> None:
    assert (
        detect([b"69.01998901 was read", b"price 1795490047.123 of %d" % 7, b"took 12345.678901 ms"], CONTEXT) is None
    )


def test_numbers_that_would_be_after_the_last_write_are_no_stamps() -> None:
    assert detect([b"4915112345678 called", b"4915112345679 called"], CONTEXT) is None
    assert detect([b"2026112400 batch", b"2026112401 batch"], CONTEXT) is None


def test_numbers_in_no_order_are_no_stamps() -> None:
    numbers = Random(3)
    lines = [b"%d 5 /usr/bin/x" % numbers.randrange(1_300_000_000, 1_700_000_000) for _ in range(200)]
    assert detect(lines, CONTEXT) is None


def test_dates_in_a_stack_trace_belong_to_the_entry_before() -> None:
    lines: list[bytes] = []
    for n in range(10):
        lines += [b"2026-11-24 01:00:%02d,000 [main] ERROR c.s.Cart - x" % n]
        lines += [b"Caused by: expired at 2020-01-01 00:00:00,000", b"\tat c.s.Cart(Cart.java:42)"] * 6
    detection = found(lines)
    assert detection.format.name == "java"
    assert [stamp for stamp in seconds(detection, lines) if stamp is not None] == list(range(10))
    assert detection.share == 10 / 130


def test_lines_without_a_stamp_that_have_a_time_of_their_own_are_no_continuations() -> None:
    lines = [b"Nov 24 00:30:05 db1 newsyslog[5]: logfile turned over"] * 2
    lines += [b"<kernel> Tue Jun 2 00:30:%02d.111 x" % n for n in range(40)]
    assert detect(lines, CONTEXT) is None


def test_header_lines_have_no_stamp() -> None:
    lines = [b"# exported", b"# columns: time text", b"", b"2026-11-24T00:00:01Z x", b"2026-11-24T00:00:02Z x"]
    assert seconds(found(lines), lines) == [None, None, None, 1, 2]


def test_the_leftmost_stamp_is_the_one_of_the_line() -> None:
    lines = [b"2026-11-24T00:00:%02dZ [2026-11-23T00:00:00.123456Z] x" % n for n in range(9)]
    assert seconds(found(lines), lines) == list(range(9))


def test_a_key_in_a_text_or_in_an_inner_object_is_not_the_key_of_the_line() -> None:
    line = (
        rb'{"msg":"\",\"time\":\"2020-01-01T00:00:00Z\"","a":{"time":"2020-01-01T00:00:00Z","b":[{"time":1}]},'
        rb'"time":"2026-11-24T00:00:05Z"}'
    )
    assert seconds(found([line]), [line]) == [5]
    assert detect([rb'{"a":{"time":"2020-01-01T00:00:00Z"}}'], CONTEXT) is None
    assert detect([rb'{"msg":"\"time\":\"2020-01-01T00:00:00Z\""}'], CONTEXT) is None


def test_a_key_of_the_time_of_writing_is_taken_before_other_times() -> None:
    lines = [
        b'{"created":%d,"start_time":"2026-11-23T23:59:%02dZ","timestamp":"2026-11-24T00:00:%02dZ"}'
        % (1600000000 + n, n, n)
        for n in range(20)
    ]
    assert seconds(found(lines), lines) == list(range(20))


def test_a_time_that_is_the_same_in_all_lines_is_not_the_stamp() -> None:
    lines = [b'{"time":"2026-11-23T00:00:00Z","date":"2026-11-24T00:00:%02dZ"}' % n for n in range(20)]
    assert seconds(found(lines), lines) == list(range(20))


def test_a_pair_in_a_quoted_text_is_not_the_pair_of_the_line() -> None:
    line = b'level=info msg="x time=2020-01-01T00:00:00Z" time=2026-11-24T00:00:05Z'
    assert seconds(found([line]), [line]) == [5]


@pytest.mark.parametrize(
    "line",
    [
        b"ao\xc3\xbbt 19 11:08:37 db1 app[42]: x",  # a month in another language
        b"     0.000123 write(1) = 1",  # strace -r
        b"<34>1 - db1 app 42 ID1 - x",
        b"2026-11-24T03:14:07.123FOO x",
        b"2026-11-24 03:14:07 Europe/Nowhere x",
        b"03:14:07 24.11.2026 x",
        b"03:14:07.123 UTC x",
        b"Nov 24 03:14:07 CET 2025 x" * 40,
        "2026-11-24 03:14:07 x".encode("utf-16"),
        "2026-11-24 03:14:07 x".encode("utf-16-be"),
        b"1795490047.123e3 x",
        b"179549004712 x",
        b"",
        b"\x00" * 300,
    ],
)
def test_stamps_that_are_not_known_are_not_found(line: bytes) -> None:
    assert detect([line] * 3, CONTEXT) is None


@pytest.mark.parametrize(
    "stamp",
    [
        b"2026-02-30 00:00:00",
        b"2026-02-29 00:00:00",
        b"2026-13-01 00:00:00",
        b"2026-00-10 00:00:00",
        b"2026-11-31 00:00:00",
        b"2026-11-24 25:00:00",
        b"2026-11-24 24:00:00",
        b"2026-11-24 00:60:00",
        b"2026-11-24 00:00:61",
        b"2026-11-24 00:00:60",  # no leap second: not the end of a day in UTC
        b"2026-11-24 00:00:00+25:00",
        b"9999-11-24 00:00:00",  # 64 bits of nanoseconds end in 2262
    ],
)
def test_a_date_that_the_calendar_does_not_have_is_no_stamp(stamp: bytes) -> None:
    reader = found([b"2026-11-24 00:00:00 x", b"2026-11-24 00:00:01 x"]).reader
    assert reader.read(stamp + b" x") is None


def test_a_leap_second_is_the_second_that_posix_counts() -> None:
    lines = [b"2016-12-31T23:59:59.5Z x", b"2016-12-31T23:59:60.5Z x", b"2017-01-01T00:59:60.5+01:00 x"]
    stamps = [found(lines).reader.read(line) for line in lines]
    assert [stamp and stamp.ns for stamp in stamps] == [1483228799500000000, 1483228800500000000, 1483228800500000000]


# Resolution.


def test_digits_that_are_always_0_are_no_resolution() -> None:
    lines = [b"2026-11-24T00:00:00.%03d000000Z x" % n for n in range(1, 60)]
    assert found(lines).reader.read(lines[0]) == Timestamp(1795478400001000000, 1_000_000)
    assert found(lines[:3]).reader.read(lines[0]) == Timestamp(1795478400001000000, 1)  # too few to tell


def test_more_than_nine_digits_are_cut() -> None:
    lines = [b"2026-11-24T00:00:00.1234567899999Z x"] * 3
    assert found(lines).reader.read(lines[0]) == Timestamp(1795478400123456789, 1)


def test_the_digits_of_a_number_tell_its_unit() -> None:
    for digits, resolution in ((10, S), (13, 1_000_000), (16, 1_000), (19, 1)):
        line = b'{"time":%d}' % (1795490047123456789 // 10 ** (19 - digits))
        stamp = found([line]).reader.read(line)
        assert stamp == Timestamp(1795490047123456789 // resolution * resolution, resolution)


def test_a_double_is_farther_from_the_time_than_its_digits_say() -> None:
    doubles = [b'{"ts":1795490047.1234567}', b'{"ts":1795490047.123457}', b"ts=1795490047.1234567 x=y"]
    assert [found([line]).reader.place.rounding_ns for line in doubles] == [120, 0, 120]
    assert found([b'{"ts":1795490047.123456789}']).reader.place.rounding_ns == 0


# What the stamp means, and which program wrote it.


def test_an_access_log_that_runs_back_has_the_starts_of_the_requests() -> None:
    lines = [b'10.0.0.9 - - [24/Nov/2026:00:00:%02d +0000] "GET /" 200 5' % n for n in (1, 2, 5, 3, 6)]
    assert found(lines).format.meaning is Meaning.START
    assert found(sorted(lines)).format.meaning is Meaning.END


def test_tai_is_read_by_the_offset_that_fits_the_last_write() -> None:
    line = b"@400000006b050124075bcd15 x"
    assert found([line]).reader.read(line) == Timestamp(1795490047123456789, 1)
    multilog = Context(1795490074 * S, UTC)
    assert found([line], multilog).reader.read(line) == Timestamp(1795490074123456789, 1)
    line_2005 = b"@40000000433225833b6e1a8c x"
    assert found([line_2005]).reader.read(line_2005) == Timestamp(1127359843997071500, 1)


# Forced formats and patterns.


def test_a_format_that_does_not_exist_names_those_that_are_near() -> None:
    with pytest.raises(BadInput, match="did you mean syslog"):
        reader_for_format("sysog", [b"x"], CONTEXT)
    with pytest.raises(BadInput, match="no line has a stamp of the format syslog, as in: Nov 24"):
        reader_for_format("syslog", [b"x"], CONTEXT)


def test_a_pattern_of_the_user_finds_the_stamp() -> None:
    lines = [b"web1 <2026-11-24 01:00:%02d,500> x" % n for n in range(5)]
    detection = reader_for_pattern(r"<(?P<stamp>[^>]+)>", lines, CONTEXT)
    assert seconds(detection, lines) == list(range(5))
    assert detection.assumptions == ("zone assumed: Europe/Berlin",)
    assert detection.reader.with_fold(1).read(lines[0]) == detection.reader.read(lines[0])
    assert detection.reader.read(b"web1 2026-11-24 01:00:00,500 x") is None
    assert detection.share == 1.0


def test_a_pattern_that_does_not_fit_is_refused_with_a_sentence() -> None:
    lines = [b"web1 <2026-11-24 01:00:00,500> x"]
    with pytest.raises(BadInput, match="matches no line"):
        reader_for_pattern(r"\[(?P<stamp>[^>]+)\]", lines, CONTEXT)
    with pytest.raises(BadInput, match="is not a known timestamp"):
        reader_for_pattern(r"(?P<stamp>web1)", lines, CONTEXT)
    with pytest.raises(BadInput, match="stamp"):
        reader_for_pattern(r"(\w+)-(\w+)", lines, CONTEXT)


def test_a_line_of_megabytes_is_read_like_any_other() -> None:
    lines = [b"2026-11-24T00:00:05Z " + b"x" * 20_000_000, b'{"time":"2026-11-24T00:00:05Z","a":"' + b"x" * 20_000_000]
    assert [seconds(found([line]), [line]) for line in lines] == [[5], [5]]


def test_a_line_end_of_windows_does_not_matter() -> None:
    lines = [b"2026-11-24T00:00:05Z\r", b'{"time":"2026-11-24T00:00:05Z"}\r', b"1795478405\r"]
    assert [seconds(found([line]), [line]) for line in lines] == [[5], [5], [5]]


def test_the_place_of_a_stamp_is_where_the_pattern_found_it() -> None:
    """And not that of another time which stands where most formats have theirs."""
    line = b"2026-11-24 03:14:07 x at=2026-11-25T03:14:09.5Z"
    reader = reader_for_pattern(r"at=(?P<stamp>\S+)", [line] * 3, Context(0, None)).reader
    begin, end = reader.span(line)
    assert line[begin:end] == b"2026-11-25T03:14:09.5Z"
    assert reader.span(b"no stamp") == (0, 0)
