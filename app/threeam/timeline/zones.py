"""Time zones: as a user names one, as a stamp names one, and the offset that is in force in one.

A name such as CST is used by several zones. Only the names of UTC are read, and those of the zone that the file is read
in; any other is refused.
"""

from __future__ import annotations

import difflib
import os
import re
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from threeam.core.errors import BadInput

_HOST_ZONE_FILE = "/etc/localtime"
_EPOCH = datetime(1970, 1, 1)
_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d\d?)(?::?(\d\d))?", re.ASCII)
_UTC_NAMES = frozenset((b"Z", b"UTC", b"GMT"))

ZONES_OF_ABBREVIATION: dict[str, tuple[str, ...]] = {
    "ACDT": ("Australia/Adelaide",),
    "ACST": ("Australia/Adelaide", "Australia/Darwin"),
    "ADT": ("America/Halifax",),
    "AEDT": ("Australia/Sydney", "Australia/Melbourne"),
    "AEST": ("Australia/Sydney", "Australia/Brisbane"),
    "AKDT": ("America/Anchorage",),
    "AKST": ("America/Anchorage",),
    "AST": ("America/Halifax", "America/Puerto_Rico", "Asia/Riyadh"),
    "AWST": ("Australia/Perth",),
    "BRT": ("America/Sao_Paulo",),
    "BST": ("Europe/London", "Asia/Dhaka"),
    "CAT": ("Africa/Maputo",),
    "CDT": ("America/Chicago", "America/Havana"),
    "CEST": ("Europe/Berlin", "Europe/Paris"),
    "CET": ("Europe/Berlin", "Europe/Paris"),
    "CST": ("America/Chicago", "Asia/Shanghai", "America/Havana"),
    "EAT": ("Africa/Nairobi",),
    "EDT": ("America/New_York",),
    "EEST": ("Europe/Helsinki", "Europe/Kyiv"),
    "EET": ("Europe/Helsinki", "Africa/Cairo"),
    "EST": ("America/New_York", "America/Panama", "Australia/Sydney"),
    "HKT": ("Asia/Hong_Kong",),
    "HST": ("Pacific/Honolulu",),
    "IDT": ("Asia/Jerusalem",),
    "IST": ("Asia/Kolkata", "Europe/Dublin", "Asia/Jerusalem"),
    "JST": ("Asia/Tokyo",),
    "KST": ("Asia/Seoul",),
    "MDT": ("America/Denver",),
    "MSK": ("Europe/Moscow",),
    "MST": ("America/Denver", "America/Phoenix", "Asia/Kuala_Lumpur"),
    "NDT": ("America/St_Johns",),
    "NST": ("America/St_Johns",),
    "NZDT": ("Pacific/Auckland",),
    "NZST": ("Pacific/Auckland",),
    "PDT": ("America/Los_Angeles",),
    "PKT": ("Asia/Karachi",),
    "PST": ("America/Los_Angeles", "Asia/Manila"),
    "SAST": ("Africa/Johannesburg",),
    "SGT": ("Asia/Singapore",),
    "SST": ("Pacific/Pago_Pago", "Asia/Singapore"),
    "WAT": ("Africa/Lagos",),
    "WEST": ("Europe/Lisbon",),
    "WET": ("Europe/Lisbon",),
    "WIB": ("Asia/Jakarta",),
    "WITA": ("Asia/Makassar",),
}
"""The names of zones that logs have, with zones that use them or used them. Some programs write a name of old."""


class AmbiguousZone(BadInput):
    """A name of a time zone in the stamps of a file that does not say which zone it is."""


def parse_zone(text: str) -> tzinfo:
    """Return the zone that a user names: ``Europe/Berlin``, ``UTC``, ``+02:00``. Raises `BadInput`."""
    if text.upper() in ("UTC", "GMT", "Z"):
        return UTC
    offset_s = parse_offset(text.encode("utf-8", "replace"))
    if offset_s is not None:
        return timezone(timedelta(seconds=offset_s))
    if candidates := ZONES_OF_ABBREVIATION.get(text.upper()):
        raise AmbiguousZone(f"{text} is not one time zone: write the place, such as {_list(candidates)}")
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # ValueError: a path outside of the zones; OSError: a folder
        near = difflib.get_close_matches(text, available_timezones(), 3, 0.6)
        hint = f"; did you mean {_list(near)}?" if near else ": write one such as Europe/Berlin, UTC or +02:00"
        raise BadInput(f"there is no time zone {text!r}{hint}") from None


