"""The statistics of rare failures, exact and in plain arithmetic. Pure; SciPy is what the tests check it against."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, erfc, exp, inf, lgamma, log, log1p, sqrt

ALPHA = 0.05  # an error that is accepted in one of twenty
_POWER_Z = 0.8416212335729143  # the normal quantile of 0.8: such a difference is shown in four of five experiments
_TIE_FACTOR = 1 + 1e-7  # two tables whose probabilities differ by less are equally likely: they are floats
_ROUNDING_FACTOR = 1 - 1e-9  # a p of exactly one in twenty is not below that, though the float may be
MAX_REQUIRED_RUNS = 10**9  # runs: what needs more is not to be had


def clopper_pearson(failed: int, runs: int, alpha: float = ALPHA) -> tuple[float, float]:
    """The exact interval of a rate, ``failed`` of ``runs``: Clopper and Pearson, Biometrika 26 (1934).

    (0, 1) where there are no runs.
    """
    if runs == 0:
        return 0.0, 1.0
    low = 0.0 if failed == 0 else _bisect(lambda p: binom_upper_tail(failed, runs, p) - alpha / 2, 0.0, failed / runs)
    high = 1.0 if failed == runs else _bisect(lambda p: alpha / 2 - binom_cdf(failed, runs, p), failed / runs, 1.0)
    return low, high


def binom_upper_tail(failed: int, runs: int, p: float) -> float:
    """The probability of ``failed`` or more among ``runs``, each of which fails with ``p``."""
    return 1.0 if failed <= 0 else _incomplete_beta(failed, runs - failed + 1, p)


def binom_cdf(failed: int, runs: int, p: float) -> float:
    """The probability of ``failed`` or fewer among ``runs``, each of which fails with ``p``."""
    return 1.0 if failed >= runs else _incomplete_beta(runs - failed, failed + 1, 1 - p)


def fisher_exact(failed: int, runs: int, other_failed: int, other_runs: int) -> float:
    """The two-sided p of Fisher's exact test (1922): how likely tables as odd as this one are, were the rates the same.

    Those count that are no more likely than the one that was seen.
    """
    both = failed + other_failed
    first, last = max(0, both - other_runs), min(runs, both)

    def log_of(k: int) -> float:
        return _log_choose(runs, k) + _log_choose(other_runs, both - k)

    seen = log_of(failed) + log(_TIE_FACTOR)
    weights = [log_of(k) for k in range(first, last + 1)]
    top = max(weights)
    every = sum(exp(one - top) for one in weights)
    return min(1.0, sum(exp(one - top) for one in weights if one <= seen) / every)


def is_significant(p: float, level: float) -> bool:
    """Whether ``p`` is less than ``level``, and not the same but for the last digits of a float."""
    return p < level * _ROUNDING_FACTOR


def required_sample_size(rate: float, other_rate: float, level: float = ALPHA) -> int | None:
    """Return how many runs per arm show a difference of this size in four of five experiments; None if there is none.

    The formula of Casagrande, Pike and Smith (Biometrics 34, 1978) for Fisher's two-sided test at ``level``, which is
    less than `ALPHA` if several arms are compared.
    """
    apart = abs(rate - other_rate)
    if apart == 0:
        return None
    mean = (rate + other_rate) / 2
    spread = _two_sided_quantile(level) * sqrt(2 * mean * (1 - mean))
    spread += _POWER_Z * sqrt(rate * (1 - rate) + other_rate * (1 - other_rate))
    without = (spread / apart) ** 2
    needed = without / 4 * (1 + sqrt(1 + 4 / (without * apart))) ** 2
    return ceil(needed) if needed < MAX_REQUIRED_RUNS else None


def required_clean_runs(failed: int, runs: int) -> tuple[int | None, int | None, int | None]:
    """After how many runs without a failure a bug that failed ``failed`` of ``runs`` times may be called fixed.

    Weak: were its rate the one that was seen, such luck would have one chance in twenty. Fair: Fisher's test against
    what was recorded. Strong: the same as weak for the lowest rate that its interval allows. None: more than `MOST`, or
    no number at all, where it has not failed.
    """
    if failed == 0:
        return None, None, None
    weak, strong = _clean_runs_at_rate(failed / runs), _clean_runs_at_rate(clopper_pearson(failed, runs)[0])
    fair = _smallest_satisfying(lambda clean: is_significant(fisher_exact(failed, runs, 0, clean), ALPHA))
    return weak, fair, strong


def required_clean_time(occurrences: int, exposure: float) -> tuple[float, float, float]:
    """The same for a bug that comes by time, and came ``occurrences`` times in ``exposure``: how long without it, in that unit.

    Fair: were the rate the same, all of them would have come before (a binomial test, given how many there were).
    Strong: the lowest rate of the exact Poisson interval (Garwood, Biometrika 28, 1936). Infinite where it never came.
    """
    if occurrences == 0:
        return inf, inf, inf
    lowest = _bisect(lambda rate: _poisson_upper_tail(occurrences, rate) - ALPHA / 2, 0.0, float(occurrences))
    return (
        -log(ALPHA) * exposure / occurrences,
        exposure * (ALPHA ** (-1 / occurrences) - 1),
        -log(ALPHA) * exposure / lowest,
    )


def _clean_runs_at_rate(rate: float) -> int | None:
    """How many runs without a failure have a chance of `ALPHA` at ``rate``."""
    if rate >= 1:
        return 1
    needed = log(ALPHA) / log1p(-rate) if rate > 0 else inf
    return ceil(needed) if needed < MAX_REQUIRED_RUNS else None


def _smallest_satisfying(predicate: Callable[[int], bool]) -> int | None:
    """The least number of which ``predicate`` is so, as it is of every greater one."""
    high = 1
    while not predicate(high):
        if high > MAX_REQUIRED_RUNS:
            return None
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if predicate(middle) else (middle, high)
    return high


def _two_sided_quantile(level: float) -> float:
    """Return the normal quantile of 1 - ``level`` / 2."""
    return _bisect(lambda z: level - erfc(z / sqrt(2)), 0.0, 40.0)


def _bisect(increasing: Callable[[float], float], low: float, high: float) -> float:
    """Where a function that rises from ``low`` to ``high`` is zero, to the last bit."""
    while True:
        middle = (low + high) / 2
        if middle in (low, high):
            return middle
        low, high = (middle, high) if increasing(middle) < 0 else (low, middle)


def _log_choose(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)


def _poisson_upper_tail(count: int, mean: float) -> float:
    """The regularized lower incomplete gamma function P(seen, mean): its series (DLMF 8.11.4)."""
    if mean <= 0:
        return 0.0
    term = exp(count * log(mean) - mean - lgamma(count + 1))
    every, k = term, count
    while term > every * 1e-17:
        k += 1
        term *= mean / k
        every += term
    return every


def _incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularized incomplete beta function: its continued fraction (DLMF 8.17.22), by Lentz's method."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):  # where the fraction converges fast
        return 1 - _incomplete_beta(b, a, 1 - x)
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x)) / a
    tiny = 1e-300
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1) or tiny)
    product = d
    for m in range(1, 10_000):
        for numerator in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / (1 + numerator * d or tiny)
            c = 1 + numerator / c or tiny
            product *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return front * product
