"""What is worked out from counts, by brute force: what `test_stats` holds beside SciPy is not said again here."""

from __future__ import annotations

from math import comb, exp, log

import pytest
import scipy  # and scipy.stats when a test names it: its import takes 0.6 s in each worker

from threeam.experiments.statistics.stats import (
    ALPHA,
    clopper_pearson,
    fisher_exact,
    required_clean_runs,
    required_clean_time,
    required_sample_size,
)

SMALL = [(failed, runs) for runs in range(1, 13) for failed in range(1, runs + 1)]


def fisher_by_hand(failed: int, runs: int, other_failed: int, other_runs: int) -> float:
    """Every table with the same margins, in whole numbers."""
    both = failed + other_failed
    ways = [comb(runs, k) * comb(other_runs, both - k) for k in range(min(runs, both) + 1) if both - k <= other_runs]
    seen = comb(runs, failed) * comb(other_runs, other_failed)
    return sum(way for way in ways if way <= seen) / comb(runs + other_runs, both)


def test_fishers_p_is_the_share_of_the_tables_that_are_as_odd() -> None:
    for failed, runs in SMALL:
        for other_failed, other_runs in SMALL:
            by_hand = fisher_by_hand(failed, runs, other_failed, other_runs)
            assert fisher_exact(failed, runs, other_failed, other_runs) == pytest.approx(by_hand, rel=1e-9)


def test_clean_runs_are_those_that_counting_up_finds() -> None:
    for failed, runs in SMALL[1:]:  # of the first, below
        lowest = clopper_pearson(failed, runs)[0]
        rate = failed / runs
        counted = (
            next(n for n in range(1, 999) if (1 - rate) ** n <= ALPHA),
            next(n for n in range(1, 999) if fisher_by_hand(failed, runs, 0, n) < ALPHA),
            next(n for n in range(1, 9999) if (1 - lowest) ** n <= ALPHA),
        )
        assert required_clean_runs(failed, runs) == counted, f"{failed} of {runs}"


def test_a_p_of_exactly_one_in_twenty_is_not_below_it() -> None:
    assert fisher_by_hand(1, 1, 0, 19) == ALPHA
    assert required_clean_runs(1, 1)[1] == 20


def test_what_is_shown_once_stays_shown_with_more_clean_runs() -> None:
    """The search halves what is left, which is right only if no greater number undoes it."""
    for failed, runs in SMALL:
        fair = required_clean_runs(failed, runs)[1]
        assert fair is not None
        assert all(fisher_exact(failed, runs, 0, fair + more) < ALPHA for more in range(200)), f"{failed} of {runs}"


def test_each_level_takes_at_least_as_much_as_the_one_before() -> None:
    for failed, runs in SMALL:
        weak, fair, strong = required_clean_runs(failed, runs)
        assert weak is not None
        assert fair is not None
        assert strong is not None
        assert weak <= fair <= strong, f"{failed} of {runs}"
    for seen in (1, 2, 3, 10, 100, 700):
        assert required_clean_time(seen, 1.0) == tuple(sorted(required_clean_time(seen, 1.0)))


@pytest.mark.parametrize("seen", [1, 40, 700, 1000, 5000])
def test_clean_time_holds_for_what_comes_often_too(seen: int) -> None:
    lowest = scipy.stats.chi2.ppf(ALPHA / 2, 2 * seen) / 2
    assert required_clean_time(seen, 24.0)[2] == pytest.approx(-log(ALPHA) * 24 / lowest, rel=1e-6)


@pytest.mark.parametrize("seen", [1, 3, 12])
def test_fair_clean_time_is_where_luck_has_one_chance_in_twenty(seen: int) -> None:
    over = 24.0
    fair = required_clean_time(seen, over)[1]
    before = over / (over + fair)
    assert scipy.stats.binom.sf(seen - 1, seen, before) == pytest.approx(ALPHA, rel=1e-9)
    weak = required_clean_time(seen, over)[0]
    assert scipy.stats.poisson.cdf(0, seen / over * weak) == pytest.approx(ALPHA, rel=1e-9)


def test_a_day_without_what_came_every_three_hours_is_not_luck() -> None:
    assert exp(-24 / 3) == pytest.approx(0.0003, abs=0.00005)
    assert required_clean_time(1, 3.0)[0] < 24


def test_with_50_000_runs_the_last_digit_still_holds() -> None:
    for failed in (1, 7, 2500, 25_000, 49_999):
        low, high = clopper_pearson(failed, 50_000)
        assert low == pytest.approx(scipy.stats.beta.ppf(ALPHA / 2, failed, 50_001 - failed), rel=1e-9)
        assert high == pytest.approx(scipy.stats.beta.ppf(1 - ALPHA / 2, failed + 1, 50_000 - failed), rel=1e-9)


def test_what_is_said_to_show_it_is_more_than_what_did_not() -> None:
    """Nobody who has made 200 runs is told that 180 would have been enough."""
    for n in (10, 20, 50, 200):
        for number in range(n + 1):
            for other in range(min(number, 8)):
                needed = required_sample_size(number / n, other / n)
                assert fisher_exact(number, n, other, n) < ALPHA or needed is None or needed > n, (
                    f"{number} and {other} of {n}"
                )
