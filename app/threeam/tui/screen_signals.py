"""Signals of the full screen: it ends with its terminal as it was, and draws again after it was stopped."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import sys
import threading
from collections.abc import Callable

ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
TERMINAL_CHECK_S = 3.0  # between two checks whether the terminal is still there
_LATE_S = 6.0  # after a signal: leaving takes at most 3.5 s; then the program has ended, or never will


def install_signal_handlers(
    leave: Callable[[int], object], stop: Callable[[], object], continue_: Callable[[], object]
) -> None:
    """Call ``leave`` with an exit code on a signal that ends programs, ``stop`` on SIGTSTP, ``continue_`` on SIGCONT.

    They are called in the loop. Python's own handler raises an exception anywhere, which would end the loop in its
    middle and leave the terminal as it is.
    """
    loop = asyncio.get_running_loop()
    for number in ENDING_SIGNALS:
        loop.add_signal_handler(number, end_by_signal, number, leave)
    loop.add_signal_handler(signal.SIGTSTP, stop)
    loop.add_signal_handler(signal.SIGCONT, continue_)


def end_by_signal(number: int, leave: Callable[[int], object]) -> None:
    """Call ``leave`` with the exit code of a signal, and end the process if that does not end it."""
    # If the terminal is gone, Textual's output thread has died of EIO, and its shutdown waits for ever for room in the
    # queue of that thread. The draft is settled long before this.
    late = threading.Timer(_LATE_S, os._exit, (128 + number,))
    late.daemon = True
    late.start()
    leave(128 + number)


def is_terminal_gone() -> bool:
    """Return whether the terminal of stdin is gone.

    One that is not the controlling terminal sends no SIGHUP then, and Textual would read its end for ever.
    """
    terminal = select.poll()
    terminal.register(sys.stdin.fileno(), select.POLLIN)
    return any(events & (select.POLLHUP | select.POLLERR | select.POLLNVAL) for _, events in terminal.poll(0))


def has_job_control() -> bool:
    """Return whether a shell waits for this process group, and can continue it after it was stopped.

    POSIX calls a group without such a parent orphaned: a pane of tmux whose command is 3am has one.
    """
    group, session, parent = os.getpgrp(), os.getsid(0), os.getppid()
    try:
        while os.getpgid(parent) == group:  # a script that runs this program
            parent = _parent_of(parent)
        return os.getsid(parent) == session
    except OSError:  # it has ended, or is in a container that does not show it
        return False


def _parent_of(pid: int) -> int:
    """Return the parent of a process. Raise `OSError` if the system does not tell."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
        return int(file.read().rpartition(")")[2].split()[1])
