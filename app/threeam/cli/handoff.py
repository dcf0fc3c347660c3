"""``3am handoff``, ``3am take``: what whoever takes over has to know, and that they have taken over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from threeam.cli.console import out, out_json, out_parts
from threeam.cli.context import Context, context
from threeam.cli.exits import Exit
from threeam.cli.hyp import hypothesis_json
from threeam.cli.parser import Parser
from threeam.cli.submit import submit
from threeam.core.format.entry import Author, Stamp, visible
from threeam.core.state.fold import State
from threeam.core.store.journal import Position
from threeam.experiments.runs import experiments
from threeam.hypotheses.amendments import read
from threeam.hypotheses.handoff_notes import Noted, take
from threeam.hypotheses.ledger import Move, thread_of, words_of
from threeam.reports.handoff import Handoff, handoff, hours_awake, nights_of, parts
from threeam.reports.markdown_report import parts_in_markdown


def run(command: str, argv: Sequence[str]) -> int:
    """Runs one of the two."""
    if command == "take":
        parser = Parser("3am take", "Writes that you hold the journal from now on.", "example:\n  3am take")
        parser.add_argument("-q", "--quiet", action="store_true", help="do not print what was written")
        args = parser.parse_args(argv)
        return submit(lambda: context(args), lambda at: take(at.by), "", quiet=args.quiet)
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
    live = at.log_there()
    all_of_it = _handoff(at, Position(live, live.size()))
    if args.json:
        out_json(_json(all_of_it))
    elif args.md:
        now = all_of_it.now
        out(parts_in_markdown(f"Hand-off, {now.iso_date} {now.time_of_day[:5]}", parts(all_of_it)))
    else:
        out_parts(parts(all_of_it))
    return Exit.DONE


def _handoff(at: Context, end: Position) -> Handoff:
    state, now, settings = at.state(), at.clock(), at.settings
    nights = nights_of(at.journal, end, state, now, settings.night_gap_ns)
    return handoff(state, now, settings.night_gap_ns, settings.half_life_h, nights)


def _json(all_of_it: Handoff) -> dict[str, Any]:
    state, now = all_of_it.state, all_of_it.now

    def noted(one: Noted | None) -> dict[str, Any] | None:
        if one is None:
            return None
        text = "\n".join(map(visible, [read(state, one.at, one.lines[0]), *one.lines[1:]]))
        return {"text": text, **_by_at(one.by, one.at)}

    return {
        "at": str(now),
        "hypotheses": [
            hypothesis_json(state, one) | {"moves": [_move(state, move) for move in thread_of(state, one).moves]}
            for one in all_of_it.hypotheses
        ],
        "to_undo": [
            {
                "text": visible(one.text),
                "undo": visible(one.undo) or None,
                **_by_at(one.by, one.at),
            }
            for one in all_of_it.to_undo
        ],
        "running": [
            {"run": one.name, "hypothesis": one.hypothesis, "command": visible(one.command)}
            | {"done": one.done, "total": one.total, "at": str(one.at), "last": str(one.last)}
            | {"interrupted": one.interrupted is not None}
            for one in experiments(state)
            if one.left
        ],
        "next": noted(all_of_it.next),
        "topology": noted(all_of_it.topology),
        "shared": noted(all_of_it.shared),
        "holder": _by_at(all_of_it.holder.by, all_of_it.holder.at) if all_of_it.holder is not None else None,
        "stamps_without_words": [_by_at(one.by, one.at) for one in all_of_it.unworded],
        "people": [
            {"user": visible(one.user), "cups": one.cups, "mg": round(one.mg, 1), "hours_awake": hours_awake(one, now)}
            for one in all_of_it.people
        ],
    }


def _move(state: State, move: Move) -> dict[str, Any]:
    cites = {"cites": str(move.cites)} if move.cites is not None and move.cites != move.at else {}
    return {"kind": move.kind, "text": visible(words_of(state, move)), **cites, **_by_at(move.by, move.at)}


def _by_at(by: Author | None, at: Stamp) -> dict[str, Any]:
    return {"by": visible(str(by)) if by is not None else None, "at": str(at)}
