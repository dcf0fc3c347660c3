"""The half of the journal's screen that is about machine and person: preflight, baseline, the three restores.

What it needs for that is imported where it is used, most of it on the thread that does the asking: the first screen
does not wait for psutil, templates and seventy modules.
"""

from __future__ import annotations

import asyncio
import os
import shlex
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from threeam.core.errors import BadInput, JournalError, PreconditionFailed
from threeam.core.format.entry import Stamp
from threeam.core.format.report import ReportLine, ReportSection
from threeam.core.format.times import parse_duration, parse_time
from threeam.core.write.draft import Draft
from threeam.host.baseline_log import DEFAULT_NAME, check_baseline_name, require_baseline
from threeam.hypotheses.changes import undone_draft
from threeam.tui.outbox import WriteRequest
from threeam.tui.prompts import COMMAND
from threeam.tui.screens.method import MethodScreen
from threeam.tui.screens.report_screen import ReportScreen

if TYPE_CHECKING:
    from threeam.reports.restore_report import TreeChanges
    from threeam.restore.blockers import Backend, BlockerNode
    from threeam.restore.pitr_plan import RestorePlan

_T = TypeVar("_T")
_LIBPQ = ("PGHOST", "PGSERVICE", "PGDATABASE", "PGHOSTADDR")


