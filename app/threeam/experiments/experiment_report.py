"""Experiments as they are told on the screen: arm beside arm, their runs as a strip, those that failed first. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from threeam.core.format.entry import Stamp
from threeam.core.format.report import ReportLine, ReportSection, format_attribution
from threeam.core.format.times import format_duration
from threeam.core.state.fold import State
from threeam.experiments.experiment import Experiment, Run
from threeam.experiments.failure_rule import CUT_SHORT, FAILED, INCONCLUSIVE, LOST, PASSED, TIMED_OUT, format_exit
from threeam.experiments.runs import experiments
from threeam.experiments.verdict import ArmRate, arm_rates, format_percent, uncounted_run_sentences

_NARROWEST, _WIDEST = 10, 48  # cells of a bar
_SHOWN = 200  # that anybody reads
_LONGEST_STRIP = 1000  # runs
_DOTS = {PASSED: "·", FAILED: "✗", TIMED_OUT: "◷", INCONCLUSIVE: "?"}
_PLAIN_DOTS = {PASSED: ".", FAILED: "x", TIMED_OUT: "o", INCONCLUSIVE: "?"}
_TITLES = {
    FAILED: "failed",
    TIMED_OUT: "timed out",
    INCONCLUSIVE: "ended in another way",
    PASSED: "passed, the first of each arm",
}
_INTERRUPTED = {
    CUT_SHORT: "somebody ended it during a run",
    LOST: "the 3am that ran it ended, and the run that went on has no result",
}
_BAR, _PLAIN_BAR = tuple("├─●┤"), tuple("|-*|")


def experiment_list_report(found: Sequence[Experiment], now: Stamp) -> list[ReportSection]:
    """All of them, the last one first; those whose plan is not done stand above the others."""
    many = [one for one in found[::-1] if one.seed is not None]
    once = [one for one in found[::-1] if one.seed is None]
    told = [
        ReportSection("not done", [experiment_line(one, now) for one in many if one.remaining]),
        ReportSection("experiments", [experiment_line(one, now) for one in many if not one.remaining][:_SHOWN]),
        ReportSection("run once", [experiment_line(one, now) for one in once][:_SHOWN]),
    ]
    nothing = ReportSection("runs", [ReportLine("nothing was run yet: ! runs a command, and 3am run -n 200 in arms")])
    return [part for part in told if part.lines] or [nothing]


def hypothesis_runs_report(state: State, number: int | None, now: Stamp) -> list[ReportSection]:
    """What was run for a hypothesis, the last first."""
    runs = [
        experiment_line(one, now) for one in experiments(state)[::-1] if number is not None and one.hypothesis == number
    ]
    return [ReportSection("runs", runs[:_SHOWN])] if runs else []


def experiment_line(one: Experiment, now: Stamp) -> ReportLine:
    bound = f"H{one.hypothesis} " if one.hypothesis is not None else ""
    who = format_attribution(one.author, one.stamp, now)
    if one.seed is None:
        run = one.detailed_runs[0]
        sign = run.outcome if run.outcome != PASSED else "ok"
        words = one.text.partition(":")[0]
        return ReportLine(
            f"{one.name} {bound}{one.command}", f"{words} · {who}", one.stamp, sign, f"3am run --report {one.name}"
        )
    arms = ", ".join(
        f"{arm} {counts.failed}/{counts.conclusive}"
        + (f" ({counts.timed_out} timed out)" if counts.timed_out else "")
        + (f" ({counts.inconclusive} inconclusive)" if counts.inconclusive else "")
        for arm, counts in one.counts().items()
    )
    far = f"{format_progress(one, now)} · " if one.remaining else ""
    more = f"{far}failed {arms} · {who}"
    return ReportLine(f"{one.name} {bound}{one.command}", more, one.stamp, "Plan", f"3am run --report {one.name}")


def experiment_report(one: Experiment, now: Stamp, width: int, *, emoji: bool) -> list[ReportSection]:
    """One experiment, in lines of at most ``width`` cells."""
    found = arm_rates(one)
    resume = f"3am run --resume {one.name}"
    head = [ReportLine(one.verdict, stamp=one.verdict_stamp, icon="Verdict")] if one.verdict else []
    if one.remaining:
        head.append(ReportLine(_progress(one, now), resume if not is_running(one, now) else "", command=resume))
    plan = ReportSection(
        "plan", [ReportLine(one.text, format_attribution(one.author, one.stamp, now), one.stamp, "Plan")]
    )
    arms = [line for rate in found for line in _arm(one, rate, found, width, emoji=emoji)]
    arms += [ReportLine(sentence, icon=outcome) for outcome, sentence in uncounted_run_sentences(found)]
    scale = f"failed of all, and the interval of the rate, up to {format_percent(_scale(found))} %"
    told = [ReportSection(one.name, head), ReportSection(scale, arms)]
    for outcome, title in _TITLES.items():
        runs = [run for run in one.detailed_runs if run.outcome == outcome]
        told.append(ReportSection(title, [_run(one, run) for run in runs[:_SHOWN]]))
    told.append(plan)
    return [part for part in told if part.lines]


def _progress(one: Experiment, now: Stamp) -> str:
    done, left = one.done_count, len(one.remaining)
    since = one.last_stamp.ns - one.stamp.ns
    if one.interrupted_run is not None:
        return f"{format_progress(one, now)}: {_INTERRUPTED[one.interrupted_run.outcome]}"
    if not done:
        return f"0 of {one.total} runs"
    pace = f"{format_duration(since * left // done)} left at this pace"
    still = f", the last {format_duration(now.ns - one.last_stamp.ns)} ago" if is_stalled(one, now) else ""
    return f"{done} of {one.total} runs{still}, {pace}"


def format_progress(one: Experiment, now: Stamp) -> str:
    """Return how far a plan is that is not done, and whether anybody goes on with it."""
    far = f"{one.done_count}/{one.total}"
    if one.interrupted_run is not None:
        return f"interrupted at {far}"
    return f"{far}, no run for {format_duration(now.ns - one.last_stamp.ns)}" if is_stalled(one, now) else far


def is_running(one: Experiment, now: Stamp) -> bool:
    """Return whether somebody seems to go on with a plan: nobody has ended it, and its runs keep their pace."""
    return bool(one.remaining) and one.interrupted_run is None and not is_stalled(one, now)


def is_stalled(one: Experiment, now: Stamp) -> bool:
    """Return whether no run came for much longer than one takes, and nothing in the journal says that it was ended.

    The first run may take long, and a crash of the machine leaves no line: nobody can say from the journal alone.
    """
    pace = (one.last_stamp.ns - one.stamp.ns) // max(1, one.done_count)
    return one.interrupted_run is None and now.ns - one.last_stamp.ns > 10 * pace + 5_000_000_000


def _scale(found: Sequence[ArmRate]) -> float:
    """The rate at the right end of every bar."""
    return max((rate.high for rate in found if rate.counts.conclusive), default=1.0)


def _arm(one: Experiment, rate: ArmRate, found: Sequence[ArmRate], width: int, *, emoji: bool) -> list[ReportLine]:
    name = f"{rate.arm:<{max(len(other.arm) for other in found)}}"
    mean = f", {format_duration(rate.usage.ns // rate.usage.runs)} a run" if rate.usage.runs else ""
    counts = f"{rate.counts.failed}/{rate.counts.conclusive}"
    bounds = f"{format_percent(rate.rate)} % ({format_percent(rate.low)} to {format_percent(rate.high)}){mean}"
    if not rate.counts.conclusive:
        bounds = f"no run has ended{mean}"
    cells = min(_WIDEST, width - len(name) - len(counts) - 8)
    bar = f" {_bar(rate, found, cells, emoji=emoji)}" if cells >= _NARROWEST and rate.counts.conclusive else ""
    dots = _DOTS if emoji else _PLAIN_DOTS
    outcomes = one.outcomes(rate.arm)
    before = f"{len(outcomes) - _LONGEST_STRIP:,} before and " if len(outcomes) > _LONGEST_STRIP else ""
    strip = before + "".join(dots[outcome] for outcome in outcomes[-_LONGEST_STRIP:])
    return [ReportLine(f"{name}{bar} {counts}", bounds), ReportLine(f"    {strip}")]


def _bar(rate: ArmRate, found: Sequence[ArmRate], cells: int, *, emoji: bool) -> str:
    """The interval, and the rate in it, on one scale for all arms: no blank in it, so that it is not broken."""
    left, line, at, right = _BAR if emoji else _PLAIN_BAR
    scale = _scale(found)
    low, middle, high = (round(share / scale * (cells - 1)) for share in (rate.low, rate.rate, rate.high))
    empty = "╌" if emoji else "."
    bar = [empty] * cells
    bar[low : high + 1] = line * (high + 1 - low)
    bar[low], bar[high], bar[middle] = left, right, at
    return "".join(bar)


def _run(one: Experiment, run: Run) -> ReportLine:
    sign = "ok" if run.outcome == PASSED else run.outcome
    how = f"{run.number}/{one.total} {run.arm}, {format_exit(run.exit_code)}, {format_duration(run.duration_ns)}, {run.output_bytes:,} bytes"
    return ReportLine(
        how, f"began {Stamp(run.began_ns, run.stamp.utc_offset_s).time_of_day}", run.stamp, sign, run.file
    )
