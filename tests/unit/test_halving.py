"""Successive halving: what it runs, that it finds the best arm, and that a choice by chance is not confirmed."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threeam.experiments.experiment import NOT_RUN
from threeam.experiments.provoke.halving import (
    MIN_RUNS,
    Halving,
    Progress,
    count_outcomes,
    failure_rate,
    follow,
    least_runs,
    plan_rounds,
    round_sizes,
)
from threeam.experiments.statistics.stats import fisher_exact

MKDIR = [0.01] * 8 + [0.4] + [0.05] * 10  # the rates of bare and 18 arms: a delay opens the window for one of them


def searched(rates: list[float], runs: int, seed: int) -> tuple[Progress, str]:
    """Return how a search ends whose arms fail at ``rates``, and the outcomes of its runs."""
    halving = Halving(len(rates) - 1, plan_rounds(len(rates) - 1, runs), seed)
    random, outcomes = Random(seed), ""
    while not (progress := follow(halving, outcomes)).is_over:
        outcomes += "".join("A" if random.random() < rates[arm] else "a" for arm in progress.arms[len(outcomes) :])
    return progress, outcomes


@given(st.integers(1, 60), st.integers(0, 2000))
def test_the_runs_are_those_that_were_asked_for_or_the_least(candidates: int, runs: int) -> None:
    rounds = plan_rounds(candidates, runs)
    total = Halving(candidates, rounds, 1).total
    assert min(rounds) >= MIN_RUNS
    assert total <= max(runs, least_runs(candidates))
    assert len(rounds) == len(round_sizes(candidates))
    if runs > 4 * least_runs(candidates):
        assert total > 0.8 * runs


@given(st.lists(st.floats(0, 1), min_size=2, max_size=12), st.integers(0, 200), st.integers(0, 2**32))
def test_each_round_runs_bare_and_the_better_half_equally_often(rates: list[float], runs: int, seed: int) -> None:
    end, outcomes = searched(rates, runs, seed)
    halving = Halving(len(rates) - 1, plan_rounds(len(rates) - 1, runs), seed)
    begin, left = 0, set(range(1, len(rates)))
    for index in range(end.round):
        progress = follow(halving, outcomes[:begin])
        arms = progress.arms[begin:]
        assert {arms.count(arm) for arm in (0, *progress.survivors)} == {halving.rounds[index]}
        assert set(arms) == {0, *progress.survivors}
        assert set(progress.survivors) <= left
        counts = [arm.counts for arm in count_outcomes(halving, progress.arms[:begin], outcomes[:begin])]
        dropped = left - set(progress.survivors)
        worst = min(failure_rate(counts[arm]) for arm in progress.survivors)
        assert all(failure_rate(counts[arm]) <= worst for arm in dropped)
        begin, left = len(progress.arms), set(progress.survivors)
    assert begin == len(outcomes)


@given(st.integers(0, 2**32), st.integers(0, 100))
def test_what_comes_next_depends_only_on_the_outcomes(seed: int, cut: int) -> None:
    """A resumed search continues with the same arms, and makes an interrupted run again."""
    halving = Halving(18, plan_rounds(18, 186), seed)
    _, outcomes = searched(MKDIR, 186, seed)
    begun = follow(halving, outcomes[:cut])
    assert begun.arms[:cut] == follow(halving, outcomes).arms[:cut]
    assert follow(halving, outcomes[:cut] + NOT_RUN) == begun
    assert follow(halving, outcomes[:cut] + NOT_RUN + outcomes[cut + 1 : len(begun.arms)]) == begun


def test_it_ends_early_only_when_the_best_arm_is_far_ahead() -> None:
    halving = Halving(4, (10, 5, 5), 1)
    arms = follow(halving, "").arms
    assert follow(halving, "".join("A" if arm == 3 else "a" for arm in arms)).is_over
    few = "".join("A" if arm == 3 and place > 30 else "a" for place, arm in enumerate(arms))
    assert not follow(halving, few).is_over


def test_it_finds_an_arm_that_opens_the_window() -> None:
    ends = [searched(MKDIR, 200, seed)[0] for seed in range(100)]
    assert all(end.is_over for end in ends)
    assert sum(end.survivors[0] == 8 for end in ends) >= 90


@pytest.mark.parametrize("rate", [0.05, 0.3, 0.5])
def test_an_arm_that_was_chosen_by_chance_is_not_confirmed(rate: float) -> None:
    """All arms fail equally often. Fresh runs of the chosen one and of bare are compared, as the search does."""
    wrong = 0
    for seed in range(200):
        end, _ = searched([rate] * 12, 200, seed)
        random = Random(f"fresh {seed}")
        bare, chosen = (sum(random.random() < rate for _ in range(50)) for _ in range(2))
        wrong += chosen > bare and fisher_exact(bare, 50, chosen, 50) < 0.05
        assert end.survivors
    assert wrong <= 10


def test_a_failure_of_another_kind_than_those_of_bare_does_not_count() -> None:
    halving = Halving(2, (4,), 1)
    arms = follow(halving, "").arms
    codes = {0: iter("AaaA"), 1: iter("BBBB"), 2: iter("AAAa")}
    outcomes = "".join(next(codes[arm]) for arm in arms)
    progress = follow(halving, outcomes)
    assert progress.is_over
    assert progress.survivors[0] == 2
    bare, other, same = count_outcomes(halving, arms, outcomes)
    assert (bare.comparable.failed, other.comparable.failed, same.comparable.failed) == (2, 0, 3)
    assert (other.counts.failed, other.failed_otherwise) == (4, 4)


def test_if_bare_has_not_failed_the_sought_kinds_count_and_without_them_all() -> None:
    arms = follow(Halving(2, (3,), 1), "").arms
    codes = {0: iter("aaa"), 1: iter("BBB"), 2: iter("AAA")}
    outcomes = "".join(next(codes[arm]) for arm in arms)
    every = [arm.comparable.failed for arm in count_outcomes(Halving(2, (3,), 1), arms, outcomes)]
    sought = [arm.comparable.failed for arm in count_outcomes(Halving(2, (3,), 1, "A"), arms, outcomes)]
    assert (every, sought) == ([0, 3, 3], [0, 0, 3])


def test_outputs_with_too_much_chance_text_are_one_kind() -> None:
    halving = Halving(1, (10,), 1)
    arms = follow(halving, "").arms
    codes = {0: iter("A" + "a" * 9), 1: iter("BCDEFGHIJK")}
    outcomes = "".join(next(codes[arm]) for arm in arms)
    assert count_outcomes(halving, arms, outcomes)[1].comparable.failed == 10
