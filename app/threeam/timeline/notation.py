"""The ways to write an instant: a date and a time of day, the seconds since 1970, TAI64N, the seconds since the boot.

A notation is a pattern of bytes, whose named groups are the fields:

    Y y   the year with four digits, with two     H M S p   the time of day; p: AM or PM
    m b   the month: a number, an English name    f         the digits after the second
    d     the day of the month                    z         the zone
    a     the day of the week, if there is no year
    epoch seconds since 1970   tai  TAI64 label   up        seconds since the boot
    nano  the nanoseconds after the second, hex_nano the same in TAI64N
    total_ms the time from the stamp to the end of a request
"""

from __future__ import annotations

import re
from typing import NamedTuple

from threeam.timeline.zones import ZONES_OF_ABBREVIATION

_MONTHS = rb"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
WEEKDAY = rb"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
ZONE_NAMES: tuple[bytes, ...] = (b"UTC", b"GMT", b"Z", *(name.encode() for name in ZONES_OF_ABBREVIATION))
_ZONE_NAME = rb"(?:" + b"|".join(ZONE_NAMES) + rb")(?![\w+-])"
_UTC_OFFSET = rb"(?:UTC|GMT)[+-]\d{1,2}(?::?[0-5]\d)?(?!\d)"
_CONTINENT = rb"(?:Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Europe|Indian|Pacific)"
# An offset after a blank may be a number of the text: no zone has other minutes today.
_SPACED_OFFSET = rb" [+-](?:0\d|1[0-4]):?(?:00|15|30|45)(?!\d)"
# A bracket before the name is a part of it only if one follows: `[2026-11-24 03:14:07 UTC]` ends after its zone.
_NAMED_ZONE = rb" ?(?:[(\[](?=[A-Z]{1,5}[)\]]))?(?:" + _ZONE_NAME + rb"|" + _UTC_OFFSET + rb")"
_REGION = rb" " + _CONTINENT + rb"(?:/[A-Z][A-Za-z_-]+){1,2}"
# PostgreSQL writes the name of a zone that has none as its offset.
_OFFSET_AS_NAME = rb" [+-](?:0\d|1[0-4])(?= \[\d|:|,)"
_ZONE = (
    rb"(?P<z>[+-](?:0\d|1[0-5])(?::?[0-5]\d)?(?!\d)|"
    + _SPACED_OFFSET
    + rb"|"
    + _OFFSET_AS_NAME
    + rb"|"
    + _REGION
    + rb"|"
    + _NAMED_ZONE
    + rb")"
)
_FRACTION = rb"[.,]\d+"
_FIELDS = {
    b"Y": rb"(?P<Y>\d{4})",
    b"y": rb"(?P<y>\d\d)",
    b"m": rb"(?P<m>\d\d)",
    b"m?": rb"(?P<m>\d{1,2})",  # without a leading zero
    b"b": rb"(?P<b>" + _MONTHS + rb")",
    b"d": rb"(?P<d>\d\d)",
    b"d?": rb"(?P<d>\d{1,2})",
    b"_d": rb"(?P<d>[ 0-3]?\d)",  # padded with a blank
    b"H": rb"(?P<H>\d\d)",
    b"_H": rb"(?P<H> ?\d{1,2})",
    b"H?": rb"(?P<H>\d{1,2})",
    b"MS": rb"(?P<M>\d\d):(?P<S>\d\d)",
    b"M": rb"(?P<M>\d\d)",
    b"S": rb"(?P<S>\d\d)",
    b"f": rb"(?P<f>" + _FRACTION + rb")?",
    b"f!": rb"(?P<f>" + _FRACTION + rb")",
    b"z": _ZONE + rb"?+",
    b"z!": _ZONE,
    b"p": rb" ?(?P<p>[AaPp]\.?[Mm]\b\.?)",
    b"p?": rb"(?: ?(?P<p>[AaPp]\.?[Mm]\b\.?))?",
    b"a": WEEKDAY,
}
# The stamp must end where its pattern ends: a digit, the AM of a 12-hour clock, a zone or a year would change it.
STAMP_END = rb"(?!\w|(?<=\d)[.,:+-]\d| ?[AaPp]\.?[Mm]\b| " + _CONTINENT + rb"/)"
_NO_YEAR = rb"(?! (?:19|20)\d\d(?!\w))"
_NO_DATE = (
    rb"(?! ?(?:[+-]\d\d:?\d\d| \d{1,4}[-/]\d{1,2}[-/]\d| \d{1,2}\.\d{1,2}\.\d{4}|(?:\d{1,2} )?"
    + _MONTHS
    + rb"\b|"
    + _NAMED_ZONE
    + rb"))"
)


