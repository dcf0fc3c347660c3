"""Reports on experiments for the screen: the arms compared, the runs as a strip, and the failures first. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from threeam.core.format.entry import Stamp
from threeam.core.format.remote_hypothesis import bound_prefix
from threeam.core.format.report import ReportLine, ReportSection, format_attribution
from threeam.core.format.times import format_duration
from threeam.experiments.build import build_differences, describe_build, recorded_build
from threeam.experiments.experiment import Counts, Experiment, Run
from threeam.experiments.failure_rule import (
    CUT_SHORT,
    FAILED,
    INCONCLUSIVE,
    LOST,
    OUTCOME_SIGNS,
    PASSED,
    TIMED_OUT,
    format_exit,
)
from threeam.experiments.kinds.kinds_report import kinds_section
from threeam.experiments.runs.repeats import ordinal
from threeam.experiments.verdicts.comparison import ArmRate, arm_rates
from threeam.experiments.verdicts.stopping import is_done
from threeam.experiments.verdicts.verdict import format_percent, uncounted_run_sentences, verdict_text

_MIN_BAR_CELLS, _MAX_BAR_CELLS = 10, 48
_MAX_ROWS = 200  # rows of a section
_MAX_STRIP_RUNS = 1000
_SECTION_TITLES = {
    FAILED: "failed",
    TIMED_OUT: "timed out",
    INCONCLUSIVE: "ended in another way",
    PASSED: "passed, the first of each arm",
}
_INTERRUPTION_TEXTS = {
    CUT_SHORT: "a signal ended it during a run",
    LOST: "the 3am that ran it ended, and the current run has no result",
}
_BAR_GLYPHS, _ASCII_BAR_GLYPHS = tuple("├─●┤"), tuple("|-*|")
_BAR_PADDING = 8  # cells of a row besides the name, the bar and the counts
_STALLED_RUNS = 10  # a plan is stalled if there was no run for this many times the mean duration of a run
_STALLED_SLACK_NS = 5_000_000_000


def experiment_line(experiment: Experiment, now: Stamp) -> ReportLine:
    """Return a line that sums up an experiment, with the command that prints its report."""
    attribution = format_attribution(experiment.author, experiment.stamp, now)
    if experiment.seed is None:
        outcome = experiment.detailed_runs[0].outcome
        icon = "Run" if outcome == PASSED else outcome
        detail = f"{experiment.text.partition(':')[0]} · {attribution}"
    else:
        icon = "Plan"
        progress = f"{format_progress(experiment, now)} · " if experiment.remaining else ""
        arms = ", ".join(_format_counts(arm, counts) for arm, counts in experiment.counts().items())
        detail = f"{progress}failed {arms} · {attribution}"
    text = f"{experiment.name} {bound_prefix(experiment.hypothesis)}{experiment.command}"
    return ReportLine(text, detail, experiment.stamp, icon, f"3am run --report {experiment.name}")


def _format_counts(arm: str, counts: Counts) -> str:
    timed_out = f" ({counts.timed_out} timed out)" if counts.timed_out else ""
    inconclusive = f" ({counts.inconclusive} inconclusive)" if counts.inconclusive else ""
    return f"{arm} {counts.failed}/{counts.conclusive}{timed_out}{inconclusive}"


def experiment_report(
    experiment: Experiment,
    now: Stamp,
    width: int,
    *,
    emoji: bool,
    with_runs: bool = True,
    repeats: Sequence[Experiment] = (),
) -> list[ReportSection]:
    """Return the sections of the report on an experiment. Its bars and strips have at most ``width`` cells.

    ``with_runs``: list the runs whose output is saved. ``repeats``: the experiments before it with the same plan.
    """
    title = f"{experiment.name} {bound_prefix(experiment.hypothesis)}".rstrip()
    attribution = format_attribution(experiment.author, experiment.stamp, now)
    if experiment.seed is None:  # a command that was run by itself
        run_line = ReportLine(experiment.text, attribution, experiment.stamp, "Run")
        return [ReportSection(title, [run_line])]
    rates = arm_rates(experiment)
    arms = [line for rate in rates for line in _arm_lines(experiment, rate, rates, width, emoji=emoji)]
    arms += [ReportLine(sentence, icon=outcome) for outcome, sentence in uncounted_run_sentences(rates)]
    scale = f"failed of all, and the interval of the rate, up to {format_percent(_max_rate(rates))} %"
    sections = [
        ReportSection(title, _conclusion_lines(experiment, now, repeats)),
        ReportSection(scale, arms),
        kinds_section(experiment),
    ]
    for outcome, title in _SECTION_TITLES.items() if with_runs else ():
        runs = [run for run in experiment.detailed_runs if run.outcome == outcome]
        sections.append(ReportSection(title, [_run_line(experiment, run) for run in runs[:_MAX_ROWS]]))
    sections.append(ReportSection("plan", _plan_lines(experiment, attribution, repeats)))
    return [section for section in sections if section.lines]


def _plan_lines(experiment: Experiment, attribution: str, repeats: Sequence[Experiment]) -> list[ReportLine]:
    """Return the plan, its build, and how that differs from the last experiment with the same plan."""
    lines = [ReportLine(experiment.text, attribution, experiment.stamp, "Plan")]
    if build := describe_build(recorded_build(experiment)):
        lines.append(ReportLine(f"build: {build}"))
    for last in repeats[-1:]:
        name = f"{ordinal(experiment.nth)} such experiment, the last before it is {last.name}"
        lines.append(ReportLine(name, command=f"3am run --report {last.name}"))
        differences = build_differences(recorded_build(last), recorded_build(experiment))
        lines += [ReportLine(f"{what} since {last.name}", how) for what, how in differences]
    return lines


def _conclusion_lines(experiment: Experiment, now: Stamp, repeats: Sequence[Experiment]) -> list[ReportLine]:
    """Return the verdict of a plan, or what is missing for one."""
    resume = f"3am run --resume {experiment.name}"
    if (verdict := experiment.verdict) is not None:
        return [ReportLine(verdict.text, stamp=verdict.stamp, icon="Verdict")]
    if not is_done(experiment):
        hint = "" if is_running(experiment, now) else resume
        text = f"{_progress_details(experiment, now)}: no verdict before the plan is done"
        return [ReportLine(text, hint, command=resume)]
    hint = f"it is not in the journal yet: {resume} writes it"
    return [ReportLine(verdict_text(experiment, repeats), hint, icon="Verdict", command=resume)]


def _progress_details(experiment: Experiment, now: Stamp) -> str:
    done, remaining = experiment.done_count, len(experiment.remaining)
    if experiment.interrupted_run is not None:
        return f"{format_progress(experiment, now)}: {_INTERRUPTION_TEXTS[experiment.interrupted_run.outcome]}"
    if not done:
        return f"0 of {experiment.total} runs"
    elapsed_ns = experiment.record.last_stamp.ns - experiment.stamp.ns
    time_left = f"{format_duration(elapsed_ns * remaining // done)} left at this pace"
    idle = f", the last {_idle_time(experiment, now)} ago" if is_stalled(experiment, now) else ""
    return f"{done} of {experiment.total} runs{idle}, {time_left}"


def format_progress(experiment: Experiment, now: Stamp) -> str:
    """Return how many runs of an unfinished plan are made, and whether it was interrupted or stalled."""
    progress = f"{experiment.done_count}/{experiment.total}"
    if experiment.interrupted_run is not None:
        return f"interrupted at {progress}"
    return f"{progress}, no run for {_idle_time(experiment, now)}" if is_stalled(experiment, now) else progress


def _idle_time(experiment: Experiment, now: Stamp) -> str:
    return format_duration(now.ns - experiment.record.last_stamp.ns)


def is_running(experiment: Experiment, now: Stamp) -> bool:
    """Return whether a process seems to be running the plan: it was not interrupted, and is not stalled."""
    return bool(experiment.remaining) and experiment.interrupted_run is None and not is_stalled(experiment, now)


def is_stalled(experiment: Experiment, now: Stamp) -> bool:
    """Return whether there was no run for much longer than a run takes, although no line says that it was interrupted.

    This is a guess: the first run may take long, and a crash of the machine leaves no line.
    """
    pace_ns = (experiment.record.last_stamp.ns - experiment.stamp.ns) // max(1, experiment.done_count)
    idle_ns = now.ns - experiment.record.last_stamp.ns
    return experiment.interrupted_run is None and idle_ns > _STALLED_RUNS * pace_ns + _STALLED_SLACK_NS


def _max_rate(rates: Sequence[ArmRate]) -> float:
    """Return the rate at the right end of every bar."""
    return max((rate.high for rate in rates if rate.counts.conclusive), default=1.0)


def _arm_lines(
    experiment: Experiment, rate: ArmRate, rates: Sequence[ArmRate], width: int, *, emoji: bool
) -> list[ReportLine]:
    """Return the rate with its interval as a bar, and below it a glyph for each run."""
    name = f"{rate.arm:<{max(len(other.arm) for other in rates)}}"
    counts = f"{rate.counts.failed}/{rate.counts.conclusive}"
    mean = f", {format_duration(rate.usage.ns // rate.usage.runs)} a run" if rate.usage.runs else ""
    interval = f"{format_percent(rate.low)} to {format_percent(rate.high)}"
    detail = (
        f"{format_percent(rate.rate)} % ({interval}){mean}" if rate.counts.conclusive else f"no run has a result{mean}"
    )
    cells = min(_MAX_BAR_CELLS, width - len(name) - len(counts) - _BAR_PADDING)
    has_bar = cells >= _MIN_BAR_CELLS and rate.counts.conclusive
    bar = f" {_interval_bar(rate, rates, cells, emoji=emoji)}" if has_bar else ""
    strip = _strip(experiment, rate.arm, emoji=emoji)
    cells = max(_MIN_BAR_CELLS, width - _BAR_PADDING)
    strips = [ReportLine(f"    {strip[begin : begin + cells]}") for begin in range(0, len(strip), cells)]
    return [ReportLine(f"{name}{bar} {counts}", detail), *strips]


def _strip(experiment: Experiment, arm: str, *, emoji: bool) -> str:
    """Return a sign for each of the last runs of an arm, and how many there were before.

    The sign is that of its outcome, or the letter of its kind of failure if there are several kinds.
    """
    has_kinds = len(experiment.kinds) > 1
    made = [run for run in experiment.made_runs() if run.arm == arm]
    hidden = len(made) - _MAX_STRIP_RUNS
    before = f"{hidden:,} before and " if hidden > 0 else ""
    return before + "".join(
        run.kind if has_kinds and run.kind else OUTCOME_SIGNS[run.outcome][not emoji] for run in made[-_MAX_STRIP_RUNS:]
    )


def _interval_bar(rate: ArmRate, rates: Sequence[ArmRate], cells: int, *, emoji: bool) -> str:
    """Return the interval of a rate, drawn on the scale of all arms. It has no blanks, so that it does not wrap."""
    left, line, point, right = _BAR_GLYPHS if emoji else _ASCII_BAR_GLYPHS
    scale = _max_rate(rates)
    low, middle, high = (round(share / scale * (cells - 1)) for share in (rate.low, rate.rate, rate.high))
    bar = ["╌" if emoji else "."] * cells
    bar[low : high + 1] = line * (high + 1 - low)
    bar[low], bar[high], bar[middle] = left, right, point
    return "".join(bar)


def _run_line(experiment: Experiment, run: Run) -> ReportLine:
    exit_text, duration = format_exit(run.exit_code), format_duration(run.duration_ns)
    letter = f"{run.kind} " if run.kind else ""
    text = f"{letter}{run.number}/{experiment.total} {run.arm}, {exit_text}, {duration}, {run.output_bytes:,} bytes"
    began = f"began {Stamp(run.began_ns, run.stamp.utc_offset_s).time_of_day}"
    icon = "Run" if run.outcome == PASSED else run.outcome
    return ReportLine(text, began, run.stamp, icon, run.file)
