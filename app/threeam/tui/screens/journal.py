"""The screen of the live journal: requests go to the bridge, and its messages come back."""

from __future__ import annotations

from threeam.core.state.current_night import correct_for_future_lines
from threeam.core.state.fold import State
from threeam.core.store.journal import Position
from threeam.tui import messages
from threeam.tui.bridge import Bridge
from threeam.tui.controllers.night import AWAKE_REMINDER_S
from threeam.tui.draft_store import DraftStore
from threeam.tui.editor import Editor
from threeam.tui.key_labels import key_for_action
from threeam.tui.log_window import LogWindow
from threeam.tui.prompts import HYPOTHESIS_VERBS
from threeam.tui.screens.looking import CLOCK_REFRESH_S, LookingScreen
from threeam.tui.session import Session
from threeam.tui.widgets.composer import Composer


class JournalScreen(LookingScreen):
    """The log, the sidebar and the box; the state is the last one that was read from the file."""

    def __init__(self, session: Session, window: LogWindow) -> None:
        super().__init__(session, window)
        self._cups: int | None = None
        floor = session.settings.disk_floor
        self.bridge = Bridge(session.journal, window.anchor, session.fold, session.writer, floor, self.post_message)
        self.bridge.adjust_state = self._at_present
        if session.writer is not None:
            store = DraftStore(session.journal, self._not_kept)
            self.editor = Editor(
                Composer(emoji=session.emoji), store, self.bridge.submit, session.author, lambda: window.log_end
            )

    def _at_present(self, state: State, end: Position) -> State:
        session = self.session
        return correct_for_future_lines(
            state, end, session.author.user, session.clock().ns, session.settings.night_gap_ns
        )

    def on_mount(self) -> None:
        if self.editor is not None:
            sentence, title = self.editor.restore(self.session.journal)
            kind = self.editor.composer.kind
            # A verdict that was begun is on this one.
            self.picked_name = kind.hypothesis if kind.verb in HYPOTHESIS_VERBS else None
            if sentence:
                self.notify_once(sentence, title=title)
        if self.session.notice:
            self.notify_once(self.session.notice, severity="warning")
        self.set_interval(CLOCK_REFRESH_S, self._show_state)
        self.call_after_refresh(self.bridge.start)
        start = self.pane.view.window.anchor
        self.scan_up_to(None if start is None else Position(start.segment, start.offset), self.bridge.set_initial_state)
        self.app.post_message(messages.CommandDone())  # what was typed ahead may come

    def on_unmount(self) -> None:
        self.bridge.stop()
        if self.editor is not None:
            self.editor.stop()

    # What came from the file.

    def on_lines_arrived(self, message: messages.LinesArrived) -> None:
        if message.state is not None:
            self._tell_of_verdicts(message.lines)
            begins = not self.sidebar.is_state_known
            self.state = message.state
            self.header.is_state_known = self.sidebar.is_state_known = True
            if begins:
                self.night.begin()
                self.set_interval(AWAKE_REMINDER_S, self.night.remind_of_awake_hours)
            else:
                self.night.follow(message.lines)
        self.pane.add_lines(message.lines, message.end, message.unfinished, truncated=message.truncated)
        if message.truncated:
            self.notify_once("the log was truncated: the lines above may exist only on this screen", severity="warning")
        self._show_state()
        self.bridge.acknowledge()

    def on_lock_holder_changed(self, message: messages.LockHolderChanged) -> None:
        self.header.set_lock_holder(message.holder, message.since_ns)

    def on_disk_space_changed(self, message: messages.DiskSpaceChanged) -> None:
        self.header.free_bytes = message.free_bytes
        self.header.set_class(self.header.is_alarming, "-toxic")

    def on_follow_failed(self, message: messages.FollowFailed) -> None:
        self.header.stale = bool(message.sentence)
        if message.sentence:
            self.notify_once(message.sentence, title="the log cannot be read", severity="error", timeout=10)

    def _show_state(self) -> None:
        super()._show_state()
        cups = self.header.cups
        if self._cups is not None and cups > self._cups and self.header.is_toxic:
            self.notify_once(
                "Caffeine toxicity imminent. Logic may be compromised.", title=f"{cups} cups: TOXIC", severity="error"
            )
        self._cups = cups if self.sidebar.is_state_known else None  # cups read from the log are not announced

    def action_quit(self) -> None:
        if not self.is_busy or self.is_leaving:
            self.leave(0)
            return
        self.is_leaving = True
        again = f"{key_for_action(self, 'quit')} again"
        if self.effects_under_way:
            sentence = f"this quits when it has ended and is written; {again} leaves it, and it may get no line"
            self.notify_once(sentence, title=self.effects_under_way, severity="warning", timeout=10)
        else:
            self.notify_once(f"quits as soon as all is written; {again} quits now, and your text is kept")
