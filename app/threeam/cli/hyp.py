"""``3am hyp``: hypotheses from the shell."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from threeam.cli.console import print_err, print_json, print_out, stamp_json
from threeam.cli.context import Context, context
from threeam.cli.exits import ExitCode
from threeam.cli.parser import parse_verb
from threeam.cli.submit import submit
from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import escape_unprintable
from threeam.core.state.fold import Hypothesis, State
from threeam.core.store.filters import InHypothesis, LineFilter
from threeam.core.store.seek import find_line, matches_forward, parse_stamp_ref
from threeam.core.write.draft import Draft
from threeam.hypotheses.amendments import claim_of
from threeam.hypotheses.drafts import (
    EVIDENCE_VERBS,
    VERDICT_VERBS,
    citable_stamp,
    conclusion_draft,
    evidence_draft,
    hypothesis_draft,
    prediction_draft,
    require_hypothesis,
)
from threeam.hypotheses.ledger import event_text, sorted_hypotheses, thread_of, verdict_of
from threeam.projections import FOLD

_ABOUT = {
    "new": ("Opens a hypothesis under the next number.", "3am hyp new 'the TTL sweeper races the writer'"),
    "list": ("Lists the hypotheses, the open ones first, the least contradicted on top.", "3am hyp list --json"),
    "show": ("Prints the lines of one hypothesis, in order.", "3am hyp show H7"),
    "predict": (
        "Says what is to be seen if it is true, before the experiment.",
        "3am hyp predict H7 'with the sweeper off, 500 runs stay clean'",
    ),
    "support": (
        "Says that a line of the log, or what you have seen, speaks for it.",
        "3am hyp support H7 @2026-11-24T03:14:07.123456789+0000 'updated 2 ms after it was deleted'",
    ),
    "contradict": (
        "Says that a line of the log, or what you have seen, speaks against it.",
        "3am hyp contradict H7 'it happened with the sweeper off'",
    ),
    "confirm": ("Confirms a hypothesis, and says why.", "3am hyp confirm H7 'row lock fixes it, 300 clean runs'"),
    "refute": ("Refutes a hypothesis, and says why.", "3am hyp refute H7 'the sweeper was off and it still happened'"),
    "park": ("Parks a hypothesis, and says why.", "3am hyp park H7 'needs the staging replica'"),
    "reopen": ("Opens a hypothesis again, and says why.", "3am hyp reopen H7 'seen again at 03:14'"),
}


def run(_command: str, argv: Sequence[str]) -> int:
    """Runs ``3am hyp …``."""
    verb, parser, rest = parse_verb("3am hyp", "Hypotheses", _ABOUT, argv)
    if verb == "list":
        parser.add_argument("--json", action="store_true", help="one object a line")
        args = parser.parse_args(rest)
        return _list(context(args), args.json)
    if verb != "new":
        parser.add_argument("name", metavar="H7", help="its number, or the @stamp of one that the script wrote")
    if verb == "show":
        args = parser.parse_args(rest)
        return _show(context(args), args.name)
    metavar, about = ("WHY", "the reason") if verb in VERDICT_VERBS else ("TEXT", "the words")
    if verb in EVIDENCE_VERBS:
        metavar, about = "WORDS", "the @stamp of the line, and words if you like; or words alone"
    parser.add_argument("text", nargs="+", metavar=metavar, help=about)
    parser.add_argument("-q", "--quiet", action="store_true", help="do not print what was written")
    args = parser.parse_args(rest)
    text = " ".join(args.text)
    if not text.strip():
        parser.error("an empty text says nothing")
    return submit(lambda: context(args), lambda at: _draft(verb, args, text, at), text, quiet=args.quiet)


def _draft(verb: str, args: Namespace, text: str, at: Context) -> Draft:
    if verb == "new":
        return hypothesis_draft(text, at.settings.toxic_cups)
    if verb == "predict":
        return prediction_draft(args.name, text)
    if verb in VERDICT_VERBS:
        return conclusion_draft(verb, args.name, text, at.settings.toxic_cups)
    cited, words = parse_stamp_ref(text)
    entry = find_line(at.journal, cited).entry if cited is not None else None
    if entry is None:
        return evidence_draft(verb, args.name, None, words)
    return evidence_draft(verb, args.name, citable_stamp(entry), words, entry)


def _list(at: Context, as_json: bool) -> int:
    state = at.load_state()
    hypotheses = sorted_hypotheses(state)
    if not hypotheses:
        print_err("no hypotheses yet: 3am hyp new TEXT opens one")
    for one in hypotheses:
        if as_json:
            print_json(hypothesis_json(state, one))
            continue
        thread, verdict = thread_of(state, one), verdict_of(state, one)
        counts = f"+{len(thread.supports)} -{len(thread.contradicts)}"
        why = f" ({escape_unprintable(event_text(state, verdict))})" if verdict is not None else ""
        print_out(
            f"{one.name:<4} {escape_unprintable(one.state):<9} {counts:<6} {escape_unprintable(claim_of(state, one))}{why}"
        )
    return ExitCode.OK


def _show(at: Context, name: str) -> int:
    live = at.require_log()
    one = require_hypothesis(
        FOLD.state_at(live, live.size()), name
    )  # of the same file: the log may be renamed or deleted meanwhile
    if one.author is None:  # the script's own line has no tag to be found by
        with suppress(PreconditionFailed):  # in a file that has been deleted
            print_out(find_line(at.journal, one.opened_at).display_text)
    if one.number is None:
        return ExitCode.OK
    for segment in at.journal.segments_forward(live):
        for found in matches_forward(segment, 0, None, LineFilter((InHypothesis(one.number),), skip_repeated=True)):
            for line in found.lines:
                if line.finished:
                    print_out(line.display_text)
    return ExitCode.OK


def hypothesis_json(state: State, one: Hypothesis) -> dict[str, Any]:
    """A hypothesis as machine output: where it stands, and how much speaks for it and against it."""
    thread, verdict = thread_of(state, one), verdict_of(state, one)
    return {
        "number": one.number,
        "state": escape_unprintable(one.state),
        "claim": escape_unprintable(claim_of(state, one)),
        "supports": len(thread.supports),
        "contradicts": len(thread.contradicts),
        "predictions": len(thread.predictions),
        "why": escape_unprintable(event_text(state, verdict)) if verdict is not None else None,
        "recheck": verdict is not None and verdict.recheck,
        "by": escape_unprintable(str(one.author)) if one.author else None,
        "at": str(one.opened_at),
        **stamp_json(one.opened_at),
    }
