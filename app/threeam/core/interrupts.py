"""Signals that have to wait: between the write and its acknowledgement nobody may be interrupted."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from threeam.core.portability import take_pending

INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


@contextmanager
def interrupts_deferred(wanted: bool) -> Iterator[Callable[[], bool]]:
    """Holds the `INTERRUPTIONS` back from this thread; gives a way to take one that came."""

    def interrupted() -> bool:
        pending = signal.sigpending() & set(INTERRUPTIONS)
        for number in pending:
            take_pending(number)
        return bool(pending)

    if not wanted:
        yield lambda: False
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTIONS)
    try:
        yield interrupted
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
