"""A guard process that kills the program that this process runs, if this process is killed.

Otherwise the program would run on without its time limit, stay stopped by a jitter arm, or stay traced. After SIGKILL
or a crash this process cannot end it, so a child waits for the end of this process and does it then.
"""

from __future__ import annotations

import mmap
import os
import signal
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

from threeam.core.platform.signals import INTERRUPT_SIGNALS
from threeam.process.process_tree import descendant_pids

_LAYOUT = struct.Struct("=qq")


class RunningProgram:
    """The current program, in memory shared with another process: its pid, and the inode of its output pipe.

    Both are 0 if no program runs. The pipe is known before the start of the program and the pid only after it, so the
    program can be found even if this process is killed in between. This is shared memory and not a pipe to the guard: a
    pipe would wake the guard for each run, and disturb what is measured.
    """

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _LAYOUT.size)

    def update(self, pid: int, pipe: int) -> None:
        """Set the current program."""
        self._memory[:] = _LAYOUT.pack(pid, pipe)

    @property
    def pid(self) -> int:
        """Return the pid, or 0."""
        return int(_LAYOUT.unpack(self._memory)[0])

    @property
    def pipe_inode(self) -> int:
        """Return the inode of the pipe, or 0."""
        return int(_LAYOUT.unpack(self._memory)[1])


@contextmanager
def process_guard(on_orphaned: Callable[[], object]) -> Iterator[RunningProgram]:
    """Start a guard, and yield the `RunningProgram` that it reads. It forks, so call it before starting threads.

    If this process is killed, the guard kills the current program with all its descendants, and then calls
    ``on_orphaned``. Errors of that are not reported.
    """
    running = RunningProgram()
    reader, writer = os.pipe()
    signal_mask = signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPT_SIGNALS)
    guard = None
    try:
        try:
            guard = os.fork()
            if guard == 0:
                _run_guard(reader, running, on_orphaned)
        finally:
            os.close(reader)
            signal.pthread_sigmask(signal.SIG_SETMASK, signal_mask)  # an interrupt that came meanwhile is raised here
        yield running
    finally:  # this process was not killed
        if guard is not None:
            with suppress(BrokenPipeError):  # the guard was killed itself
                os.write(writer, b".")
        os.close(writer)
        if guard is not None:
            os.waitpid(guard, 0)


def _run_guard(parent_pipe: int, running: RunningProgram, on_orphaned: Callable[[], object]) -> NoReturn:
    try:
        os.setsid()  # signals to the process group of the parent are not for this one
        for signum in INTERRUPT_SIGNALS:
            signal.signal(signum, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        _close_other_fds(parent_pipe)
        if not os.read(parent_pipe, 1):
            kill_program(running.pid, running.pipe_inode)
            on_orphaned()
    finally:
        os._exit(0)


def kill_program(pid: int, pipe_inode: int) -> None:
    """Kill a program, its session if it has its own, and all its descendants, stopped or not.

    ``pid``: 0 if it is not known yet. ``pipe_inode``: that of its output pipe. All processes that write to the pipe
    belong to the program, also those that have left its session and whose parent has ended.
    """
    pids = [pid, *descendant_pids(pid)] if pid else []
    if pid:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
    for program_pid in (*pids, *_pids_writing_to(pipe_inode)):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(program_pid, signal.SIGKILL)


def _pids_writing_to(pipe_inode: int) -> list[int]:
    """Return the processes whose stdout or stderr is the pipe of this inode; none if it is 0."""
    if not pipe_inode:
        return []
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and _writes_to(name, pipe_inode)]


def _writes_to(pid: str, pipe_inode: int) -> bool:
    for fd in (1, 2):
        with suppress(OSError):
            if os.readlink(f"/proc/{pid}/fd/{fd}") == f"pipe:[{pipe_inode}]":
                return True
    return False


def _close_other_fds(kept_fd: int) -> None:
    """Close the inherited descriptors: they would keep an output pipe open, and the lock of a plan held."""
    devnull = os.open(os.devnull, os.O_RDWR)
    for fd in range(3):
        os.dup2(devnull, fd)
    os.closerange(3, kept_fd)
    os.closerange(kept_fd + 1, 1 << 20)