class Notation(NamedTuple):
    """A way to write an instant.

    ``shape``: a part of it, with 0 for each digit. ``sorts``: its bytes sort as the times do, if they have one zone and
    one width.
    """

    name: str
    pattern: bytes
    shape: bytes
    sorts: bool = False


def _notation(name: str, template: bytes, shape: bytes, *, sorts: bool = False) -> Notation:
    pattern = re.sub(rb"\{([A-Za-z_?!]+)\}", lambda match: _FIELDS[match[1]], template)
    return Notation(name, pattern + STAMP_END, shape, sorts)


ISO = _notation("2026-11-24T03:14:07.123+01:00", rb"{Y}-{m}-{d}[T \t]{_H}:{MS}{f}{z}", b"0000-00-00", sorts=True)
ISO_UNDERSCORE = _notation("2026-11-24_03:14:07.12345", rb"{Y}-{m}-{d}_{H}:{MS}{f}", b"0000-00-00_", sorts=True)
BASIC = _notation("20261124T031407.123Z", rb"{Y}{m}{d}[T :.-]{H}:?{M}:?{S}{f}{z}", b"00000000", sorts=True)
SLASHED = _notation("2026/11/24 03:14:07.123", rb"{Y}/{m}/{d} {_H}:{MS}{f}{z}", b"0000/00/00 ", sorts=True)
SLASHED_DASH = _notation("2026/11/24 - 03:14:07", rb"{Y}/{m}/{d} - {H}:{MS}{f}{z}", b"0000/00/00 - ")
SYSLOG = _notation("Nov 24 03:14:07", rb"{b} {_d} {H}:{MS}{f}{z}" + _NO_YEAR, b" 00:00:00")
SYSLOG_YEAR = _notation("Nov 24 2026 03:14:07", rb"{b} {_d} {Y} {H}:{MS}{f}{z}", b" 0000 00:00:00")
SYSLOG_YEAR_LAST = _notation("Nov 24 03:14:07 2026", rb"{b} {_d} {H}:{MS}{f} {Y}{z}", b" 0000")
DOTTED_YEAR_FIRST = _notation(
    "2026.11.24 03:14:07.123456", rb"{Y}\.{m}\.{d} {H}:{MS}{f}{z}", b"0000.00.00 ", sorts=True
)
CTIME = _notation("Tue Nov 24 03:14:07 CET 2026", rb"{a} {b} {_d} {_H}:{MS}{f}{p?}{z} {Y}", b" 0000")
DAY_MONTH = _notation("Tue, 24 Nov 2026 03:14:07 +0100", rb"(?:{a},? )?{_d} {b} {Y} {_H}:{MS}{f}{p?}{z}", b" 0000 ")
ACCESS = _notation("24/Nov/2026:03:14:07 +0100", rb"{d}/{b}/{Y}[: ]{H}:{MS}{f}{z}", b"/0000")
DASHED = _notation("24-Nov-2026 03:14:07.123", rb"{d}-{b}-{Y}(?: |::){H}:{MS}{f}{z}", b"-0000")
MONTH_FIRST = _notation("11/24/2026 3:14:07 AM", rb"{m?}/{d?}/{Y},?[ \t]{H?}:{MS}{f}{p?}{z}", b"/0000")
DAY_FIRST = _notation("24/11/2026 03:14:07", rb"{d?}/{m?}/{Y},?[ \t]{H?}:{MS}{f}{p?}{z}", b"/0000")
DOTTED = _notation("24.11.2026 03:14:07", rb"{d?}\.{m?}\.{Y},?[ \t]{H?}:{MS}{f}{z}", b".0000")
MONTH_NAME_FIRST = _notation("Nov 24, 2026 3:14:07 AM", rb"{b} {d?}, {Y},? {H?}:{MS}{f}{p?}{z}", b", 0000")
TIME = _notation("03:14:07.123", rb"{_H}:{MS}{f}" + _NO_DATE, b":00:00")
GLOG = _notation("1124 03:14:07.123456", rb"{m}{d} {H}:{MS}{f!}", b"0000 00:00:00")
GLOG_YEAR = _notation("20261124 03:14:07.123456", rb"{Y}{m}{d} {H}:{MS}{f!}", b"00000000 00:00:00", sorts=True)
GLOG_TWO_DIGIT_YEAR = _notation("261124 03:14:07.123456", rb"{y}{m}{d} {H}:{MS}{f!}", b"000000 00:00:00")
LOGCAT = _notation("11-24 03:14:07.123", rb"{m}-{d} {H}:{MS}{f!}{z}", b"00-00 00:00:00")
TWO_DIGIT_YEAR = _notation("261124  3:14:07", rb"{y}{m}{d} {_H}:?{M}:?{S}", b"000000 ")
TWO_DIGIT_YEAR_SLASHED = _notation("26/11/24 03:14:07", rb"{y}/{m}/{d} {H}:{MS}", b"00/00/00 ")
_EPOCH_SECOND = rb"(?P<epoch>[12]\d{9})"  # of the years 2001 to 2065; other numbers of ten digits are ids
EPOCH = Notation(
    "1795490047.123",
    _EPOCH_SECOND + rb"(?P<f>\.\d+|(?:\d{3}){1,3}(?:\.\d+)?)?" + STAMP_END,
    b"0000000000",
    sorts=True,
)
EPOCH_SERIAL = Notation("1795490047.123:456", _EPOCH_SECOND + rb"(?P<f>\.\d{3}):\d+(?!\w)", b"0000000000.000:")
SINCE_BOOT = Notation("12345.678901", rb"(?P<up>\d{1,8})(?P<f>\.\d{6,9})" + STAMP_END, b".000000")
EPOCH_SECOND_AND_NANO = Notation(
    '"epochSecond":1795490047,"nanoOfSecond":123456789',
    rb'"epochSecond"\s*:\s*(?P<epoch>[1-9]\d{9})\s*,\s*"nanoOfSecond"\s*:\s*(?P<nano>\d{1,9})(?!\d)',
    b'"epochSecond"',
)
TAI64N = Notation("@4000000069614bdf075bcd15", rb"@(?P<tai>4[0-9a-f]{15})(?P<hex_nano>[0-9a-f]{8})(?!\w)", b"@00000000")

NOTATIONS = (
    ISO,
    ISO_UNDERSCORE,
    SLASHED,
    ACCESS,
    CTIME,
    DAY_MONTH,
    DASHED,
    DOTTED,
    DOTTED_YEAR_FIRST,
    MONTH_NAME_FIRST,
    MONTH_FIRST,
    DAY_FIRST,
    SYSLOG_YEAR,
    SYSLOG_YEAR_LAST,
    SYSLOG,
    GLOG_YEAR,
    GLOG,
    LOGCAT,
    BASIC,
    EPOCH,
    TAI64N,
    TWO_DIGIT_YEAR,
    TIME,
)
"""The notations by which the text of a stamp is read whose place the user gives; the longer before its part."""
