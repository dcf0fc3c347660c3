"""``3am hyp``: hypotheses and their evidence from the shell."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from contextlib import suppress

from threeam.cli.console import print_err, print_json, print_out, print_quotation
from threeam.cli.context import Context, context
from threeam.cli.exits import ExitCode
from threeam.cli.hyp_of_hosts import find_team_hypothesis, has_lines_elsewhere, print_team_hypothesis, print_team_list
from threeam.cli.parser import HelpText, parse_verb
from threeam.cli.split import split_command
from threeam.cli.submit import Receipt, report_unwritten, submit
from threeam.cli.team_hosts import (
    cups_until_toxic,
    read_hosts_if_possible,
    read_hosts_of,
    read_hypothesis_name,
)
from threeam.core.errors import FileUnusable, JournalError, PreconditionFailed
from threeam.core.format.cited_line import parse_cited_line
from threeam.core.format.entry import escape_unprintable
from threeam.core.format.remote_hypothesis import Named
from threeam.core.state.fold import Hypothesis, State
from threeam.core.store.attachments import has_mirrors
from threeam.core.store.filters import InHypothesis, LineFilter
from threeam.core.store.seek import find_line, matches_forward
from threeam.core.write.draft import Draft
from threeam.hypotheses.amendments import claim_of
from threeam.hypotheses.drafts import (
    EVIDENCE_VERBS,
    VERDICT_VERBS,
    conclusion_draft,
    hypothesis_draft,
    prediction_draft,
    quoting_evidence_draft,
    require_hypothesis,
)
from threeam.hypotheses.evidence import read_evidence
from threeam.hypotheses.ledger import event_text, sorted_hypotheses, thread_of, verdict_of
from threeam.hypotheses.quotations import QuotationReader
from threeam.hypotheses.remarks import remarks
from threeam.hypotheses.team_fold import states_text, verdict_text
from threeam.hypotheses.team_report import team_hypothesis_json, team_moves_json
from threeam.hypotheses.thread import hypothesis_json, thread_json
from threeam.projections import FOLD

_MAX_QUOTED_LINES = 1000  # of one cited entry
_HELP = {
    "new": HelpText("Opens a hypothesis under the next number.", "3am hyp new 'the TTL sweeper races the writer'"),
    "list": HelpText("Lists the hypotheses, the open and least contradicted ones first.", "3am hyp list --json"),
    "show": HelpText("Prints the lines of one hypothesis, in order.", "3am hyp show H7 --json | jq -r '.moves[].text'"),
    "predict": HelpText(
        "Writes what an experiment will show if the hypothesis is true, before the experiment.",
        "3am hyp predict H7 'with the sweeper off, 500 runs stay clean'",
    ),
    "support": HelpText(
        "Writes that a line of the log, of another log, or something you saw, supports the hypothesis. --cite copies "
        "the line of the other log beside the journal, with its continuation lines and without its secrets.",
        "3am hyp support H7 @2026-11-24T03:14:07.123456789+0000 'updated 2ms after it was deleted'\n"
        "3am hyp support H7 --cite web1.log:8412 'deleted before the update'",
    ),
    "contradict": HelpText(
        "Writes that a line of the log, of another log, or something you saw, contradicts the hypothesis. --cite "
        "copies the line of the other log beside the journal, with its continuation lines and without its secrets.",
        "3am hyp contradict H7 'it happened with the sweeper off'\n"
        "3am hyp contradict H7 --cite web1=/var/log/app.log:12",
    ),
    "confirm": HelpText(
        "Confirms a hypothesis, with the reason.", "3am hyp confirm H7 'row lock fixes it, 300 clean runs'"
    ),
    "refute": HelpText(
        "Refutes a hypothesis, with the reason.", "3am hyp refute H7 'the sweeper was off and it still happened'"
    ),
    "park": HelpText("Parks a hypothesis, with the reason.", "3am hyp park H7 'needs the staging replica'"),
    "reopen": HelpText("Opens a hypothesis again, with the reason.", "3am hyp reopen H7 'seen again at 03:14'"),
}


def run(_command: str, argv: Sequence[str]) -> int:
    """Run ``3am hyp``."""
    argv = argv if _is_verb_meant(argv) else ["new", *argv]  # as on the `:` line
    verb, parser, rest = parse_verb("3am hyp", "Hypotheses", _HELP, argv)
    if verb == "list":
        parser.add_argument("--json", action="store_true", help="one object a line")
        args = parser.parse_args(rest)
        return _print_list(context(args), args.json)
    if verb != "new":
        parser.add_argument(
            "name", metavar="H7", help="its number, with its host as db1/H7, or the @stamp of one that the script wrote"
        )
    if verb == "show":
        parser.add_argument("--json", action="store_true", help="one object, with all its evidence and verdicts")
        args = parser.parse_args(rest)
        return _print_hypothesis(context(args), args.name, args.json)
    metavar, about = ("WHY", "the reason") if verb in VERDICT_VERBS else ("TEXT", "the words")
    if verb in EVIDENCE_VERBS:
        metavar, about = "WORDS", "the @stamp of the line or R3 for an experiment, and optional words; or words alone"
        parser.add_argument(
            "--cite", metavar="FILE:LINE", help="the line of another log, by its number; NAME=FILE names it"
        )
    parser.add_argument("text", nargs="*" if verb in EVIDENCE_VERBS else "+", metavar=metavar, help=about)
    parser.add_quiet_option()
    args = parser.parse_intermixed_args(rest)  # the words may come before and after an option
    text = " ".join(args.text)
    if verb in EVIDENCE_VERBS and args.cite is not None:
        return _write_citing_evidence(verb, args, text)
    if not text.strip():
        parser.error("the text is empty" if args.text else f"the following arguments are required: {metavar}")
    code = submit(
        lambda: context(args), lambda ctx: _make_draft(verb, args, text, ctx), text, Receipt(quiet=args.quiet)
    )
    if code == ExitCode.OK and verb in VERDICT_VERBS and not args.quiet:
        _report_other_verdicts(context(args), args.name)
    return code


def _is_verb_meant(argv: Sequence[str]) -> bool:
    """Return whether the first word is a verb, perhaps mistyped, and not the beginning of a claim."""
    word, rest = split_command(argv)
    if word is None or word in _HELP or (not rest and " " not in word):
        return True
    from difflib import get_close_matches

    return bool(get_close_matches(word, _HELP, 1, 0.8))


def _make_draft(verb: str, args: Namespace, text: str, ctx: Context) -> Draft:
    if verb == "new":
        return hypothesis_draft(text, cups_until_toxic(ctx))
    named = read_hypothesis_name(ctx, args.name)
    if verb == "predict":
        return prediction_draft(named, text)
    if verb in VERDICT_VERBS:
        return _verdict_draft(verb, named, text, ctx)
    from threeam.experiments.run_citation import cite_run  # the other verbs need no experiments

    return read_evidence(ctx.journal, cite_run(ctx.load_state(), text)).draft(verb, named)


def _verdict_draft(verb: str, named: Named, reason: str, ctx: Context) -> Draft:
    """Return the draft of a verdict, which is refused if all hosts agree on it already."""
    limit = cups_until_toxic(ctx)
    if not has_mirrors(ctx.journal):
        return conclusion_draft(verb, named, reason, limit)
    known = find_team_hypothesis(ctx, read_hosts_if_possible(ctx, ctx.load_state()), named)
    return conclusion_draft(verb, named, reason, limit, known)


def _report_other_verdicts(ctx: Context, name: str) -> None:
    """Print that verdicts of other hosts stand beside the one that was just written."""
    if not has_mirrors(ctx.journal):
        return
    try:
        known = find_team_hypothesis(ctx, read_hosts_of(ctx, ctx.load_state()), name)
    except (JournalError, OSError) as error:  # the line is written all the same
        print_err(f"the verdicts of other hosts are not known: {error}")
        return
    if known is not None and len(known.states) > 1:
        print_err(f"{known.name} is {states_text(known)}: {verdict_text(known)}")


def _write_citing_evidence(verb: str, args: Namespace, words: str) -> int:
    """Write evidence that quotes a line of another log: first its attachment, and then the line that names it."""
    from threeam.timeline.citation import read_citation, save_citation

    try:
        citation = read_citation(args.cite)
        ctx = context(args)
        if (obstacle := ctx.journal.write_obstacle()) is not None:
            raise FileUnusable(obstacle)
        named = read_hypothesis_name(ctx, args.name)
        if isinstance(named, str):
            require_hypothesis(ctx.load_state(), named)  # an unknown one is reported before anything is copied
        saved = save_citation(ctx.journal, citation, ctx.clock().ns)
    except (JournalError, KeyboardInterrupt):
        report_unwritten([words])
        raise
    draft = quoting_evidence_draft(verb, named, saved.line, citation.evidence_text(words))
    return submit(lambda: ctx, lambda _: draft, words, Receipt(quiet=args.quiet), attachment_path=saved.path)


def _print_list(ctx: Context, as_json: bool) -> int:
    state = ctx.load_state()
    hosts = read_hosts_if_possible(ctx, state)
    if remarks(state) or len(hosts) > 1:
        print_team_list(ctx, hosts, as_json=as_json)
        return ExitCode.OK
    hypotheses = sorted_hypotheses(state)
    if not hypotheses:
        print_err("no hypotheses yet: 3am hyp new TEXT opens one")
    for hypothesis in hypotheses:
        if as_json:
            print_json(hypothesis_json(state, hypothesis))
        else:
            print_out(_hypothesis_line(state, hypothesis))
    return ExitCode.OK


def _hypothesis_line(state: State, hypothesis: Hypothesis) -> str:
    thread, verdict = thread_of(state, hypothesis), verdict_of(state, hypothesis)
    counts = f"+{len(thread.supports)} -{len(thread.contradicts)}"
    reason = f" ({escape_unprintable(event_text(state, verdict))})" if verdict is not None else ""
    claim = escape_unprintable(claim_of(state, hypothesis))
    return f"{hypothesis.name:<4} {escape_unprintable(hypothesis.state):<9} {counts:<6} {claim}{reason}"


def _print_hypothesis(ctx: Context, name: str, as_json: bool) -> int:
    live = ctx.require_log()
    # The state is read from the same file as the lines: meanwhile the log may be renamed or deleted.
    state = FOLD.state_at(live, live.size())
    hosts = read_hosts_if_possible(ctx, state)
    known = find_team_hypothesis(ctx, hosts, name)
    if known is not None and as_json and (known.host or len(known.threads) > 1):
        print_json(team_hypothesis_json(known) | {"moves": team_moves_json(known, QuotationReader(ctx.journal))})
        return ExitCode.OK
    if known is not None and not as_json and (known.host or has_lines_elsewhere(ctx, live, known, hosts)):
        print_team_hypothesis(ctx, live, known, hosts)
        return ExitCode.OK
    hypothesis = require_hypothesis(state, name)
    if as_json:
        print_json(thread_json(state, hypothesis, QuotationReader(ctx.journal)))
        return ExitCode.OK
    if hypothesis.author is None:  # the script's own line has no H tag
        with suppress(PreconditionFailed):  # its file was deleted
            print_out(find_line(ctx.journal, hypothesis.opened_at).display_text)
    if hypothesis.number is None:
        return ExitCode.OK
    line_filter = LineFilter((InHypothesis(hypothesis.number),), skip_repeated=True)
    quotations = QuotationReader(ctx.journal)
    for segment in ctx.journal.segments_forward(live):
        for block in matches_forward(segment, 0, None, line_filter):
            for line in block.lines:
                if line.finished:
                    print_out(line.display_text)
                    cited = parse_cited_line(line.entry) if line.entry is not None else None
                    if cited is not None:
                        print_quotation(quotations.quotation(cited, _MAX_QUOTED_LINES), "    ")
    return ExitCode.OK
