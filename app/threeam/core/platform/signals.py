"""Signals that have to wait: between the write and its acknowledgement nobody may be interrupted."""

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
    """Hold the `INTERRUPTIONS` back from the main thread; yield a function that takes one that came.

    No other thread is ever interrupted. There nothing is held back, and nothing is taken away from the main thread.
    """

    def interrupted() -> bool:
        pending = signal.sigpending() & set(INTERRUPT_SIGNALS)
        for number in pending:
            consume_pending_signal(number)
        return bool(pending)

    if not enabled or threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPT_SIGNALS)
    try:
        yield interrupted
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def signal_wakeup_fd() -> Iterator[int]:
    """Yield a descriptor that is readable once a signal has come, to be waited for with others. Main thread only.

    Python calls a handler between two instructions. A signal that comes right before a system call that blocks has only
    set a flag by then, and nothing would end the call.
    """
    reader, writer = make_nonblocking_pipe()
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        yield reader
    finally:
        signal.set_wakeup_fd(before)
        os.close(writer)
        os.close(reader)
