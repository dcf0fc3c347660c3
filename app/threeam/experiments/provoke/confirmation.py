"""The fresh runs that confirm what a search has chosen: how many, which experiment has them, what they show. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from threeam.core.format.remote_hypothesis import Bound
from threeam.core.state.fold import State
from threeam.experiments.experiment import BARE, Counts, Experiment, FailureKind
from threeam.experiments.failure_rule import FAILED
from threeam.experiments.provoke.budget import MIN_CONFIRMING_RUNS
from threeam.experiments.provoke.halving import failure_rate
from threeam.experiments.provoke.search import Search, find_search, searches_by_number
from threeam.experiments.runs.run_log import experiments
from threeam.experiments.runs.run_numbers import parse_run_number
from threeam.experiments.statistics.stats import required_sample_size
from threeam.experiments.verdicts.comparison import comparisons_of

MAX_CONFIRMING_RUNS = 200  # of each arm
_SAFETY = 2  # the rate of a chosen arm is overestimated, so more runs than its rate needs


def kinds_before(all_experiments: Sequence[Experiment], hypothesis: Bound | None) -> str:
    """Return the letters of the kinds of failure that bare runs for ``hypothesis`` have had."""
    letters = {
        run.kind
        for experiment in all_experiments
        if hypothesis is not None and experiment.hypothesis == hypothesis
        for run in experiment.made_runs()
        if run.arm == BARE and run.outcome == FAILED
    }
    return "".join(sorted(letters))


def has_candidate(search: Search) -> bool:
    """Return whether the best arm failed more often than bare, in a kind of failure that is sought."""
    return failure_rate(search.ranking()[0][1].comparable) > failure_rate(search.counts()[0].comparable)


def confirming_runs(search: Search) -> int:
    """Return how many fresh runs of the chosen arm, and as many of bare, can show a difference as seen."""
    best, first = search.ranking()[0][1].comparable, search.counts()[0].comparable
    needed = required_sample_size(_smoothed_rate(first), _smoothed_rate(best))
    wanted = MAX_CONFIRMING_RUNS if needed is None else ceil(needed * _SAFETY)
    affordable = search.budget.remaining_runs(search.done_count, search.spent_ns) // 2
    return max(MIN_CONFIRMING_RUNS, min(wanted, affordable, MAX_CONFIRMING_RUNS))


def confirming_arms(search: Search) -> tuple[str, str]:
    """Return the names of bare and of the arm that a finished search has chosen."""
    return search.arms[0], search.ranking()[0][0]


def confirming_seed(search: Search) -> int:
    """Return the seed of the experiment with fresh runs, which tells it from one that was started by hand."""
    return search.halving.seed + len(search.halving.rounds)


def confirmation_of(search: Search, all_experiments: Sequence[Experiment]) -> Experiment | None:
    """Return the experiment with the fresh runs of ``search``; None if it was not started."""
    arms, seed = confirming_arms(search), confirming_seed(search)
    return next(
        (
            experiment
            for experiment in all_experiments
            if experiment.number > search.number
            and (experiment.arms, experiment.seed, experiment.fingerprint) == (arms, seed, search.fingerprint)
        ),
        None,
    )


def find_search_to_resume(state: State, name: str) -> Search | None:
    """Return the search that is called ``R12``, or the one without a result that the experiment ``R12`` confirms."""
    if (search := find_search(state, name)) is not None:
        return search
    named = [experiment for experiment in experiments(state) if experiment.number == parse_run_number(name)]
    unfinished = (search for search in searches_by_number(state).values() if search.result is None)
    return next((search for search in unfinished if confirmation_of(search, named) is not None), None)


def confirmed_arm(search: Search, confirmation: Experiment) -> str:
    """Return the arm that fails more often than bare in ``confirmation``; empty if that is not shown.

    If bare has not failed there, the arm must have a kind of failure that is sought.
    """
    (comparison,) = comparisons_of(confirmation)
    is_shown = comparison.is_significant and not comparison.is_lower
    return comparison.arm if is_shown and not is_another_failure(search, confirmation) else ""


def failing_kinds(experiment: Experiment, arm: str) -> list[FailureKind]:
    """Return the kinds of failure of ``arm``."""
    letters = {run.kind for run in experiment.made_runs() if run.arm == arm and run.outcome == FAILED}
    return [found.kind for found in experiment.kinds if found.kind.letter in letters]


def is_another_failure(search: Search, confirmation: Experiment) -> bool:
    """Return whether the chosen arm has failed, bare has not, and in none of the kinds that bare had before."""
    bare, chosen = confirmation.arms
    own = failing_kinds(confirmation, chosen)
    has_bare_failed = confirmation.counts()[bare].failed > 0
    return bool(search.sought and own) and not has_bare_failed and not any(kind.letter in search.sought for kind in own)


def _smoothed_rate(counts: Counts) -> float:
    return (counts.failed + 0.5) / (counts.conclusive + 1)
