"""Drafts of the lines of a bisection. The line of a run names its commit in place of an arm."""

from __future__ import annotations

from collections.abc import Sequence

from threeam.core.format.entry import Stamp
from threeam.core.format.remote_hypothesis import Bound
from threeam.core.state.fold import State
from threeam.core.write.draft import Draft, DraftLine, WriteContext, hypothesis_tags
from threeam.experiments.bisect.bisect_log import CANNOT, Bisection
from threeam.experiments.experiment import Run
from threeam.experiments.runs.run_drafts import SOURCE
from threeam.experiments.runs.run_numbers import next_run_number
from threeam.experiments.runs.run_tags import format_run, index_tag, run_tags


def bisect_draft(text: str, last: int, budget: int, file: str, hypothesis: Bound | None) -> Draft:
    """Return the draft of the plan line. The number is assigned under the lock."""

    def lines(state: State, context: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        index = index_tag(next_run_number(state), 0, budget)
        tags = (index, *hypothesis_tags(state, hypothesis), ("BISECT", f"commits={last}"), ("FILE", file))
        return [DraftLine(f"Bisect: {text}", tags)]

    return Draft(lines, source=SOURCE)


def step_draft(number: int, budget: int, run: Run, position: int, *, cannot: bool, about: str) -> Draft:
    """Return the draft of the line of ``run``, of the commit at ``position``. ``about``: what follows from it."""
    value = f"{position} {CANNOT}" if cannot else str(position)
    tags = (index_tag(number, run.number, budget), ("COMMIT", value), *run_tags(run))
    line = DraftLine(f"{format_run(run)}; {about}", tags)
    return Draft(lambda state, context, stamp: [line], needs_full_state=False, source=SOURCE)


def result_draft(bisection: Bisection, text: str, probability: float) -> Draft:
    """Return the draft of the result line."""

    def lines(state: State, context: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        index = index_tag(bisection.number, bisection.done, bisection.budget)
        tags = (index, *hypothesis_tags(state, bisection.hypothesis), ("BISECTED", f"p={probability:.4f}"))
        return [DraftLine(f"Bisected: {text}", tags)]

    return Draft(lines, source=SOURCE)
