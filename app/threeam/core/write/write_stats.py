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

_NAME = "3am-footprint"
_LINK = f"/memfd:{_NAME}"
_NUMBERS = struct.Struct("<QQQ")


class Spent(NamedTuple):
    """Holds of the lock, how long they took together (ns), and the bytes that were written under them."""

    holds: int = 0
    held_ns: int = 0
    written: int = 0


class Footprint:
    """What one writer on ``log`` has spent so far. Where there is no such memory nobody else sees it."""

    def __init__(self, log: str) -> None:
        self.spent = Spent()
        self._file: FileIO | None = None
        with suppress(AttributeError, OSError):  # another system, or no descriptor left: it is a meter, and no need
            self._file = FileIO(os.memfd_create(_NAME), "wb")
            self._file.write(_NUMBERS.pack(*self.spent) + os.fsencode(log))

    def add(self, held_ns: int, written: int) -> None:
        """Adds one hold of the lock."""
        holds, held, bytes_ = self.spent
        self.spent = Spent(holds + 1, held + held_ns, bytes_ + written)
        if self._file is not None:
            os.pwrite(self._file.fileno(), _NUMBERS.pack(*self.spent), 0)


def footprints_of(pid: int) -> Iterator[tuple[str, Spent]]:
    """The log of each writer of the process ``pid``, and what it has spent. Raises OSError where it may not be seen."""
    folder = f"/proc/{pid}/fd"
    for fd in os.listdir(folder):
        path = f"{folder}/{fd}"
        try:
            if not os.readlink(path).startswith(_LINK):
                continue
            with open(path, "rb") as file:
                data = file.read(_NUMBERS.size + 4096)
        except FileNotFoundError:  # it was closed meanwhile
            continue
        if len(data) >= _NUMBERS.size:
            yield os.fsdecode(data[_NUMBERS.size :]), Spent(*_NUMBERS.unpack_from(data))
