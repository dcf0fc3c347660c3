"""The evidence that may be looked at after each block, beside SciPy; and how often it misleads."""

from __future__ import annotations

from itertools import product
from math import exp, log
from random import Random

import pytest
import scipy  # and scipy.stats when a test names it: its import takes 0.6 s in each worker
from hypothesis import given
from hypothesis import strategies as st

from support.simulations import false_positive_share
from threeam.experiments.statistics.sequential import BlockFailures, Evidence, evidence_of, required_evidence

rates = st.floats(0.001, 0.999)


@given(st.lists(st.builds(BlockFailures, st.booleans(), st.booleans()), max_size=40))
def test_the_evidence_is_the_ratio_of_two_likelihoods(blocks: list[BlockFailures]) -> None:
    """With the probabilities of SciPy's Bernoulli distribution, the rates predicted by Beta(1/2, 1/2) means."""
    log_value = 0.0
    for i, block in enumerate(blocks):
        failed = [sum(earlier[arm] for earlier in blocks[:i]) for arm in (0, 1)]
        predicted = [scipy.stats.beta.mean(count + 0.5, i - count + 0.5) for count in failed]
        log_value += sum(scipy.stats.bernoulli.logpmf(block[arm], predicted[arm]) for arm in (0, 1))
        log_value -= sum(scipy.stats.bernoulli.logpmf(block[arm], sum(predicted) / 2) for arm in (0, 1))
    assert evidence_of(blocks).log_value == pytest.approx(log_value, abs=1e-9)


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30), rates)
def test_if_both_rates_are_equal_no_block_raises_the_expected_evidence(
    first_failed: int, other_failed: int, more: int, rate: float
) -> None:
    """This makes it an e-process: whatever has happened, and whatever the common rate of the next block is."""
    now = Evidence(0.0, max(first_failed, other_failed) + more, first_failed, other_failed)
    expected = sum(
        (rate if first else 1 - rate) * (rate if other else 1 - rate) * now.after(BlockFailures(first, other)).value
        for first, other in product((True, False), repeat=2)
    )
    assert expected <= 1 + 1e-12


def test_it_does_not_matter_which_arm_is_the_first() -> None:
    outcomes = [(True, False), (True, True), (True, False), (False, False)] * 5
    blocks = [BlockFailures(first, other) for first, other in outcomes]
    mirrored = [BlockFailures(other, first) for first, other in outcomes]
    assert evidence_of(blocks).log_value == pytest.approx(evidence_of(mirrored).log_value)
    assert evidence_of([]).value == 1


def test_the_evidence_needed_leaves_half_of_alpha_to_fisher() -> None:
    assert required_evidence() == 40
    assert required_evidence(4) == 160
    assert required_evidence(2, 0.05 / 8) == pytest.approx(640)
    assert evidence_of([BlockFailures(True, False)] * 2000).value == pytest.approx(exp(700)), "it does not overflow"


@pytest.mark.parametrize(("rate", "other_rate", "blocks"), [(0.05, 0.9, 7), (0.1, 0.5, 25)])
def test_a_clear_difference_needs_few_blocks(rate: float, other_rate: float, blocks: int) -> None:
    needed = sorted(_blocks_until(40, rate, other_rate, Random(seed)) for seed in range(99))
    assert needed[49] <= blocks


def test_equal_arms_seldom_reach_it_even_if_looked_at_after_each_block() -> None:
    """Seeded. Thousands of experiments are in tests/soak."""
    assert false_positive_share(500, lambda random: _blocks_until(40, 0.3, 0.3, random) <= 150) <= 0.025


def _blocks_until(value: float, rate: float, other_rate: float, random: Random) -> int:
    """How many blocks the evidence needs to reach ``value``; 151: it does not in 150."""
    evidence = Evidence()
    while evidence.log_value < log(value) and evidence.blocks <= 150:
        evidence = evidence.after(BlockFailures(random.random() < rate, random.random() < other_rate))
    return evidence.blocks
