"""Experiments without processes: coins with a known rate, judged by the functions that judge real runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from random import Random

from threeam.experiments.comparison import ArmRate, compare_arms
from threeam.experiments.experiment import ArmUsage, Counts
from threeam.experiments.stats import ALPHA, alpha_of_repeat


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
