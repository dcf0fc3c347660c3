"""Checks: what was looked at, the verdict, and the command that mends it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

OK, YELLOW, RED, UNKNOWN = "ok", "yellow", "red", "unknown"
VERDICTS = (RED, YELLOW, UNKNOWN, OK)  # the worst first


class Check(NamedTuple):
    """One thing that was looked at: ``verdict`` of `VERDICTS`, what was ``found``, and how it is mended (empty: it
    needs no mending, or nobody here can).
    """

    name: str
    verdict: str
    found: str
    mend: str = ""


class CheckGroup(NamedTuple):
    """Checks under a title."""

    title: str
    checks: Sequence[Check]


def worst_verdict(checks: Sequence[Check]) -> str:
    """The worst verdict of ``checks``."""
    return next((verdict for verdict in VERDICTS if any(one.verdict == verdict for one in checks)), OK)


def format_verdict_counts(checks: Sequence[Check]) -> str:
    """How many of each verdict: ``1 red, 2 yellow, 9 ok``."""
    counts = Counter(one.verdict for one in checks)
    return ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS if counts[verdict])
