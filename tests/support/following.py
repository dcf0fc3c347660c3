"""What a follower reads and waits for, and what it is fed with."""

from __future__ import annotations

from pathlib import Path

from support.processes import eventually
from threeam.core.store.follow import Follower


def drain(follower: Follower) -> list[bytes]:
    """All that there is to read now."""
    lines_read: list[bytes] = []
    while some := follower.read():
        lines_read += [line.raw for line in some]
    return lines_read


def hear(follower: Follower, count: int) -> list[bytes]:
    """Waits as a reader does, until ``count`` lines have come, and a look more for what should not come."""
    lines_read: list[bytes] = []

    def enough() -> bool:
        lines_read.extend(drain(follower))
        return len(lines_read) >= count or (follower.wait(0.2) and False)

    eventually(enough, f"{count} lines", seconds=10)
    return lines_read + drain(follower)


def append(path: Path, data: bytes) -> None:
    """Appends with one write, as every writer of the log does."""
    with path.open("ab", buffering=0) as file:
        file.write(data)
