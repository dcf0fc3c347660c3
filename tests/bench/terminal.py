"""A program in a pseudo-terminal of its own, whose output is read as it draws."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

SETTLE_S = 1.5  # after the first frame a program may still load modules, and count lines
_READ_BYTES = 65536
_KEPT_BYTES = 4096  # of earlier output: a token may come in two reads


class Terminal:
    """Runs ``command`` in a pseudo-terminal. ``started_s``: when it was started (perf_counter)."""

    def __init__(self, command: Sequence[str], columns: int = 120, rows: int = 36) -> None:
        self._fd, child_fd = os.openpty()
        fcntl.ioctl(child_fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.started_s = time.perf_counter()
        self.process = subprocess.Popen(
            command,
            stdin=child_fd,
            stdout=child_fd,
            stderr=child_fd,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm-256color"},
        )
        os.close(child_fd)
        self._output = b""

    def wait_for(self, token: bytes, timeout_s: float = 20) -> float:
        """Return the time (perf_counter) at which ``token`` was drawn. Raises `TimeoutError`, and `EOFError`."""
        deadline_s = time.perf_counter() + timeout_s
        while token not in self._output:
            remaining_s = deadline_s - time.perf_counter()
            if remaining_s <= 0 or not self._is_readable(remaining_s):
                raise TimeoutError(f"{token!r} was not drawn")
            self._output = self._output[-_KEPT_BYTES:] + self._read()
        drawn_s = time.perf_counter()
        self._output = b""
        return drawn_s

    def send(self, keys: bytes) -> None:
        """Type ``keys``."""
        os.write(self._fd, keys)

    def drain(self, seconds: float) -> None:
        """Read and discard what is drawn for ``seconds``."""
        deadline_s = time.perf_counter() + seconds
        while (remaining_s := deadline_s - time.perf_counter()) > 0:
            if self._is_readable(remaining_s):
                self._read()

    def cpu_s(self) -> float:
        """Return the seconds of processor time that the program has used so far."""
        with open(f"/proc/{self.process.pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        """End the program."""
        self.process.send_signal(signal.SIGTERM)
        while self.process.poll() is None:
            if self._is_readable(0.1):
                try:
                    self._read()
                except EOFError:
                    break
        self.process.wait()
        os.close(self._fd)

    def _is_readable(self, timeout_s: float) -> bool:
        return bool(select.select([self._fd], [], [], timeout_s)[0])

    def _read(self) -> bytes:
        try:
            return os.read(self._fd, _READ_BYTES)
        except OSError as error:  # the program has closed the terminal
            raise EOFError(f"the program has ended: {self._output[-_KEPT_BYTES:]!r}") from error


@contextmanager
def settled_terminal(command: Sequence[str], ready: bytes) -> Iterator[Terminal]:
    """Run ``command`` in a terminal, and yield it a while after it has drawn ``ready``."""
    terminal = Terminal(command)
    try:
        terminal.wait_for(ready)
        terminal.drain(SETTLE_S)
        yield terminal
    finally:
        terminal.close()
