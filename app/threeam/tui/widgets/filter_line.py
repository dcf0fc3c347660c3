"""The line in which a list is filtered: what is typed there hides every row that does not have its words."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Input, Static

from threeam.actions import BY_ID
from threeam.tui.dialog_bindings import bind
from threeam.tui.messages import CommandDone


def has_words(text: str, words: str) -> bool:
    """Return whether ``text`` has each of ``words``, in any order and whatever their case."""
    folded = text.casefold()
    return all(word in folded for word in words.casefold().split())


class FilterBox(Input, inherit_bindings=False):
    """The words of the filter. Enter and Esc act at once: the keys behind them are for the list."""

    BINDINGS: ClassVar[list[Binding]] = [  # type: ignore[assignment]
        Binding("enter", "keep", "keep the filter", key_display="enter"),
        bind("leave", "clear", "show all", show=True),
        Binding("left", "cursor_left", "left", show=False),
        Binding("right", "cursor_right", "right", show=False),
        Binding("home", "home", "begin of the line", show=False),
        Binding("end", "end", "end of the line", show=False),
        Binding("backspace", "delete_left", "delete", show=False),
        Binding("delete", "delete_right", "delete to the right", show=False),
        Binding("ctrl+w", "delete_left_word", "delete a word", show=False),
        Binding("ctrl+u", "delete_left_all", "delete to the begin", show=False),
    ]

    def __init__(self, close: Callable[[], object]) -> None:
        """``close`` gives the focus back to the list."""
        super().__init__(compact=True, select_on_focus=False)
        self._close = close

    def leads_out(self, key: str) -> bool:
        """Return whether ``key`` goes back to the list."""
        active = self.screen.active_bindings.get(key)
        return key in ("enter", "tab", "shift+tab") or (active is not None and active.binding.id == BY_ID["leave"].id)

    async def _on_key(self, event: events.Key) -> None:
        if not self.leads_out(event.key):
            await super()._on_key(event)
            return
        event.stop()
        event.prevent_default()
        if event.key in ("enter", "tab", "shift+tab"):
            self.action_keep()
        else:
            self.action_clear()
        self.screen.call_later(self.app.post_message, CommandDone())  # the keys behind it may come

    def action_keep(self) -> None:
        self._close()

    def action_clear(self) -> None:
        self.value = ""
        self._close()


class FilterLine(Horizontal):
    """The box with its sign in front, and behind it how many rows there are; hidden if nothing is filtered.

    ``show`` is called with the words each time they change, and returns how many rows have them.
    """

    DEFAULT_CSS: ClassVar[str] = "FilterLine { height: 1; display: none; } FilterBox { width: 1fr; height: 1; }"

    def __init__(self, show: Callable[[str], int], close: Callable[[], object]) -> None:
        super().__init__()
        self._show = show
        self._close = close
        self._count = Static(classes="filter--count")
        self.box = FilterBox(self._leave)

    def compose(self) -> ComposeResult:
        """Yield the sign, the box, the count."""
        yield Static(Content(" / "), classes="filter--label")
        yield self.box
        yield self._count

    @property
    def words(self) -> str:
        """Return the words that the rows must have; empty: every row is shown."""
        return self.box.value.strip()

    def open(self) -> None:
        """Let the next key go to the box."""
        self.display = True
        self.screen.set_focus(self.box)

    def clear(self) -> bool:
        """Show every row again; return whether any was hidden."""
        was_filtered = bool(self.words)
        self.box.value = ""
        self._apply()
        return was_filtered

    def _apply(self) -> None:
        self.display = bool(self.words) or self.box.has_focus
        count = self._show(self.words)
        self._count.update(Content(f" {count:,} {'row' if count == 1 else 'rows'} ") if self.words else Content(""))

    def _leave(self) -> None:
        self._close()
        self._apply()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._apply()
