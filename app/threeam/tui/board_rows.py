"""The rows of the board of hypotheses: those of this journal, and with a team those of all hosts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from threeam.core.format.entry import Author, Stamp
from threeam.core.state.fold import OPEN, State
from threeam.hypotheses.amendments import claim_of
from threeam.hypotheses.ledger import last_event_stamp, sorted_hypotheses, thread_of
from threeam.hypotheses.team_fold import TeamHypothesis, join_states


class BoardRow(NamedTuple):
    """A hypothesis on the board. ``name`` picks it, and ``label`` is shown.

    ``states``: several if verdicts of different hosts stand at once. ``author``, ``stamp``: of the last line about it.
    """

    name: str
    label: str
    states: tuple[str, ...]
    claim: str
    supports: int
    contradicts: int
    author: Author | None
    stamp: Stamp

    @property
    def state(self) -> str:
        """Return its state in words."""
        return join_states(self.states)

    @property
    def is_open(self) -> bool:
        """Return whether it is open, perhaps in one verdict of several."""
        return OPEN in self.states


def board_rows(state: State, on_all_hosts: Sequence[TeamHypothesis]) -> list[BoardRow]:
    """Return the rows in the order of the board. ``on_all_hosts``: of a team, with those of ``state``."""
    return [*map(_team_row, on_all_hosts)] if on_all_hosts else _own_rows(state)


def _own_rows(state: State) -> list[BoardRow]:
    rows = []
    for hypothesis in sorted_hypotheses(state):
        thread = thread_of(state, hypothesis)
        author = thread.events[-1].author if thread.events else hypothesis.author
        counts = len(thread.supports), len(thread.contradicts)
        claim, stamp = claim_of(state, hypothesis), last_event_stamp(state, hypothesis)
        rows.append(BoardRow(hypothesis.name, hypothesis.label, (hypothesis.state,), claim, *counts, author, stamp))
    return rows


def _team_row(known: TeamHypothesis) -> BoardRow:
    hypothesis, label = known.hypothesis, known.name if known.host else known.hypothesis.label
    events = [thread.events[-1] for _, thread in known.threads if thread.events]
    last = max(events, key=lambda event: event.stamp.ns, default=None)
    author, stamp = (hypothesis.author, hypothesis.opened_at) if last is None else (last.author, last.stamp)
    counts = len(known.supports), len(known.contradicts)
    return BoardRow(known.name, label, known.states, known.claim, *counts, author, stamp)
