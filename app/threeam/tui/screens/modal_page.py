"""A page over the journal, with the scroll keys of the log."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.screen import ModalScreen, ScreenResultType

from threeam.tui.dialog_bindings import bind


class ModalPage(ModalScreen[ScreenResultType]):
    """A dialog around one `VerticalScroll`."""

    BINDINGS: ClassVar[list[Binding]] = [  # type: ignore[assignment]
        bind("down", "scroll(1)"),
        bind("up", "scroll(-1)"),
        bind("page-down", "scroll(10)"),
        bind("page-up", "scroll(-10)"),
    ]

    def on_mount(self) -> None:
        self.app.clear_notifications()  # they would cover it

    def action_scroll(self, lines: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)
