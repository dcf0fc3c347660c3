"""Experiments without processes: coins with a known rate, judged by the functions that judge real runs."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from threeam.experiments.comparison import ArmRate, compare_arms
from threeam.experiments.experiment import ArmUsage, Counts


def false_positive_share(experiments: int, is_difference_claimed: Callable[[Random], bool]) -> float:
    """The share of experiments in which a difference is claimed, with the seeds from 0 on."""
    return sum(is_difference_claimed(Random(seed)) for seed in range(experiments)) / experiments


def tossed(n: int, rate: float, random: Random) -> Counts:
    failed = sum(random.random() < rate for _ in range(n))
    return Counts(failed, n - failed)


def fixed_size_experiment(arms: int, n: int, rate: float, random: Random) -> bool:
    """Whether any of some equal arms is said to differ from the first one, after ``n`` runs of each."""
    rates = [ArmRate(f"arm{i}", tossed(n, rate, random), 0, 1, ArmUsage()) for i in range(arms)]
    return any(comparison.is_significant for comparison in compare_arms(rates))
