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

_HYPOTHESIS_OPTION = re.compile(r"(?:-H|--hyp)[ =]([Hh]?\d{1,9}|@\S+) +(?=\S)")


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
    found: Mapping[int, Change] = state.projections[PROJECTION.name]
    return [_apply_amendment(state, one) for one in found.values()]


def _apply_amendment(state: State, change: Change) -> Change:
    """``change`` with the words that were put in place of its own; without an undo among them, that of before."""
    said = amendments(state).by_target.get(change.stamp.ns)
    if said is None:
        return change
    text, undo, _ = parse_typed_change(said.text)
    return change._replace(text=text, undo=undo or change.undo)


def open_changes(state: State) -> list[Change]:
    """What is still to be undone, in the order in which it was changed."""
    return [one for one in changes(state) if one.undone_at is None]


def change_draft(text: str, undo: str = "", hypothesis: str | None = None) -> Draft:
    """Return the draft of the line that says what was changed, how it is undone, and for which hypothesis."""

    def lines(state: State, context: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        return change_lines(text, undo, hypothesis_tag(state, hypothesis))

    return Draft(lines, needs_full_state=hypothesis is not None)


def parse_typed_change(typed: str) -> tuple[str, str, str | None]:
    """Return the text, the way to undo it and the hypothesis of a change as it is typed.

    That is ``TEXT (undo: HOW)`` or ``TEXT --undo HOW``, with ``-H H7`` in front if it is bound to a hypothesis.
    """
    bound = _HYPOTHESIS_OPTION.match(typed.lstrip())
    typed = typed.lstrip()[bound.end() :] if bound else typed
    text, option, undo = typed.partition(" --undo ")
    text, undo = (text, undo.strip().strip("'\"")) if option else split_undo(typed)
    return text, undo, bound[1] if bound else None


def undone_draft(change_stamp: Stamp | None, text: str) -> Draft:
    """Ticks off the change of ``change_stamp``; without one, the only change that is open."""

    def lines(state: State, context: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        one = _find_change_to_undo(state, change_stamp)
        said = split_submission(f"@{one.stamp} {text.strip() or one.undo or one.text}")
        return [DraftLine(f"Undone: {said[0]}", (("CHANGE", "undone"),)), *map(DraftLine, said[1:])]

    return Draft(lines)


def _find_change_to_undo(state: State, change_stamp: Stamp | None) -> Change:
    left = open_changes(state)
    if change_stamp is None:
        if len(left) == 1:
            return left[0]
        raise PreconditionFailed(
            f"name the change by its @stamp: {_format_changes(left)}" if left else "nothing is left to undo"
        )
    for one in changes(state):
        if one.stamp.ns == change_stamp.ns and one.undone_at is not None:
            who = author_name(one.undone_by)
            raise PreconditionFailed(f"that was undone already, by {who} at {one.undone_at}: {one.undone_how}")
        if one.stamp.ns == change_stamp.ns:
            return one
    raise PreconditionFailed(
        f"@{change_stamp} is no change: {_format_changes(left)}"
        if left
        else f"@{change_stamp} is no change, and none is left to undo"
    )


def _format_changes(listed: Sequence[Change]) -> str:
    return "; ".join(f"@{one.stamp} {one.text}" for one in listed)


def _fold(changes_by_ns: Mapping[int, Change], entries: Sequence[Entry]) -> Mapping[int, Change]:
    others: dict[int, Change] | None = None
    for entry in entries:
        if entry.tag("CHANGE") is None or (kind := entry.kind) not in ("Changed", "Undone"):
            continue
        others = dict(changes_by_ns) if others is None else others
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
    return changes_by_ns if others is None else others


def _checkpoint(changes_by_ns: Mapping[int, Change]) -> Iterator[Entry]:
    for one in changes_by_ns.values():
        undo = f" (undo: {one.undo})" if one.undo else ""
        bound = () if one.hypothesis is None else ((f"H{one.hypothesis}", "change"),)
        tags = (*by_tag(one.author), *bound, ("CHANGE", "open"))
        yield Entry(one.stamp, 0, tags, f"Changed: {one.text}{undo}", one.position)
        if one.undone_at is not None:
            tags = (*by_tag(one.undone_by), ("CHANGE", "undone"))
            yield Entry(one.undone_at, 0, tags, f"Undone: @{one.stamp} {one.undone_how}", one.undone_position)


PROJECTION = Projection("changes", ("CHANGE",), {}, _fold, _checkpoint)
