"""The thread of a hypothesis, as it is told: the claim, what was predicted, the evidence, the history."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from threeam.core.format.entry import Stamp
from threeam.core.format.report import Part, Told, who_when
from threeam.core.state.fold import Hypothesis, State
from threeam.hypotheses.amendments import claim_of, texts
from threeam.hypotheses.guards import about
from threeam.hypotheses.ledger import (
    CONTRADICTS,
    EVIDENCE,
    SUPPORTS,
    TOO_MANY_CUPS,
    VERDICTS,
    Move,
    Thread,
    thread_of,
    verdict_of,
    words_of,
)

_MOST = 200  # lines of a part
LOST = "(its first line is not in this log)"


def parts(state: State, one: Hypothesis, now: Stamp | None) -> list[Part]:
    """What there is to tell of ``one``, as of ``now``; without one, with the days."""
    thread, verdict = thread_of(state, one), verdict_of(state, one)
    where = [Told(claim_of(state, one) or LOST, who_when(one.author, one.opened_at, now), one.opened_at, "Hypothesis")]
    if (said := texts(state).said.get(one.opened_at.ns)) is not None:
        where.append(Told(f"it was: {one.claim}", who_when(said.by, said.at, now), said.at, "Correction"))
    doubts = _doubts(state, thread, one.number)

    def told(move: Move) -> Told:
        """A move with what a colleague would say of it. Evidence leads to the line that it cites."""
        word = "reopened: " if move.kind == "Reopened" else f"{move.state}: " if move.kind == "Conclusion" else ""
        more = " · ".join([who_when(move.by, move.at, now), *doubts.get(move, ())])
        sign = move.state if move.kind == "Conclusion" else move.kind
        return Told(word + words_of(state, move), more, move.cites or move.at, sign)

    where.append(Told(one.state, sign=one.state) if verdict is None else told(verdict))
    found = [
        Part("claim", where),
        Part("predictions", _last(thread.predictions, told)),
        Part(f"{SUPPORTS.lower()} it: {len(thread.supports)}", _last(thread.supports, told)),
        Part(f"{CONTRADICTS.lower()} it: {len(thread.contradicts)}", _last(thread.contradicts, told)),
        Part("history", _last([move for move in thread.moves if move.kind in VERDICTS], told)),
    ]
    return [part for part in found if part.lines]


def judged(state: State, one: Hypothesis, now: Stamp | None) -> Told:
    """A hypothesis in a line, with the verdict on it and its reason."""
    verdict, claim = verdict_of(state, one), f"{one.label} {claim_of(state, one) or LOST}"
    if verdict is None:
        return Told(claim, who_when(one.author, one.opened_at, now), one.opened_at, one.state)
    more = [f"{one.state}: {words_of(state, verdict)}", who_when(verdict.by, verdict.at, now)]
    return Told(claim, " · ".join([*more, *([TOO_MANY_CUPS] if verdict.recheck else [])]), verdict.at, one.state)


def _last(moves: Sequence[Move], told: Callable[[Move], Told]) -> list[Told]:
    """The last of ``moves``, as many as anybody reads."""
    before = len(moves) - _MOST
    return [*([Told(f"and {before:,} before them")] if before > 0 else []), *map(told, moves[-_MOST:])]


def _doubts(state: State, thread: Thread, hypothesis: int | None) -> dict[Move, list[str]]:
    """What is to be said of each move, of which there is anything."""
    found: dict[Move, list[str]] = {}
    evidence: Move | None = None
    for move in thread.moves:
        remarks = [*about(move, evidence, state, hypothesis), *([TOO_MANY_CUPS] if move.recheck else [])]
        if remarks:
            found[move] = remarks
        evidence = move if move.kind in EVIDENCE else evidence
    return found
