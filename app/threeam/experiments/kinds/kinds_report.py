"""The kinds of failure of an experiment in reports: a line for each kind, and a letter for each run. Pure."""

from __future__ import annotations

from threeam.core.format.report import ReportLine, ReportSection
from threeam.experiments.experiment import Experiment
from threeam.experiments.kinds.kind_counts import KindCount, has_too_many_kinds, kind_counts


def kinds_section(experiment: Experiment) -> ReportSection:
    """Return a section with a line for each kind of failure: its runs in each arm, and the command for its outputs."""
    counts = [count for count in kind_counts(experiment) if count.kind is not None]
    lines = [_kind_line(experiment, count) for count in counts]
    if has_too_many_kinds(counts):
        lines.append(ReportLine("too many to tell apart: their outputs have words of chance"))
    return ReportSection("kinds of failure", lines)


def _kind_line(experiment: Experiment, count: KindCount) -> ReportLine:
    made = {arm: counts.total for arm, counts in experiment.counts().items()}
    runs = ", ".join(f"{arm} {count.by_arm[arm]}/{made[arm]}" for arm in experiment.arms)
    found = next((found for found in experiment.kinds if found.kind.letter == count.letter), None)
    first = f"first in run {found.first_run} · " if found is not None else ""
    files = (run.file for run in experiment.detailed_runs if run.kind == count.letter and run.file)
    outputs = f"3am run --report {experiment.name} --kind {count.letter}"
    description = count.kind.description if count.kind is not None else ""
    detail = f"{runs} · {first}{outputs}"
    return ReportLine(f"{count.letter} {description}", detail, icon=count.outcome, command=next(files, outputs))


def format_kinds(experiment: Experiment) -> str:
    """Return ``a 5, b 1``: the runs of each kind of failure; empty if there is only one kind."""
    if len(experiment.kinds) < 2:  # the screen asks after each line: most often there is nothing to count
        return ""
    counts = [count for count in kind_counts(experiment) if count.kind is not None]
    return ", ".join(f"{count.letter} {count.total}" for count in counts) if len(counts) > 1 else ""
