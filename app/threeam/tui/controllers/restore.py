"""After the hunt: what must be undone, the restore of a database, and the queries that block others.

Its modules are imported when they are used, so that the first frame does not wait for the templates of the runbooks.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import Stamp
from threeam.core.format.report import ReportSection
from threeam.core.store.attachments import attachment_dir
from threeam.core.write.draft import Draft
from threeam.hypotheses.changes import undone_draft
from threeam.tui.controllers.commands import CommandController
from threeam.tui.controllers.quitting import QuitController
from threeam.tui.controllers.reports import ReportController
from threeam.tui.dispatch import Handler
from threeam.tui.outbox import WriteRequest
from threeam.tui.services import ScreenServices

if TYPE_CHECKING:
    from threeam.reports.restore_report import TreeChanges
    from threeam.restore.blockers import Backend, BlockerNode
    from threeam.restore.pitr_plan import RestoreRequest, SavedRunbook

_LIBPQ = ("PGHOST", "PGSERVICE", "PGDATABASE", "PGHOSTADDR")


class RestoreController:
    """The actions that undo what the night has changed."""

    def __init__(
        self,
        screen: ScreenServices,
        reports: ReportController,
        quitting: QuitController,
        commands: CommandController,
    ) -> None:
        self._screen = screen
        self._reports = reports
        self._quitting = quitting
        self._commands = commands

    def handlers(self) -> Mapping[str, Handler]:
        """Return the handlers of the actions, by id."""
        return {"restore": self.restore, "stable": self.note_stable_commit, "blockers": self.open_blockers}

    def restore(self, argument: str = "") -> None:
        """Show what must be undone, or with ``data @STAMP`` plan the restore of a database."""
        what, _, rest = argument.partition(" ")
        if what in ("", "application"):
            self._reports.start(self._application, "restore")
        elif what == "data":
            self._restore_data(rest)
        else:
            self._screen.notify_once(f"restore takes application or data, and not {what!r}", severity="warning")

    async def _application(self) -> None:
        from threeam.reports import restore_report as application
        from threeam.tui.screens.restore import RestoreScreen

        looked: TreeChanges = {}
        state = self._screen.state

        def tell() -> Sequence[ReportSection]:
            return application.application_report(self._screen.state, self._screen.session.clock(), looked)

        def undo(at: Stamp) -> None:
            self._screen.writing.submit(WriteRequest(undone_draft(at, ""), "undone"))

        screen = RestoreScreen(
            tell,
            self._screen.copy_text,
            undo if self._screen.writing.is_writable else None,
            emoji=self._screen.session.emoji,
        )
        self._reports.show_screen(screen)
        if (changes := await self._screen.run_in_thread(partial(application.inspect_trees, state))) is not None:
            looked = changes
            if self._reports.open_report is screen:
                screen.update_report()

    def note_stable_commit(self, rev: str = "HEAD") -> None:
        """Write which commit of the work tree here is the last stable one."""

        def noted() -> Draft:
            from threeam.restore.git import stable_commit_draft

            return stable_commit_draft(rev or "HEAD", os.getcwd())

        check = "3am stable writes it"
        self._quitting.start_effect(
            "stable", noted, lambda draft: self._screen.writing.submit(WriteRequest(draft, "stable")), check
        )

    def begin_data_restore(self) -> None:
        """Go to the `:` line, with a restore to before the selected line in it."""
        entry = self._screen.selected_entry()
        at = f"@{entry.effective_stamp}" if entry is not None else "03:14:07.123456"
        self._commands.begin_line(f"restore data {at} --engine postgres")

    def _restore_data(self, argument: str) -> None:
        from threeam.restore.options import parse_data_line, restore_request

        session = self._screen.session
        request = restore_request(parse_data_line(argument), session.journal, session.clock(), session.zone)
        self._screen.writing.require_writable()
        self._plan(request)

    def _plan(self, request: RestoreRequest) -> None:
        session = self._screen.session

        def plan_and_save() -> SavedRunbook:
            from threeam.restore.pitr_plan import plan_restore, save_runbook

            plan = plan_restore(request, session.clock, session.zone)
            return save_runbook(session.journal, plan, session.clock())

        def show(saved: SavedRunbook) -> None:
            self._screen.writing.submit(WriteRequest(saved.draft, "restore", attachments=(saved.path,)))
            report = saved.report()
            self._reports.show("runbook", lambda: report)

        self._quitting.start_effect(
            "restore data", plan_and_save, show, f"look for a new restore-… in {attachment_dir(session.journal)}"
        )

    def open_blockers(self, dsn: str = "") -> None:
        """Show who blocks whom in the PostgreSQL of ``dsn``."""
        dsn = dsn.removeprefix("--dsn").strip(" =")
        if dsn or any(os.environ.get(name) for name in _LIBPQ):
            self._reports.start(partial(self._blockers, dsn), "blockers")
            return
        self._screen.notify_once("which server? :blockers postgresql://user@host/database, or PGHOST and its like")
        if self._screen.writing.is_writable:
            self._commands.begin_line("blockers postgresql://")

    async def _blockers(self, dsn: str) -> None:
        from threeam.tui.screens.restore import BlockersScreen

        def named() -> str:
            from threeam.restore.postgres import format_dsn

            return format_dsn(dsn)

        def ask() -> list[BlockerNode]:
            from threeam.restore.blockers import build_blocker_tree, list_backends
            from threeam.restore.postgres import connect

            with connect(dsn) as connection:
                return build_blocker_tree(list_backends(connection))

        host = await asyncio.to_thread(named)

        def end(node: BlockerNode, waits: int) -> None:  # outlives the screen that asks for it
            self._end_backend(dsn, host, node.backend, waits)

        end_it = end if self._screen.writing.is_writable else None
        self._reports.show_screen(
            BlockersScreen(host, ask, end_it, self._screen.copy_text, emoji=self._screen.session.emoji)
        )

    def _end_backend(self, dsn: str, host: str, backend: Backend, waits: int) -> None:
        def ended() -> Draft:
            from threeam.restore.blockers import terminate_backend
            from threeam.restore.postgres import connect

            if (
                why := self._screen.session.journal.write_obstacle()
            ) is not None:  # before anything that cannot be noted
                raise PreconditionFailed(f"nothing was terminated: {why}")
            with connect(dsn) as connection:
                return terminate_backend(connection, backend, waits)

        what = f"terminated {backend.pid}"
        check = f"SELECT * FROM pg_stat_activity WHERE pid = {backend.pid}, on {host}, shows whether it is there still"

        def then(draft: Draft) -> None:
            self._screen.writing.submit(WriteRequest(draft, what, is_irrevocable=True))

        self._quitting.start_effect(f"terminate {backend.pid}", ended, then, check)
