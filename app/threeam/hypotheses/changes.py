"""What was changed on the system that is being debugged, and must be undone before the night is over."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import Author, Entry, Stamp, author_name, by_tag, leading_stamp_ref, split_submission
from threeam.core.state.fold import Projection, State
from threeam.core.write.draft import Draft, DraftLine, WriteContext, change_lines, hypothesis_tag, split_undo
from threeam.hypotheses.amendments import amendments

_BOUND = re.compile(r"(?:-H|--hyp)[ =]([Hh]?\d{1,9}|@\S+) +(?=\S)")


class Change(NamedTuple):
    """Something that was changed, and how to undo it (empty: nobody has said).

    ``undone``: when it was, by ``undoer``, with the words ``how``; None while it is still to do. ``hypothesis``: the
    number of the hypothesis to which it is bound; None if it is bound to none. ``position``, ``undone_position``:
    of its two lines, see `Entry.position`.
    """

    stamp: Stamp
    author: Author | None
    text: str
    undo: str
    undone_at: Stamp | None = None
    undone_by: Author | None = None
    undone_how: str = ""
    hypothesis: int | None = None
    position: int = 0
    undone_position: int = 0


def changes(state: State) -> list[Change]:
    """All changes, in their order, as they are read now."""
    found = PROJECTION.of(state)
    return [_as_read(state, one) for one in found.values()]


def _as_read(state: State, one: Change) -> Change:
    """``one`` with the words that were put in place of its own; without an undo among them, that of before."""
    said = amendments(state).by_target.get(one.stamp.ns)
    if said is None:
        return one
    text, undo, _ = parse_typed_change(said.text)
    return one._replace(text=text, undo=undo or one.undo)


def open_changes(state: State) -> list[Change]:
    """What is still to be undone, in the order in which it was changed."""
    return [one for one in changes(state) if one.undone_at is None]


def change_draft(text: str, undo: str = "", hypothesis: str | None = None) -> Draft:
    """Return the draft of the line that says what was changed, how it is undone, and for which hypothesis."""

    def lines(state: State, author: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        return change_lines(text, undo, hypothesis_tag(state, hypothesis))

    return Draft(lines, needs_full_state=hypothesis is not None)


def parse_typed_change(words: str) -> tuple[str, str, str | None]:
    """Return the text, the way to undo it and the hypothesis of a change as it is typed.

    That is ``TEXT (undo: HOW)`` or ``TEXT --undo HOW``, with ``-H H7`` in front if it is bound to a hypothesis.
    """
    bound = _BOUND.match(words.lstrip())
    words = words.lstrip()[bound.end() :] if bound else words
    text, option, undo = words.partition(" --undo ")
    text, undo = (text, undo.strip().strip("'\"")) if option else split_undo(words)
    return text, undo, bound[1] if bound else None


def undone_draft(at: Stamp | None, words: str) -> Draft:
    """Ticks off the change of ``at``; without one, the only change that is open."""

    def lines(state: State, author: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        one = _to_undo(state, at)
        said = split_submission(f"@{one.stamp} {words.strip() or one.undo or one.text}")
        return [DraftLine(f"Undone: {said[0]}", (("CHANGE", "undone"),)), *map(DraftLine, said[1:])]

    return Draft(lines)


def _to_undo(state: State, at: Stamp | None) -> Change:
    left = open_changes(state)
    if at is None:
        if len(left) == 1:
            return left[0]
        raise PreconditionFailed(
            f"name the change by its @stamp: {_listed(left)}" if left else "nothing is left to undo"
        )
    for one in changes(state):
        if one.stamp.ns == at.ns and one.undone_at is not None:
            who = author_name(one.undone_by)
            raise PreconditionFailed(f"that was undone already, by {who} at {one.undone_at}: {one.undone_how}")
        if one.stamp.ns == at.ns:
            return one
    raise PreconditionFailed(
        f"@{at} is no change: {_listed(left)}" if left else f"@{at} is no change, and none is left to undo"
    )


def _listed(left: Sequence[Change]) -> str:
    return "; ".join(f"@{one.stamp} {one.text}" for one in left)


def _fold(found: Mapping[int, Change], entries: Sequence[Entry]) -> Mapping[int, Change]:
    others: dict[int, Change] | None = None
    for entry in entries:
        if entry.tag("CHANGE") is None or (kind := entry.kind) not in ("Changed", "Undone"):
            continue
        others = dict(found) if others is None else others
        stamp, body = entry.effective_stamp, entry.body
        if kind == "Changed":
            text, undo = split_undo(body)
            bound = None if entry.hypothesis is None else entry.hypothesis[0]
            others.pop(stamp.ns, None)
            others[stamp.ns] = Change(stamp, entry.author, text, undo, hypothesis=bound, position=entry.position)
        elif (at := leading_stamp_ref(body)) is not None and (one := others.get(at.ns)) is not None:
            how = body.removeprefix(f"@{at}").strip()
            others[one.stamp.ns] = one._replace(
                undone_at=stamp, undone_by=entry.author, undone_how=how, undone_position=entry.position
            )
    return found if others is None else others


def _carry(found: Mapping[int, Change]) -> Iterator[Entry]:
    for one in found.values():
        undo = f" (undo: {one.undo})" if one.undo else ""
        bound = () if one.hypothesis is None else ((f"H{one.hypothesis}", "change"),)
        tags = (*by_tag(one.author), *bound, ("CHANGE", "open"))
        yield Entry(one.stamp, 0, tags, f"Changed: {one.text}{undo}", one.position)
        if one.undone_at is not None:
            tags = (*by_tag(one.undone_by), ("CHANGE", "undone"))
            yield Entry(one.undone_at, 0, tags, f"Undone: @{one.stamp} {one.undone_how}", one.undone_position)


PROJECTION: Projection[Mapping[int, Change]] = Projection("changes", ("CHANGE",), {}, _fold, _carry)