class MachineScreen(MethodScreen):
    """A screen on which the machine is looked at, and what the night has broken is restored."""

    # Before the hunt.

    def action_preflight(self) -> None:
        self._start_exclusive(self._preflight, "preflight")

    async def _preflight(self) -> None:
        session, state = self.session, self.state

        def looked() -> tuple[list[ReportSection], Draft]:
            from threeam.host import preflight
            from threeam.host.system import this_system
            from threeam.reports.preflight_checks import run_preflight_checks

            system, user, now = this_system(), session.author.user, session.clock()
            groups = run_preflight_checks(system, session.journal, state, session.settings, user, now)
            return preflight.preflight_report(groups), preflight.preflight_draft(groups)

        self.notify_once("looking at tools, clock, disk and terminal", timeout=2)
        if (found := await self.run_in_thread(looked)) is not None:
            told, draft = found
            self.show_report(ReportScreen("preflight", lambda: told, self.copy_text, emoji=session.emoji))
            self._write_down(draft, "preflight")

    def action_baseline(self, argument: str = "") -> None:
        verb, _, name = argument.partition(" ")
        if verb not in ("", "save", "diff"):
            self.notify_once(f"baseline takes save NAME or diff NAME, and not {argument!r}", severity="warning")
        elif name.startswith("-"):
            self.notify_once(
                "processes and commands are named in a shell; here it takes those of the last one of that name"
            )
        elif verb == "save" and not self.is_writable:
            self.refuse_write()
        elif verb == "save":
            self._save(name.strip())
        else:
            self._start_exclusive(partial(self._diff, name.strip()), "baseline")

    def _save(self, name: str) -> None:
        session, state = self.session, self.state

        def taken() -> tuple[str, Draft, str]:
            from threeam.host import baseline_store as normal

            called, before = check_baseline_name(name or DEFAULT_NAME), None
            with suppress(JournalError):  # none of that name, or not ours to read
                before = normal.load_baseline(session.journal, require_baseline(state, called))
            watched, commands = (
                (before.baseline.watched_processes, before.runnable_commands) if before is not None else ((), ())
            )
            samples = normal.take_baseline(called, session.author.host, watched, commands, 3, 0.5, session.clock)
            return *normal.save_baseline(
                session.journal, samples
            ), "" if before is None else before.commands_refused_reason

        self.notify_once("taking three samples", title="baseline", timeout=2)
        check = f"look for a new baseline-… in {session.journal.attachments_dir}"
        self.start_effect("baseline save", taken, self._saved, check)

    def _saved(self, saved: tuple[str, Draft, str]) -> None:
        path, draft, not_run = saved
        if not_run:
            self.notify_once(f"not taken over: {not_run}", title="baseline", severity="warning", timeout=10)
        self.submit(WriteRequest(draft, "baseline", attachment=path))

    async def _diff(self, name: str) -> None:
        session, state = self.session, self.state

        def looked() -> tuple[list[ReportSection], Draft]:
            from threeam.host import baseline_store as normal

            found = normal.compare_now(session.journal, require_baseline(state, name or None), session.clock)
            return normal.baseline_report(found, session.clock()), normal.comparison_draft(found)

        self.notify_once("looking at everything again", title="baseline", timeout=2)
        if (found := await self.run_in_thread(looked)) is not None:
            told, draft = found
            self.show_report(ReportScreen("what is not normal", lambda: told, self.copy_text, emoji=session.emoji))
            self._write_down(draft, "baseline")

    # After it.

    def action_restore(self, argument: str = "") -> None:
        what, _, rest = argument.partition(" ")
        if what in ("", "application"):
            self._start_exclusive(self._application, "restore")
        elif what == "data":
            self._restore_data(rest)
        else:
            self.notify_once(f"restore takes application or data, and not {what!r}", severity="warning")

    async def _application(self) -> None:
        from threeam.reports import restore_report as application
        from threeam.tui.screens.restore import RestoreScreen

        looked: TreeChanges = {}
        state = self.state

        def tell() -> Sequence[ReportSection]:
            return application.application_report(self.state, self.session.clock(), looked)

        def undo(at: Stamp) -> None:
            self.submit(WriteRequest(undone_draft(at, ""), "undone"))

        screen = RestoreScreen(tell, self.copy_text, undo if self.is_writable else None, emoji=self.session.emoji)
        self.show_report(screen)
        if (found := await self.run_in_thread(partial(application.inspect_trees, state))) is not None:
            looked = found
            if self.open_report is screen:
                screen.update_report()

    def action_stable(self, rev: str = "HEAD") -> None:
        def noted() -> Draft:
            from threeam.restore.git import stable_commit_draft

            return stable_commit_draft(rev or "HEAD", os.getcwd())

        check = "3am stable writes it"
        self.start_effect("stable", noted, lambda draft: self.submit(WriteRequest(draft, "stable")), check)

    def begin_data_restore(self) -> None:
        """Go to the `:` line, with a restore to before the selected line in it."""
        entry = self._selected_entry()
        at = f"@{entry.effective_stamp}" if entry is not None else "03:14:07.123456"
        self.open_box(COMMAND, f"restore data {at} --engine postgres")

    def _restore_data(self, argument: str) -> None:
        try:
            given = _data_options(argument)
            minus_ns = parse_duration(given["--minus"])
            ns = parse_time(given["at"], self.session.clock(), self.session.zone)
            at = Stamp(ns, self.session.zone(ns))
        except BadInput as bad:
            self.notify_once(str(bad), severity="warning")
            return
        if self.is_writable:
            self._plan(given, at, minus_ns)
        else:
            self.refuse_write()

    def _plan(self, given: dict[str, str], at: Stamp, minus_ns: int) -> None:
        session = self.session

        def planned() -> tuple[RestorePlan, str, Draft]:
            from threeam.restore import pitr_plan as plan

            engine, dsn = given["--engine"], given.get("--dsn")
            made = plan.plan_restore_to_time(engine, at, given["at"], minus_ns, dsn, session.clock)
            return made, *plan.save_runbook(session.journal, made, session.clock())

        def then(result: tuple[RestorePlan, str, Draft]) -> None:
            plan, path, draft = result
            self.submit(WriteRequest(draft, "restore", attachment=path))
            report = _as_parts(plan.text, path, plan.obstacles)
            self.show_report(ReportScreen("runbook", lambda: report, self.copy_text, emoji=session.emoji))

        self.start_effect(
            "restore data", planned, then, f"look for a new restore-… in {session.journal.attachments_dir}"
        )

    def action_blockers(self, dsn: str = "") -> None:
        dsn = dsn.removeprefix("--dsn").strip(" =")
        if dsn or any(os.environ.get(name) for name in _LIBPQ):
            self._start_exclusive(partial(self._blockers, dsn), "blockers")
            return
        self.notify_once("which server? :blockers postgresql://user@host/database, or PGHOST and its like")
        if self.editor is not None:
            self.open_box(COMMAND, "blockers postgresql://")

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

        end_it = end if self.is_writable else None
        self.show_report(BlockersScreen(host, ask, end_it, self.copy_text, emoji=self.session.emoji))

    def _end_backend(self, dsn: str, host: str, backend: Backend, waits: int) -> None:
        def ended() -> Draft:
            from threeam.restore.blockers import terminate_backend
            from threeam.restore.postgres import connect

            if (why := self.session.journal.write_obstacle()) is not None:  # before anything that cannot be noted
                raise PreconditionFailed(f"nothing was terminated: {why}")
            with connect(dsn) as connection:
                return terminate_backend(connection, backend, waits)

        what = f"terminated {backend.pid}"
        check = f"SELECT * FROM pg_stat_activity WHERE pid = {backend.pid}, on {host}, shows whether it is there still"

        def then(draft: Draft) -> None:
            self.submit(WriteRequest(draft, what, is_irrevocable=True))

        self.start_effect(f"terminate {backend.pid}", ended, then, check)

    # How it is done: what takes its time is asked on a thread, and what went wrong is said.

    async def run_in_thread(self, ask: Callable[[], _T]) -> _T | None:
        try:
            return await asyncio.to_thread(ask)
        except (JournalError, OSError) as error:
            self.notify_once(str(error), severity="warning", timeout=10)
            return None

    def _start_exclusive(self, work: Callable[[], Awaitable[object]], group: str) -> None:
        self.start_worker(work, group, exclusive=True)

    def _write_down(self, draft: Draft, what: str) -> None:
        """Write a line about what was shown; a read-only screen only shows it."""
        if self.is_writable:
            self.submit(WriteRequest(draft, what))


