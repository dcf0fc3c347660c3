"""The person in front of the screen: coffee, water, how long they have been awake, and the end of the night."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial

from threeam.core.config.options import OptionParser, split_line
from threeam.core.format.entry import Entry, Stamp
from threeam.core.format.report import ReportSection
from threeam.core.store.attachments import create_marker
from threeam.core.store.journal import Position
from threeam.core.store.reader import Line
from threeam.core.write.locked_log import Block
from threeam.human import drafts as human_drafts
from threeam.human import reminders
from threeam.human.awake import awake_since, last_sleep, update_awake_since
from threeam.human.caffeine import DAY_NS
from threeam.human.night_summary import NightSummary, summarize_night, summarize_others
from threeam.human.options import parse_coffee_options, requested_coffee_draft
from threeam.tui.controllers.mirrors import Mirrors
from threeam.tui.controllers.quitting import QuitController
from threeam.tui.controllers.reports import ReportController
from threeam.tui.dispatch import Handler
from threeam.tui.outbox import WriteRequest
from threeam.tui.screens.coffee import CoffeeScreen
from threeam.tui.services import ScreenServices

AWAKE_REMINDER_S = 3600.0  # between two reminders that the night is long


class NightController:
    """The actions about the person, and since when that person is awake.

    ``awake_from`` is a lower bound, None if the log has none. ``is_awake_known``: the log was read for it.
    """

    def __init__(
        self, screen: ScreenServices, reports: ReportController, quitting: QuitController, mirrors: Mirrors
    ) -> None:
        self._screen = screen
        self._mirrors = mirrors
        self._reports = reports
        self._quitting = quitting
        self.awake_from: Stamp | None = None
        self.is_awake_known = False
        self._typed_meanwhile: list[Entry] = []  # while the log was read for it

    def handlers(self) -> Mapping[str, Handler]:
        """Return the handlers of the actions, by id."""
        return {
            "coffee": self.drink_coffee,
            "undo-coffee": self._submit_undo,
            "water": self.drink_water,
            "coffee-panel": self.open_coffee_panel,
            "sleep": self.open_sleep_report,
        }

    # Coffee and water.

    def drink_coffee(self, argument: str = "") -> None:
        """Write one coffee, or what ``argument`` says: ``2 --mg 80``, ``--undo``."""
        options = parse_coffee_options(OptionParser("coffee"), split_line(argument))
        if options.undo:
            self._submit_undo()
        else:
            draft = requested_coffee_draft(options, self._mirrors.write_settings(self._screen.state))
            self._screen.writing.submit(WriteRequest(draft, "coffee", on_written=self._remind_of_coffee))

    def drink_water(self) -> None:
        """Write one glass of water."""
        self._screen.writing.submit(WriteRequest(human_drafts.water_draft(), "water"))

    def _submit_undo(self) -> None:
        self._screen.writing.submit(WriteRequest(human_drafts.undo_coffee_draft(), "taking a cup back"))

    def _remind_of_coffee(self, block: Block) -> None:
        session = self._screen.session
        settings, user = session.settings, session.author.user
        state = session.fold(block.prior_state, block.entries)
        now, gap_ns = block.entries[-1].stamp, settings.night_gap_ns
        before, due = (
            reminders.coffee_reminders(of, user, now, gap_ns, settings.half_life_h, settings.reminders)
            for of in map(self._mirrors.with_cups, (block.prior_state, state))
        )
        # Once for each threshold: a reminder with every cup is not read any more.
        if sentence := "; ".join(text for threshold, text in due.items() if threshold not in before):
            self._screen.notify_once(sentence, title="coffee", timeout=5)

    def open_coffee_panel(self) -> None:
        """Show the cups of this night, of this person and of the others."""
        screen, session = self._screen, self._screen.session

        def summarize() -> tuple[NightSummary, list[NightSummary], Stamp | None]:
            now, user, settings = session.clock(), session.author.user, session.settings
            rules = settings.night_gap_ns, settings.half_life_h, session.zone
            state = self._mirrors.with_cups(screen.state)
            others = summarize_others(state, user, now, *rules)
            return summarize_night(state, user, now, *rules), others, self.awake_from

        def on_closed(undo: bool | None) -> None:
            if undo:
                self._submit_undo()

        settings = session.settings
        panel = CoffeeScreen(summarize, settings.half_life_h, writes=screen.writing.is_writable, emoji=session.emoji)
        screen.app.push_screen(panel, on_closed)

        async def update_panel() -> None:
            await self.load_awake_from()
            if panel.is_mounted:
                panel.update_content()

        screen.start_worker(update_panel, "cups", exclusive=True)

    # How long this person has been awake.

    def begin(self) -> None:
        """Show what is shown once, when the state is known: a good morning, or that the night is long."""
        person = self._screen.state.people.get(self._screen.session.author.user)
        if person is not None and person.asleep:
            self.is_awake_known = True
        else:
            self._screen.start_worker(self._load_and_remind, "awake")
        if self._screen.writing.is_writable and (end := self._screen.log_end) is not None:
            self._screen.start_worker(partial(self._say_good_morning, end), "morning")

    async def _say_good_morning(self, end: Position) -> None:
        """Show the hand-off once after a `Sleep` line that is younger than a day.

        If this person is awake already, only their own sleep counts.
        """
        screen, session = self._screen, self._screen.session
        journal, now, user = session.journal, session.clock(), session.author.user
        is_awake = screen.state.current_night(user, now.ns, session.settings.night_gap_ns) is not None
        slept = await screen.run_in_thread(partial(last_sleep, journal, end, user if is_awake else None))
        if slept is None or now.ns - slept.ns > DAY_NS:
            return
        if not await asyncio.to_thread(create_marker, journal, f"morning-{slept.ns}"):
            return
        if screen.is_log_focused:
            await screen.actions.run("handoff")
        else:  # a report would lie over what is being typed already
            screen.notify_once(f"{screen.key_of('handoff')} shows the hand-off", title="good morning")

    async def _load_and_remind(self) -> None:
        await self.load_awake_from()
        self.remind_of_awake_hours()

    def remind_of_awake_hours(self) -> None:
        """Show how long this person has been awake, if that is too long."""
        session = self._screen.session
        if sentence := reminders.awake_reminder(self.awake_from, session.clock(), session.settings.reminders):
            self._screen.notify_once(sentence, title="bed", timeout=15)

    def follow(self, lines: Sequence[Line]) -> None:
        """Update since when this person is awake by ``lines``, which were appended."""
        user = self._screen.session.author.user
        own_tag = f"[BY: {user}@".encode()
        for line in lines:
            # In a burst most lines are a stream's, or say nothing new of the night: those are not parsed for it.
            if own_tag not in line.raw or b"] [VIA: " in line.raw or (self.awake_from and b"[NIGHT: " not in line.raw):
                continue
            if (entry := line.state_entry) is not None and self.is_awake_known:
                self.awake_from = update_awake_since(self.awake_from, entry, user)
            elif entry is not None:
                self._typed_meanwhile.append(entry)

    async def load_awake_from(self) -> None:
        """Read since when this person is awake, unless it is known."""
        screen, session = self._screen, self._screen.session
        user, end = session.author.user, screen.log_end
        if self.is_awake_known or end is None or not screen.is_state_known:
            return
        since: Stamp | None = None
        typed_meanwhile: list[Entry] = []
        self._typed_meanwhile = typed_meanwhile
        if screen.state.current_night(user, session.clock().ns, session.settings.night_gap_ns) is not None:
            since = await screen.run_in_thread(partial(awake_since, session.journal, end, user))
        for entry in typed_meanwhile:
            since = update_awake_since(since, entry, user)
        self.awake_from, self.is_awake_known = since, True

    # The end of the night.

    def open_sleep_report(self) -> None:
        """Show what is still open, before this person goes to bed."""
        self._reports.start(self._open_sleep_report, "sleep")

    async def _open_sleep_report(self) -> None:
        from threeam.reports import end_of_night
        from threeam.tui.screens.restore import SleepScreen

        screen, session = self._screen, self._screen.session
        await self.load_awake_from()

        def tell() -> Sequence[ReportSection]:
            gap_ns, half_life_h = session.settings.night_gap_ns, session.settings.half_life_h
            night = summarize_night(
                screen.state, session.author.user, session.clock(), gap_ns, half_life_h, session.zone
            )
            return end_of_night.sleep_report(screen.state, night, self.awake_from)

        self._reports.show_screen(SleepScreen("the sysadmin", tell, screen.copy_text, emoji=session.emoji))

    def lights_out(self) -> None:
        """Write the end of the night, and quit when it is written."""
        from threeam.reports import end_of_night

        draft = end_of_night.sleep_draft(self._screen.session.settings.half_life_h)
        request = WriteRequest(draft, "sleep", on_refused=self._quitting.stay)
        if self._screen.writing.submit(request):
            self._quitting.leave_when_written(f"a glass of water, and lights out: {end_of_night.SLEEP_ADVICE}")
