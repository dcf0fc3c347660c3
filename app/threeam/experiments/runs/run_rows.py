"""Experiments on the screen: the lines of runs are hidden, and the plan line shows the progress."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from threeam.core.format.entry import Entry, escape_unprintable, parse_entry
from threeam.core.state.fold import State
from threeam.experiments.bisect.bisect_log import bisections
from threeam.experiments.kinds.kinds_report import format_kinds
from threeam.experiments.provoke.search import searches_by_number
from threeam.experiments.runs.run_log import experiments
from threeam.experiments.runs.run_tags import run_label

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


def run_line_in_words(raw: bytes) -> bytes:
    """Return a line of the log about a run in words, without its tags; any other line as it is."""
    entry = parse_entry(raw.rstrip(b"\n"))
    label = run_label(entry) if entry is not None else None
    if entry is None or label is None:
        return raw
    bound = "" if entry.hypothesis_name is None else f" {entry.hypothesis_name}"
    text = entry.body if entry.kind == "Run" else f"{entry.kind.lower()}: {entry.body}"
    report = f" (3am run --report {label})" if entry.kind == "Verdict" else ""
    line = escape_unprintable(f"{label}{bound} {text}{report}")
    return f"{line}\n".encode("utf-8", "backslashreplace")


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
