"""Ask git about a work tree: a commit to note as stable, and what has changed since one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

from threeam.core.write.draft import Draft
from threeam.process.git import GitFailed, WorkTree, check_owner
from threeam.restore.sleep_statements import MAX_SHOWN_CHARS, SleepCall, added_sleeps, has_sleep_call, removed_sleeps
from threeam.restore.stable_commit import StableCommit, stable_draft

_MAX_NEW_FILE_BYTES = 1024 * 1024  # scanned of a new file
# dirty: a submodule at another commit is a change. To look into its work tree git would start another git.
_NO_PROGRAMS_OPTIONS = ("--no-ext-diff", "--no-textconv", "--ignore-submodules=dirty", "--submodule=short")
_PLAIN_DIFF_OPTIONS = ("--text", "--no-color", "--src-prefix=a/", "--dst-prefix=b/")


class ChangesSince(NamedTuple):
    """The changes in a work tree since a commit: files as ``M path``, and the sleeps that were added.

    ``commit_count``: the number of commits since then. ``uncommitted_count``: that of changed files not committed.
    """

    files: tuple[str, ...]
    added_sleeps: tuple[SleepCall, ...]
    commit_count: int
    uncommitted_count: int


def stable_commit_draft(rev: str, folder: str) -> Draft:
    """Return the draft that ``rev`` of the work tree around ``folder`` is stable.

    Raise `PreconditionFailed` or `GitFailed`.
    """
    tree = WorkTree(folder)
    commit = tree.find_commit(rev)
    short, _, subject = tree.run("log", "-1", "--no-show-signature", "--format=%h %s", commit).strip().partition(" ")
    uncommitted_count = len(tree.uncommitted())
    uncommitted = f"; {uncommitted_count} changed and not committed" if uncommitted_count else ""
    return stable_draft(commit, tree.path, f"{short} in {tree.path}: {subject}{uncommitted}")


def work_tree_state(folder: str) -> tuple[str, int]:
    """Return the commit of the work tree around ``folder``, and how many files are changed and not committed.

    Raise `GitFailed` if the folder is in none, or if the tree has no commit.
    """
    tree = WorkTree(folder)
    return tree.run("rev-parse", "--verify", "--quiet", "HEAD").strip(), len(tree.uncommitted())


def changes_since(stable_commit: StableCommit) -> ChangesSince:
    """Return what has changed since ``stable_commit``, committed or not. Raise `GitFailed`."""
    commit, path = stable_commit.commit, stable_commit.tree
    if not os.path.isabs(path) or not os.path.isdir(path):
        raise GitFailed(f"{path} is not on this machine")
    check_owner(path)
    tree = WorkTree(path)
    if tree.path != path:
        raise GitFailed(f"{path} is not a work tree any more")
    names = _diff(tree, "--name-status", "--no-renames", "-z", commit, "--").split("\0")
    files = [f"{status} {name}" for status, name in zip(names[::2], names[1::2], strict=False)]
    diff = _diff(tree, "-U0", "-M", *_PLAIN_DIFF_OPTIONS, commit, "--")  # -M: a moved line was not added
    sleeps, removed = list(added_sleeps(diff)), removed_sleeps(diff)
    untracked = [name for name in tree.run("ls-files", "--others", "--exclude-standard", "-z").split("\0") if name]
    for name in untracked:
        # A removed sleep that is in a new file was moved, without git mv.
        sleeps += [sleep for sleep in _sleeps_in_new_file(path, name) if sleep.text not in removed]
    commit_count = int(tree.run("rev-list", "--count", f"{commit}..HEAD").strip())
    files += [f"? {name}" for name in untracked]
    return ChangesSince(tuple(files), tuple(sleeps), commit_count, len(tree.uncommitted()))


def _diff(tree: WorkTree, *args: str) -> str:
    """Return the output of git diff. Raise `GitFailed`."""
    return tree.run("diff", *_NO_PROGRAMS_OPTIONS, *args)


def _sleeps_in_new_file(tree: str, name: str) -> Iterator[SleepCall]:
    """Yield the sleeps of a file that git does not track yet."""
    path = os.path.join(tree, name)
    if os.path.islink(path) or not os.path.isfile(path):
        return
    try:
        with open(path, "rb") as file:
            data = file.read(_MAX_NEW_FILE_BYTES)
    except OSError:  # it was removed meanwhile, or this user may not read it
        return
    if b"\0" in data:
        return
    for number, line in enumerate(data.decode("utf-8", "replace").split("\n"), 1):
        if has_sleep_call(line):
            yield SleepCall(name, number, line.strip()[:MAX_SHOWN_CHARS])
