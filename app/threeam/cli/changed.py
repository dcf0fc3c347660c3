"""``3am changed``, ``3am undone``: a change of the system, and that it was undone."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from threeam.cli.context import Context, context
from threeam.cli.parser import HelpText, command_parser
from threeam.cli.submit import Receipt, submit
from threeam.cli.team_hosts import read_hypothesis_name
from threeam.core.format.entry import Stamp
from threeam.core.store.stamp_ref import read_stamp_ref
from threeam.core.write.draft import Draft
from threeam.hypotheses.changes import change_draft, open_changes, undone_draft

_HELP = {
    "changed": HelpText(
        "Notes that something was changed, and how to undo it. It stays on the hand-off until 3am undone ticks it off. "
        "3am fixed measures from a change that belongs to a hypothesis (-H); other changes do not affect its answer.",
        "3am changed -H H7 'canary runs with SWEEP_LOCK=/shared' --undo 'unset SWEEP_LOCK, restart canary'",
    ),
    "undone": HelpText(
        "Ticks off a change, by the @stamp of its line; without a stamp, the only change that is left.",
        "3am undone @2026-11-24T03:14:07.123456789+0000",
    ),
}


def run(command: str, argv: Sequence[str]) -> int:
    """Run ``3am changed`` or ``3am undone``."""
    parser = command_parser(command, _HELP)
    if command == "changed":
        parser.add_argument("text", nargs="+", metavar="TEXT", help="what was changed")
        parser.add_argument("--undo", default="", metavar="TEXT", help="how to undo it")
        parser.add_argument("-H", "--hyp", metavar="H7", help="the hypothesis that it is for; db1/H7: of another host")
    else:
        parser.add_argument("text", nargs="*", metavar="WORDS", help="the @stamp of the change, and optional words")
    args = parser.parse_args(argv)
    text = " ".join(args.text)
    if command == "undone":
        return submit(lambda: context(args), lambda ctx: _undone_draft(text, ctx), text, Receipt(quiet=args.quiet))
    if not text.strip():
        parser.error("the text is empty")
    return submit(lambda: context(args), lambda ctx: _change_draft(text, args, ctx), text, Receipt(quiet=args.quiet))


def _change_draft(text: str, args: Namespace, ctx: Context) -> Draft:
    return change_draft(text, args.undo, None if args.hyp is None else read_hypothesis_name(ctx, args.hyp))


def _undone_draft(text: str, ctx: Context) -> Draft:
    def left() -> list[Stamp]:
        return [change.stamp for change in open_changes(ctx.load_state())]

    return undone_draft(*read_stamp_ref(ctx.journal, text, left))
