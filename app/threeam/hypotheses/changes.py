"""Changes to the system that is being debugged. They must be undone before the night is over."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import Author, Entry, Stamp, author_name, by_tag, leading_stamp_ref, split_submission
from threeam.core.format.remote_hypothesis import Bound, Named, bound_to, repeated_bound_tags
from threeam.core.state.fold import Projection, State
from threeam.core.write.draft import Draft, DraftLine, WriteContext, change_lines, hypothesis_tags, split_undo
from threeam.hypotheses.amendments import amendments

_HYPOTHESIS_OPTION = re.compile(r"(?:-H|--hyp)[ =]((?:[\w.·-]+/)?[Hh]?\d{1,9}|@\S+) +(?=\S)")
_UNDO_OPTION = re.compile(r"\s--undo[\s=]")


class Change(NamedTuple):
    """A change to the system, and how to undo it (empty: not known).

    ``undone_at``, ``undone_by``, ``undone_how``: when, by whom and how it was undone; None while it is open.
    ``hypothesis``: the one that it is bound to, or None. ``position``, ``undone_position``: those
    of its two lines, see `Entry.position`.
    """

    stamp: Stamp
    author: Author | None
    text: str
    undo: str
    undone_at: Stamp | None = None
    undone_by: Author | None = None
    undone_how: str = ""
    hypothesis: Bound | None = None
    position: int = 0
    undone_position: int = 0


def changes(state: State) -> list[Change]:
    """Return all changes, oldest first, as they read now."""
    changes_by_ns = PROJECTION.of(state)
    return [_apply_amendment(state, change) for change in changes_by_ns.values()]


def _apply_amendment(state: State, change: Change) -> Change:
    """Return ``change`` with its corrected text; if that names no way to undo it, keep the one before."""
    amendment = amendments(state).by_target.get(change.stamp.ns)
    if amendment is None:
        return change
    text, undo, _ = parse_typed_change(amendment.text)
    return change._replace(text=text, undo=undo or change.undo)


def open_changes(state: State) -> list[Change]:
    """Return the changes that are not undone yet, oldest first."""
    return [change for change in changes(state) if change.undone_at is None]


def change_draft(text: str, undo: str = "", hypothesis: Named | None = None) -> Draft:
    """Return the draft of the line that says what was changed, how it is undone, and for which hypothesis."""

    def lines(state: State, context: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        return change_lines(text, undo, hypothesis_tags(state, hypothesis))

    return Draft(lines, needs_full_state=isinstance(hypothesis, str))


def parse_typed_change(typed: str) -> tuple[str, str, str | None]:
    """Return the text, the way to undo it and the hypothesis of a change as it is typed.

    That is ``TEXT (undo: HOW)`` or ``TEXT --undo HOW``, with ``-H H7`` in front if it is bound to a hypothesis.
    """
    option_match = _HYPOTHESIS_OPTION.match(typed.lstrip())
    typed = typed.lstrip()[option_match.end() :] if option_match else typed
    undo_option = _UNDO_OPTION.search(typed)
    if undo_option is None:
        text, undo = split_undo(typed)
    else:
        text, undo = typed[: undo_option.start()], typed[undo_option.end() :].strip().strip("'\"")
    return text, undo, option_match[1] if option_match else None


def undone_draft(change_stamp: Stamp | None, text: str) -> Draft:
    """Return the draft that ticks off the change of ``change_stamp``; if None, the only open change."""

    def lines(state: State, context: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        change = _find_change_to_undo(state, change_stamp)
        texts = split_submission(f"@{change.stamp} {text.strip() or change.undo or change.text}")
        return [DraftLine(f"Undone: {texts[0]}", (("CHANGE", "undone"),)), *map(DraftLine, texts[1:])]

    return Draft(lines)


def _find_change_to_undo(state: State, change_stamp: Stamp | None) -> Change:
    remaining = open_changes(state)
    if change_stamp is None:
        if len(remaining) == 1:
            return remaining[0]
        raise PreconditionFailed(
            f"name the change by its @stamp: {_format_changes(remaining)}" if remaining else "nothing is left to undo"
        )
    change = next((change for change in changes(state) if change.stamp.ns == change_stamp.ns), None)
    if change is None:
        raise PreconditionFailed(
            f"@{change_stamp} is not a change: {_format_changes(remaining)}"
            if remaining
            else f"@{change_stamp} is not a change, and none is left to undo"
        )
    if change.undone_at is not None:
        undoer = author_name(change.undone_by)
        raise PreconditionFailed(f"that was undone already, by {undoer} at {change.undone_at}: {change.undone_how}")
    return change


def _format_changes(listed: Sequence[Change]) -> str:
    return "; ".join(f"@{change.stamp} {change.text}" for change in listed)


def _fold(changes_by_ns: Mapping[int, Change], entries: Sequence[Entry]) -> Mapping[int, Change]:
    updated: dict[int, Change] | None = None
    for entry in entries:
        if entry.tag("CHANGE") is None or (kind := entry.kind) not in ("Changed", "Undone"):
            continue
        updated = dict(changes_by_ns) if updated is None else updated
        stamp, body = entry.effective_stamp, entry.body
        if kind == "Changed":
            text, undo = split_undo(body)
            updated.pop(stamp.ns, None)
            updated[stamp.ns] = Change(
                stamp, entry.author, text, undo, hypothesis=bound_to(entry), position=entry.position
            )
            continue
        change_stamp = leading_stamp_ref(body)
        change = None if change_stamp is None else updated.get(change_stamp.ns)
        if change is not None:
            how = body.removeprefix(f"@{change_stamp}").strip()
            updated[change.stamp.ns] = change._replace(
                undone_at=stamp, undone_by=entry.author, undone_how=how, undone_position=entry.position
            )
    return changes_by_ns if updated is None else updated


def _checkpoint(changes_by_ns: Mapping[int, Change]) -> Iterator[Entry]:
    for change in changes_by_ns.values():
        undo = f" (undo: {change.undo})" if change.undo else ""
        bound = repeated_bound_tags(change.hypothesis, "change")
        tags = (*by_tag(change.author), *bound, ("CHANGE", "open"))
        yield Entry(change.stamp, 0, tags, f"Changed: {change.text}{undo}", change.position)
        if change.undone_at is not None:
            tags = (*by_tag(change.undone_by), ("CHANGE", "undone"))
            yield Entry(
                change.undone_at, 0, tags, f"Undone: @{change.stamp} {change.undone_how}", change.undone_position
            )


PROJECTION: Projection[Mapping[int, Change]] = Projection("changes", ("CHANGE",), {}, _fold, _checkpoint)
