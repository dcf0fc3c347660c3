"""The options of ``restore data``."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from itertools import takewhile

from threeam.core.config.options import OptionParser, split_line
from threeam.core.format.clock import Zone
from threeam.core.format.entry import Stamp
from threeam.core.format.times import parse_duration, parse_time
from threeam.core.store.journal import Journal
from threeam.core.store.stamp_ref import expand_stamp_ref
from threeam.restore.pitr import ENGINES
from threeam.restore.pitr_plan import RestoreRequest

_DEFAULT_MINUS = "1ms"


def parse_data_options(parser: OptionParser, words: Sequence[str]) -> Namespace:
    """Return the options in ``words``: at or xid, minus, engine, dsn. ``parser`` reports what is wrong."""
    target = parser.add_mutually_exclusive_group(required=True)
    parser.add_time_argument(
        "--at", about="when the corrupted transaction was committed: a time, or an @stamp", group=target
    )
    target.add_argument("--xid", type=int, metavar="N", help="its number; needs --dsn and track_commit_timestamp")
    parser.add_argument(
        "--minus",
        default=_DEFAULT_MINUS,
        metavar="DURATION",
        help=f"how far before it to stop (default: {_DEFAULT_MINUS})",
    )
    parser.add_argument("--engine", required=True, choices=ENGINES, help="which database")
    parser.add_argument(
        "--dsn", metavar="DSN", help="ask this PostgreSQL or MariaDB; its password is not saved or logged"
    )
    args = parser.parse_args(words)
    if args.xid is not None and args.dsn is None:
        parser.error("--xid needs --dsn: only the server knows when that was committed")
    if args.xid is not None and args.engine != "postgres":
        parser.error("--xid is for --engine postgres")
    return args


def parse_data_line(line: str) -> Namespace:
    """Return the options of the `:` line ``restore data LINE``, which may begin with the time. Raise `BadInput`."""
    words = split_line(line)
    time_words = list(takewhile(lambda word: not word.startswith("--"), words))
    time_option = ["--at", " ".join(time_words)] if time_words else []
    return parse_data_options(OptionParser("restore data"), [*time_option, *words[len(time_words) :]])


def restore_request(args: Namespace, journal: Journal, now: Stamp, zone: Zone) -> RestoreRequest:
    """Return the restore that the options ask for. ``journal`` has the entry that ``--at`` may name.

    Raise `BadInput`, and `PreconditionFailed` if a short form of a stamp names no entry or several.
    """
    minus_ns = parse_duration(args.minus)
    if args.xid is not None:
        return RestoreRequest(args.engine, minus_ns, args.dsn, xid=args.xid)
    at = expand_stamp_ref(journal, args.at)
    ns = parse_time(at, now, zone)
    return RestoreRequest(args.engine, minus_ns, args.dsn, commit=Stamp(ns, zone(ns)), source=at.strip())
