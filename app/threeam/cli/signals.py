"""The signal handlers of a running command: it hands back unwritten text and exits, without a traceback."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import TYPE_CHECKING

from threeam.cli.exit_on_signal import TERMINATION_SIGNALS
from threeam.cli.exits import TerminatedBySignal

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

_RESEND_INTERVAL_S = 0.001
_lost_signal = 0  # the number of a signal whose interrupt could not be raised: see `_send_again`


def raise_on_signals() -> None:
    """Raise `KeyboardInterrupt` on a signal, so that a command can hand back what it has not written."""
    sys.excepthook = _excepthook
    sys.unraisablehook = _unraisablehook
    signal.signal(signal.SIGALRM, _resend_lost_signal)
    for number in TERMINATION_SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _raise_interrupt)


def run_until_signal(work: Callable[[], int]) -> int:
    """Return the exit code of ``work``, or that of the signal that ended it. Afterwards no signal raises."""
    code: int | None = None
    while True:
        try:
            code = work() if code is None else code
            settle_exit_code(code)
            return code
        except KeyboardInterrupt as interrupt:  # a second one may come while the first is being handled
            if code is None:
                code = interrupt_exit_code(interrupt)


def settle_exit_code(code: int) -> None:
    """End the process with ``code`` on a signal from now on, if signals raise an interrupt so far.

    A command calls this when its lines are written and printed. What it does after that (reminders, warnings, cleaning
    up) is optional. The exit code 130 would say that nothing was written.
    """
    for number in TERMINATION_SIGNALS:
        if signal.getsignal(number) == _raise_interrupt:
            signal.signal(number, lambda _number, _frame: os._exit(code))


def interrupt_exit_code(interrupt: BaseException) -> int:
    """Return the exit code for an interrupt."""
    return interrupt.code if isinstance(interrupt, TerminatedBySignal) else 128 + signal.SIGINT


def _raise_interrupt(number: int, frame: FrameType | None) -> None:
    if _is_in_unraisablehook(frame):
        _send_again(number)
        return
    raise KeyboardInterrupt if number == signal.SIGINT else TerminatedBySignal(number)


def _excepthook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        os._exit(interrupt_exit_code(error))
    sys.__excepthook__(kind, error, trace)


def _unraisablehook(unraisable: UnraisableHookArgs) -> None:
    """Send a signal again if its interrupt was raised in a finalizer, which swallows it."""
    if not issubclass(unraisable.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(unraisable)
        return
    error = unraisable.exc_value
    _send_again((interrupt_exit_code(error) if error is not None else 128 + signal.SIGINT) - 128)


def _is_in_unraisablehook(frame: FrameType | None) -> bool:
    """Return whether `_unraisablehook` is running: Python would print an exception raised there, and go on."""
    while frame is not None and frame.f_code is not _unraisablehook.__code__:
        frame = frame.f_back
    return frame is not None


def _send_again(number: int) -> None:
    """Send signal ``number`` again, at a moment when its interrupt can be raised.

    The timer repeats, because it may expire while the hook is still running.
    """
    global _lost_signal
    _lost_signal = number
    signal.setitimer(signal.ITIMER_REAL, _RESEND_INTERVAL_S, _RESEND_INTERVAL_S)


def _resend_lost_signal(_number: int, frame: FrameType | None) -> None:
    if _lost_signal and not _is_in_unraisablehook(frame):
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.raise_signal(_lost_signal)  # not an exception: while signals are deferred, this one is deferred too
