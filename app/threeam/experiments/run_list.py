"""The list of all that was run: experiments, searches, bisections and single runs. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from threeam.core.format.entry import Stamp
from threeam.core.format.remote_hypothesis import Bound, bound_prefix
from threeam.core.format.report import ReportLine, ReportSection, format_attribution
from threeam.core.state.fold import State
from threeam.experiments.bisect.bisect_log import Bisection, bisections
from threeam.experiments.bisect.bisect_report import bisection_json
from threeam.experiments.experiment import Experiment
from threeam.experiments.experiment_report import experiment_line
from threeam.experiments.kinds.kinds_report import format_kinds
from threeam.experiments.provoke.search import Search, searches_by_number
from threeam.experiments.provoke.search_report import search_json
from threeam.experiments.runs.run_log import experiments
from threeam.experiments.verdicts.verdict import experiment_json

_MAX_ROWS = 200  # of a section

ListedRun = Experiment | Search | Bisection


def listed_runs(state: State) -> list[ListedRun]:
    """Return all that was run, the newest first."""
    listed: list[ListedRun] = [*experiments(state)]
    listed += searches_by_number(state).values()
    listed += bisections(state).values()
    return sorted(listed, key=lambda run: -run.number)


def run_list_report(state: State, now: Stamp) -> list[ReportSection]:
    """Return the sections of the list, the newest first: what is not done, what is done, and single runs."""
    listed = listed_runs(state)
    single = [run for run in listed if _is_single(run)]
    planned = [run for run in listed if not _is_single(run)]
    unfinished = [_line(run, now) for run in planned if _has_remaining(run)]
    finished = [_line(run, now) for run in planned if not _has_remaining(run)]
    sections = [
        ReportSection("not done", unfinished),
        ReportSection("experiments", finished[:_MAX_ROWS]),
        ReportSection("run once", [_line(run, now) for run in single[:_MAX_ROWS]]),
    ]
    nothing = ReportSection("runs", [ReportLine("nothing was run yet: ! runs a command, and 3am run -n 200 in arms")])
    return [section for section in sections if section.lines] or [nothing]


def run_json(run: ListedRun) -> dict[str, Any]:
    """Return the facts and the result of ``run`` as a JSON object; its ``type`` says what it is."""
    if isinstance(run, Experiment):
        return experiment_json(run)
    return search_json(run) if isinstance(run, Search) else bisection_json(run)


def unfinished_searches(state: State) -> list[Search | Bisection]:
    """Return the searches and bisections without a result, the newest first."""
    return [run for run in listed_runs(state) if not isinstance(run, Experiment) and not run.result]


def unfinished_search_line(run: Search | Bisection, now: Stamp) -> ReportLine:
    """Return a line that sums up a search or a bisection, with the command that continues it."""
    line, resume = _line(run, now), f"{_command(run)} --resume {run.name}"
    return line._replace(detail=f"{line.detail} · {resume} resumes it", command=resume)


def hypothesis_runs_report(
    state: State, is_about: Callable[[Bound | None], bool], now: Stamp, title: str = "runs"
) -> list[ReportSection]:
    """Return a section with the runs of a hypothesis, the newest first; no section if nothing was run.

    ``is_about``: whether runs that are bound to a hypothesis, or to none, are its own.
    """
    lines = [_line(run, now) for run in listed_runs(state) if is_about(run.hypothesis)]
    return [ReportSection(title, lines[:_MAX_ROWS])] if lines else []


def plan_progress(state: State) -> dict[int, str]:
    """Return the progress of each plan by its stamp (ns): the runs made, and the outcomes that are not passes."""
    progress = {}
    for experiment in experiments(state):
        if experiment.seed is None:
            continue
        counts = experiment.counts().values()
        kinds = f" ({kinds})" if (kinds := format_kinds(experiment)) else ""
        parts = [f"{experiment.done_count}/{experiment.total}", f"{sum(arm.failed for arm in counts)} failed{kinds}"]
        if timed_out := sum(arm.timed_out for arm in counts):
            parts.append(f"{timed_out} timed out")
        if inconclusive := sum(arm.inconclusive for arm in counts):
            parts.append(f"{inconclusive} inconclusive")
        progress[experiment.stamp.ns] = " · ".join(parts)
    for search in searches_by_number(state).values():
        failed = sum(arm.counts.failed for arm in search.counts())
        progress[search.stamp.ns] = f"{search.done_count}/{search.total} · {failed} failed"
    for bisection in bisections(state).values():
        failed = sum(runs.failed for runs in bisection.commits.values())
        progress[bisection.stamp.ns] = f"{bisection.done}/{bisection.budget} · {failed} failed"
    return progress


def _is_single(run: ListedRun) -> bool:
    return isinstance(run, Experiment) and run.seed is None


def _has_remaining(run: ListedRun) -> bool:
    return bool(run.remaining) if isinstance(run, Experiment) else not run.result


def _line(run: ListedRun, now: Stamp) -> ReportLine:
    """Return a line that sums up ``run``, with the command that prints its report. Its subject is the run's name."""
    if isinstance(run, Experiment):
        return experiment_line(run, now)._replace(subject=run.name)
    summary = _search_summary(run) if isinstance(run, Search) else _bisection_summary(run)
    detail = f"{summary} · {format_attribution(run.author, run.stamp, now)}"
    return ReportLine(
        f"{run.name} {bound_prefix(run.hypothesis)}{run.command}",
        detail,
        run.stamp,
        "Plan",
        f"{_command(run)} --report {run.name}",
        subject=run.name,
    )


def _command(run: Search | Bisection) -> str:
    return "3am run" if isinstance(run, Search) else "3am bisect"


def _search_summary(search: Search) -> str:
    if search.result is None:
        return f"search: {search.done_count} of at most {search.total} runs"
    result = search.result
    return f"search: found {result.found}, {result.confirmation}" if result.found else "search: found no arm"


def _bisection_summary(bisection: Bisection) -> str:
    return f"bisect: {bisection.result or f'{bisection.done} of at most {bisection.budget} runs'}"
