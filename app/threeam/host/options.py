"""The options of ``baseline save`` and ``baseline diff``."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from threeam.core.config.options import OptionParser
from threeam.core.format.times import parse_seconds
from threeam.host.baseline_log import DEFAULT_NAME

_DEFAULT_SAMPLES, _MAX_SAMPLES = 1, 1000
_DEFAULT_INTERVAL_S, _MAX_INTERVAL_S = 1.0, 86_400


def parse_save_options(parser: OptionParser, words: Sequence[str]) -> Namespace:
    """Return the options in ``words``: name, pid, cmd, samples, every. ``parser`` reports what is wrong."""
    _add_name(parser)
    option = parser.add_argument
    option("--pid", action="append", type=int, default=[], metavar="P", help="record a process in detail")
    option("--cmd", action="append", default=[], metavar="CMD", help="record the output of a command, too")
    samples_help = f"number of samples (default: {_DEFAULT_SAMPLES})"
    option("-n", "--samples", type=int, default=_DEFAULT_SAMPLES, metavar="N", help=samples_help)
    interval_help = f"time between samples (default: {_DEFAULT_INTERVAL_S:g}s)"
    option("--every", type=parse_seconds, default=_DEFAULT_INTERVAL_S, metavar="DURATION", help=interval_help)
    args = parser.parse_args(words)
    if not 1 <= args.samples <= _MAX_SAMPLES:
        parser.error(f"-n {args.samples}: write a number from 1 to {_MAX_SAMPLES}")
    if not 0 <= args.every <= _MAX_INTERVAL_S:
        parser.error(f"--every {args.every:g}s: write a duration up to 1d")
    return args


def parse_diff_options(parser: OptionParser, words: Sequence[str]) -> Namespace:
    """Return the options in ``words``: name (None: the baseline that was saved last)."""
    _add_name(parser)
    return parser.parse_args(words)


def _add_name(parser: OptionParser) -> None:
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help=f"of the baseline (default: {DEFAULT_NAME}; for diff the last one)"
    )
