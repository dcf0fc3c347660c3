"""``3am open``: the full screen on log files, together with the journal."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from threeam.cli.console import print_err
from threeam.cli.context import context
from threeam.cli.exits import ExitCode
from threeam.cli.mirrors import mirror_opener
from threeam.cli.parser import Parser
from threeam.cli.screen import can_draw, show_screen
from threeam.timeline.arguments import add_source_options, source_options
from threeam.timeline.clock_lines import clock_corrections
from threeam.timeline.files import STDIN
from threeam.timeline.open_logs import OpenLogs


def run(_command: str, argv: Sequence[str]) -> int:
    """Run ``3am open``."""
    parser = Parser(
        "3am open",
        "Opens the full screen on log files together with the journal: their lines in the order of their timestamps, "
        "to the nanosecond. It follows the files, marks the lines that were written late, and those whose order is "
        "not known. On the screen L shows what is known of each file, and o its lines as they were written.",
        "examples:\n  3am open app.log db=/var/log/postgresql/main.log.gz\n"
        "  3am open 'web*.log' --tz db=Europe/Berlin --shift 'web2=+3.2ms±0.4ms'\n"
        "  journalctl -o short-iso-precise | 3am open - app.log\n  3am open db1 web2          # hosts of the team",
    )
    add_source_options(parser)
    parser.add_argument("-R", "--read-only", action="store_true", help="the same screen without a writer")
    args = parser.parse_intermixed_args(argv)  # options may stand between the files
    ctx = context(args)
    reads_stdin = any(word.rpartition("=")[2] == STDIN for word in args.files)
    if not reads_stdin and not can_draw():
        return ExitCode.USAGE
    logs = OpenLogs(source_options(args))
    logs.open(args.files, clock_corrections(ctx.load_state()), mirror_opener(ctx.journal))
    if not logs.sources:
        for log in logs.logs:
            print_err(log.problem)
        return ExitCode.IO_ERROR
    if reads_stdin:
        _read_keys_from_the_terminal()
        if not can_draw():
            return ExitCode.USAGE
    return show_screen(ctx, read_only=args.read_only, logs=logs)


def _read_keys_from_the_terminal() -> None:
    """Let the screen read its keys from the terminal, since stdin was a log."""
    try:
        terminal = os.open("/dev/tty", os.O_RDWR)
    except OSError:  # `can_draw` says what is missing
        return
    os.dup2(terminal, sys.stdin.fileno())
    os.close(terminal)
