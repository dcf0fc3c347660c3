"""``3am handoff``, ``3am take``: what the next person needs to know, and that they have taken over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from threeam.cli.console import print_json, print_out, print_report
from threeam.cli.context import Context, context
from threeam.cli.exits import ExitCode
from threeam.cli.hyp import hypothesis_json
from threeam.cli.parser import HelpText, Parser, command_parser
from threeam.cli.submit import Receipt, submit
from threeam.core.format.entry import Author, Stamp, escape_unprintable
from threeam.core.state.fold import State
from threeam.core.store.journal import Position
from threeam.experiments.experiment import Experiment
from threeam.experiments.runs import experiments
from threeam.hypotheses.amendments import current_text
from threeam.hypotheses.handoff_notes import HandoffNote, take_journal_draft
from threeam.hypotheses.ledger import HypothesisEvent, event_text, thread_of
from threeam.reports.handoff import Handoff, collect_handoff, find_awake_since, handoff_report, hours_awake
from threeam.reports.markdown_report import sections_to_markdown

_HELP = {
    "handoff": HelpText(
        "Prints what the next person needs to know, the most important first: where the hunt stands, the live "
        "hypotheses with their evidence, what is ruled out, what must be undone, what comes next. It includes notes "
        "that begin with Next:, Topology: or Shared:. Exit 1 if there is no log.",
        "3am handoff --md | mail -s 'the night' oncall",
    ),
    "take": HelpText("Writes that you hold the journal from now on.", "3am take"),
}


def run(command: str, argv: Sequence[str]) -> int:
    """Run ``3am handoff`` or ``3am take``."""
    if command == "take":
        parser = command_parser(command, _HELP)
        args = parser.parse_args(argv)
        return submit(lambda: context(args), lambda _: take_journal_draft(), "", Receipt(quiet=args.quiet))
    parser = Parser("3am handoff", _HELP[command].description, _HELP[command].epilog())
    output_format = parser.add_mutually_exclusive_group()
    output_format.add_argument("--json", action="store_true", help="one object")
    output_format.add_argument("--md", action="store_true", help="Markdown")
    args = parser.parse_args(argv)
    ctx = context(args)
    live = ctx.require_log()
    handoff = _collect(ctx, Position(live, live.size()))
    if args.json:
        print_json(_handoff_json(handoff))
    elif args.md:
        now = handoff.now
        print_out(sections_to_markdown(f"Hand-off, {now.iso_date} {now.time_of_day[:5]}", handoff_report(handoff)))
    else:
        print_report(handoff_report(handoff))
    return ExitCode.OK


def _collect(ctx: Context, end: Position) -> Handoff:
    state, now, settings = ctx.load_state(), ctx.clock(), ctx.settings
    nights = find_awake_since(ctx.journal, end, state, now, settings.night_gap_ns)
    return collect_handoff(state, now, settings.night_gap_ns, settings.half_life_h, nights)


def _handoff_json(handoff: Handoff) -> dict[str, Any]:
    state, now = handoff.state, handoff.now

    def note_json(note: HandoffNote | None) -> dict[str, Any] | None:
        if note is None:
            return None
        text = "\n".join(map(escape_unprintable, [current_text(state, note.stamp, note.lines[0]), *note.lines[1:]]))
        return {"text": text, **_attribution_json(note.author, note.stamp)}

    holder = handoff.holder
    return {
        "at": str(now),
        "hypotheses": [
            hypothesis_json(state, hypothesis)
            | {"moves": [_event_json(state, event) for event in thread_of(state, hypothesis).events]}
            for hypothesis in handoff.hypotheses
        ],
        "to_undo": [
            {
                "text": escape_unprintable(change.text),
                "undo": escape_unprintable(change.undo) or None,
                **_attribution_json(change.author, change.stamp),
            }
            for change in handoff.open_changes
        ],
        "running": [_experiment_json(experiment) for experiment in experiments(state) if experiment.remaining],
        "next": note_json(handoff.next_step),
        "topology": note_json(handoff.topology),
        "shared": note_json(handoff.shared_state),
        "holder": None if holder is None else _attribution_json(holder.author, holder.stamp),
        "stamps_without_words": [_attribution_json(stamp.author, stamp.stamp) for stamp in handoff.pending_stamps],
        "people": [
            {
                "user": escape_unprintable(person.user),
                "cups": person.cups,
                "mg": round(person.mg, 1),
                "hours_awake": hours_awake(person, now),
            }
            for person in handoff.people
        ],
    }


def _experiment_json(experiment: Experiment) -> dict[str, Any]:
    return {
        "run": experiment.name,
        "hypothesis": experiment.hypothesis,
        "command": escape_unprintable(experiment.command),
        "done": experiment.done_count,
        "total": experiment.total,
        "at": str(experiment.stamp),
        "last": str(experiment.last_stamp),
        "interrupted": experiment.interrupted_run is not None,
    }


def _event_json(state: State, event: HypothesisEvent) -> dict[str, Any]:
    cites = {"cites": str(event.cited)} if event.cited is not None and event.cited != event.stamp else {}
    return {
        "kind": event.kind,
        "text": escape_unprintable(event_text(state, event)),
        **cites,
        **_attribution_json(event.author, event.stamp),
    }


def _attribution_json(author: Author | None, stamp: Stamp) -> dict[str, Any]:
    return {"by": escape_unprintable(str(author)) if author is not None else None, "at": str(stamp)}
