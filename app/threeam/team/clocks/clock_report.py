"""The clocks of a team in words."""

from __future__ import annotations

from threeam.core.format.times import format_age, format_duration, format_exact_duration
from threeam.team.clocks.clock_offset import Offset
from threeam.team.team_status import ClockStatus, HostStatus, OwnStatus
from threeam.timeline.align import DRIFT_PPM, correction_between


def own_clock_sentence(own: OwnStatus) -> str:
    """Return what this host says of its clock."""
    remedy = ": 3am preflight says why" if own.utc_bound_ns is None else ""
    return f"clock {_bound_text(own.utc_bound_ns)}{remedy}"


def clock_sentences(host: HostStatus, now_ns: int) -> list[str]:
    """Return what is known of the clock of another host: its offset and bound at ``now_ns``, and its last step."""
    clock = host.clock
    if clock is None:
        return [f"clock not measured from here; {_bound_text(host.utc_bound_ns)}"]
    age_ns = max(0, now_ns - clock.measured_ns)
    offset = offset_at(clock, age_ns)
    shift_ns, bound_ns = correction_between(offset.low_ns, offset.high_ns)
    ahead = f"{format_exact_duration(abs(shift_ns))} {'behind' if shift_ns < 0 else 'ahead'}"
    sentences = [
        f"clock {ahead} ±{format_exact_duration(bound_ns or 0)}, measured {_ago(age_ns)}; "
        f"{_bound_text(host.utc_bound_ns)}"
    ]
    if clock.steps:
        whose = "this host's clock" if clock.is_step_ours else "its clock"
        times = "" if clock.steps == 1 else f", {clock.steps} times so far"
        sentences.append(
            f"{whose} was stepped by about {format_duration(_rounded(abs(clock.step_ns)))}, or drifts faster than "
            f"{DRIFT_PPM} ppm: {_ago(now_ns - clock.stepped_ns)}{times}"
        )
    return sentences


def offset_at(clock: ClockStatus, age_ns: int) -> Offset:
    """Return the offset, ``age_ns`` after it was measured."""
    return Offset(clock.offset_ns - clock.bound_ns, clock.offset_ns + clock.bound_ns).widened(age_ns)


def _bound_text(utc_bound_ns: int | None) -> str:
    if utc_bound_ns is None:
        return "not synchronised"
    bound_ns = correction_between(-utc_bound_ns, utc_bound_ns).bound_ns or 0  # rounded up
    return f"within {format_exact_duration(bound_ns)} of UTC"


def _ago(age_ns: int) -> str:
    age = format_age(max(0, age_ns))
    return age if age == "now" else f"{age} ago"


def _rounded(ns: int) -> int:
    """Return ``ns`` to two digits: the times of two pings are between the step and what shows it."""
    unit_ns: int = 10 ** max(0, len(str(ns)) - 2)
    return (ns + unit_ns // 2) // unit_ns * unit_ns
