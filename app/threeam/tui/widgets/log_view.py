"""The live tail: rows of the journal with a cursor; follows at the end, and never yanks you back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from textual import events
from textual.binding import Binding
from textual.message import Message
from textual.reactive import var

from threeam.actions import ACTIONS
from threeam.core.store.filters import LineFilter
from threeam.core.store.journal import Position
from threeam.core.store.reader import Line
from threeam.hypotheses.amendments import Amendment
from threeam.tracing.observations import IntervalSet
from threeam.tui.background_scan import REPORT_INTERVAL_S, SLICE_S, pause_after
from threeam.tui.log_rows import Row
from threeam.tui.widgets.row_list import RowList
from threeam.tui.widgets.row_renderer import TIME_MODES

_WHEEL_ROWS = 3  # rows a notch
_MAX_BURST_ROWS = 150  # lines in a frame: of more only so many become rows, since nobody sees the others go by


class LogView(RowList, can_focus=True):
    """The live tail: a cursor that moves through a journal of any length, and what it needs read on the way."""

    # Priority makes the app run these itself, key by key: then the `i` and the words of one
    # `send-keys 'i' 'words' Enter` arrive where they belong, although they come in one read. They
    # are in the chain only while the log has the focus, so they take nothing from an input box.
    BINDINGS: ClassVar[list[Binding]] = [  # type: ignore[assignment]
        Binding(
            action.keys,
            f"{'' if action.owner == 'log' else 'screen.'}{action.method}",
            action.label,
            show=action.footer,
            tooltip=action.description,
            id=action.id,
            priority=True,
        )
        for action in ACTIONS
        if action.scope == "log" and action.keys
    ]

    # Told below the log and not drawn in it.
    unread: var[int] = var(0)
    searched_bytes: var[int] = var(0)  # bytes that a search has gone through; 0 when none is under way
    is_searching_rows: var[bool] = var(False)  # the lines that are wanted are far apart, and the screen is not full yet

    class RowSelected(Message):
        """Another row has the cursor."""

        def __init__(self, row: Row | None) -> None:
            super().__init__()
            self.row = row

    class TailChanged(Message):
        """The tail follows, or pauses, or more is unread."""

    class MarkRequested(Message):
        """The mark on the line of this stamp (ns) is to be shown; None: there is none where one was asked for."""

        def __init__(self, ns: int | None) -> None:
            super().__init__()
            self.ns = ns

    class ReadFailed(Message):
        """The log could not be read."""

        def __init__(self, sentence: str) -> None:
            super().__init__()
            self.sentence = sentence

    def add_lines(self, lines: list[Line], end: Position | None, unfinished: Line | None, *, restarted: bool) -> None:
        """Takes lines that came back from the file, which has been read up to ``end``."""
        if (
            self.following
            and len(lines) > _MAX_BURST_ROWS
            and end is not None
            and not (restarted or self.window.line_filter)
        ):
            new = self.window.replace_rows(lines[-_MAX_BURST_ROWS:], end)
        else:
            new = self.window.append(lines, end, truncated=restarted)
        self._unfinished_line = unfinished
        if self.following:
            if not self.window.at_end:
                self.window.go_to_end()
                self._strip_cache.clear()
            else:
                self.window.forget_before(len(self.window.rows) - 1)
            self._cursor = len(self.window.rows) - 1
        else:
            self.unread += max(0, new - self.window.count_rows_of(lines, self.own_author))
            self._cursor = min(self._cursor, len(self.window.rows) - 1)
            if self._top[0] >= len(self.window.rows):  # lines were taken back
                self._top = (max(0, self._cursor), 0)
        if new and self.following:
            self.post_message(self.RowSelected(self.selected_row))
        self._redraw()

    # What the keys do; each is an action of the table.

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
        if not self.window.at_end:
            self.window.go_to_end()
            self._strip_cache.clear()
        self.following, self.unread = True, 0
        self._cursor = len(self.window.rows) - 1
        self.post_message(self.RowSelected(self.selected_row))
        self._redraw()

    def action_wrap(self) -> None:
        self.set_render_options(wrap=not self.render_options.wrap)
        self._top = (self._top[0], 0)
        self._redraw()
        if not self.following:
            self._scroll_to_cursor()
            self._redraw()

    def action_last_mark(self) -> None:
        *_, last = [None, *self.marked_ns]
        self.post_message(self.MarkRequested(last))

    def action_mark_before(self) -> None:
        here = self._selected_stamp_ns()
        self.post_message(self.MarkRequested(max((ns for ns in self.marked_ns if ns < here), default=None)))

    def action_next_mark(self) -> None:
        here = self._selected_stamp_ns()
        self.post_message(self.MarkRequested(min((ns for ns in self.marked_ns if ns > here), default=None)))

    def _selected_stamp_ns(self) -> int:
        entry = self.selected_row.entry if self.selected_row is not None else None
        return entry.stamp.ns if entry is not None else 0

    def set_marks(self, marked_ns: Collection[int]) -> None:
        """Draws a sign on the rows of these stamps (ns); the one that was set last is the last."""
        if list(marked_ns) != list(self.marked_ns):
            self.marked_ns = marked_ns
            self._redraw()

    def set_amendments(self, said: Mapping[int, Amendment]) -> None:
        """Draws these words on the rows of these stamps (ns), in place of what was written there."""
        if said is not self.amendments:  # the fold makes another one only when there is another word
            self.amendments = said
            self._redraw()

    def set_progress(self, progress: Mapping[int, str]) -> None:
        """Draws how far experiments are on the rows of their plans, by stamp (ns)."""
        if progress != self.plan_progress:
            self.plan_progress = progress
            self._redraw()

    def set_observed_intervals(self, observed: IntervalSet) -> None:
        """Draws a sign on the rows of the times in which something was observed."""
        self.observed_intervals = observed
        self._redraw()

    def action_t0(self) -> None:
        if self.selected_row is not None and self.selected_row.entry is not None:
            self.set_render_options(t0=self.selected_row.entry.stamp, time_mode="t0")

    def action_time_column(self) -> None:
        choices = [one for one in TIME_MODES if one != "t0" or self.render_options.t0 is not None]
        self.set_render_options(time_mode=choices[(choices.index(self.render_options.time_mode) + 1) % len(choices)])

    def action_raw(self) -> None:
        place = self.selected_row.position if self.selected_row else None
        self.window.set_raw(not self.window.raw)
        if self.following and not self.window.at_end:
            self.window.go_to_end()
        self._strip_cache.clear()
        places = [row.position for row in self.window.rows]
        at = places.index(place) if place in places else len(places) - 1
        self._top = (at, 0)
        if self.following:
            at = len(places) - 1
        self._cursor = at
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
        """Moves the cursor down; who comes to the last row this way follows again."""
        self._move_to(self._cursor + rows)
        if self.window.at_end and self._cursor >= len(self.window.rows) - 1:
            self.action_follow()

    def _move_to(self, index: int) -> None:
        """Moves the cursor, reads what is missing there, and pauses."""
        self._stop_following()
        while index < 0 and (came := self.window.read_backward()):
            index += came
            self._top = (self._top[0] + came, self._top[1])
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

    def _stop_following(self) -> None:
        if self.following:
            layout = self._visible_strips()
            self._top = layout[0] if layout else (0, 0)
            self.following = False

    def _scroll_to_cursor(self) -> None:
        """Scrolls as little as shows the whole row under the cursor."""
        if self._cursor <= self._top[0]:
            self._top = (max(0, self._cursor), 0)
            return
        height = self.size.height
        above: list[tuple[int, int]] = []
        at = self._cursor
        while at >= 0 and len(above) < height:
            above[:0] = [(at, n) for n in range(len(self._row_strips(at)))]
            at -= 1
        first = above[-height:][0] if above else (0, 0)
        self._top = max(self._top, first)

    # Finding.

    def set_filter(self, line_filter: LineFilter) -> None:
        """Shows the lines that are ``line_filter``; the selected one, or the next that is, stays where it is."""
        selected, y = (
            self.selected_row,
            next((y for y, (row, _) in enumerate(self._visible_strips()) if row == self._cursor), 0),
        )
        self.window.line_filter = line_filter
        self._strip_cache.clear()
        if self.following or selected is None:
            self.window.go_to_end()
            self._cursor = len(self.window.rows) - 1
        else:
            self._cursor = self.window.load_around(selected.position)
            self._top = (max(0, self._cursor - y), 0)
        self.post_message(self.RowSelected(self.selected_row))
        self._redraw()

    def set_render_options(self, **changes: Any) -> None:
        """Draws the rows otherwise; see `Look`."""
        self.render_options = self.render_options._replace(**changes)
        self._strip_cache.clear()
        self._redraw()

    async def find_match(self, step: int, *, around: bool = False) -> bool | None:
        """Goes to the next line that the pattern finds, ``step`` 1 down and -1 up; whether there is one.

        ``around``: the next one after the end of the log in that direction. None if there is no pattern. Looks through
        the log a few milliseconds at a time, and can be cancelled.
        """
        pattern, began, searched = self.render_options.pattern, time.monotonic(), 0
        told = began
        if pattern is None:
            return None
        beside = None if self.following else self.selected_row  # who is at the end searches all of it
        for found in self.window.search(pattern, beside, step, wrapped=around):
            if found.lines:
                line = found.lines[0 if step > 0 else -1]
                self.go_to_position(Position(line.segment, line.offset))
                return True
            searched += found.end - found.start
            if (now := time.monotonic()) - began > SLICE_S:
                if now - told > REPORT_INTERVAL_S:
                    self.searched_bytes, told = searched, now
                await asyncio.sleep(pause_after(now - began))
                began = time.monotonic()
        return False

    def go_to_position(self, place: Position) -> None:
        """Goes to the row at ``place``, or the next one there is."""
        self._stop_following()
        rows, height = self.window.rows, self.size.height
        # From the end: after a truncation one of before may have had the same place.
        index = next((index for index in reversed(range(len(rows))) if rows[index].position == place), None)
        on_the_screen = index is not None and any(row == index for row, _ in self._visible_strips())
        if index is None:
            index = self.window.load_around(place)
            self._strip_cache.clear()
        if not on_the_screen:
            self._top = (max(0, index - height // 2), 0)
        self._screen_layout = None
        self._move_to(index)

    # Reading.

    def _fill_screen(self) -> None:
        """Reads what the screen has room for. What takes longer than a frame may take goes on after it."""
        window, began = self.window, time.monotonic()
        self._screen_layout, self.is_searching_rows = None, False
        height = self.size.height
        while not window.problem:
            lacking = height - len(self._visible_strips())
            above, below = self._top[0], len(window.rows) - self._top[0] - height
            if self.following:
                if lacking <= 0 or window.at_start:
                    break
                window.read_backward()
                self._cursor = len(window.rows) - 1
            elif lacking > 0 and not window.at_end:
                window.read_forward()
            elif lacking > 0 and self._top > (0, 0):  # too far down for what there is
                self._top = (self._top[0] - 1, 0) if not self._top[1] else (self._top[0], 0)
            elif not window.at_start and (lacking > 0 or (window.line_filter and above < height)):
                came = window.read_backward()
                self._top, self._cursor = (self._top[0] + came, self._top[1]), self._cursor + came
            elif (
                not window.at_end and window.line_filter and below < height
            ):  # or the next key would find nothing there
                window.read_forward()
            else:
                break
            self._screen_layout = None
            if (took := time.monotonic() - began) > SLICE_S:
                self.is_searching_rows = True
                # A frame and the keys come first.
                if pause := pause_after(took):
                    self.set_timer(pause, self._redraw)
                else:
                    self.call_after_refresh(self._redraw)
                break
        if window.at_end:
            self._cursor = min(self._cursor, len(window.rows) - 1)
        self._scrollbar_y = self._scrollbar_position()
        for sentence in filter(
            None, (window.problem, *window.missing.pop_unreported(window.log_end and window.log_end.segment))
        ):
            self.post_message(self.ReadFailed(sentence))
        window.problem = ""

    def _redraw(self) -> None:
        self._fill_screen()
        self.refresh()

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
        lines = self._visible_strips()
        if event.y < len(lines) and lines[event.y][0] < len(self.window.rows):
            self._move_to(lines[event.y][0])

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self._move_to(self._visible_strips()[0][0] - _WHEEL_ROWS if self._visible_strips() else 0)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        last = self._visible_strips()[-1][0] if self._visible_strips() else 0
        self._move_down(last + _WHEEL_ROWS - self._cursor)
