"""The rows of the speed table about writing: a pipe, durable appends, and a wait among others. pytest tests/bench."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import pytest
from measured import Measured

from threeam.core.write.lock import SanityLock, WaitPolicy
from threeam.core.write.lock_file import LockFileSpec

pytestmark = pytest.mark.timeout(900)

COMMAND = str(Path(sys.executable).parent / "3am")
MILLION = 1_000_000
LOOPS, HELD = 6, 0.02  # flock(1) loops, and how long each holds the lock (s)
LINE = "worker: touched row {} of sessions\n"

Report = Callable[[Measured], None]


LOOP = 'while :; do flock -e "$0" sleep "$1"; done'


@pytest.fixture
def million(tmp_path: Path) -> Path:
    """A million lines, 37 bytes each."""
    path = tmp_path / "million"
    path.write_text("".join(LINE.format(n) for n in range(MILLION)))
    return path


@pytest.mark.skipif(shutil.which("svlogd") is None, reason="svlogd (runit) is not installed")
def test_a_million_lines_through_a_pipe(million: Path, log: Path, tmp_path: Path, report: Report) -> None:
    ours, peer = [], []
    for n in range(3):
        log.unlink(missing_ok=True)
        ours.append(_piped([COMMAND, "log", "-q", "-"], million))
        folder = tmp_path / f"svlogd-{n}"
        folder.mkdir()
        (folder / "config").write_text("s1000000000\nn0\n")
        peer.append(_piped(["svlogd", "-ttt", str(folder)], million))
    report(Measured("`3am log -`, a million lines, each batch synced", median(ours), median(peer), "svlogd -ttt", 1))


def test_durable_appends(log: Path, tmp_path: Path, report: Report) -> None:
    lines = tmp_path / "lines"
    lines.write_text("".join(LINE.format(n) for n in range(200_000)))
    ours = _piped([COMMAND, "log", "-q", "-"], lines) / 200
    fd = os.open(tmp_path / "one-by-one", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    began = time.perf_counter()
    for n in range(3000):
        os.write(fd, LINE.format(n).encode())
        os.fdatasync(fd)
    peer = (time.perf_counter() - began) * 1000 / 3
    os.close(fd)
    report(Measured("durable appends, streamed, a thousand lines", ours, peer, "write + fdatasync a line", 0.05))


def test_a_wait_among_six_flock_loops(tmp_path: Path, report: Report) -> None:
    lock = tmp_path / "among.lock"
    lock.touch()
    with _loops(lock):
        ours, peer = [], []
        for _ in range(25):
            ours.append(_wait_of_ours(lock))
            time.sleep(0.02)
            peer.append(_wait_of_the_kernel(lock))
            time.sleep(0.02)
    work = f"the longest wait of one writer among six flock loops that hold {HELD * 1000:.0f} ms"
    report(Measured(work, max(ours), max(peer), "kernel queue", 2))


def _piped(argv: list[str], stdin: Path) -> float:
    """Milliseconds that a command takes to read a file to its end."""
    with stdin.open("rb") as file:
        began = time.perf_counter()
        subprocess.run(argv, stdin=file, stderr=subprocess.DEVNULL, check=True)
        return (time.perf_counter() - began) * 1000


def _wait_of_ours(lock: Path) -> float:
    waiting = SanityLock(str(lock), LockFileSpec(0o600, os.geteuid(), os.getegid()))
    began = time.perf_counter()
    waiting.acquire(WaitPolicy(60))
    took = (time.perf_counter() - began) * 1000
    waiting.release()
    return took


def _wait_of_the_kernel(lock: Path) -> float:
    fd = os.open(lock, os.O_RDWR)
    began = time.perf_counter()
    fcntl.flock(fd, fcntl.LOCK_EX)
    took = (time.perf_counter() - began) * 1000
    os.close(fd)
    return took


@contextmanager
def _loops(lock: Path) -> Iterator[None]:
    loops = [subprocess.Popen(["bash", "-c", LOOP, str(lock), str(HELD)]) for _ in range(LOOPS)]
    time.sleep(1)
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()
