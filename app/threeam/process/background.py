"""Work in a background process, while the process that the user started waits for it.

A tracer stops the traced process while its own output is not read. So the reader of that output must not be stopped by
ctrl+z, or by a signal to the process that the user sees: it runs in a session of its own. The two processes watch each
other: if the waiting one ends, the worker gets SIGTERM. If the worker is stopped, the waiting one continues it. If the
worker is killed, the waiting one finishes its work.
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
PROGRAM_ENDED = -1  # in place of a pid: the program has ended, and only its last line is not written


class BackgroundWork(NamedTuple):
    """Work for a background process.

    ``work``: does it, stores in the `RunningProgram` what it runs, and returns the exit code. ``on_orphaned``: finishes
    the work if the worker was killed while it ran a program. ``on_abandoned``: called if an interrupt ends the wait
    while the worker only writes.
    """

    work: Callable[[RunningProgram], int]
    on_orphaned: Callable[[RunningProgram], object]
    on_abandoned: Callable[[], object]


def run_in_background(work: BackgroundWork) -> int:
    """Do the work in a background process, and return its exit code. It forks, so call it before starting threads.

    An interrupt is passed on to the worker. After the program has ended, an interrupt ends the wait, but not the work.
    """
    running = RunningProgram()
    signal_mask = signal.pthread_sigmask(signal.SIG_BLOCK, _AWAITED_SIGNALS)
    own_pid = os.getpid()
    try:
        worker = os.fork()
        if worker == 0:
            _run_worker(work.work, running, own_pid, signal_mask)
        return _wait_for_worker(worker, running, work)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, signal_mask)


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
        if os.getppid() != parent_pid:  # it ended before the death signal was set
            signal.raise_signal(signal.SIGTERM)
        code = work(running)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)


def _wait_for_worker(worker: int, running: RunningProgram, work: BackgroundWork) -> int:
    """Wait for the worker, and pass signals on. They are blocked and taken one by one, so none is missed."""
    while True:
        pid, status = os.waitpid(worker, os.WUNTRACED | os.WNOHANG)
        if pid == 0:
            signum = signal.sigwait(_AWAITED_SIGNALS)
            if signum == signal.SIGCHLD:
                continue
            if running.pid == PROGRAM_ENDED:
                work.on_abandoned()
                return 128 + signum
            with suppress(ProcessLookupError):
                os.kill(worker, signum)
            continue
        if os.WIFSTOPPED(status):
            os.kill(worker, signal.SIGCONT)
            continue
        code = os.waitstatus_to_exitcode(status)
        if code < 0 and running.pid:
            work.on_orphaned(running)
        return code if code >= 0 else 128 - code
