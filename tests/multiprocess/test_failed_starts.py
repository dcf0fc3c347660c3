"""A program, a guard or a worker that cannot be started or watched leaves no process, descriptor or blocked signal."""

from __future__ import annotations

import errno
import gc
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import pytest

from threeam.experiments.arms.chaos import start_neighbours
from threeam.process.background import BackgroundWork, run_in_background
from threeam.process.execute import ExecuteOptions, execute
from threeam.process.guard import RunningProgram, process_guard
from threeam.process.process_tree import child_pids
from threeam.tracing import tracer as attach


def fail(*_: object) -> NoReturn:
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


def held() -> tuple[list[int], set[str], set[int]]:
    """Return the children, the descriptors and the blocked signals of this process."""
    gc.collect()  # garbage of an earlier test may hold descriptors, and may go at any time
    links = {f"{fd} {os.readlink(f'/proc/self/fd/{fd}')}" for fd in os.listdir("/proc/self/fd") if is_open(fd)}
    return child_pids(os.getpid()), links, set(signal.pthread_sigmask(signal.SIG_BLOCK, []))


def is_open(fd: str) -> bool:
    return os.path.lexists(f"/proc/self/fd/{fd}")


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    before = held()
    yield
    after = held()
    signal.pthread_sigmask(signal.SIG_SETMASK, before[2])
    for pid in set(after[0]) - set(before[0]):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    assert after == before


@pytest.mark.parametrize(
    "options", [ExecuteOptions(), ExecuteOptions(new_session=False, isolated=False)], ids=["apart", "as in a shell"]
)
def test_a_program_that_cannot_be_watched_is_ended_and_reaped(
    options: ExecuteOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "pidfd_open", fail)
    running = RunningProgram()
    with pytest.raises(OSError, match="Too many open files"):
        execute(["sleep", "1000"], lambda *_: None, options, running=running)
    assert running.pid == 0


def test_a_second_pipe_that_cannot_be_made_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    pipes = iter([os.pipe, fail])
    monkeypatch.setattr(os, "pipe", lambda: next(pipes)())
    with pytest.raises(OSError, match="Too many open files"):
        execute(["true"], lambda *_: None, ExecuteOptions(merge_stderr=False))


def test_children_that_cannot_be_listed_are_not_taken_for_an_empty_list() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1, before[1]))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            child_pids(os.getpid())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert child_pids(2**22) == [], "a process that has ended has none"


@pytest.mark.parametrize(
    "options", [ExecuteOptions(), ExecuteOptions(new_session=False)], ids=["apart", "as in a shell"]
)
def test_a_program_that_may_not_be_signalled_is_reaped(
    options: ExecuteOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that sudo has started."""

    def refuse(*_: object) -> NoReturn:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "killpg" if options.new_session else "kill", refuse)
    assert execute(["sh", "-c", "exit 3"], lambda *_: None, options).exit_code == 3


ANOTHERS = """
import os, signal
from threeam.process.process_tree import child_pids, kill_other_children
pid = os.fork()
if pid == 0:
    os.close(1), os.close(2)
    signal.pause()
os.setuid(65534)
kill_other_children(())
print(pid, child_pids(os.getpid()) == [pid])
"""


def test_a_process_of_another_user_is_not_waited_for() -> None:
    done = subprocess.run([sys.executable, "-c", ANOTHERS], capture_output=True, text=True, timeout=60, check=False)
    pid, is_left = done.stdout.split() or ("", done.stderr)
    os.kill(int(pid), signal.SIGKILL)
    with suppress(ChildProcessError):  # it is ours if an earlier test has made this process a subreaper
        os.waitpid(int(pid), 0)
    assert is_left == "True"


def start_guard() -> None:
    with process_guard(lambda: None):
        pass


def start_worker() -> None:
    run_in_background(BackgroundWork(lambda _: 0, lambda _: None, lambda: None))


def start_busy_neighbours() -> None:
    with start_neighbours([0]):
        pass


@pytest.mark.parametrize("start", [start_guard, start_worker, start_busy_neighbours])
def test_a_fork_that_fails_blocks_no_signal(start: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fork", fail)
    with pytest.raises(OSError, match="Too many open files"):
        start()


def test_an_interrupt_during_the_start_of_the_guard_ends_the_guard(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The guard must not take it for the end of this process, and write that what ran is lost."""
    fork = os.fork

    def interrupted() -> int:
        pid = fork()
        if pid:
            signal.raise_signal(signal.SIGINT)
        return pid

    monkeypatch.setattr(os, "fork", interrupted)
    with pytest.raises(KeyboardInterrupt), process_guard((tmp_path / "orphaned").touch):
        pytest.fail("the interrupt was lost")
    assert not (tmp_path / "orphaned").exists()


@pytest.mark.parametrize("can_wait", [True, False])
def test_a_tool_whose_observer_was_killed_is_ended_in_any_case(can_wait: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = os.posix_spawnp("sleep", ["sleep", "1000"], os.environ, setsid=True)
    running = RunningProgram()
    running.update(tool, 0)
    if not can_wait:
        monkeypatch.setattr(os, "pidfd_open", fail)
    attach.stop_orphaned_tracer(running)
    assert os.WIFSIGNALED(os.waitpid(tool, 0)[1])
