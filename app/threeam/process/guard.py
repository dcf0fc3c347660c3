"""A second process that ends what this one has started, if this one is killed.

A program whose observer is gone would run on without its time limit, stay stopped by a jitter arm, or stay traced.
SIGKILL and a crash leave no chance to end it, so a child waits for the end of this process and does it then.
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
    """The program that runs now, in memory that two processes share: its pid, and the inode of the pipe it prints to.

    Each is 0 if there is none. The pipe is known before the program is started, and the pid only after that: whoever is
    killed in between has told enough. It is written for every run. A pipe to the guard would wake it each time, and
    disturb what is measured.
    """

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _LAYOUT.size)

    def update(self, pid: int, pipe: int) -> None:
        """Say what runs now."""
        self._memory[:] = _LAYOUT.pack(pid, pipe)

    @property
    def pid(self) -> int:
        """The pid, or 0."""
        return int(_LAYOUT.unpack(self._memory)[0])

    @property
    def pipe_inode(self) -> int:
        """The inode of the pipe, or 0."""
        return int(_LAYOUT.unpack(self._memory)[1])


@contextmanager
def process_guard(on_orphaned: Callable[[], object]) -> Iterator[RunningProgram]:
    """Start a guard, and give the `Running` that tells it what to end. Fork: call it while there is one thread.

    If this process is killed, the guard ends the program that runs, with all that it has started, and then calls
    ``on_orphaned``. Nobody is left to be told how that went.
    """
    running = RunningProgram()
    reader, writer = os.pipe()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPT_SIGNALS)
    guard = None
    try:
        try:
            guard = os.fork()
            if guard == 0:
                _run_guard(reader, running, on_orphaned)
        finally:
            os.close(reader)
            signal.pthread_sigmask(signal.SIG_SETMASK, before)  # raises the interrupt that came meanwhile
        yield running
    finally:  # whatever it was, it was no kill
        if guard is not None:
            with suppress(BrokenPipeError):  # the guard was killed itself
                os.write(writer, b".")
        os.close(writer)
        if guard is not None:
            os.waitpid(guard, 0)


def _run_guard(parent_pipe: int, running: RunningProgram, on_orphaned: Callable[[], object]) -> NoReturn:
    try:
        os.setsid()  # what is sent to the group of the other process is not for this one
        for number in INTERRUPT_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        _close_other_fds(parent_pipe)
        if not os.read(parent_pipe, 1):
            kill_program(running.pid, running.pipe_inode)
            on_orphaned()
    finally:
        os._exit(0)


def kill_program(pid: int, pipe_inode: int) -> None:
    """Kill a program, its session if it has one of its own, and all that it has started, stopped or not.

    ``pipe_inode``: the inode of the pipe to which it prints. Whoever has that as its output belongs to it, also if its pid is
    not known yet, or if it has left the session and its parent has ended.
    """
    below = descendant_pids(pid) if pid else []
    if pid:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
    for one in (*([pid] if pid else []), *below, *_pids_writing_to(pipe_inode)):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(one, signal.SIGKILL)


def _pids_writing_to(pipe_inode: int) -> list[int]:
    """Return the processes whose stdout or stderr is the pipe of this inode."""
    writers = []
    for name in os.listdir("/proc") if pipe_inode else ():
        for fd in ("1", "2") if name.isdigit() else ():
            with suppress(OSError):
                if os.readlink(f"/proc/{name}/fd/{fd}") == f"pipe:[{pipe_inode}]":
                    writers.append(int(name))
                    break
    return writers


def _close_other_fds(kept_fd: int) -> None:
    """Close what the other process had open: a reader of its output must see its end, and a claim must be free."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for fd in range(3):
        os.dup2(nothing, fd)
    os.closerange(3, kept_fd)
    os.closerange(kept_fd + 1, 1 << 20)
