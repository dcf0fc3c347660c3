"""The options of ``capture``."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from threeam.core.config.options import OptionParser

DEFAULT_LINES = 200
_MAX_LINES = 50_000


def parse_capture_options(parser: OptionParser, words: Sequence[str]) -> Namespace:
    """Return the options in ``words``: pane (None: the only other one), n, hyp. ``parser`` reports what is wrong."""
    parser.add_argument("pane", nargs="?", metavar="%PANE", help="pane id, as of tmux list-panes -a")
    parser.add_argument(
        "-n", type=int, default=DEFAULT_LINES, metavar="N", help=f"number of lines (default: {DEFAULT_LINES})"
    )
    parser.add_argument("-H", "--hyp", metavar="H7", help="link to hypothesis H7, or to db1/H7 of another host")
    args = parser.parse_args(words)
    if not 1 <= args.n <= _MAX_LINES:
        parser.error(f"-n {args.n}: write a number from 1 to {_MAX_LINES:,}")
    return args
