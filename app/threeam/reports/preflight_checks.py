"""The essay's checklist before the hunt: tools, clock, disk, terminal, and what the journal knows."""

from __future__ import annotations

from threeam.core.config.settings import Settings
from threeam.core.format.clock import fixed_zone
from threeam.core.format.entry import NS_PER_S, Stamp
from threeam.core.format.report import format_when
from threeam.core.format.times import format_duration
from threeam.core.state.fold import State
from threeam.core.store.journal import Journal
from threeam.core.write.draft import is_toxic
from threeam.host.baseline_log import saved_baselines
from threeam.host.check import OK, YELLOW, Check, CheckGroup
from threeam.host.clock_checks import check_clock
from threeam.host.disk_checks import check_disk
from threeam.host.system import System
from threeam.host.tmux_checks import check_tmux
from threeam.host.tracer_checks import check_tracers
from threeam.human.night_summary import format_intake, summarize_night
from threeam.hypotheses.handoff_notes import handoff_note

_MAX_BASELINE_AGE_NS = 30 * 86_400 * NS_PER_S  # a month: the host has been deployed to since


def run_preflight_checks(
    system: System, journal: Journal, state: State, settings: Settings, user: str, now: Stamp
) -> list[CheckGroup]:
    """Run all checks before the hunt, in the order of the essay. Raise OSError or `FileUnusable`."""
    return [
        CheckGroup("tracing tools", check_tracers(system)),
        CheckGroup("the clock", check_clock(system, now.ns)),
        CheckGroup("the log's disk", check_disk(system, journal, now.ns, settings.disk_floor, settings.rotate_bytes)),
        CheckGroup("the terminal", check_tmux(system)),
        CheckGroup(
            "the hunt",
            [
                *_check_architecture_notes(state, now),
                _check_baseline(state, now),
                _check_person(state, settings, user, now),
            ],
        ),
    ]


def _check_architecture_notes(state: State, now: Stamp) -> list[Check]:
    """Check that the architecture is noted: "You need the topology. Where is the shared state actually living?"."""
    checks = []
    for name, example in (("topology", "LB -> app1, app2 -> primary, replica"), ("shared", "the carts, in redis 0")):
        note = handoff_note(state, name)
        if note is None:
            fix = f"3am log '{name.capitalize()}: {example}'"
            checks.append(Check(name, YELLOW, "not noted yet", fix))
        else:
            checks.append(Check(name, OK, f"{note.lines[0]} ({format_when(note.stamp, now)})"))
    return checks


def _check_baseline(state: State, now: Stamp) -> Check:
    saved = saved_baselines(state)
    if not saved:
        fix = "3am baseline save -n 5 --every 2s"
        return Check("baseline", YELLOW, "none yet: nothing to compare with", fix)
    last = saved[-1]
    fix = f"3am baseline save {last.name} -n 5 --every 2s"
    if now.ns - last.stamp.ns > _MAX_BASELINE_AGE_NS:
        return Check("baseline", YELLOW, f"{last.name} is {format_duration(now.ns - last.stamp.ns)} old", fix)
    return Check("baseline", OK, f"{last.name}, {format_when(last.stamp, now)}")


def _check_person(state: State, settings: Settings, user: str, now: Stamp) -> Check:
    """Check the "caffeine and hydration" of the person who is about to begin."""
    zone = fixed_zone(now.utc_offset_s)  # any zone will do: no time is shown
    night = summarize_night(state, user, now, settings.night_gap_ns, settings.half_life_h, zone)
    cups = len(night.tonight_doses)
    detail = f"{format_intake(night)}, {night.mg_now:.0f} mg"
    if is_toxic(cups, settings.toxic_cups) or night.is_over_single_dose:
        return Check("you", YELLOW, f"{detail}: no more coffee", "3am water")
    if cups > night.glasses:
        return Check("you", YELLOW, detail, "3am water")
    return Check("you", OK, detail)
