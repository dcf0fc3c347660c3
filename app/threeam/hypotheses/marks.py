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
    found: Mapping[int, Mark] = state.projections[PROJECTION.name]
    return found


def mark_draft(target: Stamp, *, on: bool) -> Draft:
    """Sets a mark on the line of ``target``, or takes it away."""

    def lines(state: State, context: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        if (target.ns in marks(state)) == on:
            raise PreconditionFailed(f"@{target} is {'marked already' if on else 'not marked any more'}")
        return [DraftLine(f"Mark: @{target}", (("MARK", "on" if on else "off"),))]

    return Draft(lines)


def _fold(marks_by_ns: Mapping[int, Mark], entries: Sequence[Entry]) -> Mapping[int, Mark]:
    others: dict[int, Mark] | None = None
    for entry in entries:
        value = entry.tag("MARK")
        if value not in ("on", "off") or entry.kind != "Mark" or not (cited := find_stamp_refs(entry.text)[:1]):
            continue
        others = dict(marks_by_ns) if others is None else others
        others.pop(cited[0].ns, None)
        if value == "on":
            others[cited[0].ns] = Mark(cited[0], entry.author, entry.effective_stamp)
    return marks_by_ns if others is None else others


def _checkpoint(marks_by_ns: Mapping[int, Mark]) -> Iterator[Entry]:
    for one in marks_by_ns.values():
        yield Entry(one.set_at, 0, (*by_tag(one.author), ("MARK", "on")), f"Mark: @{one.stamp}")


PROJECTION = Projection("marks", ("MARK",), {}, _fold, _checkpoint)
