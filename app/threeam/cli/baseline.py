"""``3am baseline``: a snapshot of normal, and what is different from it now."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from threeam.cli.console import print_err, print_json, print_out
from threeam.cli.context import Context, context
from threeam.cli.exits import ExitCode
from threeam.cli.parser import parse_verb
from threeam.cli.submit import submit
from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import escape_unprintable
from threeam.host.baseline import format_score
from threeam.host.baseline_log import DEFAULT_NAME, check_baseline_name, require_baseline
from threeam.host.baseline_store import (
    BaselineComparison,
    compare_now,
    comparison_draft,
    failed_commands,
    save_baseline,
    take_baseline,
)
from threeam.host.snapshot_collector import ProcessNotFound, watch_process

_MOST_SAMPLES = 1000
_ABOUT = {
    "save": (
        "Takes a snapshot of normal: load, memory, processes and threads by name, sockets by state and peer, disks, "
        "kernel settings, versions; of the processes that are named also descriptors, locks and sockets; and what your "
        "own commands say. Several samples give a range, so that a difference is one from normal variation.",
        "3am baseline save --pid $(pgrep -o postgres) --cmd 'redis-cli info clients' --samples 5 --every 2",
    ),
    "diff": (
        "Says what is different from a baseline now, the most unusual first, and writes one line about it. "
        "Exit 1 if anything differs.",
        "3am baseline diff --json",
    ),
}


def run(_command: str, argv: Sequence[str]) -> int:
    """Runs ``3am baseline …``."""
    verb, parser, rest = parse_verb("3am baseline", "What is normal", _ABOUT, argv)
    parser.add_argument("name", nargs="?", metavar="NAME", help=f"of the baseline ({DEFAULT_NAME}; diff: the last one)")
    parser.add_argument("-q", "--quiet", action="store_true", help="do not print what was written")
    if verb == "diff":
        parser.add_argument("--json", action="store_true", help="one object a difference, one a line")
        return _diff(parser.parse_args(rest))
    parser.add_argument("--pid", action="append", type=int, default=[], metavar="P", help="look closely at a process")
    parser.add_argument("--cmd", action="append", default=[], metavar="CMD", help="keep what a command says, too")
    parser.add_argument("--samples", type=int, default=1, metavar="N", help="take so many (1)")
    parser.add_argument("--every", type=float, default=1.0, metavar="S", help="seconds from one to the next (1)")
    args = parser.parse_args(rest)
    if not 1 <= args.samples <= _MOST_SAMPLES:
        parser.error(f"--samples {args.samples}: write a number from 1 to {_MOST_SAMPLES}")
    if not 0 <= args.every <= 86_400:
        parser.error(f"--every {args.every}: write seconds, from 0 to a day of them")
    return _save(args)


def _save(args: Namespace) -> int:
    name = check_baseline_name(DEFAULT_NAME if args.name is None else args.name)
    at = context(args)
    try:
        watched = [watch_process(pid) for pid in args.pid]
    except ProcessNotFound as gone:
        raise PreconditionFailed(f"{gone}: nothing was saved") from None
    baseline = take_baseline(name, at.author.host, watched, args.cmd, args.samples, args.every, at.clock)
    for unread in baseline.snapshots[-1].unread:
        print_err(f"not read: {unread}")
    for command in failed_commands(baseline):
        print_err(f"{command} did not end well, and that is now normal: save it again once it does")
    path, draft = save_baseline(at.journal, baseline)
    return submit(lambda: at, lambda _: draft, "", quiet=args.quiet, beside=path)


def _diff(args: Namespace) -> int:
    at = context(args)
    looked = compare_now(at.journal, require_baseline(at.load_state(), args.name), at.clock)
    for unread in looked.unread:
        print_err(f"not read: {unread}")
    _show(at, looked, as_json=args.json)
    code = ExitCode.NEGATIVE if looked.differences else ExitCode.OK
    return submit(lambda: at, lambda _: comparison_draft(looked), "", quiet=True, exit_code=code)


def _show(at: Context, looked: BaselineComparison, *, as_json: bool) -> None:
    if as_json:
        for one in looked.differences:
            print_json(
                {
                    "name": escape_unprintable(one.name),
                    "now": escape_unprintable(one.now),
                    "normal": escape_unprintable(one.normal),
                    "unusual": round(one.score, 3),
                }
            )
        return
    if not looked.differences:
        print_err(f"all {looked.compared_count:,} things are as in {looked.saved_baseline.name}")
        return
    rows = [("NAME", "NOW", "NORMAL", "UNUSUAL")]
    rows += [
        (escape_unprintable(one.name), escape_unprintable(one.now), escape_unprintable(one.normal), format_score(one))
        for one in looked.differences
    ]
    widths = [min(44, max(len(row[column]) for row in rows)) for column in range(3)]
    for row in rows:
        print_out("  ".join(f"{text:<{width}}" for text, width in zip(row, (*widths, 0), strict=True)).rstrip())
