"""Experiments without processes: coins with a known rate, judged by the functions that judge real runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from random import Random

from support.experiments import OLD_NEW, versions_in
from threeam.experiments.experiment import ArmUsage, Counts
from threeam.experiments.failure_rule import FAILED, PASSED
from threeam.experiments.fixes.fix_control import assess_control
from threeam.experiments.statistics.stats import ALPHA, alpha_of_repeat
from threeam.experiments.verdicts.comparison import ArmRate, compare_arms
from threeam.experiments.verdicts.stopping import EvidenceRule


def false_positive_share(experiments: int, is_difference_claimed: Callable[[Random], bool]) -> float:
    """The share of experiments in which a difference is claimed, with the seeds from 0 on."""
    return sum(is_difference_claimed(Random(seed)) for seed in range(experiments)) / experiments


def tossed(n: int, rate: float, random: Random) -> Counts:
    failed = sum(random.random() < rate for _ in range(n))
    return Counts(failed, n - failed)


def fixed_size_experiment(arms: int, n: int, rate: float, random: Random) -> bool:
    """Whether any of some equal arms is said to differ from the first one, after ``n`` runs of each."""
    return is_difference_shown([tossed(n, rate, random) for _ in range(arms)])


def is_difference_shown(counts: Iterable[Counts], alpha: float = ALPHA) -> bool:
    """Whether any arm is said to differ from the first one. The intervals are not computed: that is slow."""
    rates = [ArmRate(f"arm{i}", of_arm, 0, 1, ArmUsage()) for i, of_arm in enumerate(counts)]
    return any(comparison.is_significant for comparison in compare_arms(rates, alpha))


def repeated_experiment(times: int, n: int, rate: float, random: Random) -> Iterator[bool]:
    """Whether each of several experiments with equal arms shows a difference, by itself or with those before it."""
    counts: list[tuple[Counts, Counts]] = []
    for nth in range(1, times + 1):
        counts.append((tossed(n, rate, random), tossed(n, rate, random)))
        pooled = [Counts(*map(sum, zip(*of_arm, strict=True))) for of_arm in zip(*counts, strict=True)]
        yield any(is_difference_shown(table, alpha_of_repeat(nth)) for table in (counts[-1], pooled))


def stopped_experiment(arms: int, n: int, rate: float, random: Random) -> bool:
    """Whether any of some equal arms is said to differ, if an arm may stop after each of ``n`` blocks."""
    names = [f"arm{i}" for i in range(arms)]
    rule = EvidenceRule(names, ALPHA)
    failed, made = dict.fromkeys(names, 0), dict.fromkeys(names, 0)
    for block in range(n):
        for i, arm in enumerate(name for name in names if rule.needs(name)):
            outcome = FAILED if random.random() < rate else PASSED
            failed[arm] += outcome == FAILED
            made[arm] += 1
            rule.add(block * arms + i + 1, arm, outcome)
    rates = [ArmRate(arm, Counts(failed[arm], made[arm] - failed[arm]), 0, 1, ArmUsage()) for arm in names]
    return any(comparison.is_significant for comparison in compare_arms(rates, ALPHA / 2, rule.decisions))


def useless_fix(n: int, rates: tuple[float, float], random: Random, *, peeks: bool) -> bool:
    """Whether a fix that does nothing is called one after ``n`` blocks, or ever if the answer is asked for often.

    The rate of both versions goes from the first to the last of ``rates`` meanwhile.
    """
    first, last = rates
    blocks = [
        "".join("f" if random.random() < first + (last - first) * i / n else "p" for _ in OLD_NEW) for i in range(n)
    ]
    ends = range(5, n + 1, 5) if peeks else [n]
    return any(assess_control([versions_in(*blocks[:end])], OLD_NEW).is_fixed for end in ends)
