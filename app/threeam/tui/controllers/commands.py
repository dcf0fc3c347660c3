"""The `:` line and the palette: which action a command asks for, and with which argument."""

from __future__ import annotations

from collections.abc import Mapping

from threeam.actions import Action
from threeam.core.errors import JournalError, PreconditionFailed
from threeam.core.format.entry import Entry
from threeam.core.format.short_stamp import shortest_forms
from threeam.core.redact.redact import redact
from threeam.core.state.catalog import journal_name
from threeam.core.store.attachments import has_mirrors
from threeam.experiments.runs.run_log import experiments
from threeam.hypotheses.amendments import amendments
from threeam.hypotheses.changes import open_changes
from threeam.hypotheses.drafts import name_of
from threeam.tui import messages
from threeam.tui.command_line import UnknownCommand, parse_command
from threeam.tui.controllers.hypotheses import HypothesisController
from threeam.tui.dispatch import Handler
from threeam.tui.log_rows import Row
from threeam.tui.prompts import CHANGED, COMMAND, DRAFTS, HYPOTHESIS_VERBS, BoxKind
from threeam.tui.services import ScreenServices
from threeam.tui.widgets.composer import Composer
from threeam.tui.widgets.log_pane import LogPane
from threeam.tui.widgets.prompt import Prompt


class CommandController:
    """Runs actions by their commands. The `:` line of a read-only screen is the prompt of ``pane``."""

    def __init__(self, screen: ScreenServices, pane: LogPane, hypotheses: HypothesisController) -> None:
        self._screen = screen
        self._pane = pane
        pane.prompt.command_names = self.names_for
        self._hypotheses = hypotheses
        self._row_at_start: Row | None = None  # selected when the `:` line was opened: followed lines move the cursor
        self._command_row: Row | None = None  # the same, of the command that is running

    def names_for(self, argument: str) -> list[str]:
        """Return the names that ``argument`` could be, as `complete_command` asks for them."""
        action_id, _, part = argument.partition(" ")
        state = self._screen.state
        if part == "H7":
            return self._hypotheses.names
        if part == "R12":
            return [experiment.name for experiment in reversed(experiments(state))]
        if part == "@STAMP" and action_id == "undone":
            return shortest_forms([change.stamp for change in reversed(open_changes(state))])
        if part == "@STAMP" and action_id == "words":
            return shortest_forms([pending.stamp for pending in amendments(state).pending_stamps.values()])
        if action_id == "open":
            return self._host_names()
        if action_id == "journal":
            return [journal_name(journal) for journal in self._screen.program.other_journals]
        return sorted(self._screen.app.available_themes) if action_id == "theme" else []

    def _host_names(self) -> list[str]:
        journal = self._screen.session.journal
        if not has_mirrors(journal):
            return []
        from threeam.team.mirrors.hosts import read_hosts  # only with mirrors

        try:
            return [host.name for host in read_hosts(journal)]
        except (OSError, JournalError):  # :open says it
            return []

    def handlers(self) -> Mapping[str, Handler]:
        """Return the handlers of the actions, by id."""
        return {"command": self.open_line}

    @property
    def is_writable(self) -> bool:
        """Return whether actions that write can be run."""
        return self._screen.writing.is_writable

    @property
    def selected_row(self) -> Row | None:
        """Return the row that an action is about: for a command, the one selected when the user began to type it."""
        return self._command_row or self._pane.view.selected_row

    def selected_entry(self) -> Entry | None:
        """Return the entry that an action is about."""
        return self.selected_row.entry if self.selected_row is not None else None

    def open_line(self) -> None:
        """Go to the `:` line."""
        self.begin_line("")

    def begin_line(self, text: str) -> None:
        """Go to the `:` line, and add ``text`` to it."""
        self._row_at_start = self.selected_row
        if self.is_writable:
            self._screen.writing.open_box(COMMAND, text)
        elif self._pane.ask("command", ""):
            box = self._pane.prompt.box
            self._screen.set_focus(box)
            if text:
                box.paste(text)

    @property
    def is_enter_a_command(self) -> bool:
        """Return whether an Enter that comes now leads out of a box: it ends a command, a search or a verdict."""
        prompt = self._pane.prompt
        return (prompt.is_open and self._screen.focused is prompt.box) or self._screen.writing.is_prompt

    async def run_box_line(self, message: Composer.Submitted) -> None:
        """Run the command in the input box. One that cannot be parsed stays there."""
        composer, text = message.composer, message.outgoing.text
        parsed = self._parse(text) if text.strip() else None
        composer.release(message.outgoing, clear=parsed is not None)
        if parsed is not None:
            composer.box.add_to_history([redact(text)])
            self._screen.focus_log()
        elif not text.strip():
            await self._screen.actions.run("leave")
        await self._run_parsed(parsed)

    async def take_prompt_answer(self, message: Prompt.Answered) -> None:
        """Run the command in the prompt of a read-only screen; a search, a filter and a time are done already."""
        self._screen.set_focus(self._pane.prompt.box if self._pane.prompt.is_open else self._pane.view)
        await self._run_parsed(self._parse(message.text) if message.what == "command" else None)

    def _parse(self, text: str) -> tuple[Action, str] | None:
        """Return the action of a `:` line and its argument; None, after a notice, if there is no such command."""
        try:
            return parse_command(text)
        except UnknownCommand as unknown:
            self._screen.notify_once(str(unknown), severity="warning")
            return None

    async def _run_parsed(self, parsed: tuple[Action, str] | None) -> None:
        """Run a command, if there is one; then the keys behind its Enter may act."""
        try:
            if parsed is not None:
                self._command_row, self._row_at_start = self._row_at_start, None
                await self.run(*parsed)
        finally:
            self._command_row = None
            self._screen.app.post_message(messages.CommandDone())

    async def run(self, action: Action, argument: str = "") -> None:
        """Run ``action``, from the palette or the `:` line, with the text that follows its command."""
        if action.writes and not self.is_writable:
            self._screen.writing.open_box(BoxKind(action.id))  # it refuses
        elif action.id in HYPOTHESIS_VERBS and argument:
            self._write_about_hypothesis(action, argument)
        elif BoxKind(action.id) in (*DRAFTS, CHANGED) and argument.strip():
            self._screen.writing.write_or_ask(BoxKind(action.id), argument)
        elif argument and not action.argument:
            sentence = f":{action.command} takes nothing more, and {argument!r} follows it"
            self._screen.notify_once(sentence, severity="warning")
        else:
            await self._screen.actions.run(action.id, argument)

    def _write_about_hypothesis(self, action: Action, argument: str) -> None:
        name, _, words = argument.partition(" ")
        try:
            named = self._hypotheses.require_named(name)
        except PreconditionFailed as error:
            self._screen.notify_once(str(error), severity="warning")
            if words.strip():  # they stand in the line again, to be sent once more
                self._row_at_start = self.selected_row
                self._screen.writing.edit(COMMAND, f"{action.command} {argument}")
            return
        self._screen.writing.write_or_ask(BoxKind(action.id, name_of(named)), words)
