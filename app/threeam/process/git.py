"""git in a work tree, with settings under which it fetches nothing, and starts no other program but on a check-out."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence

from threeam.core.errors import JournalError, PreconditionFailed
from threeam.core.store.journal import user_name

_MAX_OUTPUT_BYTES = 64 * 1024 * 1024  # more is not a hotfix
_GIT_TIMEOUT_S = 30.0
_CHECK_OUT_TIMEOUT_S = 600.0
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
_NOTHING_CONFIGURED = 1  # the exit code of git config if no setting has such a name
_FILTER_OFF = (("clean", ""), ("smudge", ""), ("process", ""), ("required", "false"))


class GitFailed(JournalError):
    """git failed; the message is its own. ``exit_code``: None if git could not be run, or did not end by itself."""

    def __init__(self, text: str, exit_code: int | None = None) -> None:
        super().__init__(text)
        self.exit_code = exit_code


class WorkTree:
    """The work tree around a folder. It must belong to this user.

    Construction raises `GitFailed`. `run` starts no other program; `check_out` starts the filters that are configured.
    """

    def __init__(self, folder: str) -> None:
        self._filters: tuple[tuple[str, str], ...] = ()
        self._folder = folder
        # These run no program. The owner is checked before any other command. One path a call: it may hold a newline.
        self.path, *git_folders = (
            self.run("rev-parse", option).removesuffix("\n")
            for option in ("--show-toplevel", "--absolute-git-dir", "--git-common-dir")
        )
        for path in (self.path, *git_folders):
            check_owner(os.path.join(folder, path))
        self._filters = tuple(self._filters_off())

    def run(self, *args: str) -> str:
        """Return the output of git, which writes nothing and runs no configured program. Raise `GitFailed`."""
        return _run_git(self._folder, (*_GIT_SETTINGS, *self._filters), args)

    def check_out(self, commit: str, path: str) -> None:
        """Make a work tree of ``commit`` at ``path``, through the filters that are configured. Raise `GitFailed`."""
        words = ("worktree", "add", "--quiet", "--detach", "--force", path, commit)
        _run_git(self.path, _GIT_SETTINGS, words, _CHECK_OUT_TIMEOUT_S)

    def forget(self, path: str) -> None:
        """Remove the work tree at ``path`` that `check_out` has made, whatever is in it. Raise `GitFailed`."""
        _run_git(self.path, _GIT_SETTINGS, ("worktree", "remove", "--force", "--force", path), _CHECK_OUT_TIMEOUT_S)

    def find_commit(self, revision: str) -> str:
        """Return the hash of the commit that ``revision`` names. Raise `PreconditionFailed` or `GitFailed`."""
        unknown = PreconditionFailed(f"{revision} is not a commit of {self.path}: write a hash, a branch or a tag")
        if revision.startswith("-"):  # git would take it for an option
            raise unknown
        try:
            return self.run("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}").strip()
        except GitFailed as failed:
            if failed.exit_code is None:
                raise
            raise unknown from None

    def uncommitted(self) -> list[str]:
        """Return the lines of git status: one for each changed file that is not committed."""
        options = ("--porcelain", "--no-renames", "--untracked-files=all", "--ignore-submodules=dirty")
        return [line for line in self.run("status", *options).splitlines() if line]

    def _filters_off(self) -> Iterator[tuple[str, str]]:
        """Yield the settings that switch off every filter, also the user's: git-lfs runs what a tree configures."""
        try:
            names = self.run("config", "-z", "--name-only", "--get-regexp", r"^filter\.").split("\0")
        except GitFailed as failed:
            if failed.exit_code != _NOTHING_CONFIGURED:
                raise
            return
        for section in sorted({name.rpartition(".")[0] for name in names if name.count(".") > 1}):
            for key, value in _FILTER_OFF:
                yield f"{section}.{key}", value


def check_owner(path: str) -> None:
    """Raise `GitFailed` if ``path`` belongs to another user, whatever safe.directory says."""
    try:
        uid = os.stat(path).st_uid
    except OSError as error:
        raise GitFailed(f"cannot look at {path}: {error.strerror}") from None
    if uid != os.geteuid():
        owner = user_name(uid)
        raise GitFailed(f"{path} belongs to {owner}, who decides what runs there: ask as {owner}")


def _run_git(
    folder: str, settings: Sequence[tuple[str, str]], args: Sequence[str], timeout_s: float = _GIT_TIMEOUT_S
) -> str:
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
            argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout_s, env=environ, check=False
        )
    except FileNotFoundError:
        raise GitFailed("git is not installed") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GitFailed(f"git in {folder}: {error}") from None
    if len(result.stdout) > _MAX_OUTPUT_BYTES:
        raise GitFailed(
            f"git in {folder}: what has changed is more than {_MAX_OUTPUT_BYTES // 2**20} MiB; look there by hand"
        )
    if result.returncode != 0:
        error_line = result.stderr.decode("utf-8", "replace").strip().partition("\n")[0].removeprefix("fatal: ")
        if "dubious ownership" in error_line:
            raise GitFailed(f"the tree at {folder} belongs to another user, who decides what runs there: ask as them")
        raise GitFailed(f"git in {folder}: {error_line or f'exit {result.returncode}'}", result.returncode)
    return os.fsdecode(result.stdout)  # a path may be of any bytes
