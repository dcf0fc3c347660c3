"""Restoring the sysadmin: what is still open, said into the log, and then lights out."""

from __future__ import annotations

from collections.abc import Sequence

from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import Stamp
from threeam.core.format.report import ReportLine, ReportSection, format_when
from threeam.core.state.fold import State
from threeam.core.write.draft import Draft, DraftLine, WriteContext
from threeam.human import drafts
from threeam.human.night_summary import NightSummary, format_forecast, format_intake
from threeam.hypotheses.amendments import amendments, claim_of, current_text
from threeam.hypotheses.changes import open_changes
from threeam.hypotheses.handoff_notes import handoff_note
from threeam.hypotheses.ledger import sorted_hypotheses, thread_of
from threeam.hypotheses.thread import MISSING_CLAIM

SLEEP_ADVICE = "the system is eventually consistent, and right now you are not"
UNDO_UNKNOWN = "nobody has said how it is undone"
_MAX_LINES = 12  # lines of each kind: a list that is longer is read by nobody
_MAX_LINE_CHARS = 160  # characters of a line of it


def open_items(state: State) -> list[list[ReportLine]]:
    """What is not done, by kind: what must be undone, the live hypotheses, the next step, stamps without words."""
    open_ones = [one for one in sorted_hypotheses(state) if one.state == "open"]
    undo = [
        ReportLine(
            *(f"undo: {one.undo}", one.text) if one.undo else (f"changed: {one.text}", UNDO_UNKNOWN),
            one.stamp,
            "Changed",
        )
        for one in reversed(open_changes(state))
    ]
    live = []
    for one in open_ones:
        thread = thread_of(state, one)
        counts = f"+{len(thread.supports)} −{len(thread.contradicts)}"
        live.append(
            ReportLine(f"{one.label} {claim_of(state, one) or MISSING_CLAIM}", counts, one.opened_at, "Hypothesis")
        )
    following = handoff_note(state, "next")
    then = (
        []
        if following is None
        else [
            ReportLine(f"next: {current_text(state, following.stamp, following.lines[0])}", "", following.stamp, "Next")
        ]
    )
    unworded = [
        ReportLine("a stamp without words", "", one.stamp, "Stamp") for one in amendments(state).pending_stamps.values()
    ]
    return [undo, live, then, unworded]


def _limit_lines(kinds: Sequence[Sequence[ReportLine]]) -> list[ReportLine]:
    """As many lines of each kind as anybody reads."""
    told: list[ReportLine] = []
    for lines in kinds:
        more = len(lines) - _MAX_LINES
        told += [*lines[:_MAX_LINES], *([ReportLine(f"and {more:,} more: 3am handoff")] if more > 0 else [])]
    return told


def sleep_draft(half_life_h: float) -> Draft:
    """The end of the author's night, as one block: what is still open, for whoever is up, and the sleep line."""

    def lines(state: State, context: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        me = state.people.get(context.user)
        if me is not None and me.asleep:
            raise PreconditionFailed(
                f"the night of {context.user} is over already, since {Stamp(me.last_active_ns, stamp.utc_offset_s)}"
            )
        kinds = open_items(state)
        left = sum(map(len, kinds))
        head = f"Handoff: {context.user} goes to sleep, and {left or 'nothing'} {_things_are(left)} still open."
        return [
            DraftLine(head, (("HANDOFF", str(left)),)),
            *(DraftLine(f"| {_format_item(one)}") for one in _limit_lines(kinds)),
            drafts.sleep_line(state, context, stamp, half_life_h),
        ]

    return Draft(lines)


def _things_are(count: int) -> str:
    return "thing is" if count == 1 else "things are" if count else "is"


def _format_item(line: ReportLine) -> str:
    text = f"{line.text}{f' ({line.detail})' if line.detail else ''}"
    text = text if len(text) <= _MAX_LINE_CHARS else text[: _MAX_LINE_CHARS - 1] + "…"
    return f"{text}{f' @{line.stamp}' if line.stamp is not None else ''}"


def sleep_report(state: State, one: NightSummary, awake_since: Stamp | None) -> list[ReportSection]:
    """What ``one`` reads before the lights go out."""
    you = [ReportLine(f"{format_intake(one)}, {one.mg_now:.0f} mg", format_forecast(one))]
    if awake_since is not None:
        you.append(ReportLine("awake", f"since {format_when(awake_since, one.now)} at least", awake_since))
    return [
        ReportSection("still open", _limit_lines(open_items(state)) or [ReportLine("nothing", icon="ok")]),
        ReportSection("you", [*you, ReportLine("a glass of water, and then lights out"), ReportLine(SLEEP_ADVICE)]),
    ]
