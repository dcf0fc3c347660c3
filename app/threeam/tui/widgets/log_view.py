"""The live tail: rows of the journal with a cursor; it follows at the end, and never jumps back while you read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, ClassVar

from textual import events
from textual.binding import Binding
from textual.message import Message

from threeam.actions import ACTIONS
from threeam.core.store.filters import LineFilter
from threeam.core.store.journal import Position
from threeam.tui.background_scan import REPORT_INTERVAL_S, SLICE_S, pause_after
from threeam.tui.log_rows import Row
from threeam.tui.widgets.loading_rows import LoadingRows
from threeam.tui.widgets.row_look import TIME_MODES

_WHEEL_ROWS = 3  # per notch


class LogView(LoadingRows, can_focus=True):
    """The live tail: a cursor that moves through a journal of any length, and reads rows on demand."""

    # Priority makes the app run these itself, key by key: then the `i` and the words of one
    # `send-keys 'i' 'words' Enter` arrive where they belong, although they come in one read. They
    # are active only while the log has the focus, so they take no key from an input box.
    BINDINGS: ClassVar[list[Binding]] = [  # type: ignore[assignment]
        Binding(
            action.keys or f"unbound_{action.id}",  # no key has this name: the settings may give the action one
            action.binding,
            action.label,
            show=action.footer,
            tooltip=action.description,
            id=action.id,
            priority=True,
        )
        for action in ACTIONS
        if action.scope == "log"
    ]

    class RowSelected(Message):
        """The cursor is on another row."""

        def __init__(self, row: Row | None) -> None:
            super().__init__()
            self.row = row

    class MarkRequested(Message):
        """A request to go to the mark on the line of stamp ``ns``; None: there is no mark in that direction."""

        def __init__(self, ns: int | None) -> None:
            super().__init__()
            self.ns = ns

    class LookChanged(Message):
        """The rows are drawn in another way; ``sentence`` names it."""

        def __init__(self, sentence: str) -> None:
            super().__init__()
            self.sentence = sentence

    # The actions of the keys.

    def action_down(self) -> None:
        self._move_down(1)

    def action_up(self) -> None:
        self._move_to(self._cursor - 1)

    def action_half_down(self) -> None:
        self._move_down(max(1, self.size.height // 2))

    def action_half_up(self) -> None:
        self._move_to(self._cursor - max(1, self.size.height // 2))

    def action_page_down(self) -> None:
        self._move_down(max(1, self.size.height - 1))

    def action_page_up(self) -> None:
        self._move_to(self._cursor - max(1, self.size.height - 1))

    def action_top(self) -> None:
        if not self.window.at_start:
            self.window.go_to_start()
            self._strip_cache.clear()
        self._stop_following()
        self._top = (0, 0)
        self._move_to(0)

    def action_bottom(self) -> None:
        self.action_follow()

    def action_follow(self) -> None:
        self._insert_waiting()
        if not self.window.at_end:
            self._load_end()
        self.following, self.unread = True, 0
        self._cursor = len(self.window.rows) - 1
        self.post_message(self.RowSelected(self.selected_row))
        self._redraw()

    def action_wrap(self) -> None:
        self.set_render_options(wrap=not self.render_options.wrap)
        self.post_message(self.LookChanged("long lines: wrapped" if self.render_options.wrap else "long lines: cut"))
        self._top = (self._top[0], 0)
        self._redraw()
        if not self.following:
            self._scroll_to_cursor()
            self._redraw()

    def action_last_mark(self) -> None:
        *_, last = [None, *self.marked_ns]
        self.post_message(self.MarkRequested(last))

    def action_mark_before(self) -> None:
        selected_ns = self._selected_stamp_ns()
        self.post_message(self.MarkRequested(max((ns for ns in self.marked_ns if ns < selected_ns), default=None)))

    def action_next_mark(self) -> None:
        selected_ns = self._selected_stamp_ns()
        self.post_message(self.MarkRequested(min((ns for ns in self.marked_ns if ns > selected_ns), default=None)))

    def _selected_stamp_ns(self) -> int:
        ns = self.selected_row.ns if self.selected_row is not None else None
        return 0 if ns is None else ns

    def action_t0(self) -> None:
        if self.selected_row is not None and self.selected_row.ns is not None:
            self.set_render_options(t0_ns=self.selected_row.ns, time_mode="t0")

    def action_time_column(self) -> None:
        modes = [mode for mode in TIME_MODES if mode != "t0" or self.render_options.t0_ns is not None]
        next_index = (modes.index(self.render_options.time_mode) + 1) % len(modes)
        self.set_render_options(time_mode=modes[next_index])
        self.post_message(self.LookChanged(f"times: {TIME_MODES[modes[next_index]]}"))

    def action_raw(self) -> None:
        selected = self.selected_row.position if self.selected_row else None
        self.window.set_raw(not self.window.raw)
        if self.following and not self.window.at_end:
            self.window.go_to_end()
        self._strip_cache.clear()
        positions = [row.position for row in self.window.rows]
        last = len(positions) - 1
        index = positions.index(selected) if selected in positions else last
        self._top = (index, 0)
        self._cursor = last if self.following else index
        self._redraw()

    def watch_following(self) -> None:
        self.post_message(self.TailChanged())

    def watch_unread(self) -> None:
        self.post_message(self.TailChanged())

    def watch_searched_bytes(self) -> None:
        self.post_message(self.TailChanged())

    def watch_is_searching_rows(self) -> None:
        self.post_message(self.TailChanged())

    def _move_down(self, rows: int) -> None:
        """Move the cursor down; at the last row of the journal, follow again."""
        self._move_to(self._cursor + rows)
        if self.window.at_end and self._cursor >= len(self.window.rows) - 1 and not self.is_selecting:
            self.action_follow()

    def _move_to(self, index: int) -> None:
        """Stop following, and move the cursor to the row at ``index``, which is read if it is not loaded."""
        self._stop_following()
        index += self._insert_waiting()
        while index < 0 and (added := self.window.read_backward()):
            index += added
            self._top = (self._top[0] + added, self._top[1])
        while index >= len(self.window.rows) and self.window.read_forward():
            pass
        self._cursor = max(0, min(index, len(self.window.rows) - 1))
        dropped = self.window.forget_before(self._cursor)
        if dropped:
            self._cursor -= dropped
            self._top = (max(0, self._top[0] - dropped), self._top[1])
        self.window.forget_after(self._cursor)
        self._scroll_to_cursor()
        self.post_message(self.RowSelected(self.selected_row))
        self._redraw()

    def _scroll_to_cursor(self) -> None:
        """Scroll by the least that shows all of the row under the cursor."""
        if self._cursor <= self._top[0]:
            self._top = (max(0, self._cursor), 0)
            return
        layout = self._strips_up_to(self._cursor, self.size.height)
        self._top = max(self._top, layout[0] if layout else (0, 0))

    def _show_row_at(self, index: int, y: int) -> None:
        """Scroll so that the row at ``index`` begins on the line ``y`` of the screen, or above if fewer rows are."""
        layout = self._strips_up_to(index - 1, y)
        self._top = layout[0] if layout else (max(0, index), 0)

    # Finding.

    def set_filter(self, line_filter: LineFilter) -> None:
        """Show the lines that pass ``line_filter``; the selected row, or the next that passes, keeps its place."""
        self.change_rows(lambda: setattr(self.window, "line_filter", line_filter))

    def change_rows(self, change: Callable[[], object]) -> None:
        """Load the rows again after ``change`` of what is shown; the selected row keeps its place."""
        selected = self.selected_row
        y = next((y for y, (index, _) in enumerate(self._visible_strips()) if index == self._cursor), 0)
        change()
        self._strip_cache.clear()
        if self.following or selected is None:
            self.window.go_to_end()
            self._cursor = len(self.window.rows) - 1
        else:
            self._cursor = self.window.load_around(selected.position)
            self._show_row_at(self._cursor, y)
        self.post_message(self.RowSelected(self.selected_row))
        self._redraw()

    def set_render_options(self, **changes: Any) -> None:
        """Redraw the rows with these fields of `RenderOptions` changed."""
        self.render_options = self.render_options._replace(**changes)
        self._strip_cache.clear()
        self._redraw()

    async def find_match(self, direction: int, *, wrapped: bool = False) -> bool | None:
        """Go to the next match of the pattern, ``direction`` 1 down or -1 up; return whether there is one.

        ``wrapped``: search from the other end of the log. Return None if there is no pattern. The search runs a few
        milliseconds at a time, and can be cancelled.
        """
        pattern = self.render_options.pattern
        if pattern is None:
            return None
        began = reported = time.monotonic()
        searched_bytes = 0
        from_row = None if self.following else self.selected_row  # while following, all of the log is searched
        for matches in self.window.search(pattern, from_row, direction, wrapped=wrapped):
            if matches.lines:
                line = matches.lines[0 if direction > 0 else -1]
                self.go_to_position(Position(line.segment, line.offset))
                return True
            searched_bytes += matches.end - matches.start
            now = time.monotonic()
            if now - began > SLICE_S:
                if now - reported > REPORT_INTERVAL_S:
                    self.searched_bytes, reported = searched_bytes, now
                await asyncio.sleep(pause_after(now - began))
                began = time.monotonic()
        return False

    def go_to_position(self, position: Position) -> None:
        """Move the cursor to the row at ``position``, or to the next row."""
        self._stop_following()
        rows, height = self.window.rows, self.size.height
        # Search from the end: after a truncation an older row may have the same position.
        index = next((index for index in reversed(range(len(rows))) if rows[index].position == position), None)
        is_on_screen = index is not None and any(row_index == index for row_index, _ in self._visible_strips())
        if index is None:
            index = self.window.load_around(position)
            self._strip_cache.clear()
        if not is_on_screen:
            self._show_row_at(index, height // 2)
        self._screen_layout = None
        self._move_to(index)

    # The mouse, the focus, the size.

    def on_resize(self) -> None:
        if not self.following:
            self._scroll_to_cursor()
        self._redraw()

    def on_focus(self) -> None:
        self._redraw()

    def on_blur(self) -> None:
        self._redraw()

    def on_click(self, event: events.Click) -> None:
        layout = self._visible_strips()
        if event.y < len(layout) and layout[event.y][0] < len(self.window.rows):
            self._move_to(layout[event.y][0])

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        layout = self._visible_strips()
        self._move_to(layout[0][0] - _WHEEL_ROWS if layout else 0)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        layout = self._visible_strips()
        last = layout[-1][0] if layout else 0
        self._move_down(last + _WHEEL_ROWS - self._cursor)
