"""What git says of a work tree: a commit that is to be noted as stable, and what has changed since one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from typing import NamedTuple

from threeam.core.draft import Declined, Draft
from threeam.core.journal import JournalError
from threeam.restore.sleeps import SHOWN, Sleep, added_sleeps, removed_sleeps, sleeps_in
from threeam.restore.stable import Stable, stable

_LONGEST = 64 * 1024 * 1024  # bytes of a diff: more is no hotfix
_LARGEST_FILE = 1024 * 1024  # bytes of a new file that is looked through
_GIT_S = 30.0
# Names as they are; no monitor; no writing of the index, which runs a hook; no repository that lies hidden in another;
# and nothing that is fetched, by whatever program a tree names for that.
_CAREFUL = (
    *("-c", "core.quotePath=false", "-c", "core.fsmonitor=false", "-c", "diff.autoRefreshIndex=false"),
    *("-c", "safe.bareRepository=explicit", "-c", "protocol.allow=never"),
)
_OWN = ("local", "worktree")
_OFF = (("clean", ""), ("smudge", ""), ("process", ""), ("required", "false"))
_PLAIN = ("--text", "--no-color", "--no-ext-diff", "--no-textconv", "--src-prefix=a/", "--dst-prefix=b/")


class GitFailed(JournalError):
    """git could not say it; the message is its own."""


class Since(NamedTuple):
    """What has changed in a work tree since a commit: files as ``M path``, and the sleeps that were added.

    ``commits``: how many the branch has since then; ``unsaved``: files that are changed and not committed.
    """

    files: tuple[str, ...]
    sleeps: tuple[Sleep, ...]
    commits: int
    unsaved: int


def stable_here(rev: str, folder: str) -> Draft:
    """Notes that ``rev`` of the work tree around ``folder`` is stable. Raises `Declined`, `GitFailed`."""
    if rev.startswith("-"):
        raise Declined(f"{rev} is no commit: write a hash, a branch or a tag")
    tree = _git(folder, "rev-parse", "--show-toplevel").removesuffix("\n")
    try:
        commit = _git(tree, "rev-parse", "--verify", "--quiet", f"{rev}^{{commit}}").strip()
    except GitFailed:
        raise Declined(f"{rev} is no commit of {tree}: write a hash, a branch or a tag") from None
    short, _, subject = _git(tree, "log", "-1", "--no-show-signature", "--format=%h %s", commit).strip().partition(" ")
    unsaved = len(_unsaved(tree))
    also = f"; {unsaved} changed and not committed" if unsaved else ""
    return stable(commit, tree, f"{short} in {tree}: {subject}{also}")


def since(one: Stable) -> Since:
    """What has changed since ``one``, commits and the work tree together. Raises `GitFailed`."""
    if not os.path.isdir(one.tree):
        raise GitFailed(f"{one.tree} is not on this machine")
    off = _filters_off(one.tree)
    if _git(one.tree, "rev-parse", "--show-toplevel").removesuffix("\n") != one.tree:
        raise GitFailed(f"{one.tree} is no work tree any more")
    names = _git(one.tree, *off, "diff", "--name-status", "--no-renames", "-z", one.commit, "--").split("\0")
    files = [f"{kind} {path}" for kind, path in zip(names[::2], names[1::2], strict=False)]
    diff = _git(one.tree, *off, "diff", "-U0", "-M", *_PLAIN, one.commit, "--")  # what was only moved was not added
    sleeps, gone = list(added_sleeps(diff)), removed_sleeps(diff)
    untracked = [p for p in _git(one.tree, "ls-files", "--others", "--exclude-standard", "-z").split("\0") if p]
    for path in untracked:
        sleeps += [new for new in _sleeps_of(one.tree, path) if new.text not in gone]  # moved without telling git
    commits = int(_git(one.tree, "rev-list", "--count", f"{one.commit}..HEAD").strip())
    return Since((*files, *(f"? {path}" for path in untracked)), tuple(sleeps), commits, len(_unsaved(one.tree)))


def _sleeps_of(tree: str, path: str) -> Iterator[Sleep]:
    """The sleeps of a file that git does not know yet."""
    whole = os.path.join(tree, path)
    if os.path.islink(whole) or not os.path.isfile(whole):
        return
    try:
        with open(whole, "rb") as file:
            data = file.read(_LARGEST_FILE)
    except OSError:  # it went away since git has seen it, or is not ours to read
        return
    if b"\0" in data:
        return
    for number, line in enumerate(data.decode("utf-8", "replace").split("\n"), 1):
        if sleeps_in(line):
            yield Sleep(path, number, line.strip()[:SHOWN])


def _filters_off(tree: str) -> list[str]:
    """The options that switch off the filters which the tree itself brings; those of the user's own settings stay."""
    try:
        said = _git(tree, "config", "--show-scope", "-z", "--name-only", "--get-regexp", r"^filter\.")
    except GitFailed:  # it has none
        return []
    fields = said.split("\0")
    names = {name.rpartition(".")[0] for scope, name in zip(fields[::2], fields[1::2], strict=False) if scope in _OWN}
    off = [f"{name}.{word}={value}" for name in sorted(names) for word, value in _OFF]
    return [word for one in off for word in ("-c", one)]


def _unsaved(tree: str) -> list[str]:
    words = ("status", "--porcelain", "--no-renames", "--untracked-files=all")
    return [line for line in _git(tree, *_filters_off(tree), *words).splitlines() if line]


def _git(folder: str, *words: str) -> str:
    """What git says. It writes nothing there, and runs nothing that the tree asks for. Raises `GitFailed`."""
    argv = ["git", "-C", folder, *_CAREFUL, *words]
    # A hook has those that name another repository; those that name settings (GIT_CONFIG_…) are the user's.
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GIT_") or k.startswith("GIT_CONFIG_")}
    environ = {**kept, "LC_ALL": "C.UTF-8", "GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1"}
    try:
        ran = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=_GIT_S, env=environ, check=False
        )
    except FileNotFoundError:
        raise GitFailed("git is not installed") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GitFailed(f"git in {folder}: {error}") from None
    if len(ran.stdout) > _LONGEST:
        raise GitFailed(f"git in {folder}: what has changed is more than {_LONGEST // 2**20} MiB; look there by hand")
    if ran.returncode != 0:
        why = ran.stderr.decode("utf-8", "replace").strip().partition("\n")[0].removeprefix("fatal: ")
        raise GitFailed(f"git in {folder}: {why or f'exit {ran.returncode}'}")
    return os.fsdecode(ran.stdout)  # a path may be of any bytes
