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

Configuration = frozenset[int]


class InForce(NamedTuple):
    """A change was in force from ``since`` to ``until`` (ns; None: it still is).

    ``own``: whether it is known to concern the hypothesis. Otherwise it is bound to no hypothesis.
    """

    since: int
    until: int | None = None
    own: bool = True


class Piece(NamedTuple):
    """What was seen in one configuration: ``failed`` times in ``over`` (runs, or ns)."""

    configuration: Configuration
    failed: int
    over: int


class Baseline(NamedTuple):
    """The rate before a change: ``failed`` in ``over``. ``earlier``: what was seen in regimes that are not in it.

    ``widened``: whether regimes before the last one had to be added, because nothing had failed in that. ``ignored``:
    whether the changes that are bound to no hypothesis had to be ignored, because with them no failure remained.
    """

    failed: int
    over: int
    earlier: tuple[int, int] = (0, 0)
    widened: bool = False
    ignored: bool = False


def configuration(changes: Iterable[InForce], begin: int, end: int) -> Configuration | None:
    """Return the configuration from ``begin`` to ``end``; None if a change was made or undone in between."""
    in_force = set()
    for change in changes:
        until = inf if change.until is None else change.until
        if change.since <= begin and until >= end:
            in_force.add(change.since)
        elif change.since < end and until > begin:
            return None
    return frozenset(in_force)


def last_regime(pieces: Sequence[Piece], current: Configuration) -> Baseline:
    """Return what was seen in the configuration ``current``, and in earlier ones until there is a failure.

    ``pieces``: in the order of time.
    """
    taken = [current]
    while not any(piece.failed for piece in pieces if piece.configuration in taken):
        rest = [piece.configuration for piece in reversed(pieces) if piece.configuration not in taken]
        if not rest:
            break
        taken.append(rest[0])
    inside = [piece for piece in pieces if piece.configuration in taken]
    outside = [piece for piece in pieces if piece.configuration not in taken]
    earlier = sum(piece.failed for piece in outside), sum(piece.over for piece in outside)
    failed, over = sum(piece.failed for piece in inside), sum(piece.over for piece in inside)
    return Baseline(failed, over, earlier, len(taken) > 1)


def baseline(
    pieces: Callable[[Sequence[InForce]], list[Piece]],
    changes: Sequence[InForce],
    since: int,
    asks: Callable[[Baseline], float],
) -> Baseline:
    """Return the baseline of a change at ``since``: with changes that are bound to nothing, or without them.

    ``pieces``: divides what was seen by changes. ``asks``: how much a baseline asks for; the larger one counts.
    """

    def candidate(concerned: Sequence[InForce]) -> Baseline:
        current = frozenset(one.since for one in concerned if one.since < since <= (one.until or inf))
        return last_regime(pieces(concerned), current)

    without, with_all = candidate([change for change in changes if change.own]), candidate(changes)
    if not with_all.failed:  # it would ask for infinitely much, and there would be no rate to tell
        return without._replace(ignored=True)
    return max(without, with_all, key=asks)
