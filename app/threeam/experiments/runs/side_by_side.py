"""Runs side by side: worker processes that each make one run at a time.

A worker is a process of its own, so that the children of a run are told from those of another one. All workers are one
process group. The guard of this process kills the group if this process is killed, and the guard of each worker then
kills its program.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, Pipe
from select import POLLIN, poll
from typing import NamedTuple, NoReturn

from threeam.core.platform.signals import INTERRUPT_SIGNALS, signal_wakeup_fd
from threeam.experiments.experiment import Run
from threeam.process.execute import StartFailed
from threeam.process.guard import RunningProgram, process_guard
from threeam.process.process_tree import adopt_orphans


class Turn(NamedTuple):
    """A run that was made, the signal that interrupted it (0: none), and its output."""

    run: Run
    signum: int
    output: bytes


MakeTurn = Callable[[int, RunningProgram], Turn]


def make_one_by_one(numbers: Iterator[int], make: Callable[[int], Turn]) -> Iterator[Turn]:
    """Make the runs of ``numbers`` one after the other, until one of them is interrupted."""
    for number in numbers:
        turn = make(number)
        yield turn
        if turn.signum:
            return


class _Worker(NamedTuple):
    pid: int
    connection: Connection


@contextmanager
def start_workers(count: int, make_turn: MakeTurn, running: RunningProgram) -> Iterator[Workers]:
    """Start ``count`` workers that call ``make_turn``; they end with the ``with``.

    ``running``: of the guard of this process. Call it with `INTERRUPT_SIGNALS` blocked.
    """
    workers: list[_Worker] = []
    try:
        for _ in range(count):
            ours, theirs = Pipe()
            leader = workers[0].pid if workers else 0
            pid = os.fork()
            if pid == 0:
                _work(leader, theirs, make_turn)
            theirs.close()
            workers.append(_Worker(pid, ours))
            with suppress(ProcessLookupError, PermissionError):  # the worker does the same: whichever comes first
                os.setpgid(pid, leader or pid)
        running.update(workers[0].pid, 0)
        yield Workers(workers)
    except BaseException:  # whatever failed, no run must go on
        for worker in workers:
            with suppress(ProcessLookupError):
                os.kill(worker.pid, signal.SIGTERM)
        raise
    finally:
        for worker in workers:
            worker.connection.close()
        for worker in workers[::-1]:  # the leader last: until then its number stands for the group
            os.waitpid(worker.pid, 0)
        running.update(0, 0)


class Workers:
    """Workers that make runs."""

    def __init__(self, workers: Iterable[_Worker]) -> None:
        self._idle = list(workers)
        self._busy: dict[int, _Worker] = {}  # by the descriptor of their connections

    def make(self, numbers: Iterator[int]) -> Iterator[Turn]:
        """Make the runs of ``numbers``, and yield each when it ends. Take the next number when a worker is idle.

        After an interrupt no more run is started, and those that go on are interrupted too: the last turns say so.
        """
        is_interrupted = False
        while True:
            while self._idle and not is_interrupted and (number := next(numbers, None)) is not None:
                self._give(number)
            if not self._busy:
                return
            try:
                ended = self._wait()
            except KeyboardInterrupt as interrupt:
                is_interrupted = True
                self._interrupt(getattr(interrupt, "code", 128 + signal.SIGINT) - 128)
                continue
            for worker in ended:
                yield self._take(worker)

    def _give(self, number: int) -> None:
        worker = self._idle.pop()
        self._busy[worker.connection.fileno()] = worker
        worker.connection.send(number)

    def _wait(self) -> list[_Worker]:
        """Return the busy workers that have an answer. Raise KeyboardInterrupt if a signal comes."""
        events = poll()
        for fd in self._busy:
            events.register(fd, POLLIN)
        with signal_wakeup_fd() as wakeup_fd:
            events.register(wakeup_fd, POLLIN)
            mask = signal.pthread_sigmask(signal.SIG_UNBLOCK, INTERRUPT_SIGNALS)
            try:
                ready = events.poll()
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        return [self._busy[fd] for fd, _ in ready if fd in self._busy]

    def _take(self, worker: _Worker) -> Turn:
        """Return the answer of ``worker``. Raise the error that ended its run."""
        del self._busy[worker.connection.fileno()]
        try:
            answer = worker.connection.recv()
        except EOFError:
            raise StartFailed("a process that made runs has ended: was it killed because memory ran out?") from None
        self._idle.append(worker)
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, Turn)
        return answer

    def _interrupt(self, signum: int) -> None:
        for worker in self._busy.values():
            with suppress(ProcessLookupError):
                os.kill(worker.pid, signum)


def _work(leader: int, connection: Connection, make_turn: MakeTurn) -> NoReturn:
    """Make the runs whose numbers come by ``connection``, until it is closed."""
    try:
        # Open copies of its descriptors would hide the end of the parent from its guard, and hold the lock of the plan.
        os.closerange(3, connection.fileno())
        os.closerange(connection.fileno() + 1, 1 << 20)
        os.setpgid(0, leader)
        adopt_orphans()
        with process_guard(lambda: None) as running, suppress(EOFError, BrokenPipeError):
            while True:
                number = connection.recv()
                try:
                    connection.send(make_turn(number, running))
                except Exception as error:  # the parent process raises it
                    connection.send(error)
    finally:
        os._exit(0)
