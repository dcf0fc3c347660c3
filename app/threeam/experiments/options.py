"""The options of ``fixed``."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from threeam.core.config.options import OptionParser


def parse_fixed_options(parser: OptionParser, words: Sequence[str]) -> Namespace:
    """Return the options in ``words``: hypothesis, since, arm, seen, start. ``parser`` reports what is wrong."""
    parser.add_argument("hypothesis", metavar="H7", help="the bug")
    parser.add_time_argument(
        "--since", about="judge the first change from T on (default: the oldest one that still stands)"
    )
    parser.add_argument("--arm", metavar="ARM", help="only the runs of this arm")
    parser.add_argument("--seen", metavar="RE", help="the bug is seen when a note or a streamed line matches")
    parser.add_time_argument(
        "--watched-since",
        "--from",
        dest="start",
        about="with --seen: the log was watched from T on (default: since the first line)",
    )
    args = parser.parse_args(words)
    if args.start is not None and args.seen is None:
        parser.error("--watched-since needs --seen")
    if args.arm is not None and args.seen is not None:
        parser.error("--arm is for runs, and --seen counts lines: take one of them")
    return args
