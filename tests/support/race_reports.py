"""What `3am races` reports, read from its machine output."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from support.commands import Run, stderr_lines


class Group(NamedTuple):
    """A row of the report. ``witness``: the file and the offset of each line of the closest finding."""

    rule: str
    key_name: str
    key: str
    is_certain: bool
    findings: int
    keys: int
    seen_keys: int
    witness: tuple[tuple[str, int], ...]
    doubts: tuple[str, ...]
    chance: float | None
    row: dict[str, Any]


class Report(NamedTuple):
    """The exit code and the rows of a search."""

    code: int
    groups: list[Group]

    @property
    def certain(self) -> list[Group]:
        """The rows that are certain."""
        return [group for group in self.groups if group.is_certain]

    @property
    def possible(self) -> list[Group]:
        """The rows that are not."""
        return [group for group in self.groups if not group.is_certain]


def races(run: Run, *args: str, **env: str) -> Report:
    """Run `3am races --json` and return its report."""
    done = run("races", "--json", *args, **env)
    assert done.returncode in (0, 1), stderr_lines(done)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    report = Report(done.returncode, [_group(row) for row in rows if "rule" in row])
    assert (report.code == 1) == bool(report.certain)
    return report


def _group(row: dict[str, Any]) -> Group:
    closest = row["closest"]
    witness = tuple((access["file"], access["offset"]) for access in closest["lines"])
    return Group(
        row["rule"],
        row["key_name"],
        closest["key"],
        row["certain"],
        row["findings"],
        row["keys"],
        row["seen_keys"],
        witness,
        tuple(closest["doubts"]),
        row["p"],
        row,
    )
