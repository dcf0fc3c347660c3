"""How long somebody has been awake, as far as the journal can tell."""

from __future__ import annotations

import re
from collections.abc import Iterator

from threeam.core.entry import Entry, Stamp
from threeam.core.journal import Journal, Segment
from threeam.core.reader import Line, matching_back
from threeam.core.seek import found_forward
from threeam.core.wanted import By, Wanted


def awake_since(journal: Journal, end: tuple[Segment, int], user: str) -> Stamp | None:
    """When this night of ``user`` began: with the first line that they typed after the last long pause, or sleep.

    In the journal up to ``end``; None for somebody who has typed nothing since then. Reads back as far as that is.
    Raises OSError.
    """
    night = re.compile(rb"\[BY: %s@[^\]\n]*\][^\n]*? \[NIGHT: (?:new|over)\] " % re.escape(user.encode()))
    last, size = end
    begin: Segment | None = None
    since = 0
    for segment in journal.back_from(last):
        for line in matching_back(segment, size if segment == last else segment.size(), night):
            if (entry := line.entry) is None or not _typed(entry, user) or (over := entry.tag("NIGHT")) is None:
                continue
            if over == "new":
                return entry.stamp
            begin, since = segment, line.end
            break
        if begin is not None:
            break
    return next((entry.stamp for line in _after(journal, begin, since, last, size, user)
                 if (entry := line.entry) is not None and _typed(entry, user)), None)  # fmt: skip


def _after(journal: Journal, begin: Segment | None, since: int, last: Segment, size: int, user: str) -> Iterator[Line]:
    """The lines of ``user`` from ``since`` in the file ``begin`` on; from the first file on where there is none."""
    wanted, begun = Wanted((By(user),)), begin is None
    for segment in journal.segments(last):
        here = segment == begin
        begun = begun or here
        if begun:
            stop = size if segment == last else None
            for found in found_forward(segment, since if here else 0, stop, wanted):
                yield from found.lines


def _typed(entry: Entry, user: str) -> bool:
    return entry.by is not None and entry.by.user == user and entry.active == entry.stamp
