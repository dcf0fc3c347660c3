"""The journal, full screen: what is asked for goes to the bridge, what has happened comes from it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal
from textual.widgets import Footer

from threeam.actions import ACTIONS, BY_ID
from threeam.core.entry import visible
from threeam.core.journal import Anchor, JournalError
from threeam.core.reader import Line
from threeam.human import drafts as human_drafts
from threeam.human.caffeine import milligrams
from threeam.human.drafts import glasses_tonight
from threeam.human.room import human
from threeam.method.marks import mark, marks
from threeam.method.texts import texts
from threeam.tui import messages
from threeam.tui.bridge import Bridge
from threeam.tui.clipboard import copy
from threeam.tui.desk import Desk, short
from threeam.tui.draft_store import DraftStore
from threeam.tui.screens.cups import CupsScreen
from threeam.tui.screens.entry import EntryScreen
from threeam.tui.screens.help import HelpScreen
from threeam.tui.screens.method import MethodScreen
from threeam.tui.session import Session
from threeam.tui.widgets.activity_strip import ActivityStrip
from threeam.tui.widgets.board import Board
from threeam.tui.widgets.composer import Composer
from threeam.tui.widgets.header import Header
from threeam.tui.widgets.log_pane import LogPane
from threeam.tui.widgets.log_view import LogView
from threeam.tui.window import Window

_WRITING = {action.method.partition("(")[0] for action in ACTIONS if action.writes}
_FOLD_COST = 4  # times what it costs to count the lines
_FIRST = 0.1  # s: the first screen comes first
_A_MOMENT = 0.3  # s
_LOOK_AT_CLOCK = 30.0  # s between two looks: milligrams and ages change slowly


class JournalScreen(MethodScreen):
    """The log, the panel, the box; the state that it shows is the last one that came from the file."""

    BINDINGS: ClassVar[list[Binding]] = [  # type: ignore[assignment]
        Binding("escape", "leave", "leave", show=False, tooltip=BY_ID["leave"].about, id="leave"),
    ]

    def __init__(self, session: Session, window: Window) -> None:
        super().__init__()
        self.session = session
        self.state = session.fold.empty
        self._cups: int | None = None
        self._own_marks: list[int] = []
        read_only, limit = session.writer is None, session.settings.toxic_cups
        name = visible(session.journal.name)
        self.header = Header(name, toxic_cups=limit, read_only=read_only, emoji=session.emoji)
        self.pane = LogPane(session.journal, window, session.clock, emoji=session.emoji, read_only=read_only)
        self.log_view = self.pane.view
        self.strip = ActivityStrip(emoji=session.emoji, gap_ns=session.settings.night_gap_ns)
        self.board = Board(emoji=session.emoji, read_only=read_only)
        floor = session.settings.disk_floor
        self.bridge = Bridge(session.journal, window.anchor, session.fold, session.writer, floor, self.post_message)
        self.desk: Desk | None = None
        if session.writer is not None:
            store = DraftStore(session.journal, self._not_kept)
            self.desk = Desk(Composer(emoji=session.emoji), store, self.bridge.submit, session.by, lambda: window.known)

    def compose(self) -> ComposeResult:
        """From top to bottom."""
        yield self.header
        yield self.strip
        with Horizontal(id="body"):
            yield self.pane
            yield self.board
        if self.desk is not None:
            yield self.desk.composer
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        self.set_focus(self.log_view)
        if self.desk is not None:
            sentence, title = self.desk.restore(self.session.journal)
            self.picked = self.desk.composer.kind.partition(" ")[2] or None  # a verdict that was begun is on this one
            if sentence:
                self._say(sentence, title=title)
        if self.session.notice:
            self._say(self.session.notice, severity="warning")
        self.set_interval(_LOOK_AT_CLOCK, self._show_state)
        self.call_after_refresh(self.bridge.start)
        self.set_timer(_FIRST, self._begin_to_read)
        self.app.post_message(messages.CommandDone())  # what was typed ahead may come

    def _begin_to_read(self) -> None:
        start = self.pane.view.window.anchor
        cost = 0 if start is None else start.offset * _FOLD_COST
        self.set_timer(_A_MOMENT, self._show_state)  # what is not known by then is said to be read still
        self.pane.begin_to_read(iter(()) if start is None else self._fold_to(start), cost)

    def _fold_to(self, start: Anchor) -> Iterator[None]:
        try:
            for state in self.session.fold.steps(start.segment, start.offset):
                if state is not None:
                    self.bridge.begin_with(state)
                yield
        except Exception as error:  # as where lines are followed: it may pass
            known = isinstance(error, JournalError | OSError)
            self._say(
                f"{start.segment.path}: {error if known else f'{type(error).__name__}: {error}'}",
                title="what the log adds up to is not known",
                severity="error",
            )
            self.set_timer(_LOOK_AT_CLOCK, self._begin_to_read)

    def on_unmount(self) -> None:
        self.bridge.stop()

    # What came from the file.

    def on_lines_arrived(self, message: messages.LinesArrived) -> None:
        if message.state is not None:
            self._tell_of_verdicts(message.lines)
            self.state = message.state
            self.header.is_known = self.board.is_known = True
        self.pane.arrive(message.lines, message.end, message.unfinished, restarted=message.restarted)
        if message.restarted:
            self._say("the log was truncated: what is above may be nowhere else than here", severity="warning")
        self._show_state()
        self._show_marks()
        self.log_view.set_texts(texts(self.state).said)
        self.bridge.ready()

    def on_lock_seen(self, message: messages.LockSeen) -> None:
        self.header.held_since(message.holder, message.since_ns)

    def on_disk_seen(self, message: messages.DiskSeen) -> None:
        self.header.free = message.free
        self.header.set_class(self.header.alarming, "-toxic")

    def on_follow_failed(self, message: messages.FollowFailed) -> None:
        self.header.stale = bool(message.sentence)
        if message.sentence:
            self._say(message.sentence, title="the log cannot be read", severity="error", timeout=10)

    def on_log_view_failed(self, message: LogView.Failed) -> None:
        self._say(message.sentence, title="the log cannot be read", severity="error")

    def on_log_pane_counted(self) -> None:
        opened = [one.opened.ns for one in self.state.hypotheses.values()]
        self.strip.show(self.pane.activity, opened, self.session.clock().offset)

    def on_log_pane_told(self, message: LogPane.Told) -> None:
        self._say(message.sentence, severity=message.severity)

    def on_log_view_moved(self) -> None:
        self.header.following = self.log_view.following
        self.header.unread = self.log_view.unread

    def _show_state(self) -> None:
        session, now, user = self.session, self.session.clock(), self.session.by.user
        cups = self.state.cups(user, now.ns, session.settings.night_gap_ns)
        self.header.cups = cups
        self.header.mg = milligrams(human(self.state, user).doses, now.ns, session.settings.half_life_h)
        self.header.water = glasses_tonight(self.state, user, now.ns, session.settings.night_gap_ns)
        self.header.set_class(self.header.alarming, "-toxic")
        self.header.refresh()
        self.board.show(self.state, self.picked, user, now, session.settings.half_life_h)
        if self.told is not None:
            self.told.look_again()
        if self._cups is not None and cups > self._cups and self.header.toxic:
            self._say(
                "Caffeine toxicity imminent. Logic may be compromised.", title=f"{cups} cups: TOXIC", severity="error"
            )
        self._cups = cups if self.board.is_known else None  # what is read of last night's is no news

    # What the keys do; each is an action of the table.

    def action_coffee(self, cups: str = "1") -> None:
        settings = self.session.settings
        if cups in map(str, range(1, human_drafts.MOST_CUPS + 1)):
            self._submit(human_drafts.coffee(int(cups), settings.cup_mg, settings.toxic_cups), "coffee")
        else:
            self._say(f"coffee takes a number from 1 to {human_drafts.MOST_CUPS}, not {cups!r}", severity="warning")

    def action_undo_coffee(self) -> None:
        self._submit(human_drafts.undo_coffee(), "taking a cup back")

    def action_water(self) -> None:
        self._submit(human_drafts.water(), "water")

    def action_sleep(self) -> None:
        self._submit(human_drafts.sleep(self.session.settings.half_life_h), "sleep")

    def action_coffee_panel(self) -> None:
        user, now = self.session.by.user, self.session.clock()
        cups = self.header.cups
        tonight = human(self.state, user).doses[-cups:] if cups else ()

        def closed(undo: bool | None) -> None:
            if undo:
                self.action_undo_coffee()

        self.app.push_screen(CupsScreen(tonight, self.header.mg, now, writes=self.writes), closed)

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

    def action_find_next(self, step: int) -> None:
        self.pane.find_next(step)

    def action_mark(self) -> None:
        entry = self.log_view.selected.entry if self.log_view.selected is not None else None
        if entry is None:
            self._say("select a line of the log first: only those have a stamp")
        elif self.desk is not None:
            self._submit(mark(entry.stamp, on=entry.stamp.ns not in self.log_view.marks), "mark")
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
            if what:
                self._copy(what, row.line)  # and not the one that is selected by now

        self.app.push_screen(EntryScreen(row.line, around, texts(self.state)), closed)

    def action_copy(self, what: str) -> None:
        if self.log_view.selected is not None:
            self._copy(what, self.log_view.selected.line)

    def _copy(self, what: str, line: Line) -> None:
        if what == "stamp" and line.entry is None:
            self._say("there is no stamp to copy here")
            return
        text = f"@{line.entry.stamp}" if what == "stamp" and line.entry is not None else line.shown
        file = os.path.join(self.session.journal.folder, "copied") if self.writes else None

        async def copied() -> None:
            told = await copy(text, self.app.copy_to_clipboard, file)
            self._say(told, title=f"{what}: {short(text)}", timeout=3)

        self.run_worker(copied())  # not in the key's own time: a tmux that hangs would hold up every other

    def action_quit(self) -> None:
        if self.desk is None or not len(self.desk.outbox) or self.leaving:
            self.leave(0)
            return
        self.leaving = True
        self._say("quits as soon as the lock is had; q again quits now, and your text is kept")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool:
        return self.writes or action not in _WRITING

    def on_key(self, event: events.Key) -> None:
        moved = self.session.settings.keys
        writing = (action for action in ACTIONS if action.writes and action.place == "log")
        if not self.writes and any(event.key in moved.get(one.id, one.keys).split(",") for one in writing):
            self._read_only()
