"""``3am handoff``, ``3am take``: what the next person needs to know, and that they have taken over."""

from __future__ import annotations

from collections.abc import Sequence

from threeam.cli.console import print_json, print_out, print_report
from threeam.cli.context import Context, context
from threeam.cli.exits import ExitCode
from threeam.cli.parser import HelpText, Parser, command_parser
from threeam.cli.submit import Receipt, submit
from threeam.cli.team_hosts import order_of_hosts, read_hosts_if_possible
from threeam.core.store.journal import Position
from threeam.human.team_cups import with_cups_of_everybody
from threeam.hypotheses.handoff_notes import take_journal_draft
from threeam.hypotheses.quotations import QuotationReader
from threeam.hypotheses.remarks import remarks
from threeam.reports.handoff import Handoff, collect_handoff, find_awake_since, handoff_report
from threeam.reports.handoff_hosts import collect_team_handoff
from threeam.reports.handoff_json import handoff_json
from threeam.reports.markdown_report import sections_to_markdown

_HELP = {
    "handoff": HelpText(
        "Prints what the next person needs to know, the most important first: where the hunt stands, what may be "
        "called fixed, the live hypotheses with their evidence, the verdicts of experiments, what comes next, what "
        "must be undone, what is ruled out. It includes notes that begin with Next:, Topology: or Shared:. Exit 1 "
        "if there is no log.",
        "3am handoff --md | mail -s 'the night' oncall",
    ),
    "take": HelpText("Writes that you hold the journal from now on.", "3am take"),
}


def run(command: str, argv: Sequence[str]) -> int:
    """Run ``3am handoff`` or ``3am take``."""
    if command == "take":
        parser = command_parser(command, _HELP)
        args = parser.parse_args(argv)
        return submit(lambda: context(args), lambda _: take_journal_draft(), "", Receipt(quiet=args.quiet))
    parser = Parser("3am handoff", _HELP[command].description, _HELP[command].epilog())
    output_format = parser.add_mutually_exclusive_group()
    output_format.add_argument("--json", action="store_true", help="one object")
    output_format.add_argument("--md", action="store_true", help="Markdown")
    args = parser.parse_args(argv)
    ctx = context(args)
    live = ctx.require_log()
    handoff = _collect(ctx, Position(live, live.size()))
    if args.json:
        print_json(handoff_json(handoff))
    elif args.md:
        title = f"Hand-off, {handoff.now.iso_date} {handoff.now.time_of_day[:5]}"
        print_out(sections_to_markdown(title, handoff_report(handoff)))
    else:
        print_report(handoff_report(handoff))
    return ExitCode.OK


def _collect(ctx: Context, end: Position) -> Handoff:
    state, now, settings = ctx.load_state(), ctx.clock(), ctx.settings
    nights = find_awake_since(ctx.journal, end, state, now, settings.night_gap_ns)
    hosts, quotations = read_hosts_if_possible(ctx, state), QuotationReader(ctx.journal)
    if len(hosts) == 1 and not remarks(state):
        return collect_handoff(state, now, settings.night_gap_ns, settings.half_life_h, nights, quotations)
    from threeam.team.team_status import read_unheld_lines

    state = with_cups_of_everybody(hosts, now.ns, settings.night_gap_ns, settings.same_person)
    handoff = collect_handoff(state, now, settings.night_gap_ns, settings.half_life_h, nights, quotations)
    unheld, is_before = read_unheld_lines(ctx.journal), order_of_hosts(ctx, hosts).is_before
    team = collect_team_handoff(hosts, is_before, unheld.by_origin, is_running=unheld.is_running)
    return handoff._replace(team=team)
