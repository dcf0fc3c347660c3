"""The journal as it was: a moment, and where it ended then."""

from __future__ import annotations

from typing import NamedTuple

from threeam.core.errors import PreconditionFailed
from threeam.core.format.clock import Zone
from threeam.core.format.entry import Stamp
from threeam.core.format.times import parse_time
from threeam.core.store.filters import is_clock_step
from threeam.core.store.journal import Journal, Position
from threeam.core.store.reader import Line, lines_backward
from threeam.core.store.seek import bisect_time, find_line, first_entry, monotonic_ranges, parse_stamp_ref

_BEFORE_ENTRY_NS = 1_000_000  # so long before an entry the world was as it was before it


class PointInTime(NamedTuple):
    """An instant (ns), and the place where the journal ended then."""

    ns: int
    end: Position


def point_before_entry(journal: Journal, line: Line) -> PointInTime:
    """A little before the entry that ``line`` is: what stands above it and was stamped later than that is not there.

    The order of the file is the true one: what stands above a step of the clock was there before. Raises OSError.
    """
    entry = line.entry
    assert entry is not None
    ns, end = entry.stamp.ns - _BEFORE_ENTRY_NS, Position(line.segment, line.offset)
    if is_clock_step(entry):
        return PointInTime(ns, _exclude_partial_head(journal, end))
    for segment in journal.segments_backward(line.segment):
        for before in lines_backward(segment, line.offset if segment == line.segment else segment.size()):
            above = before.entry
            if above is None or before.is_repeated:  # what a rotation says again was there before
                continue
            if above.stamp.ns <= ns:
                return PointInTime(ns, _exclude_partial_head(journal, end))
            end = Position(segment, before.offset)
            if is_clock_step(above):
                return PointInTime(ns, _exclude_partial_head(journal, end))
    return PointInTime(ns, _exclude_partial_head(journal, end))


def resolve_point(journal: Journal, end: Position, text: str, now: Stamp, zone: Zone) -> PointInTime:
    """The moment that ``text`` names: a time, or a little before the entry of an ``@stamp``.

    Where the clock was stepped back, a time is that of the last stretch that had begun by then. Raises `BadTime`,
    `BadStamp`, and `Declined` where the journal begins later, or has no such entry. Raises OSError.
    """
    stamp, _ = parse_stamp_ref(text)
    if stamp is not None:
        return point_before_entry(journal, find_line(journal, stamp))
    ns = parse_time(text, now, zone)
    place = end_at_time(journal, end, ns)
    if place is None:
        raise PreconditionFailed(f"the journal begins later than {text.strip()}")
    return PointInTime(ns, place)


def end_at_time(journal: Journal, end: Position, ns: int) -> Position | None:
    """Where the journal ended at the instant ``ns``, up to ``end``; None where it begins later. Raises OSError."""
    for segment in journal.segments_backward(end.segment):
        for begin, stop in reversed(
            monotonic_ranges(segment, end.offset if segment == end.segment else segment.size())
        ):
            first = first_entry(segment, begin, stop)
            if first is not None and first[1].stamp.ns <= ns:
                place = Position(segment, bisect_time(segment, begin, stop, ns + 1))
                return _exclude_partial_head(journal, place)
    return None


def _exclude_partial_head(journal: Journal, end: Position) -> Position:
    """``end`` itself; or the end of the file before, where ``end`` is among the lines with which a rotation begins one.

    Until the last of those is there, the file does not say all that the one before it does.
    """
    if end.offset < end.segment.head.end or end.offset == 0:
        before = journal.predecessor(end.segment)
        if before is not None:
            return Position(before, before.size())
    return end
