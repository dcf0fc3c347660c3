"""The entry point of the command line: finds the command, runs it, and exits with its code."""

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


def main(argv: Sequence[str], *, before_run: Callable[[], None] = lambda: None) -> int:
    """Run a command line and return its exit code.

    ``before_run`` is called after the command's module is imported, before the command runs.
    """
    try:
        return _dispatch(argv, before_run)
    except TerminatedBySignal as ended:
        return ended.code
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED


def _dispatch(argv: Sequence[str], before_run: Callable[[], None]) -> int:
    command, rest = split_command(argv)
    if command is None:
        from threeam.cli import screen

        before_run()
        return _run_command(lambda: screen.run(rest))
    if command not in COMMANDS:
        from threeam.core.config.options import did_you_mean

        print(
            f"3am: there is no command {command!r}{did_you_mean(command, list(COMMANDS))}; see 3am --help",
            file=sys.stderr,
        )
        return ExitCode.USAGE
    module = import_module(f"threeam.cli.{COMMANDS[command][0]}")
    before_run()
    return _run_command(lambda: module.run(command, rest))


def _run_command(command: Callable[[], int]) -> int:
    from threeam.cli.console import reset_unreadable_files

    reset_unreadable_files()
    return run_reporting_errors(command)


def run_and_exit() -> NoReturn:
    """Run the command line of this process and exit without finalizing the interpreter.

    A command takes a few milliseconds; garbage collection and finalization took a sixth of that. All data was written
    with os.write by then.
    """
    gc.disable()
    exit_on_signals()
    _ensure_standard_fds()
    code = signals.run_until_signal(lambda: main(sys.argv[1:], before_run=signals.raise_on_signals))
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:  # a closed pipe: nothing can be printed
        pass
    os._exit(code)


def _ensure_standard_fds() -> None:
    """Open /dev/null as each of 0, 1 and 2 that is closed: otherwise the log could be opened as one of them."""
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = sys.stdout or open(1, "w")  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w")  # noqa: SIM115
