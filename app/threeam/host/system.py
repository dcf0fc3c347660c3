"""The system that checks look at: its files, programs and environment. Tests pass in their own."""

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

_TIMEOUT_S = 5.0  # of a program that a check runs
_MAX_OUTPUT_BYTES = 64 * 1024  # the rest of a program's output is dropped

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


def run_captured(argv: Sequence[str], timeout_s: float, environ: Mapping[str, str]) -> tuple[int | None, str] | None:
    """Run a program. Return its exit code (None: it timed out) and its output on both streams, cut.

    Return None if it cannot be started. All processes that it has started end with it.
    """
    deadline, output, is_open = time.monotonic() + timeout_s, bytearray(), True
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
        while is_open and (remaining_s := deadline - time.monotonic()) > 0:
            if select.select([fd], [], [], remaining_s)[0]:
                data = os.read(fd, _MAX_OUTPUT_BYTES)
                output += data[: _MAX_OUTPUT_BYTES - len(output)]
                is_open = bool(data)
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, deadline - time.monotonic()))
        code = None if is_open else process.returncode
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    return code, output.decode("utf-8", "replace")
