"""The groups of the report: one row for all findings of a rule on a pair of operations, sources and a key name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from threeam.races.finding import Finding, FindingGroup, GroupKey, Rule


class FindingGroups:
    """The groups of the findings that were added. Those of one key are added one after another."""

    def __init__(self) -> None:
        self._groups: dict[GroupKey, FindingGroup] = {}
        self._last_keys: dict[GroupKey, bytes] = {}

    def add(self, finding: Finding) -> None:
        """Add a finding to its group."""
        key = finding.group_key
        instants = [access.ns for access in finding.witness]
        group = self._groups.get(key)
        if group is None:
            self._groups[key] = FindingGroup(key, 1, 1, 0, finding, min(instants), max(instants))
        else:
            self._groups[key] = group._replace(
                findings=group.findings + 1,
                keys=group.keys + (self._last_keys[key] != finding.key),
                closest=min(group.closest, finding, key=lambda each: abs(each.gap_ns)),
                first_ns=min(group.first_ns, *instants),
                last_ns=max(group.last_ns, *instants),
            )
        self._last_keys[key] = finding.key

    def without_repeats(self) -> Iterator[FindingGroup]:
        """Yield the groups, without a habit whose exceptions another rule explains."""
        explained = {(key.key_name, key.operations, key.sources) for key in self._groups if key.rule is not Rule.HABIT}
        for key, group in self._groups.items():
            if key.rule is not Rule.HABIT or (key.key_name, key.operations, key.sources) not in explained:
                yield group

    def ranked(self, seen_keys: Mapping[str, int]) -> list[FindingGroup]:
        """Return the groups, certain ones first, then the closest. ``seen_keys``: by key name."""
        groups = [group._replace(seen_keys=seen_keys[group.key.key_name]) for group in self.without_repeats()]
        return sorted(
            groups,
            key=lambda group: (not group.key.is_certain, abs(group.closest.gap_ns), -group.keys, group.key),
        )
