"""Real processes for these tests: `3am`, flock(1) and Bash, and facts about them to wait for."""

from __future__ import annotations

import os
import select
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TypeVar

from support.commands import command
from threeam.core.format.entry import ACQUIRED, RELEASING, Entry

T = TypeVar("T")

# One line under the lock, as the essay's script writes it: bash_line LOG LOCK CUPS TEXT
BASH_LINE = """
line() {
  (
    flock -e 200
    echo "[$(date +%Y-%m-%dT%H:%M:%S.%N%z)] [COFFEE: $3] $4" | tee -a "$1"
  ) 200> "$2"
}
"""


def eventually(fact: Callable[..., T], what: str, seconds: float = 20.0) -> T:
    """Waits for something that another process does; fails loudly when it does not come."""
    deadline = time.monotonic() + seconds
    while not (value := fact()):
        assert time.monotonic() < deadline, f"after {seconds:g} s still not: {what}"
        time.sleep(0.002)
    return value


@contextmanager
def process(
    *argv: str | Path,
    env: Mapping[str, str] | None = None,
    stdin: IO[bytes] | int | None = subprocess.PIPE,
    stdout: int = subprocess.PIPE,
    pass_fds: tuple[int, ...] = (),
) -> Iterator[subprocess.Popen[bytes]]:
    """A process with pipes all around, which does not outlive the block."""
    started = subprocess.Popen(
        [str(arg) for arg in argv],
        stdin=stdin,
        stdout=stdout,
        stderr=subprocess.PIPE,
        env=os.environ if env is None else env,
        pass_fds=pass_fds,
    )
    try:
        yield started
    finally:
        started.kill()
        started.communicate()


@contextmanager
def three_am(*args: str, **env: str) -> Iterator[subprocess.Popen[bytes]]:
    """A `3am` that goes on running."""
    with process(command(), *args, env={**os.environ, **env}) as started:
        yield started


@contextmanager
def held(lock: Path) -> Iterator[subprocess.Popen[bytes]]:
    """flock(1) holds the lock, until its stdin is closed (`let_go`) or the block ends."""
    with process("flock", "-e", "-F", lock, "sh", "-c", "echo held; exec cat") as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        eventually(lambda: Path(f"/proc/{holder.pid}/comm").read_text() == "cat\n", "the holder is what it will be")
        yield holder


def state_of(pid: int) -> str:
    """What the kernel says a process does: R runs, S sleeps, T stopped, Z ended."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def is_gone(pid: int) -> bool:
    """Return whether no process has this number any more, or one that has ended."""
    try:
        return state_of(pid) == "Z"
    except FileNotFoundError:
        return True


def let_go(holder: subprocess.Popen[bytes]) -> None:
    """Ends a `held`, and waits for its end."""
    assert holder.stdin is not None
    holder.stdin.close()
    holder.stdin = None
    holder.wait(20)


def is_free(lock: Path) -> bool:
    """Whether flock(1) gets the lock at once."""
    return subprocess.run(["flock", "-n", "-e", str(lock), "true"], timeout=20).returncode == 0


def waiters(lock: Path) -> int:
    """How many stand in the kernel's queue for the lock file that has this name now."""
    about = lock.stat()
    return waiters_on(about.st_dev, about.st_ino)


def waiters_on(dev: int, ino: int) -> int:
    """How many stand in the kernel's queue for a lock file, whatever its name is by now."""
    device = f"{os.major(dev):02x}:{os.minor(dev):02x}:{ino}"
    rows = [row.split() for row in Path("/proc/locks").read_text().splitlines()]
    return sum("->" in fields and device in fields for fields in rows)


def wait_queued(lock: Path, count: int = 1) -> None:
    """Until ``count`` processes wait for the lock in the kernel's queue."""
    eventually(lambda: waiters(lock) >= count, f"{count} waiting for {lock}")


def sections(written: list[Entry]) -> list[list[Entry]]:
    """The critical sections, each from its Acquired to its Releasing; nothing of others stands in between."""
    complete: list[list[Entry]] = []
    now: list[Entry] | None = None
    for entry in written:
        if entry.text == ACQUIRED:
            assert now is None, f"two hold the lock at once: {entry}"
            now = []
        if now is not None:
            assert not now or entry.author == now[0].author, (
                f"a line of somebody else's inside a critical section: {entry}"
            )
            now.append(entry)
        if entry.text == RELEASING:
            assert now is not None, f"released, and never acquired: {entry}"
            complete.append(now)
            now = None
    assert now is None, "acquired, and never released"
    return complete


class Output:
    """The finished lines that a process prints, as they come."""

    def __init__(self, of: subprocess.Popen[bytes]) -> None:
        assert of.stdout is not None
        self._fd = of.stdout.fileno()
        self._of = of
        self._held = b""
        self.lines: list[bytes] = []

    def until(self, fact: Callable[..., bool], what: str, seconds: float = 20.0) -> list[bytes]:
        """Reads until ``fact`` is true of all lines so far; fails loudly at the end of the stream, or too late."""
        deadline = time.monotonic() + seconds
        while not fact(self.lines):
            remaining_s = deadline - time.monotonic()
            assert remaining_s > 0, f"after {seconds:g} s still not: {what}; so far {self.lines[-5:]}"
            if select.select([self._fd], [], [], remaining_s)[0]:
                assert self._read(), f"it ended (exit {self._of.wait(20)}) before: {what}; so far {self.lines[-5:]}"
        return self.lines

    def rest(self) -> list[bytes]:
        """Everything up to the end of the stream, once the process has been told to end."""
        while self._read():
            pass
        return self.lines

    def _read(self) -> bool:
        data = os.read(self._fd, 65536)
        *complete, self._held = (self._held + data).split(b"\n")
        self.lines += complete
        return bool(data)
