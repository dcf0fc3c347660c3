"""Times and durations as people write them: ``03:14``, ``-15m``, ``yesterday``, RFC 3339, ``@stamp``, ``500us``."""

from __future__ import annotations

import re
from datetime import date, time, timedelta, timezone
from itertools import pairwise

from threeam.core.errors import BadTime
from threeam.core.format.clock import Zone, fixed_zone
from threeam.core.format.entry import NS_PER_S, Stamp

_UNIT_NS = {
    "ns": 1,
    "us": 1000,
    "µs": 1000,
    "ms": 10**6,
    "s": NS_PER_S,
    "m": 60 * NS_PER_S,
    "min": 60 * NS_PER_S,
    "h": 3600 * NS_PER_S,
    "d": 86400 * NS_PER_S,
}
_DURATION_PART = re.compile(
    rf"(\d{{1,12}})(?:\.(\d{{1,9}}))? ?({'|'.join(sorted(_UNIT_NS, key=len, reverse=True))}) ?", re.ASCII
)
_TIME = re.compile(
    r"(?:(\d{4})-(\d\d)-(\d\d)(?:[T ]|$))?(?:(\d\d?):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)? ?(Z|[+-]\d\d:?\d\d)?",
    re.ASCII,
)
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_MINUTE_NS = 60 * NS_PER_S
DAY_NS = 86400 * NS_PER_S
_FIRST_NS = (1 - _EPOCH_DAY) * DAY_NS


def parse_duration(text: str) -> int:
    """Return ``text`` (``500us``, ``0.4s``, ``1m30s``) in ns. Raises `BadTime`."""
    if not (ns := _sum_duration(text)):
        raise BadTime(f"{text!r} is not a duration: write 500us, 0.4s, 1m30s")
    return ns


def parse_seconds(text: str) -> float:
    """Return ``text``, a duration or a bare number of seconds, in seconds. Raises ValueError."""
    ns = _sum_duration(text)
    return float(text) if ns is None else ns / NS_PER_S


parse_seconds.__name__ = "duration such as 0.4s"  # argparse prints it in its message


def parse_exact_duration(text: str) -> int:
    """Return ``text``, a duration with or without a sign, in ns; ``0s`` is one, too.

    Raises `BadTime`, also for a fraction of a nanosecond.
    """
    is_negative, unsigned = text.startswith("-"), text[1:] if text.startswith(("+", "-")) else text
    ns = _sum_duration(unsigned, is_exact=True)
    if ns is None:
        raise BadTime(f"{text!r} is not a duration in whole nanoseconds: write 3.2ms, 500us, 1m30s, 0s")
    return -ns if is_negative else ns


def format_exact_duration(ns: int) -> str:
    """Return a duration to the nanosecond, as `parse_exact_duration` reads it: ``3.2ms``, ``1.000000001s``, ``0s``."""
    sign, ns = ("-", -ns) if ns < 0 else ("", ns)
    if 0 < ns < 1000:
        return f"{sign}{ns}ns"
    unit = "us" if 0 < ns < 100_000 else "ms" if 0 < ns < NS_PER_S else "s"
    whole, rest = divmod(ns, _UNIT_NS[unit])
    fraction = f"{rest:0{len(str(_UNIT_NS[unit])) - 1}d}".rstrip("0") if rest else ""
    return f"{sign}{whole}{'.' if fraction else ''}{fraction}{unit}"


def _sum_duration(text: str, *, is_exact: bool = False) -> int | None:
    """Return the sum (ns) of the parts of ``text``, such as ``1m30s``; None for other text.

    A fraction of a nanosecond is left out. With ``is_exact``, the result is None then.
    """
    text, position, total_ns = text.strip(), 0, 0
    while position < len(text):
        part = _DURATION_PART.match(text, position)
        if part is None:
            return None
        whole, fraction, unit = part.groups()
        fraction_ns, rest = divmod(int((fraction or "").ljust(9, "0")) * _UNIT_NS[unit], 10**9)
        if rest and is_exact:
            return None
        total_ns += int(whole) * _UNIT_NS[unit] + fraction_ns
        position = part.end()
    return total_ns if text else None


