"""``3am`` by itself: the full screen, or `3am tail` where there is no terminal to draw on."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from threeam import __version__
from threeam.cli.console import print_err, reset_unreadable_files
from threeam.cli.context import Context, context
from threeam.cli.exits import ExitCode
from threeam.cli.parser import Parser
from threeam.core.store.as_of import PointInTime


def run(argv: Sequence[str]) -> int:
    """Opens the screen."""
    from threeam.cli.commands import COMMANDS

    every = "\n".join(f"  {name:<8} {about}" for name, (_, about) in COMMANDS.items())
    parser = Parser(
        "3am",
        "The debugging journal. Without a command: the journal, full screen.",
        f"commands (3am COMMAND --help says more):\n{every}\n\nexamples:\n  3am\n  3am log it happened again",
    )
    parser.add_argument("-R", "--read-only", action="store_true", help="the same screen without a writer")
    parser.add_argument("--version", action="version", version=f"3am {__version__}")
    args = parser.parse_args(argv)
    if not sys.stdout.isatty():
        from threeam.cli import tail

        print_err("stdout is no terminal, so this is 3am tail")
        return tail.run("tail", [word for word in argv if word not in ("-R", "--read-only")])
    if not can_draw():
        return ExitCode.USAGE
    return show_screen(context(args), read_only=args.read_only)


def can_draw() -> bool:
    """Whether there is a terminal to read keys from and to draw on; if not, it is said."""
    if not sys.stdin.isatty():
        print_err("the full screen reads keys, not text: to append what comes through a pipe, use 3am log -")
        return False
    if not sys.stderr.isatty():  # Textual draws there
        print_err("the full screen draws on stderr, and that is no terminal")
        return False
    if is_dumb_terminal():
        print_err("TERM is dumb, and the full screen has to move the cursor: 3am tail -f reads, 3am log TEXT writes")
        return False
    return True


def is_dumb_terminal() -> bool:
    """Whether the terminal says that it cannot move its cursor, as those of editors do."""
    return os.environ.get("TERM") == "dumb"


def show_screen(at: Context, *, read_only: bool = False, as_of: PointInTime | None = None) -> int:
    """Opens the screen, and gives its exit code. The one way from the command line to the screen."""
    from threeam.tui.app import run_app

    reset_unreadable_files()  # the screen says it itself, and a sentence on stderr would be drawn into it
    options = at.write_options()
    return run_app(at.journal, at.settings, at.author, at.clock, options, read_only=read_only, as_of=as_of)
