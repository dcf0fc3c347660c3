"""The ledger: what was predicted of each hypothesis, what stands for it and against it, and every verdict."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from threeam.core.format.entry import Author, Entry, Stamp, by_tag, leading_stamp_ref
from threeam.core.state.fold import OPEN, Hypothesis, Projection, State
from threeam.hypotheses.amendments import amendments, current_text

SUPPORTS, CONTRADICTS, PREDICTION = "Supports", "Contradicts", "Prediction"
EVIDENCE_KINDS = (SUPPORTS, CONTRADICTS)
VERDICT_KINDS = ("Conclusion", "Reopened")
RECHECK_TAGS = (("RECHECK", "toxic"),)  # the tags of a verdict by somebody who had too many cups
RECHECK_NOTE = "recheck: too many cups"  # and what is said of it


class HypothesisEvent(NamedTuple):
    """One line about a hypothesis: when, of which kind, by whom, the words, the state after it.

    ``cites``: the line that a piece of evidence points at; one without a reference is its own evidence. ``recheck``: a
    verdict by somebody who had too many cups. ``position``: of the line, see `Entry.position`.
    """

    stamp: Stamp
    kind: str
    author: Author | None
    text: str
    state: str
    cited: Stamp | None = None
    recheck: bool = False
    position: int = 0


class Thread(NamedTuple):
    """All moves of one hypothesis, in the order of the file.

    ``evidence``: what stands for it and against it: for each line that is cited, the last that was said of it.
    """

    events: tuple[HypothesisEvent, ...] = ()
    evidence: tuple[HypothesisEvent, ...] = ()

    @classmethod
    def from_events(cls, moves: Iterable[HypothesisEvent]) -> Thread:
        """The thread of these moves."""
        last: dict[int, HypothesisEvent] = {}
        moves = tuple(moves)
        for move in moves:
            if move.cited is not None:
                last.pop(move.cited.ns, None)
                last[move.cited.ns] = move
        return cls(moves, tuple(last.values()))

    @property
    def supports(self) -> tuple[HypothesisEvent, ...]:
        """What stands for it."""
        return tuple(move for move in self.evidence if move.kind == SUPPORTS)

    @property
    def contradicts(self) -> tuple[HypothesisEvent, ...]:
        """What stands against it."""
        return tuple(move for move in self.evidence if move.kind == CONTRADICTS)

    @property
    def predictions(self) -> tuple[HypothesisEvent, ...]:
        """What was predicted."""
        return tuple(move for move in self.events if move.kind == PREDICTION)


def thread_of(state: State, one: Hypothesis) -> Thread:
    """What was said of a hypothesis; nothing, for one that has no number yet."""
    threads = PROJECTION.of(state)
    return threads.get(one.number, Thread()) if one.number is not None else Thread()


def verdict_of(state: State, one: Hypothesis) -> HypothesisEvent | None:
    """The verdict that gave it the state that it has; None for one that has had none."""
    verdicts = (move for move in reversed(thread_of(state, one).events) if move.kind in VERDICT_KINDS)
    last = next(verdicts, None)
    return last if last is not None and last.state == one.state else None


def event_text(state: State, move: HypothesisEvent) -> str:
    """The words of a move as they are read now; for evidence whose line was corrected since, the new words first."""
    words = own_event_text(state, move)
    said = (
        amendments(state).by_target.get(move.cited.ns) if move.cited is not None and move.cited != move.stamp else None
    )
    if said is None or said.position <= move.position or words == said.text:
        return words
    return f"{said.text} (before it was corrected: {words})" if said.correction_count and words else said.text


def own_event_text(state: State, move: HypothesisEvent) -> str:
    """The words of a move's own line as they are read now, without the reference that evidence begins with."""
    text = current_text(state, move.stamp, move.text)
    at = leading_stamp_ref(text) if move.kind in EVIDENCE_KINDS else None
    return text if at is None else text.removeprefix(f"@{at}").strip()


def last_event_stamp(state: State, one: Hypothesis) -> Stamp:
    """When something was last said of it."""
    moves = thread_of(state, one).events
    return moves[-1].stamp if moves else one.opened_at


def _last_position(state: State, one: Hypothesis) -> int:
    moves = thread_of(state, one).events
    return moves[-1].position if moves else one.opened_at.ns


def sorted_hypotheses(state: State) -> list[Hypothesis]:
    """All hypotheses as a board has them: the open ones first.

    Those by fewest contradictions and then by most support, the others by their verdicts, the last one first.
    """

    def place(one: Hypothesis) -> tuple[int, ...]:
        if one.state != OPEN:
            verdict = verdict_of(state, one)
            return (1, -(verdict.position if verdict is not None else one.opened_at.ns))
        thread = thread_of(state, one)
        return (0, len(thread.contradicts), -len(thread.supports), -_last_position(state, one))

    return sorted(state.hypotheses.values(), key=place)


def parse_event(entry: Entry) -> HypothesisEvent | None:
    """The move that a line is, or None."""
    tagged, kind, text, at = entry.hypothesis, entry.kind, entry.body, entry.effective_stamp
    if tagged is None:
        return None
    if kind in EVIDENCE_KINDS:
        return HypothesisEvent(
            at, kind, entry.author, text, tagged[1], leading_stamp_ref(text) or at, position=entry.position
        )
    if kind == PREDICTION or kind in VERDICT_KINDS:
        recheck = entry.tag("RECHECK") is not None
        return HypothesisEvent(at, kind, entry.author, text, tagged[1], recheck=recheck, position=entry.position)
    return None


def _fold(threads: Mapping[int, Thread], entries: Sequence[Entry]) -> Mapping[int, Thread]:
    changed: dict[int, dict[HypothesisEvent, None]] = {}
    for entry in entries:
        tagged = entry.hypothesis
        if tagged is None or (move := parse_event(entry)) is None:
            continue
        number = tagged[0]
        moves = changed.get(number)
        if moves is None:
            moves = changed[number] = dict.fromkeys(threads.get(number, Thread()).events)
        # What a rotation says again comes after all that was said before, and in its order.
        moves.pop(move, None)
        moves[move] = None
    if not changed:
        return threads
    return {**threads, **{number: Thread.from_events(moves) for number, moves in changed.items()}}


def _carry(threads: Mapping[int, Thread]) -> Iterator[Entry]:
    for number, thread in threads.items():
        for move in thread.events:
            recheck = RECHECK_TAGS if move.recheck else ()
            tags = (*by_tag(move.author), (f"H{number}", move.state), *recheck)
            yield Entry(move.stamp, 0, tags, f"{move.kind}: {move.text}", move.position)


PROJECTION: Projection[Mapping[int, Thread]] = Projection("ledger", (), {}, _fold, _carry)
