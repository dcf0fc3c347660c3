"""Ask git about a work tree: a commit to note as stable, and what has changed since one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from threeam.core.errors import JournalError, PreconditionFailed
from threeam.core.store.journal import user_name
from threeam.core.write.draft import Draft
from threeam.restore.sleep_statements import MAX_SHOWN_CHARS, SleepCall, added_sleeps, has_sleep_call, removed_sleeps
from threeam.restore.stable_commit import StableCommit, stable_draft

_MAX_DIFF_BYTES = 64 * 1024 * 1024  # more is not a hotfix
_MAX_NEW_FILE_BYTES = 1024 * 1024  # scanned of a new file
_GIT_TIMEOUT_S = 30.0
# These override the settings of the tree and of the user. The first ones are about names and about writing nothing. The
# others name programs that git would run, or switch off what would run one.
_GIT_SETTINGS = (
    ("core.quotePath", "false"),
    ("diff.autoRefreshIndex", "false"),
    ("safe.bareRepository", "explicit"),
    ("safe.directory", ""),  # resets the list, also a `*`: git itself refuses another user's tree, too
    ("core.fsmonitor", "false"),
    ("core.hooksPath", "/dev/null"),
    ("core.attributesFile", "/dev/null"),
    ("core.pager", "cat"),
    ("core.editor", "false"),
    ("core.sshCommand", "false"),
    ("credential.helper", ""),
    ("protocol.allow", "never"),
    ("log.showSignature", "false"),
    ("gpg.program", "false"),
)
_FILTER_OFF = (("clean", ""), ("smudge", ""), ("process", ""), ("required", "false"))
# dirty: a submodule at another commit is a change. To look into its work tree git would start another git.
_NO_PROGRAMS_OPTIONS = ("--no-ext-diff", "--no-textconv", "--ignore-submodules=dirty", "--submodule=short")
_PLAIN_DIFF_OPTIONS = ("--text", "--no-color", "--src-prefix=a/", "--dst-prefix=b/")


class GitFailed(JournalError):
    """git failed; the message is its own."""


class ChangesSince(NamedTuple):
    """The changes in a work tree since a commit: files as ``M path``, and the sleeps that were added.

    ``commit_count``: the number of commits since then. ``uncommitted_count``: that of changed files not committed.
    """

    files: tuple[str, ...]
    added_sleeps: tuple[SleepCall, ...]
    commit_count: int
    uncommitted_count: int


class _WorkTree:
    """The work tree around a folder. It must belong to this user. git starts no other program in it."""

    def __init__(self, folder: str) -> None:
        self._filters: tuple[tuple[str, str], ...] = ()
        self._folder = folder
        # These run no program. The owner is checked before any other command. One path a call: it may hold a newline.
        self.path, *git_folders = (
            self.run("rev-parse", option).removesuffix("\n")
            for option in ("--show-toplevel", "--absolute-git-dir", "--git-common-dir")
        )
        for path in (self.path, *git_folders):
            _check_owner(os.path.join(folder, path))
        self._filters = tuple(self._filters_off())

    def run(self, *args: str) -> str:
        """Return the output of git, which writes nothing and runs no configured program. Raise `GitFailed`."""
        return _run_git(self._folder, (*_GIT_SETTINGS, *self._filters), args)

    def diff(self, *args: str) -> str:
        """Return the output of git diff. Raise `GitFailed`."""
        return self.run("diff", *_NO_PROGRAMS_OPTIONS, *args)

    def uncommitted(self) -> list[str]:
        """Return the lines of git status: one for each changed file that is not committed."""
        options = ("--porcelain", "--no-renames", "--untracked-files=all", "--ignore-submodules=dirty")
        return [line for line in self.run("status", *options).splitlines() if line]

    def _filters_off(self) -> Iterator[tuple[str, str]]:
        """Yield the settings that switch off every filter, also the user's: git-lfs runs what a tree configures."""
        try:
            names = self.run("config", "-z", "--name-only", "--get-regexp", r"^filter\.").split("\0")
        except GitFailed:  # no filter is configured
            return
        for section in sorted({name.rpartition(".")[0] for name in names if name.count(".") > 1}):
            for key, value in _FILTER_OFF:
                yield f"{section}.{key}", value


def _check_owner(path: str) -> None:
    """Raise `GitFailed` if ``path`` belongs to another user, whatever safe.directory says."""
    try:
        uid = os.stat(path).st_uid
    except OSError as error:
        raise GitFailed(f"cannot look at {path}: {error.strerror}") from None
    if uid != os.geteuid():
        owner = user_name(uid)
        raise GitFailed(f"{path} belongs to {owner}, who decides what runs there: ask as {owner}")


