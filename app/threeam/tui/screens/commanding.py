"""The `:` line, the palette and the prompts of a journal's screen: which action they ask for."""

from __future__ import annotations

from collections.abc import Callable

from threeam.actions import ACTIONS, Action
from threeam.core.format.entry import Entry
from threeam.core.redact.redact import redact
from threeam.core.state.fold import Hypothesis
from threeam.tui import messages
from threeam.tui.command_line import UnknownCommand, parse_command
from threeam.tui.key_labels import key_for_action
from threeam.tui.log_rows import Row
from threeam.tui.prompts import CHANGED, COMMAND, DRAFTS, HYPOTHESIS_VERBS, BoxKind
from threeam.tui.screens.writing import WritingScreen
from threeam.tui.widgets.box import InputBox
from threeam.tui.widgets.composer import Composer
from threeam.tui.widgets.log_pane import LogPane
from threeam.tui.widgets.prompt import Prompt
from threeam.tui.widgets.sidebar import Sidebar


class CommandingScreen(WritingScreen):
    """A screen whose actions can be run by their commands."""

    pane: LogPane
    _typed_at_row: Row | None = (
        None  # selected when the `:` line was opened: while the log is followed, another one soon is
    )
    _command_row: Row | None = None  # the same, while the command runs
    sidebar: Sidebar

    def __init__(self) -> None:
        super().__init__()
        self._ready: list[Callable[[], object]] = []  # each shows a result that could not be shown at once

    @property
    def is_enter_a_command(self) -> bool:
        """Whether an Enter that comes now leads out of the box: it ends a command, a search or a verdict."""
        if self.pane.prompt.is_open and self.focused is self.pane.prompt.box:
            return True
        if self.editor is None or self.focused is not self.editor.composer.box:
            return False
        return self.editor.composer.kind not in DRAFTS and not self.editor.composer.is_waiting

    def refuses_box_of(self, key: str) -> bool:
        """Return whether ``key`` asks for a box that a read-only screen does not have."""
        if self.is_writable or isinstance(self.focused, InputBox):
            return False
        remapped = self.session.settings.keys
        asking = (action for action in ACTIONS if action.opens_box)
        return any(key in remapped.get(action.id, action.keys).split(",") for action in asking)

    async def on_composer_submitted(self, message: Composer.Submitted) -> None:
        composer, text = message.composer, message.outgoing.text
        if message.outgoing.kind != COMMAND:  # that is the writing half's
            return
        known = self._parsed(text) if text.strip() else None
        composer.release(message.outgoing, clear=known is not None)
        if known is not None:
            composer.box.add_to_history([redact(text)])
            self.set_focus(self.log_view)
        elif not text.strip():
            self.action_leave()
        await self._do(known)

    async def on_prompt_answered(self, message: Prompt.Answered) -> None:
        self.set_focus(self.pane.prompt.box if self.pane.prompt.is_open else self.log_view)
        await self._do(self._parsed(message.text) if message.what == "command" else None)

    def _parsed(self, text: str) -> tuple[Action, str] | None:
        """Return the action that a `:` line names, and what follows it; None, after a notice, if it names none."""
        try:
            return parse_command(text)
        except UnknownCommand as unknown:
            self.notify_once(str(unknown), severity="warning")
            return None

    async def _do(self, known: tuple[Action, str] | None) -> None:
        """Run a command, if it is one; then the keys behind its Enter may act."""
        self._command_row = self._typed_at_row
        try:
            if known is not None:
                await self.run(*known)
        finally:
            self._command_row = None
            self.app.post_message(messages.CommandDone())

    async def run(self, action: Action, argument: str = "") -> None:
        """Run ``action``, from the palette or the `:` line, with the text that follows its command."""
        if action.writes and not self.is_writable:
            self.refuse_write()
            if action.opens_box:
                self.refuse_text()
            return
        kind, text = BoxKind(action.id), argument
        if action.id in HYPOTHESIS_VERBS and argument:
            name, _, text = argument.partition(" ")
            known = self.require_hypothesis(name)
            if known is None:
                if text.strip() and self.editor is not None:  # the words stand in the line again, to be sent once more
                    self.editor.add_to_history(
                        self.editor.composer.begin_prompt(COMMAND, f"{action.command} {argument}")
                    )
                    self.set_focus(self.editor.composer.box)
                return
            kind = BoxKind(action.id, known.name)
        if kind.hypothesis or (kind in (*DRAFTS, CHANGED) and text.strip()):
            self._write_at_once(kind, text)
        elif argument and action.argument:
            await self.actions.run(action.id, argument)
        elif argument:
            self.notify_once(f":{action.command} takes nothing more, and {argument!r} follows it", severity="warning")
        else:
            await self.actions.run(action.id)

    def _write_at_once(self, kind: BoxKind, text: str) -> None:
        """Write ``text`` as if it had been typed into a box for ``kind``; without a text, open that box."""
        words = text.strip()
        if words and self.editor is not None:
            self.editor.add_to_history(self.editor.composer.begin_prompt(kind, words))
            if not self._send(self.editor.composer.send()):  # there is something to be read before it is sent
                self.set_focus(self.editor.composer.box)
        else:
            self.open_box(kind)

    def selected_entry(self) -> Entry | None:
        """Return the entry that a command is about: the one that was selected when the user began to type it."""
        row = self._command_row or self.log_view.selected_row
        return row.entry if row is not None else None

    async def action_do(self, action_id: str) -> None:
        """Run an action of the table: each key is bound to this."""
        await self.actions.run(action_id)

    def action_command_line(self) -> None:
        self._typed_at_row = self.log_view.selected_row
        if self.editor is None:
            self.action_ask("command")
        else:
            self.open_box(COMMAND)

    def action_ask(self, what: str, words: str = "") -> None:
        if self.pane.ask(what, words):
            self.set_focus(self.pane.prompt.box)  # at once: the next key may have come with this one

    def action_leave(self) -> None:
        if self.pane.cancel():
            self.set_focus(self.log_view)
            return
        if self.editor is not None:
            outbox = self.editor.outbox
            # Not what is just being written. An Esc that came before the wait was shown is meant to leave the box.
            pressed_s = self.program.leave_pressed_s
            if outbox.is_blocked and pressed_s > outbox.told_s and outbox.cancel_waiting():
                return
            composer = self.editor.composer
            if composer.kind not in DRAFTS and (composer.kind == COMMAND or not composer.text.strip()):
                self.editor.add_to_history(composer.end_prompt())
            composer.send_typed_ahead()
        self.sidebar.remove_class("-open")
        if self.focused is self.log_view and self._ready:
            self._ready.pop(0)()
            self.header.ready_reports = len(self._ready)
        else:
            self.set_focus(self.log_view)

    def show_when_free(self, name: str, show: Callable[[], object]) -> None:
        """Call ``show``, which lays a screen over this one, or keep it until it is asked for.

        It is for a result that comes later than its key. A screen takes every key, so it must not open while the user
        is typing, or over another screen.
        """
        if self.is_leaving:
            return
        if self.app.screen is self and not isinstance(self.focused, InputBox):
            show()
            return
        self._ready.append(show)
        self.header.ready_reports = len(self._ready)
        self.notify_once(f"it is ready: {key_for_action(self, 'leave')} in the log shows it", title=name)

    def require_hypothesis(self, name: str) -> Hypothesis | None:
        """Return the hypothesis of this name; None, after a notice, if there is none."""
        known = self.state.find_hypothesis(name)
        if known is None and not self.sidebar.is_state_known:
            self.notify_once("the log is still being read: in a moment")
        elif known is None:
            self.notify_once(
                f"there is no hypothesis {name}: {key_for_action(self, 'board')} shows those there are",
                severity="warning",
            )
        return known
