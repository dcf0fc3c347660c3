"""The preflight as one line of the log and as a report."""

from __future__ import annotations

from collections.abc import Sequence

from threeam.core.format.entry import split_submission
from threeam.core.format.report import ReportLine, ReportSection
from threeam.core.write.draft import Draft, DraftLine
from threeam.host.check import OK, RED, VERDICTS, Check, CheckGroup, format_verdict_counts, worst_verdict


def all_checks(groups: Sequence[CheckGroup]) -> list[Check]:
    """Return the checks of all groups."""
    return [check for group in groups for check in group.checks]


def preflight_draft(groups: Sequence[CheckGroup]) -> Draft:
    """Return the draft of a preflight: one line with what is red and why, and the names of what is not ok otherwise."""
    checks = all_checks(groups)
    findings = []
    for verdict in VERDICTS:
        if verdict != OK and (found := [check for check in checks if check.verdict == verdict]):
            named = [f"{check.name} ({_one_line(check)})" if verdict == RED else check.name for check in found]
            findings.append(f"{verdict}: {', '.join(named)}")
    text = "; ".join([f"Preflight: {format_verdict_counts(checks)}", *findings])
    return Draft.fixed([DraftLine(text, (("PREFLIGHT", worst_verdict(checks)),))])


def _one_line(check: Check) -> str:
    return " / ".join(split_submission(check.detail))


def preflight_report(groups: Sequence[CheckGroup]) -> list[ReportSection]:
    """Return the report of a preflight: first all problems with their fixes, then what is ok in each group."""
    checks = all_checks(groups)
    problems = [_report_line(check) for check in _problems(checks)] or [ReportLine("all is well", icon=OK)]
    sections = [ReportSection(format_verdict_counts(checks), problems)]
    for group in groups:
        ok_lines = [_report_line(check) for check in group.checks if check.verdict == OK]
        if ok_lines:
            sections.append(ReportSection(group.title, ok_lines))
    return sections


def _problems(checks: Sequence[Check]) -> list[Check]:
    """Return the checks that are not ok, the worst first."""
    problems = [check for check in checks if check.verdict != OK]
    return sorted(problems, key=lambda check: VERDICTS.index(check.verdict))


def _report_line(check: Check) -> ReportLine:
    detail = f"$ {check.fix}" if check.fix else ""
    return ReportLine(_format_check(check), detail, icon=check.verdict, command=check.fix)


def _format_check(check: Check) -> str:
    return f"{check.verdict:<7} {check.name}: {_one_line(check)}"
