"""Chaos while a run goes on: neighbours that keep every CPU busy, and processes that are stopped now and then."""

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
    """Stops one of the run's processes for 1 to 20 ms, every 1 to 20 ms; for the same seed at the same times."""

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
            every = [pid, *descendant_pids(pid)]
            self._stopped_pid = every[int(self._random.random() * len(every))]
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
    """A process for each CPU that can be kept busy with nothing. Made by `neighbours`."""

    def __init__(self, pipes: Sequence[int]) -> None:
        self._open_pipes = pipes

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Keeps every CPU busy meanwhile. Raises `NotStarted` where one of them is gone."""
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
            raise StartFailed("a neighbour of the arm stress has ended: was it killed for want of memory?") from None


@contextmanager
def start_neighbours(cpus: Sequence[int]) -> Iterator[Neighbours]:
    """A neighbour on each of ``cpus``, asleep at first. They end with the ``with``, and when this process is killed."""
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
    """Is busy from a ``+`` to a ``-``, and ends where nobody can write to it any more."""
    try:
        for number in INTERRUPT_SIGNALS:
            signal.signal(number, signal.SIG_IGN)  # a ctrl+c is for whoever ends it
        for pipe in inherited_pipes:  # else it would keep them, and itself, alive
            os.close(pipe)
        os.sched_setaffinity(0, {cpu})
        while said := os.read(reader, 1):
            while said == b"+" and not select([reader], [], [], 0)[0]:
                for _ in range(10_000):
                    pass
    finally:
        os._exit(0)
