"""``3am as-of``: the journal as it was at a past time."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from threeam.cli.console import print_err
from threeam.cli.context import context
from threeam.cli.exits import ExitCode
from threeam.cli.parser import Parser
from threeam.core.store.as_of import resolve_point
from threeam.core.store.journal import Position


def run(_command: str, argv: Sequence[str]) -> int:
    """Run ``3am as-of``."""
    parser = Parser(
        "3am as-of",
        "The journal, full screen, as it was at a time, or 1ms before the entry of an @stamp; > returns to now. "
        "Without a terminal: 3am tail up to there.",
        "examples:\n  3am as-of 03:14\n  3am as-of @2026-11-24T03:14:07.123456789+0000",
    )
    parser.add_time_argument("when", about="03:14, -15m, yesterday, @stamp")
    args = parser.parse_args(argv)
    ctx = context(args)
    live = ctx.require_log()
    point = resolve_point(ctx.journal, Position(live, live.size()), args.when, ctx.clock(), ctx.zone)
    from threeam.cli import screen, tail

    if not sys.stdout.isatty():
        print_err("stdout is not a terminal, so this is 3am tail")
        return tail.print_lines_before(ctx, point.end)
    return screen.show_screen(ctx, as_of=point) if screen.can_draw() else ExitCode.USAGE
