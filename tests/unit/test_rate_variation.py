"""A rate that moves from session to session: beside SciPy, and how often one that does not is said to."""

from __future__ import annotations

from random import Random

import pytest
import scipy  # and scipy.stats when a test names it: its import takes 0.6 s in each worker
from hypothesis import given
from hypothesis import strategies as st

from support.experiments import FIX, REPRO, Changed, Runs, answer_to, state_after
from support.simulations import false_positive_share
from threeam.core.errors import PreconditionFailed
from threeam.experiments.fixes.fix_confidence_report import answer_line, fix_confidence_json, fix_confidence_report
from threeam.experiments.statistics.rate_variation import join_sessions, rate_variation
from threeam.experiments.statistics.stats import chi_square_tail
from threeam.reports.fix_assessment import required_runs_since

sessions = st.lists(
    st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=1, max_size=9
)


@given(st.floats(0, 2000), st.integers(1, 200))
def test_the_tail_is_that_of_the_chi_square_distribution(statistic: float, degrees: int) -> None:
    expected = scipy.stats.chi2.sf(statistic, degrees)
    assert chi_square_tail(statistic, degrees) == pytest.approx(expected, rel=1e-9, abs=1e-300)


@given(st.lists(sessions, max_size=3))
def test_p_is_that_of_the_contingency_tables(strata: list[list[tuple[int, int]]]) -> None:
    tables = [groups for stratum in strata if len(groups := join_sessions(stratum)) > 1]
    variation = rate_variation(strata)
    if not tables:
        assert variation is None
        return
    parts = [scipy.stats.chi2_contingency([[k, n - k] for k, n in groups], correction=False) for groups in tables]
    p = scipy.stats.chi2.sf(sum(part.statistic for part in parts), sum(part.dof for part in parts))
    assert variation is not None
    assert variation.p == pytest.approx(p, rel=1e-8, abs=1e-250)
    for part in parts:
        assert part.expected_freq.min() >= 5 - 1e-9


@given(sessions)
def test_joining_sessions_loses_no_run(parts: list[tuple[int, int]]) -> None:
    joined = join_sessions(parts)
    if joined:
        assert [sum(column) for column in zip(*joined, strict=True)] == [
            sum(column) for column in zip(*parts, strict=True)
        ]


def test_the_same_program_in_three_sessions_of_a_quarter_of_an_hour() -> None:
    variation = rate_variation([[(1, 60), (10, 150), (28, 120)]])
    assert variation is not None
    assert variation.is_significant
    assert (variation.low, variation.high) == (1 / 60, 28 / 120)


def test_clean_runs_prove_little_if_the_rate_moved() -> None:
    moving = [Runs(1, 59), Runs(10, 140), Runs(28, 92)]
    _, answer = answer_to([*moving, FIX, Runs(0, 60)])
    assert (answer.levels_reached, answer.is_fixed) == (3, False)
    assert answer_line(answer).text == (
        "not shown: the rate itself varied, 1.67 to 23.3 %: clean runs at another hour prove little"
    )
    lines = [line.text for line in fix_confidence_report(answer)[1].lines]
    assert "the rate itself varied from 1.67 to 23.3 %" in lines
    p = scipy.stats.chi2_contingency([[1, 59], [10, 140], [28, 92]], correction=False).pvalue
    assert fix_confidence_json(answer)["rate_varied"]["p"] == pytest.approx(p)
    _, answer = answer_to([*moving, FIX, Runs(1, 59)])
    assert answer_line(answer).text == "no: it happened again after the change"


def test_runs_that_stop_at_a_yes_are_refused_with_the_reason_that_there_is_none() -> None:
    state = state_after([Runs(1, 59), Runs(10, 140), Runs(28, 92), FIX])
    hypothesis = state.find_hypothesis("H7")
    assert hypothesis is not None
    with pytest.raises(PreconditionFailed, match=r"H7: not shown: the rate itself varied, .*; run both versions in"):
        required_runs_since(state, hypothesis, REPRO.fingerprint, "bare")


def test_a_change_in_between_explains_another_rate() -> None:
    """Each configuration has its own rate: only sessions of the same one are compared."""
    _, answer = answer_to([Runs(50, 50), Changed("half a fix", 7), Runs(5, 95), Runs(6, 94), FIX, Runs(0, 99)])
    assert answer.variation is None
    _, answer = answer_to([Runs(20, 80), Runs(22, 78), FIX, Runs(0, 60)])
    assert (answer.variation, answer.is_fixed) == (None, True)


@pytest.mark.parametrize("sizes", [[60] * 8, [1, 1, 1, 200], [150, 60, 60]], ids=str)
def test_one_rate_is_seldom_said_to_vary(sizes: list[int]) -> None:
    """Seeded. A session of one run that failed is the usual beginning of a hunt, and proves nothing."""

    def is_said_to_vary(random: Random) -> bool:
        variation = rate_variation([[(sum(random.random() < 0.08 for _ in range(n)), n) for n in sizes]])
        return variation is not None and variation.is_significant

    assert false_positive_share(300, is_said_to_vary) <= 0.02
