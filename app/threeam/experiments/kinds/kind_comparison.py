"""The kinds of failure of each arm compared with those of the first arm. Pure.

An arm *fails in another way* if it has a kind of failure that the first arm has never shown, and too often for chance.
Such runs say nothing about the kinds of the first arm: they neither failed like it nor passed. So they are left out of
the comparison of the rates. A kind that is only rare is not left out: otherwise each message of chance would count as
a failure in the first arm, where it defines the kinds, and not in the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from threeam.experiments.experiment import Counts, Experiment
from threeam.experiments.failure_rule import FAILED
from threeam.experiments.kinds.kind_counts import RARE_RUNS, KindCount, has_too_many_kinds, kind_counts
from threeam.experiments.statistics.stats import fisher_exact, holm_levels, is_significant


class AnotherWay(NamedTuple):
    """A kind of failure of ``arm``, in ``failed`` of ``made`` runs. The first arm has it in none of ``of_first``."""

    arm: str
    kind: KindCount
    failed: int
    made: int
    of_first: int
    p: float


class HangComparison(NamedTuple):
    """The time-outs of ``arm`` compared with those of the first arm: each as a number, and of how many runs."""

    arm: str
    timed_out: int
    made: int
    first_timed_out: int
    of_first: int
    p: float
    is_significant: bool


def find_other_ways(experiment: Experiment) -> list[AnotherWay]:
    """Return the kinds of failure that an arm has, the first arm has never shown, and chance does not explain.

    Return nothing if the first arm has never failed: then there is no failure that they could differ from.
    """
    first, *others = experiment.arms
    every = kind_counts(experiment)
    counts = [count for count in every if count.outcome == FAILED]
    if has_too_many_kinds(every) or not any(count.by_arm[first] for count in counts):
        return []
    kinds = [count for count in counts if count.kind is not None and count.total >= RARE_RUNS]
    made = {arm: arm_counts.total for arm, arm_counts in experiment.counts().items()}
    ways = []
    for arm in others:
        only_here = [
            AnotherWay(arm, kind, kind.by_arm[arm], made[arm], made[first], p)
            for kind in kinds
            if kind.by_arm[arm] and not kind.by_arm[first]
            for p in [fisher_exact(0, made[first], kind.by_arm[arm], made[arm])]
        ]
        level = experiment.alpha / max(1, len(kinds) * len(others))  # Bonferroni
        clear = [way for way in only_here if is_significant(way.p, level)]
        ways += only_here if _are_the_difference(experiment, arm, only_here) else clear
    return ways


def _are_the_difference(experiment: Experiment, arm: str, ways: Sequence[AnotherWay]) -> bool:
    """Return whether ``arm`` fails more often than the first arm, and only because of the kinds of ``ways``."""
    counts = experiment.counts()
    first, own = counts[experiment.arms[0]], counts[arm]
    level = experiment.alpha / (len(experiment.arms) - 1)
    without = own._replace(failed=own.failed - sum(way.failed for way in ways))
    return _fails_more_often(own, first, level) and not _fails_more_often(without, first, level)


def _fails_more_often(counts: Counts, first: Counts, level: float) -> bool:
    p = fisher_exact(first.failed, first.conclusive, counts.failed, counts.conclusive)
    return is_significant(p, level) and counts.failed * first.conclusive > first.failed * counts.conclusive


def comparable_counts(experiment: Experiment) -> dict[str, Counts]:
    """Return the counts of each arm without the runs that failed in another way than the first arm does."""
    counts = experiment.counts()
    for way in find_other_ways(experiment):
        counts[way.arm] = counts[way.arm]._replace(failed=counts[way.arm].failed - way.failed)
    return counts


def compare_hangs(experiment: Experiment) -> list[HangComparison]:
    """Compare how often each other arm and the first one timed out (Holm). No comparison if no run did."""
    counts = experiment.counts()
    first, *others = experiment.arms
    if not any(arm_counts.timed_out for arm_counts in counts.values()):
        return []
    of_first = (counts[first].timed_out, counts[first].total)
    ps = [fisher_exact(*of_first, counts[arm].timed_out, counts[arm].total) for arm in others]
    return [
        HangComparison(arm, counts[arm].timed_out, counts[arm].total, *of_first, p, is_significant(p, level))
        for arm, p, level in zip(others, ps, holm_levels(ps, experiment.alpha), strict=True)
    ]