def parse_time(text: str, now: Stamp, zone: Zone) -> int:
    """Return the instant that ``text`` names, in ns since the epoch; a local time is one of ``zone``.

    A clock time alone is the last such time: at 03:14, ``23:50`` is yesterday's. Raises `BadTime`, also if the clocks
    showed that time twice.
    """
    instants = _resolve_instants(text, now, zone)
    if len(instants) > 1:
        raise BadTime(f"{_ambiguity_sentence(text, instants, zone)}: write which of them is meant")
    return instants[0]


def parse_time_bound(
    text: str, now: Stamp, zone: Zone, *, latest: bool, after_ns: int | None = None
) -> tuple[int, str]:
    """Return the first (or ``latest``) instant that ``text`` names, and a sentence if there are two. Raises `BadTime`.

    For an end of a range: the range then includes both meanings. ``after_ns``: a clock time alone is the first such
    time after this instant, not the last one before ``now``.
    """
    instants = _resolve_instants(text, now, zone, after_ns)
    if len(instants) == 1:
        return instants[0], ""
    taken = "later" if latest else "earlier"
    return instants[-1 if latest else 0], f"{_ambiguity_sentence(text, instants, zone)}: the {taken} one is taken"


def _resolve_instants(text: str, now: Stamp, zone: Zone, after_ns: int | None = None) -> list[int]:
    """Return the instant that ``text`` names; two, the earlier one first, if the clocks showed that time twice."""
    text = text.strip()
    if text == "now":
        return [now.ns]
    if text.startswith("-") and (ago_ns := _sum_duration(text[1:])) is not None:
        if (ns := now.ns - ago_ns) < _FIRST_NS:
            raise BadTime(f"{text!r} is not a time: it is before the year 1")
        return [ns]
    if stamp := Stamp.parse(text.removeprefix("@")):
        return [stamp.ns]
    if text in ("today", "yesterday"):
        days_ago = 1 if text == "yesterday" else 0
        return [instant_at_hour(local_day_number(now.ns, zone) - days_ago, 0, zone)]
    match = _TIME.fullmatch(text)
    if not text or not match or not (match[1] or match[4]):
        raise BadTime(f"{text!r} is not a time: write 03:14, -15m, yesterday, 2026-11-24T03:14:07.5Z or @stamp")
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    if offset is not None:
        zone = fixed_zone(_parse_utc_offset(offset))
    try:
        clock_time = time(int(hour or 0), int(minute or 0), int(second or 0))
        day_number = date(int(year), int(month), int(day)).toordinal() - _EPOCH_DAY if year else None
        if offset is not None:
            timezone(timedelta(seconds=zone(0)))  # raises for 24 hours and more
    except ValueError as error:
        raise BadTime(f"{text!r} is not a time: {error}") from None
    if day_number is not None and hour is None:
        return [instant_at_hour(day_number, 0, zone)]
    since_midnight = ((clock_time.hour * 60 + clock_time.minute) * 60 + clock_time.second) * NS_PER_S
    since_midnight += int((fraction or "0").ljust(9, "0"))
    if day_number is not None:
        return _require_instants(text, day_number * DAY_NS + since_midnight, zone)
    if after_ns is not None:
        days = range(local_day_number(after_ns, zone), local_day_number(after_ns, zone) + 3)  # a day may skip that time
        later = (
            [ns for ns in _instants_of_local_time(day * DAY_NS + since_midnight, zone) if ns > after_ns] for day in days
        )
        return next(filter(None, later))
    local_ns = local_day_number(now.ns, zone) * DAY_NS + since_midnight
    past = [ns for ns in _instants_of_local_time(local_ns, zone) if ns <= now.ns]
    if past:
        return past
    is_to_come = local_ns > now.ns + zone(now.ns) * NS_PER_S
    return _require_instants(text, local_ns - DAY_NS if is_to_come else local_ns, zone)


