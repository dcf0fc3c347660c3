"""The preflight as it is written into the log, and as it is told."""

from __future__ import annotations

from collections.abc import Sequence

from threeam.core.format.entry import split_submission
from threeam.core.format.report import Part, Told
from threeam.core.write.draft import Draft, DraftLine
from threeam.host.check import OK, VERDICTS, Check, Group, count, worst


def checks_of(groups: Sequence[Group]) -> list[Check]:
    """All checks of all groups."""
    return [check for group in groups for check in group.checks]


def preflight(groups: Sequence[Group]) -> Draft:
    """What was looked at before the hunt, as one block: a line for each that is not well."""
    checks = checks_of(groups)
    head = DraftLine(f"Preflight: {count(checks)}.", (("PREFLIGHT", worst(checks)),))
    lines = [head, *(DraftLine(f"| {_line(one)}{f' ({one.mend})' if one.mend else ''}") for one in _not_well(checks))]
    if well := [one.name for one in checks if one.verdict == OK]:
        lines.append(DraftLine(f"| {OK:<7} {', '.join(well)}"))
    return Draft(lambda state, author, stamp: lines, needs_full_state=False)


def parts(groups: Sequence[Group]) -> list[Part]:
    """The same, to be shown: first what is not well, with the mending below each."""
    checks = checks_of(groups)
    told = [Part(count(checks), [_told(one) for one in _not_well(checks)] or [Told("all is well", sign=OK)])]
    for group in groups:
        well = [_told(one) for one in group.checks if one.verdict == OK]
        told += [Part(group.title, well)] if well else []
    return told


def _not_well(checks: Sequence[Check]) -> list[Check]:
    """Those that are not ok, the worst first."""
    return sorted((one for one in checks if one.verdict != OK), key=lambda one: VERDICTS.index(one.verdict))


def _told(check: Check) -> Told:
    return Told(_line(check), check.mend, sign=check.verdict, command=check.mend)


def _line(check: Check) -> str:
    return f"{check.verdict:<7} {check.name}: {' / '.join(split_submission(check.found))}"
