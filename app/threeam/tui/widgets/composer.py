"""The input box: what a person is writing, and what became of it."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widgets import Static, TextArea

from threeam.actions import ACTIONS
from threeam.core.entry import visible

PLACEHOLDERS = {
    "note": "what did you see?",
    "hypothesis": "what do you believe right now?",
    "command": "note, hyp, coffee, water, sleep, refute H7 why, theme NAME, q",
}


# tmux prefixes, flow control, vim-tmux-navigator's keys and suspend: whoever lives in tmux has them elsewhere.
_TAKEN = frozenset(f"ctrl+{key}" for key in ("a", "b", "space", "s", "q", "h", "j", "k", "l", "backslash", "z"))


def _untaken() -> list[Binding]:
    """The editing keys of a text area, without those."""
    kept = []
    for one in TextArea.BINDINGS:
        if isinstance(one, Binding):
            keys = [key for key in one.key.split(",") if key not in _TAKEN]
            if keys:
                kept.append(replace(one, key=",".join(keys)))
    return kept


def cleaned(text: str) -> str:
    """``text`` as it may stand in the box: its lines, with every control made visible."""
    return "\n".join(map(visible, text.replace("\r\n", "\n").replace("\r", "\n").split("\n")))


class Box(TextArea, inherit_bindings=False):
    """The text itself. Enter sends, also when it comes in one read with the text; alt+enter breaks the line."""

    BINDINGS: ClassVar[list[Binding]] = [  # type: ignore[assignment]
        Binding("enter", "send", "send"),
        Binding("escape", "screen.leave", "back to the log", id="leave-box"),
        Binding("alt+enter", "break_line", "new line"),
        *(
            Binding(a.keys, f"screen.{a.method}", a.label, show=False, tooltip=a.about, id=a.id)
            for a in ACTIONS
            if a.place == "box"
        ),
        *_untaken(),
    ]

    class Sent(Message):
        """Enter was pressed. The text is read when this is handled, so nothing typed before is missed."""

    def __init__(self) -> None:
        super().__init__(compact=True, highlight_cursor_line=False, show_line_numbers=False, soft_wrap=True)
        self._history: list[str] = []
        self._at = 0
        self._unsent = ""

    def remember(self, texts: list[str]) -> None:
        """Adds ``texts`` to what up and down walk through."""
        self._history += texts
        self._at = len(self._history)

    def replace_all(self, text: str) -> None:
        """Makes ``text`` the whole text, with the cursor at its end."""
        self.text = text
        self.move_cursor(self.document.end)

    def action_send(self) -> None:
        self.post_message(self.Sent())

    def action_break_line(self) -> None:
        if not self.read_only:
            self.insert("\n")

    async def _on_key(self, event: events.Key) -> None:
        if event.key == "enter":
            event.stop()
            event.prevent_default()
            self.action_send()
        elif event.key == "up" and self.cursor_location[0] == 0 and self._at > 0 and not self.read_only:
            event.stop()
            event.prevent_default()
            self._walk(-1)
        elif event.key == "down" and self.cursor_at_last_line and self._at < len(self._history) and not self.read_only:
            event.stop()
            event.prevent_default()
            self._walk(1)
        else:
            await super()._on_key(event)

    async def _on_paste(self, event: events.Paste) -> None:
        event.stop()
        event.prevent_default()
        if not self.read_only:
            self.insert(cleaned(event.text))

    def _walk(self, step: int) -> None:
        if self._at == len(self._history):
            self._unsent = self.text
        self._at += step
        self.replace_all(self._history[self._at] if self._at < len(self._history) else self._unsent)


class Composer(Horizontal):
    """The box with its kind in front, and behind it whatever holds it up."""

    class Submitted(Message):
        """The person wants this written: a kind and a text."""

        def __init__(self, kind: str, text: str) -> None:
            super().__init__()
            self.kind = kind
            self.text = text

    class Changed(Message):
        """The draft is another one now."""

        def __init__(self, kind: str, text: str) -> None:
            super().__init__()
            self.kind = kind
            self.text = text

    def __init__(self) -> None:
        super().__init__()
        self.kind = "note"
        self._aside = ("note", "")
        self._label = Static(classes="composer--kind")
        self.box = Box()
        self._status = Static(classes="composer--status")

    def compose(self) -> ComposeResult:
        """The label, the box, the status."""
        yield self._label
        yield self.box
        yield self._status

    def on_mount(self) -> None:
        self.become(self.kind)

    @property
    def text(self) -> str:
        """What stands in the box."""
        return self.box.text

    @property
    def waiting(self) -> bool:
        """Whether the text is on its way into the log."""
        return self.box.read_only

    def become(self, kind: str) -> None:
        """Makes it a box for ``kind``; a text that is there stays."""
        if self.waiting:
            return
        if kind == "command" and self.kind != "command":  # the draft is not a command: it is put aside
            self._aside = (self.kind, self.box.text)
            self.box.replace_all("")
        elif self.kind == "command" and kind != "command":
            aside, text = self._aside
            kind = aside if kind == "note" else kind
            self.box.replace_all(text)
        self.kind = kind
        self._label.update(Content(f" {kind} ▏"))
        self._label.set_class(kind == "hypothesis", "-hypothesis")
        self.box.placeholder = PLACEHOLDERS.get(kind, "why? one line")

    def wait(self) -> None:
        """The text is with the writer: it stays, and cannot be changed or sent a second time."""
        self.box.read_only = True
        self.add_class("-waiting")

    def tell(self, sentence: str) -> None:
        """Says behind the text what holds it up; empty: nothing does."""
        self._status.update(Content(sentence))
        self._status.display = bool(sentence)

    def settle(self, *, clear: bool) -> None:
        """The writer has answered: the text goes if it is in the log, and otherwise stays."""
        self.box.read_only = False
        self.remove_class("-waiting")
        self.tell("")
        if clear:
            self.box.replace_all("")
            self.become("note")
        self.post_message(self.Changed(self.kind, self.text))

    def on_box_sent(self, event: Box.Sent) -> None:
        event.stop()
        if not self.waiting:
            self.post_message(self.Submitted(self.kind, self.box.text))

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        event.stop()
        self.post_message(self.Changed(self.kind, self.box.text))
