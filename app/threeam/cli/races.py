"""``3am races``: suspicious interleavings on one key, in the logs of several programs."""

from __future__ import annotations

import shlex
from argparse import Namespace
from collections.abc import Sequence

from threeam.cli.console import print_err, print_json, print_out
from threeam.cli.context import context
from threeam.cli.exits import ExitCode
from threeam.cli.parser import Parser
from threeam.cli.source_files import open_named_files
from threeam.cli.stamped_sources import report_truncated, stamped_sources
from threeam.core.errors import BadInput
from threeam.core.format.clock import Zone
from threeam.core.format.entry import escape_unprintable
from threeam.races.arguments import KeyOptions, add_key_options, add_shuffle_option, key_options
from threeam.races.chance import with_chances
from threeam.races.deadlock_shapes import Deadlocks, deadlock_json, deadlock_lines, find_deadlocks
from threeam.races.finding import FindingGroup
from threeam.races.finding_report import POSSIBLE, search_sentences
from threeam.races.key_candidates import find_key_candidates
from threeam.races.race_rows import (
    describe_distance,
    describe_doubts,
    describe_group,
    group_json,
    line_numbers,
    witness_rows,
)
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
    deadlocks = find_deadlocks(opened.sources)
    _print_deadlocks(deadlocks, ctx.zone, as_json=args.json)
    sources, has_certain = stamped_sources(opened.sources), bool(deadlocks.groups)
    if options is not None and sources:
        report = _search(sources, options, args.shuffle)
        has_certain = has_certain or report.has_certain
        _print_report(report, ctx.zone, as_json=args.json)
    elif sources:
        _propose_keys(sources, args, has_deadlocks=has_certain)
    if report_truncated(opened.sources) or opened.problems or not (sources or deadlocks.groups):
        return ExitCode.IO_ERROR
    return ExitCode.NEGATIVE if has_certain else ExitCode.OK


def _search(sources: Sequence[Source], options: KeyOptions, shifts: int) -> RaceReport:
    report = search_races(sources, options)
    groups = with_chances(report.groups, sources, options, shifts) if shifts else report.groups
    return report._replace(groups=groups)


def _print_deadlocks(deadlocks: Deadlocks, zone: Zone, *, as_json: bool) -> None:
    """Print the deadlocks that servers have reported."""
    for number, group in enumerate(deadlocks.groups):
        if as_json:
            print_json(deadlock_json(group))
            continue
        if not number:
            print_out("deadlocks, as the servers report them")
        for line in deadlock_lines(group, zone):
            print_out(f"  {line}")
        print_out("")
    if deadlocks.others:
        print_err(f"{deadlocks.others:,} deadlocks of other shapes are not listed: name fewer files at a time")


def _propose_keys(sources: Sequence[Source], args: Namespace, *, has_deadlocks: bool) -> None:
    """Print the keys that are worth a search, each with the command for it. A log of deadlocks alone needs no key."""
    candidates = find_key_candidates(sources)
    if args.json:
        for candidate in candidates:
            print_json({"candidate": candidate.name, **candidate._asdict()})
        return
    if not candidates and has_deadlocks:
        return
    if not candidates:
        print_out(
            "no name has values in two sources or under two actors: write --key 'cart=(?P<key>\\d+)' with a name of "
            "your logs"
        )
        return
    files = " ".join(map(shlex.quote, args.files))
    print_out("--key is needed. Names whose values appear under two actors, or in two sources:")
    for candidate in candidates:
        print_out(
            f"  {escape_unprintable(candidate.name)}: {candidate.values:,} values, {candidate.shared_by_actors:,} "
            f"under two actors, {candidate.shared_by_sources:,} in two sources"
        )
        print_out(f"    3am races --key {shlex.quote(candidate.pattern)} {files}")


def _print_report(report: RaceReport, zone: Zone, *, as_json: bool) -> None:
    """Print the groups, certain ones first."""
    if as_json:
        for group in report.groups:
            print_json(group_json(group))
        if any(report.omissions):
            print_json(report.omissions.to_json())
        return
    for sentence in search_sentences(report):
        print_out(sentence)
    certain = [group for group in report.groups if group.key.is_certain]
    possible = [group for group in report.groups if not group.key.is_certain]
    if not report.groups:
        print_out("nothing suspicious was found")
    for title, groups in (("certain", certain), (POSSIBLE, possible)):
        if groups:
            print_out(f"\n{title}")
        for group in groups:
            _print_group(group, zone)


def _print_group(group: FindingGroup, zone: Zone) -> None:
    """Print a group and the lines of its closest finding."""
    finding = group.closest
    print_out(f"  {describe_group(group)}")
    if doubts := describe_doubts(finding):
        print_out(f"    {doubts}; {describe_distance(finding)}")
    rows = list(witness_rows(finding, line_numbers(finding.witness), zone))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        columns = [text.ljust(width) for text, width in zip(row, widths, strict=False) if width]
        print_out("    " + "  ".join([*columns, row[-1]]))
