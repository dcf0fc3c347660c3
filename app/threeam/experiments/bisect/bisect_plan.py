"""The plan of a bisection: the commits, the commands, and where the work trees are. A signed file holds it."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from threeam.core.errors import PreconditionFailed
from threeam.core.format.times import format_duration
from threeam.core.redact.redact import redact
from threeam.experiments.bisect.bisect_log import MAX_COMMITS
from threeam.experiments.failure_rule import FailureRule
from threeam.experiments.plan import loggable_command
from threeam.process.git import GitFailed, WorkTree

_SHORT_HASH = 12
_MAX_SUBJECT = 100  # characters


class Commit(NamedTuple):
    """A commit: its hash, and the first line of its message."""

    hash: str
    subject: str

    @property
    def short(self) -> str:
        """Return the first digits of the hash."""
        return self.hash[:_SHORT_HASH]


class BisectPlan(NamedTuple):
    """A bisection: ``command`` is run in work trees of ``commits``, the first of which is good and the last is bad.

    ``build``: a shell line that is run once in each work tree before; empty: none. ``tree``: the work tree of the user,
    and ``subfolder`` the folder in it in which both are run. ``checkouts``: the folder of the work trees. The plan file
    stores these fields by name.
    """

    command: tuple[str, ...]
    build: str
    rule: FailureRule
    timeout_ns: int | None
    tree: str
    subfolder: str
    checkouts: str
    commits: tuple[Commit, ...]

    def text(self, budget: int) -> str:
        """Return the text of the plan line, without secrets."""
        good, bad = self.commits[0], self.commits[-1]
        steps = "1 commit" if len(self.commits) == 2 else f"{len(self.commits) - 1} commits"
        built = f", built by {self.build}" if self.build else ""
        limit = f", each for {format_duration(self.timeout_ns)} at most" if self.timeout_ns is not None else ""
        details = (
            f"{steps} after {good.short}, to {bad.short}{built}; {budget} runs{limit} at most; fails if {self.rule}"
        )
        return f"{loggable_command(self.command)}; {redact(details)}"


def commits_between(tree: WorkTree, good: str, bad: str) -> tuple[Commit, ...]:
    """Return the commit ``good``, and the first parents of ``bad`` up to it, the oldest first.

    A merge is one of them: what it merged is not. Raise `PreconditionFailed` or `GitFailed`.
    """
    good_hash, bad_hash = tree.find_commit(good), tree.find_commit(bad)
    try:
        base = tree.run("merge-base", good_hash, bad_hash).strip()
    except GitFailed as failed:
        if failed.exit_code is None:
            raise
        raise PreconditionFailed(f"{good} and {bad} have no commit in common") from None
    if base not in (good_hash, bad_hash):  # what is good there may be a fix that BAD lacks, and not the state before
        raise PreconditionFailed(
            f"{good} is not an ancestor of {bad}: name {base[:_SHORT_HASH]}, from which both come, if it is good"
        )
    listed = tree.run("log", "--first-parent", "--reverse", "--format=%H %s", f"{good_hash}..{bad_hash}")
    found = [_parse_commit(line) for line in listed.splitlines() if line]
    if not found:
        raise PreconditionFailed(
            f"{bad} has no commit that {good} lacks: the good commit comes first, then the bad one"
        )
    if len(found) > MAX_COMMITS:
        raise PreconditionFailed(f"there are {len(found):,} commits between {good} and {bad}: name a newer good one")
    return (_parse_commit(tree.run("log", "-1", "--format=%H %s", good_hash).strip()), *found)


def _parse_commit(line: str) -> Commit:
    commit_hash, _, subject = line.partition(" ")
    return Commit(commit_hash, redact(subject)[:_MAX_SUBJECT])


def bisect_plan_record(plan: BisectPlan) -> dict[str, Any]:
    """Return ``plan`` as a JSON object."""
    return {**plan._asdict(), "rule": plan.rule._asdict()}


def bisect_plan_from_record(record: dict[str, Any]) -> BisectPlan:
    """Return the plan of `bisect_plan_record`. Raise `KeyError`, `TypeError` or `ValueError` if it is not one."""
    commits = tuple(Commit(*fields) for fields in record.pop("commits"))
    rule, command = FailureRule(**record.pop("rule")), tuple(record.pop("command"))
    return BisectPlan(**record, commits=commits, rule=rule, command=command)


def subfolder_of(tree: WorkTree, folder: str) -> str:
    """Return the path of ``folder`` below the top of ``tree``; empty: the top itself."""
    path = os.path.relpath(os.path.realpath(folder), os.path.realpath(tree.path))
    return "" if path == os.curdir else path
