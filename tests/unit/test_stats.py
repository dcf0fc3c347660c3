"""The statistics of rare failures, beside SciPy and the worked numbers."""

from __future__ import annotations

import math

import pytest
import scipy  # and scipy.stats when a test names it: its import takes 0.6 s in each worker
from hypothesis import given
from hypothesis import strategies as st

from threeam.experiments.statistics.stats import (
    ALPHA,
    binom_cdf,
    binom_upper_tail,
    clopper_pearson,
    fisher_exact,
    is_significant,
    required_clean_runs,
    required_clean_time,
    required_sample_size,
)

runs = st.one_of(st.integers(1, 60), st.sampled_from([200, 1000, 3000, 50_000]))


@st.composite
def counts(draw: st.DrawFn) -> tuple[int, int]:
    """Failures of so many runs: seldom many."""
    run_count = draw(runs)
    return draw(st.one_of(st.integers(0, min(run_count, 12)), st.integers(0, run_count))), run_count


@given(counts())
def test_an_interval_is_that_of_the_beta_distribution(seen: tuple[int, int]) -> None:
    failed, run_count = seen
    low, high = clopper_pearson(failed, run_count)
    assert low == pytest.approx(
        scipy.stats.beta.ppf(ALPHA / 2, failed, run_count - failed + 1) if failed else 0, rel=1e-8
    )
    assert high == pytest.approx(
        scipy.stats.beta.ppf(1 - ALPHA / 2, failed + 1, run_count - failed) if failed < run_count else 1, rel=1e-8
    )
    assert low <= failed / run_count <= high


@given(counts(), st.floats(0.0001, 0.9999))
def test_the_tails_are_those_of_the_binomial_distribution(seen: tuple[int, int], p: float) -> None:
    failed, run_count = seen
    assert binom_cdf(failed, run_count, p) == pytest.approx(
        scipy.stats.binom.cdf(failed, run_count, p), rel=1e-7, abs=1e-12
    )
    assert binom_upper_tail(failed, run_count, p) == pytest.approx(
        scipy.stats.binom.sf(failed - 1, run_count, p), rel=1e-7, abs=1e-12
    )


@given(counts(), counts())
def test_p_is_that_of_fishers_exact_test(table: tuple[int, int], other: tuple[int, int]) -> None:
    p = scipy.stats.fisher_exact([[table[0], table[1] - table[0]], [other[0], other[1] - other[0]]])[1]
    assert fisher_exact(*table, *other) == pytest.approx(p, rel=1e-6, abs=1e-200)
    assert fisher_exact(*other, *table) == pytest.approx(fisher_exact(*table, *other), rel=1e-9)


def test_no_runs_tell_nothing() -> None:
    assert clopper_pearson(0, 0) == (0, 1)
    assert fisher_exact(0, 0, 3, 50) == 1


def test_the_worked_numbers() -> None:
    assert fisher_exact(12, 200, 1, 200) == pytest.approx(0.003, abs=0.0005), "the tracer hides it"
    assert fisher_exact(3, 50, 0, 50) == pytest.approx(0.24, abs=0.005), (
        "which says nothing, though it looks convincing"
    )
    assert clopper_pearson(3, 50)[0] == pytest.approx(0.0125, abs=0.0001)
    assert required_clean_runs(3, 50) == (49, 84, 238)


@pytest.mark.parametrize(
    ("percent", "needed"),
    [(50, 5), (20, 14), (10, 29), (5, 59), (2, 149), (1, 299), (0.5, 598), (0.1, 2995)],
)
def test_the_rule_of_three_as_it_is_tabled(percent: float, needed: int) -> None:
    failed = round(percent * 1000)
    assert required_clean_runs(failed, 100_000)[0] == needed


def test_a_bug_of_every_three_hours_takes_nine_clean_ones() -> None:
    assert required_clean_time(1, 3.0)[0] == pytest.approx(8.987, abs=0.001)
    assert required_clean_time(8, 24.0)[0] == pytest.approx(8.987, abs=0.001)


