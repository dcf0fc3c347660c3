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

_MIN_BAR_CELLS, _MAX_BAR_CELLS = 10, 48  # cells of a bar
_MAX_ROWS = 200  # that anybody reads
_MAX_STRIP_RUNS = 1000  # runs
_OUTCOME_GLYPHS = {PASSED: "·", FAILED: "✗", TIMED_OUT: "◷", INCONCLUSIVE: "?"}
_ASCII_OUTCOME_GLYPHS = {PASSED: ".", FAILED: "x", TIMED_OUT: "o", INCONCLUSIVE: "?"}
_SECTION_TITLES = {
    FAILED: "failed",
    TIMED_OUT: "timed out",
    INCONCLUSIVE: "ended in another way",
    PASSED: "passed, the first of each arm",
}
_INTERRUPTION_TEXTS = {
    CUT_SHORT: "somebody ended it during a run",
    LOST: "the 3am that ran it ended, and the run that went on has no result",
}
_BAR_GLYPHS, _ASCII_BAR_GLYPHS = tuple("├─●┤"), tuple("|-*|")


def experiment_list_report(all_experiments: Sequence[Experiment], now: Stamp) -> list[ReportSection]:
    """All of them, the last one first; those whose plan is not done stand above the others."""
    many = [one for one in all_experiments[::-1] if one.seed is not None]
    once = [one for one in all_experiments[::-1] if one.seed is None]
    told = [
        ReportSection("not done", [experiment_line(one, now) for one in many if one.remaining]),
        ReportSection("experiments", [experiment_line(one, now) for one in many if not one.remaining][:_MAX_ROWS]),
        ReportSection("run once", [experiment_line(one, now) for one in once][:_MAX_ROWS]),
    ]
    nothing = ReportSection("runs", [ReportLine("nothing was run yet: ! runs a command, and 3am run -n 200 in arms")])
    return [part for part in told if part.lines] or [nothing]


def hypothesis_runs_report(state: State, number: int | None, now: Stamp) -> list[ReportSection]:
    """What was run for a hypothesis, the last first."""
    runs = [
        experiment_line(one, now) for one in experiments(state)[::-1] if number is not None and one.hypothesis == number
    ]
    return [ReportSection("runs", runs[:_MAX_ROWS])] if runs else []


def experiment_line(experiment: Experiment, now: Stamp) -> ReportLine:
    bound = f"H{experiment.hypothesis} " if experiment.hypothesis is not None else ""
    who = format_attribution(experiment.author, experiment.stamp, now)
    if experiment.seed is None:
        run = experiment.detailed_runs[0]
        sign = run.outcome if run.outcome != PASSED else "ok"
        words = experiment.text.partition(":")[0]
        return ReportLine(
            f"{experiment.name} {bound}{experiment.command}",
            f"{words} · {who}",
            experiment.stamp,
            sign,
            f"3am run --report {experiment.name}",
        )
    arms = ", ".join(
        f"{arm} {counts.failed}/{counts.conclusive}"
        + (f" ({counts.timed_out} timed out)" if counts.timed_out else "")
        + (f" ({counts.inconclusive} inconclusive)" if counts.inconclusive else "")
        for arm, counts in experiment.counts().items()
    )
    far = f"{format_progress(experiment, now)} · " if experiment.remaining else ""
    more = f"{far}failed {arms} · {who}"
    return ReportLine(
        f"{experiment.name} {bound}{experiment.command}",
        more,
        experiment.stamp,
        "Plan",
        f"3am run --report {experiment.name}",
    )


def experiment_report(experiment: Experiment, now: Stamp, width: int, *, emoji: bool) -> list[ReportSection]:
    """One experiment, in lines of at most ``width`` cells."""
    found = arm_rates(experiment)
    resume = f"3am run --resume {experiment.name}"
    head = (
        [ReportLine(experiment.verdict, stamp=experiment.verdict_stamp, icon="Verdict")] if experiment.verdict else []
    )
    if experiment.remaining:
        head.append(
            ReportLine(
                _progress_details(experiment, now), resume if not is_running(experiment, now) else "", command=resume
            )
        )
    plan = ReportSection(
        "plan",
        [
            ReportLine(
                experiment.text, format_attribution(experiment.author, experiment.stamp, now), experiment.stamp, "Plan"
            )
        ],
    )
    arms = [line for rate in found for line in _arm_lines(experiment, rate, found, width, emoji=emoji)]
    arms += [ReportLine(sentence, icon=outcome) for outcome, sentence in uncounted_run_sentences(found)]
    scale = f"failed of all, and the interval of the rate, up to {format_percent(_max_rate(found))} %"
    told = [ReportSection(experiment.name, head), ReportSection(scale, arms)]
    for outcome, title in _SECTION_TITLES.items():
        runs = [run for run in experiment.detailed_runs if run.outcome == outcome]
        told.append(ReportSection(title, [_run_line(experiment, run) for run in runs[:_MAX_ROWS]]))
    told.append(plan)
    return [part for part in told if part.lines]


