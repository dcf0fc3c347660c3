"""``3am``: finds the command, runs it, and turns whatever happens into a sentence and an exit code."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import NoReturn

from threeam.cli import signals
from threeam.cli.commands import COMMANDS
from threeam.cli.exit_on_signal import exit_on_signals
from threeam.cli.exits import ExitCode, TerminatedBySignal, run_reporting_errors
from threeam.cli.split import split_command


# Each command: its module, and what it does in a line. Nothing is imported before it is called.
def main(argv: Sequence[str], *, started: Callable[[], None] = lambda: None) -> int:
    """Runs one command line and gives its exit code. The only place where an exit code is decided.

    ``started`` is called when the command is imported and is about to run.
    """
    try:
        return _main(argv, started)
    except TerminatedBySignal as ended:
        return ended.code
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED


def _main(argv: Sequence[str], started: Callable[[], None]) -> int:
    command, rest = split_command(argv)
    if command is None:
        from threeam.cli import screen

        started()
        return _run(lambda: screen.run(rest))
    if command not in COMMANDS:
        from threeam.cli.parser import did_you_mean

        print(
            f"3am: there is no command {command!r}{did_you_mean(command, list(COMMANDS))}; see 3am --help",
            file=sys.stderr,
        )
        return ExitCode.USAGE
    module = import_module(f"threeam.cli.{COMMANDS[command][0]}")
    started()
    return _run(lambda: module.run(command, rest))


def _run(command: Callable[[], int]) -> int:
    from threeam.cli.console import reset_unreadable_files

    reset_unreadable_files()
    return run_reporting_errors(command)


def run_and_exit() -> NoReturn:
    """The console script: `main`, and then straight out.

    A one-shot lives for a few milliseconds: collecting cycles and tearing the interpreter down took
    a sixth of its time. Every write has been made with os.write by then.
    """
    gc.disable()
    exit_on_signals()
    _open_standard()
    code = signals.run_until_signal(lambda: main(sys.argv[1:], started=signals.raise_on_signals))
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:  # a closed pipe: nobody is there to be told
        pass
    os._exit(code)


def _open_standard() -> None:
    """Makes sure that 0, 1 and 2 are taken: else the log itself would be opened as one of them."""
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = sys.stdout or open(1, "w")  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w")  # noqa: SIM115
