"""The rows of the speed table about writing: a pipe, durable appends, and a wait among other processes."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import pytest

from bench.measurement import Measurement, Report
from bench.programs import COMMAND
from support.essay_script import ESSAY_SCRIPT
from support.shells import SHELLS, for_each_word, shell_argv, shell_function
from threeam.core.write.lock import SanityLock, WaitPolicy
from threeam.core.write.lock_file import LockFileSpec

pytestmark = pytest.mark.timeout(900)

STREAM_LINES = 1_000_000
DURABLE_LINES = 200_000  # through the stream
SYNCED_LINES = 3000  # of the peer, each with a sync of its own
FLOCK_LOOPS = 6
HOLD_S = 0.02  # how long each loop holds the lock
WAITS = 25
SHELL_NOTES = 20  # in a shell that runs
LINE = "worker: touched row {} of sessions\n"
LOOP_SCRIPT = 'while :; do flock -e "$0" sleep "$1"; done'


@pytest.mark.skipif(shutil.which("svlogd") is None, reason="svlogd (runit) is not installed")
def test_a_million_lines_through_a_pipe(log: Path, tmp_path: Path, report: Report) -> None:
    stream = write_lines(tmp_path / "million", STREAM_LINES)
    own_ms, peer_ms = [], []
    for repeat in range(3):
        log.unlink(missing_ok=True)
        own_ms.append(piped_ms([COMMAND, "log", "-q", "-"], stream))
        folder = tmp_path / f"svlogd-{repeat}"
        folder.mkdir()
        (folder / "config").write_text("s1000000000\nn0\n")
        peer_ms.append(piped_ms(["svlogd", "-ttt", str(folder)], stream))
    work = "`3am log -`, a million lines, each batch synced"
    report(Measurement(work, median(own_ms), median(peer_ms), "svlogd -ttt", goal=1))


@pytest.mark.usefixtures("log")
def test_durable_appends(tmp_path: Path, report: Report) -> None:
    stream = write_lines(tmp_path / "lines", DURABLE_LINES)
    own_ms = piped_ms([COMMAND, "log", "-q", "-"], stream) * 1000 / DURABLE_LINES
    fd = os.open(tmp_path / "one-by-one", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    began_s = time.perf_counter()
    for number in range(SYNCED_LINES):
        os.write(fd, LINE.format(number).encode())
        os.fdatasync(fd)
    peer_ms = (time.perf_counter() - began_s) * 1000 * 1000 / SYNCED_LINES
    os.close(fd)
    work = "durable appends, streamed, a thousand lines"
    report(Measurement(work, own_ms, peer_ms, "write + fdatasync a line", goal=0.05))


def test_a_wait_among_six_flock_loops(tmp_path: Path, report: Report) -> None:
    lock = tmp_path / "among.lock"
    lock.touch()
    own_ms, peer_ms = [], []
    with flock_loops(lock):
        for _ in range(WAITS):
            own_ms.append(writer_wait_ms(lock))
            time.sleep(HOLD_S)
            peer_ms.append(kernel_wait_ms(lock))
            time.sleep(HOLD_S)
    work = f"the longest wait of one writer among six flock loops that hold {HOLD_S * 1000:.0f} ms"
    report(Measurement(work, max(own_ms), max(peer_ms), "kernel queue", goal=2))


@pytest.mark.parametrize("shell", SHELLS)
def test_the_shell_function(shell: str, log: Path, tmp_path: Path, report: Report) -> None:
    script = tmp_path / "3am-sanity-lock.sh"
    script.write_text(ESSAY_SCRIPT)
    script.chmod(0o755)
    subprocess.run([COMMAND, "log", "-q", "the first note"], check=True)
    loop = for_each_word(shell, "3am log the sweeper again")
    argv = shell_argv(shell, f"source {shell_function(shell, tmp_path)}; {loop}", *["x"] * SHELL_NOTES)
    peer = shell_argv("bash", for_each_word("bash", f"{script} 3 again"), *["x"] * SHELL_NOTES)
    env = {**os.environ, "SCRIPT_LOG": str(tmp_path / "script.log"), "SCRIPT_LOCK": str(tmp_path / "script.lock")}
    own_ms, peer_ms = [], []
    for _ in range(7):
        own_ms.append(run_ms(argv, env) / SHELL_NOTES)
        peer_ms.append(run_ms(peer, env) / SHELL_NOTES)
    assert log.read_bytes().count(b"\n") == 1 + 7 * SHELL_NOTES
    work = f"a note by the function of `3am init {shell}`, synced"
    report(Measurement(work, median(own_ms), median(peer_ms), "the essay's script without its sleep", goal=1))


def run_ms(argv: Sequence[str | bytes], env: Mapping[str, str]) -> float:
    """Return how long a command takes."""
    began_s = time.perf_counter()
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, env=env)
    return (time.perf_counter() - began_s) * 1000


def write_lines(path: Path, count: int) -> Path:
    """Write ``count`` lines of about 37 bytes to ``path``, and return it."""
    path.write_text("".join(LINE.format(number) for number in range(count)))
    return path


def piped_ms(argv: Sequence[str], stdin: Path) -> float:
    """Return how long a command takes to read a file to its end."""
    with stdin.open("rb") as file:
        began_s = time.perf_counter()
        subprocess.run(argv, stdin=file, stderr=subprocess.DEVNULL, check=True)
        return (time.perf_counter() - began_s) * 1000


def writer_wait_ms(lock: Path) -> float:
    """Return how long a writer waits for the lock."""
    sanity_lock = SanityLock(str(lock), LockFileSpec(0o600, os.geteuid(), os.getegid()))
    began_s = time.perf_counter()
    sanity_lock.acquire(WaitPolicy(60))
    wait_ms = (time.perf_counter() - began_s) * 1000
    sanity_lock.release()
    return wait_ms


def kernel_wait_ms(lock: Path) -> float:
    """Return how long the kernel's own queue lets a process wait for the lock."""
    fd = os.open(lock, os.O_RDWR)
    began_s = time.perf_counter()
    fcntl.flock(fd, fcntl.LOCK_EX)
    wait_ms = (time.perf_counter() - began_s) * 1000
    os.close(fd)
    return wait_ms


@contextmanager
def flock_loops(lock: Path) -> Iterator[None]:
    """Run processes that take the lock in turn."""
    loops = [subprocess.Popen(["bash", "-c", LOOP_SCRIPT, str(lock), str(HOLD_S)]) for _ in range(FLOCK_LOOPS)]
    time.sleep(1)
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()
