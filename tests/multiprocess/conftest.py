"""What several tests of real processes stand on: the lock file, a follower, other users."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from support.owners import RunAs
from support.people import Person
from threeam.core.store.follow import Follower
from threeam.core.store.journal import Journal


@pytest.fixture
def lock(journal: Journal) -> Path:
    """Return the lock file of this test's journal."""
    return Path(journal.lock_path)


@pytest.fixture(params=["inotify", "polling"])
def how(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return how a follower learns that there is something to read."""
    if request.param == "polling":
        monkeypatch.setitem(sys.modules, "inotify_simple", None)  # as where it is not installed
    return str(request.param)


@pytest.fixture
def follower(journal: Journal, how: str) -> Iterator[Follower]:
    """Return a follower of this test's log, from its beginning."""
    with closing(Follower(journal, None, poll_interval_s=0.01)) as made:
        yield made


@pytest.fixture
def run_as(place: Path, monkeypatch: pytest.MonkeyPatch) -> RunAs:
    """Run `3am` as a person, on the log of `place`: ``run_as(ALICE, "log", "words")``."""
    monkeypatch.delenv("SANITY_LOG")
    monkeypatch.delenv("SANITY_LOCK")

    def run(who: Person, *args: str, **env: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            who.argv(*args),
            input=b"",
            capture_output=True,
            timeout=60,
            env={**os.environ, "HOME": str(place), "LOGNAME": who.name, "SANITY_LOG": str(place / "sanity.log"), **env},
        )

    return run
