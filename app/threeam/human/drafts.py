"""The drafts of the human state: cups, water, sleep."""

from __future__ import annotations

from collections.abc import Sequence

from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import Stamp
from threeam.core.state.fold import State
from threeam.core.write.draft import Draft, DraftLine, WriteContext, toxicity_warning
from threeam.human.caffeine import remaining_mg
from threeam.human.intake import intake_of


def coffee_draft(cups: int, mg: int, toxic_cups: int) -> Draft:
    """Return the draft of ``cups`` cups of ``mg`` milligrams, one line a cup, and the warning over ``toxic_cups``."""

    def lines(state: State, context: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        before = context.cups(state, stamp)
        total = before + cups
        cup_lines = [
            DraftLine(f"Coffee: cup {number} of the night.", (("MG", str(mg)),), number)
            for number in range(before + 1, total + 1)
        ]
        return cup_lines + [line._replace(cups=total) for line in toxicity_warning(total, toxic_cups)]

    return Draft(lines)


def undo_coffee_draft() -> Draft:
    """Return the draft that takes back the author's last cup of this night. No line is rewritten."""

    def lines(state: State, context: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        cups = context.cups(state, stamp)
        doses = intake_of(state, context.user).doses
        if cups == 0:
            raise PreconditionFailed("no cup to take back: you have had none this night")
        tags = (("MG", str(-doses[-1][1])),) if doses else ()
        return [DraftLine(f"Coffee: cup {cups} taken back.", tags, cups - 1)]

    return Draft(lines)


def water_draft() -> Draft:
    """Return the draft of one glass of water."""

    def lines(state: State, context: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        glasses = glasses_tonight(state, context.user, stamp.ns, context.night_gap_ns) + 1
        return [DraftLine(f"Water: glass {glasses} of the night.", (("WATER", str(glasses)),))]

    return Draft(lines)


def sleep_line(state: State, context: WriteContext, stamp: Stamp, half_life_h: float) -> DraftLine:
    """Return the last line of a night: its cups, its glasses of water, and the caffeine left.

    The cups start again at zero after it; the caffeine does not.
    """
    cups = context.cups(state, stamp)
    glasses = glasses_tonight(state, context.user, stamp.ns, context.night_gap_ns)
    remaining = remaining_mg(intake_of(state, context.user).doses, stamp.ns, half_life_h)
    text = (
        f"Sleep: {pluralize(cups, 'cup')}, {pluralize(glasses, 'glass', 'es')} of water, "
        f"{remaining:.0f} mg of caffeine left. The ghost will still be there tomorrow."
    )
    return DraftLine(text, (("NIGHT", "over"),), 0)


def glasses_tonight(state: State, user: str, now_ns: int, gap_ns: int) -> int:
    """Return the glasses of water of ``user`` this night, as of ``now_ns``."""
    return 0 if state.current_night(user, now_ns, gap_ns) is None else intake_of(state, user).glasses


def pluralize(count: int, noun: str, plural_suffix: str = "s") -> str:
    """Return ``count`` and ``noun``: ``1 cup``, ``2 cups``."""
    return f"{count} {noun}{'' if count == 1 else plural_suffix}"
