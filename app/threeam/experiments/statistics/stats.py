"""Exact statistics of rare failures, in plain arithmetic. Pure. The tests compare it with SciPy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil, erfc, exp, inf, lgamma, log, log1p, sqrt

ALPHA = 0.05  # the accepted rate of false positives
_POWER_Z = (
    0.8416212335729143  # the normal quantile of 0.8, the power: the share of experiments that show a real difference
)
_TIE_FACTOR = 1 + 1e-7  # tables whose probabilities differ by less are equally likely, because of rounding
_ROUNDING_FACTOR = 1 - 1e-9  # a p of exactly 0.05 is not below 0.05, even if rounding makes it so
MAX_REQUIRED_RUNS = 10**9  # more runs are not feasible


def clopper_pearson(failed: int, runs: int, alpha: float = ALPHA) -> tuple[float, float]:
    """Return the exact interval of a rate, ``failed`` of ``runs``; (0, 1) if there are no runs.

    Clopper and Pearson, Biometrika 26 (1934).
    """
    if runs == 0:
        return 0.0, 1.0
    low = 0.0 if failed == 0 else _bisect(lambda p: binom_upper_tail(failed, runs, p) - alpha / 2, 0.0, failed / runs)
    high = 1.0 if failed == runs else _bisect(lambda p: alpha / 2 - binom_cdf(failed, runs, p), failed / runs, 1.0)
    return low, high


def binom_upper_tail(failed: int, runs: int, p: float) -> float:
    """Return the probability of ``failed`` or more failures in ``runs``, each with the probability ``p``."""
    return 1.0 if failed <= 0 else _incomplete_beta(failed, runs - failed + 1, p)


def binom_cdf(failed: int, runs: int, p: float) -> float:
    """Return the probability of ``failed`` or fewer failures in ``runs``, each with the probability ``p``."""
    return 1.0 if failed >= runs else _incomplete_beta(runs - failed, failed + 1, 1 - p)


def fisher_exact(failed: int, runs: int, other_failed: int, other_runs: int) -> float:
    """Return the two-sided p of Fisher's exact test (1922).

    If the rates were equal, p is the probability of a table that is at most as likely as the observed one.
    """
    both = failed + other_failed
    first, last = max(0, both - other_runs), min(runs, both)

    def log_of(k: int) -> float:
        return _log_choose(runs, k) + _log_choose(other_runs, both - k)

    observed = log_of(failed) + log(_TIE_FACTOR)
    logs = [log_of(k) for k in range(first, last + 1)]
    largest = max(logs)
    total = sum(exp(value - largest) for value in logs)
    return min(1.0, sum(exp(value - largest) for value in logs if value <= observed) / total)


def is_significant(p: float, level: float) -> bool:
    """Return whether ``p`` is less than ``level`` by more than a rounding error."""
    return p < level * _ROUNDING_FACTOR


def holm_levels(ps: Sequence[float], alpha: float = ALPHA) -> list[float]:
    """Return the level that each of ``ps`` must be below, so that any of them is so by chance with ``alpha`` at most.

    Holm (Scandinavian Journal of Statistics 6, 1979): of m, the smallest p is compared with alpha / m, the next with
    alpha / (m - 1), and so on until one is not below its level. All that follow have the level of that one.
    """
    levels = [0.0] * len(ps)
    level, has_ended = 0.0, False
    for rank, i in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        level = level if has_ended else alpha / (len(ps) - rank)
        has_ended = not is_significant(ps[i], level)
        levels[i] = level
    return levels


def alpha_of_repeat(nth: int) -> float:
    """Return the level of the ``nth`` experiment with the same plan: of the n-th it is `ALPHA` / (n (n + 1)).

    These levels have a finite sum, so that to repeat a plan until something is shown does not show chance. With
    `ALPHA` / n, eight repeats show something in one of ten cases with equal arms; with these, in one of twenty. The
    first experiment has all of `ALPHA`: most plans are never repeated.
    """
    return ALPHA if nth == 1 else ALPHA / (nth * (nth + 1))


def required_sample_size(rate: float, other_rate: float, level: float = ALPHA) -> int | None:
    """Return how many runs per arm show a difference of this size in four of five experiments; None if rates are equal.

    The formula of Casagrande, Pike and Smith (Biometrics 34, 1978) for Fisher's two-sided test at ``level``, which is
    less than `ALPHA` if several arms are compared.
    """
    difference = abs(rate - other_rate)
    if difference == 0:
        return None
    mean = (rate + other_rate) / 2
    spread = _two_sided_quantile(level) * sqrt(2 * mean * (1 - mean))
    spread += _POWER_Z * sqrt(rate * (1 - rate) + other_rate * (1 - other_rate))
    uncorrected = (spread / difference) ** 2
    needed = uncorrected / 4 * (1 + sqrt(1 + 4 / (uncorrected * difference))) ** 2
    return ceil(needed) if needed < MAX_REQUIRED_RUNS else None


def required_clean_runs(failed: int, runs: int) -> tuple[int | None, int | None, int | None]:
    """Return the clean runs after which a bug that failed in ``failed`` of ``runs`` may be called fixed.

    Weak: at the observed rate they would have a probability of `ALPHA`. Fair: Fisher's test against the recorded runs.
    Strong: the same as weak, for the lowest rate of the interval. None: it never failed, or `MAX_REQUIRED_RUNS` is
    exceeded.
    """
    if failed == 0:
        return None, None, None
    weak, strong = _clean_runs_at_rate(failed / runs), _clean_runs_at_rate(clopper_pearson(failed, runs)[0])
    fair = _smallest_satisfying(lambda clean: is_significant(fisher_exact(failed, runs, 0, clean), ALPHA))
    return weak, fair, strong


def required_clean_time(occurrences: int, exposure: float) -> tuple[float, float, float]:
    """Return the time after which a bug that was seen ``occurrences`` times in ``exposure`` may be called fixed.

    In the unit of ``exposure``; infinite if it was never seen. Weak: as for runs. Fair: if the rate were unchanged, all
    occurrences would fall before the change (a binomial test, given their number). Strong: as weak, for the lowest rate
    of the exact Poisson interval (Garwood, Biometrika 28, 1936).
    """
    if occurrences == 0:
        return inf, inf, inf
    lowest_rate = _bisect(lambda rate: _poisson_upper_tail(occurrences, rate) - ALPHA / 2, 0.0, float(occurrences))
    return (
        -log(ALPHA) * exposure / occurrences,
        exposure * (ALPHA ** (-1 / occurrences) - 1),
        -log(ALPHA) * exposure / lowest_rate,
    )


def _clean_runs_at_rate(rate: float) -> int | None:
    """Return how many clean runs have a probability of `ALPHA` at ``rate``; None if too many."""
    if rate >= 1:
        return 1
    needed = log(ALPHA) / log1p(-rate) if rate > 0 else inf
    return ceil(needed) if needed < MAX_REQUIRED_RUNS else None


def _smallest_satisfying(predicate: Callable[[int], bool]) -> int | None:
    """Return the least number for which ``predicate`` is true; it is true for all greater ones. None if too large."""
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
    """Return the root between ``low`` and ``high`` of a function that rises there, to the last bit."""
    while True:
        middle = (low + high) / 2
        if middle in (low, high):
            return middle
        low, high = (middle, high) if increasing(middle) < 0 else (low, middle)


def _log_choose(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)


def _poisson_upper_tail(count: int, mean: float) -> float:
    """Return P(count, mean), the regularized lower incomplete gamma function, by its series (DLMF 8.11.4)."""
    if mean <= 0:
        return 0.0
    term = exp(count * log(mean) - mean - lgamma(count + 1))
    total, k = term, count
    while term > total * 1e-17:
        k += 1
        term *= mean / k
        total += term
    return total


def chi_square_tail(statistic: float, degrees: int) -> float:
    """Return the probability of ``statistic`` or more under the chi-square distribution: Q(degrees/2, statistic/2)."""
    a, x = degrees / 2, statistic / 2
    if x <= 0:
        return 1.0
    front = exp(a * log(x) - x - lgamma(a))
    if x < a + 1:  # the series of P converges faster (DLMF 8.11.4)
        term = total = 1 / a
        k = a
        while term > total * 1e-17:
            k += 1
            term *= x / k
            total += term
        return 1 - front * total
    # The continued fraction of Q (DLMF 8.9.2), by Lentz's method.
    tiny = 1e-300
    b = x + 1 - a
    c, d = 1 / tiny, 1 / b
    fraction = d
    for i in range(1, 10_000):
        numerator = -i * (i - a)
        b += 2
        d = 1 / (numerator * d + b or tiny)
        c = b + numerator / c or tiny
        fraction *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return front * fraction


def _incomplete_beta(a: float, b: float, x: float) -> float:
    """Return the regularized incomplete beta function, by its continued fraction (DLMF 8.17.22) and Lentz's method."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):  # the fraction converges faster on the other side
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
