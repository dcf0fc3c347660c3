"""The duration that a line states: `took 5 ms`, `duration_ms=5`, `"elapsed": 0.005`, `in 1m30s`, `took 0:01:30`."""

from __future__ import annotations

import re
from functools import cache

from threeam.core.format.entry import NS_PER_S
from threeam.core.store.regex import Regex

_NAMES = (
    "duration|dur|took|elapsed|latency|runtime|rt|ttfb|ttlb"
    "|(?:request|response|processing|query|total|exec|execution|run|upstream)_?time"
)
_OTHER_NAMES = "in|after|for|cost|spent"  # a number after them needs a unit: `in 5 carts`
_UNITS_NS = (  # the first that a unit begins with
    ("milli", 10**6),
    ("micro", 10**3),
    ("ms", 10**6),
    ("n", 1),
    ("u", 10**3),
    ("µ", 10**3),
    ("μ", 10**3),
    ("s", NS_PER_S),
    ("m", 60 * NS_PER_S),
    ("h", 3600 * NS_PER_S),
)
_UNIT = (
    rb"(?:[num]|\xc2\xb5|\xce\xbc)?s(?:ecs?|econds?)?|msecs?|usecs?|(?:milli|micro|nano)(?:s|secs?|seconds?)"
    rb"|m(?:ins?|inutes?)?|h(?:rs?|ours?)?"
)
_NUMBER = rb"\d{1,15}(?:\.\d{1,12})?"
_DURATION = re.compile(
    rb"(?<![a-z])(?:(?P<name>%b)(?:_?(?P<unit_of_name>%b))?|(?:%b)\b|\()[\"']?\s*[=:]?\s*[\"']?(?:pt)?"
    rb"(?:(?P<clock>\d{1,4}(?::[0-5]\d){1,2}(?:\.\d{1,12})?)|(?P<amount>%b(?:\s*(?:%b)(?:[\s,]{0,2}%b\s*(?:%b)){0,3})?))"
    rb"(?![.:]?\w)" % (_NAMES.encode(), _UNIT, _OTHER_NAMES.encode(), _NUMBER, _UNIT, _NUMBER, _UNIT),
    re.IGNORECASE,
)
DURATION_MARK = (  # for RE2: each line with a duration has it
    rf"(?i:(?:^|[^a-z])(?:(?:{_NAMES}|{_OTHER_NAMES})[a-z_]*[\"']?\s*[=:]?\s*[\"']?(?:pt)?\d|\(\d))"
)
_PART = re.compile(rb"(?P<whole>\d+)(?:\.(?P<fraction>\d+))?\s*(?P<unit>[a-z\xc2\xb5\xce\xbc]+)?", re.IGNORECASE)


def read_duration(text: bytes) -> int | None:
    """Return the longest duration that a line states, rounded up, in nanoseconds; None if it has none."""
    if not _mark().has_match(text):
        return None
    return max((ns for match in _DURATION.finditer(text) if (ns := _nanoseconds(match)) is not None), default=None)


def _nanoseconds(match: re.Match[bytes]) -> int | None:
    if (clock := match["clock"]) is not None:
        return _clock_ns(clock) if match["name"] else None  # `in 10:30`
    total_ns, digit_ns = 0, 0
    for part in _PART.finditer(match["amount"]):
        fraction = part["fraction"] or b""
        unit = part["unit"] or match["unit_of_name"]
        if unit is not None:
            unit_ns = _unit_ns(unit)
        elif match["name"] is None:
            return None  # `in 5 carts`
        else:
            unit_ns = NS_PER_S if fraction else 10**6  # `request_time=0.005`, `elapsed=5`
        part_ns, digit_ns = _product_ns(part["whole"], fraction, unit_ns)
        total_ns += part_ns
    return total_ns + digit_ns


def _clock_ns(clock: bytes) -> int:
    """Return the duration ``0:01:30.5``, or ``1:30``, which is one of minutes and seconds."""
    whole, _, fraction = clock.partition(b".")
    seconds = 0
    for part in whole.split(b":"):
        seconds = 60 * seconds + int(part)
    return sum(_product_ns(b"%d" % seconds, fraction, NS_PER_S))


def _product_ns(whole: bytes, fraction: bytes, unit_ns: int) -> tuple[int, int]:
    """Return a number of units, and the unit of its last digit."""
    scale: int = 10 ** len(fraction)
    return int(whole) * unit_ns + int(fraction or b"0") * unit_ns // scale, -(-unit_ns // scale)


def _unit_ns(unit: bytes) -> int:
    name = unit.decode().lower()
    return next(ns for begin, ns in _UNITS_NS if name.startswith(begin))


@cache
def _mark() -> Regex:
    return Regex(DURATION_MARK)
