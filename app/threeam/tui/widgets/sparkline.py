"""One row below the header: how much was written when, this night, with the warnings and hypotheses in it."""

from __future__ import annotations

from collections.abc import Iterable

from textual.content import Content
from textual.widgets import Static

from threeam.core.format.clock import Zone
from threeam.core.format.entry import NS_PER_S, Stamp
from threeam.tui.glyphs import GLYPHS
from threeam.tui.histogram import ActivityIndex

_DAY_NS = 24 * 3600 * NS_PER_S
_BARS = " ▁▂▃▄▅▆▇█"
_ASCII_BARS = " .:-=+*%#"


class ActivitySparkline(Static):
    """Draws the night of an `Activity`."""

    def __init__(self, *, emoji: bool, gap_ns: int) -> None:
        super().__init__()
        self._emoji = emoji
        self._gap_ns = gap_ns
        self._shown_data: tuple[ActivityIndex, list[int], Zone] | None = None

    def show(self, activity: ActivityIndex, hypotheses: Iterable[int], zone: Zone) -> None:
        """Shows ``activity``, with signs where ``hypotheses`` were opened (ns); times of ``zone``."""
        self._shown_data = (activity, list(hypotheses), zone)
        self.on_resize()

    def on_resize(self) -> None:
        if self._shown_data is not None:
            self.update(self._render_night(*self._shown_data), layout=False)  # one row it stays

    def _render_night(self, activity: ActivityIndex, hypotheses: list[int], zone: Zone) -> Content:
        width = self.size.width - 16
        night = activity.histogram(width, self._gap_ns) if width >= 16 else None
        if night is None or night.begin_ns == night.end_ns:
            return Content("")
        bars = _BARS if self._emoji else _ASCII_BARS
        top = max(night.counts)
        # A row for every line would make one burst the whole picture: the height is the number of digits, as it were.
        levels = [0 if not n else 1 + n.bit_length() * 7 // max(1, top.bit_length()) for n in night.counts]
        opened = {night.column_at(ns) for ns in hypotheses}
        begin, end = (Stamp(ns, zone(ns)) for ns in (night.begin_ns, night.end_ns))
        days = night.end_ns - night.begin_ns >= _DAY_NS
        pieces: list[tuple[str, str]] = [
            (f" {begin.iso_date[5:] if days else begin.time_of_day[:5]} ", "$foreground-muted")
        ]
        for at, level in enumerate(levels):
            if at in night.warning_columns:
                pieces.append((self._glyph("WARNING"), "bold $error"))
            elif at in opened:
                pieces.append((self._glyph("Hypothesis"), "$hypothesis"))
            else:
                pieces.append((bars[min(8, level)], "$foreground-muted"))
        pieces.append((f" {end.iso_date[5:] if days else end.time_of_day[:5]} ", "$foreground-muted"))
        return Content.assemble(*pieces)

    def _glyph(self, kind: str) -> str:
        sign = GLYPHS[kind]
        return sign.symbol if self._emoji else sign.ascii_symbol
