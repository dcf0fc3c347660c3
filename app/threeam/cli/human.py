"""``3am coffee``, ``3am water``, ``3am sleep``: the human state, through the same writer."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from threeam.cli.context import context
from threeam.cli.parser import Parser
from threeam.cli.submit import submit
from threeam.core.draft import Draft
from threeam.core.settings import Settings
from threeam.human import drafts

_ABOUT = {
    "coffee": ("One coffee, or N. Over toxic_cups the script's warning goes into the log too.", "3am coffee 2"),
    "water": ("One glass of water.", "3am water"),
    "sleep": ("Says what the night came to, and starts the count anew.", "3am sleep"),
}


def run(command: str, argv: Sequence[str]) -> int:
    """Runs one of the three."""
    description, example = _ABOUT[command]
    parser = Parser(f"3am {command}", description, f"example:\n  {example}")
    parser.add_argument("-q", "--quiet", action="store_true", help="do not print what was written")
    if command == "coffee":
        parser.add_argument(
            "cups", nargs="?", type=int, default=1, metavar="N", help=f"cups, 1 to {drafts.MOST_CUPS} (1)"
        )
        parser.add_argument("--undo", action="store_true", help="take the last cup back, by a new line")
    args = parser.parse_args(argv)
    if command == "coffee" and not 1 <= args.cups <= drafts.MOST_CUPS:
        parser.error(f"{args.cups} cups: write a number from 1 to {drafts.MOST_CUPS}; --undo takes one back")
    if command == "coffee" and args.undo and args.cups != 1:
        parser.error("--undo takes one cup back at a time")
    return submit(lambda: context(args), lambda at: _draft(command, args, at.settings), "", quiet=args.quiet)


def _draft(command: str, args: Namespace, settings: Settings) -> Draft:
    if command == "water":
        return drafts.water()
    if command == "sleep":
        return drafts.sleep(settings.half_life_h)
    if args.undo:
        return drafts.undo_coffee()
    return drafts.coffee(args.cups, settings.cup_mg, settings.toxic_cups)
