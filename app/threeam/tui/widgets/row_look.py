"""The look of rows: the options of all rows, the facts about one, and the styles and signs."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import NamedTuple

from rich.segment import Segment
from rich.style import Style

from threeam.core.store.pattern import Pattern
from threeam.hypotheses.amendments import Amendment

AUTHOR_STYLE_COUNT = 6  # log--who-0 … log--who-5

TIME_MODES = {  # the modes of the time column, with the names that the user sees
    "ms": "milliseconds",
    "ns": "nanoseconds",
    "since": "since the row before",
    "t0": "since T0",
    "local": "local time",
}


StyleGetter = Callable[[str], Style]


class RenderOptions(NamedTuple):
    """The options that all rows are drawn with.

    ``time_mode`` is a key of `TIME_MODES`: the time of day to the millisecond or to the nanosecond, the time since the
    row before, the signed time since ``t0_ns``, or the time of day in the local zone. Matches of ``pattern``
    are highlighted.
    """

    wrap: bool = True
    emoji: bool = True
    time_mode: str = "ms"
    t0_ns: int | None = None
    pattern: Pattern | None = None


class RowFlags(NamedTuple):
    """The facts about one row that its line does not contain.

    ``is_selected``: it is under the cursor. ``is_unsure``: it may not stay in the log. ``is_first``: it is the first
    row of the screen. ``amendment`` is shown in place of the entry's own text. ``progress`` is that of the experiment
    whose plan it is. ``is_observed``: a tracer was attached to some process at that time.
    """

    is_selected: bool = False
    is_unsure: bool = False
    is_marked: bool = False
    is_first: bool = False
    amendment: Amendment | None = None
    progress: str = ""
    is_observed: bool = False


class Brush(NamedTuple):
    """The styles and signs that one row is drawn with."""

    get_style: StyleGetter
    base: Style
    emoji: bool

    def segment(self, text: str, style: str) -> Segment:
        """Return ``text`` in the style class ``style``, on the row's background."""
        return Segment(text, self.base + self.get_style(style))

    @property
    def cut_mark(self) -> Segment:
        """The sign that stands for text that does not fit."""
        return Segment(self.sign("…", "~"), self.base)

    def sign(self, symbol: str, ascii_symbol: str) -> str:
        return symbol if self.emoji else ascii_symbol


def author_style(user: str) -> str:
    """Return the style class of ``user``: always the same for the same name."""
    return f"who-{zlib.crc32(user.encode()) % AUTHOR_STYLE_COUNT}"


def source_style(number: int) -> str:
    """Return the style class of the source ``number``: neighbours have different ones."""
    return f"who-{number % AUTHOR_STYLE_COUNT}"


def source_color(number: int) -> str:
    """Return the colour of the source ``number``, as the style sheets name it."""
    return f"${source_style(number)}"
