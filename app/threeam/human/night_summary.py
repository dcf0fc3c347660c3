"""The night of one person as it is drawn and told: cups, what is left of them and when it will be little. Pure."""

from __future__ import annotations

from typing import NamedTuple

from threeam.core.format.clock import Zone
from threeam.core.format.entry import Stamp
from threeam.core.format.times import instant_at_hour, local_day_number
from threeam.core.state.fold import State
from threeam.human.caffeine import HOUR_NS, SLEEP_THRESHOLD_MG, mg_last_24h, remaining_mg, time_below_ns
from threeam.human.drafts import glasses_tonight, pluralize
from threeam.human.intake import intake_of

MORNING_HOUR = 7  # o'clock, in the zone of the writer: what is left then is still in bed, or should be


class NightSummary(NamedTuple):
    """``user`` as of ``now``. ``cups``: the doses of this night as (ns, mg); ``doses``: all that may still count.

    ``mg``: left now; ``day_mg``: drunk in 24 hours; ``morning``: the next 07:00, with ``morning_mg`` left then;
    ``little``: from when on less than `SLEEP_MG` is left. ``zone``: that of the times that are shown.
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


def summarize_night(state: State, user: str, now: Stamp, gap_ns: int, half_life_h: float, zone: Zone) -> NightSummary:
    """What ``state`` says of ``user``, as of ``now``, if they drink nothing more."""
    doses = intake_of(state, user).doses
    cups = state.cups(user, now.ns, gap_ns)
    morning = next_morning(now, zone)
    little_ns = time_below_ns(doses, now.ns, half_life_h, SLEEP_THRESHOLD_MG)
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
        Stamp(little_ns, zone(little_ns)),
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
    """``102 mg left at 07:00, under 50 mg at 11:40``; empty where hardly anything is left."""
    if night.mg_now < 1:
        return ""
    tomorrow = " tomorrow" if night.morning.ns - night.now.ns > 12 * HOUR_NS else ""
    at_seven = f"{night.mg_at_morning:.0f} mg left at {night.morning.time_of_day[:5]}{tomorrow}"
    day = (
        ""
        if night.below_threshold_at.iso_date == night.now.iso_date
        or night.below_threshold_at.ns - night.now.ns < 12 * HOUR_NS
        else f" ({night.below_threshold_at.iso_date})"
    )
    if night.below_threshold_at.ns == night.now.ns:
        return f"{at_seven}, under {SLEEP_THRESHOLD_MG} mg already"
    return f"{at_seven}, under {SLEEP_THRESHOLD_MG} mg at {night.below_threshold_at.time_of_day[:5]}{day}"


def summarize_others(
    state: State, user: str, now: Stamp, gap_ns: int, half_life_h: float, zone: Zone
) -> list[NightSummary]:
    """Everybody else who has had something this night, the most in them first."""
    people = [one for one in state.people if one != user and state.current_night(one, now.ns, gap_ns) is not None]
    found = [summarize_night(state, one, now, gap_ns, half_life_h, zone) for one in people]
    return sorted(
        (one for one in found if one.tonight_doses or one.mg_now >= 1), key=lambda one: (-one.mg_now, one.user)
    )


def format_intake(night: NightSummary) -> str:
    """``3 cups, 1 glass of water``."""
    return f"{pluralize(len(night.tonight_doses), 'cup')}, {pluralize(night.glasses, 'glass', 'es')} of water"
