"""Two clients of a database, each a process that logs what it does, and the races that they have."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "soak" / "racing_client.py"
KEY = r"request_id=(?P<actor>\w+).* id = (?P<id>\d+)"
LOST_UPDATE_ROW, DELETED_ROW = 7, 8
INTERLEAVED = (
    (0, "select r1 7"),
    (1, "select r2 7"),
    (1, "update r2 7"),
    (0, "update r1 7"),
    (0, "select r3 8"),
    (1, "delete r4 8"),
    (0, "update r3 8"),
)
"""What the one and the other client do in turn: a lost update of row 7, and a use of row 8 after its delete."""


class RacingClient:
    """A client. ``log``: what it has written; ``increments``: how often it has incremented each row."""

    def __init__(self, engine: str, address: str, log: Path, name: str) -> None:
        self.log = log
        self.increments = Counter[int]()
        argv = [sys.executable, str(SCRIPT), engine, address, str(log), name]
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._answer() == "ready"

    def begin(self, command: str) -> None:
        """Let it begin with a command."""
        assert self._process.stdin is not None
        print(command, file=self._process.stdin, flush=True)

    def finish(self) -> None:
        """Wait until it has done the command."""
        while (answer := self._answer()) != "done":
            word, key = answer.split()
            assert word == "incremented"
            self.increments[int(key)] += 1

    def close(self) -> None:
        """End it."""
        self._process.communicate()
        assert self._process.returncode == 0

    def _answer(self) -> str:
        assert self._process.stdout is not None
        answer = self._process.stdout.readline().strip()
        assert answer, "the client has ended"
        return answer


@contextmanager
def racing_clients(engine: str, address: str, folder: Path) -> Iterator[Sequence[RacingClient]]:
    """Two clients that are connected; afterwards they have ended."""
    with ExitStack() as stack:
        clients: list[RacingClient] = []
        for name in "ab":
            clients.append(RacingClient(engine, address, folder / f"{name}.log", name))
            stack.callback(clients[-1].close)
        yield clients


def interleave(clients: Sequence[RacingClient]) -> None:
    """Let the clients have two races, one statement after the other."""
    for number, command in INTERLEAVED:
        clients[number].begin(command)
        clients[number].finish()


def race(clients: Sequence[RacingClient], count: int, keys: int) -> Counter[int]:
    """Let the clients increment rows at the same time, and return how often they did each."""
    for seed, client in enumerate(clients):
        client.begin(f"race {count} {keys} {seed}")
    for client in clients:
        client.finish()
    return clients[0].increments + clients[1].increments
