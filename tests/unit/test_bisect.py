"""The Bayesian bisection: its numbers against SciPy, what each run changes, and how often it is right."""

from __future__ import annotations

import random

import pytest
import scipy  # and scipy.integrate when a test names it: its import takes 0.6 s in each worker
from hypothesis import given
from hypothesis import strategies as st

from support.bisections import bisect, replayed
from threeam.experiments.bisect.posterior import CommitRuns, belief_of

COMMITS = 6
PRIORS = (1, 4, 20, 100)
runs_of_commits = st.lists(st.tuples(st.integers(0, COMMITS), st.booleans()), max_size=25)


def likelihood(runs: list[CommitRuns], guilty: int, rate: float) -> float:
    """The probability of ``runs`` if this commit is the guilty one and each run of a bad one fails with this rate."""
    product = 1.0
    for position, counted in enumerate(runs):
        fails = rate if position >= guilty else 0.0
        product *= fails**counted.failed * (1 - fails) ** counted.passed
    return product


def prior(b: int, rate: float) -> float:
    """The density of Beta(1, b)."""
    return float(b * (1 - rate) ** (b - 1))


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param([], id="nothing was run"),
        pytest.param([(6, False)] * 9 + [(6, True)], id="only the bad commit"),
        pytest.param([(6, True)] * 3 + [(3, False)] * 20 + [(4, False)] * 5 + [(5, True)], id="all over"),
        pytest.param([(0, True), (6, False)], id="the good commit failed"),
    ],
)
def test_the_probabilities_are_those_of_an_integral_over_all_rates(steps: list[tuple[int, bool]]) -> None:
    belief, runs = replayed(COMMITS, steps)
    weights = [
        sum(
            scipy.integrate.quad(lambda rate, g=guilty, b=b: likelihood(runs, g, rate) * prior(b, rate), 0, 1)[0]
            for b in PRIORS
        )
        for guilty in range(COMMITS + 1)
    ]
    shown = {suspect.last: suspect.probability for suspect in belief.suspects}
    for guilty, weight in enumerate(weights):
        assert shown.get(guilty, 0.0) == pytest.approx(weight / sum(weights), rel=1e-6, abs=1e-12)


def test_the_rate_is_that_of_an_integral() -> None:
    belief, runs = replayed(COMMITS, [(6, True)] * 2 + [(6, False)] * 30 + [(2, False)] * 11)
    for suspect in belief.suspects:
        parts = [
            scipy.integrate.quad(
                lambda rate, power=power, g=suspect.last: (
                    rate**power * likelihood(runs, g, rate) * sum(prior(b, rate) for b in PRIORS)
                ),
                0,
                1,
            )[0]
            for power in (0, 1)
        ]
        assert suspect.rate == pytest.approx(parts[1] / parts[0], rel=1e-6)


@given(runs_of_commits)
def test_run_by_run_is_as_all_at_once(steps: list[tuple[int, bool]]) -> None:
    one_by_one, runs = replayed(COMMITS, steps)
    at_once = belief_of(runs)
    assert [s.last for s in one_by_one.suspects] == [s.last for s in at_once.suspects]
    assert [s.probability for s in one_by_one.suspects] == pytest.approx([s.probability for s in at_once.suspects])
    assert sum(s.probability for s in at_once.suspects) == pytest.approx(1)
    assert at_once.failed == sum(failed for _, failed in steps)


@given(runs_of_commits, st.sets(st.integers(0, COMMITS)))
def test_the_next_run_is_of_a_commit_that_may_be_the_one(steps: list[tuple[int, bool]], tested: set[int]) -> None:
    belief, _ = replayed(COMMITS, steps)
    assert belief.next_position(tested) in {suspect.last for suspect in belief.suspects}


def test_the_bad_commit_is_run_until_it_has_failed_three_times() -> None:
    belief, _ = replayed(COMMITS, [(6, False)] * 40 + [(6, True)] * 2)
    assert belief.next_position() == 6
    assert belief.after(6, failed=True).next_position() < 6


def test_a_failure_excludes_the_later_commits_and_a_pass_favours_them() -> None:
    belief, _ = replayed(COMMITS, [(6, True)] * 3)
    assert belief.after(4, failed=True).suspects[-1].last == 4
    before, after = belief.suspects[5].probability, belief.after(4, failed=False).suspects[5].probability
    assert after > before


def test_commits_that_cannot_be_tested_are_named_with_the_next_one() -> None:
    runs = [CommitRuns(passed=90), CommitRuns(cannot=True), CommitRuns(inconclusive=3), CommitRuns(failed=9)]
    (answer, *_) = sorted(belief_of(runs).suspects, key=lambda suspect: -suspect.probability)
    assert (answer.first, answer.last) == (1, 3)
    assert answer.probability > 0.95


def test_a_commit_with_a_result_is_tested_whatever_else_it_did() -> None:
    assert CommitRuns(inconclusive=3, passed=1).is_testable
    assert not CommitRuns(inconclusive=3).is_testable


def test_a_commit_that_has_failed_and_cannot_be_built_again_stays_a_suspect() -> None:
    """Otherwise its failure would exclude all later commits, and it itself would not be one of those that are left."""
    runs = [CommitRuns(passed=90), CommitRuns(failed=3, cannot=True), CommitRuns(), CommitRuns(failed=9, passed=1)]
    belief = belief_of(runs)
    assert (belief.answer.first, belief.answer.last) == (1, 1)
    assert belief.answer.probability > 0.95


def test_it_is_decided_only_after_a_failure() -> None:
    assert not belief_of([CommitRuns(passed=1000), CommitRuns()]).is_decided
    assert belief_of([CommitRuns(passed=1000), CommitRuns(failed=9)]).is_decided


def test_the_forecast_is_repeatable_and_falls_as_runs_are_made() -> None:
    early, _ = replayed(16, [(16, True)] * 4 + [(16, False)] * 12)
    late, _ = replayed(16, [(16, True)] * 4 + [(16, False)] * 12 + [(8, False)] * 30 + [(9, True)] * 2)
    first, second = early.runs_to_decide(7), late.runs_to_decide(7)
    assert first is not None
    assert second is not None
    assert first == early.runs_to_decide(7)
    assert second < first


def test_a_forecast_that_would_take_too_long_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    belief, _ = replayed(16, [(16, True)] * 4 + [(16, False)] * 12)
    assert belief.runs_to_decide(1) is not None
    monkeypatch.setattr("threeam.experiments.bisect.posterior._MAX_FORECAST_WORK", 500)
    assert belief.runs_to_decide(1) is None


def test_it_is_right_for_19_of_20_seeds() -> None:
    found = [bisect(64, 1 + rng.randrange(64), 0.4, rng, budget=200) for rng in map(random.Random, range(20))]
    assert sum(search.right for search in found) >= 19
