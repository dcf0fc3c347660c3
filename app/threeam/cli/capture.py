"""``3am capture``: save the last lines of another tmux pane."""

from __future__ import annotations

import os
from collections.abc import Sequence

from threeam.cli.console import print_err
from threeam.cli.context import context
from threeam.cli.parser import Parser
from threeam.cli.submit import Receipt, submit
from threeam.core.errors import FileUnusable
from threeam.core.write.draft import hypothesis_tag
from threeam.tracing.capture import DEFAULT_LINES, MAX_LINES, capture_pane, select_pane


def run(_command: str, argv: Sequence[str]) -> int:
    """Run ``3am capture``."""
    parser = Parser(
        "3am capture",
        "Saves the last lines of another tmux pane beside the journal, without their secrets, and logs the last few of "
        "them. Without a %PANE it takes the only other pane.",
        "example:\n  3am capture %3 -n 500 -H H7",
    )
    parser.add_argument("pane", nargs="?", metavar="%PANE", help="pane id, as of tmux list-panes -a")
    parser.add_argument(
        "-n", type=int, default=DEFAULT_LINES, metavar="N", help=f"number of lines (default: {DEFAULT_LINES})"
    )
    parser.add_argument("-H", "--hyp", metavar="H7", help="link to hypothesis H7")
    parser.add_argument("-q", "--quiet", action="store_true", help="do not print what was written")
    args = parser.parse_args(argv)
    if not 1 <= args.n <= MAX_LINES:
        parser.error(f"-n {args.n}: write a number from 1 to {MAX_LINES:,}")
    ctx = context(args)
    if (obstacle := ctx.journal.write_obstacle()) is not None:
        raise FileUnusable(f"nothing was captured: {obstacle}")
    hypothesis_tag(ctx.load_state(), args.hyp)  # an unknown hypothesis is reported before anything is captured
    pane = select_pane(args.pane, os.environ.get("TMUX_PANE"))
    path, draft = capture_pane(ctx.journal, pane, args.n, ctx.clock(), args.hyp)
    code = submit(lambda: ctx, lambda _: draft, "", Receipt(quiet=args.quiet), attachment_path=path)
    print_err(f"saved as {path}")
    return code
