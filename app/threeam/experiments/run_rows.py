"""The runs of an experiment are folded on the screen: its plan shows what they come to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from threeam.core.format.entry import Entry
from threeam.core.state.fold import State
from threeam.experiments.run_tags import run_label
from threeam.experiments.runs import experiments

_TAGS_PATTERN = rb"(?: \[[A-Z0-9]+: [^\]\n]*\])*"
# From the beginning of the line: a note may quote one.
_EXPERIMENT_RUN_LINE = re.compile(
    rb"^\[[^\]\n]+\]" + _TAGS_PATTERN + rb" \[R\d{1,9}: \d{1,9}/(?!1\])\d{1,9}\]" + _TAGS_PATTERN + rb" Run: ",
    re.MULTILINE,
)


class IsExperimentRun(NamedTuple):
    """It is a run of an experiment: a condition of core's `Wanted`."""

    name: str = "one of many runs"

    def matches(self, raw: bytes) -> bool:
        return b"] Run: " in raw and _EXPERIMENT_RUN_LINE.search(raw) is not None

    def matching_line_offsets(self, data: bytes) -> Iterator[int]:
        return (found.start() for found in _EXPERIMENT_RUN_LINE.finditer(data))


def attachment_of(entry: Entry) -> str | None:
    """What was kept with a line: the name of its experiment, or that of a file; None: nothing."""
    file = entry.tag("FILE") or ""
    if file.endswith(".out"):
        return file
    return run_label(entry) if entry.kind in ("Plan", "Verdict") else None


def plan_progress(state: State) -> dict[int, str]:
    """For each plan, by its stamp (ns): how far it is, and how often it has failed."""
    found = {}
    for one in experiments(state):
        if one.seed is not None:
            counts = one.counts().values()
            timed_out = sum(arm.timed_out for arm in counts)
            late = f" · {timed_out} timed out" if timed_out else ""
            inconclusive = sum(arm.inconclusive for arm in counts)
            late += f" · {inconclusive} inconclusive" if inconclusive else ""
            found[one.stamp.ns] = f"{one.done_count}/{one.total} · {sum(arm.failed for arm in counts)} failed{late}"
    return found
