"""``3am changed``, ``3am undone``: what was changed on the system, and that it was undone."""

from __future__ import annotations

from collections.abc import Sequence

from threeam.cli.context import context
from threeam.cli.parser import Parser
from threeam.cli.submit import submit
from threeam.core.store.seek import parse_stamp_ref
from threeam.hypotheses.changes import change_draft, undone_draft

_ABOUT = {
    "changed": (
        "Notes that something was changed, and how to undo it. It stays on the hand-off until 3am undone ticks it off. "
        "A change for a hypothesis (-H) is what 3am fixed measures from; a change for none touches no such answer.",
        "3am changed -H H7 'canary runs with SWEEP_LOCK=/shared' --undo 'unset SWEEP_LOCK, restart canary'",
    ),
    "undone": (
        "Ticks off what was changed, by the @stamp of its line; without one, the only change that is left.",
        "3am undone @2026-11-24T03:14:07.123456789+0000",
    ),
}


def run(command: str, argv: Sequence[str]) -> int:
    """Runs one of the two."""
    description, example = _ABOUT[command]
    parser = Parser(f"3am {command}", description, f"example:\n  {example}")
    parser.add_argument("-q", "--quiet", action="store_true", help="do not print what was written")
    if command == "changed":
        parser.add_argument("text", nargs="+", metavar="TEXT", help="what was changed")
        parser.add_argument("--undo", default="", metavar="TEXT", help="how it is undone")
        parser.add_argument("-H", "--hyp", metavar="H7", help="the hypothesis that it is to test, or to fix")
        args = parser.parse_args(argv)
        text = " ".join(args.text)
        if not text.strip():
            parser.error("an empty text says nothing")
        return submit(lambda: context(args), lambda _: change_draft(text, args.undo, args.hyp), text, quiet=args.quiet)
    parser.add_argument("text", nargs="*", metavar="WORDS", help="the @stamp of the change, and words if you like")
    args = parser.parse_args(argv)
    text = " ".join(args.text)
    return submit(lambda: context(args), lambda _: undone_draft(*parse_stamp_ref(text)), text, quiet=args.quiet)
