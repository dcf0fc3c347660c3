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
from pathlib import Path
from typing import NoReturn

import pytest

from threeam.observe import attach
from threeam.observe.background import Background, in_background
from threeam.observe.chaos import neighbours
from threeam.observe.execute import How, execute
from threeam.observe.guard import Running, guarded
from threeam.observe.processes import children


def fail(*_: object) -> NoReturn:
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


def held() -> tuple[list[int], set[str], set[int]]:
    """Return the children, the descriptors and the blocked signals of this process."""
    gc.collect()  # garbage of an earlier test may hold descriptors, and may go at any time
    links = {f"{fd} {os.readlink(f'/proc/self/fd/{fd}')}" for fd in os.listdir("/proc/self/fd") if is_open(fd)}
    return children(os.getpid()), links, set(signal.pthread_sigmask(signal.SIG_BLOCK, []))


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


@pytest.mark.parametrize("how", [How(), How(apart=False, alone=False)], ids=["apart", "as in a shell"])
def test_a_program_that_cannot_be_watched_is_ended_and_reaped(how: How, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "pidfd_open", fail)
    running = Running()
    with pytest.raises(OSError, match="Too many open files"):
        execute(["sleep", "1000"], lambda *_: None, how, running=running)
    assert running.pid == 0


def test_a_second_pipe_that_cannot_be_made_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    pipes = iter([os.pipe, fail])
    monkeypatch.setattr(os, "pipe", lambda: next(pipes)())
    with pytest.raises(OSError, match="Too many open files"):
        execute(["true"], lambda *_: None, How(one_pipe=False))


def test_children_that_cannot_be_listed_are_not_taken_for_none() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1, before[1]))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            children(os.getpid())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert children(2**22) == [], "a process that has ended has none"


@pytest.mark.parametrize("how", [How(), How(apart=False)], ids=["apart", "as in a shell"])
def test_a_program_that_may_not_be_signalled_is_reaped(how: How, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one that sudo has started."""

    def refuse(*_: object) -> NoReturn:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "killpg" if how.apart else "kill", refuse)
    assert execute(["sh", "-c", "exit 3"], lambda *_: None, how).code == 3


ANOTHERS = """
import os, signal
from threeam.observe.processes import children, end_all_but
pid = os.fork()
if pid == 0:
    os.close(1), os.close(2)
    signal.pause()
os.setuid(65534)
end_all_but(())
print(pid, children(os.getpid()) == [pid])
"""


def test_a_process_of_another_user_is_not_waited_for() -> None:
    done = subprocess.run([sys.executable, "-c", ANOTHERS], capture_output=True, text=True, timeout=60, check=False)
    pid, is_left = done.stdout.split() or ("", done.stderr)
    os.kill(int(pid), signal.SIGKILL)
    assert is_left == "True"


def start_guard() -> None:
    with guarded(lambda: None):
        pass


def start_worker() -> None:
    in_background(Background(lambda _: 0, lambda _: None, lambda: None))


def start_neighbours() -> None:
    with neighbours([0]):
        pass


@pytest.mark.parametrize("start", [start_guard, start_worker, start_neighbours])
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
    with pytest.raises(KeyboardInterrupt), guarded((tmp_path / "orphaned").touch):
        pytest.fail("the interrupt was lost")
    assert not (tmp_path / "orphaned").exists()


@pytest.mark.parametrize("can_wait", [True, False])
def test_a_tool_whose_observer_was_killed_is_ended_in_any_case(can_wait: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = os.posix_spawnp("sleep", ["sleep", "1000"], os.environ, setsid=True)
    running = Running()
    running.tell(tool, 0)
    if not can_wait:
        monkeypatch.setattr(os, "pidfd_open", fail)
    attach.end_tool(running)
    assert os.WIFSIGNALED(os.waitpid(tool, 0)[1])
