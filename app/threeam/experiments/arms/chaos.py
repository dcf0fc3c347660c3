"""Disturbances during a run: neighbours that keep every CPU busy, and processes that are stopped now and then."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from random import Random
from select import select

from threeam.core.platform.signals import INTERRUPT_SIGNALS
from threeam.process.execute import Interference, StartFailed
from threeam.process.process_tree import descendant_pids

_MIN_PAUSE_S, _MAX_PAUSE_S = 0.001, 0.020  # s


class Jitter(Interference):
    """An interference that stops a process of a run for 1 to 20 ms, every 1 to 20 ms. Equal seeds give equal times."""

    def __init__(self, seed: str) -> None:
        self._random = Random(seed)
        self._stopped_pid: int | None = None
        self._due = time.monotonic() + self._random_pause_s()

    def next_due(self) -> float:
        return self._due

    def fire(self, pid: int) -> None:
        if self._stopped_pid is not None:
            self.release(pid)
        else:
            pids = [pid, *descendant_pids(pid)]
            self._stopped_pid = pids[int(self._random.random() * len(pids))]
            _send_signal(self._stopped_pid, signal.SIGSTOP)
        self._due = time.monotonic() + self._random_pause_s()

    def release(self, pid: int) -> None:
        if self._stopped_pid is not None:
            _send_signal(self._stopped_pid, signal.SIGCONT)
            self._stopped_pid = None

    def _random_pause_s(self) -> float:
        return _MIN_PAUSE_S + self._random.random() * (_MAX_PAUSE_S - _MIN_PAUSE_S)


def _send_signal(pid: int, signum: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signum)


class Neighbours:
    """Processes that can keep their CPUs busy, one for each CPU. `start_neighbours` makes them."""

    def __init__(self, pipes: Sequence[int]) -> None:
        self._open_pipes = pipes

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Keep every CPU busy during the ``with``. Raise `StartFailed` if one of the processes has ended."""
        self._broadcast(b"+")
        try:
            yield
        finally:
            self._broadcast(b"-")

    def _broadcast(self, command: bytes) -> None:
        try:
            for pipe in self._open_pipes:
                os.write(pipe, command)
        except BrokenPipeError:
            raise StartFailed(
                "a neighbour of the arm stress has ended: was it killed because memory ran out?"
            ) from None


@contextmanager
def start_neighbours(cpus: Sequence[int]) -> Iterator[Neighbours]:
    """Start a sleeping process on each of ``cpus``. They end with the ``with``, or if this process is killed."""
    pipes: list[int] = []
    pids: list[int] = []
    try:
        for cpu in cpus:
            reader, writer = os.pipe()
            pipes.append(writer)
            try:
                pid = os.fork()
                if pid == 0:
                    _run_neighbour(cpu, reader, pipes)
                pids.append(pid)
            finally:
                os.close(reader)
        yield Neighbours(pipes)
    finally:
        for pipe in pipes:
            os.close(pipe)
        for pid in pids:
            os.waitpid(pid, 0)


def _run_neighbour(cpu: int, reader: int, inherited_pipes: Sequence[int]) -> None:
    """Be busy from a ``+`` to a ``-``; exit when the other end of the pipe is closed."""
    try:
        for signum in INTERRUPT_SIGNALS:
            signal.signal(signum, signal.SIG_IGN)  # a ctrl+c is for the process that ends this one
        for pipe in inherited_pipes:  # else this process would keep the pipes, and so itself, alive
            os.close(pipe)
        os.sched_setaffinity(0, {cpu})
        while command := os.read(reader, 1):
            while command == b"+" and not select([reader], [], [], 0)[0]:
                for _ in range(10_000):
                    pass
    finally:
        os._exit(0)
