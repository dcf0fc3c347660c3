"""The habit of two operations: they come in one order on nearly all keys, so the other order is worth a look.

It needs no table of verbs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations

from threeam.races.access import Access
from threeam.races.doubts import order_doubts
from threeam.races.finding import Finding, KeyHistory, Rule
from threeam.races.rules import WitnessLimits

MIN_KEYS = 20
MIN_SHARE = 0.99
_MAX_OPERATIONS = 12  # of one key that are compared with each other
_MAX_EXCEPTIONS = 1000  # of one pair that are kept; a pair with more has no habit yet


class Habits:
    """The orders of pairs of operations, counted over keys. ``exceptions`` are known when all keys were added."""

    def __init__(self, limits: WitnessLimits) -> None:
        self._limits = limits
        self._counts: defaultdict[tuple[str, str, str], int] = defaultdict(int)  # by key name, first, second
        self._findings: defaultdict[tuple[str, str, str], list[Finding]] = defaultdict(list)

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
        direction = (history.key_name, first.operation, second.operation)
        if not doubts:
            self._counts[direction] += 1
        kept = self._findings[direction]
        if len(kept) < _MAX_EXCEPTIONS and abs(second.ns - first.ns) <= self._limits.window_ns:
            doubts += first.doubts + second.doubts + self._limits.silences.between(first, second)
            pair = (first, second)
            unique = tuple(dict.fromkeys(doubts))
            kept.append(Finding(Rule.HABIT, history.key_name, history.key, pair, pair, unique))

    def exceptions(self) -> Iterator[Finding]:
        """Yield the findings that are against the habit of their pair of operations."""
        for direction, findings in self._findings.items():
            name, first, second = direction
            usual, unusual = self._counts[name, second, first], self._counts[direction]
            if usual + unusual >= MIN_KEYS and usual >= MIN_SHARE * (usual + unusual):
                yield from findings
