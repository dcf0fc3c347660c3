"""``3am hyp``: hypotheses from the shell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from threeam.cli.console import out, out_json, stamp_json, talk
from threeam.cli.context import Context, context
from threeam.cli.exits import Exit
from threeam.cli.parser import Parser, nearest
from threeam.cli.submit import submit
from threeam.cli.words import split_command
from threeam.core.draft import Declined, Draft
from threeam.core.entry import visible
from threeam.core.fold import OPEN, Hypothesis
from threeam.core.reader import lines_forward
from threeam.method.drafts import VERBS, claim, judge

_ABOUT = {
    "new": ("Opens a hypothesis under the next number.", "3am hyp new 'the TTL sweeper races the writer'"),
    "list": ("Lists the hypotheses, the open ones first.", "3am hyp list --json"),
    "show": ("Prints the lines of one hypothesis, in order.", "3am hyp show H7"),
    "confirm": ("Confirms a hypothesis, and says why.", "3am hyp confirm H7 'row lock fixes it, 300 clean runs'"),
    "refute": ("Refutes a hypothesis, and says why.", "3am hyp refute H7 'the sweeper was off and it still happened'"),
    "park": ("Parks a hypothesis, and says why.", "3am hyp park H7 'needs the staging replica'"),
    "reopen": ("Opens a hypothesis again, and says why.", "3am hyp reopen H7 'seen again at 03:14'"),
}


def run(_command: str, argv: Sequence[str]) -> int:
    """Runs ``3am hyp …``."""
    verb, rest = split_command(argv)
    if verb is not None and verb not in _ABOUT:
        Parser("3am hyp", "", "").error(f"there is no 3am hyp {verb}{nearest(verb, list(_ABOUT))}")
    if verb is None:
        every = "\n".join(f"  {example}" for _, example in _ABOUT.values())
        parser = Parser("3am hyp", f"Hypotheses: {', '.join(_ABOUT)}.", f"examples:\n{every}")
        parser.add_argument("verb", metavar="VERB", help="one of those; 3am hyp VERB --help says more")
        parser.parse_args(argv)
        return Exit.USAGE
    description, example = _ABOUT[verb]
    parser = Parser(f"3am hyp {verb}", description, f"example:\n  {example}")
    if verb == "list":
        parser.add_argument("--json", action="store_true", help="one object a line")
        args = parser.parse_args(rest)
        return _list(context(args), args.json)
    if verb in ("show", *VERBS):
        parser.add_argument("name", metavar="H7", help="its number, or the @stamp of one that the script wrote")
    if verb == "show":
        args = parser.parse_args(rest)
        return _show(context(args), args.name)
    metavar, about = ("TEXT", "the claim") if verb == "new" else ("WHY", "the reason")
    parser.add_argument("text", nargs="+", metavar=metavar, help=about)
    parser.add_argument("-q", "--quiet", action="store_true", help="do not print what was written")
    args = parser.parse_args(rest)
    text = " ".join(args.text)
    if not text.strip():
        parser.error("an empty text says nothing")

    def draft(at: Context) -> Draft:
        return claim(text, at.settings.toxic_cups) if verb == "new" else judge(verb, args.name, text)

    return submit(lambda: context(args), draft, text, quiet=args.quiet)


def _list(at: Context, as_json: bool) -> int:
    hypotheses = sorted(at.state().hypotheses.values(), key=lambda one: one.state != OPEN)
    if not hypotheses:
        talk("no hypotheses yet: 3am hyp new TEXT opens one")
    for one in hypotheses:
        if as_json:
            out_json(_json(one))
        else:
            why = f" ({visible(one.why)})" if one.why else ""
            out(f"{one.name:<4} {visible(one.state):<9} {visible(one.claim)}{why}")
    return Exit.DONE


def _show(at: Context, name: str) -> int:
    one = at.state().named(name)
    live = at.journal.live()
    if one is None or live is None:
        raise Declined(f"there is no hypothesis {name}: 3am hyp list shows those there are")
    for number, segment in enumerate(at.journal.segments(live)):
        for line in lines_forward(segment):
            entry = line.entry
            if entry is None or (number and entry.carried):  # the line itself stands in a file before
                continue
            opened = (entry.carried or entry.stamp).ns
            if opened == one.opened.ns or (entry.hypothesis and entry.hypothesis[0] == one.number):
                out(line.shown)
    return Exit.DONE


def _json(one: Hypothesis) -> dict[str, Any]:
    return {
        "number": one.number,
        "state": visible(one.state),
        "claim": visible(one.claim),
        "why": visible(one.why) or None,
        "by": visible(str(one.by)) if one.by else None,
        "at": str(one.opened),
        **stamp_json(one.opened),
    }
