"""Log, header and sidebar of a journal's screen, and the table of the handlers of all actions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal
from textual.widget import Widget

from threeam.actions import ACTIONS, BY_ID
from threeam.core.errors import JournalError
from threeam.core.format.entry import escape_unprintable
from threeam.core.state.catalog import journal_name
from threeam.core.state.fold import State
from threeam.core.store.journal import Position
from threeam.experiments.experiment import Experiment
from threeam.experiments.run_rows import plan_progress
from threeam.experiments.runs import experiments_by_number
from threeam.human.caffeine import remaining_mg
from threeam.human.drafts import glasses_tonight
from threeam.human.intake import intake_of
from threeam.hypotheses.amendments import amendments
from threeam.hypotheses.drafts import EVIDENCE_VERBS
from threeam.tracing.observations import Observation, observations, observed_intervals
from threeam.tui.controllers.experiments import ExperimentController
from threeam.tui.controllers.host import HostController
from threeam.tui.controllers.navigation import NavigationController
from threeam.tui.controllers.night import NightController
from threeam.tui.controllers.restore import RestoreController
from threeam.tui.dispatch import ActionTable, Handler
from threeam.tui.key_labels import key_for_action
from threeam.tui.log_window import LogWindow
from threeam.tui.prompts import CHANGED, HYPOTHESIS, HYPOTHESIS_VERBS, NOTE
from threeam.tui.report_answers import (
    AskAbout,
    CapturePane,
    GoTo,
    LightsOut,
    OpenRun,
    ReportAnswer,
    RestoreData,
    RunAction,
)
from threeam.tui.screens.help import HelpScreen
from threeam.tui.screens.method import MethodScreen
from threeam.tui.session import Session
from threeam.tui.widgets.footer import KeyFooter
from threeam.tui.widgets.header import Header
from threeam.tui.widgets.log_pane import LogPane
from threeam.tui.widgets.log_view import LogView
from threeam.tui.widgets.sidebar import Sidebar
from threeam.tui.widgets.sparkline import ActivitySparkline

_FOLD_COST = 4  # times what it costs to count the lines
_FIRST = 0.1  # s: the first screen comes first
_A_MOMENT = 0.3  # s
CLOCK_REFRESH_S = 30.0  # s between two looks: milligrams and ages change slowly


class LookingScreen(MethodScreen):
    """A journal as its `LogWindow` has it, with its state, and the handlers of all actions."""

    BINDINGS: ClassVar[list[Binding]] = [  # type: ignore[assignment]
        Binding("escape", "do('leave')", "leave", show=False, tooltip=BY_ID["leave"].description, id="leave"),
    ]

    def __init__(self, session: Session, window: LogWindow) -> None:
        super().__init__()
        self.session = session
        self.state = session.fold.empty_state
        self.editor = None
        self._runs_shown: Mapping[int, Experiment] = experiments_by_number(self.state)
        self._observers_shown: Mapping[tuple[str, int, int], Observation] = observations(self.state)
        read_only, limit = session.writer is None, session.settings.toxic_cups
        name = escape_unprintable(session.journal.log_name)
        self.header = Header(name, toxic_cups=limit, read_only=read_only, emoji=session.emoji)
        self.pane = LogPane(
            session.journal, window, session.clock, session.zone, emoji=session.emoji, read_only=read_only
        )
        self.log_view = self.pane.view
        self.log_view.own_author = session.author
        self.sparkline = ActivitySparkline(emoji=session.emoji, gap_ns=session.settings.night_gap_ns)
        self.sidebar = Sidebar(emoji=session.emoji, read_only=read_only)
        self.night = NightController(self)
        self.experiments = ExperimentController(self)
        self.host = HostController(self)
        self.navigation = NavigationController(self, self.pane, self.experiments.show_attachment)
        self.restore = RestoreController(self)
        self.actions = ActionTable(self._handlers(), is_writable=lambda: self.is_writable)

    def _handlers(self) -> dict[str, Handler]:
        """Return the handlers of the actions, by id."""
        return {
            "note": partial(self.open_box, NOTE),
            "hypothesis": partial(self.open_box, HYPOTHESIS),
            "stamp": self.action_stamp,
            "words": self.action_words,
            "correct": self.action_correct,
            "changed": partial(self.open_box, CHANGED),
            "undone": self.action_undone,
            "take": self.action_take,
            **self.night.handlers(),
            "kind-hypothesis": partial(self.convert_box, HYPOTHESIS),
            "kind-note": partial(self.convert_box, NOTE),
            "box-coffee": self.action_box_coffee,
            "board": self.action_board,
            **{f"pick-{number}": partial(self.action_pick, f"H{number}") for number in range(1, 10)},
            **{verb: partial(self.action_ask_about, verb) for verb in HYPOTHESIS_VERBS},
            **{verb: partial(self.action_evidence, verb) for verb in EVIDENCE_VERBS},
            "thread": self.action_thread,
            **self.experiments.handlers(),
            **self.host.handlers(),
            **self.restore.handlers(),
            **{what: partial(self.action_ask, what) for what in ("search", "filter", "unfilter", "goto")},
            "now": self.action_now,
            **self.navigation.handlers(),
            "handoff": self.action_handoff,
            "command": self.action_command_line,
            "journal": self.action_journal,
            "theme": self.action_theme,
            "help": self.action_help,
            "leave": self.action_leave,
            "quit": self.action_quit,
        }

    def compose(self) -> ComposeResult:
        """From top to bottom."""
        yield self.header
        yield from self._above()
        yield self.sparkline
        with Horizontal(id="body"):
            yield self.pane
            yield self.sidebar
        if self.editor is not None:
            yield self.editor.composer
        yield KeyFooter()

    def _above(self) -> Iterator[Widget]:
        """Yield what is shown between the header and the log."""
        yield from ()

    def on_mount(self) -> None:
        self.set_focus(self.log_view)

    @property
    def is_state_known(self) -> bool:
        """Whether the log was read to its end, so that ``state`` is what it adds up to."""
        return self.sidebar.is_state_known

    @property
    def is_log_focused(self) -> bool:
        """Whether keys go to the log, so that a screen may open over it."""
        return self.focused is self.log_view and self.app.screen is self

    @property
    def log_end(self) -> Position | None:
        """The end of the journal, as far as it was read; None if there is no line."""
        return self.log_view.window.log_end

    def key_of(self, action_id: str) -> str:
        """Return the key of an action, for a sentence that names it."""
        return key_for_action(self, action_id)

    # Reading it all.

    def scan_up_to(self, end: Position | None, know: Callable[[State], None]) -> None:
        """Count the lines, and call ``know`` with the state as of ``end``, after the first frame."""
        self.set_timer(_FIRST, partial(self._begin_to_read, end, know))

    def _begin_to_read(self, end: Position | None, know: Callable[[State], None]) -> None:
        cost = 0 if end is None else end.offset * _FOLD_COST
        self.set_timer(_A_MOMENT, self._show_state)  # what is not known by then is said to be read still
        self.pane.start_scan(iter(()) if end is None else self._fold_to(end, know), cost)

    def _fold_to(self, end: Position, know: Callable[[State], None]) -> Iterator[None]:
        try:
            for state in self.session.fold.state_at_in_steps(*end):
                if state is not None:
                    know(state)
                yield
        except Exception as error:  # as where lines are followed: it may pass
            known = isinstance(error, JournalError | OSError)
            self.notify_once(
                f"{end.segment.path}: {error if known else f'{type(error).__name__}: {error}'}",
                title="what the log adds up to is not known",
                severity="error",
            )
            self.set_timer(CLOCK_REFRESH_S, partial(self._begin_to_read, end, know))

    # What is shown.

    def on_log_view_read_failed(self, message: LogView.ReadFailed) -> None:
        self.notify_once(message.sentence, title="the log cannot be read", severity="error")

    def on_log_pane_counts_changed(self) -> None:
        opened = [one.opened_at.ns for one in self.state.hypotheses.values()]
        self.sparkline.show(self.pane.activity, opened, self.session.zone)

    def on_log_pane_notice_posted(self, message: LogPane.NoticePosted) -> None:
        self.notify_once(message.sentence, severity=message.severity)

    def on_log_view_tail_changed(self) -> None:
        self.header.following = self.log_view.following
        self.header.unread = self.log_view.unread

    def _show_state(self) -> None:
        session, now, user = self.session, self.session.clock(), self.session.author.user
        self.header.cups = self.state.cups(user, now.ns, session.settings.night_gap_ns)
        self.header.mg = remaining_mg(intake_of(self.state, user).doses, now.ns, session.settings.half_life_h)
        self.header.water = glasses_tonight(self.state, user, now.ns, session.settings.night_gap_ns)
        self.header.set_class(self.header.is_alarming, "-toxic")
        super()._show_state()
        self.log_view.set_amendments(amendments(self.state).by_target)
        if (runs := experiments_by_number(self.state)) is not self._runs_shown:
            self._runs_shown = runs
            self.log_view.set_progress(plan_progress(self.state))
        if (observers := observations(self.state)) is not self._observers_shown:
            self._observers_shown = observers
            self.log_view.set_observed_intervals(observed_intervals(self.state))
        self.navigation.show_marks()

    def on_report_closed(self, answer: ReportAnswer | None) -> None:
        super().on_report_closed(answer)
        match answer:
            case GoTo(stamp):
                self.sidebar.remove_class("-full", "-open")
                self.set_focus(self.log_view)
                self.pane.go_to(stamp)
            case AskAbout(verb):
                self.action_ask_about(verb)
            case RunAction(action_id):
                self.call_next(self.actions.run, action_id)
            case RestoreData():
                self.restore.begin_data_restore()
            case OpenRun(name):
                self.experiments.open_run(name)
            case CapturePane(pane_id):
                self.experiments.capture(pane_id)
            case LightsOut():
                self.night.lights_out()

    # What the keys do; each is an action of the table.

    def action_journal(self, name: str = "") -> None:
        others = {journal_name(journal): journal for journal in self.program.other_journals}
        if name in others:
            self.program.open_journal(others[name])
        else:
            there = f"there are {', '.join(others)}" if others else "3am -j NAME begins one"
            self.notify_once(f"there is no other journal {name}: {there}" if name else f"other journals: {there}")

    def action_theme(self, name: str = "") -> None:
        if not name:
            self.app.search_themes()
        elif name in self.app.available_themes:
            self.app.theme = name
        else:
            self.notify_once(f"there is no theme {name}; there are {', '.join(sorted(self.app.available_themes))}")

    def action_help(self) -> None:
        keys = self.session.settings.keys
        self.app.push_screen(HelpScreen(read_only=not self.is_writable, emoji=self.session.emoji, keys=keys))

    def action_page_log(self, where: str) -> None:
        """Scroll the log while the focus stays in the box, which may wait for the lock."""
        if where == "up":
            self.log_view.action_page_up()
        else:
            self.log_view.action_page_down()

    def action_now(self) -> None:
        self.notify_once("this is now")

    def action_quit(self) -> None:
        """Close this screen, and show the one below."""
        self.app.pop_screen()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool:
        return action != "do" or self.actions.is_enabled(str(parameters[0]))

    def on_key(self, event: events.Key) -> None:
        moved = self.session.settings.keys
        writing = (action for action in ACTIONS if action.writes and action.scope == "log")
        if not self.is_writable and any(event.key in moved.get(one.id, one.keys).split(",") for one in writing):
            self.refuse_write()
