"""Reminders for a tired person: water with the coffee, the dose, the hours awake. Each can be switched off."""

from __future__ import annotations

from collections.abc import Collection

from threeam.core.format.clock import fixed_zone
from threeam.core.format.entry import Stamp
from threeam.core.state.fold import State
from threeam.human.caffeine import DAILY_LIMIT_MG, HOUR_NS, SINGLE_DOSE_LIMIT_MG
from threeam.human.drafts import pluralize
from threeam.human.night_summary import summarize_night

AWAKE_LIMIT_H = 17
"""Hours awake after which people perform as with 0.5 per mille of alcohol in the blood.

Dawson and Reid, *Fatigue, alcohol and performance impairment*, Nature 1997;388:235.
"""


def coffee_reminders(
    state: State, user: str, now: Stamp, gap_ns: int, half_life_h: float, enabled: Collection[str]
) -> dict[str, str]:
    """Return the reminders that are due for ``user`` after a coffee, by the threshold that was passed.

    ``enabled``: the names of the reminders that are not switched off.
    """
    cups = state.cups(user, now.ns, gap_ns)
    night = summarize_night(state, user, now, gap_ns, half_life_h, fixed_zone(now.utc_offset_s))
    due: dict[str, str] = {}
    if "water" in enabled and cups > night.glasses:
        due["water"] = f"{pluralize(cups, 'cup')}, {pluralize(night.glasses, 'glass', 'es')} of water: drink one"
    if "dose" in enabled and night.is_over_daily_dose:
        due["daily dose"] = f"{night.mg_last_24h} mg of caffeine in 24h, over the {DAILY_LIMIT_MG} mg for adults"
    elif "dose" in enabled and night.is_over_single_dose:
        due["single dose"] = f"{night.mg_now:.0f} mg of caffeine in you, over the {SINGLE_DOSE_LIMIT_MG} mg at once"
    return due


def awake_reminder(awake_since: Stamp | None, now: Stamp, enabled: Collection[str]) -> str | None:
    """Return the reminder of the hours awake, or None if they are below the limit or not known."""
    if "awake" not in enabled or awake_since is None or now.ns - awake_since.ns < AWAKE_LIMIT_H * HOUR_NS:
        return None
    hours = (now.ns - awake_since.ns) // HOUR_NS
    return f"awake for {hours}h at least: after {AWAKE_LIMIT_H} people perform as with 0.05 % blood alcohol"
