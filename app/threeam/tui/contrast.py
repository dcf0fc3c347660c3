"""Contrast as WCAG 2 defines it, and colours that are moved until they have enough of it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from textual.color import BLACK, WHITE, Color

TEXT_RATIO = 4.5  # WCAG AA, for text
BORDER_RATIO = 3.0  # and for what only has to be seen
_STEPS = 50


def relative_luminance(color: Color) -> float:
    """Return the relative luminance of an opaque colour: 0 is black, 1 white."""
    red, green, blue = (
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4
        for part in (color.r / 255, color.g / 255, color.b / 255)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast_ratio(first: Color, second: Color) -> float:
    """Return the contrast of two opaque colours, from 1 to 21."""
    dark, light = sorted((relative_luminance(first), relative_luminance(second)))
    return (light + 0.05) / (dark + 0.05)


@cache
def with_contrast(color: Color, grounds: Sequence[Color], ratio: float) -> Color:
    """Return ``color``, as much lighter or darker as gives it the contrast ``ratio`` on each of ``grounds``.

    If no shade has that, return the one that comes nearest: white or black.
    """
    is_dark = max(relative_luminance(ground) for ground in grounds) < 0.18  # there white has more contrast than black
    target = WHITE if is_dark else BLACK
    shades = (color.blend(target, step / _STEPS) for step in range(_STEPS + 1))
    return next((shade for shade in shades if _least(shade, grounds) >= ratio), target)


def _least(color: Color, grounds: Sequence[Color]) -> float:
    return min(contrast_ratio(color, ground) for ground in grounds)
