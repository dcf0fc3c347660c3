"""The live tail: rows of the journal with a cursor; follows at the end, and never yanks you back."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding
from textual.message import Message
from textual.reactive import reactive

from threeam.actions import ACTIONS
from threeam.core.journal import Position
from threeam.core.reader import Line
from threeam.tui.widgets.rows_view import RowsView
from threeam.tui.window import Row

_WHEEL = 3  # rows a notch


class LogView(RowsView, can_focus=True):
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
            tooltip=action.about,
            id=action.id,
            priority=True,
        )
        for action in ACTIONS
        if action.place == "log" and action.keys
    ]

    unread: reactive[int] = reactive(0)

    class Selected(Message):
        """Another row has the cursor."""

        def __init__(self, row: Row | None) -> None:
            super().__init__()
            self.row = row

    class Moved(Message):
        """The tail follows, or pauses, or more is unread."""

    class Failed(Message):
        """The log could not be read."""

        def __init__(self, sentence: str) -> None:
            super().__init__()
            self.sentence = sentence

    def arrive(self, lines: list[Line], end: Position | None, unfinished: Line | None, *, restarted: bool) -> None:
        """Takes lines that came back from the file, which has been read up to ``end``."""
        new = self.window.append(lines, end, restarted=restarted)
        self._unfinished = unfinished
        if self.following:
            if not self.window.at_end:
                self.window.to_end()
                self._strips.clear()
            else:
                self.window.forget_before(len(self.window.rows) - 1)
            self._cursor = len(self.window.rows) - 1
        else:
            self.unread += new
            self._cursor = min(self._cursor, len(self.window.rows) - 1)
            if self._top[0] >= len(self.window.rows):  # lines were taken back
                self._top = (max(0, self._cursor), 0)
        if new and self.following:
            self.post_message(self.Selected(self.selected))
        self._redraw()

    # What the keys do; each is an action of the table.

    def action_down(self) -> None:
        self._go_down(1)

    def action_up(self) -> None:
        self._go(self._cursor - 1)

    def action_half_down(self) -> None:
        self._go_down(max(1, self.size.height // 2))

    def action_half_up(self) -> None:
        self._go(self._cursor - max(1, self.size.height // 2))

    def action_page_down(self) -> None:
        self._go_down(max(1, self.size.height - 1))

    def action_page_up(self) -> None:
        self._go(self._cursor - max(1, self.size.height - 1))

    def action_top(self) -> None:
        if not self.window.at_start:
            self.window.to_start()
            self._strips.clear()
        self._pause()
        self._top = (0, 0)
        self._go(0)

    def action_bottom(self) -> None:
        self.action_follow()

    def action_follow(self) -> None:
        if not self.window.at_end:
            self.window.to_end()
            self._strips.clear()
        self.following, self.unread = True, 0
        self._cursor = len(self.window.rows) - 1
        self.post_message(self.Selected(self.selected))
        self._redraw()

    def action_wrap(self) -> None:
        self.wrap = not self.wrap
        self._strips.clear()
        self._top = (self._top[0], 0)
        self._redraw()
        if not self.following:
            self._show_cursor()
            self._redraw()

    def action_raw(self) -> None:
        place = self.selected.place if self.selected else None
        self.window.show_raw(not self.window.raw)
        self._strips.clear()
        places = [row.place for row in self.window.rows]
        at = places.index(place) if place in places else len(places) - 1
        self._top = (at, 0)
        if self.following:
            at = len(places) - 1
        self._cursor = at
        self._redraw()

    def watch_following(self) -> None:
        self.post_message(self.Moved())

    def watch_unread(self) -> None:
        self.post_message(self.Moved())

    def _go_down(self, rows: int) -> None:
        """Moves the cursor down; who comes to the last row this way follows again."""
        self._go(self._cursor + rows)
        if self.window.at_end and self._cursor >= len(self.window.rows) - 1:
            self.action_follow()

    def _go(self, to: int) -> None:
        """Moves the cursor, reads what is missing there, and pauses."""
        self._pause()
        while to < 0 and (came := self.window.back()):
            to += came
            self._top = (self._top[0] + came, self._top[1])
        while to >= len(self.window.rows) and self.window.forward():
            pass
        self._cursor = max(0, min(to, len(self.window.rows) - 1))
        dropped = self.window.forget_before(self._cursor)
        if dropped:
            self._cursor -= dropped
            self._top = (max(0, self._top[0] - dropped), self._top[1])
        self.window.forget_after(self._cursor)
        self._show_cursor()
        self.post_message(self.Selected(self.selected))
        self._redraw()

    def _pause(self) -> None:
        if self.following:
            layout = self._lines()
            self._top = layout[0] if layout else (0, 0)
            self.following = False

    def _show_cursor(self) -> None:
        """Scrolls as little as shows the whole row under the cursor."""
        if self._cursor <= self._top[0]:
            self._top = (self._cursor, 0)
            return
        height = self.size.height
        above: list[tuple[int, int]] = []
        at = self._cursor
        while at >= 0 and len(above) < height:
            above[:0] = [(at, n) for n in range(len(self._drawn(at)))]
            at -= 1
        first = above[-height:][0] if above else (0, 0)
        self._top = max(self._top, first)

    # Reading.

    def _fill(self) -> None:
        """Reads what the screen has room for."""
        self._layout = None
        while len(self._lines()) < self.size.height:
            came = self.window.back() if self.following else self.window.forward()
            if not came:
                break
            self._layout = None
            if self.following:
                self._cursor = len(self.window.rows) - 1
        self._bar_at = self._place_of_bar()
        if self.window.problem:
            self.post_message(self.Failed(self.window.problem))
            self.window.problem = ""

    def _redraw(self) -> None:
        self._fill()
        self.refresh()

    # The mouse, the focus, the size.

    def on_resize(self) -> None:
        if not self.following:
            self._show_cursor()
        self._redraw()

    def on_focus(self) -> None:
        self._redraw()

    def on_blur(self) -> None:
        self._redraw()

    def on_click(self, event: events.Click) -> None:
        lines = self._lines()
        if event.y < len(lines) and lines[event.y][0] < len(self.window.rows):
            self._go(lines[event.y][0])

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self._go(self._lines()[0][0] - _WHEEL if self._lines() else 0)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        last = self._lines()[-1][0] if self._lines() else 0
        self._go_down(last + _WHEEL - self._cursor)
