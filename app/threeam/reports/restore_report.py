"""Restoring the application: what must be undone, and what has changed since the last known stable commit."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import Stamp
from threeam.core.format.report import Part, Told, who_when
from threeam.core.state.fold import State
from threeam.hypotheses.changes import changes, open_changes
from threeam.reports.end_of_night import UNSAID
from threeam.restore.git import GitFailed, Since, since
from threeam.restore.stable_commit import stables

_FILES = 40  # of a work tree that are named
_DONE = 5  # changes that are undone already and are shown for comfort

Looked = Mapping[str, Since | str]
"""What has changed in each work tree since its stable commit; or the sentence that says why git cannot tell."""


def look(state: State) -> Looked:
    """Asks git about every work tree that has a stable commit. Runs git; what it cannot say is a sentence."""
    found: dict[str, Since | str] = {}
    for one in stables(state):
        try:
            found[one.tree] = since(one)
        except (GitFailed, PreconditionFailed) as failed:
            found[one.tree] = str(failed)
    return found


def parts(state: State, now: Stamp, looked: Looked) -> list[Part]:
    """What is left to do, the newest change first; then the code."""
    left = open_changes(state)[::-1]
    undo = [
        Told(
            one.undo or one.text,
            f"{f'changed: {one.text}' if one.undo else UNSAID} · {who_when(one.by, one.at, now)}",
            one.at,
            "Changed",
        )
        for one in left
    ]
    done = [one for one in changes(state) if one.undone is not None][::-1][:_DONE]
    ticked = [
        Told(
            one.text,
            f"{f'{one.how} · ' if one.how not in ('', one.text) else ''}{who_when(one.undoer, one.undone, now)}",
            one.at,
            "Undone",
        )
        for one in done
        if one.undone is not None
    ]
    every = "every change is undone" if done else "no change was noted, and 3am changed notes one"
    nothing = [Told(f"nothing: {every}", sign="ok")]
    return [
        Part("to be undone, the newest first", undo or nothing),
        *([Part("undone", ticked)] if ticked else []),
        *_code(state, now, looked),
        Part("blocked queries", [Told("who blocks whom", "3am blockers --dsn …", command="3am blockers --dsn ")]),
    ]


def what_is_left(state: State, looked: Looked) -> list[str]:
    """What is to be done still, or nobody can say: changes to undo, sleeps to take out, no git."""
    undo = len(open_changes(state))
    sleeps = sum(len(one.sleeps) for one in looked.values() if isinstance(one, Since))
    return [
        *([f"changes to undo: {undo}"] if undo else []),
        *([f"sleeps to take out: {sleeps}"] if sleeps else []),
        *(one for one in looked.values() if isinstance(one, str)),
    ]


def _code(state: State, now: Stamp, looked: Looked) -> list[Part]:
    found = stables(state)
    if not found:
        return [
            Part(
                "since the stable commit",
                [Told("none is noted", "3am stable REV, in the work tree", command="3am stable")],
            )
        ]
    told = []
    for one in reversed(found):
        lines = [Told(one.text, who_when(one.by, one.at, now), one.at, "Stable")]
        seen = looked.get(one.tree)
        if isinstance(seen, str):
            lines.append(Told(seen, sign="unknown"))
        elif seen is None:
            lines.append(Told("git is being asked"))
        else:
            lines += _since(seen, one.commit, one.tree)
        told.append(Part("since the stable commit", lines))
    return told


def _since(seen: Since, commit: str, tree: str) -> Sequence[Told]:
    if not seen.files:
        return [Told("nothing has changed since", sign="ok")]
    sleeps = [Told(f"sleeps: {one.file}:{one.line}  {one.text}", sign="red") for one in seen.sleeps]
    if sleeps:
        sleeps[-1] = sleeps[-1]._replace(more="do not leave temporary sleep statements in the code")
    files = [Told(f"  {name}") for name in seen.files[:_FILES]]
    if len(seen.files) > _FILES:
        files.append(Told(f"  and {len(seen.files) - _FILES:,} files more"))
    counts = f"commits since: {seen.commits} · files that differ: {len(seen.files)} · not committed: {seen.unsaved}"
    back = f"git -C {shlex.quote(tree)} diff {commit[:12]}"
    return [Told(counts, back, command=back), *sleeps, *files]
