"""Signals that have to wait: a process must not be interrupted between a write and its acknowledgement."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from threeam.core.platform.portability import consume_pending_signal, make_nonblocking_pipe

INTERRUPT_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


@contextmanager
def defer_interrupts(enabled: bool) -> Iterator[Callable[[], bool]]:
    """Block the `INTERRUPT_SIGNALS` in the main thread, and yield a function that consumes those that are pending.

    The function returns whether there were any. Without ``enabled``, and in any other thread, which no signal
    interrupts, nothing is blocked and the function always returns False.
    """

    def consume_pending() -> bool:
        pending = signal.sigpending() & set(INTERRUPT_SIGNALS)
        for signum in pending:
            consume_pending_signal(signum)
        return bool(pending)

    if not enabled or threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    previous_mask = signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPT_SIGNALS)
    try:
        yield consume_pending
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous_mask)


@contextmanager
def signal_wakeup_fd() -> Iterator[int]:
    """Yield a descriptor that becomes readable when a signal arrives, for use with poll(2). Main thread only.

    Python calls a handler between two instructions. A signal right before a blocking system call only sets a flag, and
    nothing would end the call.
    """
    read_fd, write_fd = make_nonblocking_pipe()
    previous_fd = signal.set_wakeup_fd(write_fd, warn_on_full_buffer=False)
    try:
        yield read_fd
    finally:
        signal.set_wakeup_fd(previous_fd)
        os.close(write_fd)
        os.close(read_fd)
