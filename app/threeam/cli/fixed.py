"""``3am fixed``: whether a bug may be called fixed."""

from __future__ import annotations

from collections.abc import Sequence

from threeam.cli.console import print_json, print_report
from threeam.cli.context import context
from threeam.cli.exits import ExitCode
from threeam.cli.parser import Parser
from threeam.core.errors import PreconditionFailed
from threeam.core.format.times import parse_time
from threeam.core.store.stamp_ref import expand_stamp_ref
from threeam.experiments.fixes.fix_confidence_report import fix_confidence_json
from threeam.experiments.fixes.fix_control_report import control_json
from threeam.experiments.fixes.fixed_options import parse_fixed_options
from threeam.reports.fix_assessment import assess_occurrences, assess_runs, assess_versions
from threeam.reports.fixed_report import fix_report, versions_report
from threeam.reports.occurrences import find_occurrences


def run(_command: str, argv: Sequence[str]) -> int:
    """Run ``3am fixed``."""
    parser = Parser(
        "3am fixed",
        "Says after how many clean runs a bug may be called fixed, given how often it failed before the change, "
        "and how many there are. Weak assumes that the observed rate is the true one; fair is Fisher's test against "
        "the recorded runs; strong assumes the lowest rate that the record allows. The change is the oldest one that "
        "was made for the hypothesis (3am changed -H H7) and was not undone; every failure since counts, and a kind "
        "of failure that did not exist before is a new failure. Only runs of the same program with the same "
        "arguments, folder, rule and arm are compared. With --seen it is about a bug that depends on time and not on "
        "runs. With --old and --new it is about two arms of one experiment, which run the version before the fix and "
        "the one with it in turns: yes if the old one failed and the new one never did. "
        "Exit 0 at the strong level, 1 below it.",
        "examples:\n"
        "  3am fixed H7\n"
        "  3am fixed H7 --kind a\n"
        "  3am fixed H7 --old old --new new --kind a\n"
        "  3am fixed H7 --seen 'deadlock detected' --watched-since yesterday",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parse_fixed_options(parser, argv)
    ctx = context(args)
    live, now, state = ctx.require_log(), ctx.clock(), ctx.load_state()
    hypothesis = state.find_hypothesis(args.hypothesis)
    if hypothesis is None:
        raise PreconditionFailed(f"there is no hypothesis {args.hypothesis}: 3am hyp list shows those there are")
    since_ns = None if args.since is None else parse_time(expand_stamp_ref(ctx.journal, args.since), now, ctx.zone)
    if args.versions is not None:
        controlled = assess_versions(state, hypothesis, args.versions, since_ns, args.kind)
        if args.json:
            print_json({"hypothesis": hypothesis.number, **control_json(controlled)})
        else:
            print_report(versions_report(state, hypothesis, controlled))
        return ExitCode.OK if controlled.is_fixed else ExitCode.NEGATIVE
    if args.seen is None:
        change, answer = assess_runs(state, hypothesis, since_ns, args.arm, args.kind)
    else:
        start_ns = None if args.start is None else parse_time(expand_stamp_ref(ctx.journal, args.start), now, ctx.zone)
        occurrences = find_occurrences(ctx.journal, live, args.seen, start_ns)
        change, answer = assess_occurrences(state, hypothesis, args.seen, occurrences, since_ns, now)
    if args.json:
        print_json({"hypothesis": hypothesis.number, "change": str(change.stamp), **fix_confidence_json(answer)})
    else:
        print_report(fix_report(state, hypothesis, change, answer, now))
    return ExitCode.OK if answer.is_fixed else ExitCode.NEGATIVE
