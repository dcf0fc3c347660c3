"""What the human state writes: cups, water, sleep."""

from __future__ import annotations

from collections.abc import Sequence

from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import Stamp
from threeam.core.state.fold import State
from threeam.core.write.draft import Draft, DraftLine, WriteContext, toxicity_warning
from threeam.human.caffeine import remaining_mg
from threeam.human.intake import intake_of

MAX_CUPS_AT_ONCE = 20  # in one go: more is a slip of the finger
MAX_CUP_MG = 1000  # in one cup: more is another one


def coffee_draft(cups: int, mg: int, toxic_cups: int) -> Draft:
    """``cups`` cups of ``mg`` milligrams each, a line a cup, and the warning when that is too many."""

    def lines(state: State, context: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        before = context.cups(state, stamp)
        said = [
            DraftLine(f"Coffee: cup {n} of the night.", (("MG", str(mg)),), n)
            for n in range(before + 1, before + cups + 1)
        ]
        return said + [one._replace(cups=before + cups) for one in toxicity_warning(before + cups, toxic_cups)]

    return Draft(lines)


def undo_coffee_draft() -> Draft:
    """Takes the author's last cup of this night back: a new line, since nothing is rewritten."""

    def lines(state: State, context: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        cups = context.cups(state, stamp)
        doses = intake_of(state, context.user).doses
        if cups == 0:
            raise PreconditionFailed("no cup to take back: you have had none this night")
        tags = (("MG", str(-doses[-1][1])),) if doses else ()
        return [DraftLine(f"Coffee: cup {cups} taken back.", tags, cups - 1)]

    return Draft(lines)


def water_draft() -> Draft:
    """One glass of water."""

    def lines(state: State, context: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        glasses = glasses_tonight(state, context.user, stamp.ns, context.night_gap_ns) + 1
        return [DraftLine(f"Water: glass {glasses} of the night.", (("WATER", str(glasses)),))]

    return Draft(lines)


def sleep_line(state: State, context: WriteContext, stamp: Stamp, half_life_h: float) -> DraftLine:
    """The last line of a night: what it came to. Cups are counted anew after it; milligrams go their own way."""
    cups = context.cups(state, stamp)
    glasses = glasses_tonight(state, context.user, stamp.ns, context.night_gap_ns)
    left = remaining_mg(intake_of(state, context.user).doses, stamp.ns, half_life_h)
    text = (
        f"Sleep: {pluralize(cups, 'cup')}, {pluralize(glasses, 'glass', 'es')} of water, "
        f"{left:.0f} mg of caffeine left. The ghost will still be there tomorrow."
    )
    return DraftLine(text, (("NIGHT", "over"),), 0)


def glasses_tonight(state: State, user: str, now_ns: int, gap_ns: int) -> int:
    """Glasses of water of ``user`` this night, as of ``now_ns``."""
    return 0 if state.current_night(user, now_ns, gap_ns) is None else intake_of(state, user).glasses


def pluralize(count: int, noun: str, plural_suffix: str = "s") -> str:
    """``1 cup``, ``2 cups``."""
    return f"{count} {noun}{'' if count == 1 else plural_suffix}"
