"""The options that say when a run fails, and when it is ended: of ``run``, ``provoke`` and ``bisect``."""

from __future__ import annotations

from argparse import Namespace

from threeam.cli.parser import Parser
from threeam.core.format.times import parse_duration
from threeam.experiments.failure_rule import FailureRule, parse_failure_rule


def add_failure_options(parser: Parser) -> None:
    """Add ``--timeout``, ``--fail`` and ``--fail-regex``."""
    option = parser.add_argument
    option(
        "--timeout", metavar="DURATION", help="kill a run after this long, e.g. 5s; it is neither a failure nor clean"
    )
    option("--fail", action="append", default=[], metavar="RULE", help="exit!=0, exit==3, timeout")
    option("--fail-regex", metavar="RE", help="fail if a line of output matches; pass only if the exit code is 0 too")


def parse_failure_options(parser: Parser, args: Namespace) -> tuple[FailureRule, int | None]:
    """Return the failure rule, and the time limit of a run (ns; None: no limit). Exit if they contradict each other."""
    if "timeout" in args.fail and args.timeout is None:
        parser.error("--fail timeout never comes true without --timeout 5s")
    rule = parse_failure_rule(args.fail, args.fail_regex)
    return rule, None if args.timeout is None else parse_duration(args.timeout)
