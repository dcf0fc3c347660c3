"""``3am near``: how close two operations of different actors on one key came to each other."""

from __future__ import annotations

from collections.abc import Sequence
from shutil import get_terminal_size

from threeam.cli.console import print_json, print_report
from threeam.cli.context import context
from threeam.cli.exits import ExitCode
from threeam.cli.parser import Parser
from threeam.cli.source_files import open_named_files
from threeam.cli.stamped_sources import are_all_searched, heads_of, report_lost, stamped_sources
from threeam.hypotheses.changes import changes
from threeam.races.arguments import add_key_options, key_options
from threeam.races.near_miss import parse_pair
from threeam.races.near_report import NearReport, closest_line_numbers, near_json
from threeam.races.search import search_near_misses
from threeam.timeline.arguments import add_source_options

_REPORT_INDENT = 2


def run(_command: str, argv: Sequence[str]) -> int:
    """Run ``3am near``."""
    parser = Parser(
        "3am near",
        "Measures how close an ordered pair of operations of two actors on one key came to each other: for each "
        "delete the nearest update of another actor, before it or after it. A gap that is shorter than the errors of "
        "the two clocks and the digits of the stamps could have been in either order, and is drawn hatched. The gaps "
        "before and after each Changed: line of the journal are compared with exact intervals. Nothing is "
        "extrapolated: a pair that was never closer than 3ms may still never race. Exit 1 if the pair did not occur.",
        "examples:\n  3am near 'delete → update' --key 'cart=(?P<key>\\d+)' web1.log web2.log\n"
        "  3am near 'D->W' --key 'cart=(?P<key>\\d+)' --window 30s web*.log    # any delete, any write",
    )
    parser.add_argument("pair", metavar="A→B", help="two operations, each a word such as delete, or a letter of --op")
    add_source_options(parser)
    add_key_options(parser)
    parser.add_argument("--json", action="store_true", help="one object, to the nanosecond")
    args = parser.parse_intermixed_args(argv)  # options may stand between the files
    if not args.key:
        parser.error("--key is needed, as in --key 'cart=(?P<key>\\d+)'; 3am races FILE… proposes some")
    options = key_options(args)
    pair = parse_pair(args.pair, options.operations)
    ctx = context(args)
    opened = open_named_files(args, ctx)
    heads = heads_of(opened.sources)
    sources = stamped_sources(opened.sources)
    if not sources:
        return ExitCode.IO_ERROR
    near = search_near_misses(opened.sources, options, pair)
    noted = changes(ctx.load_state())
    if args.json:
        print_json(near_json(near, noted))
    else:
        width = get_terminal_size().columns - _REPORT_INDENT
        report = NearReport(near, closest_line_numbers(near), noted, ctx.zone, width, ctx.settings.emoji)
        print_report(report.sections(), details_below=True)
    if report_lost(opened.sources, heads) or opened.problems or not are_all_searched(opened.sources):
        return ExitCode.IO_ERROR
    return ExitCode.OK if len(near) else ExitCode.NEGATIVE
