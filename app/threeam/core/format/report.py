"""What is told of the journal: parts with titles, line by line; a line may be that of an entry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from threeam.core.format.entry import NS_PER_S, Author, Stamp, author_name
from threeam.core.format.times import format_age

_CLOCK_ONLY_NS = 12 * 3600 * NS_PER_S


class ReportLine(NamedTuple):
    """One line: the words, what is added to them (who, when, why), and the entry that it is about.

    ``sign``: the kind of line, the state of a hypothesis or the verdict that its sign stands for; empty: none.
    ``command``: what is to be typed in a shell for it, to be copied.
    """

    text: str
    detail: str = ""
    stamp: Stamp | None = None
    icon: str = ""
    command: str = ""


class ReportSection(NamedTuple):
    """Lines under a title."""

    title: str
    lines: Sequence[ReportLine]


def format_attribution(author: Author | None, stamp: Stamp, now: Stamp | None) -> str:
    """``alice, 03:14:07 (5 min)``: by whom and when, as `when` tells it."""
    return f"{author_name(author)}, {format_when(stamp, now)}"


def format_when(stamp: Stamp, now: Stamp | None) -> str:
    """``03:14:07 (5 min)``, with the day where it is not of these hours; without a ``now``, day and time."""
    if now is None:
        return f"{stamp.iso_date} {stamp.time_of_day[:8]}"
    clock = (
        stamp.time_of_day[:8]
        if abs(now.ns - stamp.ns) < _CLOCK_ONLY_NS
        else f"{stamp.iso_date} {stamp.time_of_day[:8]}"
    )
    return f"{clock} ({format_age(now.ns - stamp.ns)})"
