"""Lines, states and drafts of hypotheses for the tests of the ledger, and what a command says of them."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from support.lines import HOUR_NS, at_second, entry_of
from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import NS_PER_S, Author, Entry, Stamp
from threeam.core.state.fold import State
from threeam.core.write.draft import Draft, DraftLine, WriteContext
from threeam.hypotheses.amendments import correction_draft
from threeam.projections import FOLD

LIMIT = 4
ALICE, BOB, SCRIPT = Author("alice", "db1", 4121, "%3"), Author("bob", "db1", 9, "%1"), None


def line(seconds: float, by: Author | None, text: str, *tags: tuple[str, str], cups: int = 0) -> Entry:
    return entry_of(by, at_second(seconds), text, tags, cups)


def state_after(*lines: Entry) -> State:
    return FOLD(FOLD.empty_state, lines)


def hypothesis_entry(number: int, text: str, seconds: float = 0, by: Author = ALICE) -> Entry:
    return line(seconds, by, f"Hypothesis: {text}", (f"H{number}", "open"))


def verdict_entry(number: int, state: str, why: str, seconds: float, by: Author = ALICE) -> Entry:
    kind = "Reopened" if state == "open" else "Conclusion"
    return line(seconds, by, f"{kind}: {why}", (f"H{number}", state))


def written_entries(draft: Draft, state: State, seconds: float, by: Author = ALICE) -> list[Entry]:
    """The entries that ``by`` writes with this draft, all at one instant: `Declined` comes through."""
    lines = draft.make_lines(state, WriteContext(by.user, 8 * HOUR_NS), at_second(seconds))
    return [line(seconds + n / NS_PER_S, by, row.text, *row.tags) for n, row in enumerate(lines)]


def texts_of(lines: Iterable[DraftLine | Entry]) -> list[str]:
    return [line.text for line in lines]


def refusal(draft: Draft, state: State, by: Author = ALICE) -> str:
    with pytest.raises(PreconditionFailed) as why:
        written_entries(draft, state, 1000, by)
    return str(why.value)


WITH_EVIDENCE = state_after(
    hypothesis_entry(1, "the sweeper"), line(3, ALICE, f"Supports: @{at_second(1)} seen", ("H1", "open"))
)
WITHOUT = state_after(hypothesis_entry(1, "the sweeper"))


def change_entries(*seconds: float) -> list[Entry]:
    return [line(second, BOB, f"Changed: thing {second:g} (undo: back)", ("CHANGE", "open")) for second in seconds]


# --- drafts

CRON = f"@{at_second(2)}"
OF_THE_SCRIPT = state_after(
    hypothesis_entry(4, "the sweeper"), line(2, SCRIPT, "Hypothesis: the cron job"), line(3, ALICE, "seen")
)


def state_with_correction(state: State, of: Stamp, text: str, seconds: float) -> State:
    return FOLD(state, written_entries(correction_draft(of, text), state, seconds))