def stable_commit_draft(rev: str, folder: str) -> Draft:
    """Return the draft that ``rev`` of the work tree around ``folder`` is stable.

    Raise `PreconditionFailed` or `GitFailed`.
    """
    if rev.startswith("-"):
        raise PreconditionFailed(f"{rev} is not a commit: write a hash, a branch or a tag")
    tree = _WorkTree(folder)
    try:
        commit = tree.run("rev-parse", "--verify", "--quiet", f"{rev}^{{commit}}").strip()
    except GitFailed:
        raise PreconditionFailed(f"{rev} is not a commit of {tree.path}: write a hash, a branch or a tag") from None
    short, _, subject = tree.run("log", "-1", "--no-show-signature", "--format=%h %s", commit).strip().partition(" ")
    uncommitted_count = len(tree.uncommitted())
    uncommitted = f"; {uncommitted_count} changed and not committed" if uncommitted_count else ""
    return stable_draft(commit, tree.path, f"{short} in {tree.path}: {subject}{uncommitted}")


def work_tree_state(folder: str) -> tuple[str, int]:
    """Return the commit of the work tree around ``folder``, and how many files are changed and not committed.

    Raise `GitFailed` if the folder is in none, or if the tree has no commit.
    """
    tree = _WorkTree(folder)
    return tree.run("rev-parse", "--verify", "--quiet", "HEAD").strip(), len(tree.uncommitted())


def changes_since(stable_commit: StableCommit) -> ChangesSince:
    """Return what has changed since ``stable_commit``, committed or not. Raise `GitFailed`."""
    commit, path = stable_commit.commit, stable_commit.tree
    if not os.path.isabs(path) or not os.path.isdir(path):
        raise GitFailed(f"{path} is not on this machine")
    _check_owner(path)
    tree = _WorkTree(path)
    if tree.path != path:
        raise GitFailed(f"{path} is not a work tree any more")
    names = tree.diff("--name-status", "--no-renames", "-z", commit, "--").split("\0")
    files = [f"{status} {name}" for status, name in zip(names[::2], names[1::2], strict=False)]
    diff = tree.diff("-U0", "-M", *_PLAIN_DIFF_OPTIONS, commit, "--")  # -M: a moved line was not added
    sleeps, removed = list(added_sleeps(diff)), removed_sleeps(diff)
    untracked = [name for name in tree.run("ls-files", "--others", "--exclude-standard", "-z").split("\0") if name]
    for name in untracked:
        # A removed sleep that is in a new file was moved, without git mv.
        sleeps += [sleep for sleep in _sleeps_in_new_file(path, name) if sleep.text not in removed]
    commit_count = int(tree.run("rev-list", "--count", f"{commit}..HEAD").strip())
    files += [f"? {name}" for name in untracked]
    return ChangesSince(tuple(files), tuple(sleeps), commit_count, len(tree.uncommitted()))


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


def _run_git(folder: str, settings: Sequence[tuple[str, str]], args: Sequence[str]) -> str:
    """Return the output of git under ``settings``. Raise `GitFailed`."""
    argv = ["git", "--no-pager", "-C", folder, *args]
    # Inside a hook, variables name another repository. Others name programs, or override the settings here.
    inherited = {
        key: value for key, value in os.environ.items() if not key.startswith("GIT_") or key == "GIT_CONFIG_GLOBAL"
    }
    inherited.pop("SUDO_UID", None)  # else git, run as root, trusts the tree of the user behind sudo
    environ = {
        **inherited,
        "LC_ALL": "C.UTF-8",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_ALLOW_PROTOCOL": "",  # nothing is fetched; protocol.file.allow cannot override it
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_COUNT": str(len(settings)),  # not -c, which splits a name at its first =
        **{f"GIT_CONFIG_KEY_{index}": key for index, (key, _) in enumerate(settings)},
        **{f"GIT_CONFIG_VALUE_{index}": value for index, (_, value) in enumerate(settings)},
    }
    try:
        result = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=_GIT_TIMEOUT_S, env=environ, check=False
        )
    except FileNotFoundError:
        raise GitFailed("git is not installed") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GitFailed(f"git in {folder}: {error}") from None
    if len(result.stdout) > _MAX_DIFF_BYTES:
        raise GitFailed(
            f"git in {folder}: what has changed is more than {_MAX_DIFF_BYTES // 2**20} MiB; look there by hand"
        )
    if result.returncode != 0:
        error_line = result.stderr.decode("utf-8", "replace").strip().partition("\n")[0].removeprefix("fatal: ")
        if "dubious ownership" in error_line:
            raise GitFailed(f"the tree at {folder} belongs to another user, who decides what runs there: ask as them")
        raise GitFailed(f"git in {folder}: {error_line or f'exit {result.returncode}'}")
    return os.fsdecode(result.stdout)  # a path may be of any bytes
