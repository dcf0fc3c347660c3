"""How often a sentence about a difference or a fix is wrong, in thousands of seeded experiments. 0.05 at most."""

from __future__ import annotations

from random import Random

import pytest

from support.simulations import (
    false_positive_share,
    fixed_size_experiment,
    repeated_experiment,
    stopped_experiment,
    useless_fix,
)
from threeam.experiments.statistics.rate_variation import VARIATION_LEVEL, rate_variation

pytestmark = pytest.mark.slow
EXPERIMENTS = 2000
ARMS = pytest.mark.parametrize("arms", [2, 3, 5])
RATES = pytest.mark.parametrize("rate", [0.05, 0.3, 0.5])


@ARMS
@RATES
def test_equal_arms_after_all_planned_runs(arms: int, rate: float) -> None:
    share = false_positive_share(EXPERIMENTS, lambda random: fixed_size_experiment(arms, 100, rate, random))
    assert share <= 0.05


@ARMS
@RATES
def test_equal_arms_that_may_stop_after_each_block(arms: int, rate: float) -> None:
    share = false_positive_share(EXPERIMENTS, lambda random: stopped_experiment(arms, 150, rate, random))
    assert share <= 0.05


@pytest.mark.parametrize(("n", "rate"), [(60, 0.3), (200, 0.05), (200, 0.3)])
def test_equal_arms_in_eight_experiments_until_one_shows_something(n: int, rate: float) -> None:
    share = false_positive_share(EXPERIMENTS, lambda random: any(repeated_experiment(8, n, rate, random)))
    assert share <= 0.055, "0.05, and what chance adds in 2,000 series"


@pytest.mark.parametrize("rates", [(0.1, 0.1), (0.01, 0.15), (0.3, 0.02)], ids=["constant", "rising", "falling"])
def test_a_fix_that_does_nothing_and_an_answer_after_every_fifth_block(rates: tuple[float, float]) -> None:
    share = false_positive_share(300, lambda random: useless_fix(150, rates, random, peeks=True))
    assert share <= 0.05


@pytest.mark.parametrize("sizes", [[60] * 8, [20] * 30, [1, 1, 1, 200], [150, 60, 60]], ids=str)
@pytest.mark.parametrize("rate", [0.02, 0.1, 0.5])
def test_a_constant_rate_is_not_said_to_vary(sizes: list[int], rate: float) -> None:
    def is_said_to_vary(random: Random) -> bool:
        variation = rate_variation([[(sum(random.random() < rate for _ in range(n)), n) for n in sizes]])
        return variation is not None and variation.is_significant

    assert false_positive_share(EXPERIMENTS, is_said_to_vary) <= 2 * VARIATION_LEVEL
