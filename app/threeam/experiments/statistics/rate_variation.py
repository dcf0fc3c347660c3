"""A failure rate that itself varies between sessions: then clean runs at another hour prove little. Pure.

A *session* is the runs of one experiment. The chi-square test of homogeneity compares the sessions before a change.
Its approximation needs five expected failures and passes in each, so sessions with fewer are joined with the next
ones. That depends on their sizes alone and not on where the failures are, so it does not bias the test.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from threeam.experiments.statistics.stats import chi_square_tail

VARIATION_LEVEL = 0.01  # of p: below it, the rate is said to vary
_MIN_EXPECTED = 5.0

Session = tuple[int, int]  # failed, runs


class RateVariation(NamedTuple):
    """The lowest and the highest rate of the sessions, and the p of the test that they are equal."""

    low: float
    high: float
    p: float

    @property
    def is_significant(self) -> bool:
        """Return whether chance explains the differences badly."""
        return self.p < VARIATION_LEVEL


def rate_variation(strata: Iterable[Sequence[Session]]) -> RateVariation | None:
    """Return how the rate varied between the sessions within each of ``strata``; None: there are too few failures.

    Between strata it may differ: each is a configuration of its own.
    """
    joined = [groups for sessions in strata if len(groups := join_sessions(sessions)) > 1]
    if not joined:
        return None
    statistic = sum(chi_square_statistic(groups) for groups in joined)
    p = chi_square_tail(statistic, sum(len(groups) - 1 for groups in joined))
    rates = [failed / runs for groups in joined for failed, runs in groups]
    return RateVariation(min(rates), max(rates), p)


def join_sessions(sessions: Sequence[Session]) -> list[Session]:
    """Return ``sessions`` in order, joined with the next ones until five of each outcome are expected in each."""
    failed, runs = (sum(numbers) for numbers in zip(*sessions, strict=True)) if sessions else (0, 0)
    if not runs:
        return []
    rarer = min(failed, runs - failed) / runs
    groups: list[Session] = []
    group_failed = group_runs = 0
    for session_failed, session_runs in sessions:
        group_failed, group_runs = group_failed + session_failed, group_runs + session_runs
        if group_runs * rarer >= _MIN_EXPECTED:
            groups.append((group_failed, group_runs))
            group_failed = group_runs = 0
    if group_runs and groups:
        last_failed, last_runs = groups.pop()
        groups.append((last_failed + group_failed, last_runs + group_runs))
    return groups


def chi_square_statistic(groups: Sequence[Session]) -> float:
    """Return Pearson's statistic of the table of failures and passes in ``groups``."""
    rate = sum(failed for failed, _ in groups) / sum(runs for _, runs in groups)
    return sum(
        (group_failed - n * rate) * (group_failed - n * rate) / (n * rate * (1 - rate)) for group_failed, n in groups
    )
