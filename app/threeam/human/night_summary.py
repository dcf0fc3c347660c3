"""The night of one person as it is drawn and told: cups, what is left of them and when it will be little. Pure."""

from __future__ import annotations

from typing import NamedTuple

from threeam.core.format.clock import Zone
from threeam.core.format.entry import Stamp
from threeam.core.format.times import at_hour, local_day
from threeam.core.state.fold import State
from threeam.human.caffeine import HOUR_NS, SLEEP_MG, in_a_day, milligrams, under_at
from threeam.human.drafts import count_of, glasses_tonight
from threeam.human.intake import human

MORNING_H = 7  # o'clock, in the zone of the writer: what is left then is still in bed, or should be


class Evening(NamedTuple):
    """``user`` as of ``now``. ``cups``: the doses of this night as (ns, mg); ``doses``: all that may still count.

    ``mg``: left now; ``day_mg``: drunk in 24 hours; ``morning``: the next 07:00, with ``morning_mg`` left then;
    ``little``: from when on less than `SLEEP_MG` is left. ``zone``: that of the times that are shown.
    """

    user: str
    now: Stamp
    cups: tuple[tuple[int, int], ...]
    doses: tuple[tuple[int, int], ...]
    glasses: int
    mg: float
    day_mg: int
    morning: Stamp
    morning_mg: float
    little: Stamp
    zone: Zone


def evening(state: State, user: str, now: Stamp, gap_ns: int, half_life_h: float, zone: Zone) -> Evening:
    """What ``state`` says of ``user``, as of ``now``, if they drink nothing more."""
    doses = human(state, user).doses
    cups = state.cups(user, now.ns, gap_ns)
    morning = next_morning(now, zone)
    little_ns = under_at(doses, now.ns, half_life_h, SLEEP_MG)
    return Evening(
        user,
        now,
        doses[-cups:] if cups else (),
        doses,
        glasses_tonight(state, user, now.ns, gap_ns),
        milligrams(doses, now.ns, half_life_h),
        in_a_day(doses, now.ns),
        morning,
        milligrams(doses, morning.ns, half_life_h),
        Stamp(little_ns, zone(little_ns)),
        zone,
    )


def next_morning(now: Stamp, zone: Zone) -> Stamp:
    """Return the next 07:00 in ``zone``."""
    today = local_day(now.ns, zone)
    ns = at_hour(today, MORNING_H, zone)
    if ns <= now.ns:
        ns = at_hour(today + 1, MORNING_H, zone)
    return Stamp(ns, zone(ns))


def forecast(one: Evening) -> str:
    """``102 mg left at 07:00, under 50 mg at 11:40``; empty where hardly anything is left."""
    if one.mg < 1:
        return ""
    tomorrow = " tomorrow" if one.morning.ns - one.now.ns > 12 * HOUR_NS else ""
    at_seven = f"{one.morning_mg:.0f} mg left at {one.morning.time_of_day[:5]}{tomorrow}"
    day = (
        ""
        if one.little.iso_date == one.now.iso_date or one.little.ns - one.now.ns < 12 * HOUR_NS
        else f" ({one.little.iso_date})"
    )
    if one.little.ns == one.now.ns:
        return f"{at_seven}, under {SLEEP_MG} mg already"
    return f"{at_seven}, under {SLEEP_MG} mg at {one.little.time_of_day[:5]}{day}"


def others(state: State, user: str, now: Stamp, gap_ns: int, half_life_h: float, zone: Zone) -> list[Evening]:
    """Everybody else who has had something this night, the most in them first."""
    people = [one for one in state.people if one != user and state.current_night(one, now.ns, gap_ns) is not None]
    found = [evening(state, one, now, gap_ns, half_life_h, zone) for one in people]
    return sorted((one for one in found if one.cups or one.mg >= 1), key=lambda one: (-one.mg, one.user))


def drunk(one: Evening) -> str:
    """``3 cups, 1 glass of water``."""
    return f"{count_of(len(one.cups), 'cup')}, {count_of(one.glasses, 'glass', 'es')} of water"
