"""The rate of a bug by time: regimes, and the time without it."""

from __future__ import annotations

import pytest
import scipy  # and scipy.stats when a test names it: its import takes 0.6 s in each worker

from support.experiments import (
    FIX,
    HALF,
    HOUR,
    MINUTE,
    MORE,
    Runs,
    answer_to,
    stamp,
)
from threeam.core.format.entry import NS_PER_S
from threeam.experiments.fixes.fix_confidence_report import answer_line, fix_confidence_report
from threeam.experiments.fixes.fix_from_occurrences import estimate_from_occurrences
from threeam.experiments.fixes.regime import (
    ChangePeriod,
    Period,
    RateBaseline,
    configuration_between,
    last_regime_baseline,
)

# A bug that comes by time.


def test_a_bug_of_every_30_seconds_is_never_clean() -> None:
    """Lines that follow each other within a minute are one occurrence, and none of them is a time without the bug."""
    seen = range(0, 10 * HOUR, 30 * NS_PER_S)
    answer = estimate_from_occurrences("deadlock", seen, 0, 3 * HOUR, 10 * HOUR)
    assert (answer.before.failed, answer.since.recurrences, answer.levels_reached) == (1, 1, 0)
    assert answer.since.clean == 30 * NS_PER_S, "since the last one of all"
    assert answer_line(answer).text.startswith("no: ")


def test_the_time_without_it_begins_with_the_last_sighting() -> None:
    answer = estimate_from_occurrences("deadlock", [HOUR, 5 * HOUR], 0, 2 * HOUR, 6 * HOUR)
    assert (answer.since.recurrences, answer.since.clean) == (1, HOUR)
    (line,) = (line.text for line in fix_confidence_report(answer)[1].lines if line.text.startswith("since:"))
    assert line == "since:  seen once again, the last time 1h ago"


def test_the_rate_by_time_is_that_of_the_last_regime_too() -> None:
    """It came each 10 minutes; after a half fix once in 6 hours; and then three hours without it prove nothing."""
    seen = [*range(10 * MINUTE, 6 * HOUR, 10 * MINUTE), 9 * HOUR]
    half = ChangePeriod(6 * HOUR)
    answer = estimate_from_occurrences("deadlock", seen, 0, 12 * HOUR, 15 * HOUR, [half])
    assert (answer.before.failed, answer.before.exposure, answer.before.earlier) == (1, 6 * HOUR, (35, 6 * HOUR))
    assert not answer.is_fixed
    assert estimate_from_occurrences("deadlock", seen, 0, 12 * HOUR, 15 * HOUR).before.failed == 36


@pytest.mark.parametrize(("failed", "over"), [(2, 200), (1, 6), (35, 36), (101, 201)])
def test_the_levels_of_a_regime_are_those_of_scipy(failed: int, over: int) -> None:
    """Independent of the program's own arithmetic: the three levels for runs, and for time."""
    _, answer = answer_to([HALF, FIX, Runs(failed, over - failed), MORE, Runs(0, 1)], stamp(3).ns)
    assert (answer.before.failed, answer.before.exposure) == (failed, over)
    weak, fair, strong = answer.required
    assert weak is not None and fair is not None and strong is not None  # noqa: PT018
    low = scipy.stats.binomtest(failed, over).proportion_ci(0.95, "exact").low
    for needed, rate in ((weak, failed / over), (strong, low)):
        assert scipy.stats.binom.pmf(0, needed, rate) <= 0.05 < scipy.stats.binom.pmf(0, needed - 1, rate)
    p = [scipy.stats.fisher_exact([[failed, over - failed], [0, clean]])[1] for clean in (fair, fair - 1)]
    assert p[0] < 0.05 <= p[1]

    seen = [HOUR * (n + 1) for n in range(failed)]
    since = HOUR * (failed + 1)
    timed = estimate_from_occurrences("x", seen, 0, since, since)
    lowest = scipy.stats.chi2.ppf(0.025, 2 * failed) / 2
    expected = [
        since * 2.995732273553991 / failed,
        since * (0.05 ** (-1 / failed) - 1),
        since * 2.995732273553991 / lowest,
    ]
    assert timed.required == pytest.approx(expected, rel=1e-9)


# Regimes.


def test_the_configuration_of_a_time() -> None:
    changes = [ChangePeriod(10, 20), ChangePeriod(15), ChangePeriod(30, None, concerns_hypothesis=False)]
    assert configuration_between(changes, 0, 10) == frozenset()
    assert configuration_between(changes, 12, 14) == frozenset({10})
    assert configuration_between(changes, 16, 16) == frozenset({10, 15})
    assert configuration_between(changes, 20, 30) == frozenset({15})
    assert configuration_between(changes, 12, 16) is None, "one was made meanwhile"
    assert configuration_between(changes, 16, 25) is None, "one was undone meanwhile"


def test_without_a_failure_in_the_last_regime_the_one_before_it_is_added() -> None:
    old, new, now = frozenset({1}), frozenset({2}), frozenset({3})
    pieces = [Period(old, 5, 50), Period(new, 2, 20), Period(now, 0, 9)]
    rate = last_regime_baseline(pieces, now)
    assert (rate.failed, rate.exposure, rate.earlier, rate.includes_earlier) == (2, 29, (5, 50), True)
    assert last_regime_baseline([Period(now, 0, 9)], now) == RateBaseline(0, 9, periods=(Period(now, 0, 9),))
