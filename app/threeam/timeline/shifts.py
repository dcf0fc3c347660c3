"""Shifts as people write them, and as they are printed: ``web2=+3.2ms±0.4ms``.

A shift is added to the timestamps of a source: the clock of a source that is 3.2 ms ahead gets ``-3.2ms``. The part
after ``±`` is the bound: the shift is wrong by that at most.
"""

from __future__ import annotations

import re

from threeam.core.errors import BadInput, BadTime
from threeam.core.format.entry import NS_PER_S
from threeam.core.format.times import format_exact_duration, parse_exact_duration
from threeam.timeline.instant import ClockCorrection

_PLUS_MINUS = re.compile(r" ?(?:±|\+/?-) ?")
_MAX_SHIFT_NS = 36_525 * 86_400 * NS_PER_S
_KEYBOARD_SIGNS = str.maketrans({"−": "-", "μ": "µ"})  # a minus sign and a Greek letter, as other programs print them


def parse_shift(text: str) -> tuple[str, ClockCorrection]:
    """Return the source and the correction of its clock that ``text`` states (``web2=+3.2ms±0.4ms``).

    ``+-`` and ``+/-`` stand for ``±``. Without a bound, the order of its lines to those of other clocks is not known.
    Raises `BadInput`.
    """
    source, equals, correction = text.rpartition("=")
    if not equals or not source.strip():
        raise BadInput(f"{text!r} does not say which source is shifted: write SRC=+3.2ms±0.4ms")
    return source.strip(), parse_correction(correction)


def parse_correction(text: str) -> ClockCorrection:
    """Return the correction that ``text`` states (``+3.2ms±0.4ms``, ``±0.4ms``, ``-3.2ms``). Raises `BadInput`."""
    try:
        shift, bound_ns = split_bound(text.translate(_KEYBOARD_SIGNS).strip())
        if not shift and bound_ns is None:
            raise BadTime(text)
        shift_ns = parse_exact_duration(shift) if shift else 0
        if abs(shift_ns) > _MAX_SHIFT_NS or (bound_ns or 0) > _MAX_SHIFT_NS:
            raise BadInput(f"{text!r} is more than 100 years: a shift corrects a clock")
        return ClockCorrection(shift_ns, bound_ns)
    except BadTime:
        raise BadInput(
            f"{text!r} is not a shift: write +3.2ms±0.4ms, or +3.2ms+-0.4ms, with units ns, us, ms, s, m, h or d"
        ) from None


def split_bound(text: str) -> tuple[str, int | None]:
    """Return the text before ``±``, and the duration after it (ns); None if there is no ``±``. Raises `BadTime`."""
    before, *bounds = _PLUS_MINUS.split(text)
    if not bounds:
        return before, None
    if len(bounds) > 1 or bounds[0].startswith(("+", "-")):
        raise BadTime(f"{text!r} has more than one sign after ±")
    return before, parse_exact_duration(bounds[0])


def format_correction(correction: ClockCorrection) -> str:
    """Return ``correction`` to the nanosecond, as `parse_correction` reads it: ``+3.2ms±0.4ms``."""
    sign = "" if correction.shift_ns < 0 else "+"
    bound = "" if correction.bound_ns is None else f"±{format_exact_duration(correction.bound_ns)}"
    return f"{sign}{format_exact_duration(correction.shift_ns)}{bound}"


def short_shift(correction: ClockCorrection) -> str:
    """Return what is added to the timestamps of a source, as short as possible: ``-3.2ms±0.4ms``, ``±?``, or ""."""
    if correction == ClockCorrection():
        return ""
    unknown = "±?" if correction.bound_ns is None else ""
    return format_correction(correction).removeprefix("+0s") + unknown
