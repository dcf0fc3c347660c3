"""The system that checks look at: its files, programs and environment. Tests pass in their own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from threeam.process.captured import run_captured

_TIMEOUT_S = 5.0  # of a program that a check runs

CommandResult = tuple[int, str]  # exit code, output of both streams


class System(NamedTuple):
    """Access to the system.

    ``read_file``: return the text of a file, None if it cannot be read. ``run``: return a program's result, None if it
    could not be started or timed out. ``which``: return the path of a program, or None.
    """

    read_file: Callable[[str], str | None]
    run: Callable[[Sequence[str]], CommandResult | None]
    which: Callable[[str], str | None]
    environ: Mapping[str, str]
    uid: int

    def has_capability(self, capability: int) -> bool:
        """Return whether this process has a capability in effect, by its number in capabilities(7)."""
        for line in (self.read_file("/proc/self/status") or "").splitlines():
            if line.startswith("CapEff:"):
                return bool(int(line.split()[1], 16) >> capability & 1)
        return self.uid == 0

    @property
    def sudo_prefix(self) -> str:
        """Return the prefix of a command that only root may run."""
        return "" if self.uid == 0 else "sudo "

    def install_command(self, package: str) -> str:
        """Return the command that installs ``package`` on this system."""
        sudo = self.sudo_prefix
        for manager, verb in _INSTALL_VERBS.items():
            if self.which(manager):
                return f"{sudo}{manager} {verb} {package}"
        return f"install {package}"


_INSTALL_VERBS = {
    "apt-get": "install",
    "dnf": "install",
    "yum": "install",
    "zypper": "install",
    "apk": "add",
    "pacman": "-S",
    "brew": "install",
}


def this_system(environ: Mapping[str, str] = os.environ) -> System:
    """Return the system that this process runs on."""
    return System(_read_file, _run_command, shutil.which, environ, os.geteuid())


def _read_file(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return None


def _run_command(argv: Sequence[str]) -> CommandResult | None:
    result = run_captured(argv, _TIMEOUT_S, {**os.environ, "LC_ALL": "C"})
    return None if result is None or result[0] is None else (result[0], result[1])
