"""The preflight as it is written into the log, and as it is told."""

from __future__ import annotations

from collections.abc import Sequence

from threeam.core.draft import Draft, DraftLine
from threeam.core.entry import lines_of
from threeam.core.told import Part, Told
from threeam.machine.check import Check, Group, count, worst


def checks_of(groups: Sequence[Group]) -> list[Check]:
    """All checks of all groups."""
    return [check for group in groups for check in group.checks]


def preflight(groups: Sequence[Group]) -> Draft:
    """What was looked at before the hunt: one block, a line a check."""
    checks = checks_of(groups)
    head = DraftLine(f"Preflight: {count(checks)}.", (("PREFLIGHT", worst(checks)),))
    lines = [head, *(DraftLine(f"| {_line(check)}{_mend(check)}") for check in checks)]
    return Draft(lambda state, author, stamp: lines, whole=False)


def parts(groups: Sequence[Group]) -> list[Part]:
    """The same, to be shown: the mending below each check."""
    return [
        Part(group.title, [Told(_line(one), one.mend, sign=one.verdict, command=one.mend) for one in group.checks])
        for group in groups
    ]


def _line(check: Check) -> str:
    return f"{check.verdict:<7} {check.name}: {' / '.join(lines_of(check.found))}"


def _mend(check: Check) -> str:
    return f" ({check.mend})" if check.mend else ""
