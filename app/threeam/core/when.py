"""A time as people write it: ``03:14``, ``-15m``, ``yesterday``, RFC 3339, ``@stamp``."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

from threeam.core.entry import NS, Stamp
from threeam.core.journal import BadInput

_UNITS = {
    "ns": 1,
    "us": 1000,
    "µs": 1000,
    "ms": 10**6,
    "s": NS,
    "m": 60 * NS,
    "min": 60 * NS,
    "h": 3600 * NS,
    "d": 86400 * NS,
}
_LENGTH = re.compile(rf"(\d{{1,12}})({'|'.join(_UNITS)})", re.ASCII)
_CLOCK = re.compile(
    r"(?:(\d{4})-(\d\d)-(\d\d)(?:[T ]|$))?(?:(\d\d?):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?(Z|[+-]\d\d:?\d\d)?", re.ASCII
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class BadTime(BadInput):
    """A time that cannot be understood."""


def parse_length(text: str) -> int:
    """``1ms``, ``500us``, ``2s`` in ns. Raises `BadTime`."""
    found = _LENGTH.fullmatch(text.strip())
    if not found or int(found[1]) == 0:
        raise BadTime(f"{text!r} is no length of time: write 1ms, 500us, 2s")
    return int(found[1]) * _UNITS[found[2]]


def parse_when(text: str, now: Stamp) -> int:
    """The instant that ``text`` names, in ns since the epoch; local times are in the zone of ``now``.

    A clock time alone is the last such time: ``23:50`` asked at 03:14 is yesterday's. Raises `BadTime`.
    """
    text = text.strip()
    if text == "now":
        return now.ns
    if text.startswith("-") and (ago := _LENGTH.fullmatch(text[1:])):
        return now.ns - int(ago[1]) * _UNITS[ago[2]]
    if stamp := Stamp.parse(text.removeprefix("@")):
        return stamp.ns
    if text in ("today", "yesterday"):
        return _ns(_midnight(now, now.offset) - timedelta(days=text == "yesterday"))
    found = _CLOCK.fullmatch(text)
    if not text or not found or not (found[1] or found[4]):
        raise BadTime(f"{text!r} is no time: write 03:14, -15m, yesterday, 2026-11-24T03:14:07.5Z or @stamp")
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    try:
        offset = now.offset if zone is None else _offset(zone)
        midnight = _midnight(now, offset)
        date = midnight.replace(year=int(year), month=int(month), day=int(day)) if year else midnight
        moment = date.replace(hour=int(hour or 0), minute=int(minute or 0), second=int(second or 0))
    except ValueError as error:
        raise BadTime(f"{text!r} is no time: {error}") from None
    ns = _ns(moment) + int((fraction or "0").ljust(9, "0"))
    return ns if year or ns <= now.ns else ns - 86400 * NS


def _midnight(now: Stamp, offset: int) -> datetime:
    zone = timezone(timedelta(seconds=offset))
    return datetime.fromtimestamp(now.ns // NS, zone).replace(hour=0, minute=0, second=0)


def _offset(zone: str) -> int:
    if zone == "Z":
        return 0
    digits = zone[1:].replace(":", "")
    offset = int(digits[:2]) * 3600 + int(digits[2:]) * 60
    return -offset if zone[0] == "-" else offset


def _ns(moment: datetime) -> int:
    between = moment - _EPOCH  # integers all the way: no float near a stamp
    return (between.days * 86400 + between.seconds) * NS


def duration(ns: int) -> str:
    """A length of time with the unit that fits: ``12 ns``, ``0.8 ms``, ``1.003 s``, ``5 min``, ``3 h``."""
    sign, ns = ("-", -ns) if ns < 0 else ("", ns)
    if ns < 1000:
        return f"{sign}{ns} ns"
    if ns < 100_000:
        return f"{sign}{ns // 100 / 10:g} µs"
    if ns < NS:
        return f"{sign}{ns // 100_000 / 10:g} ms"
    if ns < 60 * NS:
        return f"{sign}{ns // 1_000_000 / 1000:g} s"
    minutes = ns // (60 * NS)
    return f"{sign}{minutes} min" if minutes < 120 else f"{sign}{minutes // 60} h"


def ago(ns: int) -> str:
    """How long ago, as a person says it: ``now``, ``5 min``, ``3 h``. Seconds would only flicker."""
    return "now" if ns < 60 * NS else duration(ns)
