"""Restoring the application: what must be undone, and what has changed since the last known stable commit."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import Stamp
from threeam.core.format.report import ReportLine, ReportSection, format_attribution
from threeam.core.state.fold import State
from threeam.hypotheses.changes import changes, open_changes
from threeam.reports.end_of_night import UNDO_UNKNOWN
from threeam.restore.git import ChangesSince, GitFailed, changes_since
from threeam.restore.stable_commit import stable_commits

_MAX_FILES = 40  # of a work tree that are named
_MAX_UNDONE = 5  # changes that are undone already and are shown for comfort

TreeChanges = Mapping[str, ChangesSince | str]
"""What has changed in each work tree since its stable commit; or the sentence that says why git cannot tell."""


def inspect_trees(state: State) -> TreeChanges:
    """Asks git about every work tree that has a stable commit. Runs git; what it cannot say is a sentence."""
    found: dict[str, ChangesSince | str] = {}
    for one in stable_commits(state):
        try:
            found[one.tree] = changes_since(one)
        except (GitFailed, PreconditionFailed) as failed:
            found[one.tree] = str(failed)
    return found


def application_report(state: State, now: Stamp, looked: TreeChanges) -> list[ReportSection]:
    """What is left to do, the newest change first; then the code."""
    left = open_changes(state)[::-1]
    undo = [
        ReportLine(
            one.undo or one.text,
            f"{f'changed: {one.text}' if one.undo else UNDO_UNKNOWN} · {format_attribution(one.author, one.stamp, now)}",
            one.stamp,
            "Changed",
        )
        for one in left
    ]
    done = [one for one in changes(state) if one.undone_at is not None][::-1][:_MAX_UNDONE]
    ticked = [
        ReportLine(
            one.text,
            f"{f'{one.undone_how} · ' if one.undone_how not in ('', one.text) else ''}{format_attribution(one.undone_by, one.undone_at, now)}",
            one.stamp,
            "Undone",
        )
        for one in done
        if one.undone_at is not None
    ]
    every = "every change is undone" if done else "no change was noted, and 3am changed notes one"
    nothing = [ReportLine(f"nothing: {every}", icon="ok")]
    return [
        ReportSection("to be undone, the newest first", undo or nothing),
        *([ReportSection("undone", ticked)] if ticked else []),
        *_code_sections(state, now, looked),
        ReportSection(
            "blocked queries", [ReportLine("who blocks whom", "3am blockers --dsn …", command="3am blockers --dsn ")]
        ),
    ]


def remaining_work(state: State, tree_changes: TreeChanges) -> list[str]:
    """What is to be done still, or nobody can say: changes to undo, sleeps to take out, no git."""
    undo = len(open_changes(state))
    sleeps = sum(len(one.added_sleeps) for one in tree_changes.values() if isinstance(one, ChangesSince))
    return [
        *([f"changes to undo: {undo}"] if undo else []),
        *([f"sleeps to take out: {sleeps}"] if sleeps else []),
        *(one for one in tree_changes.values() if isinstance(one, str)),
    ]


def _code_sections(state: State, now: Stamp, tree_changes: TreeChanges) -> list[ReportSection]:
    found = stable_commits(state)
    if not found:
        return [
            ReportSection(
                "since the stable commit",
                [ReportLine("none is noted", "3am stable REV, in the work tree", command="3am stable")],
            )
        ]
    told = []
    for one in reversed(found):
        lines = [ReportLine(one.text, format_attribution(one.author, one.stamp, now), one.stamp, "Stable")]
        seen = tree_changes.get(one.tree)
        if isinstance(seen, str):
            lines.append(ReportLine(seen, icon="unknown"))
        elif seen is None:
            lines.append(ReportLine("git is being asked"))
        else:
            lines += _tree_lines(seen, one.commit, one.tree)
        told.append(ReportSection("since the stable commit", lines))
    return told


def _tree_lines(diff: ChangesSince, commit: str, tree: str) -> Sequence[ReportLine]:
    if not diff.files:
        return [ReportLine("nothing has changed since", icon="ok")]
    sleeps = [ReportLine(f"sleeps: {one.file}:{one.line}  {one.text}", icon="red") for one in diff.added_sleeps]
    if sleeps:
        sleeps[-1] = sleeps[-1]._replace(detail="do not leave temporary sleep statements in the code")
    files = [ReportLine(f"  {name}") for name in diff.files[:_MAX_FILES]]
    if len(diff.files) > _MAX_FILES:
        files.append(ReportLine(f"  and {len(diff.files) - _MAX_FILES:,} files more"))
    counts = f"commits since: {diff.commit_count} · files that differ: {len(diff.files)} · not committed: {diff.uncommitted_count}"
    back = f"git -C {shlex.quote(tree)} diff {commit[:12]}"
    return [ReportLine(counts, back, command=back), *sleeps, *files]
