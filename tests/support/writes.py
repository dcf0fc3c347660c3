"""What a writer writes: the stamps of a block, its ceremony, and the calls of write(2)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.journals import entries


def stamps(log: Path) -> list[int]:
    return [entry.stamp.ns for entry in entries(log)]


@contextmanager
def recorded_writes(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bytes]]:
    """Yield the list of what each call of write(2) is given."""
    written: list[bytes] = []
    real_write = os.write

    def write(fd: int, data: bytes) -> int:
        written.append(bytes(data))
        return real_write(fd, data)

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", write)
        yield written
