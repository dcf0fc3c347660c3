"""Findings: the accesses to one key that form a suspicious pattern, and the groups in which they are reported."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from threeam.races.access import Access


class Rule(StrEnum):
    """The pattern that a finding shows."""

    AFTER_DELETE = "use after delete"
    LOST_UPDATE = "lost update"
    UNEQUAL_READS = "two reads differ"
    OVERWRITTEN = "own write overwritten"
    PARTIAL_READ = "half an update read"
    TWICE = "done twice"
    CHECK_THEN_ACT = "check, then act"
    LOCK_ORDER = "lock order"
    HABIT = "against the habit"


class KeyHistory(NamedTuple):
    """The accesses to one key, in the order of their instants, up to a time in which it was idle.

    ``key_name``: such as ``cart``; ``key``: its value, as the lines have it.
    """

    key_name: str
    key: bytes
    accesses: tuple[Access, ...]


class GroupKey(NamedTuple):
    """The properties that the findings of a group share. ``operations`` and ``sources``: of the pair, in order."""

    rule: Rule
    key_name: str
    operations: tuple[str, str]
    sources: tuple[str, str]
    is_certain: bool


class Finding(NamedTuple):
    """A suspicious pattern on one key.

    ``witness``: the two to four accesses that form it, in the order that makes it suspicious. ``pair``: the two of them
    whose distance is the gap, in that order. ``doubts``: why their order is not known, or why they may be harmless; if
    there are none the finding is certain.
    """

    rule: Rule
    key_name: str
    key: bytes
    witness: tuple[Access, ...]
    pair: tuple[Access, Access]
    doubts: tuple[str, ...]

    @property
    def is_certain(self) -> bool:
        """True if the intervals of the witness are disjoint, in this order, and nothing speaks against it."""
        return not self.doubts

    @property
    def gap_ns(self) -> int:
        """The time from the first access of the pair to the second, by their timestamps; negative: the other way."""
        first, second = self.pair
        return second.ns - first.ns

    @property
    def group_key(self) -> GroupKey:
        """The properties that it shares with the other findings of its group."""
        first, second = self.pair
        operations, sources = (first.operation, second.operation), (first.source.name, second.source.name)
        return GroupKey(self.rule, self.key_name, operations, sources, self.is_certain)


class FindingGroup(NamedTuple):
    """All findings of one kind: a row of the report.

    ``findings``: how many. ``keys``: on how many keys, of ``seen_keys`` that have the name. ``closest``: the finding
    with the smallest gap, of those with the fewest doubts. ``first_ns``, ``last_ns``: the instants of the first finding
    and of the last one. ``chance``: how often random shifts of a source find as many, as a p value; None: not asked
    for, or it cannot be shifted.
    """

    key: GroupKey
    findings: int
    keys: int
    seen_keys: int
    closest: Finding
    first_ns: int
    last_ns: int
    chance: float | None = None
