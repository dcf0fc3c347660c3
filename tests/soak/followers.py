"""Readers: `3am tail -f` from the first line on."""

from __future__ import annotations

import subprocess
import threading
import time
from pathlib import Path

from phase import Phase, three_am

_STARTS_WITHIN = 20.0  # s
_CATCHES_UP_WITHIN = 30.0
_GRACE = 3.0  # longer than a follower listens to a renamed file


class Follower:
    """A `3am tail -f`, and what it printed. Its output lies on a disk that is never full."""

    def __init__(self, phase: Phase, number: int) -> None:
        self._printed: Path = phase.private / f"tail{number}"
        with self._printed.open("wb") as file:
            self._process = subprocess.Popen(
                three_am("tail", "-f", "-n", "1"), env=phase.env(), stdout=file, stderr=subprocess.PIPE
            )
        phase.followers.append(self._process)
        self._said: list[bytes] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        _wait_for(lambda: self._printed.stat().st_size > 0, _STARTS_WITHIN)

    def finish(self, last: str) -> list[bytes]:
        """Waits until it has printed ``last``, ends it, and returns its lines."""
        _wait_for(lambda: last.encode() in self._printed.read_bytes(), _CATCHES_UP_WITHIN)
        time.sleep(_GRACE)
        self._process.terminate()
        self._process.wait()
        self._reader.join()
        return self._printed.read_bytes().split(b"\n")[:-1]

    @property
    def told_of_a_gap(self) -> bool:
        """Whether it said that lines may be missing."""
        return any(b"truncated" in line or b"does not say" in line for line in self._said)

    def _read(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as stderr:
            self._said += list(stderr)


def _wait_for(fact: object, seconds: float) -> None:
    """Waits for a fact, and gives up quietly: the judge says what is missing."""
    assert callable(fact)
    deadline = time.monotonic() + seconds
    while not fact() and time.monotonic() < deadline:
        time.sleep(0.05)
