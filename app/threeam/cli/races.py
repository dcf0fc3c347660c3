"""``3am races``: suspicious interleavings on one key, in the logs of several programs."""

from __future__ import annotations

import shlex
from argparse import Namespace
from collections.abc import Sequence

from threeam.cli.console import print_err, print_json, print_report
from threeam.cli.context import context
from threeam.cli.exits import ExitCode
from threeam.cli.parser import Parser
from threeam.cli.source_files import open_named_files
from threeam.cli.stamped_sources import are_all_searched, heads_of, report_lost, stamped_sources
from threeam.core.errors import BadInput
from threeam.core.format.clock import Zone
from threeam.races.arguments import KeyOptions, add_key_options, add_shuffle_option, key_options
from threeam.races.chance import with_chances
from threeam.races.deadlocks.group_text import deadlock_json
from threeam.races.deadlocks.groups import Deadlocks
from threeam.races.deadlocks.search import find_deadlocks
from threeam.races.key_candidates import find_key_candidates
from threeam.races.race_report import deadlock_sections, key_section, others_sentence, race_sections
from threeam.races.race_rows import group_json
from threeam.races.search import RaceReport, search_races
from threeam.timeline.arguments import add_source_options
from threeam.timeline.source import Source


def run(_command: str, argv: Sequence[str]) -> int:
    """Run ``3am races``."""
    parser = Parser(
        "3am races",
        "Searches logs for suspicious interleavings on one key: use after delete, lost updates, work done twice, two "
        "that checked and then acted, locks in two orders, and what is against the habit of the other keys. A finding "
        "is certain if the times of its lines are disjoint in that order; else it is reported apart, with the words "
        "'order not known'. A finding does not prove a race, since a program writes a line before its act, or after "
        "it. Deadlocks that PostgreSQL, MariaDB or MySQL have reported are listed by their shape. Without --key, it "
        "proposes keys. Exit 1 if anything is certain.",
        "examples:\n  3am races app.log db=postgresql.log\n"
        "  3am races --key 'cart=(?P<key>\\d+)' web1.log web2.log\n"
        "  3am races --key 'cart\\W(?P<key>\\d+)' --op W=touch,bump --window 1m --shuffle 999 web*.log",
    )
    add_source_options(parser)
    add_key_options(parser)
    add_shuffle_option(parser)
    parser.add_argument("--json", action="store_true", help="one object a group")
    args = parser.parse_intermixed_args(argv)  # options may stand between the files
    options = key_options(args) if args.key else None
    if args.shuffle and options is None:
        raise BadInput("--shuffle N: --key is needed with it")
    ctx = context(args)
    opened = open_named_files(args, ctx)
    if not opened.sources:
        return ExitCode.IO_ERROR
    heads = heads_of(opened.sources)
    deadlocks = find_deadlocks(opened.sources)
    _print_deadlocks(deadlocks, ctx.zone, as_json=args.json)
    sources, has_certain = stamped_sources(opened.sources), bool(deadlocks.groups)
    if options is not None and sources:
        report = _search(opened.sources, options, args.shuffle)
        has_certain = has_certain or report.has_certain
        _print_races(report, ctx.zone, as_json=args.json)
    elif sources:
        _propose_keys(sources, args, has_deadlocks=has_certain)
    if report_lost(opened.sources, heads) or opened.problems or not (sources or deadlocks.groups):
        return ExitCode.IO_ERROR
    if has_certain:
        return ExitCode.NEGATIVE
    with_deadlocks = {name for group in deadlocks.groups for name in group.sources}
    return ExitCode.OK if are_all_searched(opened.sources, with_deadlocks) else ExitCode.IO_ERROR


def _search(sources: Sequence[Source], options: KeyOptions, shifts: int) -> RaceReport:
    report = search_races(sources, options)
    groups = with_chances(report.groups, sources, options, shifts) if shifts else report.groups
    return report._replace(groups=groups)


def _print_deadlocks(deadlocks: Deadlocks, zone: Zone, *, as_json: bool) -> None:
    """Print the deadlocks that servers have reported."""
    if not as_json:
        print_report(deadlock_sections(deadlocks, zone))
        return
    for group in deadlocks.groups:
        print_json(deadlock_json(group))
    if sentence := others_sentence(deadlocks):
        print_err(sentence)


def _propose_keys(sources: Sequence[Source], args: Namespace, *, has_deadlocks: bool) -> None:
    """Print the keys that are worth a search, each with the command for it. A log of deadlocks alone needs no key."""
    candidates = find_key_candidates(sources)
    if args.json:
        for candidate in candidates:
            print_json({"candidate": candidate.name, **candidate._asdict()})
    elif candidates or not has_deadlocks:
        section = key_section(candidates, lambda pattern: shlex.join(["3am", "races", "--key", pattern, *args.files]))
        print_report([section], details_below=True)


def _print_races(report: RaceReport, zone: Zone, *, as_json: bool) -> None:
    """Print the groups, certain ones first."""
    if not as_json:
        print_report(race_sections(report, zone, quotes_lines=True), details_below=True)
        return
    for group in report.groups:
        print_json(group_json(group))
    if any(report.omissions):
        print_json(report.omissions.to_json())
