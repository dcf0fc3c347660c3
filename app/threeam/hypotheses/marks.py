"""Marks: lines that say which lines matter. Everybody sees them, and they survive."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from threeam.core.errors import Declined
from threeam.core.format.entry import By, Entry, Stamp, references, signed
from threeam.core.state.fold import Room, State
from threeam.core.write.draft import Author, Draft, DraftLine


class Mark(NamedTuple):
    """A mark on the line of ``at``, and who set it when."""

    at: Stamp
    by: By | None
    set: Stamp


def marks(state: State) -> Mapping[int, Mark]:
    """The marks that are set, by the stamps (ns) of their lines; the one set last is the last."""
    found: Mapping[int, Mark] = state.rooms[ROOM.name]
    return found


def mark(at: Stamp, *, on: bool) -> Draft:
    """Sets a mark on the line of ``at``, or takes it away."""

    def lines(state: State, author: Author, stamp: Stamp) -> Sequence[DraftLine]:
        if (at.ns in marks(state)) == on:
            raise Declined(f"@{at} is {'marked already' if on else 'not marked any more'}")
        return [DraftLine(f"Mark: @{at}", (("MARK", "on" if on else "off"),))]

    return Draft(lines)


def _fold(found: Mapping[int, Mark], entries: Sequence[Entry]) -> Mapping[int, Mark]:
    others: dict[int, Mark] | None = None
    for entry in entries:
        value = entry.tag("MARK")
        if value not in ("on", "off") or entry.kind != "Mark" or not (cited := references(entry.text)[:1]):
            continue
        others = dict(found) if others is None else others
        others.pop(cited[0].ns, None)
        if value == "on":
            others[cited[0].ns] = Mark(cited[0], entry.by, entry.said_at)
    return found if others is None else others


def _carry(found: Mapping[int, Mark]) -> Iterator[Entry]:
    for one in found.values():
        yield Entry(one.set, 0, (*signed(one.by), ("MARK", "on")), f"Mark: @{one.at}")


ROOM = Room("marks", ("MARK",), {}, _fold, _carry)
