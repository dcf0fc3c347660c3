"""The system as a check sees it: its files, its programs, its environment. Handed in, so that tests have their own."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

_TIMEOUT_S = 5.0  # that a program may take to say what it is asked
_MAX_OUTPUT_BYTES = 64 * 1024  # bytes of what it says that are kept

CommandResult = tuple[int, str]  # exit code, and what it said on both streams


class System(NamedTuple):
    """``read``: the text of a file, None where there is none or it is not ours. ``run``: the exit code and all that a
    program said, None where it could not be started or took too long. ``which``: the path of a program, or None.
    """

    read_file: Callable[[str], str | None]
    run: Callable[[Sequence[str]], CommandResult | None]
    which: Callable[[str], str | None]
    environ: Mapping[str, str]
    uid: int

    def has_capability(self, capability: int) -> bool:
        """Whether this process has a capability (capabilities(7), by its number) in effect."""
        for line in (self.read_file("/proc/self/status") or "").splitlines():
            if line.startswith("CapEff:"):
                return bool(int(line.split()[1], 16) >> capability & 1)
        return self.uid == 0

    @property
    def sudo_prefix(self) -> str:
        """What stands before a command that only root may run."""
        return "" if self.uid == 0 else "sudo "

    def install_command(self, package: str) -> str:
        """The command that installs ``package`` here."""
        sudo = self.sudo_prefix
        for manager, words in _INSTALL_VERBS.items():
            if self.which(manager):
                return f"{sudo}{manager} {words} {package}"
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
    """The system that this process runs on."""
    return System(_read_file, _run_command, shutil.which, environ, os.geteuid())


def _read_file(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return None


def _run_command(argv: Sequence[str]) -> CommandResult | None:
    heard = run_captured(argv, _TIMEOUT_S, {**os.environ, "LC_ALL": "C"})
    return None if heard is None or heard[0] is None else (heard[0], heard[1])


def run_captured(argv: Sequence[str], timeout_s: float, environ: Mapping[str, str]) -> tuple[int | None, str] | None:
    """The exit code of a program (None: it took longer than ``timeout_s``) and all that it said on both streams, cut.

    None where it cannot be started. Whatever it has started ends with it.
    """
    deadline, said, is_open = time.monotonic() + timeout_s, bytearray(), True
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=environ,
        )
    except OSError:
        return None
    with process:
        assert process.stdout is not None
        fd = process.stdout.fileno()
        while is_open and (left := deadline - time.monotonic()) > 0:
            if select.select([fd], [], [], left)[0]:
                data = os.read(fd, _MAX_OUTPUT_BYTES)
                said += data[: _MAX_OUTPUT_BYTES - len(said)]
                is_open = bool(data)
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, deadline - time.monotonic()))
        code = None if is_open else process.returncode
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    return code, said.decode("utf-8", "replace")
