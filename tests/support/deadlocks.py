"""The reports of deadlocks in recorded logs and in texts, for tests."""

from __future__ import annotations

from pathlib import Path

from support.log_sources import source_of
from threeam.races.deadlocks.group_text import deadlock_lines
from threeam.races.deadlocks.groups import DeadlockGroup, Deadlocks
from threeam.races.deadlocks.report import DeadlockReport, Participant
from threeam.races.deadlocks.report_scan import deadlock_reports
from threeam.races.deadlocks.search import find_deadlocks

RECORDED = Path(__file__).parent.parent / "unit" / "deadlock_logs"


def reports_in(path: Path, text: str | bytes | None = None) -> list[DeadlockReport]:
    """Return the reports in the file ``path``; with ``text``, it is written to the file first."""
    if text is not None:
        path.write_bytes(text.encode() if isinstance(text, str) else text)
    return list(deadlock_reports(source_of(path)))


def recorded(name: str) -> list[DeadlockReport]:
    """Return the reports in a recorded log."""
    return reports_in(RECORDED / name)


def deadlocks_in(*paths: Path) -> Deadlocks:
    """Return the deadlocks of logs."""
    return find_deadlocks([source_of(path, number) for number, path in enumerate(paths)])


def rows(group: DeadlockGroup) -> list[str]:
    """Return the lines that show a group, in UTC."""
    return list(deadlock_lines(group, lambda ns: 0))


def without_numbers(report: DeadlockReport) -> tuple[object, ...]:
    """Return what a report says of its participants, without their pids."""
    names = [each.name for each in report.participants]

    def facts(each: Participant) -> tuple[object, ...]:
        kind = each.waits_for and (each.waits_for.mode, each.waits_for.kind)
        return each.statement, kind, [names.index(name) for name in each.blocked_by]

    return report.victim, report.places, [facts(each) for each in report.participants], report.missing
