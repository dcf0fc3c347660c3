"""The occurrences of a pattern in the notes and streams of a journal, in the true order of time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from threeam.core.format.entry import Entry, Stamp
from threeam.core.store.clock_steps import IsClockStep, is_clock_step
from threeam.core.store.filters import IsKind, LineFilter, MatchesPattern
from threeam.core.store.journal import Journal, Segment
from threeam.core.store.pattern import Pattern
from threeam.core.store.reader import Line, lines_backward, lines_forward
from threeam.core.store.seek import matches_forward

_LINES_BEFORE_STEP = 3  # searched before the line about a clock step: those of its block, and the last one before


class Occurrences(NamedTuple):
    """When a pattern occurred since ``start_ns``: times (ns) as if the clock had never been stepped back.

    ``change_times_ns``: the times of the lines about changes, by their stamps. ``clock_behind_ns``: how far the clock
    is behind now, after all its steps.
    """

    times_ns: Sequence[int]
    start_ns: int | None
    change_times_ns: Mapping[int, int]
    clock_behind_ns: int

    def time_of(self, stamp: Stamp) -> int:
        """Return the time of the line about a change; its stamp, if the file that it is in has been deleted."""
        return self.change_times_ns.get(stamp.ns, stamp.ns)


def find_occurrences(journal: Journal, live: Segment, pattern: str, start_ns: int | None) -> Occurrences:
    """Return when ``pattern``, a regular expression, occurs in a note, a stream or a foreign line.

    The search begins at ``start_ns``, or at the first line. Read the journal. Raise OSError and `BadPattern`.
    """
    occurs = MatchesPattern(Pattern(pattern, case_sensitive=True))
    times_ns: list[int] = []
    change_times_ns: dict[int, int] = {}
    behind_ns = 0
    for segment in journal.segments_forward(live):
        if start_ns is None:
            first = next((line.entry for line in lines_forward(segment) if line.entry is not None), None)
            start_ns = first.effective_stamp.ns if first is not None else None
        lines: dict[int, Line] = {}
        for condition in (occurs, IsClockStep(), IsKind("Changed"), IsKind("Undone")):
            for block in matches_forward(segment, 0, segment.size(), LineFilter((condition,), skip_repeated=True)):
                lines.update((line.offset, line) for line in block.lines)
        for _, line in sorted(lines.items()):
            if (entry := line.entry) is None:
                continue
            if is_clock_step(entry):
                behind_ns += _clock_step_ns(line, entry)
            elif entry.kind == "note":
                times_ns.append(entry.stamp.ns + behind_ns)
            else:
                change_times_ns[entry.stamp.ns] = entry.stamp.ns + behind_ns
    return Occurrences(times_ns, start_ns, change_times_ns, behind_ns)


def _clock_step_ns(line: Line, entry: Entry) -> int:
    """Return how far the stamp of ``entry`` is before those of the lines before it.

    The text of the line also says it, but anyone could have written that.
    """
    entries_before = (other.entry for other in islice(lines_backward(line.segment, line.offset), _LINES_BEFORE_STEP))
    return max(0, *(other.stamp.ns + 1 - entry.stamp.ns for other in entries_before if other is not None), 0)
