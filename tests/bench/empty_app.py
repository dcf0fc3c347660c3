"""The peer of a first screen: a Textual app that shows one line."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.widgets import Static

READY = b"EMPTY-APP-READY"


class EmptyApp(App[None]):
    """An app with one widget."""

    def compose(self) -> ComposeResult:
        yield Static(READY.decode())


if __name__ == "__main__":
    EmptyApp().run()
