"""``3am`` without a command: the full screen, or `3am tail` if stdout is not a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from threeam import __version__
from threeam.cli.console import print_err, reset_unreadable_files
from threeam.cli.context import Context, context
from threeam.cli.exits import ExitCode
from threeam.cli.parser import Parser
from threeam.core.store.as_of import PointInTime

if TYPE_CHECKING:
    from threeam.timeline.open_logs import OpenLogs


def run(argv: Sequence[str]) -> int:
    """Run ``3am`` without a command."""
    parser = Parser(
        "3am",
        "The debugging journal. Without a command: the journal, full screen.",
        f"{_list_commands()}\n\n3am COMMAND --help is the short form, 3am help COMMAND the long one.\n\n"
        "examples:\n  3am\n  3am log it happened again",
    )
    parser.add_argument("-R", "--read-only", action="store_true", help="the same screen without a writer")
    parser.add_argument("--version", action="version", version=f"3am {__version__}")
    args = parser.parse_args(argv)
    if not sys.stdout.isatty():
        from threeam.cli import tail

        print_err("stdout is not a terminal, so this is 3am tail")
        return tail.run("tail", [word for word in argv if word not in ("-R", "--read-only")])
    if not can_draw():
        return ExitCode.USAGE
    return show_screen(context(args), read_only=args.read_only)


def _list_commands() -> str:
    """Return the commands under the titles of their families."""
    from threeam.cli.commands import COMMANDS, FAMILIES

    width = max(map(len, COMMANDS))
    return "\n".join(
        "\n".join([f"{family}:", *(f"  {name:<{width}}  {COMMANDS[name][1]}" for name in names)])
        for family, names in FAMILIES.items()
    )


def can_draw() -> bool:
    """Return whether there is a terminal to read keys from and to draw on. If not, print why."""
    if not sys.stdin.isatty():
        print_err("the full screen reads keys, not text: to append the lines of a pipe, use 3am log -")
        return False
    if not sys.stderr.isatty():  # Textual draws there
        print_err("the full screen draws on stderr, and that is not a terminal")
        return False
    if is_dumb_terminal():
        print_err("TERM is dumb, and the full screen must move the cursor: 3am tail -f reads, 3am log TEXT writes")
        return False
    return True


def is_dumb_terminal() -> bool:
    """Return whether TERM declares a terminal that cannot move its cursor, as in some editors."""
    return os.environ.get("TERM") == "dumb"


def show_screen(
    ctx: Context, *, read_only: bool = False, as_of: PointInTime | None = None, logs: OpenLogs | None = None
) -> int:
    """Open the full screen and return its exit code. ``as_of``: show the journal as it was then.

    ``logs``: the logs of other programs that are shown beside it.
    """
    from threeam.projections import FOLD
    from threeam.tui.look import load_look, look_path
    from threeam.tui.run import run_app
    from threeam.tui.session import Session

    reset_unreadable_files()  # the screen reports them itself; a message on stderr would be drawn into it
    path = look_path(os.environ)
    session = Session(
        ctx.journal,
        ctx.settings,
        FOLD,
        ctx.author,
        ctx.clock,
        writer=None,
        emoji=ctx.settings.emoji,
        look=load_look(path),
        look_path=path,
        logs=logs,
    )
    return run_app(session, None if read_only else ctx.write_options(), as_of)
