"""What a follower reads and waits for, and what it is fed with."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from support.processes import eventually
from threeam.core.store.follow import Follower
from threeam.core.store.journal import Journal


@pytest.fixture(params=["inotify", "polling"])
def how(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How the follower learns that there is something to read."""
    if request.param == "polling":
        monkeypatch.setitem(sys.modules, "inotify_simple", None)  # as where it is not installed
    return str(request.param)


@pytest.fixture
def follower(journal: Journal, how: str) -> Iterator[Follower]:
    """A follower of this test's log, from its beginning."""
    with closing(Follower(journal, None, poll_interval_s=0.01)) as made:
        yield made


def drain(follower: Follower) -> list[bytes]:
    """All that there is to read now."""
    found: list[bytes] = []
    while some := follower.read():
        found += [line.raw for line in some]
    return found


def hear(follower: Follower, count: int) -> list[bytes]:
    """Waits as a reader does, until ``count`` lines have come, and a look more for what should not come."""
    found: list[bytes] = []

    def enough() -> bool:
        found.extend(drain(follower))
        return len(found) >= count or (follower.wait(0.2) and False)

    eventually(enough, f"{count} lines", seconds=10)
    return found + drain(follower)


def append(path: Path, data: bytes) -> None:
    """Appends with one write, as every writer of the log does."""
    with path.open("ab", buffering=0) as file:
        file.write(data)
