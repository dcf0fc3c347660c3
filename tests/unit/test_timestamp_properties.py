"""Any instant that is written in a layout is read back to the nanosecond, cut to the resolution; no line raises."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from threeam.core.errors import BadInput
from threeam.timeline.candidates import compiled
from threeam.timeline.detect import detect, reader_for_format
from threeam.timeline.format_table import FORMATS
from threeam.timeline.instant import Timestamp
from threeam.timeline.timestamp_format import Context, Layout
from threeam.timeline.timestamp_reader import LearnedPlace, TimestampReader

S = 1_000_000_000
BERLIN = ZoneInfo("Europe/Berlin")
MODIFIED = 1_795_518_000 * S  # 2026-11-24T11:00:00Z
BOOT = 1_795_000_000 * S
DAY = 86_400 * S
EPOCH = datetime(1970, 1, 1)
ZONES: list[tzinfo] = [
    UTC,
    timezone(timedelta(hours=5, minutes=45)),
    timezone(timedelta(hours=-3, minutes=-30)),
    BERLIN,
]

Span = tuple[int, int]
ANY_TIME = (946_684_800 * S, MODIFIED)  # since 2000
LAST_YEAR = (MODIFIED - 300 * DAY, MODIFIED)
LAST_DAY = (MODIFIED - DAY + 601 * S, MODIFIED)


class Written(NamedTuple):
    """A way to write a line: ``text`` gets the local time, the digits after the second, and the instant in ns."""

    name: str
    text: Callable[[datetime, str, int], str]
    span: Span = ANY_TIME
    fixed_digits: int | None = None


def offset(moment: datetime, colon: str = ":") -> str:
    text = f"{moment:%z}"
    return text[:3] + colon + text[3:5]


def dot(digits: str, point: str = ".") -> str:
    return point + digits if digits else ""


def hour12(moment: datetime) -> str:
    return f"{moment.hour % 12 or 12}"


ZONED = [
    Written("iso", lambda t, f, _: f"{t:%Y-%m-%dT%H:%M:%S}{dot(f)}{offset(t)} x"),
    Written("iso", lambda t, f, _: f"{t:%Y-%m-%d %H:%M:%S}{dot(f, ',')}{offset(t, '')} x"),
    Written("iso", lambda t, f, _: f"[{t:%Y-%m-%d %H:%M:%S}{dot(f)} {offset(t, '')}] x"),
    Written("iso", lambda t, f, _: f"{t:%Y%m%dT%H%M%S}{dot(f)}{offset(t, '')} x"),
    Written("rfc5424", lambda t, f, _: f"<34>1 {t:%Y-%m-%dT%H:%M:%S}{dot(f)}{offset(t)} db1 app 42 ID1 - x"),
    Written(
        "nginx-access",
        lambda t, _, __: f'::1 - - [{t:%d/%b/%Y:%H:%M:%S} {offset(t, "")}] "GET /" 200 5',
        fixed_digits=0,
    ),
    Written("rfc2822", lambda t, _, __: f"{t:%a, %d %b %Y %H:%M:%S} {offset(t, '')}", fixed_digits=0),
    Written("json", lambda t, f, _: f'{{"a":[{{}}],"time":"{t:%Y-%m-%dT%H:%M:%S}{dot(f)}{offset(t)}"}}'),
    Written(
        "docker-json",
        lambda t, f, _: f'{{"log":"\\"","stream":"stdout","time":"{t:%Y-%m-%dT%H:%M:%S}{dot(f)}{offset(t)}"}}',
    ),
    Written("logfmt", lambda t, f, _: f'a="b c" ts={t:%Y-%m-%dT%H:%M:%S}{dot(f)}{offset(t)} m=x'),
    Written("compose", lambda t, f, _: f"web-1  | {t:%Y-%m-%dT%H:%M:%S}{dot(f)}{offset(t)} x"),
    Written(
        "rails", lambda t, _, __: f'Started GET "/" for ::1 at {t:%Y-%m-%d %H:%M:%S} {offset(t, "")}', fixed_digits=0
    ),
]
LOCAL = [
    Written("iso", lambda t, f, _: f"{t:%Y-%m-%d %H:%M:%S}{dot(f)} x"),
    Written("java", lambda t, f, _: f"{t:%Y-%m-%d %H:%M:%S}{dot(f, ',')} [main] INFO c.s.Cart - x"),
    Written("go", lambda t, f, _: f"{t:%Y/%m/%d %H:%M:%S}{dot(f)} x"),
    Written("apache-error", lambda t, f, _: f"[{t:%a %b %d %H:%M:%S}{dot(f)} {t:%Y}] [core:error] x"),
    Written("redis", lambda t, f, _: f"812:M {t:%d %b %Y %H:%M:%S}{dot(f)} * x"),
    Written("mysql5", lambda t, _, __: f"{t:%y%m%d} {t.hour:2}:{t:%M:%S} [Note] x", fixed_digits=0),
    Written("rabbitmq", lambda t, _, __: f"=ERROR REPORT==== {t:%d-%b-%Y::%H:%M:%S} ===", fixed_digits=0),
    Written("date-dmy", lambda t, f, _: f"{t:%d.%m.%Y %H:%M:%S}{dot(f)} x"),
    Written("date-mdy", lambda t, _, __: f"{t.month}/{t.day}/{t.year} {hour12(t)}:{t:%M:%S %p} x", fixed_digits=0),
    Written("date-dmy", lambda t, _, __: f"{t.day}/{t.month}/{t.year}, {hour12(t)}:{t:%M:%S %p} x", fixed_digits=0),
    Written(
        "java-util-logging", lambda t, _, __: f"{t:%b} {t.day}, {t.year} {hour12(t)}:{t:%M:%S %p} x", fixed_digits=0
    ),
    Written("syslog", lambda t, f, _: f"{t:%b} {t.day:2} {t:%H:%M:%S}{dot(f)} db1 app[42]: x", LAST_YEAR),
    Written("glog", lambda t, _, ns: f"E{t:%m%d %H:%M:%S}.{ns % S // 1000:06} 42 a.go:1] x", LAST_YEAR, 6),
    Written("logcat", lambda t, _, ns: f"{t:%m-%d %H:%M:%S}.{ns % S // 10**6:03} 1 2 I x: y", LAST_YEAR, 3),
    Written("time", lambda t, f, _: f"{t:%H:%M:%S}{dot(f)} x", LAST_DAY),
    Written("strace", lambda t, f, _: f"42 {t:%H:%M:%S}{dot(f)} read(3) = 0", LAST_DAY),
]
ABSOLUTE = [
    Written("epoch", lambda _, f, ns: f"{ns // S}{dot(f)} x", (1_000_000_000 * S, MODIFIED)),
    Written("json-epoch", lambda _, f, ns: f'{{"ts":{ns // S}{dot(f)}}}', (1_000_000_000 * S, MODIFIED)),
    Written("otlp-json", lambda _, __, ns: f'{{"timeUnixNano":"{ns}"}}', (1_000_000_000 * S, MODIFIED), 9),
    Written(
        "audit",
        lambda _, __, ns: f"type=A msg=audit({ns // S}.{ns % S // 10**6:03}:7): x",
        (1_000_000_000 * S, MODIFIED),
        3,
    ),
    Written(
        "tai64n", lambda _, __, ns: f"@{(1 << 62) + 37 + ns // S:016x}{ns % S:08x} x", (1_490_000_000 * S, MODIFIED), 9
    ),
    Written("kernel-monotonic", lambda _, __, ns: f"[{(ns - BOOT) // S:5}.{ns % S // 1000:06}] x", (BOOT, MODIFIED), 6),
    Written("svlogd", lambda _, f, ns: f"{EPOCH + timedelta(seconds=ns // S):%Y-%m-%d_%H:%M:%S}{dot(f)} x"),
]


def read_back(written: Written, ns: int, digits: int, zone: tzinfo) -> None:
    digits = digits if written.fixed_digits is None else written.fixed_digits
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=ns // S)
    local = moment.astimezone(zone)
    line = written.text(local, f"{ns % S:09}"[:digits], ns).encode()
    detection = reader_for_format(written.name, [line], Context(MODIFIED, zone, boot_ns=BOOT))
    unit_ns = 10 ** (9 - digits)
    assert detection.reader.with_fold(local.fold).read(line) == Timestamp(ns // unit_ns * unit_ns, unit_ns), line


def instants(written: Written) -> st.SearchStrategy[int]:
    return st.integers(*written.span)


@pytest.mark.parametrize("written", ZONED, ids=lambda written: written.name)
@given(data=st.data(), digits=st.integers(0, 9), zone=st.sampled_from(ZONES))
@settings(max_examples=30, deadline=None)
def test_a_stamp_with_an_offset_is_read_back(written: Written, data: st.DataObject, digits: int, zone: tzinfo) -> None:
    read_back(written, data.draw(instants(written)), digits, zone)


@pytest.mark.parametrize("written", LOCAL, ids=lambda written: written.name)
@given(data=st.data(), digits=st.integers(0, 9), zone=st.sampled_from(ZONES))
@settings(max_examples=30, deadline=None)
def test_a_local_stamp_is_read_back(written: Written, data: st.DataObject, digits: int, zone: tzinfo) -> None:
    read_back(written, data.draw(instants(written)), digits, zone)


@pytest.mark.parametrize("written", ABSOLUTE, ids=lambda written: written.name)
@given(data=st.data(), digits=st.integers(0, 9), zone=st.sampled_from(ZONES))
@settings(max_examples=30, deadline=None)
def test_a_stamp_that_needs_no_zone_is_read_back(
    written: Written, data: st.DataObject, digits: int, zone: tzinfo
) -> None:
    read_back(written, data.draw(instants(written)), digits, zone)


EXAMPLE_LINES = [example.line for row in FORMATS for example in row.examples]
LAYOUTS: list[Layout] = [layout for row in FORMATS for layout in row.layouts]


@given(line=st.sampled_from(EXAMPLE_LINES), data=st.data())
@settings(max_examples=60, deadline=None)
def test_lines_at_fixed_columns_are_read_as_any_other_line(line: bytes, data: st.DataObject) -> None:
    """The fast path and the match agree on lines that differ from those that were read in a few bytes."""
    detection = detect([line], Context(MODIFIED, BERLIN, boot_ns=BOOT))
    if detection is None:
        return
    reader = detection.reader
    by_match = TimestampReader(reader.place._replace(columns=None), reader.clock)
    for _ in range(8):
        changed = bytearray(line)
        for _ in range(data.draw(st.integers(0, 3))):
            changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(
                st.sampled_from(b"0123456789 :.-+TZCETAPM\x00x")
            )
        cut = bytes(changed[: data.draw(st.integers(len(changed) // 2, len(changed)))])
        assert reader.read(cut) == by_match.read(cut), cut


@given(lines=st.lists(st.one_of(st.binary(max_size=80), st.sampled_from(EXAMPLE_LINES)), max_size=12))
@settings(max_examples=100, deadline=None)
def test_no_lines_raise_anything_but_a_sentence(lines: list[bytes]) -> None:
    try:
        detection = detect(lines, Context(MODIFIED, BERLIN))
    except BadInput:
        return
    if detection is not None:
        for line in [*lines, *EXAMPLE_LINES]:
            detection.reader.read(line)


@given(moments=st.lists(st.integers(*ANY_TIME), min_size=2, max_size=30), digits=st.integers(0, 9))
@settings(max_examples=100, deadline=None)
def test_the_bytes_of_fixed_columns_sort_as_the_times_do(moments: list[int], digits: int) -> None:
    lines = []
    for ns in sorted(moments):
        moment = EPOCH + timedelta(seconds=ns // S)
        lines.append(f"{moment:%Y-%m-%dT%H:%M:%S}{dot(f'{ns % S:09}'[:digits])}Z x".encode())
    detection = detect(lines, Context(MODIFIED, BERLIN))
    assert detection is not None
    columns = detection.reader.fixed_column_prefix
    assert columns is not None
    keys = [line[slice(*columns)] for line in reversed(lines)]
    assert sorted(keys) == [line[slice(*columns)] for line in lines]
    assert lines[0][columns[1] :].startswith(detection.reader.fixed_column_suffix)


HOSTILE = [
    b"[" * 65_536,
    b'"' * 65_536,
    b"\\" * 65_536,
    b" " * 65_536,
    b"1" * 65_536,
    b"{" * 65_536,
    b'{"a":' * 13_000,
    b'{"time' + b'"a":1,' * 11_000,
    b'{"a":"' + b'\\"' * 32_000,
    b'{"log":"' + b"x" * 65_000 + b'","stream":"stdout","time":',
    b"a=" * 32_768,
    b'a="b" ' * 11_000 + b"time=",
    b"\x1b[" * 32_768,
    b"w-1 " * 16_384,
    b"a.b " * 16_384,
    b"ERROR [" + b"x" * 65_000,
    b'Started GET "' + b"x" * 65_000,
    b"10.0.0.9 - - " + b"x " * 32_000,
    b"2026-11-24 " * 6_000,
    b"Nov 24 " * 9_000,
]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.notation.name)
def test_a_hostile_line_is_matched_in_bounded_time(layout: Layout) -> None:
    """A pattern that backtracks would not end before the time limit of the test."""
    reader = TimestampReader(LearnedPlace(compiled(layout.pattern), layout.max_end), NEVER.clock)
    context = re.compile(layout.context)
    for line in HOSTILE:
        reader.read(line)
        context.match(line, 0, 1024)


NEVER = reader_for_format("iso", [b"2026-11-24T00:00:00Z x"], Context(MODIFIED, UTC)).reader


def test_hostile_lines_are_samples_like_any_other() -> None:
    assert detect(HOSTILE, Context(MODIFIED, UTC)) is None
