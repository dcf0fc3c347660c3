"""Plan a restore of data: check the time, inspect the server, render the runbook, save it."""

from __future__ import annotations

from typing import NamedTuple

from threeam.core.errors import BadInput
from threeam.core.format.clock import Clock, Zone
from threeam.core.format.entry import NS_PER_S, Stamp
from threeam.core.format.report import ReportLine, ReportSection
from threeam.core.store.attachment_kinds import RUNBOOK
from threeam.core.store.attachments import write_attachment
from threeam.core.store.journal import Journal
from threeam.core.write.draft import Draft
from threeam.restore.pitr import RecoveryTarget, ServerReport, restore_draft
from threeam.restore.runbook import render_runbook

_MAX_CLOCK_AHEAD_NS = 60 * NS_PER_S  # the clock of a server may be ahead of ours by this much
_MAX_TARGET_NS = 253_402_214_400 * NS_PER_S  # the last day of the year 9999: later times have no standard format


class RestorePlan(NamedTuple):
    """A runbook, and the obstacles to the restore (empty: none is known)."""

    engine: str
    target: RecoveryTarget
    text: str
    obstacles: tuple[str, ...]


class SavedRunbook(NamedTuple):
    """A plan whose runbook was saved: its file, and the draft of its line."""

    plan: RestorePlan
    path: str
    draft: Draft

    def report(self) -> list[ReportSection]:
        """Return the runbook as a report: the file and the obstacles, then its lines under their headings."""
        obstacles = [ReportLine(obstacle, icon="red") for obstacle in self.plan.obstacles]
        sections = [ReportSection("kept as", [ReportLine(self.path, command=self.path), *obstacles])]
        lines: list[ReportLine] = []
        for line in self.plan.text.splitlines():
            if line.startswith("#"):
                lines = []
                sections.append(ReportSection(line.lstrip("# "), lines))
            elif line.strip() and not line.startswith("```"):
                lines.append(ReportLine(line, command=line))
        return [section for section in sections if section.lines]


class RestoreRequest(NamedTuple):
    """A restore to ``minus_ns`` before the commit of the corrupted transaction.

    ``commit``: when that was, and ``source`` where the time comes from, in words; or ``xid``, the number of the
    transaction, with which the server at ``dsn`` is asked. Without a ``dsn`` no server is asked for anything.
    """

    engine: str
    minus_ns: int
    dsn: str | None = None
    commit: Stamp | None = None
    source: str = ""
    xid: int | None = None


def plan_restore(request: RestoreRequest, clock: Clock, zone: Zone) -> RestorePlan:
    """Return the plan. Raise `ServerUnreachable`, `BadInput` or `PreconditionFailed`."""
    if request.commit is None:
        return _plan_before_transaction(request, clock, zone)
    engine, dsn, target = request.engine, request.dsn, RecoveryTarget(request.commit, request.minus_ns)
    if request.commit.ns > clock().ns + _MAX_CLOCK_AHEAD_NS:
        raise BadInput(f"{request.commit} is still to come: nothing was committed then")
    if dsn is not None and engine == "mysql":
        raise BadInput("--dsn is for --engine postgres and mariadb")
    if dsn is None:
        return _make_plan(engine, target, request.source, None)
    if engine == "mariadb":
        from threeam.restore import mariadb

        server_report = mariadb.inspect_mariadb(mariadb.parse_dsn(dsn), target, lambda: clock().ns)
        return _make_plan(engine, target, request.source, server_report)
    from threeam.restore.pg_archive import inspect_postgres
    from threeam.restore.postgres import connect

    with connect(dsn) as connection:
        server_report = inspect_postgres(connection, target, lambda: clock().ns)
        return _make_plan(engine, target, request.source, server_report)


def _plan_before_transaction(request: RestoreRequest, clock: Clock, zone: Zone) -> RestorePlan:
    from threeam.restore.pg_archive import commit_time, inspect_postgres
    from threeam.restore.postgres import connect

    assert request.xid is not None
    assert request.dsn is not None
    with connect(request.dsn) as connection:
        commit_ns = commit_time(connection, request.xid)
        target = RecoveryTarget(Stamp(commit_ns, zone(commit_ns)), request.minus_ns)
        server_report = inspect_postgres(connection, target, lambda: clock().ns)
        return _make_plan("postgres", target, f"the commit of transaction {request.xid}", server_report)


def save_runbook(journal: Journal, plan: RestorePlan, now: Stamp) -> SavedRunbook:
    """Save the runbook beside the journal. Raise `FileUnusable`."""
    data = plan.text.encode("utf-8", "backslashreplace")
    path = write_attachment(journal, RUNBOOK, f"restore-{plan.engine}-{now.ns}.md", data)
    return SavedRunbook(plan, path, restore_draft(plan.engine, plan.target, path))


def _make_plan(engine: str, target: RecoveryTarget, source: str, server_report: ServerReport | None) -> RestorePlan:
    if not 0 < target.ns < _MAX_TARGET_NS:
        raise BadInput(f"{target.t} minus that is not a time to restore to")
    text = render_runbook(engine, target, source, server_report) + "\n"
    return RestorePlan(engine, target, text, tuple(server_report.obstacles) if server_report is not None else ())
