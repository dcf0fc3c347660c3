"""Checks: what was checked, the verdict, and the command that fixes it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from threeam.core.format.entry import escape_unprintable

OK, YELLOW, RED, UNKNOWN = "ok", "yellow", "red", "unknown"
VERDICTS = (RED, YELLOW, UNKNOWN, OK)  # the worst first


class Check(NamedTuple):
    """The result of one check: a ``verdict`` of `VERDICTS`, the ``detail``, and the command that fixes it.

    ``fix`` is empty if there is nothing to fix, or no command for it.
    """

    name: str
    verdict: str
    detail: str
    fix: str = ""

    def to_json(self) -> dict[str, str]:
        """Return the check under the keys of ``3am preflight --json``."""
        fields = {"name": self.name, "verdict": self.verdict, "found": self.detail, "mend": self.fix}
        return {key: escape_unprintable(text) for key, text in fields.items()}


class CheckGroup(NamedTuple):
    """Checks under a title."""

    title: str
    checks: Sequence[Check]


def worst_verdict(checks: Sequence[Check]) -> str:
    """Return the worst verdict of ``checks``."""
    return next((verdict for verdict in VERDICTS if any(check.verdict == verdict for check in checks)), OK)


def format_verdict_counts(checks: Sequence[Check]) -> str:
    """Return the number of checks per verdict: ``1 red, 2 yellow, 9 ok``."""
    counts = Counter(check.verdict for check in checks)
    return ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS if counts[verdict])
