"""The night of one person as the screens and reports show it: cups, caffeine left, a forecast. Pure."""

from __future__ import annotations

from typing import NamedTuple

from threeam.core.format.clock import Zone
from threeam.core.format.entry import Stamp
from threeam.core.format.times import instant_at_hour, local_day_number
from threeam.core.state.fold import State
from threeam.human.caffeine import (
    DAILY_LIMIT_MG,
    HOUR_NS,
    SINGLE_DOSE_LIMIT_MG,
    SLEEP_THRESHOLD_MG,
    mg_last_24h,
    remaining_mg,
    time_below_ns,
)
from threeam.human.drafts import glasses_tonight, pluralize
from threeam.human.intake import intake_of

MORNING_HOUR = 7  # o'clock, in the writer's time zone


class NightSummary(NamedTuple):
    """The night of ``user`` as of ``now``.

    ``tonight_doses``: the doses of this night as (ns, mg). ``doses``: all doses that may still have an effect.
    ``mg_now``: caffeine left now. ``morning``: the next 07:00; ``mg_at_morning``: caffeine left then.
    ``below_threshold_at``: when at most `SLEEP_THRESHOLD_MG` is left. ``zone``: the time zone of the times shown.
    """

    user: str
    now: Stamp
    tonight_doses: tuple[tuple[int, int], ...]
    doses: tuple[tuple[int, int], ...]
    glasses: int
    mg_now: float
    mg_last_24h: int
    morning: Stamp
    mg_at_morning: float
    below_threshold_at: Stamp
    zone: Zone

    @property
    def is_over_single_dose(self) -> bool:
        """Return whether more caffeine is left than one should have at once."""
        return self.mg_now > SINGLE_DOSE_LIMIT_MG

    @property
    def is_over_daily_dose(self) -> bool:
        """Return whether more was drunk in 24 hours than one should have in a day."""
        return self.mg_last_24h > DAILY_LIMIT_MG


def summarize_night(state: State, user: str, now: Stamp, gap_ns: int, half_life_h: float, zone: Zone) -> NightSummary:
    """Return the night of ``user`` as of ``now``, with a forecast for the case that they drink nothing more."""
    doses = intake_of(state, user).doses
    cups = state.cups(user, now.ns, gap_ns)
    morning = next_morning(now, zone)
    below_ns = time_below_ns(doses, now.ns, half_life_h, SLEEP_THRESHOLD_MG)
    return NightSummary(
        user,
        now,
        doses[-cups:] if cups else (),
        doses,
        glasses_tonight(state, user, now.ns, gap_ns),
        remaining_mg(doses, now.ns, half_life_h),
        mg_last_24h(doses, now.ns),
        morning,
        remaining_mg(doses, morning.ns, half_life_h),
        Stamp(below_ns, zone(below_ns)),
        zone,
    )


def next_morning(now: Stamp, zone: Zone) -> Stamp:
    """Return the next 07:00 in ``zone``."""
    today = local_day_number(now.ns, zone)
    ns = instant_at_hour(today, MORNING_HOUR, zone)
    if ns <= now.ns:
        ns = instant_at_hour(today + 1, MORNING_HOUR, zone)
    return Stamp(ns, zone(ns))


def format_forecast(night: NightSummary) -> str:
    """Return ``102 mg left at 07:00, under 50 mg at 11:40``; an empty string if less than 1 mg is left."""
    if night.mg_now < 1:
        return ""
    tomorrow = " tomorrow" if night.morning.ns - night.now.ns > 12 * HOUR_NS else ""
    at_seven = f"{night.mg_at_morning:.0f} mg left at {night.morning.time_of_day[:5]}{tomorrow}"
    below = night.below_threshold_at
    if below.ns == night.now.ns:
        return f"{at_seven}, under {SLEEP_THRESHOLD_MG} mg already"
    is_soon = below.iso_date == night.now.iso_date or below.ns - night.now.ns < 12 * HOUR_NS
    day = "" if is_soon else f" ({below.iso_date})"
    return f"{at_seven}, under {SLEEP_THRESHOLD_MG} mg at {below.time_of_day[:5]}{day}"


def summarize_others(
    state: State, user: str, now: Stamp, gap_ns: int, half_life_h: float, zone: Zone
) -> list[NightSummary]:
    """Return the nights of the other people who had coffee this night or before, the most caffeine left first."""
    people = [other for other in state.people if other != user and state.current_night(other, now.ns, gap_ns)]
    nights = [summarize_night(state, other, now, gap_ns, half_life_h, zone) for other in people]
    with_coffee = [night for night in nights if night.tonight_doses or night.mg_now >= 1]
    return sorted(with_coffee, key=lambda night: (-night.mg_now, night.user))


def format_intake(night: NightSummary) -> str:
    """Return ``3 cups, 1 glass of water``."""
    return f"{pluralize(len(night.tonight_doses), 'cup')}, {pluralize(night.glasses, 'glass', 'es')} of water"
