"""A copy of a stream, stdin or a file on another host, that grows while the stream does."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable

from threeam.core.errors import FileUnusable
from threeam.core.format.entry import escape_unprintable
from threeam.core.platform.whole_write import write_all

_COPY_BYTES = 256 * 1024
_FIRST_LINES_S = 3.0  # at most, to wait for the first bytes of a stream: its format is in them, if it is not silent
_QUIET_S = 0.2  # without a byte, after the first ones: the stream has sent its past
_SSH = ("ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "--")  # it must not ask for a password on the screen


class Spool:
    """Copies what the descriptor ``reader`` gives, and closes it, in a daemon thread.

    ``path``: the copy, while this process runs. ``wait_for_end``: waits for the program that gives the stream, and
    returns a sentence if it failed.
    """

    def __init__(self, reader: int, wait_for_end: Callable[[], str] = lambda: "") -> None:
        self._wait_for_end = wait_for_end
        self._reader = reader
        self._last_bytes_s = 0.0  # when the last bytes came; 0: none have come
        self._ended = threading.Event()
        self._problem = ""
        with tempfile.TemporaryFile() as copy:  # without a name: it goes with this process, however that ends
            self._copy = os.dup(copy.fileno())
        self.path = f"/dev/fd/{self._copy}"
        threading.Thread(target=self._run, name="spool", daemon=True).start()

    @property
    def problem(self) -> str:
        """A sentence that says why the stream has ended, or "" while it goes on, or has ended as it should."""
        return self._problem

    def wait_for_first_lines(self) -> None:
        """Wait until the stream has sent what it has, for a few seconds at most."""
        deadline = time.monotonic() + _FIRST_LINES_S
        while time.monotonic() < deadline and not self._ended.wait(_QUIET_S / 4):
            if self._last_bytes_s and time.monotonic() - self._last_bytes_s > _QUIET_S:
                return

    def _run(self) -> None:
        try:
            while data := os.read(self._reader, _COPY_BYTES):
                write_all(self._copy, data)
                self._last_bytes_s = time.monotonic()
            self._problem = self._wait_for_end()
        except OSError as error:
            self._problem = f"the stream cannot be copied: {error.strerror}"
        finally:
            os.close(self._reader)
            self._ended.set()


def follow_remote_file(host: str, path: str) -> Spool:
    """Follow a file on another host by ssh. Raises `FileUnusable` if that cannot be started.

    The remote command ends when its stdin does, so it ends with this process, however that ends.
    """
    file = shlex.quote(path)
    follow = f"tail -n +1 -F -- {file} 2>/dev/null & reader=$!; cat >/dev/null; kill $reader"
    process = _start_ssh(host, f"head -c 0 -- {file} && {{ {follow}; }}", subprocess.PIPE, subprocess.PIPE)
    assert process.stdout is not None
    return Spool(os.dup(process.stdout.fileno()), lambda: _describe_end(process, host))


def copy_remote_file(host: str, path: str, copy: int) -> None:
    """Write the bytes of a file on another host to the descriptor ``copy``. Raises `FileUnusable`."""
    process = _start_ssh(host, f"cat -- {shlex.quote(path)}", subprocess.DEVNULL, copy)
    if problem := _describe_end(process, host):
        raise FileUnusable(problem)


def _start_ssh(host: str, command: str, stdin: int, stdout: int) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen([*_SSH, host, command], stdin=stdin, stdout=stdout, stderr=subprocess.PIPE)
    except OSError as error:
        raise FileUnusable(f"ssh cannot be started: {error.strerror}") from None


def _describe_end(process: subprocess.Popen[bytes], host: str) -> str:
    """Wait for the end of ``process``; return a sentence if it failed, with the last line of its messages."""
    with process:
        assert process.stderr is not None
        messages = process.stderr.read().decode(errors="replace").strip().splitlines()
    code = process.returncode
    reason = messages[-1] if messages else f"exit {code}"
    return escape_unprintable(f"ssh {host}: {reason}") if code else ""
