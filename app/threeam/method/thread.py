"""The thread of a hypothesis, as it is told: the claim, what was predicted, the evidence, the history."""

from __future__ import annotations

from collections.abc import Iterator

from threeam.core.entry import Stamp
from threeam.core.fold import Hypothesis, State
from threeam.core.told import Part, Told, who_when
from threeam.method.guards import about
from threeam.method.ledger import CONTRADICTS, SUPPORTS, VERDICTS, Move, Thread, thread_of, verdict_of, words_of
from threeam.method.texts import claim_of, texts

LOST = "(its first line is not in this log)"


def parts(state: State, one: Hypothesis, now: Stamp | None) -> list[Part]:
    """What there is to tell of ``one``, as of ``now``; without one, with the days."""
    thread, verdict = thread_of(state, one), verdict_of(state, one)
    where = [Told(claim_of(state, one) or LOST, who_when(one.by, one.opened, now), one.opened, "Hypothesis")]
    if (said := texts(state).said.get(one.opened.ns)) is not None:
        where.append(Told(f"it was: {one.claim}", who_when(said.by, said.at, now), said.at, "Correction"))
    if verdict is None:
        where.append(Told(one.state, sign=one.state))
    else:
        where.append(_verdict(state, thread, verdict, now))
    for_it, against = thread.supports, thread.contradicts
    found = [
        Part("claim", where),
        Part("predictions", [_told(state, thread, move, now) for move in thread.predictions]),
        Part(f"{SUPPORTS.lower()} it: {len(for_it)}", [_told(state, thread, move, now) for move in for_it]),
        Part(f"{CONTRADICTS.lower()} it: {len(against)}", [_told(state, thread, move, now) for move in against]),
        Part("history", [_verdict(state, thread, move, now) for move in thread.moves if move.kind in VERDICTS]),
    ]
    return [part for part in found if part.lines]


def _verdict(state: State, thread: Thread, move: Move, now: Stamp | None) -> Told:
    word = "reopened" if move.kind == "Reopened" else move.state
    return _told(state, thread, move, now, f"{word}: {words_of(state, move)}")


def _told(state: State, thread: Thread, move: Move, now: Stamp | None, text: str = "") -> Told:
    """A move with what a colleague would say of it. Evidence jumps to the line that it cites."""
    sign = move.state if move.kind == "Conclusion" else move.kind
    more = [who_when(move.by, move.at, now), *_doubts(state, thread, move)]
    return Told(text or words_of(state, move), " · ".join(more), move.cites or move.at, sign)


def _doubts(state: State, thread: Thread, move: Move) -> Iterator[str]:
    yield from about(move, thread.moves[: thread.moves.index(move)], state)
    if move.recheck:
        yield "recheck: too many cups"
