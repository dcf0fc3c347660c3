"""``3am stamp``, ``3am correct``: the words of an entry, written later or replaced."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from threeam.cli.context import Context, context
from threeam.cli.parser import HelpText, command_parser
from threeam.cli.submit import Receipt, submit
from threeam.core.errors import BadInput
from threeam.core.format.entry import Stamp
from threeam.core.store.seek import find_line
from threeam.core.store.stamp_ref import read_stamp_ref
from threeam.core.write.draft import Draft
from threeam.hypotheses.amendments import (
    amendments,
    correction_draft,
    entry_correction_draft,
    stamp_draft,
    stamp_words_draft,
)

_HELP = {
    "stamp": HelpText(
        "Takes a stamp now, under the lock. With the @stamp of an earlier one, adds its words.",
        "3am stamp\n3am stamp @2026-11-24T03:14:07.123456789+0000 'the lag jumped to 2s'",
    ),
    "correct": HelpText(
        "Replaces the words of an entry by a new line: both stay in the log.",
        "3am correct @2026-11-24T03:14:07.123456789+0000 'replica 2, not replica 1'",
    ),
}


def run(command: str, argv: Sequence[str]) -> int:
    """Run ``3am stamp`` or ``3am correct``."""
    parser = command_parser(command, _HELP)
    word_count = "+" if command == "correct" else "*"
    parser.add_argument("text", nargs=word_count, metavar="WORDS", help="the @stamp of the entry, and its words")
    args = parser.parse_args(argv)
    text = " ".join(args.text)
    return submit(lambda: context(args), lambda ctx: _make_draft(command, text, ctx), text, Receipt(quiet=args.quiet))


def _make_draft(command: str, text: str, ctx: Context) -> Draft:
    if command == "stamp" and not text.strip():
        return stamp_draft()
    stamp, words = read_stamp_ref(ctx.journal, text, partial(_pending_stamps, ctx) if command == "stamp" else tuple)
    if stamp is None:
        raise BadInput("the @stamp of the entry comes first, as the log has it, and then its words")
    if not words:
        raise BadInput(f"@{stamp} has no words after it")
    if command == "stamp":
        return stamp_words_draft(lambda: stamp, words)
    entry = find_line(ctx.journal, stamp).entry
    if entry is None:
        return correction_draft(stamp, words)
    return entry_correction_draft(ctx.load_state(), entry, words)


def _pending_stamps(ctx: Context) -> list[Stamp]:
    return [pending.stamp for pending in amendments(ctx.load_state()).pending_stamps.values()]
