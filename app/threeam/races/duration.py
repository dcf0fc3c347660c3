"""The duration that a line states: `took 5 ms`, `duration_ms=5`, `"elapsed": 0.005`, `in 5ms`, `(5ms)`."""

from __future__ import annotations

import re
from functools import cache

from threeam.core.format.entry import NS_PER_S
from threeam.core.store.regex import Regex

_NAMES = "duration|dur|took|elapsed|latency|runtime|(?:request|response|processing|query|total|upstream)_?time"
_DURATION = re.compile(
    rb"(?<![a-z])(?:(?P<name>"
    + _NAMES.encode()
    + rb")(?:_?(?P<unit_of_name>[num]s|s|secs?|seconds|millis|micros|nanos))?"
    rb"[\"']?\s*[=:]?\s*[\"']?|(?:in|after|for)\s|\()(?P<whole>\d{1,15})(?:\.(?P<fraction>\d{1,12}))?"
    rb"\s*(?P<unit>[num]s|\xc2\xb5s|\xce\xbcs|s|secs?|seconds)?(?![\w.])",
    re.IGNORECASE,
)
# For RE2: each line with a duration has it.
DURATION_MARK = rf"(?i:(?:{_NAMES})[a-z_]*[\"']?\s*[=:]?\s*[\"']?\d|(?:in |after |for |\()\d)"
_UNITS_NS = {b"n": 1, b"u": 10**3, b"\xc2": 10**3, b"\xce": 10**3, b"s": NS_PER_S}


def read_duration(text: bytes) -> int | None:
    """Return the longest duration that a line states, rounded up, in nanoseconds; None if it has none."""
    if not _mark().has_match(text):
        return None
    return max((ns for match in _DURATION.finditer(text) if (ns := _nanoseconds(match)) is not None), default=None)


def _nanoseconds(match: re.Match[bytes]) -> int | None:
    fraction = match["fraction"] or b""
    unit = match["unit"] or match["unit_of_name"]
    if unit is not None:
        unit_ns = _unit_ns(unit.lower())
    elif match["name"] is None:
        return None  # `in 5 carts`
    else:
        unit_ns = NS_PER_S if fraction else 10**6  # `request_time=0.005`, `elapsed=5`
    scale: int = 10 ** len(fraction)
    return int(match["whole"]) * unit_ns + int(fraction or b"0") * unit_ns // scale + -(-unit_ns // scale)


def _unit_ns(unit: bytes) -> int:
    if unit.startswith(b"m"):
        return 10**3 if unit == b"micros" else 10**6
    return _UNITS_NS[unit[:1]]


@cache
def _mark() -> Regex:
    return Regex(DURATION_MARK)
