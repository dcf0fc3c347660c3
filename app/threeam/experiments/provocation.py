"""The result of a search in words: what provokes the failure, or which kinds of windows are not excluded. Pure."""

from __future__ import annotations

from math import ceil
from typing import NamedTuple

from threeam.experiments.comparison import arm_rates, compare_arms
from threeam.experiments.experiment import BARE, Counts, Experiment
from threeam.experiments.halving import failure_rate
from threeam.experiments.search import Search
from threeam.experiments.stats import fisher_exact, required_clean_runs, required_sample_size
from threeam.experiments.verdict import format_significant

MIN_CONFIRMING_RUNS, MAX_CONFIRMING_RUNS = 20, 200  # of each arm
_SAFETY = 1.5  # the rate of a chosen arm is overestimated, so more runs than its rate needs


class CodePlace(NamedTuple):
    """The place of a delayed call: a call with its arguments, and the functions around it (empty: not known)."""

    call: str
    functions: str


def confirming_runs(search: Search) -> int:
    """Return how many fresh runs of the chosen arm, and as many of bare, can show a difference as seen."""
    (_, best), first = search.ranking()[0], search.counts()[0]
    needed = required_sample_size(_smoothed_rate(first), _smoothed_rate(best))
    wanted = MAX_CONFIRMING_RUNS if needed is None else ceil(needed * _SAFETY)
    if search.budget.runs:
        affordable = (search.budget.runs - search.done_count) // 2
    else:
        mean_ns = max(1, search.spent_ns // max(1, search.done_count))
        affordable = (search.budget.ns - search.spent_ns) // (2 * mean_ns)
    return max(MIN_CONFIRMING_RUNS, min(wanted, affordable, MAX_CONFIRMING_RUNS))


def has_candidate(search: Search) -> bool:
    """Return whether the best arm failed more often than bare."""
    return failure_rate(search.ranking()[0][1]) > failure_rate(search.counts()[0])


def confirmed_arm(confirmation: Experiment) -> str:
    """Return the arm that fails more often than bare in ``confirmation``; empty if that is not shown."""
    (comparison,) = compare_arms(arm_rates(confirmation))
    return comparison.arm if comparison.is_significant and not comparison.is_lower else ""


def result_text(search: Search, confirmation: Experiment | None, place: CodePlace | None) -> str:
    """Return the result of a search. ``confirmation``: the experiment with fresh runs; None: nothing was chosen."""
    if confirmation is None:
        return f"{_nothing_better(search)}; {_remaining_windows(search)}"
    bare, chosen = arm_rates(confirmation)
    counts = f"{_fraction(chosen.counts)} against {_fraction(bare.counts)} {BARE}"
    p = format_significant(
        fisher_exact(bare.counts.failed, bare.counts.conclusive, chosen.counts.failed, chosen.counts.conclusive), 2
    )
    fresh = f"{counts} in fresh runs ({confirmation.name}, p = {p})"
    if not confirmed_arm(confirmation):
        return (
            f"no arm is shown to make it fail more often: {chosen.arm} was best, {fresh}; {_remaining_windows(search)}"
        )
    sentences = [f"{chosen.arm} provokes it: {fresh}"]
    if place is not None:
        sentences.append(f"look at {place.functions}: {place.call}" if place.functions else f"the call: {place.call}")
    _, _, with_arm = required_clean_runs(chosen.counts.failed, chosen.counts.conclusive)
    _, _, without = required_clean_runs(bare.counts.failed, bare.counts.conclusive)
    if with_arm is not None:
        more = f", and {without:,} of {BARE}" if without is not None else ""
        sentences.append(f"fixed is shown by {with_arm:,} clean runs of that arm{more}")
    return "; ".join(sentences)


def _nothing_better(search: Search) -> str:
    """Return that no arm failed more often than bare."""
    total = sum(counts.failed for counts in search.counts())
    runs = f"{search.done_count} runs of {len(search.arms)} arms"
    if not total:
        return f"nothing failed in {runs}"
    return f"no arm failed more often than {BARE} ({_fraction(search.counts()[0])}) in {runs}"


def _remaining_windows(search: Search) -> str:
    """Return which kinds of causes the arms of ``search`` could not have provoked."""
    untried = "" if "noise" in search.arms else "a window between two lock operations (noise was not tried), "
    return (
        f"what remains: {untried}a window between two accesses to memory without a system call or a lock operation in "
        "it, a window that all sides reach late alike, a bug that these runs are too few for, or one that does not "
        "depend on time (input, memory, what a run leaves behind)"
    )


def _smoothed_rate(counts: Counts) -> float:
    return (counts.failed + 0.5) / (counts.conclusive + 1)


def _fraction(counts: Counts) -> str:
    return f"{counts.failed}/{counts.conclusive}"
