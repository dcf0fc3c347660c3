"""The screen of a journal: log, header, sidebar and box, with a controller for each group of actions."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Static

from threeam.actions import Action
from threeam.core.format.entry import Entry, escape_unprintable
from threeam.core.state.fold import State
from threeam.core.store.attachment_kinds import COPIED_TEXT
from threeam.core.store.attachments import replace_attachment
from threeam.core.store.journal import Position
from threeam.core.store.reader import Line
from threeam.timeline.open_logs import OpenLogs
from threeam.timeline.source import Source
from threeam.tui import messages
from threeam.tui.bridge import Bridge
from threeam.tui.clipboard import send_to_clipboard
from threeam.tui.controllers.amendments import AmendmentController
from threeam.tui.controllers.answers import AnswerController
from threeam.tui.controllers.commands import CommandController
from threeam.tui.controllers.experiments import ExperimentController
from threeam.tui.controllers.first_state import FirstState
from threeam.tui.controllers.host import HostController
from threeam.tui.controllers.hypotheses import HypothesisController
from threeam.tui.controllers.live import LiveController
from threeam.tui.controllers.look import LookController
from threeam.tui.controllers.mirrors import Mirrors
from threeam.tui.controllers.navigation import NavigationController
from threeam.tui.controllers.night import NightController
from threeam.tui.controllers.quitting import QuitController
from threeam.tui.controllers.races import RaceController
from threeam.tui.controllers.read_only import ReadOnlyWriting
from threeam.tui.controllers.reports import ReportController
from threeam.tui.controllers.restore import RestoreController
from threeam.tui.controllers.shell_commands import ShellCommandController
from threeam.tui.controllers.state_view import StateView
from threeam.tui.controllers.timeline import TimelineController
from threeam.tui.controllers.writing import WritingController
from threeam.tui.dialog_bindings import bind
from threeam.tui.dispatch import ActionTable, Handler
from threeam.tui.draft_store import DraftStore
from threeam.tui.editor import Editor, abbreviate
from threeam.tui.effects import EffectRunner
from threeam.tui.prompts import COMMAND, DRAFTS, HYPOTHESIS_VERBS
from threeam.tui.row_window import RowWindow
from threeam.tui.screens.help import help_screen
from threeam.tui.screens.notice_screen import NoticeScreen
from threeam.tui.services import Program
from threeam.tui.session import Session
from threeam.tui.widgets.box import InputBox
from threeam.tui.widgets.composer import Composer
from threeam.tui.widgets.filter_line import FilterBox
from threeam.tui.widgets.footer import KeyFooter
from threeam.tui.widgets.header import Header
from threeam.tui.widgets.log_pane import LogPane
from threeam.tui.widgets.log_view import LogView
from threeam.tui.widgets.prompt import Prompt
from threeam.tui.widgets.sidebar import HypothesisList, Sidebar
from threeam.tui.widgets.source_line import SourceLine
from threeam.tui.widgets.sparkline import ActivitySparkline


class JournalScreen(NoticeScreen):
    """A journal as ``window`` has it, with its state: the last one that was read from the file.

    A session ``as_of`` a point in time has a window that ends there. It follows nothing, and nothing can be written.
    """

    BINDINGS: ClassVar[list[Binding]] = [bind(key, f"do('{key}')") for key in ("leave", "suspend")]  # type: ignore[assignment]

    def __init__(self, session: Session, window: RowWindow) -> None:
        super().__init__()
        self.session = session
        self.state = session.fold.empty_state
        self._compose_widgets(window)
        bridge = None
        if session.as_of is None:
            journal, floor = session.journal, session.settings.disk_floor
            bridge = Bridge(journal, window.anchor, session.fold, session.writer, floor, self.post_message)
        self.editor = None if bridge is None or session.writer is None else self._editor(bridge, window)
        self._compose_controllers(bridge)

    def _compose_widgets(self, window: RowWindow) -> None:
        session, read_only, emoji = self.session, self.session.writer is None, self.session.emoji
        name, limit = escape_unprintable(session.journal.log_name), session.settings.toxic_cups
        self.header = Header(name, toxic_cups=limit, read_only=read_only, emoji=emoji)
        self.header.is_as_of = session.as_of is not None
        self.pane = LogPane(session.journal, window, session.clock, session.zone, emoji=emoji, read_only=read_only)
        self.log_view = self.pane.view
        self.log_view.own_user = session.author.user
        self.source_line = SourceLine(emoji=emoji)
        self.sparkline = ActivitySparkline(emoji=emoji, gap_ns=session.settings.night_gap_ns)
        self.sidebar = Sidebar(emoji=emoji, read_only=read_only)

    def _editor(self, bridge: Bridge, window: RowWindow) -> Editor:
        store = DraftStore(self.session.journal, lambda sentence: self.post_message(messages.DraftSaveFailed(sentence)))
        composer, author = Composer(emoji=self.session.emoji), self.session.author
        return Editor(composer, store, bridge.submit, author, lambda: self.log_end)

    def _compose_controllers(self, bridge: Bridge | None) -> None:
        effects = EffectRunner(lambda effect: self.post_message(messages.EffectFinished(effect)))
        self.quitting = QuitController(self, self.editor, effects)
        self.mirrors, take_answer = Mirrors(self), lambda answer: self.answers.take(answer)
        self.reports = ReportController(self, self.quitting, self.header, self.mirrors, take_answer)
        self.writing: WritingController | ReadOnlyWriting = ReadOnlyWriting(self)
        self.amendments: AmendmentController | None = None
        if self.editor is not None:
            self.writing = WritingController(self, self.editor, self.quitting, self.header, self.log_view, self.mirrors)
            self.amendments = AmendmentController(self, self.writing)
        self.look = LookController(self, self.log_view)
        self.state_view = StateView(self, self.header, self.sidebar, self.log_view, self.mirrors)
        self.hypotheses = HypothesisController(self, self.sidebar, self.reports, self.mirrors)
        self.commands = CommandController(self, self.pane, self.hypotheses)
        if self.editor is not None:
            self.editor.composer.command_names = self.commands.names_for
        self.night = NightController(self, self.reports, self.quitting, self.mirrors)
        self.live: LiveController | None = None
        if bridge is not None:
            self.live = LiveController(self, bridge, self.header, self.pane, self.hypotheses, self.night)
        self.experiments = ExperimentController(self, self.hypotheses, self.reports, self.quitting, self.commands)
        self.host = HostController(self, self.reports, self.quitting)
        self.restore = RestoreController(self, self.reports, self.quitting, self.commands)
        self.answers: AnswerController = AnswerController(
            self, self.sidebar, self.pane, self.restore, self.experiments, self.night
        )
        logs = (self.session.logs if self.session.as_of is None else None) or OpenLogs()
        self.timeline = TimelineController(self, self.pane, self.source_line, logs, self.post_message)
        self.races = RaceController(self, self.timeline.index_scan, self.hypotheses, self.reports, self.commands)
        show_attachment = self.experiments.show_attachment
        self.navigation = NavigationController(self, self.pane, self.reports, self.commands, show_attachment)
        self.actions = ActionTable(self._handlers(), is_writable=self.writing.is_writable, on_error=self._show_refusal)

    def _handlers(self) -> dict[str, Handler]:
        """Return the handlers of the actions, by id."""
        return {
            "leave": self.leave,
            "help": self.open_help,
            "suspend": lambda: self.program.suspend_to_shell(),
            **self.look.handlers(),
            **self.writing.handlers(),
            **(self.amendments.handlers() if self.amendments is not None else {}),
            **self.hypotheses.handlers(),
            **self.commands.handlers(),
            **self.night.handlers(),
            **self.experiments.handlers(),
            **self.host.handlers(),
            **ShellCommandController(self).handlers(),
            **self.restore.handlers(),
            **self.navigation.handlers(),
            **({**self.timeline.handlers(), **self.races.handlers()} if self.session.as_of is None else {}),
            **self.reports.handlers(),
            **({"quit": self.close} if self.session.as_of is not None else self.quitting.handlers()),
        }

    def compose(self) -> ComposeResult:
        """Yield the widgets from top to bottom."""
        yield self.header
        if self.session.as_of is not None:
            stamp, key = str(self.session.clock()), self.key_of("now")
            sentence = f" AS OF {stamp[11:23]} · {key} back to now · {stamp[:10]} {stamp[29:]} · read-only"
            yield Static(Content(sentence), classes="as-of--banner")
        yield self.source_line
        yield self.sparkline
        with Horizontal(id="body"):
            yield self.pane
            yield self.sidebar
        if self.editor is not None:
            yield self.editor.composer.box.candidates
            yield self.editor.composer
        yield KeyFooter(last=("help", "quit"), labels=lambda: self.log_view.selection_labels)

    def on_mount(self) -> None:
        self.set_focus(self.log_view)
        self.app.theme_changed_signal.subscribe(self, self.look.take_theme)
        if self.session.as_of is not None:
            FirstState(self, self.pane, self.session.as_of.end, self._show_past_state).start()
        if self.editor is not None:
            self._restore_drafts(self.editor)
        if self.session.notice:
            self.notify_once(self.session.notice, severity="warning")
        if self.live is not None:
            self.live.start()
            self.call_after_refresh(self.timeline.start)
        self.app.post_message(messages.CommandDone())  # what was typed ahead may come

    def _restore_drafts(self, editor: Editor) -> None:
        sentence = editor.restore(self.session.journal)
        kind = editor.composer.kind
        if kind.verb in HYPOTHESIS_VERBS:  # the verdict that was begun is on this hypothesis
            self.hypotheses.picked_name = kind.hypothesis
        if sentence:
            self.notify_once(sentence)

    def on_unmount(self) -> None:
        if self.live is not None:
            self.live.stop()
        self.timeline.stop()
        if self.editor is not None:
            self.editor.stop()

    # What came from the file.

    @on(messages.JournalChanged)
    def _follow_journal(self, message: messages.JournalChanged) -> None:
        if self.live is not None:
            self.live.follow(message)

    @on(messages.WriteProgress)
    def _take_write_progress(self, message: messages.WriteProgress) -> None:
        if isinstance(self.writing, WritingController):
            self.writing.take_progress(message)

    @on(messages.SourceLinesArrived)
    def _take_source_lines(self, message: messages.SourceLinesArrived) -> None:
        self.timeline.take_lines(message)

    def on_draft_save_failed(self, message: messages.DraftSaveFailed) -> None:
        if message.sentence:
            self.notify_once(message.sentence, severity="warning")

    def on_effect_finished(self, message: messages.EffectFinished) -> None:
        self.quitting.finish_effect(message.effect)

    # What the widgets tell.

    async def on_composer_submitted(self, message: Composer.Submitted) -> None:
        if message.outgoing.kind == COMMAND:
            await self.commands.run_box_line(message)
        elif isinstance(self.writing, WritingController):
            try:
                self.writing.send(message)
            finally:  # a box whose stamp was refused has become one for a note since its Enter
                if message.outgoing.kind not in DRAFTS or self.program.typed_keys.wait_for_enter:
                    self.app.post_message(messages.CommandDone())

    def on_composer_changed(self) -> None:
        if isinstance(self.writing, WritingController):
            self.writing.take_changes()

    async def on_prompt_answered(self, message: Prompt.Answered) -> None:
        await self.commands.take_prompt_answer(message)

    def on_hypothesis_list_picked(self, message: HypothesisList.Picked) -> None:
        self.hypotheses.follow_cursor(message)

    def on_log_view_read_failed(self, message: LogView.ReadFailed) -> None:
        self.notify_once(message.sentence, title="the log cannot be read", severity="error")

    def on_log_pane_counts_changed(self) -> None:
        opened_ns = [hypothesis.opened_at.ns for hypothesis in self.state.hypotheses.values()]
        self.sparkline.show(self.pane.activity, opened_ns, self.session.zone)

    def on_log_pane_notice_posted(self, message: LogPane.NoticePosted) -> None:
        self.notify_once(message.sentence, severity=message.severity)

    def on_log_view_look_changed(self, message: LogView.LookChanged) -> None:
        self.look.take_change(message)

    def on_log_view_tail_changed(self) -> None:
        self.header.following = self.log_view.following
        self.header.unread = self.log_view.unread

    def on_descendant_focus(self) -> None:
        self.set_class(self.is_typing, "-typing")

    def on_key(self, event: events.Key) -> None:
        self.writing.refuse_key(event.key)

    # The state, and what is shown of it.

    def take_state(self, state: State) -> None:
        """Take ``state``, which the log adds up to; `show_state` shows it."""
        self.state = state
        self.header.is_state_known = self.sidebar.is_state_known = True

    def _show_past_state(self, state: State) -> None:
        self.take_state(state)
        self.show_state()

    def show_state(self) -> None:
        """Show ``state`` as it is now, with the ages and amounts of this moment."""
        self.hypotheses.update_picked_name()
        self.mirrors.refresh()
        self.state_view.show(self.state, self.hypotheses.picked_name, is_known=self.is_state_known)
        self.reports.update()
        self.navigation.show_marks()
        self.timeline.clocks.take_corrections()

    # The actions of the screen itself.

    async def action_do(self, action_id: str) -> None:
        """Run an action of the table: each key is bound to this."""
        await self.actions.run(action_id)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool:
        return action != "do" or (parameters[0] in self.actions and self.log_view.allows_action(str(parameters[0])))

    def _show_refusal(self, action: Action, argument: str, sentence: str) -> None:
        """Show why an action was not done, and drop what is typed for the box that its key would have opened."""
        self.notify_once(sentence, severity="warning")
        if action.opens_box and not argument:
            self.program.typed_keys.refuse_text()

    def leave(self) -> None:
        """Take back what waits; else go to the log; in the log, show the next result, or end the search."""
        self.sidebar.leave_full()
        if self.pane.cancel():
            self.focus_log()
            return
        if self.writing.leave_box():
            return
        self.sidebar.close()
        if self.focused is not self.log_view:
            self.focus_log()
        elif not self.reports.show_next_ready():
            self.pane.clear_search()

    def close(self) -> None:
        """Show the screen below again."""
        self.app.pop_screen()

    def open_help(self, topic: str = "") -> None:
        """Show all keys and signs, or a page of the manual."""
        self.app.push_screen(help_screen(topic, self.session, read_only=not self.writing.is_writable))

    def action_board_full(self) -> None:
        self.sidebar.toggle_full()

    def action_page_up(self) -> None:
        """Scroll the log while the focus stays in the box, which may wait for the lock."""
        self.log_view.action_page_up()

    def action_page_down(self) -> None:
        """Scroll the log while the focus stays in the box."""
        self.log_view.action_page_down()

    # What the controllers need: see `ScreenServices`.

    @property
    def program(self) -> Program:
        """The program around this screen."""
        assert isinstance(self.app, Program)
        return self.app

    @property
    def is_state_known(self) -> bool:
        """Return whether the log was read to its end, so that ``state`` is complete."""
        return self.sidebar.is_state_known

    @property
    def is_covered(self) -> bool:
        """Return whether another screen lies over this one."""
        return self.app.screen is not self

    @property
    def is_typing(self) -> bool:
        """Return whether keys go to an input box."""
        return isinstance(self.focused, InputBox | FilterBox)

    @property
    def is_log_focused(self) -> bool:
        """Return whether keys go to the log."""
        return self.focused is self.log_view and not self.is_covered

    @property
    def log_end(self) -> Position | None:
        """The end of the journal, as far as it was read; None if there is no line."""
        return self.log_view.window.log_end

    def selected_entry(self) -> Entry | None:
        """Return the entry that an action is about."""
        return self.commands.selected_entry()

    def selected_log_line(self) -> tuple[Source, Line] | None:
        """Return the line of another log that an action is about, and its file; None: it is of the journal."""
        return self.timeline.log_line_of(self.commands.selected_row)

    def focus_log(self) -> None:
        """Let the next key go to the log."""
        self.set_focus(self.log_view)

    def copy_text(self, text: str, what: str = "line") -> None:
        """Copy ``text`` to the clipboard; ``what`` names it in the notice."""
        keep = partial(replace_attachment, self.session.journal, COPIED_TEXT) if self.writing.is_writable else None

        async def copy() -> None:
            report = await send_to_clipboard(text, self.app.copy_to_clipboard, keep)
            self.notify_once(report, title=f'{what}, "{abbreviate(text)}"', timeout=3)

        self.start_worker(copy)  # not in the key's own time: a tmux that hangs would hold up every other
