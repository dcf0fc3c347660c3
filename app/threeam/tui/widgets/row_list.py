"""Rows on lines of the screen, drawn with Textual's line API: a row that is not on the screen costs nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region, Size
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from threeam.core.format.entry import Stamp
from threeam.core.store.journal import Position
from threeam.core.store.reader import Line
from threeam.hypotheses.amendments import Amendment
from threeam.tracing.observations import IntervalSet
from threeam.tui.dialog_bindings import MOVES
from threeam.tui.key_labels import key_for_action
from threeam.tui.log_rows import Row
from threeam.tui.row_window import RowWindow
from threeam.tui.widgets.row_look import AUTHOR_STYLE_COUNT, RenderOptions, RowFlags
from threeam.tui.widgets.row_renderer import render_row

_STYLES = (
    *("row", "selected", "cursor", "time", "dim", "text", "coffee", "hypothesis", "experiment", "water", "note"),
    *(
        "match",
        "confirmed",
        "refuted",
        "parked",
        "toxic",
        "foreign",
        "bar",
        *(f"who-{n}" for n in range(AUTHOR_STYLE_COUNT)),
    ),
)
# While rows are selected no key writes: a user may have taken v for something else, and be typing already.
_SELECTION_ACTIONS = frozenset((*MOVES, "half-down", "half-up", "select", "copy-entry", "copy-stamp", "leave", "help"))
_SELECTION_LABELS = {"copy-entry": "copy", "copy-stamp": "copy @stamp", "down": "down", "up": "up", "leave": "end"}
_HINT_GAP = "    "
_MAX_CACHED_ROWS = 1000

Layout = list[tuple[int, int]]  # for each line of the screen: index of a row, and of a strip within it


class RowList(Widget):
    """The rows of a `RowWindow`, one of them under the cursor. Drawing reads no file."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"log--{name}" for name in _STYLES}
    ALLOW_SELECT: ClassVar[bool] = False  # the text of a row is copied by its key: a row may be cut at the edge

    following: reactive[bool] = reactive(True)

    def __init__(self, window: RowWindow, *, emoji: bool, read_only: bool) -> None:
        super().__init__()
        self.window = window
        self._read_only = read_only
        self.own_user = ""  # whose lines do not count as unread
        self._cursor = len(window.rows) - 1
        self._anchor: Position | None = None  # of the row at which the selection began; None: nothing is selected
        self._is_anchor_above = False  # the cursor; it may not be loaded any more
        self._top = (0, 0)  # the first strip on the screen while not following: row, and strip within it
        self._unfinished_line: Line | None = None
        self._unsure_ranges: list[range] = []  # the stamps (ns) of blocks that may not stay in the log
        self._strip_cache: dict[tuple[object, ...], list[Strip]] = {}
        self._screen_layout: Layout | None = None
        self._scrollbar_y: int | None = None
        self._screen_lines: tuple[Layout | None, list[Strip]] = (None, [])  # the lines of a layout
        self._scrollbar_cache: dict[tuple[int, str], tuple[Strip, Strip]] = {}
        self._drawn_lines: dict[int, Strip] = {}  # what is on each line of the screen
        self._layout_size = Size(0, 0)  # the size that the layout and the strips are for
        self._style_cache: dict[str, Style] = {}
        self.render_options = RenderOptions(emoji=emoji)
        self.amendments: Mapping[int, Amendment] = {}  # by stamp (ns): shown in place of what was written
        self.plan_progress: Mapping[int, str] = {}  # the progress of an experiment, by the stamp (ns) of its plan
        self.observed_intervals = IntervalSet()  # when a tracer was attached
        self.marked_ns: Collection[int] = ()  # times (ns) of marked rows, the newest mark last
        self.marked_lines: Collection[Position] = ()  # of other logs

    @property
    def selected_row(self) -> Row | None:
        """The row under the cursor."""
        rows = self.window.rows
        return rows[self._cursor] if 0 <= self._cursor < len(rows) else None

    @property
    def is_selecting(self) -> bool:
        """Return whether the cursor extends a selection."""
        return self._anchor is not None

    @property
    def selected_rows(self) -> list[Row]:
        """The rows of the selection, those that are loaded; without one, the row under the cursor."""
        selected = self._selected_range()
        return self.window.rows[selected.start : selected.stop]

    def begin_selection(self) -> None:
        """Let the cursor extend a selection from here."""
        self._anchor = self.selected_row.position if self.selected_row is not None else None
        self._redraw()

    def end_selection(self) -> bool:
        """Select nothing but the row under the cursor; return whether there was a selection."""
        was_selecting, self._anchor = self.is_selecting, None
        self._redraw()
        return was_selecting

    def allows_action(self, action_id: str) -> bool:
        """Return whether an action may be run: while rows are selected, only those that are about the selection."""
        return not (self.is_selecting and self.has_focus) or action_id in _SELECTION_ACTIONS

    @property
    def selection_labels(self) -> Mapping[str, str]:
        """Return what the keys do while rows are selected, by the ids of their actions; nothing while none are."""
        return _SELECTION_LABELS if self.is_selecting and self.has_focus else {}

    def _selected_range(self) -> range:
        """Return the indexes of the selected rows."""
        rows, at = self.window.rows, self._cursor
        if self._anchor is None or not 0 <= at < len(rows):
            return range(max(0, at), max(0, at + 1))
        anchor = next((index for index, row in enumerate(rows) if row.position == self._anchor), None)
        if anchor is None:  # so far away that it is not loaded any more
            anchor = 0 if self._is_anchor_above else len(rows) - 1
        self._is_anchor_above = anchor <= at
        return range(min(anchor, at), max(anchor, at) + 1)

    def mark_unsure(self, first: Stamp, last: Stamp) -> None:
        """Mark the rows of a block that may not stay in the log."""
        self._unsure_ranges.append(range(first.ns, last.ns + 1))
        self._strip_cache.clear()
        self._screen_layout = None
        self.refresh()

    def set_marks(self, marked_ns: Collection[int], marked_lines: Collection[Position] = ()) -> None:
        """Draw a sign on the entries of these stamps (ns), the newest mark last, and on these lines of other logs."""
        if list(marked_ns) != list(self.marked_ns):
            self.marked_ns, self.marked_lines = marked_ns, marked_lines
            self._redraw()

    def set_amendments(self, amendments: Mapping[int, Amendment]) -> None:
        """Draw these texts on the rows of these stamps (ns), in place of what was written there."""
        if amendments is not self.amendments:  # the fold returns the same object unless one was added
            self.amendments = amendments
            self._redraw()

    def set_progress(self, progress: Mapping[int, str]) -> None:
        """Draw the progress of experiments on the rows of their plans, by stamp (ns)."""
        if progress != self.plan_progress:
            self.plan_progress = progress
            self._redraw()

    def set_observed_intervals(self, intervals: IntervalSet) -> None:
        """Draw a sign on the rows of the times at which a tracer was attached."""
        self.observed_intervals = intervals
        self._redraw()

    def render_lines(self, crop: Region) -> list[Strip]:
        """Return the lines of ``crop``, without the styles that Textual puts around a line.

        A row has its styles already, and the widget neither a border nor a padding. A frame that scrolls draws the same
        strips one line higher: styled again, they took most of the time from the file to the screen.
        """
        lines = {y: self.render_line(y) for y in crop.line_range}
        self._drawn_lines.update(lines)
        strips = list(lines.values())
        background = self.background_colors[1]
        for line_filter in self.get_line_filters():  # of NO_COLOR, and for terminals without true colour
            strips = [strip.apply_filter(line_filter, background) for strip in strips]
        if crop.column_span != (0, self.size.width):
            strips = [strip.crop(*crop.column_span) for strip in strips]
        return strips

    def render_line(self, y: int) -> Strip:
        if not self.window.rows and self._unfinished_line is None:
            return self._empty_line(y, self.size.width)
        layout = self._visible_strips()
        if self._screen_lines[0] is not layout:
            self._screen_lines = (layout, [self._render_layout_line(layout, y) for y in range(self.size.height)])
        lines = self._screen_lines[1]
        return lines[y] if y < len(lines) else Strip.blank(self.size.width, self._style_of("row"))

    def _render_layout_line(self, layout: Layout, y: int) -> Strip:
        """Return line ``y`` of ``layout``, with its part of the scrollbar: the same object until it changes."""
        strip = Strip.blank(self.size.width - 1, self._style_of("row"))
        if y < len(layout):
            row_index, strip_index = layout[y]
            strips = self._row_strips(row_index, is_first=y == 0)
            strip = strips[strip_index] if strip_index < len(strips) else strip
        scrollbar = self._scrollbar_segment(y)
        key = (id(strip), scrollbar.text)  # the entry holds the strip, so that no other one gets its id
        if key not in self._scrollbar_cache:
            if len(self._scrollbar_cache) > _MAX_CACHED_ROWS:
                self._scrollbar_cache.clear()
            self._scrollbar_cache[key] = (strip, Strip.join([strip, Strip([scrollbar], 1)]))
        return self._scrollbar_cache[key][1]

    def _refresh_changed_lines(self) -> None:
        """Draw the lines again that are not on the screen as they are now."""
        lines = range(self.size.height)
        changed = [y for y in lines if self.render_line(y) is not self._drawn_lines.get(y)]
        if changed:
            self.refresh(Region(0, changed[0], self.size.width, changed[-1] + 1 - changed[0]))

    def notify_style_update(self) -> None:
        self._style_cache.clear()
        self._strip_cache.clear()
        self._scrollbar_cache.clear()
        self._screen_layout = None
        super().notify_style_update()

    def get_content_width(self, container: Size, viewport: Size) -> int:
        return container.width

    def _visible_strips(self) -> Layout:
        """Return what is on each line of the screen. Nothing is read: only loaded rows are shown."""
        if self.size != self._layout_size:  # a frame may come before the message with the new size
            self._layout_size, self._screen_layout = self.size, None
            self._strip_cache.clear()
        if self._screen_layout is None:
            has_unfinished = self._unfinished_line is not None and self.window.at_end
            last_index = len(self.window.rows) - (0 if has_unfinished else 1)
            if self.following:
                self._screen_layout = self._strips_up_to(last_index, self.size.height)
            else:
                self._screen_layout = self._strips_from(self._top, last_index, self.size.height)
        return self._screen_layout

    def _strips_up_to(self, last_index: int, height: int) -> Layout:
        """Return the last ``height`` strips of the rows up to ``last_index``."""
        layout: Layout = []
        row_index = last_index
        while row_index >= 0 and len(layout) < height:
            layout[:0] = [(row_index, strip_index) for strip_index in range(len(self._row_strips(row_index)))]
            row_index -= 1
        return layout[-height:]

    def _strips_from(self, top: tuple[int, int], last_index: int, height: int) -> Layout:
        """Return the first ``height`` strips from ``top`` on."""
        layout: Layout = []
        row_index, strip_index = max((0, 0), top)  # if no row is shown, none has the cursor
        while len(layout) < height and row_index <= last_index:
            layout += [(row_index, index) for index in range(strip_index, len(self._row_strips(row_index)))]
            row_index, strip_index = row_index + 1, 0
        return layout[:height]

    def _row_strips(self, row_index: int, *, is_first: bool = False) -> list[Strip]:
        """Return the strips of a row; the first row of the screen shows its full time, whatever is before it."""
        rows = self.window.rows
        if row_index >= len(rows):  # the unfinished line: it changes, so it is never cached
            line = self._unfinished_line
            return [] if line is None else self._render_strips(Row(line, None), None, RowFlags())
        row = rows[row_index]
        previous = rows[row_index - 1] if row_index else None
        flags = self._flags_of(row, is_selected=row_index in self._selected_range(), is_first=is_first)
        key = (row, previous.position if previous else None, flags)
        strips = self._strip_cache.get(key)
        if strips is None:
            if len(self._strip_cache) > _MAX_CACHED_ROWS:
                self._strip_cache.clear()
            strips = self._strip_cache[key] = self._render_strips(row, previous, flags)
        return strips

    def _flags_of(self, row: Row, *, is_selected: bool, is_first: bool) -> RowFlags:
        is_selected = is_selected and (self.has_focus or not self.following)
        if row.entry is None:
            is_marked = row.position in self.marked_lines
            return RowFlags(is_selected=is_selected, is_marked=is_marked, is_first=is_first)
        stamp = row.entry.stamp
        return RowFlags(
            is_selected=is_selected,
            is_unsure=any(stamp.ns in stamps_ns for stamps_ns in self._unsure_ranges),
            is_marked=stamp.ns in self.marked_ns,
            is_first=is_first,
            amendment=self.amendments.get(stamp.ns),
            progress=self.plan_progress.get(stamp.ns, ""),
            is_observed=bool(self.observed_intervals) and stamp in self.observed_intervals,
        )

    def _render_strips(self, row: Row, previous: Row | None, flags: RowFlags) -> list[Strip]:
        width = max(2, self.size.width - 1)
        return render_row(row, previous, width, self.render_options, flags, self._style_of)

    def _redraw(self) -> None:
        self.refresh()

    def _style_of(self, name: str) -> Style:
        style = self._style_cache.get(name)
        if style is None:
            is_partial = name not in ("row", "selected")
            style = self._style_cache[name] = self.get_component_rich_style(f"log--{name}", partial=is_partial)
        return style

    def _scrollbar_segment(self, y: int) -> Segment:
        if self._scrollbar_y is None:
            return Segment(" ", self._style_of("row"))
        thumb, track = ("┃", "│") if self.render_options.emoji else ("#", "|")
        return Segment(thumb if y == self._scrollbar_y else track, self._style_of("bar"))

    def _scrollbar_position(self) -> int | None:
        """Return the line of the scrollbar's thumb, from the share before it: lines need not be counted for that."""
        row, height = self.selected_row, self.size.height
        all_visible = self.window.at_start and self.window.at_end and len(self.window.rows) <= height
        if row is None or all_visible:
            return None
        if self.following:
            return height - 1
        return round(self.window.share_before(row) * (height - 1))

    def _empty_hints(self) -> tuple[tuple[str, ...], ...]:
        """Return why there are no rows, and the keys that change it: each line in parts, which can be separated."""
        key = partial(key_for_action, self)
        if self.window.line_filter:
            return ("No line matches.",), (f"{key('filter')} and enter removes the last filter",)
        if self._read_only:
            about = ("This is a read-only tail:", "it shows what others write.")
            return ("Nothing here yet.",), about, (f"{key('help')}  all the keys", f"{key('quit')}  quit")
        return (
            ("Nothing here yet.",),
            (
                f"{key('note')}  write a note",
                f"{key('hypothesis')}  open a hypothesis",
                f"{key('coffee')}  count a coffee",
            ),
            (f"{key('help')}  all the keys", "3am log TEXT  in any shell"),
        )

    def _empty_line(self, y: int, width: int) -> Strip:
        hints = [line for parts in self._empty_hints() for line in _filled(parts, width)]
        index = y - max(0, (self.size.height - len(hints)) // 2)
        text = hints[index] if 0 <= index < len(hints) else ""
        style = self._style_of("text" if index == 0 else "dim")
        indent = max(0, (width - len(text)) // 2)
        return Strip([Segment(" " * indent + text, style)]).adjust_cell_length(width, self._style_of("row"))


def _filled(parts: Sequence[str], width: int) -> list[str]:
    """Return ``parts`` in as few lines of ``width`` cells as hold them."""
    lines: list[str] = []
    for part in parts:
        if lines and cell_len(lines[-1]) + len(_HINT_GAP) + cell_len(part) <= width:
            lines[-1] += _HINT_GAP + part
        else:
            lines.append(part)
    return lines
