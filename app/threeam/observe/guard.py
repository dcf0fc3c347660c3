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

from threeam.core.interrupts import INTERRUPTIONS
from threeam.observe.processes import descendants

_PID = struct.Struct("=q")


class Running:
    """The pid of the program that runs now, in memory that two processes share; 0 if none does.

    It is written before and after every run. A pipe would wake the guard each time, and disturb what is measured.
    """

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _PID.size)

    @property
    def pid(self) -> int:
        """The pid, or 0."""
        (pid,) = _PID.unpack(self._memory)
        return int(pid)

    @pid.setter
    def pid(self, pid: int) -> None:
        self._memory[:] = _PID.pack(pid)


@contextmanager
def guarded(orphaned: Callable[[], object]) -> Iterator[Running]:
    """Start a guard, and give the `Running` that tells it what to end. Fork: call it while there is one thread.

    If this process is killed, the guard ends the program that runs, with all that it has started, and then calls
    ``orphaned``. Nobody is left to be told how that went.
    """
    running = Running()
    reader, writer = os.pipe()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTIONS)
    guard = os.fork()
    if guard == 0:
        _guard(reader, running, orphaned)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    os.close(reader)
    try:
        yield running
    finally:  # whatever it was, it was no kill
        with suppress(BrokenPipeError):  # the guard was killed itself
            os.write(writer, b".")
        os.close(writer)
        os.waitpid(guard, 0)


def _guard(reader: int, running: Running, orphaned: Callable[[], object]) -> NoReturn:
    try:
        os.setsid()  # what is sent to the group of the other process is not for this one
        for number in INTERRUPTIONS:
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        _close_all_but(reader)
        if not os.read(reader, 1):
            if running.pid:
                end_at_once(running.pid)
            orphaned()
    finally:
        os._exit(0)


def end_at_once(pid: int) -> None:
    """Kill a program, its session if it has one of its own, and all that it has started, stopped or not."""
    below = descendants(pid)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    for one in (pid, *below):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(one, signal.SIGKILL)


def _close_all_but(reader: int) -> None:
    """Close what the other process had open: a reader of its output must see its end, and a claim must be free."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for fd in range(3):
        os.dup2(nothing, fd)
    os.closerange(3, reader)
    os.closerange(reader + 1, 1 << 20)
