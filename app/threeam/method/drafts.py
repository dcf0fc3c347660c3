"""What the method writes: claims and verdicts."""

from __future__ import annotations

from collections.abc import Sequence

from threeam.core.draft import Author, Declined, Draft, DraftLine, toxic
from threeam.core.entry import Stamp, lines_of
from threeam.core.fold import OPEN, State

# What each verb writes: the kind of its line, and the state of the hypothesis after it.
VERBS = {
    "confirm": ("Conclusion", "confirmed"),
    "refute": ("Conclusion", "refuted"),
    "park": ("Conclusion", "parked"),
    "reopen": ("Reopened", OPEN),
}


def claim(text: str, toxic_cups: int) -> Draft:
    """A new hypothesis, open, with the next number, and the warning when its author had too many."""
    first, *rest = lines_of(text)

    def lines(state: State, author: Author, stamp: Stamp) -> Sequence[DraftLine]:
        tag = ((f"H{state.next_number()}", OPEN),)
        said = [DraftLine(f"Hypothesis: {first}", tag), *(DraftLine(line, tag) for line in rest)]
        return said + toxic(author.cups(state, stamp), toxic_cups)

    return Draft(lines, ceremonial=True)


def judge(verb: str, name: str, why: str) -> Draft:
    """What one of `VERBS` does to the hypothesis ``name`` (``H7``, or ``@stamp`` for the script's), with the reason."""
    kind, state_after = VERBS[verb]
    first, *rest = lines_of(why)

    def lines(state: State, author: Author, stamp: Stamp) -> Sequence[DraftLine]:
        known = state.named(name)
        if known is None:
            raise Declined(f"there is no hypothesis {name}: 3am hyp list shows those there are")
        if known.state == state_after:
            raise Declined(f"{known.name} is {state_after} already: {known.why or known.claim}")
        said = []
        number = known.number
        if number is None:  # the script's: give it a number in a line that cites it
            number = state.next_number()
            said = [DraftLine(f"Hypothesis: @{known.opened} {known.claim}", ((f"H{number}", known.state),))]
        tag = ((f"H{number}", state_after),)
        return [*said, DraftLine(f"{kind}: {first}", tag), *(DraftLine(line, tag) for line in rest)]

    return Draft(lines)
