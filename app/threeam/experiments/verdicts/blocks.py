"""The blocks of an experiment: each has one run of every arm, side by side in time. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from threeam.experiments.experiment import Experiment
from threeam.experiments.failure_rule import FAILED, PASSED
from threeam.experiments.statistics.sequential import BlockFailures

NO_OUTCOME = ""  # the run of an arm was not made, or does not count
CONCLUSIVE = (FAILED, PASSED)


def paired_outcomes(experiment: Experiment, first: str, other: str) -> list[tuple[str, str]]:
    """Return the outcomes of two arms in each block; `NO_OUTCOME` for a run that was not made, or does not count."""
    width = len(experiment.arms)
    outcomes = {((run.number - 1) // width, run.arm): run.outcome for run in experiment.made_runs()}
    return [
        (outcomes.get((block, first), NO_OUTCOME), outcomes.get((block, other), NO_OUTCOME))
        for block in range(experiment.n)
    ]


def conclusive_blocks(outcomes: Iterable[tuple[str, str]]) -> Iterator[BlockFailures]:
    """Yield the blocks in which both of two arms failed or passed."""
    for first, other in outcomes:
        if first in CONCLUSIVE and other in CONCLUSIVE:
            yield BlockFailures(first == FAILED, other == FAILED)
