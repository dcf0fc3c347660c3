"""What is told line by line, over the journal: the thread of a hypothesis, the hand-off."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from textwrap import wrap
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from threeam.actions import BY_ID
from threeam.core.entry import Stamp
from threeam.core.told import Part, Told
from threeam.tui.cells import drawn
from threeam.tui.signs import SIGNS

_MUTED = "$foreground-muted"
_ASKS = ("predict", "confirm", "refute", "park", "reopen")  # what a thread can be answered with


class ToldScreen(ModalScreen[Stamp | str]):
    """Lines under titles, told by ``tell`` each time that there may be news.

    Dismissed with the stamp of the entry to go to, with the id of an action that was asked for, or with nothing.
    """

    BINDINGS: ClassVar[list[Binding]] = [  # type: ignore[assignment]
        Binding("escape,q", "dismiss('')", "close"),
        Binding("j", "cursor(1)", "down", show=False),
        Binding("k", "cursor(-1)", "up", show=False),
    ]

    def __init__(self, title: str, tell: Callable[[], Sequence[Part]], *, emoji: bool) -> None:
        super().__init__()
        self._title = title
        self._tell = tell
        self._emoji = emoji
        self._told: Sequence[Part] = ()
        self._width = 0
        self._stamps: list[Stamp | None] = []
        self.list = OptionList(id="told-lines", markup=False)

    def compose(self) -> ComposeResult:
        """The lines in a frame."""
        with Vertical(id="told") as frame:
            frame.border_title = drawn(self._title)
            frame.border_subtitle = self._keys()
            yield self.list

    def on_mount(self) -> None:
        self.app.clear_notifications()  # they would lie over it
        self.look_again()
        self.set_focus(self.list)

    def look_again(self) -> None:
        """Shows what is told now; the cursor stays on the same entry."""
        told, width = self._tell(), max(16, self.list.scrollable_content_region.width)
        if (told, width) == (self._told, self._width):
            return
        at = self.list.highlighted
        here = self._stamps[at] if at is not None and at < len(self._stamps) else None
        self._told, self._width, self._stamps = told, width, []
        options: list[Option] = []
        for part in told:
            title = Content.assemble((("\n" if options else "") + drawn(part.title).upper(), "bold $hypothesis"))
            options.append(Option(title, disabled=True))
            self._stamps.append(None)
            for line in part.lines:
                options.append(Option(self._line(line, width), disabled=line.at is None))
                self._stamps.append(line.at)
        self.list.clear_options()
        self.list.add_options(options)
        if at is not None and here is not None and self._stamps[at : at + 1] == [here]:
            self.list.highlighted = at
        elif here is not None and here in self._stamps:
            self.list.highlighted = self._stamps.index(here)
        else:
            self.list.action_first()

    def on_resize(self) -> None:
        self.call_after_refresh(self.look_again)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if (at := self._stamps[event.option_index]) is not None:
            self.dismiss(at)

    def action_cursor(self, step: int) -> None:
        if step > 0:
            self.list.action_cursor_down()
        else:
            self.list.action_cursor_up()

    def _keys(self) -> str:
        return "enter: its line · esc"

    def _line(self, line: Told, width: int) -> Content:
        sign = SIGNS.get(line.sign)
        shown = "  " if sign is None else (sign.sign if self._emoji else sign.plain) + " "
        text = drawn(line.text)
        indent = 4 if text.startswith(" ") else 2
        below = "\n" + " " * (indent + 2)  # what does not fit goes on below the words
        style = f"{_MUTED} strike" if line.sign == "refuted" else "$foreground"
        first, more = (wrap(one.strip(), max(8, width - indent - 3)) for one in (text, drawn(line.more)))
        return Content.assemble(
            " " * indent,
            (shown, _STYLES.get(sign.style if sign is not None else "", _MUTED)),
            (below.join(first), style),
            ("".join(below + one for one in more), _MUTED),
        )


class ThreadScreen(ToldScreen):
    """The thread of one hypothesis; the keys of the method act on it."""

    BINDINGS: ClassVar[list[Binding]] = [
        Binding(BY_ID[one].keys, f"dismiss('{one}')", BY_ID[one].label) for one in _ASKS if BY_ID[one].keys
    ]

    def __init__(self, title: str, tell: Callable[[], Sequence[Part]], *, emoji: bool, writes: bool) -> None:
        self._writes = writes
        super().__init__(title, tell, emoji=emoji)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return self._writes or action != "dismiss" or parameters == ("",)

    def _keys(self) -> str:
        return f"enter: its line · {'p v x ~ · ' if self._writes else ''}esc"


_STYLES = {
    "hypothesis": "$hypothesis",
    "refuted": _MUTED,
    "parked": _MUTED,
    "toxic": "$error",
    "coffee": "$coffee",
}
