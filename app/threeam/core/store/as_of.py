"""The journal as it was: a moment, and where it ended then."""

from __future__ import annotations

from typing import NamedTuple

from threeam.core.errors import PreconditionFailed
from threeam.core.format.clock import Zone
from threeam.core.format.entry import Stamp
from threeam.core.format.times import parse_when
from threeam.core.store.filters import steps_back
from threeam.core.store.journal import Journal, Position
from threeam.core.store.reader import Line, lines_back
from threeam.core.store.seek import first_at, first_entry, line_of, stamp_of, stretches

_BEFORE_NS = 1_000_000  # so long before an entry the world was as it was before it


class Moment(NamedTuple):
    """An instant (ns), and the place where the journal ended then."""

    ns: int
    end: Position


def moment_before(journal: Journal, line: Line) -> Moment:
    """A little before the entry that ``line`` is: what stands above it and was stamped later than that is not there.

    The order of the file is the true one: what stands above a step of the clock was there before. Raises OSError.
    """
    entry = line.entry
    assert entry is not None
    ns, end = entry.stamp.ns - _BEFORE_NS, Position(line.segment, line.offset)
    if steps_back(entry):
        return Moment(ns, _where_it_stands_alone(journal, end))
    for segment in journal.segments_backward(line.segment):
        for before in lines_back(segment, line.offset if segment == line.segment else segment.size()):
            above = before.entry
            if above is None or before.repeated:  # what a rotation says again was there before
                continue
            if above.stamp.ns <= ns:
                return Moment(ns, _where_it_stands_alone(journal, end))
            end = Position(segment, before.offset)
            if steps_back(above):
                return Moment(ns, _where_it_stands_alone(journal, end))
    return Moment(ns, _where_it_stands_alone(journal, end))


def moment_at(journal: Journal, end: Position, word: str, now: Stamp, zone: Zone) -> Moment:
    """The moment that ``word`` names: a time, or a little before the entry of an ``@stamp``.

    Where the clock was stepped back, a time is that of the last stretch that had begun by then. Raises `BadTime`,
    `BadStamp`, and `Declined` where the journal begins later, or has no such entry. Raises OSError.
    """
    stamp, _ = stamp_of(word)
    if stamp is not None:
        return moment_before(journal, line_of(journal, stamp))
    ns = parse_when(word, now, zone)
    place = ended_at(journal, end, ns)
    if place is None:
        raise PreconditionFailed(f"the journal begins later than {word.strip()}")
    return Moment(ns, place)


def ended_at(journal: Journal, end: Position, ns: int) -> Position | None:
    """Where the journal ended at the instant ``ns``, up to ``end``; None where it begins later. Raises OSError."""
    for segment in journal.segments_backward(end.segment):
        for begin, stop in reversed(stretches(segment, end.offset if segment == end.segment else segment.size())):
            first = first_entry(segment, begin, stop)
            if first is not None and first[1].stamp.ns <= ns:
                place = Position(segment, first_at(segment, begin, stop, ns + 1))
                return _where_it_stands_alone(journal, place)
    return None


def _where_it_stands_alone(journal: Journal, end: Position) -> Position:
    """``end`` itself; or the end of the file before, where ``end`` is among the lines with which a rotation begins one.

    Until the last of those is there, the file does not say all that the one before it does.
    """
    if end.offset < end.segment.head.end or end.offset == 0:
        before = journal.predecessor(end.segment)
        if before is not None:
            return Position(before, before.size())
    return end
