"""The journal as it was at an instant: where it ended then."""

from __future__ import annotations

from typing import NamedTuple

from threeam.core.errors import PreconditionFailed
from threeam.core.format.clock import Zone
from threeam.core.format.entry import Stamp
from threeam.core.format.times import parse_time
from threeam.core.store.clock_steps import is_clock_step
from threeam.core.store.journal import Journal, Position
from threeam.core.store.reader import Line, lines_backward
from threeam.core.store.seek import bisect_time, find_line, first_entry, monotonic_ranges
from threeam.core.store.stamp_ref import read_stamp_ref

_BEFORE_ENTRY_NS = 1_000_000  # ns; `as-of` an entry means this much before its stamp


class PointInTime(NamedTuple):
    """An instant (ns), and the position where the journal ended then."""

    ns: int
    end: Position


def point_before_entry(journal: Journal, line: Line) -> PointInTime:
    """Return the instant `_BEFORE_ENTRY_NS` before the entry of ``line``, and the journal's end then. Raises OSError.

    Lines above the entry that are stamped later than the instant are left out. The order of the file is the true one,
    so all lines above a step of the clock are kept.
    """
    entry = line.entry
    assert entry is not None
    ns, end = entry.stamp.ns - _BEFORE_ENTRY_NS, Position(line.segment, line.offset)
    if is_clock_step(entry):
        return PointInTime(ns, _exclude_partial_head(journal, end))
    for segment in journal.segments_backward(line.segment):
        for line_above in lines_backward(segment, line.offset if segment == line.segment else segment.size()):
            previous = line_above.entry
            if previous is None or line_above.is_repeated:  # a repeated line is older than its stamp
                continue
            if previous.stamp.ns <= ns:
                return PointInTime(ns, _exclude_partial_head(journal, end))
            end = Position(segment, line_above.offset)
            if is_clock_step(previous):
                return PointInTime(ns, _exclude_partial_head(journal, end))
    return PointInTime(ns, _exclude_partial_head(journal, end))


def resolve_point(journal: Journal, end: Position, text: str, now: Stamp, zone: Zone) -> PointInTime:
    """Return the instant of ``text``: a time, or an ``@stamp``, which means just before its entry.

    If the clock was stepped back, a time belongs to the last monotonic range that had begun by then. Raises `BadTime`,
    `BadStamp`, OSError, and `PreconditionFailed` if the journal begins later or has no such entry.
    """
    stamp, _ = read_stamp_ref(journal, text) if text.strip().startswith("@") else (None, "")
    if stamp is not None:
        return point_before_entry(journal, find_line(journal, stamp))
    ns = parse_time(text, now, zone)
    end_then = end_at_time(journal, end, ns)
    if end_then is None:
        raise PreconditionFailed(f"the journal begins later than {text.strip()}")
    return PointInTime(ns, end_then)


def end_at_time(journal: Journal, end: Position, ns: int) -> Position | None:
    """Return where the journal ended at ``ns``, at most ``end``; None if it begins later. Raises OSError."""
    for segment in journal.segments_backward(end.segment):
        for begin, stop in reversed(
            monotonic_ranges(segment, end.offset if segment == end.segment else segment.size())
        ):
            first = first_entry(segment, begin, stop)
            if first is not None and first[1].stamp.ns <= ns:
                return _exclude_partial_head(journal, Position(segment, bisect_time(segment, begin, stop, ns + 1)))
    return None


def _exclude_partial_head(journal: Journal, end: Position) -> Position:
    """Return ``end``, or if it is inside the head that a rotation wrote, the end of the predecessor.

    A file with a part of its head has only a part of the state of its predecessor.
    """
    if end.offset < end.segment.head.end or end.offset == 0:
        predecessor = journal.predecessor(end.segment)
        if predecessor is not None:
            return Position(predecessor, predecessor.size())
    return end
