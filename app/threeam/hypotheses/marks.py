"""Marks: lines that say which lines matter. Everyone sees them, and they survive a rotation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import Author, Entry, Stamp, by_tag, find_stamp_refs
from threeam.core.state.fold import Projection, State
from threeam.core.write.draft import Draft, DraftLine, WriteContext


class Mark(NamedTuple):
    """A mark on the line of ``stamp``: who set it, and when."""

    stamp: Stamp
    author: Author | None
    set_at: Stamp


def marks(state: State) -> Mapping[int, Mark]:
    """Return the marks that are set, by the stamps (ns) of the marked lines, in the order in which they were set."""
    return PROJECTION.of(state)


def mark_draft(target: Stamp, *, on: bool) -> Draft:
    """Return the draft that sets (``on``) or removes the mark on the line of ``target``."""

    def lines(state: State, context: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        if (target.ns in marks(state)) == on:
            raise PreconditionFailed(f"@{target} is {'marked already' if on else 'not marked any more'}")
        return [DraftLine(f"Mark: @{target}", (("MARK", "on" if on else "off"),))]

    return Draft(lines)


def _fold(marks_by_ns: Mapping[int, Mark], entries: Sequence[Entry]) -> Mapping[int, Mark]:
    updated: dict[int, Mark] | None = None
    for entry in entries:
        value = entry.tag("MARK")
        if value not in ("on", "off") or entry.kind != "Mark" or not (refs := find_stamp_refs(entry.text)[:1]):
            continue
        updated = dict(marks_by_ns) if updated is None else updated
        updated.pop(refs[0].ns, None)
        if value == "on":
            updated[refs[0].ns] = Mark(refs[0], entry.author, entry.effective_stamp)
    return marks_by_ns if updated is None else updated


def _checkpoint(marks_by_ns: Mapping[int, Mark]) -> Iterator[Entry]:
    for mark in marks_by_ns.values():
        yield Entry(mark.set_at, 0, (*by_tag(mark.author), ("MARK", "on")), f"Mark: @{mark.stamp}")


PROJECTION: Projection[Mapping[int, Mark]] = Projection("marks", ("MARK",), {}, _fold, _checkpoint)
