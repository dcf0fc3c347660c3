"""A page of the manual over the journal."""

from __future__ import annotations

from typing import ClassVar

from rich.markdown import Markdown
from rich.theme import Theme
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.widgets import Static

from threeam.manual.pages import MARKDOWN_STYLES, for_terminal, read_page
from threeam.tui.dialog_bindings import bind, bind_closing_keys
from threeam.tui.key_labels import key_for_action
from threeam.tui.screens.modal_page import ModalPage


class ManualScreen(ModalPage[None]):
    """The page ``topic``. Raises `BadInput`, which suggests the nearest topic, if there is no such page."""

    BINDINGS: ClassVar[list[Binding]] = [
        *bind_closing_keys(),
        bind("help", "dismiss", "close", show=True),
    ]

    def __init__(self, topic: str) -> None:
        super().__init__()
        self._topic = topic
        self._page = for_terminal(read_page(topic), ":help")

    def compose(self) -> ComposeResult:
        """Yield the page in a frame."""
        with VerticalScroll(id="help") as page:
            page.border_title = self._topic
            page.border_subtitle = f"{key_for_action(self, 'leave')} closes"
            # The Markdown widget makes a widget of each cell of a table: the page of commands took three seconds.
            yield Static(Markdown(self._page, code_theme="ansi_dark", hyperlinks=False), id="manual-page")

    def on_mount(self) -> None:
        super().on_mount()
        self.app.console.push_theme(Theme(MARKDOWN_STYLES))

    def on_unmount(self) -> None:
        self.app.console.pop_theme()
