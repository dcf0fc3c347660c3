"""A page of the manual over the journal."""

from __future__ import annotations

from typing import ClassVar

from rich.markdown import Markdown
from rich.theme import Theme
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.widgets import Static

from threeam.manual.pages import MARKDOWN_STYLES, for_terminal, read_page
from threeam.tui.dialog_bindings import bind
from threeam.tui.screens.dialog import Dialog


class ManualScreen(Dialog[None]):
    """The page ``topic``. Raises `BadInput`, which suggests the nearest topic, if there is no such page."""

    BINDINGS: ClassVar[list[Binding]] = [bind("help", "dismiss_dialog", "close")]
    FRAME_ID = "help"

    def __init__(self, topic: str) -> None:
        page = for_terminal(read_page(topic), ":help")
        # The Markdown widget makes a widget of each cell of a table: the page of commands took three seconds.
        text = Static(Markdown(page, code_theme="ansi_dark", hyperlinks=False), id="manual-page")
        super().__init__(topic, VerticalScroll(text, can_focus=False))

    def on_mount(self) -> None:
        super().on_mount()
        self.app.console.push_theme(Theme(MARKDOWN_STYLES))

    def on_unmount(self) -> None:
        self.app.console.pop_theme()
