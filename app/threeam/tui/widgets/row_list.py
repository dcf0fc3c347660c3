"""Rows on lines of the screen, drawn with the line API: what is not on the screen costs nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from threeam.core.format.entry import Author, Stamp
from threeam.core.store.reader import Line
from threeam.hypotheses.amendments import Amendment
from threeam.tracing.observations import IntervalSet
from threeam.tui.keys import key_for_action
from threeam.tui.log_rows import Row
from threeam.tui.log_window import LogWindow
from threeam.tui.widgets.row_renderer import AUTHOR_STYLE_COUNT, RenderOptions, RowFlags, render_row

_STYLES = (
    *("row", "selected", "cursor", "time", "dim", "text", "coffee", "hypothesis", "water", "note"),
    *("match", "refuted", "parked", "toxic", "foreign", "bar", *(f"who-{n}" for n in range(AUTHOR_STYLE_COUNT))),
)


class RowList(Widget):
    """Draws the rows of a `Window`, one of them under the cursor. From memory: drawing reads no file."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"log--{name}" for name in _STYLES}

    following: reactive[bool] = reactive(True)

    def __init__(self, window: LogWindow, *, emoji: bool, read_only: bool) -> None:
        super().__init__()
        self.window = window
        self._read_only = read_only
        self.own_author: Author | None = None  # the author of what is written here, which is not unread
        self._cursor = len(window.rows) - 1
        self._top = (0, 0)  # the first strip on the screen: row, and strip within it; while not following
        self._unfinished_line: Line | None = None
        self._unsure_ranges: list[range] = []  # the stamps (ns) of blocks that may not last
        self._strip_cache: dict[tuple[object, ...], list[Strip]] = {}
        self._screen_layout: list[tuple[int, int]] | None = None
        self._scrollbar_y: int | None = None
        self._layout_size = Size(0, 0)  # the size that the layout and the strips are for
        self._style_cache: dict[str, Style] = {}
        self.render_options = RenderOptions(emoji=emoji)
        self.amendments: Mapping[int, Amendment] = {}  # by stamp (ns): what is read there, in place of what was written
        self.plan_progress: Mapping[int, str] = {}  # by the stamp (ns) of a plan: how far its experiment is
        self.observed_intervals = IntervalSet()  # when a tracer was attached to something
        self.marked_ns: Collection[int] = ()  # stamps (ns) of rows with a mark, the one set last at the end

    @property
    def selected_row(self) -> Row | None:
        """The row under the cursor."""
        rows = self.window.rows
        return rows[self._cursor] if 0 <= self._cursor < len(rows) else None

    def mark_unsure(self, first: Stamp, last: Stamp) -> None:
        """Marks the rows of a block that may not last."""
        self._unsure_ranges.append(range(first.ns, last.ns + 1))
        self._strip_cache.clear()
        self._screen_layout = None
        self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        rows = self.window.rows
        if not rows and self._unfinished_line is None:
            return self._empty_line(y, width)
        lines = self._visible_strips()
        bar = self._scrollbar_segment(y)
        if y >= len(lines):
            return Strip([Segment(" " * (width - 1), self._style_of("row")), bar], width)
        index, n = lines[y]
        strips = self._row_strips(index, is_first=y == 0)
        strip = strips[n] if n < len(strips) else Strip.blank(width - 1, self._style_of("row"))
        return Strip.join([strip, Strip([bar], 1)]).apply_offsets(0, y)

    def notify_style_update(self) -> None:
        self._style_cache.clear()
        self._strip_cache.clear()
        super().notify_style_update()

    def get_content_width(self, container: Size, viewport: Size) -> int:
        return container.width

    def _visible_strips(self) -> list[tuple[int, int]]:
        """What is on each line of the screen: (row, strip within it). From memory: drawing reads no file."""
        if self.size != self._layout_size:  # a frame may come before the message that tells of the new size
            self._layout_size, self._screen_layout = self.size, None
            self._strip_cache.clear()
        if self._screen_layout is not None:
            return self._screen_layout
        height, rows = self.size.height, self._all_rows()
        lines: list[tuple[int, int]] = []
        if self.following:
            at = len(rows) - 1
            while at >= 0 and len(lines) < height:
                lines[:0] = [(at, n) for n in range(len(self._row_strips(at)))]
                at -= 1
            lines = lines[-height:]
        else:
            at, skip = max((0, 0), self._top)  # where nothing is shown, no row has the cursor
            while len(lines) < height and at < len(rows):
                lines += [(at, n) for n in range(skip, len(self._row_strips(at)))]
                at, skip = at + 1, 0
            lines = lines[:height]
        self._screen_layout = lines
        return lines

    def _all_rows(self) -> list[Row]:
        rows = self.window.rows
        if self._unfinished_line is None or not self.window.at_end:
            return rows
        return [*rows, Row(self._unfinished_line, None)]

    def _row_strips(self, row_index: int, *, is_first: bool = False) -> list[Strip]:
        """The strips of a row; the ``is_first`` of the screen has its time whole, whatever stands before it."""
        rows = self.window.rows
        if row_index >= len(rows):  # the unfinished line: it changes, so it is never cached
            line = self._unfinished_line
            return [] if line is None else self._render_strips(Row(line, None), None, RowFlags())
        row, before = rows[row_index], rows[row_index - 1] if row_index else None
        entry = row.entry
        about = RowFlags(
            is_selected=row_index == self._cursor and (self.has_focus or not self.following),
            is_unsure=entry is not None and any(entry.stamp.ns in stamps for stamps in self._unsure_ranges),
            is_marked=entry is not None and entry.stamp.ns in self.marked_ns,
            is_first=is_first,
            amendment=self.amendments.get(entry.stamp.ns) if entry is not None and self.amendments else None,
            progress=self.plan_progress.get(entry.stamp.ns, "") if entry is not None and self.plan_progress else "",
            is_observed=entry is not None and bool(self.observed_intervals) and entry.stamp in self.observed_intervals,
        )
        key = (row, before.position if before else None, about)
        strips = self._strip_cache.get(key)
        if strips is None:
            if len(self._strip_cache) > 1000:
                self._strip_cache.clear()
            strips = self._strip_cache[key] = self._render_strips(row, before, about)
        return strips

    def _render_strips(self, row: Row, previous: Row | None, flags: RowFlags) -> list[Strip]:
        return render_row(row, previous, max(2, self.size.width - 1), self.render_options, flags, self._style_of)

    def _style_of(self, name: str) -> Style:
        style = self._style_cache.get(name)
        if style is None:
            style = self._style_cache[name] = self.get_component_rich_style(
                f"log--{name}", partial=name not in ("row", "selected")
            )
        return style

    def _scrollbar_segment(self, y: int) -> Segment:
        if self._scrollbar_y is None:
            return Segment(" ", self._style_of("row"))
        sign = (
            ("┃" if y == self._scrollbar_y else "│")
            if self.render_options.emoji
            else ("#" if y == self._scrollbar_y else "|")
        )
        return Segment(sign, self._style_of("bar"))

    def _scrollbar_position(self) -> int | None:
        """The line of the scrollbar's mark, from the place in the file: the number of lines need not be known."""
        row, height = self.selected_row, self.size.height
        all_here = self.window.at_start and self.window.at_end and len(self.window.rows) <= height
        if row is None or all_here:
            return None
        if self.following:
            return height - 1
        return round(row.line.offset / max(1, row.line.segment.size()) * (height - 1))

    def _empty_hints(self) -> tuple[str, ...]:
        """Why nothing is shown, and the keys that change it."""
        key = partial(key_for_action, self)
        if self.window.line_filter:
            return "No line is like that.", f"{key('filter')} and enter takes the last filter away"
        if self._read_only:
            tail = "This is a read-only tail: it shows what others write."
            return "Nothing here yet.", tail, f"{key('help')}  all the keys    {key('quit')}  quit"
        return (
            "Nothing here yet.",
            f"{key('note')}  write a note    {key('hypothesis')}  open a hypothesis    {key('coffee')}  count a coffee",
            f"{key('help')}  all the keys, and in any shell: 3am log TEXT",
        )

    def _empty_line(self, y: int, width: int) -> Strip:
        said = self._empty_hints()
        at = y - max(0, (self.size.height - len(said)) // 2)
        text = said[at] if 0 <= at < len(said) else ""
        style = self._style_of("text" if at == 0 else "dim")
        left = max(0, (width - len(text)) // 2)
        return Strip([Segment(" " * left + text, style)]).adjust_cell_length(width, self._style_of("row"))
