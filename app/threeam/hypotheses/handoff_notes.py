"""What the next person has to know: the topology, the shared state, the next step, and who holds the journal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import CONTINUATION_PREFIX, Author, Entry, Stamp, by_tag
from threeam.core.state.fold import Projection, State
from threeam.core.write.draft import Draft, DraftLine, WriteContext

NOTE_KINDS = ("next", "topology", "shared")  # the words that such a note begins with
_HOLDER = "holder"  # and under this, who has taken the journal


class HandoffNote(NamedTuple):
    """Something that was noted, its lines, when and by whom."""

    stamp: Stamp
    author: Author | None
    lines: tuple[str, ...]


def handoff_note(state: State, what: str) -> HandoffNote | None:
    """What was last noted under ``next``, ``topology`` or ``shared``."""
    found = PROJECTION.of(state)
    return found.get(what)


def journal_holder(state: State) -> HandoffNote | None:
    """Who has taken the journal last, and when."""
    return handoff_note(state, _HOLDER)


def take_journal_draft(by: Author) -> Draft:
    """``by`` holds the journal from now on."""

    def lines(state: State, author: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        before = journal_holder(state)
        had = before.author.user if before is not None and before.author is not None else ""
        if had == author.user:
            raise PreconditionFailed(f"{had} holds the journal already")
        text = f"Taken: {author.user} holds the journal now{f', and no longer {had}' if had else ''}."
        return [DraftLine(text, (("HOLDS", author.user),))]

    return Draft(lines)


def _fold(found: Mapping[str, HandoffNote], entries: Sequence[Entry]) -> Mapping[str, HandoffNote]:
    others: dict[str, HandoffNote] | None = None
    for entry in entries:
        what, taken, stamp = entry.tag("NOTED"), entry.tag("HOLDS"), entry.effective_stamp
        if taken is not None and entry.kind == "Taken":
            others = dict(found) if others is None else others
            others[_HOLDER] = HandoffNote(stamp, entry.author, (entry.body,))
        elif what not in NOTE_KINDS:
            continue
        elif entry.kind.lower() == what:
            others = dict(found) if others is None else others
            others[what] = HandoffNote(stamp, entry.author, (entry.body,))
        elif entry.text.startswith(("| ", CONTINUATION_PREFIX)):
            before = (others or found).get(what)
            if before is not None and before.author == entry.author:
                others = dict(found) if others is None else others
                others[what] = before._replace(lines=(*before.lines, entry.text.partition(" ")[2]))
    return found if others is None else others


def _carry(found: Mapping[str, HandoffNote]) -> Iterator[Entry]:
    for what, one in found.items():
        if what == _HOLDER:
            user = one.author.user if one.author is not None else ""
            yield Entry(one.stamp, 0, (*by_tag(one.author), ("HOLDS", user)), f"Taken: {one.lines[0]}")
            continue
        tag = ("NOTED", what)
        yield Entry(one.stamp, 0, (*by_tag(one.author), tag), f"{what.capitalize()}: {one.lines[0]}")
        for line in one.lines[1:]:
            yield Entry(one.stamp, 0, (*by_tag(one.author), tag), f"| {line}")


PROJECTION: Projection[Mapping[str, HandoffNote]] = Projection("noted", ("NOTED", "HOLDS"), {}, _fold, _carry)
