"""``3am capture``: save the last lines of another tmux pane."""

from __future__ import annotations

import os
from collections.abc import Sequence

from threeam.cli.console import print_err
from threeam.cli.context import context
from threeam.cli.parser import Parser
from threeam.cli.submit import Receipt, submit
from threeam.cli.team_hosts import read_bound
from threeam.core.errors import FileUnusable
from threeam.tracing.capture import capture_pane, select_pane
from threeam.tracing.options import parse_capture_options


def run(_command: str, argv: Sequence[str]) -> int:
    """Run ``3am capture``."""
    parser = Parser(
        "3am capture",
        "Saves the last lines of another tmux pane beside the journal, without their secrets, and logs the last few of "
        "them. Without a %PANE it takes the only other pane.",
        "example:\n  3am capture %3 -n 500 -H H7",
    )
    parser.add_quiet_option()
    args = parse_capture_options(parser, argv)
    ctx = context(args)
    if (obstacle := ctx.journal.write_obstacle()) is not None:
        raise FileUnusable(f"nothing was captured: {obstacle}")
    hypothesis = read_bound(ctx, args.hyp)
    pane = select_pane(args.pane, os.environ.get("TMUX_PANE"))
    path, draft = capture_pane(ctx.journal, pane, args.n, ctx.clock(), hypothesis)
    code = submit(lambda: ctx, lambda _: draft, "", Receipt(quiet=args.quiet), attachment_path=path)
    print_err(f"saved as {path}")
    return code
