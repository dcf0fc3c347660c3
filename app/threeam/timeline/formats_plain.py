"""Stamps of no certain program: at the line's start or in brackets, and those of 3am itself."""

from __future__ import annotations

from threeam.timeline.formats_system import COMPOSE_NAME
from threeam.timeline.notation import (
    ACCESS,
    BASIC,
    DASHED,
    DOTTED_YEAR_FIRST,
    EPOCH,
    ISO,
    SLASHED,
    SYSLOG,
    TIME,
    WEEKDAY,
)
from threeam.timeline.timestamp_format import Example, Layout, Meaning, TimestampFormat

_LEVEL = rb"\[?(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|ERR|FATAL|CRITICAL|SEVERE)\]?:? +(?:- )?\[?"
_COLOURS = rb"(?:\x1b\[[\d;]*[A-Za-z])+"  # of a terminal, written to a file all the same
_PID = rb"(?:\[pid +\d+\] |\d{1,7} +)?"

OWN = TimestampFormat(
    "3am",
    "3am",
    Meaning.EVENT,
    (Layout(ISO, rb"\[", rb"\]", context=rb" \[COFFEE: "),),
    (Example(b"[2026-11-24T03:14:07.123456789+0000] [COFFEE: 3] note: cart 42 is empty", 1795490047123456789, 1),),
)
ISO_PLAIN = TimestampFormat(
    "iso",
    "date and time",
    Meaning.EVENT,
    (
        Layout(ISO),
        Layout(ISO, rb"\[", rb"\]"),
        Layout(ISO, rb"\[", rb"[ ,:|]"),
        Layout(ISO, _LEVEL),
        Layout(ISO, rb"< ?", rb" ?>"),
        Layout(ISO, rb"<\d{1,3}>", mark=b">0000-00-00"),
        Layout(ISO, COMPOSE_NAME, literal=b"|"),
        Layout(ISO, rb'"', rb'"', mark=b'"0000-00-00'),
        Layout(ISO, _COLOURS, literal=b"\x1b["),
        Layout(BASIC),
        Layout(DASHED),
        Layout(DASHED, rb"\[", rb"\]"),
        Layout(ACCESS, rb"(?:[A-Z] )?\[", rb"\]"),
        Layout(BASIC, rb"\[", rb"\]"),
        Layout(SLASHED, rb"\[", rb"[,\]]"),
        Layout(DOTTED_YEAR_FIRST),
    ),
    (
        Example(b"2026-11-24T03:14:07.123+01:00 x", 1795486447123000000, 1_000_000),
        Example(b"2026-11-24 03:14:07,123456 x", 1795486447123456000, 1_000),
        Example(b"[2026-11-24T03:14:07Z] x", 1795490047000000000, 1_000_000_000),
        Example(b"[2026-11-24 03:14:07 +0100] x", 1795486447000000000, 1_000_000_000),
        Example(b"[2026-11-24 03:14:07,123 INFO] x", 1795486447123000000, 1_000_000),
        Example(b"WARNING: 2026-11-24 03:14:07 x", 1795486447000000000, 1_000_000_000),
        Example(b"<2026-11-24 03:14:07.123> x", 1795486447123000000, 1_000_000),
        Example(b"web-1  | 2026-11-24 03:14:07,123 x", 1795486447123000000, 1_000_000),
        Example(b"\x1b[2m2026-11-24T03:14:07.123456Z\x1b[0m x", 1795490047123456000, 1_000),
        Example(b'"2026-11-24 03:14:07","x"', 1795486447000000000, 1_000_000_000),
        Example(b"20261124T031407.123Z x", 1795490047123000000, 1_000_000),
        Example(b"[24/Nov/2026 03:14:07] GET", 1795486447000000000, 1_000_000_000),
        Example(b"E [24/Nov/2026:03:14:07 +0100] x", 1795486447000000000, 1_000_000_000),
        Example(b"[24-Nov-2026 03:14:07 UTC] PHP Warning: x", 1795490047000000000, 1_000_000_000),
        Example(b"[20261124-03:14:07] [DEBUG] x", 1795486447000000000, 1_000_000_000),
        Example(b"[2026/11/24 03:14:07.123456,  0] smbd.c:42(main)", 1795486447123456000, 1_000),
        Example(b"[2026-11-24 03:14:07,123: INFO/MainProcess] x", 1795486447123000000, 1_000_000),
        Example(b"2026.11.24 03:14:07.123456 [ 42 ] {} <Error> x", 1795486447123456000, 1_000),
        Example(b"2026-11-24 03:14:07 GMT+1 x", 1795486447000000000, 1_000_000_000),
        Example(b"2026-11-24 03:14:07 (UTC) x", 1795490047000000000, 1_000_000_000),
        Example(b"24-Nov-2026 03:14:07 x", 1795486447000000000, 1_000_000_000),
    ),
)
TIME_PLAIN = TimestampFormat(
    "time",
    "time of day",
    Meaning.EVENT,
    (Layout(TIME), Layout(TIME, rb"\[", rb"\]"), Layout(TIME, _PID), Layout(TIME, rb"\[", rb" [A-Z]{3}\]")),
    (
        Example(b"03:14:07.123 x", 1795486447123000000, 1_000_000),
        Example(b"[03:14:07] x", 1795486447000000000, 1_000_000_000),
        Example(b"[03:14:07 INF] x", 1795486447000000000, 1_000_000_000),
    ),
)
TS = TimestampFormat(
    "ts",
    "ts of moreutils",
    Meaning.RECEIPT,
    (Layout(SYSLOG, rb"(?:<\d{1,3}>)?"), Layout(SYSLOG, rb"(?P<a>" + WEEKDAY + rb") ")),
    (Example(b"Nov 24 03:14:07 sweep", 1795486447000000000, 1_000_000_000),),
)
EPOCH_PLAIN = TimestampFormat(
    "epoch",
    "seconds since 1970",
    Meaning.EVENT,
    (Layout(EPOCH), Layout(EPOCH, rb"\[", rb"\]")),
    (
        Example(b"1795490047.123456789 x", 1795490047123456789, 1),
        Example(b"[1795490047] x", 1795490047000000000, 1_000_000_000),
        Example(b"1795490047123 x", 1795490047123000000, 1_000_000),
    ),
)
PLAIN_FORMATS = (OWN, TS, ISO_PLAIN, EPOCH_PLAIN, TIME_PLAIN)
