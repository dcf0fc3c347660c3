"""A program in a pseudo-terminal of its own, read as it draws."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Sequence


class Terminal:
    """Runs ``command`` in a pty; what it draws is drained, and can be waited for."""

    def __init__(self, command: Sequence[str], columns: int = 120, rows: int = 36) -> None:
        self.master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.began = time.perf_counter()
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm-256color"},
        )
        os.close(slave)
        self._seen = b""

    def until(self, token: bytes, timeout: float = 20) -> float:
        """The time (perf_counter) at which ``token`` had been drawn. Raises TimeoutError."""
        deadline = time.perf_counter() + timeout
        while token not in self._seen:
            left = deadline - time.perf_counter()
            if left <= 0 or not select.select([self.master], [], [], left)[0]:
                raise TimeoutError(f"{token!r} was not drawn")
            self._seen = self._seen[-4096:] + os.read(self.master, 65536)
        at = time.perf_counter()
        self._seen = b""
        return at

    def send(self, keys: bytes) -> None:
        """Types."""
        os.write(self.master, keys)

    def drain(self, seconds: float) -> None:
        """Reads what it draws for so long."""
        deadline = time.perf_counter() + seconds
        while (left := deadline - time.perf_counter()) > 0:
            if select.select([self.master], [], [], left)[0]:
                os.read(self.master, 65536)

    def cpu(self) -> float:
        """Seconds of processor time so far."""
        with open(f"/proc/{self.process.pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        """Ends it."""
        self.process.send_signal(signal.SIGTERM)
        while self.process.poll() is None:
            if select.select([self.master], [], [], 0.1)[0]:
                try:
                    os.read(self.master, 65536)
                except OSError:  # the last one on the other side has gone
                    break
        self.process.wait()
        os.close(self.master)
