"""The options of ``coffee``, and the draft that they ask for."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from threeam.core.config.options import OptionParser
from threeam.core.config.settings import Settings
from threeam.core.write.draft import Draft
from threeam.human.drafts import coffee_draft, undo_coffee_draft

MAX_CUPS_AT_ONCE = 20  # more is a typing error
MAX_CUP_MG = 1000  # more is a typing error


def parse_coffee_options(parser: OptionParser, words: Sequence[str]) -> Namespace:
    """Return the options in ``words``: cups, mg (None: cup_mg), undo. ``parser`` reports what is wrong."""
    parser.add_argument(
        "cups", nargs="?", type=int, default=1, metavar="N", help=f"cups, 1 to {MAX_CUPS_AT_ONCE} (default: 1)"
    )
    parser.add_argument("--mg", type=int, metavar="MG", help="milligrams of caffeine in each (cup_mg: 95)")
    parser.add_argument("--undo", action="store_true", help="take the last cup back, by a new line")
    args = parser.parse_args(words)
    if not 1 <= args.cups <= MAX_CUPS_AT_ONCE:
        parser.error(f"{args.cups} cups: write a number from 1 to {MAX_CUPS_AT_ONCE}; --undo takes one back")
    if args.undo and args.cups != 1:
        parser.error("--undo takes one cup back at a time")
    if args.undo and args.mg is not None:
        parser.error("--undo takes the last cup back, whatever was in it: omit --mg")
    if args.mg is not None and not 1 <= args.mg <= MAX_CUP_MG:
        parser.error(f"--mg {args.mg}: write the milligrams of one cup, 1 to {MAX_CUP_MG}")
    return args


def requested_coffee_draft(args: Namespace, settings: Settings) -> Draft:
    """Return the draft that the options ask for."""
    if args.undo:
        return undo_coffee_draft()
    return coffee_draft(args.cups, settings.cup_mg if args.mg is None else args.mg, settings.toxic_cups)
