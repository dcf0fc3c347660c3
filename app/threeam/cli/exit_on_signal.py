"""What a signal does before a command runs and after it. Imported first, so it imports next to nothing itself."""

from __future__ import annotations

import os
import signal

TERMINATION_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


def exit_on_signals() -> None:
    """End the process at once on a signal: nothing has been read or written yet, or all of it has been.

    Nothing is raised, so no traceback of an import can be printed, and no finalizer can swallow it. A signal that is
    ignored, as nohup does it, stays ignored.
    """
    for number in TERMINATION_SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _exit)


def _exit(number: int, _frame: object) -> None:
    os._exit(128 + number)
