"""``3am baseline``: a snapshot of normal, and what differs from it now."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from threeam.cli.console import print_err, print_json, print_report_lines
from threeam.cli.context import context
from threeam.cli.exits import ExitCode
from threeam.cli.parser import HelpText, parse_verb
from threeam.cli.submit import Receipt, submit
from threeam.core.errors import PreconditionFailed
from threeam.host.baseline_log import DEFAULT_NAME, check_baseline_name, require_baseline
from threeam.host.baseline_store import (
    BaselineRequest,
    compare_now,
    comparison_draft,
    difference_table,
    record_baseline,
)
from threeam.host.options import parse_diff_options, parse_save_options
from threeam.host.snapshot_collector import ProcessNotFound, watch_process

_HELP = {
    "save": HelpText(
        "Takes a snapshot of normal: load, memory, processes and threads by name, sockets by state and peer, disks, "
        "kernel settings, versions; of the processes named with --pid also descriptors, locks and sockets; and the "
        "output of your own commands. Several samples give a range, to tell a difference from normal variation.",
        "3am baseline save --pid $(pgrep -o postgres) --cmd 'redis-cli info clients' -n 5 --every 2s",
    ),
    "diff": HelpText(
        "Prints what differs from a baseline now, the most unusual first, and writes one line about it. "
        "Exit 1 if anything differs.",
        "3am baseline diff --json",
    ),
}


def run(_command: str, argv: Sequence[str]) -> int:
    """Run ``3am baseline``."""
    verb, parser, rest = parse_verb("3am baseline", "What is normal", _HELP, argv)
    parser.add_quiet_option()
    if verb == "diff":
        parser.add_argument("--json", action="store_true", help="one object a difference, one a line")
        return _diff(parse_diff_options(parser, rest))
    return _save(parse_save_options(parser, rest))


def _save(args: Namespace) -> int:
    name = check_baseline_name(DEFAULT_NAME if args.name is None else args.name)
    ctx = context(args)
    try:
        processes = [watch_process(pid) for pid in args.pid]
    except ProcessNotFound as error:
        raise PreconditionFailed(f"{error}: nothing was saved") from None
    request = BaselineRequest(name, processes, args.cmd, args.samples, args.every)
    recorded = record_baseline(ctx.journal, request, ctx.author.host, ctx.clock)
    for warning in recorded.warnings:
        print_err(warning)
    receipt = Receipt(quiet=args.quiet)
    return submit(lambda: ctx, lambda _: recorded.draft, "", receipt, attachment_path=recorded.path)


def _diff(args: Namespace) -> int:
    ctx = context(args)
    comparison = compare_now(ctx.journal, require_baseline(ctx.load_state(), args.name), ctx.clock)
    for unread in comparison.unread:
        print_err(f"not read: {unread}")
    if args.json:
        for difference in comparison.differences:
            print_json(difference.to_json())
    elif comparison.differences:
        print_report_lines(difference_table(comparison.differences))
    else:
        print_err(f"all {comparison.compared_count:,} values are as in {comparison.saved_baseline.name}")
    code = ExitCode.NEGATIVE if comparison.differences else ExitCode.OK
    return submit(lambda: ctx, lambda _: comparison_draft(comparison), "", Receipt(quiet=True, exit_code=code))
