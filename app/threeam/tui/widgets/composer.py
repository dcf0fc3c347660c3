"""The input box: what a person is writing, and what became of it."""

from __future__ import annotations

import re
from functools import partial

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widgets import Static, TextArea

from threeam.core.redact.redact import redact
from threeam.tui.command_line import Names, complete_command
from threeam.tui.outbox import Outgoing
from threeam.tui.prompts import COMMAND, DRAFTS, HYPOTHESIS, NOTE, BoxKind
from threeam.tui.widgets.box import InputBox

PLACEHOLDERS = {
    "note": "what did you see?",
    "hypothesis": "what do you believe right now?",
    "predict": "what will be seen, if it is true?",
    "support": "enter takes the words of the line; or type your own",
    "contradict": "enter takes the words of the line; or type your own",
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
    A text that was sent stays in the box until its answer, unless another box is asked for: then it waits beside that.
    After a prompt (a verdict, a command) the box turns back to the draft (a note or a hypothesis) before it.
    """

    class Submitted(Message):
        """The person wants this written. It is kept until `release`."""

        def __init__(self, composer: Composer, outgoing: Outgoing) -> None:
            super().__init__()
            self.composer = composer
            self.outgoing = outgoing

    class Changed(Message):
        """A draft has changed."""

    def __init__(self, *, emoji: bool) -> None:
        super().__init__()
        self.kind = NOTE
        self.box = InputBox(self._enter)
        self.command_names: Names = lambda _: ()
        self._draft_kind = DRAFTS[0]  # of the draft that was in the box last
        self._others: dict[BoxKind, str] = {}  # by kind: what was begun in other boxes than this one
        self._held: Outgoing | None = None  # the text that was sent and stands in the box
        self._beside: list[Outgoing] = []  # those that were sent and do not, since another box was asked for
        self._returned: dict[BoxKind, str] = {}  # by kind: those of them that were not written
        self._refused: set[BoxKind] = set()  # the kinds of those that the user did not take back
        self._bar = "▏" if emoji else "|"
        self._holdup = ""
        self._label = Static(classes="composer--kind")
        self._status = Static(classes="composer--status")

    def compose(self) -> ComposeResult:
        """Yield the label, the box, the status."""
        yield self._label
        yield self.box
        yield self._status

    def on_mount(self) -> None:
        self._set_kind(self.kind)

    @property
    def text(self) -> str:
        """Return the text in the box."""
        return self.box.text

    @property
    def drafts(self) -> list[tuple[BoxKind, str]]:
        """Return the texts that must not be lost, with their kinds: in the box, waiting, or begun elsewhere."""
        ahead = [(NOTE, text) for text in self.box.typed_ahead]
        beside = [(outgoing.kind, outgoing.text) for outgoing in self._beside]
        every = [(self.kind, self.text), *beside, *ahead, *self._returned.items(), *self._others.items()]
        return [(kind, text) for kind, text in every if text.strip() and kind != COMMAND]

    @property
    def is_waiting(self) -> bool:
        """Return whether the text in the box is on its way into the log."""
        return self._held is not None

    @property
    def sends(self) -> bool:
        """Return whether any text is on its way into the log."""
        return self.is_waiting or bool(self._beside)

    def has(self, outgoing: Outgoing) -> bool:
        """Return whether ``outgoing`` stands in the box."""
        return outgoing is self._held

    def switch_to(self, kind: BoxKind) -> str:
        """Turn to the box for ``kind`` and what was begun in it; return words that had to go for it."""
        self._make_room()
        return "" if kind == self.kind else self.begin_prompt(kind, "")

    def convert_to(self, kind: BoxKind) -> str:
        """Make the draft in the box one of ``kind``; return the words of another draft that had to go for it."""
        self._make_room()
        if kind == self.kind or self.kind not in DRAFTS or not self.text.strip():
            return self.switch_to(kind)
        self._set_kind(kind)
        return _below(self._take_returned(kind), self._others.pop(kind, ""))

    def begin_prompt(self, kind: BoxKind, text: str) -> str:
        """Turn to the box for ``kind`` with ``text``, or what was begun in it; return words that had to go for it."""
        self._make_room()
        dropped = self._put_aside()
        if text:
            self.box.set_text(text)
        else:
            self._show_draft_of(kind)
        self._set_kind(kind)
        return dropped

    def end_prompt(self) -> str:
        """Turn back to the draft; return words that had to go for it."""
        return self.switch_to(self._draft_kind)

    def add_draft(self, kind: BoxKind, text: str) -> bool:
        """Keep ``text`` as begun in a box for ``kind``; return False if something is begun there already."""
        if kind == self.kind or kind in self._others:
            return False
        self._others[kind] = text
        return True

    def rename_prompt(self, kind: BoxKind, name: BoxKind) -> None:
        """Make the box for ``kind`` one for ``name``, which was not known when it was begun."""
        for outgoing in (self._held, *self._beside):
            if outgoing is not None and outgoing.kind == kind:
                outgoing.kind = name
        for texts in (self._others, self._returned):
            if kind in texts:
                texts[name] = _below(texts.pop(kind), texts.get(name, ""))
        if self.kind == kind:
            self._set_kind(name)
            if not self.is_waiting and (text := self._others.pop(name, "")):
                self.box.set_text(_below(self.text, text))
        elif self.kind == name and not self.is_waiting and (text := self._others.pop(name, "")):
            self.box.put_above(text)

    def send(self) -> Outgoing:
        """Hold what stands in the box for the writer: it stays, and cannot be changed or sent a second time."""
        self.box.hold()
        self.set_class(self.kind != COMMAND, "-waiting")  # a command is done at once
        self._held = Outgoing(self.kind, self.text)
        return self._held

    def send_typed_ahead(self) -> None:
        """Send what Enter was typed behind while the box was held, so that a later write does not overtake it."""
        if self.box.is_enter_typed_ahead:
            self._make_room()

    def set_status(self, sentence: str) -> None:
        """Show behind the text why it waits, and what was typed meanwhile; empty: it does not wait."""
        self._holdup = sentence
        self._show_status()

    def _show_status(self) -> None:
        beside = "".join(f"\n{text.kind.title}: {text.text[:_SHOWN_AHEAD]}" for text in self._beside)
        ahead = "\n".join(self.box.typed_ahead)
        typed = "" if not ahead else f"\ntyped since: {'…' if len(ahead) > _SHOWN_AHEAD else ''}{ahead[-_SHOWN_AHEAD:]}"
        self._status.update(Content(self._holdup + beside + typed))
        self._status.display = bool(self._holdup)

    def release(self, outgoing: Outgoing, *, clear: bool, came_back: bool = False) -> None:
        """Take the answer to a text that was sent: it goes if ``clear``, and otherwise comes back.

        ``came_back``: the user did not take it back, and may be typing the next one already.
        """
        if outgoing is self._held:
            self._held = None
            self.remove_class("-waiting")
            if clear:
                self._turn_to_draft()
            self.box.release(came_back=came_back)
        elif outgoing in self._beside:
            self._beside.remove(outgoing)
            if not clear:
                self._returned[outgoing.kind] = _below(self._returned.get(outgoing.kind, ""), outgoing.text)
                if came_back:
                    self._refused.add(outgoing.kind)
        self._show_returned(self.kind)
        self.set_status(self._holdup if self.sends else "")
        self.post_message(self.Changed())

    def _enter(self) -> None:
        # To the screen itself: what a later key asks for there must not overtake it.
        self.screen.post_message(self.Submitted(self, self.send()))

    def _make_room(self) -> None:
        """Let the text that was sent wait beside the box, and what was typed and sent since then as well."""
        while self._held is not None:
            self._beside.append(self._held)
            self._held = None
            self._turn_to_draft()
            self.box.release()  # this holds the box again if an Enter was typed meanwhile
        self.remove_class("-waiting")
        self._show_status()

    def _turn_to_draft(self) -> None:
        kind = DRAFTS[0] if self.kind in DRAFTS else self._draft_kind
        self._show_draft_of(kind)
        self._set_kind(kind)

    def _show_draft_of(self, kind: BoxKind) -> None:
        """Put what was begun in a box for ``kind`` into this one, below what came back to it."""
        self.box.set_text(self._others.pop(kind, ""))
        self._show_returned(kind)

    def _show_returned(self, kind: BoxKind) -> None:
        if returned := self._take_returned(kind):
            self.box.put_above(returned, came_back=kind in self._refused)
            self._refused.discard(kind)

    def _take_returned(self, kind: BoxKind) -> str:
        """Remove and return what came back to a box for ``kind``; nothing while a text is on its way into the log."""
        return "" if self.sends else self._returned.pop(kind, "")

    def on_descendant_blur(self) -> None:
        self.send_typed_ahead()  # the next key may write, and a mouse has led to it

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        event.stop()
        self._show_status()
        self.post_message(self.Changed())

    def _put_aside(self) -> str:
        """Keep what was begun here for when this kind comes back; return words that cannot be kept so."""
        if self.kind == COMMAND:
            return redact(self.text)  # :blockers takes a DSN, and what is given here is kept
        if not self.text.strip():
            return ""
        if self.box.has_come_back:
            self._refused.add(self.kind)
            self._returned[self.kind] = _below(self._returned.get(self.kind, ""), self.text)
            return ""
        dropped = self._others.get(self.kind, "")  # a command has written a note over a draft of one
        self._others[self.kind] = self.text
        return dropped

    def _set_kind(self, kind: BoxKind) -> None:
        self.kind = kind
        if kind in DRAFTS:
            self._draft_kind = kind
        self._label.update(Content(f" {_STAMP.sub(_clock, kind.title)} {self._bar}"))
        self._label.set_class(kind == HYPOTHESIS, "-hypothesis")
        self.box.accepts_alt_keys = kind != COMMAND
        self.box.use = "command" if kind == COMMAND else "text"
        self.box.completer = partial(complete_command, names=self.command_names) if kind == COMMAND else None
        self.box.placeholder = PLACEHOLDERS.get(kind.verb, "why? one line")


def _below(first: str, text: str) -> str:
    return f"{first}\n{text}" if first.strip() and text.strip() else first if first.strip() else text


def _clock(found: re.Match[str]) -> str:
    """Return the time of a stamp: the whole stamp would leave no room for the text."""
    return f"@{found[1]}"
