"""The input box: what a person is writing, and what became of it."""

from __future__ import annotations

import re

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widgets import Static, TextArea

from threeam.core.secrets import redacted
from threeam.tui.commands import completion
from threeam.tui.widgets.box import Box

DRAFTS = ("note", "hypothesis")  # the kinds that a draft can be, and be changed between
PLACEHOLDERS = {
    "note": "what did you see?",
    "hypothesis": "what do you believe right now?",
    "predict": "what will be seen, if it is true?",
    "support": "enter says it in the words of the line; or in yours",
    "contradict": "enter says it in the words of the line; or in yours",
    "words": "what was that?",
    "correct": "what should it say?",
    "changed": "what was changed? (undo: how?)",
    "command": "note, hyp, coffee, water, sleep, refute H7 why, theme NAME, q",
}

_STAMP = re.compile(r"@\d{4}-\d\d-\d\dT(\d\d:\d\d:\d\d)\.\d{9}[+-]\d{4}")
_SHOWN_AHEAD = 60  # characters


class Composer(Horizontal):
    """The box with its kind in front, and behind it whatever holds it up.

    Each kind has a text of its own, which stays when the box turns to another kind. Only the text of a command goes.
    After a prompt (a verdict, a command) the box turns back to the draft (a note or a hypothesis) before it.
    """

    class Submitted(Message):
        """The person wants this written: a kind and a text. The box is held until `settle`."""

        def __init__(self, composer: Composer, text: str) -> None:
            super().__init__()
            self.composer = composer
            self.kind = composer.kind
            self.text = text

    class Changed(Message):
        """The drafts are others now."""

    def __init__(self, *, emoji: bool) -> None:
        super().__init__()
        self.kind = "note"
        self.box = Box()
        self._draft_kind = DRAFTS[0]  # of the draft that was in the box last
        self._others: dict[str, str] = {}  # by kind: what was begun in other boxes than this one
        self._bar = "▏" if emoji else "|"
        self._holdup = ""
        self._label = Static(classes="composer--kind")
        self._status = Static(classes="composer--status")

    def compose(self) -> ComposeResult:
        """The label, the box, the status."""
        yield self._label
        yield self.box
        yield self._status

    def on_mount(self) -> None:
        self._call_it(self.kind)

    @property
    def text(self) -> str:
        """What stands in the box."""
        return self.box.text

    @property
    def drafts(self) -> list[tuple[str, str]]:
        """What must not be lost, as kinds and texts: what is in the box, was typed ahead, and was begun elsewhere."""
        inside = [] if self.kind == "command" else [(self.kind, self.text)]
        every = [*inside, *(("note", text) for text in self.box.ahead), *self._others.items()]
        return [(kind, text) for kind, text in every if text.strip()]

    @property
    def waiting(self) -> bool:
        """Whether the text is on its way into the log."""
        return self.box.read_only

    @property
    def idle(self) -> bool:
        """Whether there is nothing in the box, and nothing on its way."""
        return not self.waiting and not self.text

    def become(self, kind: str) -> str:
        """Turn to the box for ``kind`` and what was begun in it; return words that had to go for it."""
        return "" if self.waiting or kind == self.kind else self.begin_prompt(kind, "")

    def convert(self, kind: str) -> str:
        """Make the draft in the box one of ``kind``; return the words of another draft that had to go for it."""
        if self.waiting or self.kind not in DRAFTS or not self.text.strip():
            return self.become(kind)
        self._call_it(kind)
        return self._others.pop(kind, "")

    def begin_prompt(self, kind: str, text: str) -> str:
        """Turn to the box for ``kind`` with ``text``, or what was begun in it; return words that had to go for it."""
        dropped = self._put_aside()
        self.box.replace_all(text or self._others.pop(kind, ""))
        self._call_it(kind)
        return dropped

    def end_prompt(self) -> str:
        """Turn back to the draft; return words that had to go for it."""
        return self.become(self._draft_kind)

    def keep_begun(self, kind: str, text: str) -> bool:
        """Keep ``text`` as begun in a box for ``kind``; return False if something is begun there already."""
        if kind == self.kind or kind in self._others:
            return False
        self._others[kind] = text
        return True

    def name_prompt(self, kind: str, name: str) -> None:
        """Calls the prompt that was begun as ``kind`` by its whole name, which was not known then."""
        if self.kind == kind:
            self._call_it(name)
        elif kind in self._others:
            self._others[name] = self._others.pop(kind)

    def wait(self) -> None:
        """The text is with the writer: it stays, and cannot be changed or sent a second time."""
        self.box.hold()
        self.add_class("-waiting")

    def tell(self, sentence: str) -> None:
        """Says behind the text what holds it up, and what was typed meanwhile; empty: nothing does."""
        self._holdup = sentence
        self._show_status()

    def _show_status(self) -> None:
        ahead = "\n".join(self.box.ahead)
        typed = "" if not ahead else f"\ntyped since: {'…' if len(ahead) > _SHOWN_AHEAD else ''}{ahead[-_SHOWN_AHEAD:]}"
        self._status.update(Content(self._holdup + typed))
        self._status.display = bool(self._holdup)

    def settle(self, *, clear: bool) -> None:
        """The writer has answered: the text goes if it is in the log, and otherwise stays."""
        self.remove_class("-waiting")
        self.tell("")
        if clear:
            kind = DRAFTS[0] if self.kind in DRAFTS else self._draft_kind
            self.box.replace_all(self._others.pop(kind, ""))
            self._call_it(kind)
        self.box.release()
        self.post_message(self.Changed())

    def on_box_sent(self, event: Box.Sent) -> None:
        event.stop()
        self.post_message(self.Submitted(self, event.text))

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        event.stop()
        self._show_status()
        self.post_message(self.Changed())

    def _put_aside(self) -> str:
        """Keep what was begun here for when this kind comes back; return words that cannot be kept so."""
        if self.kind == "command":
            return redacted(self.text)  # :blockers takes a DSN, and what is given here is kept
        if not self.text.strip():
            return ""
        dropped = self._others.get(self.kind, "")  # a command has written a note over a draft of one
        self._others[self.kind] = self.text
        return dropped

    def _call_it(self, kind: str) -> None:
        self.kind = kind
        if kind in DRAFTS:
            self._draft_kind = kind
        self._label.update(Content(f" {_STAMP.sub(_clock, kind)} {self._bar}"))
        self._label.set_class(kind == "hypothesis", "-hypothesis")
        self.box.takes_alt = kind != "command"
        self.box.complete = completion if kind == "command" else None
        self.box.placeholder = PLACEHOLDERS.get(kind.partition(" ")[0], "why? one line")


def _clock(found: re.Match[str]) -> str:
    """The time of a stamp is what is read; the whole of it would leave no room for the text."""
    return f"@{found[1]}"
