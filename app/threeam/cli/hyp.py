"""``3am hyp``: hypotheses from the shell."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from threeam.cli.console import out, out_json, stamp_json, talk
from threeam.cli.context import Context, context
from threeam.cli.exits import Exit
from threeam.cli.parser import of_verb
from threeam.cli.submit import submit
from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import visible
from threeam.core.state.fold import Hypothesis, State
from threeam.core.store.filters import About, Wanted
from threeam.core.store.seek import found_forward, line_of, stamp_of
from threeam.core.write.draft import Draft
from threeam.hypotheses.amendments import claim_of
from threeam.hypotheses.drafts import EVIDENCE_VERBS, VERDICT_VERBS, claim, evidence, judge, known, predict, to_cite
from threeam.hypotheses.ledger import in_order, thread_of, verdict_of, words_of
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
    verb, parser, rest = of_verb("3am hyp", "Hypotheses", _ABOUT, argv)
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
        return claim(text, at.settings.toxic_cups)
    if verb == "predict":
        return predict(args.name, text)
    if verb in VERDICT_VERBS:
        return judge(verb, args.name, text, at.settings.toxic_cups)
    cited, words = stamp_of(text)
    entry = line_of(at.journal, cited).entry if cited is not None else None
    if entry is None:
        return evidence(verb, args.name, None, words)
    return evidence(verb, args.name, to_cite(entry), words, entry)


def _list(at: Context, as_json: bool) -> int:
    state = at.state()
    hypotheses = in_order(state)
    if not hypotheses:
        talk("no hypotheses yet: 3am hyp new TEXT opens one")
    for one in hypotheses:
        if as_json:
            out_json(hypothesis_json(state, one))
            continue
        thread, verdict = thread_of(state, one), verdict_of(state, one)
        counts = f"+{len(thread.supports)} -{len(thread.contradicts)}"
        why = f" ({visible(words_of(state, verdict))})" if verdict is not None else ""
        out(f"{one.name:<4} {visible(one.state):<9} {counts:<6} {visible(claim_of(state, one))}{why}")
    return Exit.DONE


def _show(at: Context, name: str) -> int:
    live = at.log_there()
    one = known(FOLD.state_at(live, live.size()), name)  # of the same file: the log may be renamed or deleted meanwhile
    if one.author is None:  # the script's own line has no tag to be found by
        with suppress(PreconditionFailed):  # in a file that has been deleted
            out(line_of(at.journal, one.opened_at).shown)
    if one.number is None:
        return Exit.DONE
    for segment in at.journal.segments_forward(live):
        for found in found_forward(segment, 0, None, Wanted((About(one.number),), once=True)):
            for line in found.lines:
                if line.finished:
                    out(line.shown)
    return Exit.DONE


def hypothesis_json(state: State, one: Hypothesis) -> dict[str, Any]:
    """A hypothesis as machine output: where it stands, and how much speaks for it and against it."""
    thread, verdict = thread_of(state, one), verdict_of(state, one)
    return {
        "number": one.number,
        "state": visible(one.state),
        "claim": visible(claim_of(state, one)),
        "supports": len(thread.supports),
        "contradicts": len(thread.contradicts),
        "predictions": len(thread.predictions),
        "why": visible(words_of(state, verdict)) if verdict is not None else None,
        "recheck": verdict is not None and verdict.recheck,
        "by": visible(str(one.author)) if one.author else None,
        "at": str(one.opened_at),
        **stamp_json(one.opened_at),
    }
