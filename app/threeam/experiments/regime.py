"""The regime before a change: which failures of the past say how often a bug fails. Pure.

A *change* is in force from the moment it is made until it is undone. The *configuration* at a time is the set of
changes that were in force then. A *regime* is all the time with one configuration.

The rate before a fix is that of the last regime: what was seen in the configuration that the fix was put on top of.
An earlier half fix would otherwise lend the program the failures that it had before that half fix, and a few clean runs
would then look like proof. If nothing failed in the last regime, the one before it is added, and so on: without a
failure there is no rate.

Changes that are bound to no hypothesis may concern the bug or not. The answer is computed with them and without them,
and the one that asks for more counts. So an unrelated change can never turn a no into a yes. If one of them was made
or undone during each experiment that failed, no failure has a configuration with them: then they are ignored.
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
        """The lines that say that the change was made and undone."""
        stamped = ((self.since, self.since_ns), (self.until, self.until_ns))
        return [LogPoint(position, position if ns is None else ns) for position, ns in stamped if position is not None]


class Period(NamedTuple):
    """What was seen in one configuration: ``failed`` times in ``over`` (runs, or ns)."""

    configuration: Configuration
    failed: int
    exposure: int


class RateBaseline(NamedTuple):
    """The rate before a change: ``failed`` in ``over``. ``earlier``: what was seen in regimes that are not in it.

    ``includes_earlier``: whether regimes before the last one had to be added, because nothing had failed in that.
    ``clean_exposure``: what was seen in the regimes after the one that failed. ``ignores_unbound_changes``: whether the changes that are bound to no hypothesis had to be ignored, because with them no failure remained.
    """

    failed: int
    exposure: int
    earlier: tuple[int, int] = (0, 0)
    includes_earlier: bool = False
    clean_exposure: int = 0
    ignores_unbound_changes: bool = False


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
    """Return what was seen in the configuration ``current``, and in earlier ones until there is a failure.

    ``periods``: in the order of time.
    """
    taken = [current]
    while not any(piece.failed for piece in periods if piece.configuration in taken):
        rest = [piece.configuration for piece in reversed(periods) if piece.configuration not in taken]
        if not rest:
            break
        taken.append(rest[0])
    inside = [piece for piece in periods if piece.configuration in taken]
    outside = [piece for piece in periods if piece.configuration not in taken]
    earlier = sum(piece.failed for piece in outside), sum(piece.exposure for piece in outside)
    failed, over = sum(piece.failed for piece in inside), sum(piece.exposure for piece in inside)
    clean = sum(piece.exposure for piece in inside if piece.configuration != taken[-1])
    return RateBaseline(failed, over, earlier, len(taken) > 1, clean if len(taken) > 1 else 0)


def choose_baseline(
    split_periods: Callable[[Sequence[ChangePeriod]], list[Period]],
    changes: Sequence[ChangePeriod],
    since: int,
    required_amount: Callable[[RateBaseline], float],
) -> RateBaseline:
    """Return the baseline of a change at ``since``: with changes that are bound to nothing, or without them.

    ``split_periods``: divides what was seen by changes. ``required_amount``: how much a baseline asks for; the larger one counts.
    """

    def candidate(concerned: Sequence[ChangePeriod]) -> RateBaseline:
        current = frozenset(one.since for one in concerned if one.since < since <= (one.until or inf))
        return last_regime_baseline(split_periods(concerned), current)

    without, with_all = candidate([change for change in changes if change.concerns_hypothesis]), candidate(changes)
    if not with_all.failed:  # it would ask for infinitely much, and there would be no rate to tell
        return without._replace(ignores_unbound_changes=True)
    return max(without, with_all, key=required_amount)
