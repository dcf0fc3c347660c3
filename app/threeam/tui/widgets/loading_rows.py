"""The rows of the live tail as they come: read for the screen on demand, and added while others write."""

from __future__ import annotations

import time
from collections.abc import Callable

from textual.message import Message
from textual.reactive import var

from threeam.core.store.journal import Position
from threeam.core.store.reader import Line
from threeam.tui.background_scan import SLICE_S, pause_after
from threeam.tui.widgets.row_list import RowList

MAX_BURST_ROWS = 150  # of more lines in a frame only the last become rows, since the others scroll by unseen


class LoadingRows(RowList):
    """A `RowList` that fills its screen, and follows at the end."""

    # Shown below the log and not drawn in it.
    unread: var[int] = var(0)
    searched_bytes: var[int] = var(0)  # by the running search; 0: no search runs
    is_searching_rows: var[bool] = var(False)  # the filtered lines are far apart, and the screen is not full yet

    class TailChanged(Message, namespace="log_view"):
        """The tail follows or pauses, or its counts have changed."""

    class ReadFailed(Message, namespace="log_view"):
        """The log could not be read; ``sentence`` says why."""

        def __init__(self, sentence: str) -> None:
            super().__init__()
            self.sentence = sentence

    def add_lines(self, lines: list[Line], end: Position | None, unfinished: Line | None, *, truncated: bool) -> None:
        """Add ``lines`` that were read from the file, up to ``end``."""
        is_burst = len(lines) > MAX_BURST_ROWS and not truncated and not self.window.line_filter
        if self.following and is_burst and end is not None:
            added = self.window.replace_rows(lines[-MAX_BURST_ROWS:], end)
        else:
            added = self._add_in_place(lambda: self.window.append(lines, end, truncated=truncated))
        self._unfinished_line = unfinished
        self._show_added(added - (0 if self.following else self.window.count_rows_of(lines, self.own_user)))

    def add_rows(self, add: Callable[[], int]) -> None:
        """Call ``add``, which adds rows of other logs to the window and returns how many."""
        self._show_added(self._add_in_place(add))

    def _show_added(self, unread: int) -> None:
        """Show the window after rows were added to it; ``unread`` of them count as unread while the tail is paused."""
        if self.following:
            if self.window.at_end:
                self.window.forget_before(len(self.window.rows) - 1)
            else:
                self._load_end()
            self._cursor = len(self.window.rows) - 1
        else:
            self.unread += max(0, unread)
            self._cursor = min(self._cursor, len(self.window.rows) - 1)
            if self._top[0] >= len(self.window.rows):  # lines were cut off the log again
                self._top = (max(0, self._cursor), 0)
        self._redraw()

    def _add_in_place(self, add: Callable[[], int]) -> int:
        """Return what ``add`` returns, which adds rows to the window: what a paused screen shows stays where it is."""
        if self.following:
            return add()
        layout = self._visible_strips()
        self.window.pinned = range(layout[0][0] + 1, layout[-1][0] + 1) if layout else range(0)
        try:
            return self._follow_rows(add)
        finally:
            self.window.pinned = range(0)

    def _follow_rows(self, add: Callable[[], int]) -> int:
        """Return what ``add`` returns; the cursor and the screen stay on their rows if others come in before them."""
        rows, top, cursor = list(self.window.rows), self._top[0], self._cursor
        added = add()
        indexes = {id(row): index for index, row in enumerate(self.window.rows)}
        if 0 <= top < len(rows):
            self._top = (indexes.get(id(rows[top]), top), self._top[1])
        if 0 <= cursor < len(rows):
            self._cursor = indexes.get(id(rows[cursor]), cursor)
        return added

    def _insert_waiting(self) -> int:
        """Insert the rows that belong between those on a paused screen; return by how much the cursor's index grew."""
        cursor = self._cursor
        if self.window.has_waiting:
            self._follow_rows(self.window.insert_waiting)
        return self._cursor - cursor

    def _load_end(self) -> None:
        self.window.go_to_end()
        self._strip_cache.clear()

    def _stop_following(self) -> None:
        if self.following:
            layout = self._visible_strips()
            self._top = layout[0] if layout else (0, 0)
            self.following = False

    # Reading.

    def _fill_screen(self) -> None:
        """Read the rows that the screen has room for; what takes longer than a frame is continued after the frame."""
        window, began = self.window, time.monotonic()
        self._screen_layout, self.is_searching_rows = None, False
        while not window.problem and self._read_missing_rows():
            self._screen_layout = None
            took_s = time.monotonic() - began
            if took_s > SLICE_S:
                self.is_searching_rows = True
                self._redraw_later(took_s)
                break
        if window.at_end:
            self._cursor = min(self._cursor, len(window.rows) - 1)
        self._scrollbar_y = self._scrollbar_position()
        self._post_problems()

    def _read_missing_rows(self) -> bool:
        """Read some rows, or scroll up by one, if the screen is not full; return False if nothing more can be done."""
        window, height = self.window, self.size.height
        lacking = height - len(self._visible_strips())
        if self.following:
            if lacking <= 0 or window.at_start:
                return False
            window.read_backward()
            self._cursor = len(window.rows) - 1
            return True
        row_index, strip_index = self._top
        rows_below = len(window.rows) - row_index - height
        if lacking > 0 and not window.at_end:
            window.read_forward()
        elif lacking > 0 and self._top > (0, 0):  # too far down for the rows there are
            self._top = (row_index, 0) if strip_index else (row_index - 1, 0)
        elif not window.at_start and (lacking > 0 or (window.line_filter and row_index < height)):
            added = window.read_backward()
            self._top, self._cursor = (row_index + added, strip_index), self._cursor + added
        elif not window.at_end and window.line_filter and rows_below < height:  # else the next key finds no row there
            window.read_forward()
        else:
            return False
        return True

    def _redraw_later(self, took_s: float) -> None:
        """Redraw after a frame and the waiting keys; ``took_s``: how long the last step of work took."""
        pause_s = pause_after(took_s)
        if pause_s:
            self.set_timer(pause_s, self._redraw)
        else:
            self.call_after_refresh(self._redraw)

    def _post_problems(self) -> None:
        for sentence in self.window.pop_problems():
            self.post_message(self.ReadFailed(sentence))

    def _redraw(self) -> None:
        self._fill_screen()
        self._refresh_changed_lines()
