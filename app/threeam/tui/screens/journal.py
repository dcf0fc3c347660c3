"""The journal, full screen: what is asked for goes to the bridge, what has happened comes from it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from functools import partial

from threeam.core.state.current_night import correct_for_future_lines
from threeam.core.state.fold import State
from threeam.core.store.attachments import create_marker
from threeam.core.store.journal import Position
from threeam.core.store.reader import Line
from threeam.core.write.locked_log import Block
from threeam.human import drafts as human_drafts
from threeam.human import reminders
from threeam.human.awake import last_sleep, update_awake_since
from threeam.human.caffeine import DAY_NS
from threeam.tui import messages
from threeam.tui.bridge import Bridge
from threeam.tui.dispatch import Handler
from threeam.tui.draft_store import DraftStore
from threeam.tui.editor import Editor
from threeam.tui.keys import key_for_action
from threeam.tui.log_window import LogWindow
from threeam.tui.outbox import WriteRequest
from threeam.tui.prompts import HYPOTHESIS_VERBS
from threeam.tui.screens.looking import CLOCK_REFRESH_S, LookingScreen
from threeam.tui.session import Session
from threeam.tui.widgets.composer import Composer

_HOURS_AGAIN = 3600.0  # s: so often it is said that the night is long
_COFFEE = re.compile(r"(\d{1,3})?(?: *--mg[ =](\d{1,5}))?", re.ASCII)


class JournalScreen(LookingScreen):
    """The log, the panel, the box; the state that it shows is the last one that came from the file."""

    def __init__(self, session: Session, window: LogWindow) -> None:
        super().__init__(session, window)
        self._cups: int | None = None
        self._typed_meanwhile = []
        floor = session.settings.disk_floor
        self.bridge = Bridge(session.journal, window.anchor, session.fold, session.writer, floor, self.post_message)
        self.bridge.adjust_state = self._at_present
        if session.writer is not None:
            store = DraftStore(session.journal, self._not_kept)
            self.editor = Editor(
                Composer(emoji=session.emoji), store, self.bridge.submit, session.author, lambda: window.log_end
            )

    def _handlers(self) -> dict[str, Handler]:
        own = {"coffee": self.action_coffee, "undo-coffee": self.action_undo_coffee, "water": self.action_water}
        return super()._handlers() | own

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
                self._say(sentence, title=title)
        if self.session.notice:
            self._say(self.session.notice, severity="warning")
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
                self._begin()
            else:
                self._follow_the_night(message.lines)
        self.pane.add_lines(message.lines, message.end, message.unfinished, truncated=message.truncated)
        if message.truncated:
            self._say("the log was truncated: what is above may be nowhere else than here", severity="warning")
        self._show_state()
        self.bridge.acknowledge()

    def _begin(self) -> None:
        """What is said once, when it is known what the log says: good morning, or that the night is long."""
        me = self.state.people.get(self.session.author.user)
        if me is not None and me.asleep:
            self.awake_is_known = True
        else:
            self._start_worker(self._remind_of_the_hours, "awake")
        if self.is_writable and (end := self.pane.view.window.log_end) is not None:
            self._start_worker(partial(self._good_morning, end), "morning")
        self.set_interval(_HOURS_AGAIN, self._say_the_hours)

    async def _good_morning(self, end: Position) -> None:
        """Shows the hand-off at the first start after a sleep, also where a line was written from a shell before it.

        To somebody who is up, only after their own; and a day later it is no news.
        """
        session = self.session
        journal, now, user = session.journal, session.clock(), session.author.user
        is_up = self.state.current_night(user, now.ns, session.settings.night_gap_ns) is not None
        slept = await self._asked(partial(last_sleep, journal, end, user if is_up else None))
        if slept is None or now.ns - slept.ns > DAY_NS:
            return
        if not await asyncio.to_thread(create_marker, journal, f"morning-{slept.ns}"):
            return
        if self.focused is self.log_view and self.app.screen is self:
            self.action_handoff()
        else:  # it would lie over what is being typed already
            self._say(f"{key_for_action(self, 'handoff')} shows the hand-off", title="good morning")

    async def _remind_of_the_hours(self) -> None:
        await self.load_awake_from()
        self._say_the_hours()

    def _say_the_hours(self) -> None:
        wanted = self.session.settings.reminders
        if sentence := reminders.awake_reminder(self.awake_from, self.session.clock(), wanted):
            self._say(sentence, title="bed", timeout=15)

    def _follow_the_night(self, lines: Sequence[Line]) -> None:
        """Keeps up since when this person is awake, from the lines that they have typed."""
        mine = f"[BY: {self.session.author.user}@".encode()
        for line in lines:
            # In a burst most lines are a stream's, or say nothing new of the night: those are not parsed for it.
            if mine not in line.raw or b"] [VIA: " in line.raw or (self.awake_from and b"[NIGHT: " not in line.raw):
                continue
            if (entry := line.state_entry) is not None and self.awake_is_known:
                self.awake_from = update_awake_since(self.awake_from, entry, self.session.author.user)
            elif entry is not None:
                self._typed_meanwhile.append(entry)

    def _remind_of_coffee(self, block: Block) -> None:
        settings, user = self.session.settings, self.session.author.user
        state = self.session.fold(block.prior_state, block.entries)
        now, gap_ns = block.entries[-1].stamp, settings.night_gap_ns
        sentences = reminders.coffee_reminders(state, user, now, gap_ns, settings.half_life_h, settings.reminders)
        if sentence := "; ".join(sentences):
            self._say(sentence, title="coffee", timeout=3)  # gently: the next cup has one of its own

    def on_lock_holder_changed(self, message: messages.LockHolderChanged) -> None:
        self.header.set_lock_holder(message.holder, message.since_ns)

    def on_disk_space_changed(self, message: messages.DiskSpaceChanged) -> None:
        self.header.free_bytes = message.free_bytes
        self.header.set_class(self.header.is_alarming, "-toxic")

    def on_follow_failed(self, message: messages.FollowFailed) -> None:
        self.header.stale = bool(message.sentence)
        if message.sentence:
            self._say(message.sentence, title="the log cannot be read", severity="error", timeout=10)

    def _show_state(self) -> None:
        super()._show_state()
        cups = self.header.cups
        if self._cups is not None and cups > self._cups and self.header.is_toxic:
            self._say(
                "Caffeine toxicity imminent. Logic may be compromised.", title=f"{cups} cups: TOXIC", severity="error"
            )
        self._cups = cups if self.sidebar.is_state_known else None  # what is read of last night's is no news

    # What the keys do; each is an action of the table.

    def action_coffee(self, argument: str = "") -> None:
        settings = self.session.settings
        said = _COFFEE.fullmatch(argument)
        cups, mg = (int(said[1] or 1), int(said[2] or settings.cup_mg)) if said else (0, 0)
        if 1 <= cups <= human_drafts.MAX_CUPS_AT_ONCE and 1 <= mg <= human_drafts.MAX_CUP_MG:
            draft = human_drafts.coffee_draft(cups, mg, settings.toxic_cups)
            self.submit(WriteRequest(draft, "coffee", on_written=self._remind_of_coffee))
        else:
            most = f"1 to {human_drafts.MAX_CUPS_AT_ONCE} cups, and --mg 1 to {human_drafts.MAX_CUP_MG}"
            self._say(f"coffee takes {most}, not {argument!r}", severity="warning")

    def action_undo_coffee(self) -> None:
        self.submit(WriteRequest(human_drafts.undo_coffee_draft(), "taking a cup back"))

    def action_water(self) -> None:
        self.submit(WriteRequest(human_drafts.water_draft(), "water"))

    def action_quit(self) -> None:
        if not self.is_busy or self.is_leaving:
            self.leave(0)
            return
        self.is_leaving = True
        again = f"{key_for_action(self, 'quit')} again"
        if self.effects_under_way:
            sentence = f"this quits when it has ended and is written; {again} leaves it, and it may get no line"
            self._say(sentence, title=self.effects_under_way, severity="warning", timeout=10)
        else:
            self._say(f"quits as soon as all is written; {again} quits now, and your text is kept")
