"""``3am coffee``, ``3am water``, ``3am sleep``: the human state, through the same writer."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence

from threeam.cli.console import print_err
from threeam.cli.context import Context, context
from threeam.cli.exits import ExitCode
from threeam.cli.parser import Parser
from threeam.cli.submit import submit
from threeam.core.config.settings import Settings
from threeam.core.errors import JournalError
from threeam.core.write.draft import Draft
from threeam.human import drafts, reminders
from threeam.reports.end_of_night import SLEEP_ADVICE, sleep_draft

_ABOUT = {
    "coffee": (
        "One coffee, or N. Over toxic_cups the script's warning goes into the log too. The milligrams stand in the "
        "line, so that everybody computes the same. Not medical advice.",
        "3am coffee --mg 130",
    ),
    "water": ("One glass of water.", "3am water"),
    "sleep": (
        "Writes what is still open, for whoever is up, and what the night came to. Cups are counted anew after it; "
        "milligrams are not, they decay. The first start after it shows the hand-off.",
        "3am sleep",
    ),
}


def run(command: str, argv: Sequence[str]) -> int:
    """Runs one of the three."""
    description, example = _ABOUT[command]
    parser = Parser(f"3am {command}", description, f"example:\n  {example}")
    parser.add_argument("-q", "--quiet", action="store_true", help="do not print what was written")
    if command == "coffee":
        parser.add_argument(
            "cups", nargs="?", type=int, default=1, metavar="N", help=f"cups, 1 to {drafts.MAX_CUPS_AT_ONCE} (1)"
        )
        parser.add_argument("--mg", type=int, metavar="MG", help="milligrams of caffeine in each (cup_mg: 95)")
        parser.add_argument("--undo", action="store_true", help="take the last cup back, by a new line")
    args = parser.parse_args(argv)
    if command == "coffee" and not 1 <= args.cups <= drafts.MAX_CUPS_AT_ONCE:
        parser.error(f"{args.cups} cups: write a number from 1 to {drafts.MAX_CUPS_AT_ONCE}; --undo takes one back")
    if command == "coffee" and args.undo and args.cups != 1:
        parser.error("--undo takes one cup back at a time")
    if command == "coffee" and args.undo and args.mg is not None:
        parser.error("--undo takes the last cup back, whatever was in it: leave --mg away")
    if command == "coffee" and args.mg is not None and not 1 <= args.mg <= drafts.MAX_CUP_MG:
        parser.error(f"--mg {args.mg}: write the milligrams of one cup, 1 to {drafts.MAX_CUP_MG}")
    at = context(args)
    code = submit(lambda: at, lambda _: _draft(command, args, at.settings), "", quiet=args.quiet)
    if code == ExitCode.OK and not args.quiet:
        try:
            for sentence in _afterwards(command, args, at):
                print_err(sentence)
        except (JournalError, OSError) as error:  # the line is written all the same
            print_err(f"no reminders: {error}")
    return code


def _afterwards(command: str, args: Namespace, at: Context) -> list[str]:
    """What is said to whoever has had a coffee, or goes to sleep; a script wants no reminders."""
    settings = at.settings
    if command == "sleep":
        return [f"a glass of water, and lights out: {SLEEP_ADVICE}"]
    if command == "water" or args.undo or not settings.reminders or not sys.stderr.isatty():
        return []
    gap_ns, half_life_h = settings.night_gap_ns, settings.half_life_h
    return list(
        reminders.coffee_reminders(at.load_state(), at.author.user, at.clock(), gap_ns, half_life_h, settings.reminders)
    )


def _draft(command: str, args: Namespace, settings: Settings) -> Draft:
    if command == "water":
        return drafts.water_draft()
    if command == "sleep":
        return sleep_draft(settings.half_life_h)
    if args.undo:
        return drafts.undo_coffee_draft()
    return drafts.coffee_draft(args.cups, settings.cup_mg if args.mg is None else args.mg, settings.toxic_cups)
