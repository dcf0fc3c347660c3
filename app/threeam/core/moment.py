"""The journal as it was: a moment, and where it ended then."""

from __future__ import annotations

from typing import NamedTuple

from threeam.core.draft import Declined
from threeam.core.entry import Stamp
from threeam.core.journal import Journal, Position, Segment
from threeam.core.reader import Line, lines_back, lines_forward
from threeam.core.seek import begins_after, line_of, place_of, stamp_of, steps_back
from threeam.core.when import parse_when

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
    ns, segment, end = entry.stamp.ns - _BEFORE_NS, line.segment, line.offset
    for before in lines_back(segment, end) if not steps_back(entry) else ():
        if (above := before.entry) is None:
            continue
        if above.stamp.ns <= ns:
            break
        end = before.offset
        if steps_back(above):
            break
    return Moment(ns, _where_it_stands_alone(journal, segment, end))


def moment_at(journal: Journal, end: Position, word: str, now: Stamp) -> Moment:
    """The moment that ``word`` names: a time, or a little before the entry of an ``@stamp``.

    Raises `BadTime`, `BadStamp`, and `Declined` where the journal begins later, or has no such entry. Raises OSError.
    """
    stamp, _ = stamp_of(word)
    if stamp is not None:
        return moment_before(journal, line_of(journal, stamp))
    ns = parse_when(word, now)
    place, _ = place_of(journal, end, ns + 1)
    if place is not None and begins_after(journal, place, ns):
        raise Declined(f"the journal begins later than {word}")
    place = place or end
    return Moment(ns, _where_it_stands_alone(journal, *place))


def _where_it_stands_alone(journal: Journal, segment: Segment, end: int) -> Position:
    """``end`` itself; or the end of the file before, where ``end`` is among the lines with which a rotation begins one.

    Until the last of those is there, the file does not say all that the one before it does.
    """
    next_line = next(lines_forward(segment, end), None)
    entry = next_line.entry if next_line is not None else None
    if end == 0 or (entry is not None and entry.carried is not None):
        before = journal.predecessor(segment)
        if before is not None:
            return Position(before, before.size())
    return Position(segment, end)
