"""Restoring the application: changes to undo, and what has changed in the code since the last stable commit."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import Stamp
from threeam.core.format.report import ReportLine, ReportSection, format_attribution
from threeam.core.state.fold import State
from threeam.hypotheses.changes import Change, changes, open_changes
from threeam.process.git import GitFailed
from threeam.reports.end_of_night import UNDO_UNKNOWN
from threeam.restore.git import ChangesSince, changes_since
from threeam.restore.stable_commit import stable_commits

_MAX_FILES = 40  # listed of a work tree
_MAX_UNDONE = 5  # changes listed that are undone already

TreeChanges = Mapping[str, ChangesSince | str]
"""Work tree -> what has changed in it since its stable commit, or a sentence why git failed."""


def inspect_trees(state: State) -> TreeChanges:
    """Run git in every work tree that has a stable commit. Return what has changed in each."""
    tree_changes: dict[str, ChangesSince | str] = {}
    for stable_commit in stable_commits(state):
        try:
            tree_changes[stable_commit.tree] = changes_since(stable_commit)
        except (GitFailed, PreconditionFailed) as error:
            tree_changes[stable_commit.tree] = str(error)
    return tree_changes


def application_report(state: State, now: Stamp, tree_changes: TreeChanges) -> list[ReportSection]:
    """Return what must be undone, the newest change first, then what has changed in the code."""
    undone = [change for change in reversed(changes(state)) if change.undone_at is not None]
    reason = "every change is undone" if undone else "no change was noted (3am changed notes one)"
    nothing = ReportLine(f"nothing: {reason}", icon="ok")
    to_undo = [_open_change_line(change, now) for change in reversed(open_changes(state))]
    sections = [ReportSection("to be undone, the newest first", to_undo or [nothing])]
    if undone:
        lines = [_undone_change_line(change, now) for change in undone[:_MAX_UNDONE]]
        sections.append(ReportSection("undone", lines))
    blockers = ReportLine("who blocks whom", "3am blockers --dsn …", command="3am blockers --dsn ")
    return [*sections, *_code_sections(state, now, tree_changes), ReportSection("blocked queries", [blockers])]


def _open_change_line(change: Change, now: Stamp) -> ReportLine:
    detail = f"changed: {change.text}" if change.undo else UNDO_UNKNOWN
    attribution = format_attribution(change.author, change.stamp, now)
    return ReportLine(change.undo or change.text, f"{detail} · {attribution}", change.stamp, "Changed")


def _undone_change_line(change: Change, now: Stamp) -> ReportLine:
    assert change.undone_at is not None
    how = "" if change.undone_how in ("", change.text) else f"{change.undone_how} · "
    attribution = format_attribution(change.undone_by, change.undone_at, now)
    return ReportLine(change.text, f"{how}{attribution}", change.stamp, "Undone")


def remaining_work(state: State, tree_changes: TreeChanges) -> list[str]:
    """Return what still has to be done: changes to undo, sleeps to remove, and work trees that git cannot compare."""
    undo_count = len(open_changes(state))
    diffs = [diff for diff in tree_changes.values() if isinstance(diff, ChangesSince)]
    sleep_count = sum(len(diff.added_sleeps) for diff in diffs)
    return [
        *([f"changes to undo: {undo_count}"] if undo_count else []),
        *([f"sleeps to take out: {sleep_count}"] if sleep_count else []),
        *(error for error in tree_changes.values() if isinstance(error, str)),
    ]


def _code_sections(state: State, now: Stamp, tree_changes: TreeChanges) -> list[ReportSection]:
    title, commits = "since the stable commit", stable_commits(state)
    if not commits:
        missing = ReportLine("none is noted", "3am stable REV, in the work tree", command="3am stable")
        return [ReportSection(title, [missing])]
    sections = []
    for commit in reversed(commits):
        attribution = format_attribution(commit.author, commit.stamp, now)
        lines = [ReportLine(commit.text, attribution, commit.stamp, "Stable")]
        diff = tree_changes.get(commit.tree)
        if isinstance(diff, str):
            lines.append(ReportLine(diff, icon="unknown"))
        elif diff is None:
            lines.append(ReportLine("asking git"))
        else:
            lines += _tree_lines(diff, commit.commit, commit.tree)
        sections.append(ReportSection(title, lines))
    return sections


def _tree_lines(diff: ChangesSince, commit: str, tree: str) -> Sequence[ReportLine]:
    if not diff.files:
        return [ReportLine("nothing has changed since", icon="ok")]
    sleeps = [ReportLine(f"sleeps: {sleep.file}:{sleep.line}  {sleep.text}", icon="red") for sleep in diff.added_sleeps]
    if sleeps:
        sleeps[-1] = sleeps[-1]._replace(detail="do not leave temporary sleep statements in the code")
    files = [ReportLine(f"  {name}") for name in diff.files[:_MAX_FILES]]
    if len(diff.files) > _MAX_FILES:
        files.append(ReportLine(f"  and {len(diff.files) - _MAX_FILES:,} files more"))
    counts = (
        f"commits since: {diff.commit_count} · files that differ: {len(diff.files)} · "
        f"not committed: {diff.uncommitted_count}"
    )
    command = f"git -C {shlex.quote(tree)} diff {commit[:12]}"
    return [ReportLine(counts, command, command=command), *sleeps, *files]
