"""What the next person has to know: the topology, the shared state, the next step, and who holds the journal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import CONTINUATION_PREFIX, Author, Entry, Stamp, by_tag
from threeam.core.state.fold import Projection, State
from threeam.core.write.draft import Draft, DraftLine, WriteContext

KINDS = ("next", "topology", "shared")  # the words that such a note begins with
_HOLDER = "holder"  # and under this, who has taken the journal


class Noted(NamedTuple):
    """Something that was noted, its lines, when and by whom."""

    at: Stamp
    by: Author | None
    lines: tuple[str, ...]


def noted(state: State, what: str) -> Noted | None:
    """What was last noted under ``next``, ``topology`` or ``shared``."""
    found: Mapping[str, Noted] = state.projections[ROOM.name]
    return found.get(what)


def holder_of_journal(state: State) -> Noted | None:
    """Who has taken the journal last, and when."""
    return noted(state, _HOLDER)


def take(by: Author) -> Draft:
    """``by`` holds the journal from now on."""

    def lines(state: State, author: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        before = holder_of_journal(state)
        had = before.by.user if before is not None and before.by is not None else ""
        if had == author.user:
            raise PreconditionFailed(f"{had} holds the journal already")
        text = f"Taken: {author.user} holds the journal now{f', and no longer {had}' if had else ''}."
        return [DraftLine(text, (("HOLDS", author.user),))]

    return Draft(lines)


def _fold(found: Mapping[str, Noted], entries: Sequence[Entry]) -> Mapping[str, Noted]:
    others: dict[str, Noted] | None = None
    for entry in entries:
        what, taken, stamp = entry.tag("NOTED"), entry.tag("HOLDS"), entry.effective_stamp
        if taken is not None and entry.kind == "Taken":
            others = dict(found) if others is None else others
            others[_HOLDER] = Noted(stamp, entry.author, (entry.body,))
        elif what not in KINDS:
            continue
        elif entry.kind.lower() == what:
            others = dict(found) if others is None else others
            others[what] = Noted(stamp, entry.author, (entry.body,))
        elif entry.text.startswith(("| ", CONTINUATION_PREFIX)):
            before = (others or found).get(what)
            if before is not None and before.by == entry.author:
                others = dict(found) if others is None else others
                others[what] = before._replace(lines=(*before.lines, entry.text.partition(" ")[2]))
    return found if others is None else others


def _carry(found: Mapping[str, Noted]) -> Iterator[Entry]:
    for what, one in found.items():
        if what == _HOLDER:
            user = one.by.user if one.by is not None else ""
            yield Entry(one.at, 0, (*by_tag(one.by), ("HOLDS", user)), f"Taken: {one.lines[0]}")
            continue
        tag = ("NOTED", what)
        yield Entry(one.at, 0, (*by_tag(one.by), tag), f"{what.capitalize()}: {one.lines[0]}")
        for line in one.lines[1:]:
            yield Entry(one.at, 0, (*by_tag(one.by), tag), f"| {line}")


ROOM = Projection("noted", ("NOTED", "HOLDS"), {}, _fold, _carry)
