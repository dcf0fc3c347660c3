"""``3am stamp``, ``3am correct``: words that come later, or in place of wrong ones."""

from __future__ import annotations

from collections.abc import Sequence

from threeam.cli.context import Context, context
from threeam.cli.parser import Parser
from threeam.cli.submit import submit
from threeam.core.errors import BadInput
from threeam.core.store.seek import find_line, parse_stamp_ref
from threeam.core.write.draft import Draft
from threeam.hypotheses.amendments import correction_draft, entry_correction_draft, stamp_draft, stamp_words_draft

_ABOUT = {
    "stamp": (
        "Takes a stamp now, under the lock; with an @stamp that was taken, adds the words for it.",
        "examples:\n  3am stamp\n  3am stamp @2026-11-24T03:14:07.123456789+0000 'the lag jumped to 2 s'",
    ),
    "correct": (
        "Puts other words in place of those of an entry, by a new line: both stay in the log.",
        "example:\n  3am correct @2026-11-24T03:14:07.123456789+0000 'replica 2, not replica 1'",
    ),
}


def run(command: str, argv: Sequence[str]) -> int:
    """Runs one of the two."""
    description, examples = _ABOUT[command]
    parser = Parser(f"3am {command}", description, examples)
    number = "+" if command == "correct" else "*"
    parser.add_argument("text", nargs=number, metavar="WORDS", help="the @stamp of the entry, and its words")
    parser.add_argument("-q", "--quiet", action="store_true", help="do not print what was written")
    args = parser.parse_args(argv)
    text = " ".join(args.text)

    def draft(here: Context) -> Draft:
        if command == "stamp" and not text.strip():
            return stamp_draft()
        at, words = parse_stamp_ref(text)
        if at is None:
            raise BadInput("the @stamp of the entry comes first, as the log has it, and then its words")
        if not words:
            raise BadInput(f"@{at} and no words: an empty text says nothing")
        if command == "stamp":
            return stamp_words_draft(lambda: at, words)
        entry = find_line(here.journal, at).entry
        return correction_draft(at, words) if entry is None else entry_correction_draft(here.load_state(), entry, words)

    return submit(lambda: context(args), draft, text, quiet=args.quiet)
