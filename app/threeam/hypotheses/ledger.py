"""The ledger: what was predicted of each hypothesis, what stands for it and against it, and every verdict."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from threeam.core.format.entry import Author, Entry, Stamp, by_tag, leading_stamp_ref
from threeam.core.state.fold import OPEN, Hypothesis, Projection, State
from threeam.hypotheses.amendments import read, texts

SUPPORTS, CONTRADICTS, PREDICTION = "Supports", "Contradicts", "Prediction"
EVIDENCE = (SUPPORTS, CONTRADICTS)
VERDICTS = ("Conclusion", "Reopened")
RECHECK = (("RECHECK", "toxic"),)  # the tags of a verdict by somebody who had too many cups
TOO_MANY_CUPS = "recheck: too many cups"  # and what is said of it


class Move(NamedTuple):
    """One line about a hypothesis: when, of which kind, by whom, the words, the state after it.

    ``cites``: the line that a piece of evidence points at; one without a reference is its own evidence. ``recheck``: a
    verdict by somebody who had too many cups. ``position``: of the line, see `Entry.position`.
    """

    at: Stamp
    kind: str
    by: Author | None
    text: str
    state: str
    cites: Stamp | None = None
    recheck: bool = False
    position: int = 0


class Thread(NamedTuple):
    """All moves of one hypothesis, in the order of the file.

    ``evidence``: what stands for it and against it: for each line that is cited, the last that was said of it.
    """

    moves: tuple[Move, ...] = ()
    evidence: tuple[Move, ...] = ()

    @classmethod
    def of(cls, moves: Iterable[Move]) -> Thread:
        """The thread of these moves."""
        last: dict[int, Move] = {}
        moves = tuple(moves)
        for move in moves:
            if move.cites is not None:
                last.pop(move.cites.ns, None)
                last[move.cites.ns] = move
        return cls(moves, tuple(last.values()))

    @property
    def supports(self) -> tuple[Move, ...]:
        """What stands for it."""
        return tuple(move for move in self.evidence if move.kind == SUPPORTS)

    @property
    def contradicts(self) -> tuple[Move, ...]:
        """What stands against it."""
        return tuple(move for move in self.evidence if move.kind == CONTRADICTS)

    @property
    def predictions(self) -> tuple[Move, ...]:
        """What was predicted."""
        return tuple(move for move in self.moves if move.kind == PREDICTION)


def thread_of(state: State, one: Hypothesis) -> Thread:
    """What was said of a hypothesis; nothing, for one that has no number yet."""
    threads: Mapping[int, Thread] = state.projections[ROOM.name]
    return threads.get(one.number, Thread()) if one.number is not None else Thread()


def verdict_of(state: State, one: Hypothesis) -> Move | None:
    """The verdict that gave it the state that it has; None for one that has had none."""
    verdicts = (move for move in reversed(thread_of(state, one).moves) if move.kind in VERDICTS)
    last = next(verdicts, None)
    return last if last is not None and last.state == one.state else None


def words_of(state: State, move: Move) -> str:
    """The words of a move as they are read now; for evidence whose line was corrected since, the new words first."""
    words = own_words_of(state, move)
    said = texts(state).said.get(move.cites.ns) if move.cites is not None and move.cites != move.at else None
    if said is None or said.position <= move.position or words == said.text:
        return words
    return f"{said.text} (before it was corrected: {words})" if said.times and words else said.text


def own_words_of(state: State, move: Move) -> str:
    """The words of a move's own line as they are read now, without the reference that evidence begins with."""
    text = read(state, move.at, move.text)
    at = leading_stamp_ref(text) if move.kind in EVIDENCE else None
    return text if at is None else text.removeprefix(f"@{at}").strip()


def last_change(state: State, one: Hypothesis) -> Stamp:
    """When something was last said of it."""
    moves = thread_of(state, one).moves
    return moves[-1].at if moves else one.opened_at


def _last_position(state: State, one: Hypothesis) -> int:
    moves = thread_of(state, one).moves
    return moves[-1].position if moves else one.opened_at.ns


def in_order(state: State) -> list[Hypothesis]:
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


def move_of(entry: Entry) -> Move | None:
    """The move that a line is, or None."""
    tagged, kind, text, at = entry.hypothesis, entry.kind, entry.body, entry.effective_stamp
    if tagged is None:
        return None
    if kind in EVIDENCE:
        return Move(at, kind, entry.author, text, tagged[1], leading_stamp_ref(text) or at, position=entry.position)
    if kind == PREDICTION or kind in VERDICTS:
        recheck = entry.tag("RECHECK") is not None
        return Move(at, kind, entry.author, text, tagged[1], recheck=recheck, position=entry.position)
    return None


def _fold(threads: Mapping[int, Thread], entries: Sequence[Entry]) -> Mapping[int, Thread]:
    changed: dict[int, dict[Move, None]] = {}
    for entry in entries:
        tagged = entry.hypothesis
        if tagged is None or (move := move_of(entry)) is None:
            continue
        number = tagged[0]
        moves = changed.get(number)
        if moves is None:
            moves = changed[number] = dict.fromkeys(threads.get(number, Thread()).moves)
        # What a rotation says again comes after all that was said before, and in its order.
        moves.pop(move, None)
        moves[move] = None
    if not changed:
        return threads
    return {**threads, **{number: Thread.of(moves) for number, moves in changed.items()}}


def _carry(threads: Mapping[int, Thread]) -> Iterator[Entry]:
    for number, thread in threads.items():
        for move in thread.moves:
            recheck = RECHECK if move.recheck else ()
            tags = (*by_tag(move.by), (f"H{number}", move.state), *recheck)
            yield Entry(move.at, 0, tags, f"{move.kind}: {move.text}", move.position)


ROOM = Projection("ledger", (), {}, _fold, _carry)
