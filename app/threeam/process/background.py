"""Work that goes on in a process of its own while the one that was started only waits for it.

A tracer stops the process that it watches whenever nobody reads what it prints. So its reader must not be stopped by
ctrl+z, or by a signal to the process that the user sees: it has a session of its own. Either process makes up for the
other: if the waiting one ends, the worker is told to end; if the worker is stopped, it is continued; and if it is
killed, the waiting one does what is left.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple, NoReturn

from threeam.core.platform.signals import INTERRUPT_SIGNALS
from threeam.process.guard import RunningProgram

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_AWAITED_SIGNALS = (*INTERRUPT_SIGNALS, signal.SIGCHLD)
PROGRAM_ENDED = -1  # in place of a pid: the program has ended, and only what is written about it is missing


class BackgroundWork(NamedTuple):
    """Work for a process of its own.

    ``work``: gives its exit code, and tells the `Running` what it runs. ``orphaned``: does what is left if the worker
    was killed while it ran a program. ``left``: called if the wait is given up while the worker only writes.
    """

    work: Callable[[RunningProgram], int]
    on_orphaned: Callable[[RunningProgram], object]
    on_abandoned: Callable[[], object]


def run_in_background(work: BackgroundWork) -> int:
    """Do the work in a process of its own, and return its exit code. Fork: call it while there is one thread.

    An interrupt is passed on. Once the program has ended, the next one ends the wait and not the work.
    """
    running = RunningProgram()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _AWAITED_SIGNALS)
    waiting = os.getpid()
    try:
        worker = os.fork()
        if worker == 0:
            _run_worker(work.work, running, waiting, before)
        return _wait_for_worker(worker, running, work)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _run_worker(
    work: Callable[[RunningProgram], int],
    running: RunningProgram,
    parent_pid: int,
    signal_mask: set[int | signal.Signals],
) -> NoReturn:
    code = 1
    try:
        os.setsid()
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        signal.pthread_sigmask(signal.SIG_SETMASK, signal_mask)
        if os.getppid() != parent_pid:  # it ended before it could be asked for a signal
            signal.raise_signal(signal.SIGTERM)
        code = work(running)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)


def _wait_for_worker(worker: int, running: RunningProgram, work: BackgroundWork) -> int:
    """Wait for the worker, and pass signals on. They are blocked and taken one by one, so none can come in between."""
    while True:
        pid, status = os.waitpid(worker, os.WUNTRACED | os.WNOHANG)
        if pid == 0:
            number = signal.sigwait(_AWAITED_SIGNALS)
            if number == signal.SIGCHLD:
                continue
            if running.pid == PROGRAM_ENDED:
                work.on_abandoned()
                return 128 + number
            with suppress(ProcessLookupError):
                os.kill(worker, number)
            continue
        if os.WIFSTOPPED(status):
            os.kill(worker, signal.SIGCONT)
            continue
        code = os.waitstatus_to_exitcode(status)
        if code < 0 and running.pid:
            work.on_orphaned(running)
        return code if code >= 0 else 128 - code
