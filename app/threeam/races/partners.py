"""The search for the other access of a pattern, near one access to a key: within the window, and a limit of work."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from threeam.races.access import Access, OperationKind
from threeam.races.finding import KeyHistory
from threeam.races.omissions import CutKeys
from threeam.races.silences import Silences

_MAX_COMPARISONS = 500_000  # of accesses to one key
_MIN_NEIGHBOURS = 64  # that each access is compared with on each side, even if that makes more comparisons


class WitnessLimits(NamedTuple):
    """The limits of a witness: ``window_ns`` between its accesses, and the times that the logs do not show.

    ``cut_keys``: the keys whose search was cut, to which the rules add theirs.
    """

    window_ns: int
    silences: Silences
    cut_keys: CutKeys


class Partners:
    """The accesses of some kinds to one key: those near another access may form a pattern with it."""

    def __init__(self, history: KeyHistory, kinds: Sequence[OperationKind], limits: WitnessLimits) -> None:
        self._history = history
        self._limits = limits
        self._indexes = [index for index, access in enumerate(history.accesses) if access.kind in kinds]
        self._reach = max(_MIN_NEIGHBOURS, _MAX_COMPARISONS // len(history.accesses))

    def near(self, index: int, step: int) -> Iterator[Access]:
        """Yield those after the access at ``index`` (``step`` 1), or before it (-1), the nearest one first."""
        accesses = self._history.accesses
        own_ns = accesses[index].ns
        position = bisect_right(self._indexes, index) if step > 0 else bisect_left(self._indexes, index) - 1
        last = position + step * self._reach
        while 0 <= position < len(self._indexes):
            access = accesses[self._indexes[position]]
            if abs(access.ns - own_ns) > self._limits.window_ns:
                return
            if position == last:
                self._note_cut()
                return
            yield access
            position += step

    def around(self, first: int, second: int) -> Iterator[Access]:
        """Yield those between the accesses at two indexes, and some before and after them, the last one first."""
        begin = max(0, bisect_left(self._indexes, first) - _MIN_NEIGHBOURS)
        end = bisect_right(self._indexes, second) + _MIN_NEIGHBOURS
        indexes = self._indexes[begin:end]
        for count, index in enumerate(reversed(indexes)):
            if count == self._reach + 2 * _MIN_NEIGHBOURS:
                self._note_cut()
                return
            yield self._history.accesses[index]

    def _note_cut(self) -> None:
        self._limits.cut_keys[self._history.key_name, self._history.key] = None


def nearest(
    partners: Partners, index: int, doubts_of: Callable[[Access], tuple[str, ...] | None]
) -> tuple[Access, tuple[str, ...]] | None:
    """Return the best other access of a pattern with the one at ``index``, with its doubts; None if no access forms it.

    ``doubts_of``: why an access may not form the pattern; None if it does not. One without a doubt is better, and then
    the nearest.
    """
    best: tuple[Access, tuple[str, ...]] | None = None
    for step in (1, -1):
        for other in partners.near(index, step):
            doubts = doubts_of(other)
            if doubts is not None and (best is None or len(doubts) < len(best[1])):
                best = other, doubts
                if not doubts:
                    return best
    return best
