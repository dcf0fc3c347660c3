"""Stamps of no certain program: at the line's start or in brackets, and those of 3am itself."""

from __future__ import annotations

from threeam.timeline.notation import EPOCH, ISO
from threeam.timeline.timestamp_format import Example, Layout, Meaning, TimestampFormat

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
    (Layout(ISO), Layout(ISO, rb"\[", rb"\]")),
    (
        Example(b"2026-11-24T03:14:07.123+01:00 x", 1795486447123000000, 1_000_000),
        Example(b"2026-11-24 03:14:07,123456 x", 1795486447123456000, 1_000),
        Example(b"[2026-11-24T03:14:07Z] x", 1795490047000000000, 1_000_000_000),
    ),
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
PLAIN_FORMATS = (OWN, ISO_PLAIN, EPOCH_PLAIN)
