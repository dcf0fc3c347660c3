"""The line at the bottom that asks for a pattern, a time or a command, while one is asked for."""

from __future__ import annotations

from functools import partial

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widgets import Static, TextArea

from threeam.core.redact.redact import redact
from threeam.tui.command_line import Names, complete_command
from threeam.tui.widgets.box import InputBox

_ASKS = {
    "search": ("/", "a regular expression; case-sensitive if it has capitals"),
    "filter": ("&", "regex, kind:note, by:alice, H7; !… leaves out; empty: undo"),
    "goto": ("go to", "03:14, 03:14:07.5, yesterday, -15m, @stamp"),
    "command": (":", "goto 03:14, filter RE, theme NAME, q"),
}


class Prompt(Horizontal):
    """One line for a pattern, with a history for each thing that it asks for."""

    class Answered(Message):
        """The answer to ``what`` was typed, and Enter."""

        def __init__(self, what: str, text: str) -> None:
            super().__init__()
            self.what = what
            self.text = text

    def __init__(self) -> None:
        super().__init__()
        self.kind = ""
        self.box = InputBox(self._send)
        self.command_names: Names = lambda _: ()
        self._label = Static(classes="prompt--label")
        self._histories: dict[str, list[str]] = {what: [] for what in _ASKS}

    def compose(self) -> ComposeResult:
        """Yield the label and the box."""
        yield self._label
        yield self.box

    @property
    def is_open(self) -> bool:
        """Return whether the line is shown."""
        return self.has_class("-open")

    def ask(self, what: str, about: str = "") -> None:
        """Ask for ``what``: ``search``, ``filter``, ``goto`` or ``command``. ``about`` names the filters in force."""
        label, placeholder = _ASKS[what]
        self.kind = what
        self._label.update(Content(f" {about}{label} "))
        self.box.placeholder = placeholder
        self.box.use = what
        self.box.completer = partial(complete_command, names=self.command_names) if what == "command" else None
        self.box.set_text("")
        self.box.set_history(self._histories[what])
        self.add_class("-open")

    def close(self) -> None:
        """Close the line and drop its text."""
        self.box.set_text("")
        self.remove_class("-open")

    def _send(self) -> None:
        text = self.box.text.strip("\n")
        history = self._histories[self.kind]
        kept = redact(text) if self.kind == "command" else text
        if kept and history[-1:] != [kept]:
            history.append(kept)
        self.close()
        self.box.release()
        self.post_message(self.Answered(self.kind, text))

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        event.stop()
