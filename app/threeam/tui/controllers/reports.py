"""The reports that lie over the journal, the hand-off among them, and the results that wait to be shown there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

from threeam.core.errors import JournalError
from threeam.core.format.report import ReportSection
from threeam.tui.controllers.mirrors import Mirrors
from threeam.tui.controllers.quitting import QuitController
from threeam.tui.dispatch import Handler
from threeam.tui.report_answers import ReportAnswer
from threeam.tui.screens.report_screen import ReportScreen
from threeam.tui.services import ScreenServices
from threeam.tui.widgets.header import Header

Sections = Callable[[], Sequence[ReportSection]]


class ReportController:
    """At most one report over the journal; ``on_answer`` is called with what it was closed with.

    A report takes every key. So one that comes later than its key does not open while the user is typing, or over
    another screen: it is kept, and `show_next_ready` opens it. ``header`` shows how many are kept.
    """

    def __init__(
        self,
        screen: ScreenServices,
        quitting: QuitController,
        header: Header,
        mirrors: Mirrors,
        on_answer: Callable[[ReportAnswer], object],
    ) -> None:
        self._screen = screen
        self._quitting = quitting
        self.on_answer = on_answer
        self._header = header
        self._mirrors = mirrors
        self.open_report: ReportScreen | None = None
        self._ready: list[Callable[[], object]] = []  # each opens a result

    def handlers(self) -> Mapping[str, Handler]:
        """Return the handlers of the actions, by id."""
        return {"handoff": self.open_handoff}

    def start(self, work: Callable[[], Awaitable[object]], group: str) -> None:
        """Run ``work``, which shows something at its end, in place of what runs in ``group``.

        Keys wait for a moment: those that were typed behind the one that asked are for what it opens.
        """
        program = self._screen.program
        program.hold_keys()

        async def run() -> None:
            try:
                await work()
            finally:
                program.release_keys()

        self._screen.start_worker(run, group, exclusive=True)

    def show(self, title: str, sections: Sections) -> None:
        """Show the report that ``sections`` returns, and again each time that the state has changed."""
        screen = self._screen
        self.show_screen(ReportScreen(title, sections, screen.copy_text, emoji=screen.session.emoji))

    def show_screen(self, report: ReportScreen) -> None:
        """Lay ``report`` over the journal as soon as the user is not typing."""
        self.show_when_free(report.dialog_title, lambda: self.push(report))

    def push(self, report: ReportScreen, on_answer: Callable[[ReportAnswer], object] | None = None) -> None:
        """Lay ``report`` over the journal now, unless a report lies there.

        ``on_answer`` is called in place of the common one.
        """
        if self.open_report is None:  # the key was pressed again while the log was read for it
            self.open_report = report
            self._screen.app.push_screen(report, partial(self._close, on_answer or self.on_answer))

    def show_when_free(self, name: str, show: Callable[[], object]) -> None:
        """Call ``show``, which lays a screen over the journal, now or when the user asks for it."""
        if self._quitting.is_leaving:
            return
        if not (self._screen.is_covered or self._screen.is_typing):
            show()
            self._screen.program.release_keys()
            return
        self._ready.append(show)
        self._header.ready_reports = len(self._ready)
        self._screen.notify_once(f"it is ready: {self._screen.key_of('leave')} in the log shows it", title=name)

    def show_next_ready(self) -> bool:
        """Open the first of the results that wait; return whether there was one."""
        if not self._ready:
            return False
        self._ready.pop(0)()
        self._header.ready_reports = len(self._ready)
        return True

    def update(self) -> None:
        """Show the open report as it is by now."""
        if self.open_report is not None:
            self.open_report.update_report()

    def _close(self, on_answer: Callable[[ReportAnswer], object], answer: ReportAnswer | None) -> None:
        self.open_report = None
        if answer is not None:
            on_answer(answer)

    def open_handoff(self) -> None:
        """Show what the next person has to know."""
        self.start(self._open_handoff, "handoff")  # it may have to read much of the log

    async def _open_handoff(self) -> None:
        from threeam.hypotheses.quotations import QuotationReader
        from threeam.reports.handoff import collect_handoff, find_awake_since, handoff_report

        screen, session, end = self._screen, self._screen.session, self._screen.log_end
        if end is None:
            screen.notify_once("there is nothing to hand over yet")
            return
        if not screen.is_state_known:
            screen.notify_once("the log is still being read: in a moment")
            return
        gap_ns, half_life_h = session.settings.night_gap_ns, session.settings.half_life_h
        try:
            awake_since = await asyncio.to_thread(
                find_awake_since, session.journal, end, screen.state, session.clock(), gap_ns
            )
        except (OSError, JournalError) as error:
            screen.notify_once(f"the log cannot be read: {error}", severity="error")
            return

        quotations = QuotationReader(session.journal)
        unheld = await screen.run_in_thread(self._mirrors.read_unheld_lines)

        def sections() -> Sequence[ReportSection]:
            now = session.clock()
            state = self._mirrors.with_cups(screen.state)
            handoff = collect_handoff(state, now, gap_ns, half_life_h, awake_since, quotations)
            return handoff_report(handoff._replace(team=self._mirrors.handoff(unheld)))

        await asyncio.to_thread(sections)  # which reads the attachments
        self.show("hand-off", sections)
