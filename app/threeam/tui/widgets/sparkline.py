"""One row below the header: when lines were written this night, with its warnings and hypotheses."""

from __future__ import annotations

from collections.abc import Iterable

from textual.content import Content
from textual.widgets import Static

from threeam.core.format.clock import Zone
from threeam.core.format.entry import NS_PER_S, Stamp
from threeam.tui.glyphs import GLYPHS
from threeam.tui.histogram import ActivityIndex

_DAY_NS = 24 * 3600 * NS_PER_S
_LABELS_CELLS = 16  # for the times at both ends
_BARS = " ▁▂▃▄▅▆▇█"
_ASCII_BARS = " .:-=+*%#"


class ActivitySparkline(Static):
    """A histogram of the last night, one row high."""

    def __init__(self, *, emoji: bool, gap_ns: int) -> None:
        super().__init__()
        self._emoji = emoji
        self._gap_ns = gap_ns
        self._shown_data: tuple[ActivityIndex, list[int], Zone] | None = None

    def show(self, activity: ActivityIndex, hypotheses_ns: Iterable[int], zone: Zone) -> None:
        """Show ``activity`` with a sign at each time a hypothesis was opened (ns); the labels are times of ``zone``."""
        self._shown_data = (activity, list(hypotheses_ns), zone)
        self.on_resize()

    def on_resize(self) -> None:
        if self._shown_data is not None:
            self.update(self._render_night(*self._shown_data), layout=False)

    def _render_night(self, activity: ActivityIndex, hypotheses_ns: list[int], zone: Zone) -> Content:
        width = self.size.width - _LABELS_CELLS
        night = activity.histogram(width, self._gap_ns) if width >= 16 else None
        if night is None or night.begin_ns == night.end_ns:
            return Content("")
        hypothesis_columns = {night.column_at(ns) for ns in hypotheses_ns}
        begin, end = (Stamp(ns, zone(ns)) for ns in (night.begin_ns, night.end_ns))
        spans_days = night.end_ns - night.begin_ns >= _DAY_NS
        pieces: list[tuple[str, str]] = [(_label(begin, spans_days=spans_days), "$foreground-muted")]
        for column, bar in enumerate(self._bars(night.counts)):
            if column in night.warning_columns:
                pieces.append((self._glyph("WARNING"), "bold $error"))
            elif column in hypothesis_columns:
                pieces.append((self._glyph("Hypothesis"), "$hypothesis"))
            else:
                pieces.append((bar, "$foreground-muted"))
        pieces.append((_label(end, spans_days=spans_days), "$foreground-muted"))
        return Content.assemble(*pieces)

    def _bars(self, counts: list[int]) -> list[str]:
        """Return a bar for each count. The scale is logarithmic, else one burst would flatten all other bars."""
        bars = _BARS if self._emoji else _ASCII_BARS
        top_bits = max(1, max(counts).bit_length())
        return [bars[min(8, 1 + count.bit_length() * 7 // top_bits)] if count else bars[0] for count in counts]

    def _glyph(self, kind: str) -> str:
        glyph = GLYPHS[kind]
        return glyph.symbol if self._emoji else glyph.ascii_symbol


def _label(stamp: Stamp, *, spans_days: bool) -> str:
    return f" {stamp.iso_date[5:] if spans_days else stamp.time_of_day[:5]} "
