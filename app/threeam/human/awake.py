"""Find out from the journal since when a person has been awake, and when they last went to sleep."""

from __future__ import annotations

import re

from threeam.core.format.entry import Entry, Stamp
from threeam.core.store.journal import Journal, Position
from threeam.core.store.reader import chunks_forward, line_containing, matching_lines_backward

_NIGHT_OVER = re.compile(rb"\[NIGHT: over\] ")


def awake_since(journal: Journal, end: Position, user: str) -> Stamp | None:
    """Return when the current night of ``user`` began, or None if they have typed nothing since the last one.

    A night begins with the first line that a person types after a long pause or after a sleep. Search the journal
    backward from ``end``, as far as needed. Raise OSError if a file cannot be read.
    """
    night = re.compile(rb"\[NIGHT: (?:new|over)\] ")
    last, size = end
    for segment in journal.segments_backward(last):
        for line in matching_lines_backward(segment, size if segment == last else segment.size(), night):
            entry = line.state_entry
            if entry is None or not _is_typed_by(entry, user) or (value := entry.tag("NIGHT")) is None:
                continue
            if value == "new":
                return entry.stamp
            return _first_typed_between(journal, Position(segment, line.end), end, user)
    return _first_typed_between(journal, None, end, user)


def last_sleep(journal: Journal, end: Position, user: str | None) -> Stamp | None:
    """Return when ``user`` (None: any person) last went to sleep before ``end``, or None if they never did.

    Raise OSError if a file cannot be read.
    """
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
    """Return what `awake_since` gives after ``entry``, if it gave ``previous`` before."""
    if not _is_typed_by(entry, user):
        return previous
    night = entry.tag("NIGHT")
    if night == "over":
        return None
    return entry.stamp if night == "new" or previous is None else previous


def _first_typed_between(journal: Journal, start_position: Position | None, end: Position, user: str) -> Stamp | None:
    """Return the stamp of the first line that ``user`` typed between the two positions, or None.

    Without ``start_position``, search from the oldest file.
    """
    typed = re.compile(rb"\[BY: %s@[^\[\]\n]*\](?! \[VIA: )" % re.escape(user.encode()))  # VIA: a program wrote it
    started = start_position is None
    for segment in journal.segments_forward(end.segment):
        start = 0
        if start_position is not None and segment == start_position.segment:
            started, start = True, start_position.offset
        if not started:
            continue
        stop = end.offset if segment == end.segment else None
        for block in chunks_forward(segment, start, stop):
            line_end = -1
            for match in typed.finditer(block.data):
                if match.start() < line_end:  # each line is parsed once
                    continue
                line = line_containing(segment, block, match.start())
                entry, line_end = line.state_entry, line.end - block.start
                if entry is not None and _is_typed_by(entry, user):
                    return entry.stamp
    return None


def _is_typed_by(entry: Entry, user: str) -> bool:
    return entry.author is not None and entry.author.user == user and entry.activity_stamp == entry.stamp
