"""Reports about the journal: sections with titles, and lines that may refer to an entry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from threeam.core.format.entry import NS_PER_S, Author, Stamp, author_name
from threeam.core.format.times import format_age

_CLOCK_ONLY_NS = 12 * 3600 * NS_PER_S


class Quotation(NamedTuple):
    """Lines of another log that a report quotes. ``caption``: where they are from, or why they cannot be shown."""

    caption: str
    lines: tuple[str, ...] = ()


class ReportLine(NamedTuple):
    """One line: the text, a detail (who, when, why), and the stamp of the entry that it is about.

    ``icon``: the kind of line, the state of a hypothesis or the verdict whose icon is shown; empty: no icon.
    ``command``: a shell command for the user to copy. ``quotation``: what the line quotes, to be shown below it.
    ``subject``: what the line is about, for a screen that acts on it.
    """

    text: str
    detail: str = ""
    stamp: Stamp | None = None
    icon: str = ""
    command: str = ""
    quotation: Quotation | None = None
    subject: object = None


class ReportSection(NamedTuple):
    """Some lines under a title."""

    title: str
    lines: Sequence[ReportLine]


def format_attribution(author: Author | None, stamp: Stamp, now: Stamp | None) -> str:
    """Return author and time: ``alice, 03:14:07 (5 min)``; the time as in `format_when`."""
    return f"{author_name(author)}, {format_when(stamp, now)}"


def format_when(stamp: Stamp, now: Stamp | None) -> str:
    """Return ``03:14:07 (5 min)``, with the day if it is 12 hours away or more; without ``now``, day and time."""
    clock = stamp.time_of_day[:8]
    if now is None:
        return f"{stamp.iso_date} {clock}"
    if abs(now.ns - stamp.ns) >= _CLOCK_ONLY_NS:
        clock = f"{stamp.iso_date} {clock}"
    return f"{clock} ({format_age(now.ns - stamp.ns)})"