@given(st.integers(1, 30), st.integers(0, 30))
def test_clean_runs_are_the_least_that_do(failed: int, passed: int) -> None:
    run_count = failed + passed
    weak, fair, strong = required_clean_runs(failed, run_count)
    assert weak is not None
    assert fair is not None
    assert strong is not None
    for needed, luck in ((weak, failed / run_count), (strong, clopper_pearson(failed, run_count)[0])):
        assert (1 - luck) ** needed <= ALPHA + 1e-9
        assert needed == 1 or (1 - luck) ** (needed - 1) > ALPHA - 1e-9
    assert is_significant(fisher_exact(failed, run_count, 0, fair), ALPHA)
    assert not any(
        is_significant(fisher_exact(failed, run_count, 0, fewer), ALPHA) for fewer in range(max(0, fair - 30), fair)
    )
    assert weak <= strong


@pytest.mark.parametrize("seen", [1, 2, 5, 40])
def test_clean_time_believes_the_lowest_rate_of_the_poisson_interval(seen: int) -> None:
    weak, fair, strong = required_clean_time(seen, 24.0)
    lowest = scipy.stats.chi2.ppf(ALPHA / 2, 2 * seen) / 2
    assert strong == pytest.approx(-math.log(ALPHA) * 24 / lowest, rel=1e-9)
    assert (24 / (24 + fair)) ** seen == pytest.approx(ALPHA, rel=1e-9)
    assert weak < strong


def test_what_never_failed_is_never_fixed() -> None:
    assert required_clean_runs(0, 50) == (None, None, None)
    assert required_clean_time(0, 3.0) == (math.inf, math.inf, math.inf)


@pytest.mark.parametrize(
    ("rate", "other", "comparisons"),
    [
        (0.06, 0.005, 1),
        (0.06, 0.0, 1),
        (0.5, 0.3, 1),
        (0.02, 0.2, 1),
        (0.9, 1.0, 1),
        (1 / 60, 5 / 60, 4),
        (0.5, 0.3, 7),
    ],
)
def test_so_many_runs_show_the_difference_in_four_of_five_experiments(
    rate: float, other: float, comparisons: int
) -> None:
    level = ALPHA / comparisons
    n = required_sample_size(rate, other, level)
    assert n is not None
    assert 0.78 < power(n, rate, other, level) < 0.95
    assert power(n // 2, rate, other, level) < 0.8, "and half as many do not"
    assert required_sample_size(other, rate, level) == n


def test_the_formula_is_that_of_casagrande_pike_and_smith_with_the_quantiles_of_scipy() -> None:
    for level in (0.05, 0.0125, 0.05 / 7):
        mean, difference = (1 / 60 + 5 / 60) / 2, 4 / 60
        spread = scipy.stats.norm.ppf(1 - level / 2) * math.sqrt(2 * mean * (1 - mean))
        spread += scipy.stats.norm.ppf(0.8) * math.sqrt(1 / 60 * 59 / 60 + 5 / 60 * 55 / 60)
        uncorrected = (spread / difference) ** 2
        needed = uncorrected / 4 * (1 + math.sqrt(1 + 4 / (uncorrected * difference))) ** 2
        assert required_sample_size(1 / 60, 5 / 60, level) == math.ceil(needed)
    assert [required_sample_size(1 / 60, 5 / 60, ALPHA / k) for k in (1, 4)] == [196, 267]


def test_no_number_of_runs_shows_a_difference_that_was_not_seen() -> None:
    assert required_sample_size(0.06, 0.06) is None
    assert required_sample_size(1e-9, 0.0) is None


def power(n: int, rate: float, other: float, level: float) -> float:
    """How often so many runs an arm show it: every outcome, with its probability."""
    shown = 0.0
    probabilities, other_probabilities = (
        [(k, scipy.stats.binom.pmf(k, n, p)) for k in range(n + 1)] for p in (rate, other)
    )
    for k, likely in probabilities:
        for m, as_likely in other_probabilities:
            if likely * as_likely > 1e-9 and fisher_exact(k, n, m, n) < level:
                shown += likely * as_likely
    return shown
