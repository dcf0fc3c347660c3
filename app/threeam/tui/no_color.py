"""NO_COLOR: the screen without any colour. Textual's own filter turns colours into greys, which are colours too."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter


class WithoutColors(LineFilter):
    """Removes the colours of segments; bold, reverse, underline and dim stay."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [Segment(text, style and _without_color(style), control) for text, style, control in segments]


WITHOUT_COLORS: Sequence[LineFilter] = (WithoutColors(),)


@lru_cache(1024)
def _without_color(style: Style) -> Style:
    return style.without_color
