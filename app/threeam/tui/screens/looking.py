"""The looking half of the journal's screen: the log, the header, the panel, and what only looks at them."""

from __future__ import annotations

import asyncio
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
from threeam.core.format.entry import Stamp, visible
from threeam.core.state.catalog import journal_name
from threeam.core.state.fold import State
from threeam.core.store.as_of import moment_at, moment_before
from threeam.core.store.journal import Position
from threeam.core.store.reader import Line
from threeam.experiments.experiment import Experiment
from threeam.experiments.run_rows import progress
from threeam.experiments.runs import made
from threeam.human.caffeine import milligrams
from threeam.human.drafts import glasses_tonight
from threeam.human.intake import human
from threeam.human.night_summary import Evening, evening, others
from threeam.hypotheses.amendments import texts
from threeam.hypotheses.marks import mark, marks
from threeam.tracing.observations import Observed, intervals, observed
from threeam.tui.log_window import Window
from threeam.tui.screens.coffee import CupsScreen
from threeam.tui.screens.entry import EntryScreen
from threeam.tui.screens.help import HelpScreen
from threeam.tui.screens.observing import ObservingScreen
from threeam.tui.session import Session
from threeam.tui.widgets.footer import KeysBar
from threeam.tui.widgets.header import Header
from threeam.tui.widgets.log_pane import LogPane
from threeam.tui.widgets.log_view import LogView
from threeam.tui.widgets.sidebar import Board
from threeam.tui.widgets.sparkline import ActivityStrip

_WRITING = {action.method.partition("(")[0] for action in ACTIONS if action.writes}
_FOLD_COST = 4  # times what it costs to count the lines
_FIRST = 0.1  # s: the first screen comes first
_A_MOMENT = 0.3  # s
LOOK_AT_CLOCK = 30.0  # s between two looks: milligrams and ages change slowly


