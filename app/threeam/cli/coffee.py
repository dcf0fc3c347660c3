"""``3am coffee``, ``3am water``, ``3am sleep``: what a person drinks, and the end of the night."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence

from threeam.cli.console import print_err
from threeam.cli.context import Context, context
from threeam.cli.exits import ExitCode
from threeam.cli.parser import HelpText, command_parser
from threeam.cli.submit import Receipt, submit
from threeam.cli.team_hosts import cups_until_toxic, own_cups, read_hosts_if_possible, with_all_cups
from threeam.core.errors import JournalError
from threeam.core.write.draft import Draft
from threeam.human.drafts import water_draft
from threeam.human.options import parse_coffee_options, requested_coffee_draft
from threeam.human.reminders import coffee_reminders
from threeam.reports.end_of_night import SLEEP_ADVICE, sleep_draft

_HELP = {
    "coffee": HelpText(
        "Logs one coffee, or N. Over toxic_cups the script's warning goes into the log too. The milligrams are in the "
        "line, so that every reader computes the same. Not medical advice.",
        "3am coffee --mg 130",
    ),
    "water": HelpText("Logs a glass of water.", "3am water"),
    "sleep": HelpText(
        "Writes a summary of the night, with what is still open for those who are up. Cups are counted from 0 after "
        "it; milligrams are not reset, they decay. The next start of 3am shows the hand-off.",
        "3am sleep",
    ),
}


def run(command: str, argv: Sequence[str]) -> int:
    """Run ``3am coffee``, ``3am water`` or ``3am sleep``."""
    parser = command_parser(command, _HELP)
    args = parse_coffee_options(parser, argv) if command == "coffee" else parser.parse_args(argv)
    ctx = context(args)
    code = submit(lambda: ctx, lambda _: _make_draft(command, args, ctx), "", Receipt(quiet=args.quiet))
    if code == ExitCode.OK and not args.quiet:
        try:
            for text in _reminder_texts(command, args, ctx):
                print_err(text)
        except (JournalError, OSError) as error:  # the line is written all the same
            print_err(f"no reminders: {error}")
    return code


def _reminder_texts(command: str, args: Namespace, ctx: Context) -> list[str]:
    """Return the reminders after the line is written. Those about coffee are for a terminal, not for a script."""
    settings = ctx.settings
    if command == "sleep":
        return [f"a glass of water, and lights out: {SLEEP_ADVICE}"]
    if command == "water":
        return []
    hosts = read_hosts_if_possible(ctx, ctx.load_state())
    cups = own_cups(ctx, hosts)
    texts = [f"{cups.total} cups this night: {cups.own} here, {cups.elsewhere_text()}"] if cups.elsewhere else []
    if args.undo or not settings.reminders or not sys.stderr.isatty():
        return texts
    gap_ns, half_life_h, state = settings.night_gap_ns, settings.half_life_h, with_all_cups(ctx, hosts)
    due = coffee_reminders(state, ctx.author.user, ctx.clock(), gap_ns, half_life_h, settings.reminders)
    return [*texts, *due.values()]


def _make_draft(command: str, args: Namespace, ctx: Context) -> Draft:
    if command == "water":
        return water_draft()
    if command == "sleep":
        return sleep_draft(ctx.settings.half_life_h)
    return requested_coffee_draft(args, ctx.settings._replace(toxic_cups=cups_until_toxic(ctx)))
