"""Notes for the next person: the topology, the shared state, the next step, and who holds the journal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import CONTINUATION_PREFIX, Author, Entry, Stamp, by_tag
from threeam.core.state.fold import Projection, State
from threeam.core.write.draft import Draft, DraftLine, WriteContext

NOTE_KINDS = ("next", "topology", "shared")  # the words that such a note begins with, and its keys in the projection
_HOLDER_KEY = "holder"  # the key of the last person who took the journal


class HandoffNote(NamedTuple):
    """A note: its lines, when and by whom."""

    stamp: Stamp
    author: Author | None
    lines: tuple[str, ...]


def handoff_note(state: State, kind: str) -> HandoffNote | None:
    """Return the last note of a kind: ``next``, ``topology`` or ``shared``."""
    notes = PROJECTION.of(state)
    return notes.get(kind)


def journal_holder(state: State) -> HandoffNote | None:
    """Return the note of who took the journal last, and when."""
    return handoff_note(state, _HOLDER_KEY)


def take_journal_draft() -> Draft:
    """Return the draft that makes its author the holder of the journal."""

    def lines(state: State, context: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        previous = journal_holder(state)
        holder = previous.author.user if previous is not None and previous.author is not None else ""
        if holder == context.user:
            raise PreconditionFailed(f"{holder} holds the journal already")
        text = f"Taken: {context.user} holds the journal now{f', and no longer {holder}' if holder else ''}."
        return [DraftLine(text, (("HOLDS", context.user),))]

    return Draft(lines)


def _fold(notes: Mapping[str, HandoffNote], entries: Sequence[Entry]) -> Mapping[str, HandoffNote]:
    updated: dict[str, HandoffNote] | None = None
    for entry in entries:
        kind, holder, stamp = entry.tag("NOTED"), entry.tag("HOLDS"), entry.effective_stamp
        if holder is not None and entry.kind == "Taken":
            updated = dict(notes) if updated is None else updated
            updated[_HOLDER_KEY] = HandoffNote(stamp, entry.author, (entry.body,))
        elif kind not in NOTE_KINDS:
            continue
        elif entry.kind.lower() == kind:
            updated = dict(notes) if updated is None else updated
            updated[kind] = HandoffNote(stamp, entry.author, (entry.body,))
        elif entry.text.startswith(("| ", CONTINUATION_PREFIX)):
            note = (updated or notes).get(kind)
            if note is not None and note.author == entry.author:
                updated = dict(notes) if updated is None else updated
                updated[kind] = note._replace(lines=(*note.lines, entry.text.partition(" ")[2]))
    return notes if updated is None else updated


def _checkpoint(notes: Mapping[str, HandoffNote]) -> Iterator[Entry]:
    for kind, note in notes.items():
        if kind == _HOLDER_KEY:
            user = note.author.user if note.author is not None else ""
            yield Entry(note.stamp, 0, (*by_tag(note.author), ("HOLDS", user)), f"Taken: {note.lines[0]}")
            continue
        tag = ("NOTED", kind)
        yield Entry(note.stamp, 0, (*by_tag(note.author), tag), f"{kind.capitalize()}: {note.lines[0]}")
        for line in note.lines[1:]:
            yield Entry(note.stamp, 0, (*by_tag(note.author), tag), f"| {line}")


PROJECTION: Projection[Mapping[str, HandoffNote]] = Projection("noted", ("NOTED", "HOLDS"), {}, _fold, _checkpoint)
