"""The options of a search for keys, which ``3am races`` and ``3am near`` share."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from typing import NamedTuple

from threeam.core.config.options import OptionParser, did_you_mean
from threeam.core.errors import BadInput, BadTime
from threeam.core.format.times import format_duration, parse_exact_duration
from threeam.races.key_pattern import KeyPatterns, parse_key_patterns
from threeam.races.operations import Operations, parse_operations
from threeam.races.scan import DEFAULT_WINDOW_NS, KeyScan
from threeam.timeline.source import Source


class KeyOptions(NamedTuple):
    """The patterns of the keys, the operations, the window in ns, and the pairs of sources of one program."""

    patterns: KeyPatterns
    operations: Operations
    window_ns: int = DEFAULT_WINDOW_NS
    same: tuple[tuple[str, str], ...] = ()

    def scan(self, sources: Sequence[Source]) -> KeyScan:
        """Return a scan of ``sources``, which have their indexes. Raises `BadInput` if ``same`` names another one."""
        names = [source.name for source in sources]
        for name in (name for pair in self.same for name in pair):
            if name not in names:
                raise BadInput(f"--same {name}: there is no such source{did_you_mean(name, names)}")
        return KeyScan(sources, self.patterns, self.operations, self.window_ns, self.same)


def add_key_options(parser: OptionParser) -> None:
    """Add the options. `key_options` reads them."""
    parser.add_argument(
        "--key",
        action="append",
        default=[],
        metavar="RE",
        help="a regular expression whose group is the key: 'cart=(?P<key>\\d+)'; the groups actor and op may name "
        "who does what. Several patterns with the group key mean the same key; a group of another name is another key",
    )
    parser.add_argument(
        "--op",
        action="append",
        default=[],
        metavar="K=WORDS",
        help="more verbs: W=touch,bump; K is R read, W write, C create, D delete, L lock, U unlock, B begin, E end",
    )
    parser.add_argument(
        "--window",
        default="",
        metavar="D",
        help=f"accesses further apart do not belong together (default: {format_duration(DEFAULT_WINDOW_NS)})",
    )
    parser.add_argument(
        "--same", action="append", default=[], metavar="A=B", help="the sources A and B are logs of one program"
    )


def add_shuffle_option(parser: OptionParser) -> None:
    """Add the option of a search for races alone: how often chance finds as many."""
    parser.add_argument(
        "--shuffle", type=_shift_count, default=0, metavar="N", help="find how often chance finds as many"
    )


def _shift_count(text: str) -> int:
    if not text.isdecimal():
        raise ValueError(text)
    return int(text)


_shift_count.__name__ = "number of shifts such as 999"  # argparse prints it in its message


def key_options(args: Namespace) -> KeyOptions:
    """Return the options of a command line. Raises `BadInput`."""
    window_ns = DEFAULT_WINDOW_NS
    if args.window:
        try:
            window_ns = parse_exact_duration(args.window)
        except BadTime:
            window_ns = 0
        if window_ns <= 0:
            raise BadInput(f"--window {args.window}: write a duration, such as 30s or 10m")
    same = []
    for text in args.same:
        first, equals, second = text.partition("=")
        if not first or not equals or not second:
            raise BadInput(f"--same {text}: write the names of two sources, as in --same app=proxy")
        same.append((first, second))
    return KeyOptions(parse_key_patterns(args.key), parse_operations(args.op), window_ns, tuple(same))
