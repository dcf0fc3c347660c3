"""What git says of a work tree: a commit that is to be noted as stable, and what has changed since one."""

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

_MAX_DIFF_BYTES = 64 * 1024 * 1024  # bytes of a diff: more is no hotfix
_MAX_NEW_FILE_BYTES = 1024 * 1024  # bytes of a new file that is looked through
_GIT_TIMEOUT_S = 30.0
# Each of them beats what the tree and the user have set. The first ones are about names and about writing nothing; the
# others name programs that git would run, or switch off what would run one.
_GIT_SETTINGS = (
    ("core.quotePath", "false"),
    ("diff.autoRefreshIndex", "false"),
    ("safe.bareRepository", "explicit"),
    ("safe.directory", ""),  # forgets every `*`: git refuses another user's tree by itself, too
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
# dirty: a submodule at another commit is a change; for a look into its work tree git would start another git.
_NO_PROGRAMS_OPTIONS = ("--no-ext-diff", "--no-textconv", "--ignore-submodules=dirty", "--submodule=short")
_PLAIN_DIFF_OPTIONS = ("--text", "--no-color", "--src-prefix=a/", "--dst-prefix=b/")


class GitFailed(JournalError):
    """git could not say it; the message is its own."""


class ChangesSince(NamedTuple):
    """What has changed in a work tree since a commit: files as ``M path``, and the sleeps that were added.

    ``commits``: how many the branch has since then; ``unsaved``: files that are changed and not committed.
    """

    files: tuple[str, ...]
    added_sleeps: tuple[SleepCall, ...]
    commit_count: int
    uncommitted_count: int


class _WorkTree:
    """The work tree around a folder. It must belong to this user; git runs no other program in it."""

    def __init__(self, folder: str) -> None:
        self._filters: tuple[tuple[str, str], ...] = ()
        self._folder = folder
        # Nothing else is asked before the owner is known, and this runs nothing. One by one: a name may hold a newline.
        self.path, *git_folders = (
            self.git("rev-parse", what).removesuffix("\n")
            for what in ("--show-toplevel", "--absolute-git-dir", "--git-common-dir")
        )
        for path in (self.path, *git_folders):
            _check_owner(os.path.join(folder, path))
        self._filters = tuple(self._filters_off())

    def git(self, *args: str) -> str:
        """Return what git prints. It writes nothing, and runs no program that is configured. Raises `GitFailed`."""
        return _run_git(self._folder, (*_GIT_SETTINGS, *self._filters), args)

    def diff(self, *args: str) -> str:
        """Return what git diff prints. Raises `GitFailed`."""
        return self.git("diff", *_NO_PROGRAMS_OPTIONS, *args)

    def unsaved(self) -> list[str]:
        """Return the lines of git status: one for each file that is changed and not committed."""
        words = ("--porcelain", "--no-renames", "--untracked-files=all", "--ignore-submodules=dirty")
        return [line for line in self.git("status", *words).splitlines() if line]

    def _filters_off(self) -> Iterator[tuple[str, str]]:
        """Yield the settings that switch off every filter, also those of the user: git-lfs runs what a tree names."""
        try:
            names = self.git("config", "-z", "--name-only", "--get-regexp", r"^filter\.").split("\0")
        except GitFailed:  # there are none
            return
        for name in sorted({name.rpartition(".")[0] for name in names if name.count(".") > 1}):
            for word, value in _FILTER_OFF:
                yield f"{name}.{word}", value


def _check_owner(path: str) -> None:
    """Raise `GitFailed` if ``path`` belongs to another user, whatever safe.directory says."""
    try:
        uid = os.stat(path).st_uid
    except OSError as error:
        raise GitFailed(f"{path} cannot be looked at: {error.strerror}") from None
    if uid != os.geteuid():
        who = user_name(uid)
        raise GitFailed(f"{path} belongs to {who}, who decides what runs there: ask as {who}")


def stable_commit_draft(rev: str, folder: str) -> Draft:
    """Notes that ``rev`` of the work tree around ``folder`` is stable. Raises `Declined`, `GitFailed`."""
    if rev.startswith("-"):
        raise PreconditionFailed(f"{rev} is no commit: write a hash, a branch or a tag")
    tree = _WorkTree(folder)
    try:
        commit = tree.git("rev-parse", "--verify", "--quiet", f"{rev}^{{commit}}").strip()
    except GitFailed:
        raise PreconditionFailed(f"{rev} is no commit of {tree.path}: write a hash, a branch or a tag") from None
    short, _, subject = tree.git("log", "-1", "--no-show-signature", "--format=%h %s", commit).strip().partition(" ")
    unsaved = len(tree.unsaved())
    also = f"; {unsaved} changed and not committed" if unsaved else ""
    return stable_draft(commit, tree.path, f"{short} in {tree.path}: {subject}{also}")


def changes_since(stable_commit: StableCommit) -> ChangesSince:
    """What has changed since ``stable_commit``, commits and the work tree together. Raises `GitFailed`."""
    if not os.path.isabs(stable_commit.tree) or not os.path.isdir(stable_commit.tree):
        raise GitFailed(f"{stable_commit.tree} is not on this machine")
    _check_owner(stable_commit.tree)
    tree = _WorkTree(stable_commit.tree)
    if tree.path != stable_commit.tree:
        raise GitFailed(f"{stable_commit.tree} is no work tree any more")
    names = tree.diff("--name-status", "--no-renames", "-z", stable_commit.commit, "--").split("\0")
    files = [f"{kind} {path}" for kind, path in zip(names[::2], names[1::2], strict=False)]
    diff = tree.diff("-U0", "-M", *_PLAIN_DIFF_OPTIONS, stable_commit.commit, "--")  # what was only moved was not added
    sleeps, gone = list(added_sleeps(diff)), removed_sleeps(diff)
    untracked = [path for path in tree.git("ls-files", "--others", "--exclude-standard", "-z").split("\0") if path]
    for path in untracked:
        sleeps += [
            new for new in _sleeps_in_new_file(stable_commit.tree, path) if new.text not in gone
        ]  # moved without telling git
    commits = int(tree.git("rev-list", "--count", f"{stable_commit.commit}..HEAD").strip())
    return ChangesSince((*files, *(f"? {path}" for path in untracked)), tuple(sleeps), commits, len(tree.unsaved()))


def _sleeps_in_new_file(tree: str, path: str) -> Iterator[SleepCall]:
    """The sleeps of a file that git does not know yet."""
    whole = os.path.join(tree, path)
    if os.path.islink(whole) or not os.path.isfile(whole):
        return
    try:
        with open(whole, "rb") as file:
            data = file.read(_MAX_NEW_FILE_BYTES)
    except OSError:  # it went away since git has seen it, or is not ours to read
        return
    if b"\0" in data:
        return
    for number, line in enumerate(data.decode("utf-8", "replace").split("\n"), 1):
        if has_sleep_call(line):
            yield SleepCall(path, number, line.strip()[:MAX_SHOWN_CHARS])


def _run_git(folder: str, settings: Sequence[tuple[str, str]], args: Sequence[str]) -> str:
    """Return what git prints, under ``settings``. Raises `GitFailed`."""
    argv = ["git", "--no-pager", "-C", folder, *args]
    # A hook has variables that name another repository; others name programs, or settings that would beat these.
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GIT_") or k == "GIT_CONFIG_GLOBAL"}
    kept.pop("SUDO_UID", None)  # else git takes the tree of the user behind sudo for root's own
    environ = {
        **kept,
        "LC_ALL": "C.UTF-8",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_ALLOW_PROTOCOL": "",  # nothing is fetched, by whatever program; protocol.file.allow does not beat it
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_COUNT": str(len(settings)),  # not -c: there a name with = in it ends too early
        **{f"GIT_CONFIG_KEY_{n}": key for n, (key, _) in enumerate(settings)},
        **{f"GIT_CONFIG_VALUE_{n}": value for n, (_, value) in enumerate(settings)},
    }
    try:
        ran = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=_GIT_TIMEOUT_S, env=environ, check=False
        )
    except FileNotFoundError:
        raise GitFailed("git is not installed") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GitFailed(f"git in {folder}: {error}") from None
    if len(ran.stdout) > _MAX_DIFF_BYTES:
        raise GitFailed(
            f"git in {folder}: what has changed is more than {_MAX_DIFF_BYTES // 2**20} MiB; look there by hand"
        )
    if ran.returncode != 0:
        why = ran.stderr.decode("utf-8", "replace").strip().partition("\n")[0].removeprefix("fatal: ")
        if "dubious ownership" in why:
            raise GitFailed(f"the tree at {folder} belongs to another user, who decides what runs there: ask as them")
        raise GitFailed(f"git in {folder}: {why or f'exit {ran.returncode}'}")
    return os.fsdecode(ran.stdout)  # a path may be of any bytes
