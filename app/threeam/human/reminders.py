"""What a tired person is reminded of, gently: water with the coffee, the dose, the hours. Each can be switched off."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from threeam.core.format.entry import Stamp
from threeam.core.state.fold import State
from threeam.human.caffeine import DAILY_LIMIT_MG, HOUR_NS, SINGLE_DOSE_LIMIT_MG, mg_last_24h, remaining_mg
from threeam.human.drafts import glasses_tonight, pluralize
from threeam.human.intake import intake_of

AWAKE_LIMIT_H = 17
"""Hours awake after which one performs as with half a per mille of alcohol in the blood.

Dawson and Reid, *Fatigue, alcohol and performance impairment*, Nature 1997;388:235.
"""


def coffee_reminders(
    state: State, user: str, now: Stamp, gap_ns: int, half_life_h: float, enabled: Collection[str]
) -> Iterator[str]:
    """What is said to ``user`` after a coffee; ``enabled``: the reminders that are not switched off."""
    cups = state.cups(user, now.ns, gap_ns)
    glasses = glasses_tonight(state, user, now.ns, gap_ns)
    doses = intake_of(state, user).doses
    if "water" in enabled and cups > glasses:
        yield f"{pluralize(cups, 'cup')}, {pluralize(glasses, 'glass', 'es')} of water: a glass of water with it?"
    if "dose" not in enabled:
        return
    left, day = remaining_mg(doses, now.ns, half_life_h), mg_last_24h(doses, now.ns)
    if day > DAILY_LIMIT_MG:
        yield f"{day} mg of caffeine in 24 hours: more than the {DAILY_LIMIT_MG} mg that are no concern for most adults"
    elif left > SINGLE_DOSE_LIMIT_MG:
        yield f"about {left:.0f} mg of caffeine in you: more than the {SINGLE_DOSE_LIMIT_MG} mg at once that are no concern"


def awake_reminder(awake_since: Stamp | None, now: Stamp, enabled: Collection[str]) -> str | None:
    """What is said of the hours, once they are too many; None before that, or where they are not known."""
    if "awake" not in enabled or awake_since is None or now.ns - awake_since.ns < AWAKE_LIMIT_H * HOUR_NS:
        return None
    hours = (now.ns - awake_since.ns) // HOUR_NS
    return f"awake for {hours} hours at least: after {AWAKE_LIMIT_H} one works as with half a per mille of alcohol"
