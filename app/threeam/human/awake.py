"""How long somebody has been awake, as far as the journal can tell."""

from __future__ import annotations

import re

from threeam.core.format.entry import Entry, Stamp
from threeam.core.store.journal import Journal, Position, Segment
from threeam.core.store.reader import chunks_forward, line_containing, matching_lines_backward

_NIGHT_OVER = re.compile(rb"\[NIGHT: over\] ")


def awake_since(journal: Journal, end: Position, user: str) -> Stamp | None:
    """When this night of ``user`` began: with the first line that they typed after the last long pause, or sleep.

    In the journal up to ``end``; None for somebody who has typed nothing since then. Reads back as far as that is.
    Raises OSError.
    """
    night = re.compile(rb"\[NIGHT: (?:new|over)\] ")
    last, size = end
    begin: Segment | None = None
    since = 0
    for segment in journal.segments_backward(last):
        for line in matching_lines_backward(segment, size if segment == last else segment.size(), night):
            if (
                (entry := line.state_entry) is None
                or not _is_typed_by(entry, user)
                or (over := entry.tag("NIGHT")) is None
            ):
                continue
            if over == "new":
                return entry.stamp
            begin, since = segment, line.end
            break
        if begin is not None:
            break
    return _first_typed_between(journal, Position(begin, since) if begin is not None else None, end, user)


def last_sleep(journal: Journal, end: Position, user: str | None) -> Stamp | None:
    """When ``user`` (None: anybody) has last gone to sleep; None: never. Up to ``end``. Raises OSError."""
    last, size = end
    for segment in journal.segments_backward(last):
        for line in matching_lines_backward(segment, size if segment == last else segment.size(), _NIGHT_OVER):
            entry = line.state_entry
            if entry is None or entry.kind != "Sleep" or entry.tag("NIGHT") != "over" or entry.author is None:
                continue
            if user in (None, entry.author.user):
                return entry.effective_stamp
    return None


def update_awake_since(previous: Stamp | None, entry: Entry, user: str) -> Stamp | None:
    """What `awake_since` gives after one more ``entry``, if it gave ``previous`` before."""
    if not _is_typed_by(entry, user):
        return previous
    night = entry.tag("NIGHT")
    if night == "over":
        return None
    return entry.stamp if night == "new" or previous is None else previous


def _first_typed_between(journal: Journal, start_position: Position | None, end: Position, user: str) -> Stamp | None:
    """The first line that ``user`` typed between the two; from the first file on where there is no ``start_position``."""
    typed = re.compile(rb"\[BY: %s@[^\[\]\n]*\](?! \[VIA: )" % re.escape(user.encode()))  # and no stream
    begun = start_position is None
    for segment in journal.segments_forward(end.segment):
        here = start_position is not None and segment == start_position.segment
        begun = begun or here
        start = start_position.offset if start_position is not None and here else 0
        stop = end.offset if segment == end.segment else None
        for block in chunks_forward(segment, start, stop) if begun else ():
            line_end = -1
            for match in typed.finditer(block.data):
                if match.start() < line_end:  # once for each line
                    continue
                line = line_containing(segment, block, match.start())
                entry, line_end = line.state_entry, line.end - block.start
                if entry is not None and _is_typed_by(entry, user):
                    return entry.stamp
    return None


def _is_typed_by(entry: Entry, user: str) -> bool:
    return entry.author is not None and entry.author.user == user and entry.activity_stamp == entry.stamp
