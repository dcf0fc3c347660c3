"""What the method writes: claims and verdicts."""

from __future__ import annotations

from collections.abc import Sequence

from threeam.core.draft import Author, Declined, Draft, Said, toxic
from threeam.core.entry import Stamp, lines_of
from threeam.core.fold import OPEN, State

VERDICTS = {"confirm": "confirmed", "refute": "refuted", "park": "parked"}


def claim(text: str, toxic_cups: int) -> Draft:
    """A new hypothesis, open, with the next number, and the warning when its author had too many."""
    first, *rest = lines_of(text)

    def lines(state: State, author: Author, stamp: Stamp) -> Sequence[Said]:
        tag = ((f"H{state.next_number()}", OPEN),)
        said = [Said(f"Hypothesis: {first}", tag), *(Said(line, tag) for line in rest)]
        return said + toxic(author.cups(state, stamp), toxic_cups)

    return Draft(lines, solemn=True)


def verdict(name: str, state_after: str, why: str) -> Draft:
    """A verdict on the hypothesis ``name``: ``confirmed``, ``refuted`` or ``parked``, with the reason."""
    return _move(name, "Conclusion", state_after, why)


def reopen(name: str, why: str) -> Draft:
    """Opens a hypothesis again, with the reason."""
    return _move(name, "Reopened", OPEN, why)


def _move(name: str, kind: str, state_after: str, why: str) -> Draft:
    first, *rest = lines_of(why)

    def lines(state: State, author: Author, stamp: Stamp) -> Sequence[Said]:
        known = state.named(name)
        if known is None:
            raise Declined(f"there is no hypothesis {name}: 3am hyp list shows those there are")
        if known.state == state_after:
            raise Declined(f"{known.name} is {state_after} already: {known.why or known.claim}")
        said = []
        number = known.number
        if number is None:  # the script's: give it a number in a line that cites it
            number = state.next_number()
            said = [Said(f"Hypothesis: @{known.opened} {known.claim}", ((f"H{number}", known.state),))]
        tag = ((f"H{number}", state_after),)
        return [*said, Said(f"{kind}: {first}", tag), *(Said(line, tag) for line in rest)]

    return Draft(lines)