class LookingScreen(ObservingScreen):
    """A journal as a `Window` has it, with what it adds up to."""

    BINDINGS: ClassVar[list[Binding]] = [  # type: ignore[assignment]
        Binding("escape", "leave", "leave", show=False, tooltip=BY_ID["leave"].about, id="leave"),
    ]

    def __init__(self, session: Session, window: Window) -> None:
        super().__init__()
        self.session = session
        self.state = session.fold.empty_state
        self.desk = None
        self._own_marks: list[int] = []
        self._runs_shown: Mapping[int, Experiment] = made(self.state)
        self._observers_shown: Mapping[tuple[str, int, int], Observed] = observed(self.state)
        read_only, limit = session.writer is None, session.settings.toxic_cups
        name = visible(session.journal.log_name)
        self.header = Header(name, toxic_cups=limit, read_only=read_only, emoji=session.emoji)
        self.pane = LogPane(
            session.journal, window, session.clock, session.zone, emoji=session.emoji, read_only=read_only
        )
        self.log_view = self.pane.view
        self.log_view.own = session.by
        self.strip = ActivityStrip(emoji=session.emoji, gap_ns=session.settings.night_gap_ns)
        self.board = Board(emoji=session.emoji, read_only=read_only)

    def compose(self) -> ComposeResult:
        """From top to bottom."""
        yield self.header
        yield from self._above()
        yield self.strip
        with Horizontal(id="body"):
            yield self.pane
            yield self.board
        if self.desk is not None:
            yield self.desk.composer
        yield KeysBar()

    def _above(self) -> Iterator[Widget]:
        """What stands between the header and the log."""
        yield from ()

    def on_mount(self) -> None:
        self.set_focus(self.log_view)

    # Reading it all.

    def read_up_to(self, end: Position | None, know: Callable[[State], None]) -> None:
        """Counts the lines, and has ``know`` called with the state as of ``end``, after the first screen."""
        self.set_timer(_FIRST, partial(self._begin_to_read, end, know))

    def _begin_to_read(self, end: Position | None, know: Callable[[State], None]) -> None:
        cost = 0 if end is None else end.offset * _FOLD_COST
        self.set_timer(_A_MOMENT, self._show_state)  # what is not known by then is said to be read still
        self.pane.begin_to_read(iter(()) if end is None else self._fold_to(end, know), cost)

    def _fold_to(self, end: Position, know: Callable[[State], None]) -> Iterator[None]:
        try:
            for state in self.session.fold.state_at_in_steps(*end):
                if state is not None:
                    know(state)
                yield
        except Exception as error:  # as where lines are followed: it may pass
            known = isinstance(error, JournalError | OSError)
            self._say(
                f"{end.segment.path}: {error if known else f'{type(error).__name__}: {error}'}",
                title="what the log adds up to is not known",
                severity="error",
            )
            self.set_timer(LOOK_AT_CLOCK, partial(self._begin_to_read, end, know))

    # What is shown.

    def on_log_view_failed(self, message: LogView.Failed) -> None:
        self._say(message.sentence, title="the log cannot be read", severity="error")

    def on_log_pane_counted(self) -> None:
        opened = [one.opened_at.ns for one in self.state.hypotheses.values()]
        self.strip.show(self.pane.activity, opened, self.session.zone)

    def on_log_pane_told(self, message: LogPane.Told) -> None:
        self._say(message.sentence, severity=message.severity)

    def on_log_view_moved(self) -> None:
        self.header.following = self.log_view.following
        self.header.unread = self.log_view.unread

    def _show_state(self) -> None:
        session, now, user = self.session, self.session.clock(), self.session.by.user
        self.header.cups = self.state.cups(user, now.ns, session.settings.night_gap_ns)
        self.header.mg = milligrams(human(self.state, user).doses, now.ns, session.settings.half_life_h)
        self.header.water = glasses_tonight(self.state, user, now.ns, session.settings.night_gap_ns)
        self.header.set_class(self.header.alarming, "-toxic")
        self.header.refresh()
        super()._show_state()
        self.log_view.set_texts(texts(self.state).said)
        if (runs := made(self.state)) is not self._runs_shown:
            self._runs_shown = runs
            self.log_view.set_progress(progress(self.state))
        if (observers := observed(self.state)) is not self._observers_shown:
            self._observers_shown = observers
            self.log_view.set_observed(intervals(self.state))
        self._show_marks()

    # What the keys do; each is an action of the table.

    def action_coffee_panel(self) -> None:
        session, settings = self.session, self.session.settings
        gap_ns, half_life_h = settings.night_gap_ns, settings.half_life_h

        def look() -> tuple[Evening, list[Evening], Stamp | None]:
            now, user = session.clock(), session.by.user
            mine = evening(self.state, user, now, gap_ns, half_life_h, session.zone)
            return mine, others(self.state, user, now, gap_ns, half_life_h, session.zone), self.awake

        def closed(undo: bool | None) -> None:
            if undo:
                self.call_next(self.run_action, "undo_coffee")

        screen = CupsScreen(look, half_life_h, writes=self.writes, emoji=session.emoji)
        self.app.push_screen(screen, closed)

        async def look_again() -> None:
            await self.find_out_awake()
            if screen.is_mounted:
                screen.look_again()

        self.run_worker(look_again(), group="cups", exclusive=True)

    def action_journal(self, name: str = "") -> None:
        others = {journal_name(one): one for one in self.app.others}  # type: ignore[attr-defined]  # the app is the journals'
        if name in others:
            self.app.open_journal(others[name])  # type: ignore[attr-defined]
        else:
            there = f"there are {', '.join(others)}" if others else "3am -j NAME begins one"
            self._say(f"there is no other journal {name}: {there}" if name else f"other journals: {there}")

    def action_theme(self, name: str = "") -> None:
        if not name:
            self.app.search_themes()
        elif name in self.app.available_themes:
            self.app.theme = name
        else:
            self._say(f"there is no theme {name}; there are {', '.join(sorted(self.app.available_themes))}")

    def action_help(self) -> None:
        keys = self.session.settings.keys
        self.app.push_screen(HelpScreen(read_only=not self.writes, emoji=self.session.emoji, keys=keys))

    def action_page_log(self, where: str) -> None:
        """Scroll the log while the focus stays in the box, which may wait for the lock."""
        if where == "up":
            self.log_view.action_page_up()
        else:
            self.log_view.action_page_down()

    def action_find_next(self, step: int) -> None:
        self.pane.find_next(step)

    def action_mark(self) -> None:
        entry = self.log_view.selected.entry if self.log_view.selected is not None else None
        if entry is None:
            self._say("select a line of the log first: only those have a stamp")
        elif self.desk is not None:
            self._submit(mark(entry.effective_stamp, on=entry.effective_stamp.ns not in self.log_view.marks), "mark")
        else:  # nobody else sees it, and it goes with this screen
            if entry.stamp.ns in self._own_marks:
                self._own_marks.remove(entry.stamp.ns)
            else:
                self._own_marks.append(entry.stamp.ns)
            self._show_marks()

    def _show_marks(self) -> None:
        self.log_view.set_marks([*marks(self.state), *self._own_marks])

    def action_open_entry(self) -> None:
        row = self.log_view.selected
        if row is None:
            return
        try:
            around = self.log_view.window.lines_around(row.line)
        except OSError as error:
            self._say(f"{row.line.segment.path} cannot be read: {error.strerror}", severity="error")
            return

        def closed(what: str | None) -> None:
            if what == "kept" and row.entry is not None:
                self.show_kept(row.entry)
            elif what:
                self._copy(what, row.line)  # and not the one that is selected by now

        self.app.push_screen(EntryScreen(row.line, around, texts(self.state)), closed)

    async def action_as_of(self, argument: str = "") -> None:
        """Shows the journal as it was 1 ms before the selected line, or at the time that is named."""
        from threeam.tui.screens.as_of import AsOfScreen  # which is one of these

        journal, end, row = self.session.journal, self.log_view.window.known, self.log_view.selected
        if end is None or (not argument and (row is None or row.entry is None)):
            self._say("select a line of the log first: only those have a stamp")
            return
        try:
            if argument or row is None:
                moment = await asyncio.to_thread(
                    moment_at, journal, end, argument, self.session.clock(), self.session.zone
                )
            else:
                moment = await asyncio.to_thread(moment_before, journal, row.line)
        except (OSError, JournalError) as error:
            self._say(str(error), severity="warning")
            return
        screen = AsOfScreen(self.session, moment)
        self.open_when_free("as of then", lambda: self.app.push_screen(screen))

    def action_now(self) -> None:
        self._say("this is now")

    def action_copy(self, what: str) -> None:
        if self.log_view.selected is not None:
            self._copy(what, self.log_view.selected.line)

    def _copy(self, what: str, line: Line) -> None:
        if what == "stamp" and line.entry is None:
            self._say("there is no stamp to copy here")
            return
        self.copy_text(f"@{line.entry.stamp}" if what == "stamp" and line.entry is not None else line.shown, what)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool:
        return self.writes or action not in _WRITING

    def on_key(self, event: events.Key) -> None:
        moved = self.session.settings.keys
        writing = (action for action in ACTIONS if action.writes and action.place == "log")
        if not self.writes and any(event.key in moved.get(one.id, one.keys).split(",") for one in writing):
            self._read_only()
