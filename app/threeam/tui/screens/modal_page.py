"""A page over the journal, with the scroll keys of the log."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.screen import ModalScreen, ScreenResultType


class ModalPage(ModalScreen[ScreenResultType]):
    """A dialog around one `VerticalScroll`."""

    BINDINGS: ClassVar[list[Binding]] = [  # type: ignore[assignment]
        Binding("j,down", "scroll(1)", "down", show=False),
        Binding("k,up", "scroll(-1)", "up", show=False),
        Binding("space,pagedown", "scroll(10)", "page down", show=False),
        Binding("b,pageup", "scroll(-10)", "page up", show=False),
    ]

    def on_mount(self) -> None:
        self.app.clear_notifications()  # they would cover it

    def action_scroll(self, lines: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)
