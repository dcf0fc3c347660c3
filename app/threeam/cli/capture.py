"""``3am capture``: the last lines of another pane of tmux."""

from __future__ import annotations

import os
from collections.abc import Sequence

from threeam.cli.console import print_err
from threeam.cli.context import context
from threeam.cli.parser import Parser
from threeam.cli.submit import submit
from threeam.core.errors import FileUnusable
from threeam.core.write.draft import hypothesis_tag
from threeam.tracing.capture import DEFAULT_LINES, MAX_LINES, capture_pane, select_pane


def run(_command: str, argv: Sequence[str]) -> int:
    """Runs ``3am capture``."""
    parser = Parser(
        "3am capture",
        "Keeps the last lines of another pane of tmux beside the journal, without their secrets, and writes the last "
        "few of them. Without a %PANE it is the only other one.",
        "example:\n  3am capture %3 -n 500 -H H7",
    )
    parser.add_argument("pane", nargs="?", metavar="%PANE", help="as tmux list-panes -a names it")
    parser.add_argument("-n", type=int, default=DEFAULT_LINES, metavar="N", help=f"so many lines ({DEFAULT_LINES})")
    parser.add_argument("-H", "--hyp", metavar="H7", help="the hypothesis that it is about")
    parser.add_argument("-q", "--quiet", action="store_true", help="do not print what was written")
    args = parser.parse_args(argv)
    if not 1 <= args.n <= MAX_LINES:
        parser.error(f"-n {args.n}: write a number from 1 to {MAX_LINES:,}")
    at = context(args)
    if (why := at.journal.write_obstacle()) is not None:
        raise FileUnusable(f"nothing was captured: {why}")
    hypothesis_tag(at.load_state(), args.hyp)
    pane = select_pane(args.pane, os.environ.get("TMUX_PANE"))
    path, draft = capture_pane(at.journal, pane, args.n, at.clock(), args.hyp)
    code = submit(lambda: at, lambda _: draft, "", quiet=args.quiet, attachment_path=path)
    print_err(f"kept as {path}")
    return code
