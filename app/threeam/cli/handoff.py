"""``3am handoff``, ``3am take``: what whoever takes over has to know, and that they have taken over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from threeam.cli.console import print_json, print_out, print_report
from threeam.cli.context import Context, context
from threeam.cli.exits import ExitCode
from threeam.cli.hyp import hypothesis_json
from threeam.cli.parser import Parser
from threeam.cli.submit import submit
from threeam.core.format.entry import Author, Stamp, escape_unprintable
from threeam.core.state.fold import State
from threeam.core.store.journal import Position
from threeam.experiments.runs import experiments
from threeam.hypotheses.amendments import current_text
from threeam.hypotheses.handoff_notes import HandoffNote, take_journal_draft
from threeam.hypotheses.ledger import HypothesisEvent, event_text, thread_of
from threeam.reports.handoff import Handoff, collect_handoff, find_awake_since, handoff_report, hours_awake
from threeam.reports.markdown_report import sections_to_markdown


def run(command: str, argv: Sequence[str]) -> int:
    """Runs one of the two."""
    if command == "take":
        parser = Parser("3am take", "Writes that you hold the journal from now on.", "example:\n  3am take")
        parser.add_argument("-q", "--quiet", action="store_true", help="do not print what was written")
        args = parser.parse_args(argv)
        return submit(lambda: context(args), lambda _: take_journal_draft(), "", quiet=args.quiet)
    parser = Parser(
        "3am handoff",
        "What whoever takes over has to know, the most important first: where the hunt stands, the live hypotheses "
        "with their evidence, what is ruled out, what must be undone, what comes next. Notes that begin with Next:, "
        "Topology: or Shared: stand there too. Exit 1 if there is no log.",
        "example:\n  3am handoff --md | mail -s 'the night' oncall",
    )
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="one object")
    shape.add_argument("--md", action="store_true", help="Markdown")
    args = parser.parse_args(argv)
    at = context(args)
    live = at.require_log()
    all_of_it = _handoff(at, Position(live, live.size()))
    if args.json:
        print_json(_json(all_of_it))
    elif args.md:
        now = all_of_it.now
        print_out(sections_to_markdown(f"Hand-off, {now.iso_date} {now.time_of_day[:5]}", handoff_report(all_of_it)))
    else:
        print_report(handoff_report(all_of_it))
    return ExitCode.OK


def _handoff(at: Context, end: Position) -> Handoff:
    state, now, settings = at.load_state(), at.clock(), at.settings
    nights = find_awake_since(at.journal, end, state, now, settings.night_gap_ns)
    return collect_handoff(state, now, settings.night_gap_ns, settings.half_life_h, nights)


def _json(all_of_it: Handoff) -> dict[str, Any]:
    state, now = all_of_it.state, all_of_it.now

    def noted(one: HandoffNote | None) -> dict[str, Any] | None:
        if one is None:
            return None
        text = "\n".join(map(escape_unprintable, [current_text(state, one.stamp, one.lines[0]), *one.lines[1:]]))
        return {"text": text, **_by_at(one.author, one.stamp)}

    return {
        "at": str(now),
        "hypotheses": [
            hypothesis_json(state, one) | {"moves": [_move(state, move) for move in thread_of(state, one).events]}
            for one in all_of_it.hypotheses
        ],
        "to_undo": [
            {
                "text": escape_unprintable(one.text),
                "undo": escape_unprintable(one.undo) or None,
                **_by_at(one.author, one.stamp),
            }
            for one in all_of_it.open_changes
        ],
        "running": [
            {"run": one.name, "hypothesis": one.hypothesis, "command": escape_unprintable(one.command)}
            | {"done": one.done_count, "total": one.total, "at": str(one.stamp), "last": str(one.last_stamp)}
            | {"interrupted": one.interrupted_run is not None}
            for one in experiments(state)
            if one.remaining
        ],
        "next": noted(all_of_it.next_step),
        "topology": noted(all_of_it.topology),
        "shared": noted(all_of_it.shared_state),
        "holder": _by_at(all_of_it.holder.author, all_of_it.holder.stamp) if all_of_it.holder is not None else None,
        "stamps_without_words": [_by_at(one.author, one.stamp) for one in all_of_it.pending_stamps],
        "people": [
            {
                "user": escape_unprintable(one.user),
                "cups": one.cups,
                "mg": round(one.mg, 1),
                "hours_awake": hours_awake(one, now),
            }
            for one in all_of_it.people
        ],
    }


def _move(state: State, move: HypothesisEvent) -> dict[str, Any]:
    cites = {"cites": str(move.cited)} if move.cited is not None and move.cited != move.stamp else {}
    return {
        "kind": move.kind,
        "text": escape_unprintable(event_text(state, move)),
        **cites,
        **_by_at(move.author, move.stamp),
    }


def _by_at(by: Author | None, at: Stamp) -> dict[str, Any]:
    return {"by": escape_unprintable(str(by)) if by is not None else None, "at": str(at)}
