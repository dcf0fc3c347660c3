"""The groups of the report: one row for all findings of a rule on a pair of operations, sources and a key name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from threeam.races.distinct_keys import DistinctKeys
from threeam.races.finding import Finding, FindingGroup, GroupKey, Rule


class FindingGroups:
    """The groups of the findings that were added."""

    def __init__(self) -> None:
        self._groups: dict[GroupKey, FindingGroup] = {}
        self._keys: dict[GroupKey, DistinctKeys] = {}

    def add(self, finding: Finding) -> None:
        """Add a finding to its group."""
        key = finding.group_key
        instants = [access.ns for access in finding.witness]
        added = FindingGroup(key, 1, 1, 0, finding, min(instants), max(instants))
        group = self._groups.get(key)
        self._groups[key] = added if group is None else _together(group, added)
        self._keys.setdefault(key, DistinctKeys()).add(finding.key)

    def add_all(self, other: FindingGroups) -> None:
        """Add the findings of ``other``."""
        for key, added in other._groups.items():
            group = self._groups.get(key)
            self._keys.setdefault(key, DistinctKeys()).add_all(other._keys[key])
            self._groups[key] = added if group is None else _together(group, added)

    def without_repeats(self) -> Iterator[FindingGroup]:
        """Yield the groups, without a habit whose exceptions another rule explains."""
        explained = {(key.key_name, key.operations, key.sources) for key in self._groups if key.rule is not Rule.HABIT}
        for key, group in self._groups.items():
            if key.rule is not Rule.HABIT or (key.key_name, key.operations, key.sources) not in explained:
                yield group

    def ranked(self, seen_keys: Mapping[str, int]) -> list[FindingGroup]:
        """Return the groups, certain ones first, then the closest. ``seen_keys``: by key name."""
        groups = [
            group._replace(keys=len(self._keys[group.key]), seen_keys=seen_keys[group.key.key_name])
            for group in self.without_repeats()
        ]
        return sorted(
            groups,
            key=lambda group: (not group.key.is_certain, abs(group.closest.gap_ns), -group.keys, group.key),
        )


def _together(group: FindingGroup, other: FindingGroup) -> FindingGroup:
    """Return one group of the findings of two, but for the number of keys, which may be the same."""
    return group._replace(
        findings=group.findings + other.findings,
        closest=min(group.closest, other.closest, key=lambda each: (len(each.doubts), abs(each.gap_ns))),
        first_ns=min(group.first_ns, other.first_ns),
        last_ns=max(group.last_ns, other.last_ns),
    )
