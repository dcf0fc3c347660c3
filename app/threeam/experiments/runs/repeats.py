"""Experiments with the same plan: each is one more chance that equal arms look different. Pure.

An experiment that is repeated until it shows a difference shows one: ten repeats of equal arms do so in more than one
case of four. So a repeat is held against less (`stats.alpha_of_repeat`), and its verdict has the sums of all. An
experiment that was abandoned counts if a run of it was made: its results could be seen.
"""

from __future__ import annotations

from collections.abc import Iterable

from threeam.core.state.fold import State
from threeam.experiments.experiment import Counts, Experiment
from threeam.experiments.kinds.kind_comparison import comparable_counts
from threeam.experiments.runs.run_log import experiments


def earlier_repeats(
    all_experiments: Iterable[Experiment],
    number: int,
    fingerprint: str,
    arms: tuple[str, ...],
    wrappers: tuple[str, ...],
) -> list[Experiment]:
    """Return the experiments before ``number`` with these facts of a plan. The number of runs may differ."""
    return [
        experiment
        for experiment in all_experiments
        if experiment.number < number
        and experiment.seed is not None
        and (experiment.fingerprint, experiment.arms) == (fingerprint, arms)
        and experiment.wrapper_fingerprints in ((), wrappers)
        and any(counts.conclusive for counts in experiment.counts().values())
    ]


def find_repeats(state: State, experiment: Experiment) -> list[Experiment]:
    """Return the experiments before ``experiment`` with the same plan."""
    number, fingerprint, wrappers = experiment.number, experiment.fingerprint, experiment.wrapper_fingerprints
    return earlier_repeats(experiments(state), number, fingerprint, experiment.arms, wrappers)


def pooled_counts(experiments: Iterable[Experiment]) -> list[Counts]:
    """Return the counts of each arm that can be compared, summed over ``experiments`` with the same arms."""
    by_arm = zip(*(comparable_counts(experiment).values() for experiment in experiments), strict=True)
    return [Counts(*map(sum, zip(*counts, strict=True))) for counts in by_arm]


def ordinal(number: int) -> str:
    """Return ``8th``."""
    suffix = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"
