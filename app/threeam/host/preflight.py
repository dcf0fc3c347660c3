"""The preflight as it is written into the log, and as it is told."""

from __future__ import annotations

from collections.abc import Sequence

from threeam.core.format.entry import split_submission
from threeam.core.format.report import ReportLine, ReportSection
from threeam.core.write.draft import Draft, DraftLine
from threeam.host.check import OK, VERDICTS, Check, CheckGroup, format_verdict_counts, worst_verdict


def all_checks(groups: Sequence[CheckGroup]) -> list[Check]:
    """All checks of all groups."""
    return [check for group in groups for check in group.checks]


def preflight_draft(groups: Sequence[CheckGroup]) -> Draft:
    """What was looked at before the hunt, as one block: a line for each that is not well."""
    checks = all_checks(groups)
    head = DraftLine(f"Preflight: {format_verdict_counts(checks)}.", (("PREFLIGHT", worst_verdict(checks)),))
    lines = [
        head,
        *(DraftLine(f"| {_format_check(one)}{f' ({one.mend})' if one.mend else ''}") for one in _problems(checks)),
    ]
    if well := [one.name for one in checks if one.verdict == OK]:
        lines.append(DraftLine(f"| {OK:<7} {', '.join(well)}"))
    return Draft(lambda state, author, stamp: lines, needs_full_state=False)


def preflight_report(groups: Sequence[CheckGroup]) -> list[ReportSection]:
    """The same, to be shown: first what is not well, with the mending below each."""
    checks = all_checks(groups)
    told = [
        ReportSection(
            format_verdict_counts(checks),
            [_report_line(one) for one in _problems(checks)] or [ReportLine("all is well", icon=OK)],
        )
    ]
    for group in groups:
        well = [_report_line(one) for one in group.checks if one.verdict == OK]
        told += [ReportSection(group.title, well)] if well else []
    return told


def _problems(checks: Sequence[Check]) -> list[Check]:
    """Those that are not ok, the worst first."""
    return sorted((one for one in checks if one.verdict != OK), key=lambda one: VERDICTS.index(one.verdict))


def _report_line(check: Check) -> ReportLine:
    return ReportLine(_format_check(check), check.mend, icon=check.verdict, command=check.mend)


def _format_check(check: Check) -> str:
    return f"{check.verdict:<7} {check.name}: {' / '.join(split_submission(check.found))}"
