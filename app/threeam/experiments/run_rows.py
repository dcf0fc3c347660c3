"""Experiments on the screen: the lines of runs are hidden, and the plan line shows the progress."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from threeam.core.format.entry import Entry
from threeam.core.state.fold import State
from threeam.experiments.run_tags import run_label
from threeam.experiments.runs import experiments

_TAGS_PATTERN = rb"(?: \[[A-Z0-9]+: [^\]\n]*\])*"
# Anchored at the beginning of a line: a note may quote a run line.
_EXPERIMENT_RUN_LINE = re.compile(
    rb"^\[[^\]\n]+\]" + _TAGS_PATTERN + rb" \[R\d{1,9}: \d{1,9}/(?!1\])\d{1,9}\]" + _TAGS_PATTERN + rb" Run: ",
    re.MULTILINE,
)


class IsExperimentRun(NamedTuple):
    """A condition of a `LineFilter`: the line is about one run of an experiment."""

    name: str = "one of many runs"

    def matches(self, raw: bytes) -> bool:
        return b"] Run: " in raw and _EXPERIMENT_RUN_LINE.search(raw) is not None

    def matching_line_offsets(self, data: bytes) -> Iterator[int]:
        return (match.start() for match in _EXPERIMENT_RUN_LINE.finditer(data))


def attachment_of(entry: Entry) -> str | None:
    """Return the attachment of a line: a file name, or the name of an experiment; None if it has no attachment."""
    file = entry.tag("FILE") or ""
    if file.endswith(".out"):
        return file
    return run_label(entry) if entry.kind in ("Plan", "Verdict") else None


def plan_progress(state: State) -> dict[int, str]:
    """Return the progress of each plan by its stamp (ns): the runs made, and the outcomes that are not passes."""
    progress = {}
    for experiment in experiments(state):
        if experiment.seed is None:
            continue
        counts = experiment.counts().values()
        parts = [f"{experiment.done_count}/{experiment.total}", f"{sum(arm.failed for arm in counts)} failed"]
        if timed_out := sum(arm.timed_out for arm in counts):
            parts.append(f"{timed_out} timed out")
        if inconclusive := sum(arm.inconclusive for arm in counts):
            parts.append(f"{inconclusive} inconclusive")
        progress[experiment.stamp.ns] = " · ".join(parts)
    return progress
