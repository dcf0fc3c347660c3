"""Hangs of the version before a fix and of the one with it: runs that hang must not make a fix look good. Pure.

A run that timed out is in no rate. Without this comparison, a fix after which most runs hang would be called one, since
the others are clean.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from threeam.experiments.experiment import Counts
from threeam.experiments.statistics.stats import ALPHA, fisher_exact, is_significant


class HangRates(NamedTuple):
    """The number of runs that timed out, and of all runs: those of the old version, and those of the new one."""

    old: int = 0
    of_old: int = 0
    new: int = 0
    of_new: int = 0

    @property
    def p(self) -> float:
        """Return the p of Fisher's exact test that both hang equally often."""
        return fisher_exact(self.old, self.of_old, self.new, self.of_new)

    @property
    def has_risen(self) -> bool:
        """Return whether the new version hangs more often than chance explains."""
        return self.new * self.of_old > self.old * self.of_new and is_significant(self.p, ALPHA)


def hang_rates(old: Iterable[Counts], new: Iterable[Counts]) -> HangRates:
    """Return the hangs of two versions, from the counts of their runs."""
    before, since = list(old), list(new)
    return HangRates(
        sum(counts.timed_out for counts in before),
        sum(counts.total for counts in before),
        sum(counts.timed_out for counts in since),
        sum(counts.total for counts in since),
    )
