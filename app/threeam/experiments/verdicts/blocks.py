"""The blocks of an experiment: each has one run of every arm, side by side in time. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from threeam.experiments.experiment import NOT_RUN, Experiment, outcome_code
from threeam.experiments.failure_rule import FAILED, OUTCOMES, PASSED
from threeam.experiments.statistics.sequential import BlockFailures

NO_OUTCOME = ""  # the run of an arm was not made
CONCLUSIVE = (FAILED, PASSED)


def paired_outcomes(experiment: Experiment, first: str, other: str) -> list[tuple[str, str]]:
    """Return the outcomes of two arms in each block; `NO_OUTCOME` if a run was not made."""
    width = len(experiment.arms)
    codes = experiment.outcome_codes
    first_of, other_of = (_outcomes_by_code(experiment.arms.index(arm)) for arm in (first, other))
    blocks = (codes[begin : begin + width] for begin in range(0, len(codes), width))
    return [(_outcome_in(block, first_of), _outcome_in(block, other_of)) for block in blocks]


def conclusive_blocks(outcomes: Iterable[tuple[str, str]]) -> Iterator[BlockFailures]:
    """Yield the blocks in which both of two arms failed or passed."""
    for first, other in outcomes:
        if first in CONCLUSIVE and other in CONCLUSIVE:
            yield BlockFailures(first == FAILED, other == FAILED)


def _outcomes_by_code(arm_index: int) -> dict[str, str]:
    return {outcome_code(arm_index, outcome): outcome for outcome in OUTCOMES}


def _outcome_in(block: str, outcome_of: dict[str, str]) -> str:
    return next((outcome_of[code] for code in block if code != NOT_RUN and code in outcome_of), NO_OUTCOME)
