"""The machine before the hunt: preflight checks, and the baseline of what is normal.

Its modules are imported when they are used, so that the first frame does not wait for psutil.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import partial

from threeam.core.errors import JournalError
from threeam.core.format.report import ReportSection
from threeam.core.write.draft import Draft
from threeam.host.baseline_log import DEFAULT_NAME, check_baseline_name, require_baseline
from threeam.tui.controllers.quitting import QuitController
from threeam.tui.controllers.reports import ReportController
from threeam.tui.dispatch import Handler
from threeam.tui.outbox import WriteRequest
from threeam.tui.services import ScreenServices


class HostController:
    """The actions that look at this machine."""

    def __init__(self, screen: ScreenServices, reports: ReportController, quitting: QuitController) -> None:
        self._screen = screen
        self._reports = reports
        self._quitting = quitting

    def handlers(self) -> Mapping[str, Handler]:
        """Return the handlers of the actions, by id."""
        return {"preflight": self.preflight, "baseline": self.baseline}

    def preflight(self) -> None:
        """Check tools, clock, disk and terminal, and show what was found."""
        self._screen.start_worker(self._preflight, "preflight", exclusive=True)

    async def _preflight(self) -> None:
        session, state = self._screen.session, self._screen.state

        def look() -> tuple[list[ReportSection], Draft]:
            from threeam.host import preflight
            from threeam.host.system import this_system
            from threeam.reports.preflight_checks import run_preflight_checks

            system, user, now = this_system(), session.author.user, session.clock()
            groups = run_preflight_checks(system, session.journal, state, session.settings, user, now)
            return preflight.preflight_report(groups), preflight.preflight_draft(groups)

        self._screen.notify_once("looking at tools, clock, disk and terminal", timeout=2)
        if (result := await self._screen.run_in_thread(look)) is not None:
            report, draft = result
            self._reports.show("preflight", lambda: report)
            if self._screen.writing.is_writable:
                self._screen.writing.submit(WriteRequest(draft, "preflight"))

    def baseline(self, argument: str = "") -> None:
        """Show what is not normal now, or take a snapshot of normal: ``save NAME``, ``diff NAME``."""
        verb, _, name = argument.partition(" ")
        if verb not in ("", "save", "diff"):
            self._screen.notify_once(f"baseline takes save NAME or diff NAME, and not {argument!r}", severity="warning")
        elif name.startswith("-"):
            self._screen.notify_once(
                "name processes and commands in a shell; here those of the last baseline of that name are used"
            )
        elif verb == "save" and not self._screen.writing.is_writable:
            self._screen.refuse_write()
        elif verb == "save":
            self._save(name.strip())
        else:
            self._screen.start_worker(partial(self._diff, name.strip()), "baseline", exclusive=True)

    def _save(self, name: str) -> None:
        session, state = self._screen.session, self._screen.state

        def take() -> tuple[str, Draft, str]:
            from threeam.host import baseline_store as normal

            checked_name, before = check_baseline_name(name or DEFAULT_NAME), None
            with suppress(JournalError):  # none of that name, or not ours to read
                before = normal.load_baseline(session.journal, require_baseline(state, checked_name))
            watched, commands = (
                (before.baseline.watched_processes, before.runnable_commands) if before is not None else ((), ())
            )
            samples = normal.take_baseline(checked_name, session.author.host, watched, commands, 3, 0.5, session.clock)
            return *normal.save_baseline(
                session.journal, samples
            ), "" if before is None else before.commands_refused_reason

        self._screen.notify_once("taking three samples", title="baseline", timeout=2)
        check = f"look for a new baseline-… in {session.journal.attachments_dir}"
        self._quitting.start_effect("baseline save", take, self._saved, check)

    def _saved(self, saved: tuple[str, Draft, str]) -> None:
        path, draft, not_run = saved
        if not_run:
            self._screen.notify_once(f"not taken over: {not_run}", title="baseline", severity="warning", timeout=10)
        self._screen.writing.submit(WriteRequest(draft, "baseline", attachment=path))

    async def _diff(self, name: str) -> None:
        session, state = self._screen.session, self._screen.state

        def look() -> tuple[list[ReportSection], Draft]:
            from threeam.host import baseline_store as normal

            comparison = normal.compare_now(session.journal, require_baseline(state, name or None), session.clock)
            return normal.baseline_report(comparison, session.clock()), normal.comparison_draft(comparison)

        self._screen.notify_once("looking at everything again", title="baseline", timeout=2)
        if (result := await self._screen.run_in_thread(look)) is not None:
            report, draft = result
            self._reports.show("what is not normal", lambda: report)
            if self._screen.writing.is_writable:
                self._screen.writing.submit(WriteRequest(draft, "baseline"))
