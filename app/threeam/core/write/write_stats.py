"""Statistics of a writer that other processes can read: its holds of the lock, their time, and the bytes written.

The counters are in a memfd (memfd_create(2)), so they vanish with the process and never touch the disk. A user who may
trace the process can read them.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import suppress
from io import FileIO
from typing import NamedTuple

_MEMFD_NAME = "3am-footprint"
_LINK_PREFIX = f"/memfd:{_MEMFD_NAME}"
_COUNTERS = struct.Struct("<QQQ")


class WriteStats(NamedTuple):
    """The number of holds of the lock, their total time (ns), and the bytes that were written under them."""

    holds: int = 0
    held_ns: int = 0
    written: int = 0


class WriteStatsPublisher:
    """The published statistics of one writer on ``log``. Without memfds other processes cannot see them."""

    def __init__(self, log: str) -> None:
        self.stats = WriteStats()
        self._memfd: FileIO | None = None
        with suppress(AttributeError, OSError):  # another system, or no descriptor left: the writer works without
            self._memfd = FileIO(os.memfd_create(_MEMFD_NAME), "wb")
            self._memfd.write(_COUNTERS.pack(*self.stats) + os.fsencode(log))

    def record_hold(self, held_ns: int, written: int) -> None:
        """Add one hold of the lock."""
        total = self.stats
        self.stats = WriteStats(total.holds + 1, total.held_ns + held_ns, total.written + written)
        if self._memfd is not None:
            os.pwrite(self._memfd.fileno(), _COUNTERS.pack(*self.stats), 0)


def write_stats_of(pid: int) -> Iterator[tuple[str, WriteStats]]:
    """Yield the log and the statistics of each writer in the process ``pid``. Raises OSError if we may not see them."""
    folder = f"/proc/{pid}/fd"
    for fd in os.listdir(folder):
        path = f"{folder}/{fd}"
        try:
            if not os.readlink(path).startswith(_LINK_PREFIX):
                continue
            with open(path, "rb") as file:
                data = file.read(_COUNTERS.size + 4096)
        except FileNotFoundError:  # it was closed meanwhile
            continue
        if len(data) >= _COUNTERS.size:
            yield os.fsdecode(data[_COUNTERS.size :]), WriteStats(*_COUNTERS.unpack_from(data))