def _data_options(argument: str) -> dict[str, str]:
    """``@stamp --engine mysql --minus 2ms`` by name, the time under ``at``. Raises `BadInput`."""
    try:
        words = shlex.split(argument)
    except ValueError as error:
        raise BadInput(f"{argument!r}: {error}") from None
    from threeam.restore.pitr import DEFAULT_MINUS, ENGINES

    given, at = {"--engine": ENGINES[0], "--minus": DEFAULT_MINUS}, []
    while words:
        word = words.pop(0)
        if word in ("--engine", "--minus", "--dsn", "--at"):
            if not words:
                raise BadInput(f"{word} says nothing")
            given[word] = words.pop(0)
        else:
            at.append(word)
    given["at"] = " ".join(at) or given.get("--at", "")
    if not given["at"]:
        raise BadInput("restore data takes the time of the corrupted commit: a time, or an @stamp")
    if given["--engine"] not in ENGINES:
        raise BadInput(f"--engine is one of {', '.join(ENGINES)}, and not {given['--engine']!r}")
    return given


def _as_parts(text: str, path: str, against: Sequence[str]) -> list[ReportSection]:
    """Return a runbook as a report: its lines under their headings, and the path of its file."""
    parts = [
        ReportSection("kept as", [ReportLine(path, command=path), *(ReportLine(one, icon="red") for one in against)])
    ]
    lines: list[ReportLine] = []
    for line in text.splitlines():
        if line.startswith("#"):
            lines = []
            parts.append(ReportSection(line.lstrip("# "), lines))
        elif line.strip() and not line.startswith("```"):
            lines.append(ReportLine(line, command=line))
    return [part for part in parts if part.lines]
