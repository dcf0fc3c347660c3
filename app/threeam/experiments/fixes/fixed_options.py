"""The options of ``fixed``."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from threeam.core.config.options import OptionParser
from threeam.experiments.fixes.fix_control import Versions


def parse_fixed_options(parser: OptionParser, words: Sequence[str]) -> Namespace:
    """Return the options in ``words``. ``parser`` reports what is wrong.

    They are hypothesis, since, arm, seen, start, and ``versions``: the arms of a control, or None.
    """
    parser.add_argument("hypothesis", metavar="H7", help="the bug; db1/H7: of another host")
    parser.add_time_argument(
        "--since", about="judge the first change from T on (default: the oldest one that still stands)"
    )
    parser.add_argument("--arm", metavar="ARM", help="only the runs of this arm")
    parser.add_argument("--kind", metavar="A", help="only this kind of failure is the bug; the others are told apart")
    parser.add_argument("--old", metavar="ARM", help="the arm that runs the version before the fix")
    parser.add_argument("--new", metavar="ARM", help="the arm that runs the fix, in the same experiment")
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
    if (args.old is None) != (args.new is None):
        parser.error("--old and --new name the two arms of one experiment: give both")
    if args.old is not None and (args.arm is not None or args.seen is not None):
        parser.error("--old and --new compare two arms: leave --arm and --seen out")
    if args.kind is not None and args.seen is not None:
        parser.error("--kind is for runs, and --seen counts lines: take one of them")
    if args.old is not None and args.old == args.new:
        parser.error(f"--old and --new are both {args.old}: name two arms")
    args.versions = None if args.old is None else Versions(args.old, args.new)
    return args
