"""The sentences about kinds of failure are wrong in at most one of twenty experiments with equal arms."""

from __future__ import annotations

import pytest

from support.kinds_of_runs import MIXTURES, claim_shares

EXPERIMENTS = 400


@pytest.mark.parametrize("mixture", MIXTURES)
@pytest.mark.parametrize("arms", [2, 3, 5])
def test_equal_arms_are_seldom_said_to_differ(mixture: str, arms: int) -> None:
    shares = claim_shares(MIXTURES[mixture], arms, 50, EXPERIMENTS)
    assert max(shares) <= 0.05 + 2 * (0.05 * 0.95 / EXPERIMENTS) ** 0.5
