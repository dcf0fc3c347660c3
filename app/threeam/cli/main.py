"""``3am``: finds the command, runs it, and turns whatever happens into a sentence and an exit code."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import NoReturn

from threeam.cli import signals
from threeam.cli.exit_on_signal import exit_on_signals
from threeam.cli.exits import Ended, Exit
from threeam.cli.split import split_command

# Each command: its module, and what it does in a line. Nothing is imported before it is called.
COMMANDS = {
    "log": ("log", "append a note, or every line of stdin"),
    "sanity": ("sanity", "the Bash script of the essay, argument for argument"),
    "tail": ("tail", "the log as plain text, and follow it"),
    "coffee": ("coffee", "one coffee, or N, or one taken back"),
    "water": ("coffee", "one glass of water"),
    "sleep": ("coffee", "the end of the night"),
    "hyp": ("hyp", "hypotheses: claims, predictions, evidence, verdicts"),
    "stamp": ("stamp", "a stamp now, and the words later"),
    "correct": ("stamp", "other words for an entry, by a new line"),
    "changed": ("changed", "what was changed, and how to undo it"),
    "undone": ("changed", "that it was undone"),
    "handoff": ("handoff", "what whoever takes over has to know"),
    "take": ("handoff", "that you hold the journal now"),
    "fork": ("fork", "the journal up to a moment, as a new one"),
    "journals": ("journals", "the journals there are, one for each bug"),
    "export": ("export", "the journal as Markdown, HTML, JSONL or CSV"),
    "import": ("export", "a journal from its JSONL, byte for byte"),
    "as-of": ("as_of", "the journal as it was"),
    "run": ("run", "a command once, or an experiment; every run a line"),
    "observe": ("observe", "strace, perf, lsof or tcpdump on a process, and since when"),
    "capture": ("capture", "the last lines of another tmux pane"),
    "fixed": ("fixed", "may I call it fixed?"),
    "preflight": ("preflight", "what the hunt needs, with the command that mends it"),
    "baseline": ("baseline", "a snapshot of normal, and what is different now"),
    "restore": ("restore", "the application, or the data, as before"),
    "stable": ("restore", "the last known stable commit of a work tree"),
    "blockers": ("blockers", "who blocks whom in a PostgreSQL"),
    "status": ("status", "one line: cups, milligrams, open hypotheses, lock"),
    "doctor": ("doctor", "what is wrong with the log"),
    "rotate": ("rotate", "a new log now, whatever the size of this one"),
    "path": ("path", "which files, and why those"),
    "demo": ("demo", "a two-minute tour on a throwaway journal"),
}


def main(argv: Sequence[str], *, started: Callable[[], None] = lambda: None) -> int:
    """Runs one command line and gives its exit code. The only place where an exit code is decided.

    ``started`` is called when the command is imported and is about to run.
    """
    try:
        return _main(argv, started)
    except Ended as ended:
        return ended.code
    except KeyboardInterrupt:
        return Exit.INTERRUPTED


def _main(argv: Sequence[str], started: Callable[[], None]) -> int:
    command, rest = split_command(argv)
    if command is None:
        from threeam.cli import screen

        started()
        return _run(lambda: screen.run(rest))
    if command not in COMMANDS:
        from threeam.cli.parser import nearest

        print(
            f"3am: there is no command {command!r}{nearest(command, list(COMMANDS))}; see 3am --help", file=sys.stderr
        )
        return Exit.USAGE
    module = import_module(f"threeam.cli.{COMMANDS[command][0]}")
    started()
    return _run(lambda: module.run(command, rest))


def _run(command: Callable[[], int]) -> int:
    from threeam.cli.console import forget_unread

    forget_unread()
    return exit_code_of(command)


def run() -> NoReturn:
    """The console script: `main`, and then straight out.

    A one-shot lives for a few milliseconds: collecting cycles and tearing the interpreter down took
    a sixth of its time. Every write has been made with os.write by then.
    """
    gc.disable()
    exit_on_signals()
    _open_standard()
    code = signals.ended_by_signal(lambda: main(sys.argv[1:], started=signals.raise_on_signals))
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:  # a closed pipe: nobody is there to be told
        pass
    os._exit(code)


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
    from threeam.core.store.journal import JournalError
    from threeam.core.write.draft import Declined

    try:
        return command()
    except Declined as no:
        talk(str(no))
        return Exit.NO
    except JournalError as error:
        talk(str(error))
        return _code(error)
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


def _code(error: Exception) -> Exit:
    from threeam.core.store.journal import BadInput
    from threeam.core.write.lock import LockTimeout

    if isinstance(error, LockTimeout):
        return Exit.LOCK
    return Exit.USAGE if isinstance(error, BadInput) else Exit.IO


def _open_standard() -> None:
    """Makes sure that 0, 1 and 2 are taken: else the log itself would be opened as one of them."""
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = sys.stdout or open(1, "w")  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w")  # noqa: SIM115


def _silence_stdout() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