def _progress_details(experiment: Experiment, now: Stamp) -> str:
    done, left = experiment.done_count, len(experiment.remaining)
    since = experiment.last_stamp.ns - experiment.stamp.ns
    if experiment.interrupted_run is not None:
        return f"{format_progress(experiment, now)}: {_INTERRUPTION_TEXTS[experiment.interrupted_run.outcome]}"
    if not done:
        return f"0 of {experiment.total} runs"
    pace = f"{format_duration(since * left // done)} left at this pace"
    still = (
        f", the last {format_duration(now.ns - experiment.last_stamp.ns)} ago" if is_stalled(experiment, now) else ""
    )
    return f"{done} of {experiment.total} runs{still}, {pace}"


def format_progress(one: Experiment, now: Stamp) -> str:
    """Return how far a plan is that is not done, and whether anybody goes on with it."""
    far = f"{one.done_count}/{one.total}"
    if one.interrupted_run is not None:
        return f"interrupted at {far}"
    return f"{far}, no run for {format_duration(now.ns - one.last_stamp.ns)}" if is_stalled(one, now) else far


def is_running(experiment: Experiment, now: Stamp) -> bool:
    """Return whether somebody seems to go on with a plan: nobody has ended it, and its runs keep their pace."""
    return bool(experiment.remaining) and experiment.interrupted_run is None and not is_stalled(experiment, now)


def is_stalled(experiment: Experiment, now: Stamp) -> bool:
    """Return whether no run came for much longer than one takes, and nothing in the journal says that it was ended.

    The first run may take long, and a crash of the machine leaves no line: nobody can say from the journal alone.
    """
    pace = (experiment.last_stamp.ns - experiment.stamp.ns) // max(1, experiment.done_count)
    return experiment.interrupted_run is None and now.ns - experiment.last_stamp.ns > 10 * pace + 5_000_000_000


def _max_rate(rates: Sequence[ArmRate]) -> float:
    """The rate at the right end of every bar."""
    return max((rate.high for rate in rates if rate.counts.conclusive), default=1.0)


def _arm_lines(
    experiment: Experiment, rate: ArmRate, rates: Sequence[ArmRate], width: int, *, emoji: bool
) -> list[ReportLine]:
    name = f"{rate.arm:<{max(len(other.arm) for other in rates)}}"
    mean = f", {format_duration(rate.usage.ns // rate.usage.runs)} a run" if rate.usage.runs else ""
    counts = f"{rate.counts.failed}/{rate.counts.conclusive}"
    bounds = f"{format_percent(rate.rate)} % ({format_percent(rate.low)} to {format_percent(rate.high)}){mean}"
    if not rate.counts.conclusive:
        bounds = f"no run has ended{mean}"
    cells = min(_MAX_BAR_CELLS, width - len(name) - len(counts) - 8)
    bar = (
        f" {_interval_bar(rate, rates, cells, emoji=emoji)}"
        if cells >= _MIN_BAR_CELLS and rate.counts.conclusive
        else ""
    )
    dots = _OUTCOME_GLYPHS if emoji else _ASCII_OUTCOME_GLYPHS
    outcomes = experiment.outcomes(rate.arm)
    before = f"{len(outcomes) - _MAX_STRIP_RUNS:,} before and " if len(outcomes) > _MAX_STRIP_RUNS else ""
    strip = before + "".join(dots[outcome] for outcome in outcomes[-_MAX_STRIP_RUNS:])
    return [ReportLine(f"{name}{bar} {counts}", bounds), ReportLine(f"    {strip}")]


def _interval_bar(rate: ArmRate, rates: Sequence[ArmRate], cells: int, *, emoji: bool) -> str:
    """The interval, and the rate in it, on one scale for all arms: no blank in it, so that it is not broken."""
    left, line, at, right = _BAR_GLYPHS if emoji else _ASCII_BAR_GLYPHS
    scale = _max_rate(rates)
    low, middle, high = (round(share / scale * (cells - 1)) for share in (rate.low, rate.rate, rate.high))
    empty = "╌" if emoji else "."
    bar = [empty] * cells
    bar[low : high + 1] = line * (high + 1 - low)
    bar[low], bar[high], bar[middle] = left, right, at
    return "".join(bar)


def _run_line(experiment: Experiment, run: Run) -> ReportLine:
    sign = "ok" if run.outcome == PASSED else run.outcome
    how = f"{run.number}/{experiment.total} {run.arm}, {format_exit(run.exit_code)}, {format_duration(run.duration_ns)}, {run.output_bytes:,} bytes"
    return ReportLine(
        how, f"began {Stamp(run.began_ns, run.stamp.utc_offset_s).time_of_day}", run.stamp, sign, run.file
    )
