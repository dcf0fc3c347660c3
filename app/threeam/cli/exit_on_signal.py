"""The signal handlers before a command runs. This module is imported first, so it imports next to nothing."""

from __future__ import annotations

import os
import signal

TERMINATION_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


def exit_on_signals() -> None:
    """End the process at once on a signal: nothing has been read or written yet.

    Nothing is raised, so no traceback of an import is printed, and no finalizer swallows the signal. A signal that is
    ignored, as after nohup, stays ignored.
    """
    for number in TERMINATION_SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _exit_now)


def _exit_now(number: int, _frame: object) -> None:
    os._exit(128 + number)
