"""The result of a bisection: in sentences and as a report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from threeam.core.format.entry import Stamp
from threeam.core.format.remote_hypothesis import bound_json, bound_prefix
from threeam.core.format.report import ReportLine, ReportSection, format_attribution
from threeam.experiments.bisect.bisect_log import Bisection
from threeam.experiments.bisect.bisect_plan import BisectPlan
from threeam.experiments.bisect.posterior import DECIDED, Belief, CommitRuns, Suspect, belief_of
from threeam.experiments.statistics.stats import clopper_pearson
from threeam.experiments.verdicts.verdict import format_percent

_MAX_ROWS = 10
_SHOWN_PROBABILITY = 0.01


def bisection_json(bisection: Bisection) -> dict[str, Any]:
    """Return the facts and the result of ``bisection`` as a JSON object."""
    return {
        "run": bisection.name,
        "type": "bisection",
        "hypothesis": bound_json(bisection.hypothesis),
        "command": bisection.command,
        "budget": bisection.budget,
        "done": bisection.done,
        "result": bisection.result or None,
    }


def likely_text(belief: Belief, plan: BisectPlan) -> str:
    """Return ``3f2a9c1d2b4e is the most likely, 41 %``."""
    answer = belief.answer
    return f"{plan.commits[answer.last].short} is the most likely, {_percent(answer.probability)}"


def result_text(bisection: Bisection, belief: Belief, plan: BisectPlan) -> str:
    """Return the result in one line: the commit and its probability, or how many runs are still needed."""
    runs, answer = bisection.runs(), belief.answer
    made = f"{bisection.done} run{'' if bisection.done == 1 else 's'}"
    if not belief.failed:
        bad, tried = plan.commits[-1], runs[-1].passed
        upper = format_percent(clopper_pearson(0, tried)[1]) if tried else "100"
        return f"not found: the bad commit {bad.short} never failed in {made}, so its rate is at most {upper} %"
    probability = _percent(answer.probability)
    if not belief.is_decided:
        return (
            f"not decided after {made}: most likely {_named(answer, plan)} has introduced it, {probability}; "
            f"{_more_runs(bisection, belief)}"
        )
    if answer.last == 0:
        return (
            f"the good commit {plan.commits[0].short} has it already, {probability}: name an older one, or let --build "
            "make what a fresh work tree lacks: files that are not committed, submodules"
        )
    subject = f": {plan.commits[answer.last].subject}" if answer.first == answer.last else ""
    return f"{_named(answer, plan)} has introduced it, {probability}, after {made}{subject}"


def _more_runs(bisection: Bisection, belief: Belief) -> str:
    needed = belief.runs_to_decide(bisection.number)
    goal = f"would raise it to {_percent(DECIDED)}"
    if needed is None:
        return f"more runs than can be foretold {goal}: 3am bisect --resume {bisection.name} --budget N makes more"
    return f"about {needed} more {goal}: 3am bisect --resume {bisection.name} --budget {bisection.done + 2 * needed}"


def _named(suspect: Suspect, plan: BisectPlan) -> str:
    last = plan.commits[suspect.last].short
    if suspect.first == suspect.last:
        return last
    count = suspect.last - suspect.first + 1
    first = plan.commits[suspect.first].short
    return f"one of {count} commits from {first} to {last}, of which only the last can be tested,"


def bisect_report(bisection: Bisection, plan: BisectPlan, now: Stamp) -> list[ReportSection]:
    """Return the sections of the report: the result, the likely commits with their runs, the rate, and the plan."""
    belief, runs = belief_of(bisection.runs()), bisection.runs()
    title = f"{bisection.name} {bound_prefix(bisection.hypothesis)}".rstrip()
    unfinished = f"{bisection.done} of {bisection.budget} runs are made: 3am bisect --resume {bisection.name}"
    result = ReportLine(bisection.result or unfinished, icon="Bisected" if bisection.result else "Bisect")
    likely = sorted(belief.suspects, key=lambda suspect: -suspect.probability)[:_MAX_ROWS]
    rows = [_row(s, runs, plan) for s in likely if s.probability >= _SHOWN_PROBABILITY]
    sections = [
        ReportSection(title, [result]),
        ReportSection("the most likely commits, and how many of their runs failed", rows),
    ]
    if belief.failed:
        sections.append(ReportSection("rate of the failure, from that commit on", [_rate_line(belief)]))
    tested = [_tested_row(position, runs[position], plan) for position in sorted(bisection.commits)]
    sections.append(ReportSection("all that were run, the oldest first", tested))
    plan_line = ReportLine(bisection.text, format_attribution(bisection.author, bisection.stamp, now), icon="Bisect")
    return [*sections, ReportSection("plan", [plan_line])]


def _row(suspect: Suspect, runs: Sequence[CommitRuns], plan: BisectPlan) -> ReportLine:
    commit = plan.commits[suspect.last]
    group = f" (or one of {suspect.last - suspect.first} before it)" if suspect.first < suspect.last else ""
    counted = runs[suspect.last]
    counts = f"{counted.failed}/{counted.failed + counted.passed}"
    return ReportLine(f"{_percent(suspect.probability):>5}  {commit.short}{group}  {counts:>7}  {commit.subject}")


def _tested_row(position: int, runs: CommitRuns, plan: BisectPlan) -> ReportLine:
    commit = plan.commits[position]
    other = f", {runs.inconclusive} without a result" if runs.inconclusive else ""
    counts = "cannot be tested" if not runs.is_testable else f"{runs.failed}/{runs.failed + runs.passed}{other}"
    return ReportLine(f"{position:>5}  {commit.short}  {counts:>7}  {commit.subject}")


def _rate_line(belief: Belief) -> ReportLine:
    total = belief.failed + belief.answer.passed
    low, high = clopper_pearson(belief.failed, total)
    percents = f"{format_percent(belief.failed / total)} % ({format_percent(low)} to {format_percent(high)})"
    return ReportLine(f"{belief.failed}/{total} failed, {percents}")


def _percent(probability: float) -> str:
    """Return a probability in percent, without decimals; never 100 %: nothing is certain here."""
    return f"{min(99, int(100 * probability))} %"
