"""Several comparisons in one experiment: what may be called a difference, and how often that is wrong."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.simulations import false_positive_share, fixed_size_experiment
from threeam.experiments.experiment import ArmUsage, Counts
from threeam.experiments.statistics.stats import ALPHA, holm_levels, is_significant, required_sample_size
from threeam.experiments.verdicts.comparison import ArmRate, compare_arms


def rates(*counts: tuple[int, int]) -> list[ArmRate]:
    """Arms that failed and passed so often."""
    return [ArmRate(f"arm{i}", Counts(failed, passed), 0, 1, ArmUsage()) for i, (failed, passed) in enumerate(counts)]


@given(st.lists(st.floats(1e-6, 1) | st.sampled_from([0.05, 0.025, 0.0125]), min_size=1, max_size=6))
def test_holm_rejects_what_the_closed_test_of_all_subsets_rejects(ps: list[float]) -> None:
    """A hypothesis is rejected if each subset that it is in has a p below 0.05 / the size of the subset."""
    everything = range(len(ps))
    subsets = [subset for size in everything for subset in combinations(everything, size + 1)]
    rejected = [
        all(
            any(is_significant(ps[member], ALPHA / len(subset)) for member in subset)
            for subset in subsets
            if i in subset
        )
        for i in everything
    ]
    assert [is_significant(p, level) for p, level in zip(ps, holm_levels(ps), strict=True)] == rejected


def test_a_second_difference_is_held_against_less_than_the_first() -> None:
    bare, pin, stress, strace = (14, 86), (1, 99), (4, 96), (12, 88)
    comparisons = compare_arms(rates(bare, pin, stress, strace))
    assert [round(comparison.p, 4) for comparison in comparisons] == [0.0006, 0.0238, 0.8339]
    assert [comparison.level for comparison in comparisons] == [ALPHA / 3, ALPHA / 2, ALPHA]
    assert [comparison.is_significant for comparison in comparisons] == [True, True, False]
    comparisons = compare_arms(rates(bare, stress, stress, strace))
    assert [comparison.level for comparison in comparisons] == [ALPHA / 3] * 3, "the smallest p is not below it"
    assert not any(comparison.is_significant for comparison in comparisons)


def test_the_power_is_that_at_the_corrected_level() -> None:
    one, five = (1, 59), (5, 55)
    assert compare_arms(rates(one, five))[0].required_runs == 196
    many = compare_arms(rates(one, five, one, one, one))[0].required_runs
    assert many == required_sample_size(1 / 60, 5 / 60, ALPHA / 4) == 267
    assert compare_arms(rates(one, five), ALPHA / 4)[0].required_runs == many, "the first of four experiments"


@pytest.mark.parametrize("arms", [2, 3, 5])
def test_equal_arms_are_called_different_in_one_experiment_of_twenty_at_most(arms: int) -> None:
    """Seeded. Thousands of experiments are in tests/soak."""
    assert false_positive_share(300, lambda random: fixed_size_experiment(arms, 60, 0.3, random)) <= ALPHA
