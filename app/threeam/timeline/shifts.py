"""Shifts as people write them, and as they are printed: ``web2=+3.2ms±0.4ms``.

A shift is added to the timestamps of a source: the clock of a source that is 3.2 ms ahead gets ``-3.2ms``. The part
after ``±`` is the bound: the shift is wrong by that at most.
"""

from __future__ import annotations

import re

from threeam.core.errors import BadInput, BadTime
from threeam.core.format.times import format_exact_duration, parse_exact_duration
from threeam.timeline.instant import ClockCorrection

_PLUS_MINUS = re.compile(r" ?(?:±|\+/?-) ?")
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
    shift, *bounds = _PLUS_MINUS.split(text.translate(_KEYBOARD_SIGNS).strip())
    try:
        if len(bounds) > 1 or not (shift or bounds) or (bounds and bounds[0].startswith(("+", "-"))):
            raise BadTime(text)
        shift_ns = parse_exact_duration(shift) if shift else 0
        return ClockCorrection(shift_ns, parse_exact_duration(bounds[0]) if bounds else None)
    except BadTime:
        raise BadInput(
            f"{text!r} is not a shift: write +3.2ms±0.4ms, or +3.2ms+-0.4ms, with units ns, us, ms, s, m, h or d"
        ) from None


def format_correction(correction: ClockCorrection) -> str:
    """Return ``correction`` to the nanosecond, as `parse_correction` reads it: ``+3.2ms±0.4ms``."""
    sign = "" if correction.shift_ns < 0 else "+"
    bound = "" if correction.bound_ns is None else f"±{format_exact_duration(correction.bound_ns)}"
    return f"{sign}{format_exact_duration(correction.shift_ns)}{bound}"
