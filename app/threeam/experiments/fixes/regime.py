"""The regime before a change: which failures of the past say how often a bug fails. Pure.

A *change* is in force from the moment it is made until it is undone. The *configuration* at a time is the set of
changes that were in force then. A *regime* is all the time with one configuration.

The rate before a fix is that of the last regime: of the configuration to which the fix was added. Otherwise failures
from before an earlier half fix would raise the rate, and a few clean runs would look like proof. If nothing failed in
the last regime, the one before it is added, and so on: without a failure there is no rate.

Changes that are bound to no hypothesis may concern the bug or not. The answer is computed with them and without them,
and the one that requires more clean runs (or time) counts. So an unrelated change can never turn a no into a yes. If
one of them was made or undone during each experiment that failed, no failure has a configuration with them: then they
are ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import inf
from typing import NamedTuple

from threeam.experiments.experiment import LogPoint

Configuration = frozenset[int]


class ChangePeriod(NamedTuple):
    """The time that a change was in force: the positions ``since`` and ``until`` (None: it still is).

    ``concerns_hypothesis``: whether it is known to concern the hypothesis. Otherwise it is bound to no hypothesis.
    ``since_ns``, ``until_ns``: the stamps of its two lines (ns); None: the same as the position.
    """

    since: int
    until: int | None = None
    concerns_hypothesis: bool = True
    since_ns: int | None = None
    until_ns: int | None = None

    @property
    def points(self) -> list[LogPoint]:
        """Return the positions and stamps of the lines that say that the change was made and undone."""
        stamped = ((self.since, self.since_ns), (self.until, self.until_ns))
        return [LogPoint(position, position if ns is None else ns) for position, ns in stamped if position is not None]


class Period(NamedTuple):
    """The failures in a period with one configuration; ``exposure``: its length (runs, or ns)."""

    configuration: Configuration
    failed: int
    exposure: int


class RateBaseline(NamedTuple):
    """The rate before a change: ``failed`` in ``exposure`` (runs, or ns).

    ``earlier``: the failures and the exposure of regimes that are not in it. ``includes_earlier``: whether regimes
    before the last one had to be added, because nothing had failed in the last one. ``clean_exposure``: the exposure
    of the added regimes that are later than the failures. ``ignores_unbound_changes``: whether the changes that are
    bound to no hypothesis had to be ignored, because with them no failure remained. ``periods``: those in the rate.
    """

    failed: int
    exposure: int
    earlier: tuple[int, int] = (0, 0)
    includes_earlier: bool = False
    clean_exposure: int = 0
    ignores_unbound_changes: bool = False
    periods: tuple[Period, ...] = ()


def configuration_between(changes: Iterable[ChangePeriod], begin: int, end: int) -> Configuration | None:
    """Return the configuration from ``begin`` to ``end``; None if a change was made or undone in between."""
    in_force = set()
    for change in changes:
        until = inf if change.until is None else change.until
        if change.since <= begin and until >= end:
            in_force.add(change.since)
        elif change.since < end and until > begin:
            return None
    return frozenset(in_force)


def last_regime_baseline(periods: Sequence[Period], current: Configuration) -> RateBaseline:
    """Return the rate in the configuration ``current``, and in earlier ones until there is a failure.

    ``periods``: in the order of time.
    """
    included = [current]
    while not any(period.failed for period in periods if period.configuration in included):
        excluded = [period.configuration for period in reversed(periods) if period.configuration not in included]
        if not excluded:
            break
        included.append(excluded[0])
    inside = [period for period in periods if period.configuration in included]
    outside = [period for period in periods if period.configuration not in included]
    later = [period for period in inside if period.configuration in included[:-1]]
    return RateBaseline(
        failed=sum(period.failed for period in inside),
        exposure=sum(period.exposure for period in inside),
        earlier=(sum(period.failed for period in outside), sum(period.exposure for period in outside)),
        includes_earlier=len(included) > 1,
        clean_exposure=sum(period.exposure for period in later),
        periods=tuple(inside),
    )


def choose_baseline(
    split_periods: Callable[[Sequence[ChangePeriod]], list[Period]],
    changes: Sequence[ChangePeriod],
    since: int,
    required_amount: Callable[[RateBaseline], float],
) -> RateBaseline:
    """Return the rate before the change at the position ``since``.

    ``split_periods``: splits what was seen into periods without a change. ``required_amount``: the clean runs (or ns)
    that a rate requires. Of the rates with the unbound changes and without them, the one that requires more is chosen.
    """

    def rate_with(relevant: Sequence[ChangePeriod]) -> RateBaseline:
        current = frozenset(change.since for change in relevant if change.since < since <= (change.until or inf))
        return last_regime_baseline(split_periods(relevant), current)

    rate_without_unbound = rate_with([change for change in changes if change.concerns_hypothesis])
    rate_with_all = rate_with(changes)
    if not rate_with_all.failed:  # a rate of zero would require infinitely many clean runs
        return rate_without_unbound._replace(ignores_unbound_changes=True)
    return max(rate_without_unbound, rate_with_all, key=required_amount)
