"""What the method writes about hypotheses: claims, predictions, evidence, verdicts."""

from __future__ import annotations

from collections.abc import Sequence

from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import Entry, Stamp, author_name, split_submission
from threeam.core.state.fold import OPEN, Hypothesis, State
from threeam.core.write.draft import Draft, DraftLine, WriteContext, toxicity_warning
from threeam.hypotheses.amendments import claim_of, current_text
from threeam.hypotheses.ledger import (
    CONTRADICTS,
    PREDICTION,
    RECHECK_TAGS,
    SUPPORTS,
    event_text,
    parse_event,
    thread_of,
    verdict_of,
)

# What each verb writes: the kind of its line, and for a verdict the state of the hypothesis after it.
VERDICT_VERBS = {
    "confirm": ("Conclusion", "confirmed"),
    "refute": ("Conclusion", "refuted"),
    "park": ("Conclusion", "parked"),
    "reopen": ("Reopened", OPEN),
}
_MAX_EXCERPT_CHARS = 160  # characters
EVIDENCE_VERBS = {"support": SUPPORTS, "contradict": CONTRADICTS}


def hypothesis_draft(text: str, toxic_cups: int) -> Draft:
    """A new hypothesis, open, with the next number, and the warning when its author had too many."""
    first, *rest = split_submission(text)

    def lines(state: State, context: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        tag = ((f"H{state.next_number()}", OPEN),)
        said = [DraftLine(f"Hypothesis: {first}", tag), *(DraftLine(line, tag) for line in rest)]
        return said + toxicity_warning(context.cups(state, stamp), toxic_cups)

    return Draft(lines, ceremonial=True)


def prediction_draft(name: str, text: str) -> Draft:
    """What is to be seen if the hypothesis ``name`` is true: said before the experiment, it can be wrong."""
    first, *rest = split_submission(text)

    def lines(state: State, context: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        one = require_hypothesis(state, name)
        said, tag = _ensure_numbered(state, one)
        return [*said, DraftLine(f"{PREDICTION}: {first}", tag), *(DraftLine(line, tag) for line in rest)]

    return Draft(lines)


def evidence_draft(verb: str, name: str, cited_stamp: Stamp | None, words: str, entry: Entry | None = None) -> Draft:
    """What ``support`` or ``contradict`` does: ties the line of ``cited_stamp`` to the hypothesis ``name``, with words for it.

    Without words those of ``entry`` stand there, as they are read under the lock. Without a line the words are the
    evidence. A line counts once; what is said of it last is what counts.
    """
    kind = EVIDENCE_VERBS[verb]

    def lines(state: State, context: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        one = require_hypothesis(state, name)
        said = words.strip() or (excerpt(state, entry) if entry is not None else "")
        first, *rest = split_submission(f"@{cited_stamp} {said}".rstrip() if cited_stamp is not None else said)
        for move in thread_of(state, one).evidence:
            if (
                cited_stamp is not None
                and move.cited is not None
                and move.cited.ns == cited_stamp.ns
                and move.kind == kind
            ):
                who = author_name(move.author)
                raise PreconditionFailed(f"{who} has said already that this line {kind.lower()} {one.name}")
        numbered, tag = _ensure_numbered(state, one)
        return [*numbered, DraftLine(f"{kind}: {first}", tag), *(DraftLine(line, tag) for line in rest)]

    return Draft(lines)


def citable_stamp(entry: Entry) -> Stamp:
    """The line that is cited by who points at ``entry``: of evidence, the line that matters, and not what was said."""
    move = parse_event(entry)
    return entry.effective_stamp if move is None or move.cited is None else move.cited


def excerpt(state: State, entry: Entry) -> str:
    """The beginning of what is read in ``entry`` now: the story of a hypothesis is read without looking it up."""
    move = parse_event(entry)
    text = (
        current_text(state, entry.effective_stamp, entry.text)
        if move is None or move.cited is None
        else event_text(state, move)
    )
    return text if len(text) <= _MAX_EXCERPT_CHARS else text[: _MAX_EXCERPT_CHARS - 1] + "…"


def conclusion_draft(verb: str, name: str, reason: str, toxic_cups: int) -> Draft:
    """What one of `VERDICT_VERBS` does to the hypothesis ``name`` (``H7``, or the script's ``@stamp``), and why.

    Over ``toxic_cups`` the verdict is marked: it is to be looked at again.
    """
    kind, state_after = VERDICT_VERBS[verb]
    first, *rest = split_submission(reason)

    def lines(state: State, context: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        one = require_hypothesis(state, name)
        if one.state == state_after:
            verdict = verdict_of(state, one)
            is_open = verdict is None or state_after == OPEN
            why_already = claim_of(state, one) if verdict is None or is_open else event_text(state, verdict)
            raise PreconditionFailed(f"{one.name} is {state_after} already: {why_already}")
        said, ((key, _),) = _ensure_numbered(state, one)
        tag = ((key, state_after),)
        recheck = RECHECK_TAGS if kind == "Conclusion" and context.cups(state, stamp) > toxic_cups else ()
        return [*said, DraftLine(f"{kind}: {first}", (*tag, *recheck)), *(DraftLine(line, tag) for line in rest)]

    return Draft(lines)


def require_hypothesis(state: State, name: str) -> Hypothesis:
    """The hypothesis that ``name`` names. Raises `Declined`, with those there are."""
    one = state.find_hypothesis(name)
    if one is None:
        names = ", ".join(other.name for other in list(state.hypotheses.values())[-9:])
        there = f"there are {names}" if names else "there is none yet, and 3am hyp new opens one"
        raise PreconditionFailed(f"there is no hypothesis {name}: {there}")
    return one


def _ensure_numbered(state: State, hypothesis: Hypothesis) -> tuple[list[DraftLine], tuple[tuple[str, str]]]:
    """The tag of ``hypothesis``; and for one of the script's the line before, which gives it a number and cites it."""
    if hypothesis.number is not None:
        return [], ((f"H{hypothesis.number}", hypothesis.state),)
    tag = ((f"H{state.next_number()}", hypothesis.state),)
    return [DraftLine(f"Hypothesis: @{hypothesis.opened_at} {hypothesis.claim}", tag)], tag
