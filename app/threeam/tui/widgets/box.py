"""The text of the input box: its keys, its history, and what is typed while it is held."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

from textual import events
from textual.actions import parse as parse_action
from textual.binding import Binding
from textual.widgets import TextArea

from threeam.actions import ACTIONS, BY_ID
from threeam.core.format.entry import escape_unprintable
from threeam.tui.dialog_bindings import bind
from threeam.tui.messages import CommandDone
from threeam.tui.widgets.candidates import Candidates

# tmux prefixes, flow control, vim-tmux-navigator's keys and suspend: a user of tmux has them elsewhere.
_TAKEN = frozenset(f"ctrl+{key}" for key in ("a", "b", "space", "s", "q", "h", "j", "k", "l", "backslash", "z"))
_PAGE_KEYS = frozenset(("pageup", "pagedown"))  # they scroll the log: the box is seldom longer than the screen


def _untaken() -> list[Binding]:
    """Return the editing keys of a text area, without `_TAKEN` and `_PAGE_KEYS`."""
    kept = []
    for binding in TextArea.BINDINGS:
        if isinstance(binding, Binding):
            keys = [key for key in binding.key.split(",") if key not in _TAKEN | _PAGE_KEYS]
            if keys:
                kept.append(replace(binding, key=",".join(keys)))
    return kept


_EDITING = _untaken()
# A binding comes after the letters that arrived in one read with its key: over a slow line, "teh", two backspaces and
# "he" would be scrambled. So the box does what its own keys do by itself, in their order.
_AT_ONCE = {
    key: parse_action(binding.action)[1:]
    for binding in (Binding("enter", "send"), Binding("ctrl+o", "break_line"), *_EDITING)
    for key in binding.key.split(",")
    if binding.action != "copy"  # ctrl+c: it may be the app's
}

_SEND_LABELS = {
    "text": "write and close",
    "search": "search",
    "filter": "filter",
    "goto": "go there",
    "command": "do it",
}
_BOX_ACTIONS = frozenset(action.id for action in ACTIONS if action.scope == "box")


def sanitize_text(text: str) -> str:
    """``text`` as it may stand in the box: its lines, with every control made visible."""
    return "\n".join(map(escape_unprintable, text.replace("\r\n", "\n").replace("\r", "\n").split("\n")))


class InputBox(TextArea, inherit_bindings=False):
    """The text itself. Enter sends what stands there at that moment, also when it comes in one read with it.

    From then on until `release` the text is held. What is typed meanwhile is not lost: it is kept, and
    typed in as soon as the box is free.
    """

    BINDINGS: ClassVar[list[Binding]] = [  # type: ignore[assignment]
        *(Binding("enter", f"send('{use}')", label, key_display="enter") for use, label in _SEND_LABELS.items()),
        Binding("tab", "complete", "complete", key_display="tab"),
        bind("leave", "screen.do('leave')", "close", "close the box; a text stays as a draft", show=True),
        bind("suspend", "screen.do('suspend')"),
        Binding("pageup", "screen.page_up", "page up", show=False),
        Binding("pagedown", "screen.page_down", "page down", show=False),
        # Not alt+enter: without the kitty protocol a terminal sends that as enter.
        Binding("ctrl+o", "break_line", "new line"),
        *(
            Binding(a.keys, a.binding, a.label, show=False, tooltip=a.description, id=a.id)
            for a in ACTIONS
            if a.scope == "box"
        ),
        *_EDITING,
    ]

    def __init__(self, send: Callable[[], object]) -> None:
        """``send`` is called when Enter was pressed and the text is held, before the next key is looked at."""
        super().__init__(compact=True, highlight_cursor_line=False, show_line_numbers=False, soft_wrap=True)
        self._send = send
        self._came_back = False  # the text was sent and not written: what is typed next begins another line
        self._history: list[str] = []
        self._at = 0
        self._unsent = ""
        self.candidates = Candidates()  # the owner of the box puts them above it
        self.use = "text"  # what Enter does with the text: a key of `_SEND_LABELS`
        self.accepts_alt_keys = False  # whether alt+key means something here
        self.completer: Callable[[str], tuple[str, list[str]]] | None = None  # what Tab adds, and the words it could be
        self._ahead: list[str | tuple[str, Any]] = []  # typed while the text is held: text, and (action, arguments)

    @property
    def has_come_back(self) -> bool:
        """Return whether the text was sent and not written, and nothing was typed since."""
        return self._came_back

    @property
    def typed_ahead(self) -> list[str]:
        """Return the texts typed since the text is held: one for each Enter, and the rest after the last."""
        texts = [""]
        for one in self._ahead:
            if isinstance(one, str):
                texts[-1] += one
            elif one[0] == "send":
                texts.append("")
        return [text for text in texts if text.strip()]

    @property
    def is_enter_typed_ahead(self) -> bool:
        """Return whether Enter was typed since the text is held. The text before it is sent once the box is free."""
        return any(part[0] == "send" for part in self._ahead if not isinstance(part, str))

    def add_to_history(self, texts: list[str]) -> None:
        """Add ``texts`` to what up and down walk through."""
        self._history += map(sanitize_text, texts)
        self._at = len(self._history)

    def set_history(self, texts: list[str]) -> None:
        """Make ``texts`` what up and down walk through."""
        self._history = list(map(sanitize_text, texts))
        self._at = len(self._history)

    def set_text(self, text: str) -> None:
        """Replace the text by ``text``, with the cursor at its end."""
        self._came_back = False
        self.text = sanitize_text(text)
        self.move_cursor(self.document.end)

    def put_above(self, text: str, *, came_back: bool = True) -> None:
        """Put ``text``, which was sent and not written, above what has been begun since.

        ``came_back``: the user did not take it back, so that what is typed next is another text.
        """
        if not self.text.strip():
            self.set_text(text)
            self._came_back = came_back
            return
        row, column = self.cursor_location
        text = sanitize_text(text)
        self.text = f"{text}\n{self.text}"
        self.move_cursor((row + text.count("\n") + 1, column))

    def paste(self, text: str) -> None:
        """Insert ``text`` at the cursor, as a paste."""
        self._type(sanitize_text(text))

    def hold(self) -> None:
        """Hold the text: it cannot be changed until `release`."""
        self.read_only = True

    def release(self, *, came_back: bool = False) -> None:
        """Let the text be changed again, and insert what was typed meanwhile.

        ``came_back``: the text was not written, although the user did not take it back.
        """
        self.read_only = False
        ahead, self._ahead = self._ahead, []
        self._came_back = (came_back or self._came_back) and not ahead and bool(self.text)
        if not ahead:
            return
        taken = not self.text
        if not taken:  # what comes after it stands below it, and nothing is sent
            self.move_cursor(self.document.end)
            self.insert("\n")
        while ahead and not self.read_only:
            one = ahead.pop(0)
            if isinstance(one, str):
                self.insert(one)
            elif one[0] == "send" and not taken:
                self.insert("\n")
            else:
                self._do(*one)
        self._ahead = ahead

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        match action:
            case "send":
                return not parameters or parameters[0] == self.use
            case "complete":
                return self.completer is not None
            case "break_line":
                return self.use == "text"
        return True

    def action_complete(self) -> None:
        """Add what all completions of the text have in common; show them if there are several."""
        if self.completer is None or self.read_only or self.cursor_location != self.document.end:
            return
        rest, words = self.completer(self.text)
        self.insert(rest)
        self.candidates.show(words if len(words) > 1 else ())

    def on_text_area_changed(self) -> None:
        """Let the candidates that are shown become those of the new text."""
        if self.candidates.words:
            words = self.completer(self.text)[1] if self.completer is not None else ()
            self.candidates.show(words if len(words) > 1 else ())

    def action_delete_to_start_of_line(self) -> None:
        """Delete to the beginning of the line, as readline does; Textual deletes to that of the wrapped row."""
        row, column = self.cursor_location
        if column and not self.read_only:
            self._delete_via_keyboard(self.selection.end, (row, 0))
        else:
            super().action_delete_to_start_of_line()

    def action_send(self, _use: str = "") -> None:
        self.hold()
        self._send()

    def action_break_line(self) -> None:
        self.insert("\n")

    def _type(self, text: str) -> None:
        if self.read_only:
            self._put_by(text)
        else:
            self._begin_line()
            self.insert(text)

    def _begin_line(self) -> None:
        """Begin a line below a text that has come back, so that its sender's next words are not glued to it."""
        if self._came_back and self.cursor_location == self.document.end:
            self.insert("\n")
        self._came_back = False

    def _do(self, action: str, arguments: tuple[Any, ...]) -> None:
        if self.read_only:
            self._put_by((action, arguments))
        else:
            self._came_back = False  # the sender edits it, or sends it once more
            getattr(self, f"action_{action}")(*arguments)

    def _put_by(self, one: str | tuple[str, Any]) -> None:
        self._ahead.append(one)
        self.post_message(self.Changed(self))

    async def _on_key(self, event: events.Key) -> None:
        walk = {"up": -1, "down": 1}.get(event.key, 0)
        if self._leaves(event):
            event.stop()
            event.prevent_default()
            await self.screen.run_action(BY_ID["leave"].binding)
            # Now the keys behind it are for the log; they come after what was sent before it.
            self.screen.call_later(self.app.post_message, CommandDone())
        elif event.key in ("tab", "shift+tab"):  # never to another widget: there the rest of a word would be commands
            event.stop()
            event.prevent_default()
            if event.key == "tab":
                self.action_complete()
        elif (box_action := self._box_action(event)) is not None:
            event.stop()
            event.prevent_default()
            await self.screen.run_action(box_action)
        elif event.key.startswith("alt+"):  # the letter that comes with it is not typed
            event.prevent_default()
        elif walk and not self.read_only and self._can_walk(walk):
            event.stop()
            event.prevent_default()
            self._walk(walk)
        elif (action := _AT_ONCE.get(event.key)) is not None:
            event.stop()
            event.prevent_default()
            self._do(*action)
        elif self.read_only and event.is_printable and event.character is not None:
            event.stop()
            event.prevent_default()
            self._put_by(event.character)
        elif event.character is not None and "\udc80" <= event.character <= "\udcff":  # a byte that is not UTF-8
            event.stop()
            event.prevent_default()
            self._type(escape_unprintable(event.character))
        else:
            if event.is_printable:
                self._begin_line()
            await super()._on_key(event)

    def _box_action(self, event: events.Key) -> str | None:
        """Return the action of the box that the key of ``event`` runs, as a binding names it.

        It runs before the next key is handled, as the keys that edit do.
        """
        if event.is_printable and not event.key.startswith("alt+"):  # a terminal sends the letter with it
            return None
        active = self.screen.active_bindings.get(event.key)
        is_bound = active is not None and active.enabled and active.binding.id in _BOX_ACTIONS
        return active.binding.action if active is not None and is_bound else None

    def _leaves(self, event: events.Key) -> bool:
        if event.is_printable:
            return False
        active = self.screen.active_bindings.get(event.key)
        return active is not None and active.binding.action == BY_ID["leave"].binding

    async def _on_paste(self, event: events.Paste) -> None:
        event.stop()
        event.prevent_default()
        self.paste(event.text)

    def _can_walk(self, step: int) -> bool:
        if step < 0:
            return self._at > 0 and self.cursor_location[0] == 0
        return self._at < len(self._history) and self.cursor_at_last_line

    def _walk(self, step: int) -> None:
        if self._at == len(self._history):
            self._unsent = self.text
        self._at += step
        self.set_text(self._history[self._at] if self._at < len(self._history) else self._unsent)