def _require_instants(text: str, local_ns: int, zone: Zone) -> list[int]:
    """Return the instants at which clocks show ``local_ns`` (ns since 1970 as they show them). Raises `BadTime`."""
    instants = _instants_of_local_time(local_ns, zone)
    if not instants:
        before, after = (Stamp(0, zone(local_ns + ns)) for ns in (-DAY_NS, DAY_NS))
        raise BadTime(
            f"{text!r} does not exist on {Stamp(local_ns).iso_date}: the clocks go forward past it, "
            f"from {str(before)[29:]} to {str(after)[29:]}"
        )
    return instants


def _instants_of_local_time(local_ns: int, zone: Zone) -> list[int]:
    """Return the instants at which clocks of ``zone`` show ``local_ns``: one, or none or two at a change of clocks."""
    offsets = {zone(local_ns + ns) for ns in (-DAY_NS, 0, DAY_NS)}  # before and after a change
    instants = (local_ns - offset * NS_PER_S for offset in offsets)
    return sorted(ns for ns in instants if ns + zone(ns) * NS_PER_S == local_ns)


def local_day_number(ns: int, zone: Zone) -> int:
    """Return the day of ``ns`` in ``zone``, in days since 1970-01-01."""
    return (ns + zone(ns) * NS_PER_S) // DAY_NS


def instant_at_hour(day: int, hour: int, zone: Zone) -> int:
    """Return the instant at which the clocks of ``zone`` show ``hour`` o'clock on ``day`` for the first time.

    If they skip it, return the instant at which they would have shown it.
    """
    local_ns = (day * 24 + hour) * 3600 * NS_PER_S
    return min(_instants_of_local_time(local_ns, zone), default=local_ns - zone(local_ns - DAY_NS) * NS_PER_S)


def _ambiguity_sentence(text: str, instants: list[int], zone: Zone) -> str:
    """Return a sentence with the unambiguous forms of the two ``instants`` of ``text``."""
    first, second = (_format_trimmed(Stamp(ns, zone(ns))) for ns in instants)
    return f"{text!r} exists twice, since the clocks went back: {first}, and then {second}"


def _format_trimmed(stamp: Stamp) -> str:
    """Return ``stamp`` without a fraction of zero."""
    shown = str(stamp)
    return f"{shown[:29].rstrip('0').rstrip('.') if stamp.ns % NS_PER_S else shown[:19]}{shown[29:]}"


def _parse_utc_offset(text: str) -> int:
    """Return the seconds east of UTC for ``Z``, ``+0200`` or ``+02:00``."""
    if text == "Z":
        return 0
    digits = text[1:].replace(":", "")
    offset = int(digits[:2]) * 3600 + int(digits[2:]) * 60
    return -offset if text[0] == "-" else offset


def format_duration(ns: int) -> str:
    """Return a duration as options accept it: ``12ns``, ``0.8ms``, ``1.003s``, ``1m30s``, ``2h05m``, ``3d``.

    It has two units at most. What is smaller is left out.
    """
    sign, ns = ("-", -ns) if ns < 0 else ("", ns)
    if ns < 1000:
        return f"{sign}{ns}ns"
    if ns < 100_000:
        return f"{sign}{ns // 100 / 10:g}us"
    if ns < NS_PER_S:
        return f"{sign}{ns // 100_000 / 10:g}ms"
    if ns < _MINUTE_NS:
        return f"{sign}{ns // 1_000_000 / 1000:g}s"
    large, small = next(units for units in pairwise("dhms") if ns >= _UNIT_NS[units[0]])
    count, rest_ns = divmod(ns, _UNIT_NS[large])
    rest = rest_ns // _UNIT_NS[small]
    return f"{sign}{count}{large}" + (f"{rest:02d}{small}" if rest else "")


def format_age(ns: int) -> str:
    """Return an age: ``now``, ``5m``, ``2h05m``. Seconds would only flicker."""
    return "now" if ns < _MINUTE_NS else format_duration(ns // _MINUTE_NS * _MINUTE_NS)
