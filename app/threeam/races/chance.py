"""The base rate of findings: how often chance finds as many.

The null hypothesis is that what one source does has nothing to do with the time of what the other does. Then a cyclic
shift of one source against the other changes nothing but chance: its lines are moved by a random time, and those that
leave its end come in again at its begin. That asks nothing of the data but that its rates are steady.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from random import Random
from typing import NamedTuple

from threeam.races.access import Access
from threeam.races.arguments import KeyOptions
from threeam.races.finding import FindingGroup, GroupKey, KeyHistory, Rule
from threeam.races.partners import WitnessLimits
from threeam.races.rules import find_patterns
from threeam.races.silences import Silences
from threeam.timeline.instant import Interval
from threeam.timeline.source import Source

_WHOLE_LOG_NS = 2**62  # a window that no log is longer than
_SEED = 3  # the same logs give the same p


class _Span(NamedTuple):
    """The time of a source, from its first line that names a key to its last one."""

    begin_ns: int
    end_ns: int

    def shifted(self, access: Access, shift_ns: int) -> Access:
        """Return ``access`` with another time in the span."""
        length_ns = self.end_ns - self.begin_ns
        moved_ns = access.ns - self.begin_ns + shift_ns
        wraps, new_ns = divmod(moved_ns, length_ns + 1)
        by_ns = self.begin_ns + new_ns - access.ns
        interval = Interval(access.interval.begin_ns + by_ns, access.interval.end_ns + by_ns)
        clock_range = access.clock_range._replace(part=access.clock_range.part - wraps, has_steps=True)
        return access._replace(ns=access.ns + by_ns, interval=interval, clock_range=clock_range)


def with_chances(
    groups: Sequence[FindingGroup],
    sources: Sequence[Source],
    options: KeyOptions,
    shifts: int,
    on_progress: Callable[[int], None] = lambda done: None,
) -> list[FindingGroup]:
    """Return ``groups`` with how often ``shifts`` random shifts find as many: p = (1 + hits) / (1 + shifts).

    Groups within one source have no p: a shift would move all of their lines. Neither have those of `Rule.HABIT`, and
    those of a log that is not longer than twice the longest gap of a finding. ``on_progress`` is called with the number
    of shifts that were made, and may raise to end the test. All accesses of the keys that two sources have are held in
    memory. Raises OSError.
    """
    whole = options._replace(window_ns=_WHOLE_LOG_NS)
    scan = whole.scan(sources)
    scan.on_progress = lambda _bytes_read: on_progress(0)
    histories = [history for history in scan.histories() if _is_shared(history)]
    pairs = dict.fromkeys(
        frozenset(group.key.sources)
        for group in groups
        if len(set(group.key.sources)) == 2 and group.key.rule is not Rule.HABIT
    )
    limits = WitnessLimits(options.window_ns, Silences(), {})
    chances: dict[GroupKey, float] = {}
    for done, pair in enumerate(pairs):
        rows = {_row(group.key) for group in groups if frozenset(group.key.sources) == pair}
        shared = [history for history in histories if pair <= {access.source.name for access in history.accesses}]
        test = _ShiftTest(shared, rows, limits)
        offset = done * shifts
        chances |= test.chances(max(pair), shifts, lambda count, offset=offset: on_progress(offset + count))  # type: ignore[misc]
    return [group._replace(chance=chances.get(_row(group.key))) for group in groups]


class _ShiftTest:
    """The test of the rows of one pair of sources, on the keys that both have."""

    def __init__(self, histories: Sequence[KeyHistory], rows: Collection[GroupKey], limits: WitnessLimits) -> None:
        self._histories = histories
        self._rows = rows
        self._rules = frozenset(row.rule for row in rows)
        self._limits = limits
        self._longest_gap_ns = max(
            (
                abs(finding.gap_ns)
                for history in histories
                for finding in find_patterns(history, limits, self._rules)
                if _row(finding.group_key) in rows
            ),
            default=0,
        )

    def chances(self, moved: str, shifts: int, on_progress: Callable[[int], None]) -> dict[GroupKey, float]:
        """Return the p of each row, by random shifts of the source ``moved``."""
        instants = [
            access.ns for history in self._histories for access in history.accesses if access.source.name == moved
        ]
        if not instants:
            return {}
        span = _Span(min(instants), max(instants))
        observed = self._count(self._histories)
        least_ns = self._longest_gap_ns + 1
        if span.end_ns - span.begin_ns <= 2 * least_ns:
            return {}
        random, hits = Random(_SEED), Counter[GroupKey]()
        for number in range(shifts):
            shift_ns = random.randrange(least_ns, span.end_ns - span.begin_ns - least_ns)
            counts = self._count(_moved(history, moved, span, shift_ns) for history in self._histories)
            hits.update(row for row in self._rows if counts[row] >= observed[row])
            on_progress(number + 1)
        return {row: (1 + hits[row]) / (1 + shifts) for row in self._rows if row.rule is not Rule.HABIT}

    def _count(self, histories: Iterable[KeyHistory]) -> Counter[GroupKey]:
        """Return the number of keys of each row."""
        counts = Counter[GroupKey]()
        for history in histories:
            counts.update({_row(finding.group_key) for finding in find_patterns(history, self._limits, self._rules)})
        return counts


def _moved(history: KeyHistory, moved: str, span: _Span, shift_ns: int) -> KeyHistory:
    """Return ``history`` with the accesses of one source shifted."""
    accesses = [
        span.shifted(access, shift_ns) if access.source.name == moved else access for access in history.accesses
    ]
    accesses.sort(key=lambda access: access.ns)
    return history._replace(accesses=tuple(accesses))


def _is_shared(history: KeyHistory) -> bool:
    return len({access.source.number for access in history.accesses}) > 1


def _row(key: GroupKey) -> GroupKey:
    """Return ``key`` without its certainty: a shift keeps all but that."""
    return key._replace(is_certain=False)
