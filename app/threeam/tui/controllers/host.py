"""The machine before the hunt: preflight checks, and the baseline of what is normal.

Its modules are imported when they are used, so that the first frame does not wait for psutil.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from threeam.core.config.options import OptionParser, split_line
from threeam.core.errors import BadInput
from threeam.core.format.report import ReportSection
from threeam.core.store.attachments import attachment_dir
from threeam.core.write.draft import Draft
from threeam.host.baseline_log import DEFAULT_NAME, check_baseline_name, require_baseline
from threeam.host.options import parse_diff_options, parse_save_options
from threeam.tui.controllers.quitting import QuitController
from threeam.tui.controllers.reports import ReportController
from threeam.tui.dispatch import Handler
from threeam.tui.outbox import WriteRequest
from threeam.tui.services import ScreenServices

if TYPE_CHECKING:
    from threeam.host.baseline_store import RecordedBaseline


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
        self._reports.start(self._preflight, "preflight")

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
        verb, *words = split_line(argument) or ["diff"]
        if verb == "save":
            self._save(parse_save_options(OptionParser("baseline save"), words))
        elif verb == "diff":
            name = parse_diff_options(OptionParser("baseline diff"), words).name
            self._reports.start(partial(self._diff, name), "baseline")
        else:
            raise BadInput(f"baseline takes save NAME or diff NAME, and not {argument!r}")

    def _save(self, options: Namespace) -> None:
        if options.pid or options.cmd:
            raise BadInput(
                "name processes and commands in a shell; here those of the last baseline of that name are used"
            )
        self._screen.writing.require_writable()
        session, state = self._screen.session, self._screen.state

        def record() -> tuple[RecordedBaseline, str]:
            from threeam.host import baseline_store

            name = check_baseline_name(DEFAULT_NAME if options.name is None else options.name)
            request = baseline_store.BaselineRequest(name, (), (), options.samples, options.every)
            request, not_run = baseline_store.add_previous(session.journal, state, request)
            return baseline_store.record_baseline(session.journal, request, session.author.host, session.clock), not_run

        samples = "one sample" if options.samples == 1 else f"{options.samples} samples"
        self._screen.notify_once(f"taking {samples}", title="baseline", timeout=2)
        check = f"look for a new baseline-… in {attachment_dir(session.journal)}"
        self._quitting.start_effect("baseline save", record, self._saved, check)

    def _saved(self, saved: tuple[RecordedBaseline, str]) -> None:
        recorded, not_run = saved
        for warning in [*([f"not taken over: {not_run}"] if not_run else []), *recorded.warnings]:
            self._screen.notify_once(warning, title="baseline", severity="warning", timeout=10)
        self._screen.writing.submit(WriteRequest(recorded.draft, "baseline", attachments=(recorded.path,)))

    async def _diff(self, name: str | None) -> None:
        session, state = self._screen.session, self._screen.state

        def look() -> tuple[list[ReportSection], Draft]:
            from threeam.host import baseline_store as normal

            comparison = normal.compare_now(session.journal, require_baseline(state, name), session.clock)
            return normal.baseline_report(comparison, session.clock()), normal.comparison_draft(comparison)

        self._screen.notify_once("looking at everything again", title="baseline", timeout=2)
        if (result := await self._screen.run_in_thread(look)) is not None:
            report, draft = result
            self._reports.show("what is not normal", lambda: report)
            if self._screen.writing.is_writable:
                self._screen.writing.submit(WriteRequest(draft, "baseline"))
