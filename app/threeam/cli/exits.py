"""The exit codes, which scripts may rely on, and the code of each error."""

from __future__ import annotations

import os
from collections.abc import Callable
from enum import IntEnum

from threeam.core.errors import BadInput, JournalError, LockTimeout, PreconditionFailed


class Exit(IntEnum):
    """How a command ended."""

    DONE = 0
    NO = 1
    USAGE = 2
    IO = 3
    LOCK = 4
    DAMAGE = 5
    INTERRUPTED = 130


# The first class that an error belongs to decides. Other errors of the system are `Exit.IO`.
EXIT_CODES: tuple[tuple[type[JournalError], Exit], ...] = (
    (PreconditionFailed, Exit.NO),
    (BadInput, Exit.USAGE),
    (LockTimeout, Exit.LOCK),
    (JournalError, Exit.IO),
)


class Ended(KeyboardInterrupt):
    """A signal other than SIGINT asks the program to end; what it has not written is handed back, as after ctrl+c."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.code = 128 + number


def exit_code_of(command: Callable[[], int]) -> int:
    """Call ``command``, and turn whatever it raises but an interrupt into a sentence and an exit code."""
    from threeam.cli.console import talk_of_unread

    try:
        code = _code_of(command)
    finally:  # also after an interrupt: what was printed by then lacks those lines
        any_unread = talk_of_unread()
    return Exit.IO if any_unread and code in (Exit.DONE, Exit.NO) else code


def _code_of(command: Callable[[], int]) -> int:
    from threeam.cli.console import talk

    try:
        return command()
    except JournalError as error:
        talk(str(error))
        return next(code for kind, code in EXIT_CODES if isinstance(error, kind))
    except FileNotFoundError as error:
        if error.filename is None:  # os.getcwd
            talk("the folder that this was called from is gone: cd to another")
        else:
            talk(f"{error.filename}: {error.strerror}")
        return Exit.IO
    except BrokenPipeError:  # `3am tail | head`: they have seen enough
        _silence_stdout()
        return Exit.DONE
    except OSError as error:
        talk(f"{error.filename or 'the system'}: {error.strerror}")
        return Exit.IO
    except SystemExit as end:  # argparse has said its sentence
        return end.code if isinstance(end.code, int) else Exit.DONE


def _silence_stdout() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