def host_zone() -> tzinfo:
    """Return the zone of this process: from ``TZ``, else from /etc/localtime, with the rules of summer time.

    Of a ``TZ`` that is a POSIX string, only the offset that is in force now is known.
    """
    name = os.environ.get("TZ", "").removeprefix(":")
    with suppress(ZoneInfoNotFoundError, ValueError, OSError):
        if name:
            return ZoneInfo(name)
        with open(_HOST_ZONE_FILE, "rb") as rules:
            key = os.path.realpath(_HOST_ZONE_FILE).rpartition("/zoneinfo/")[2]
            return ZoneInfo.from_file(rules, key=key)
    return timezone(timedelta(seconds=time.localtime().tm_gmtoff))


def parse_offset(text: bytes) -> int | None:
    """Return the seconds east of UTC that ``Z``, ``UTC``, ``+01``, ``+0100``, ``+01:00`` or ``UTC+1`` says; or None."""
    if text in _UTC_NAMES:
        return 0
    match = _OFFSET.fullmatch(text.decode("ascii", "replace"))
    if match is None:
        return None
    hours, minutes = int(match[2]), int(match[3] or "0")
    if hours > 15 or minutes > 59:
        return None
    return (hours * 3600 + minutes * 60) * (-1 if match[1] == "-" else 1)


@lru_cache(maxsize=64)
def zone_of_region(name: bytes) -> tzinfo | None:
    """Return the zone that a stamp names by its place, as ``Europe/Berlin``; None if there is no such zone."""
    try:
        return ZoneInfo(name.decode("ascii", "replace"))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def zone_name(zone: tzinfo | None) -> str:
    """Return the name of a zone for a sentence."""
    if isinstance(zone, ZoneInfo):
        return zone.key or "the zone of this host"
    return "UTC" if zone is None else str(zone)


@lru_cache(maxsize=1024)
def utc_offset_s(zone: tzinfo, wall_s: int, fold: int) -> int | None:
    """Return the seconds east of UTC at a time that the clocks of the zone show, in seconds since 1970 on them.

    ``fold``: 0 for the first and 1 for the second time that the clocks show it. None: they never show it (the hour that
    is left out in spring), or it is outside of the years 1 to 9999.
    """
    try:
        wall = _EPOCH + timedelta(seconds=wall_s)
        first, second = (zone.utcoffset(wall.replace(fold=each)) for each in (0, 1))
    except OverflowError:
        return None
    if first is None or second is None or first < second:
        return None
    offset = second if fold else first
    return offset.days * 86_400 + offset.seconds


def wall_second(zone: tzinfo, second: int) -> int:
    """Return what the clocks of the zone show at a second since the epoch, in seconds since 1970 on them."""
    try:
        moment = datetime.fromtimestamp(second, zone)
    except (OverflowError, ValueError, OSError):  # outside of the years 1 to 9999
        return second
    offset = moment.utcoffset()
    assert offset is not None  # the moment has a zone
    return second + offset.days * 86_400 + offset.seconds


def offset_of_abbreviation(zone: tzinfo, wall_s: int, name: bytes) -> int | None:
    """Return the seconds east of UTC that a zone means by ``name`` in about that year; None if it has no such name."""
    offsets: set[timedelta] = set()
    try:
        wall = _EPOCH + timedelta(seconds=wall_s)
        for days in range(-180, 181, 30):
            for fold in (0, 1):
                moment = (wall + timedelta(days=days)).replace(fold=fold, tzinfo=zone)
                offset = moment.utcoffset()
                if offset is not None and moment.tzname() == name.decode("ascii", "replace"):
                    offsets.add(offset)
    except OverflowError:
        return None
    if len(offsets) != 1:
        return None
    (offset,) = offsets
    return offset.days * 86_400 + offset.seconds


def ambiguous_zone(name: bytes) -> AmbiguousZone:
    """Return the error for a name that stands in the stamps of a file and is not one of its zone."""
    text = name.decode("ascii", "replace")
    candidates = ZONES_OF_ABBREVIATION.get(text, ())
    if len(candidates) > 1:
        return AmbiguousZone(
            f"the stamps have the zone {text}, which is {_list(candidates)}: name it with --tz SRC={candidates[0]}"
        )
    if candidates:
        return AmbiguousZone(
            f"the stamps have the zone {text}, which this host does not use: if it is {candidates[0]}, name it with "
            f"--tz SRC={candidates[0]}"
        )
    return AmbiguousZone(f"the stamps have the zone {text}, which is not known: name it with --tz SRC=Europe/Berlin")


def _list(names: tuple[str, ...] | list[str]) -> str:
    return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else list(names))
