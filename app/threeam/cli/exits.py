"""The exit codes, on which scripts may rely, and which error gives which."""

from __future__ import annotations

import os
from collections.abc import Callable
from enum import IntEnum

from threeam.core.errors import BadInput, JournalError, LockTimeout, PreconditionFailed


class ExitCode(IntEnum):
    """An exit code of ``3am``."""

    OK = 0
    NEGATIVE = 1
    USAGE = 2
    IO_ERROR = 3
    LOCK_TIMEOUT = 4
    DAMAGED = 5
    INTERRUPTED = 130


# The first class that matches decides. Other errors of the system are `ExitCode.IO_ERROR`.
EXIT_CODES: tuple[tuple[type[JournalError], ExitCode], ...] = (
    (PreconditionFailed, ExitCode.NEGATIVE),
    (BadInput, ExitCode.USAGE),
    (LockTimeout, ExitCode.LOCK_TIMEOUT),
    (JournalError, ExitCode.IO_ERROR),
)


class TerminatedBySignal(KeyboardInterrupt):
    """A signal other than SIGINT; the command hands back what it has not written, as after ctrl+c."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.code = 128 + number


def run_reporting_errors(command: Callable[[], int]) -> int:
    """Call ``command`` and return its exit code. Each exception but an interrupt becomes a message and a code."""
    from threeam.cli.console import report_unreadable_files

    try:
        code = _run_catching_errors(command)
    finally:  # also after an interrupt: the output so far lacks the lines of these files
        any_unread = report_unreadable_files()
    return ExitCode.IO_ERROR if any_unread and code in (ExitCode.OK, ExitCode.NEGATIVE) else code


def _run_catching_errors(command: Callable[[], int]) -> int:
    from threeam.cli.console import print_err

    try:
        return command()
    except JournalError as error:
        print_err(str(error))
        return next(code for kind, code in EXIT_CODES if isinstance(error, kind))
    except FileNotFoundError as error:
        if error.filename is None:  # os.getcwd
            print_err("the current folder does not exist any more: cd to another")
        else:
            print_err(f"{error.filename}: {error.strerror}")
        return ExitCode.IO_ERROR
    except BrokenPipeError:  # `3am tail | head`: head has read enough
        _silence_stdout()
        return ExitCode.OK
    except OSError as error:
        print_err(f"{error.filename or 'the system'}: {error.strerror}")
        return ExitCode.IO_ERROR
    except SystemExit as end:  # argparse has printed its message
        return end.code if isinstance(end.code, int) else ExitCode.OK


def _silence_stdout() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
