"""Near misses: how close two operations of different actors on one key came to each other, and which came first.

An occurrence of A → B is an A and the nearest B, before or after it, by another actor on the same key. Each A occurs
once at most. In a pair of equal operations, only the B after each A counts: else each gap would be there twice.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from heapq import heappush, heappushpop
from itertools import pairwise
from math import ceil
from typing import NamedTuple

from threeam.core.errors import BadInput
from threeam.core.format.entry import NS_PER_S
from threeam.experiments.statistics.stats import clopper_pearson
from threeam.races.access import Access, OperationKind, distance, order_of_accesses
from threeam.races.doubts import witness_doubts
from threeam.races.finding import KeyHistory
from threeam.races.omissions import Omissions
from threeam.races.operations import Operations
from threeam.timeline.instant import Order

HOUR_NS = 3600 * NS_PER_S
_ARROW = re.compile(r"\s*(?:→|->)\s*")
_CLOSEST = 5  # occurrences that are kept with their lines
_FEW = 10  # a comparison is made where this many gaps lie below its limit, so that it can show a difference


class OperationPair(NamedTuple):
    """An ordered pair of operations. Each is a word of the lines, such as ``delete``, or the letter of a kind."""

    first: str
    second: str

    def __str__(self) -> str:
        return f"{self.first} → {self.second}"


class Occurrence(NamedTuple):
    """An A and its B on one key. ``gap_ns``: the time from A to B by their timestamps; negative if B came first.

    ``is_known``: whether their order is known: else it could have been either one.
    """

    gap_ns: int
    is_known: bool
    key_name: str
    key: bytes
    first: Access
    second: Access


class Side(NamedTuple):
    """The gaps of one order: how many, how many of them could be of the other order, and how long they are."""

    total: int
    unknown: int
    least_ns: int
    percentile_ns: int
    median_ns: int


class Bar(NamedTuple):
    """The gaps from ``begin_ns`` up to ten times that. ``sign``: -1 if B came first, 1 if A did; 0: equal stamps.

    ``known``: how many are of this order for certain; ``unknown``: how many could be of the other order.
    """

    sign: int
    begin_ns: int
    known: int
    unknown: int


class Hour(NamedTuple):
    """The gaps of an hour: when it began, how many there were, and the smallest one."""

    begin_ns: int
    total: int
    gap_ns: int
    is_known: bool


class Share(NamedTuple):
    """The gaps of a period: ``below`` a limit, ``of`` all of them."""

    below: int
    of: int

    @property
    def interval(self) -> tuple[float, float]:
        """The exact 95 % interval of the share (Clopper and Pearson)."""
        return clopper_pearson(self.below, self.of)


class Comparison(NamedTuple):
    """The share of the gaps below ``limit_ns``, since the change before and until the one after ``change_ns``."""

    change_ns: int
    limit_ns: int
    before: Share
    after: Share


def parse_pair(text: str, operations: Operations) -> OperationPair:
    """Return the pair that ``text`` names: ``delete → update``, ``delete->update`` or ``D → W``. Raises `BadInput`."""
    names = [
        name if name in list(OperationKind) else operations.of_word(name).word for name in _ARROW.split(text.strip())
    ]
    if len(names) != 2 or not all(names):
        raise BadInput(f"{text!r} is not a pair of operations: write 'delete → update', or delete->update")
    return OperationPair(*names)


def is_named(operation: str, kind: OperationKind | None, name: str) -> bool:
    """Return whether ``name``, a word or the letter of a kind, names an operation."""
    return operation == name or (kind is not None and kind == name)


class NearMisses:
    """The occurrences of ``pair`` in the histories that were added, at most ``window_ns`` apart.

    It keeps two integers for each. ``closest``: the smallest gaps with their lines. ``operations``: how often each
    operation was seen, with its kind. ``doubts``: how often a line may mean something else, by the reason.
    ``stepped``: occurrences whose gap is not known, since a clock was stepped between. ``error_ns``: the largest error
    of a gap; ``unbounded``: how many gaps have an error that is not known. ``matches``: how many lines name a key.
    ``one_clock``: the sources that are taken to have one clock. ``omissions``: what was left out.
    """

    def __init__(self, pair: OperationPair, window_ns: int) -> None:
        self.pair = pair
        self.window_ns = window_ns
        self.key_names: set[str] = set()
        self.operations: Counter[tuple[str, OperationKind | None]] = Counter()
        self.doubts: Counter[str] = Counter()
        self.stepped = 0
        self.matches = 0
        self.one_clock: list[str] = []
        self.omissions = Omissions()
        self.unbounded = 0
        self.error_ns = 0
        self._gaps = array("q")
        self._times = array("q")  # when the A of each was
        self._is_known = bytearray()
        self._closest: list[tuple[int, int, Occurrence]] = []  # a heap, the largest of them first

    def __len__(self) -> int:
        return len(self._gaps)

    @property
    def closest(self) -> list[Occurrence]:
        """The occurrences with the smallest gaps, the smallest first; those that came first, of equal ones."""
        return [occurrence for _, _, occurrence in sorted(self._closest, key=lambda item: (-item[0], -item[1]))]

    @property
    def unknown(self) -> int:
        """The number of occurrences that could have been in either order."""
        return self._is_known.count(0)

    @property
    def first_ns(self) -> int:
        """The time of the first occurrence."""
        return min(self._times)

    @property
    def last_ns(self) -> int:
        """The time of the last occurrence."""
        return max(self._times)

    def count(self, name: str) -> int:
        """Return how many operations that ``name`` names were seen on keys that two lines or more have."""
        return sum(count for (operation, kind), count in self.operations.items() if is_named(operation, kind, name))

    def add(self, history: KeyHistory) -> None:
        """Add the occurrences in a history of a key."""
        self.key_names.add(history.key_name)
        self.operations.update((access.operation, access.kind) for access in history.accesses)
        creates = [access.ns for access in history.accesses if access.kind is OperationKind.CREATE]
        for first, second in self._occurrences(history.accesses):
            self._add(history, first, second, creates)

    def _add(self, history: KeyHistory, first: Access, second: Access, creates: Sequence[int]) -> None:
        gap_ns, order, error_ns = (
            second.ns - first.ns,
            order_of_accesses(first, second),
            distance(first, second).error_ns,
        )
        if (order is Order.BEFORE and gap_ns < 0) or (order is Order.AFTER and gap_ns > 0):
            self.stepped += 1
            return
        if error_ns is None:
            self.unbounded += 1
        else:
            self.error_ns = max(self.error_ns, error_ns)
        is_known = order is not Order.UNKNOWN
        self._gaps.append(gap_ns)
        self._times.append(first.ns)
        self._is_known.append(is_known)
        doubts = {*first.doubts, *second.doubts, first.meaning, second.meaning} - {""}
        doubts |= {*witness_doubts((first, second))}
        begin_ns, end_ns = sorted((first.ns, second.ns))
        if creates and first.kind is OperationKind.DELETE and _has_any(creates, begin_ns, end_ns):
            doubts.add("the key was created again in between")
        self.doubts.update(doubts)
        if len(self._closest) < _CLOSEST or abs(gap_ns) < -self._closest[0][0]:
            occurrence = Occurrence(gap_ns, is_known, history.key_name, history.key, first, second)
            add = heappush if len(self._closest) < _CLOSEST else heappushpop
            add(self._closest, (-abs(gap_ns), -len(self._gaps), occurrence))

    def _occurrences(self, accesses: Sequence[Access]) -> Iterator[tuple[Access, Access]]:
        """Yield each A with the nearest B of another actor; of two that are as near, the later one."""
        before = list(self._nearest_before(accesses))
        is_symmetric = self.pair.first == self.pair.second
        after = reversed(list(self._nearest_before(accesses[::-1])))
        for access, earlier, later in zip(accesses, before, after, strict=True):
            if not is_named(access.operation, access.kind, self.pair.first):
                continue
            candidates = [later] if is_symmetric else [later, earlier]
            near = [other for other in candidates if other and abs(other.ns - access.ns) <= self.window_ns]
            if near:
                yield access, min(near, key=lambda other: abs(other.ns - access.ns))

    def _nearest_before(self, accesses: Sequence[Access]) -> Iterator[Access | None]:
        """Yield for each access the last B before it, in the given order, by another actor."""
        last: Access | None = None
        last_of_another: Access | None = None  # by another actor than that of ``last``
        for access in accesses:
            yield last if last is None or last.actor != access.actor else last_of_another
            if is_named(access.operation, access.kind, self.pair.second):
                if last is not None and last.actor != access.actor:
                    last_of_another = last
                last = access

    # What follows from the gaps.

    def sides(self) -> dict[int, Side]:
        """Return the gaps of each order that was seen: of -1, B came first; of 1, A did; of 0, at the same time."""
        lengths: dict[int, list[int]] = {}
        unknown: Counter[int] = Counter()
        for gap_ns, is_known in zip(self._gaps, self._is_known, strict=True):
            lengths.setdefault(_sign(gap_ns), []).append(abs(gap_ns))
            unknown[_sign(gap_ns)] += not is_known
        sides = {}
        for sign in sorted(lengths):
            ordered = sorted(lengths[sign])
            ranks = (0, _rank(0.01, len(ordered)), _rank(0.5, len(ordered)))
            sides[sign] = Side(len(ordered), unknown[sign], *(ordered[rank] for rank in ranks))
        return sides

    def histogram(self) -> list[Bar]:
        """Return the decades of gaps from the longest with B first to the longest with A first, empty ones between."""
        counts: Counter[tuple[int, bool]] = Counter()
        for gap_ns, is_known in zip(self._gaps, self._is_known, strict=True):
            counts[_decade(gap_ns), bool(is_known)] += 1
        if not counts:
            return []
        decades = {decade for decade, _ in counts}
        nearest = min(map(abs, decades))  # shorter gaps than any are not drawn
        shown = [decade for decade in range(min(decades), max(decades) + 1) if abs(decade) >= nearest]
        return [
            Bar(_sign(decade), 10 ** (abs(decade) - 1) if decade else 0, counts[decade, True], counts[decade, False])
            for decade in shown
        ]

    def hours(self) -> list[Hour]:
        """Return the smallest gap of each hour that has gaps, the earliest hour first."""
        hours: dict[int, Hour] = {}
        for gap_ns, ns, is_known in zip(self._gaps, self._times, self._is_known, strict=True):
            begin_ns = ns // HOUR_NS * HOUR_NS
            hour = hours.get(begin_ns, Hour(begin_ns, 0, gap_ns, bool(is_known)))
            if abs(gap_ns) < abs(hour.gap_ns):
                hour = hour._replace(gap_ns=gap_ns, is_known=bool(is_known))
            hours[begin_ns] = hour._replace(total=hour.total + 1)
        return [hours[begin_ns] for begin_ns in sorted(hours)]

    def comparisons(self, changes: Sequence[int], ends: Sequence[int]) -> list[Comparison]:
        """Return what each of ``changes`` has changed: the gaps since the change before it, and until the next one.

        ``ends``: the times at which changes were undone, which end a period, too. All in ns. The limit is the same for
        all: it follows from all gaps together, so that it favours no period.
        """
        if not self._gaps or not changes:
            return []
        edges = sorted({*changes, *ends})
        limit_ns = self._limit()
        below, of = [0] * (len(edges) + 1), [0] * (len(edges) + 1)
        for gap_ns, ns in zip(self._gaps, self._times, strict=True):
            period = bisect_right(edges, ns)
            of[period] += 1
            below[period] += abs(gap_ns) < limit_ns
        shares = list(map(Share, below, of))
        periods = zip(edges, pairwise(shares), strict=True)
        return [Comparison(edge, limit_ns, *around) for edge, around in periods if edge in set(changes)]

    def _limit(self) -> int:
        """Return the least power of ten below which a few gaps lie, and which is not below the errors of the gaps."""
        lengths = sorted(map(abs, self._gaps))
        limit_ns = 1
        while limit_ns <= lengths[min(_FEW, len(lengths)) - 1] or limit_ns < self.error_ns:
            limit_ns *= 10
        return limit_ns


def delay_above(gap_ns: int) -> int:
    """Return a delay (ns) that is longer than a gap: 1, 2 or 5 microseconds, or ten times one of these, and so on."""
    power = 1000
    while True:
        for factor in (1, 2, 5):
            if factor * power > gap_ns:
                return factor * power
        power *= 10


def _has_any(instants: Sequence[int], begin_ns: int, end_ns: int) -> bool:
    """Return whether any of ``instants``, which are in order, lies between two others."""
    return bisect_left(instants, begin_ns) < bisect_right(instants, end_ns)


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)


def _decade(gap_ns: int) -> int:
    """Return the number of digits of a gap, with its sign: 1 for 1 to 9 ns; 0 for no gap."""
    return _sign(gap_ns) * len(str(abs(gap_ns))) if gap_ns else 0


def _rank(share: float, count: int) -> int:
    """Return the index of a quantile of ``count`` values in order: the least one that this share does not exceed."""
    return max(0, ceil(share * count) - 1)
