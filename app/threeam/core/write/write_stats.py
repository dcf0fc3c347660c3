"""What a writer costs the others: how often and how long it held the lock, and what it wrote, for whoever asks.

It stands in memory of its own that is no file (memfd_create(2)): nothing is left of it when its process ends, however
that ends, and nothing is written to a disk for it. Who may trace the process may read it.
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
    """Holds of the lock, how long they took together (ns), and the bytes that were written under them."""

    holds: int = 0
    held_ns: int = 0
    written: int = 0


class WriteStatsPublisher:
    """What one writer on ``log`` has spent so far. Where there is no such memory nobody else sees it."""

    def __init__(self, log: str) -> None:
        self.stats = WriteStats()
        self._memfd: FileIO | None = None
        with suppress(AttributeError, OSError):  # another system, or no descriptor left: it is a meter, and no need
            self._memfd = FileIO(os.memfd_create(_MEMFD_NAME), "wb")
            self._memfd.write(_COUNTERS.pack(*self.stats) + os.fsencode(log))

    def record_hold(self, held_ns: int, written: int) -> None:
        """Adds one hold of the lock."""
        holds, held, bytes_ = self.stats
        self.stats = WriteStats(holds + 1, held + held_ns, bytes_ + written)
        if self._memfd is not None:
            os.pwrite(self._memfd.fileno(), _COUNTERS.pack(*self.stats), 0)


def write_stats_of(pid: int) -> Iterator[tuple[str, WriteStats]]:
    """The log of each writer of the process ``pid``, and what it has spent. Raises OSError where it may not be seen."""
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
