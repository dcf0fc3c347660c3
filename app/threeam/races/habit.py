"""The habit of two operations: they come in one order on nearly all keys, so the other order is worth a look.

It needs no table of verbs. Any two words may be a pair of operations, so there may be very many pairs, and a finding on
each key of a pair: only pairs that may still have a habit are kept, and of their findings the groups.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from threeam.races.access import Access
from threeam.races.doubts import order_doubts
from threeam.races.finding import Finding, KeyHistory, Rule
from threeam.races.groups import FindingGroups
from threeam.races.partners import WitnessLimits

MIN_KEYS = 20
MIN_SHARE = 0.99
_MAX_PAIRS = 2000  # of operations; then the rarer half of them is forgotten
_MIN_RATIO = 10  # of the usual order to the other one: with fewer there is no habit, and the exceptions are dropped
_CYCLE = "the log may begin between the two operations of an earlier use of the key"
_MAX_OPERATIONS = 12  # of one key that are compared with each other


class _Direction:
    """One order of two operations: on how many keys it was certain, and its findings, in case it is the exception."""

    def __init__(self) -> None:
        self.keys = 0
        self.findings = FindingGroups()


class Habits:
    """The orders of pairs of operations, counted over keys. ``exceptions`` are known when all keys were added."""

    def __init__(self, limits: WitnessLimits) -> None:
        self._limits = limits
        # By key name and the two operations in alphabetical order: this order of them, and the other one.
        self._pairs: dict[tuple[str, str, str], tuple[_Direction, _Direction]] = {}

    def add(self, history: KeyHistory) -> None:
        """Count the orders of the first accesses of each operation to one key."""
        first_of = dict[str, Access]()
        for access in history.accesses:
            if access.operation and len(first_of) < _MAX_OPERATIONS:
                first_of.setdefault(access.operation, access)
        for access, other in combinations(first_of.values(), 2):
            self._add_pair(history, access, other)

    def _add_pair(self, history: KeyHistory, access: Access, other: Access) -> None:
        first, second = sorted((access, other), key=lambda each: (each.ns, each.offset))
        doubts = order_doubts(first, second)
        if doubts is None:  # the file order decides, against the timestamps
            first, second, doubts = second, first, ()
        own, reverse = self._directions(history.key_name, first.operation, second.operation)
        own.keys += not doubts
        if own.keys >= MIN_KEYS and reverse.keys < _MIN_RATIO * own.keys:
            own.findings = FindingGroups()
        elif abs(second.ns - first.ns) <= self._limits.window_ns:
            doubts += _cycle_doubts(history, first, second) + first.doubts + second.doubts
            doubts += self._limits.silences.between(first, second)
            unique = tuple(dict.fromkeys(doubts))
            pair = (first, second)
            own.findings.add(Finding(Rule.HABIT, history.key_name, history.key, pair, pair, unique))

    def _directions(self, key_name: str, first: str, second: str) -> tuple[_Direction, _Direction]:
        """Return the order of ``first`` and then ``second``, and the other one."""
        pair = (key_name, *sorted((first, second)))
        directions = self._pairs.get(pair)  # type: ignore[arg-type]
        if directions is None:
            if len(self._pairs) >= _MAX_PAIRS:
                self._forget_rare_pairs()
            directions = self._pairs[pair] = _Direction(), _Direction()  # type: ignore[index]
        return directions if first <= second else (directions[1], directions[0])

    def _forget_rare_pairs(self) -> None:
        by_keys = sorted(self._pairs.items(), key=lambda item: sum(direction.keys for direction in item[1]))
        self._pairs = dict(by_keys[len(by_keys) // 2 :])

    def exceptions(self) -> Iterator[FindingGroups]:
        """Yield the findings that are against the habit of their pair of operations."""
        for pair in self._pairs.values():
            for own, usual in (pair, pair[::-1]):
                keys = own.keys + usual.keys
                if keys >= MIN_KEYS and usual.keys >= MIN_SHARE * keys:
                    yield own.findings


def _cycle_doubts(history: KeyHistory, first: Access, second: Access) -> tuple[str, ...]:
    """Return why the ``second`` operation may have come before ``first`` as well, before the begin of the log.

    The operations of a key may come in cycles.
    """
    index = first.source.index
    begin_ns = index.first_ns if index is not None else None
    is_early = begin_ns is not None and first.ns - begin_ns - first.source.correction.shift_ns < second.ns - first.ns
    is_repeated = any(access.operation == first.operation and access.ns > second.ns for access in history.accesses)
    return (_CYCLE,) if is_early or is_repeated else ()
