"""``3am fixed``: may I call it fixed?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from threeam.cli.console import print_json, print_report
from threeam.cli.context import context
from threeam.cli.exits import ExitCode
from threeam.cli.parser import Parser
from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import escape_unprintable
from threeam.core.format.times import parse_time
from threeam.experiments.fix_confidence import CONFIDENCE_LEVELS, FixConfidence
from threeam.reports.fixed_report import assess_occurrences, assess_runs, find_occurrences, fix_report


def run(_command: str, argv: Sequence[str]) -> int:
    """Runs ``3am fixed``."""
    parser = Parser(
        "3am fixed",
        "Says after how many clean runs a bug may be called fixed, given how often it failed before the change, "
        "and how many there are. Weak takes the rate that was seen for the true one; fair is Fisher's test against "
        "what was recorded; strong believes the lowest rate that the record allows. The change is the oldest one that "
        "was made for the hypothesis (3am changed -H H7) and still stands; every failure since counts. Only runs of "
        "the same program with the same arguments, folder, rule and arm are compared. With --seen it is about a bug "
        "that comes by time. Exit 0 at the strong level, 1 below it.",
        "examples:\n  3am fixed H7\n  3am fixed H7 --seen 'deadlock detected' --from 'yesterday'",
    )
    parser.add_argument("hypothesis", metavar="H7", help="the bug")
    parser.add_time_argument("--since", about="the first change at T or later (the oldest one that still stands)")
    parser.add_argument("--arm", metavar="ARM", help="only the runs of this arm")
    parser.add_argument("--seen", metavar="RE", help="it happens where a note or a streamed line matches")
    parser.add_time_argument("--from", dest="start", about="with --seen: watched from T on (the first line)")
    parser.add_argument("--json", action="store_true", help="one object")
    args = parser.parse_args(argv)
    if args.start is not None and args.seen is None:
        parser.error("--from goes with --seen")
    at = context(args)
    live, now, state = at.require_log(), at.clock(), at.load_state()
    one = state.find_hypothesis(args.hypothesis)
    if one is None:
        raise PreconditionFailed(f"there is no hypothesis {args.hypothesis}: 3am hyp list shows those there are")
    since = None if args.since is None else parse_time(args.since, now, at.zone)
    if args.seen is None:
        change, answer = assess_runs(state, one, since, args.arm)
    else:
        start = None if args.start is None else parse_time(args.start, now, at.zone)
        watched = find_occurrences(at.journal, live, args.seen, start)
        change, answer = assess_occurrences(state, one, args.seen, watched, since, now)
    if args.json:
        print_json({"hypothesis": one.number, "change": str(change.stamp), **answer_json(answer)})
    else:
        print_report(fix_report(state, one, change, answer, now))
    return ExitCode.OK if answer.is_fixed else ExitCode.NEGATIVE


def answer_json(answer: FixConfidence) -> dict[str, Any]:
    reached = {name: i < answer.levels_reached for i, name in enumerate(CONFIDENCE_LEVELS)}
    return {
        "what": escape_unprintable(answer.label),
        "unit": "ns" if answer.is_time_based else "runs",
        "before": {"failed": answer.failed, "of": answer.exposure},
        "since": {"failed": answer.recurrences, "clean": answer.clean_since},
        "needed": dict(zip(CONFIDENCE_LEVELS, answer.required, strict=True)),
        "reached": reached,
        "left_out": answer.straddling_count,
        "apart": [{**one._asdict(), "what": escape_unprintable(one.what)} for one in answer.other_failing_arms],
        "earlier": {"failed": answer.earlier[0], "of": answer.earlier[1]},
        "not_counted": [
            {**one._asdict(), "what": escape_unprintable(one.what), "differs": escape_unprintable(one.differs)}
            for one in answer.not_counted
        ],
        "timed_out": answer.timed_out,
        "inconclusive": answer.inconclusive,
        "program_changed": answer.build_hashes is not None,
        "fixed": answer.is_fixed,
    }
