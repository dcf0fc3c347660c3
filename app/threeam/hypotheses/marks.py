"""Marks: lines that say which lines matter. Everybody sees them, and they survive."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import Author, Entry, Stamp, by_tag, find_stamp_refs
from threeam.core.state.fold import Projection, State
from threeam.core.write.draft import Draft, DraftLine, WriteContext


class Mark(NamedTuple):
    """A mark on the line of ``at``, and who set it when."""

    stamp: Stamp
    author: Author | None
    set_at: Stamp


def marks(state: State) -> Mapping[int, Mark]:
    """The marks that are set, by the stamps (ns) of their lines; the one set last is the last."""
    return PROJECTION.of(state)


def mark_draft(at: Stamp, *, on: bool) -> Draft:
    """Sets a mark on the line of ``at``, or takes it away."""

    def lines(state: State, author: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        if (at.ns in marks(state)) == on:
            raise PreconditionFailed(f"@{at} is {'marked already' if on else 'not marked any more'}")
        return [DraftLine(f"Mark: @{at}", (("MARK", "on" if on else "off"),))]

    return Draft(lines)


def _fold(found: Mapping[int, Mark], entries: Sequence[Entry]) -> Mapping[int, Mark]:
    others: dict[int, Mark] | None = None
    for entry in entries:
        value = entry.tag("MARK")
        if value not in ("on", "off") or entry.kind != "Mark" or not (cited := find_stamp_refs(entry.text)[:1]):
            continue
        others = dict(found) if others is None else others
        others.pop(cited[0].ns, None)
        if value == "on":
            others[cited[0].ns] = Mark(cited[0], entry.author, entry.effective_stamp)
    return found if others is None else others


def _carry(found: Mapping[int, Mark]) -> Iterator[Entry]:
    for one in found.values():
        yield Entry(one.set_at, 0, (*by_tag(one.author), ("MARK", "on")), f"Mark: @{one.stamp}")


PROJECTION: Projection[Mapping[int, Mark]] = Projection("marks", ("MARK",), {}, _fold, _carry)
