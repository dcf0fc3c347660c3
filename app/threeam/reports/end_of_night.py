"""The end of a night: the list of open items, as lines of the log and as a report."""

from __future__ import annotations

from collections.abc import Sequence

from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import Stamp
from threeam.core.format.report import ReportLine, ReportSection, format_when
from threeam.core.state.fold import OPEN, State
from threeam.core.write.draft import Draft, DraftLine, WriteContext
from threeam.human import drafts
from threeam.human.night_summary import NightSummary, format_forecast, format_intake
from threeam.hypotheses.amendments import amendments, claim_of, current_text
from threeam.hypotheses.changes import open_changes
from threeam.hypotheses.handoff_notes import handoff_note
from threeam.hypotheses.ledger import sorted_hypotheses, thread_of
from threeam.hypotheses.thread import MISSING_CLAIM

SLEEP_ADVICE = "the system is eventually consistent, and right now you are not"
UNDO_UNKNOWN = "no undo was noted"
_MAX_LINES_PER_KIND = 12  # longer lists are not read before bed
_MAX_LINE_CHARS = 160


def open_items(state: State) -> list[list[ReportLine]]:
    """Return the open items, by kind: changes to undo, open hypotheses, the next step, stamps without words."""
    to_undo = []
    for change in reversed(open_changes(state)):
        text, detail = f"undo: {change.undo}", change.text
        if not change.undo:
            text, detail = f"changed: {change.text}", UNDO_UNKNOWN
        to_undo.append(ReportLine(text, detail, change.stamp, "Changed"))
    hypotheses = []
    for hypothesis in sorted_hypotheses(state):
        if hypothesis.state == OPEN:
            thread = thread_of(state, hypothesis)
            claim = f"{hypothesis.label} {claim_of(state, hypothesis) or MISSING_CLAIM}"
            counts = f"+{len(thread.supports)} −{len(thread.contradicts)}"
            hypotheses.append(ReportLine(claim, counts, hypothesis.opened_at, "Hypothesis"))
    next_step = []
    note = handoff_note(state, "next")
    if note is not None:
        next_step.append(ReportLine(f"next: {current_text(state, note.stamp, note.lines[0])}", "", note.stamp, "Next"))
    pending = amendments(state).pending_stamps.values()
    stamps = [ReportLine("a stamp without words", "", stamp.stamp, "Stamp") for stamp in pending]
    return [to_undo, hypotheses, next_step, stamps]


def _limit_lines(kinds: Sequence[Sequence[ReportLine]]) -> list[ReportLine]:
    """Return the first lines of each kind, and the number of those left out."""
    limited: list[ReportLine] = []
    for lines in kinds:
        limited += lines[:_MAX_LINES_PER_KIND]
        omitted = len(lines) - _MAX_LINES_PER_KIND
        if omitted > 0:
            limited.append(ReportLine(f"and {omitted:,} more: 3am handoff"))
    return limited


def sleep_draft(half_life_h: float) -> Draft:
    """Return the draft that ends the author's night: a block with the open items, and the sleep line.

    Writing it raises `PreconditionFailed` if that night is over already.
    """

    def lines(state: State, context: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        person = state.people.get(context.user)
        if person is not None and person.asleep:
            raise PreconditionFailed(
                f"the night of {context.user} is over already, since {Stamp(person.last_active_ns, stamp.utc_offset_s)}"
            )
        kinds = open_items(state)
        count = sum(map(len, kinds))
        head = f"Handoff: {context.user} goes to sleep, and {count or 'nothing'} {_things_are(count)} still open."
        return [
            DraftLine(head, (("HANDOFF", str(count)),)),
            *(DraftLine(f"| {_format_item(item)}") for item in _limit_lines(kinds)),
            drafts.sleep_line(state, context, stamp, half_life_h),
        ]

    return Draft(lines)


def _things_are(count: int) -> str:
    if count == 0:
        return "is"
    return "thing is" if count == 1 else "things are"


def _format_item(line: ReportLine) -> str:
    text = f"{line.text}{f' ({line.detail})' if line.detail else ''}"
    text = text if len(text) <= _MAX_LINE_CHARS else text[: _MAX_LINE_CHARS - 1] + "…"
    return f"{text}{f' @{line.stamp}' if line.stamp is not None else ''}"


def sleep_report(state: State, night: NightSummary, awake_since: Stamp | None) -> list[ReportSection]:
    """Return the report that a person reads before they sleep: the open items, their intake, their time awake."""
    you = [ReportLine(f"{format_intake(night)}, {night.mg_now:.0f} mg", format_forecast(night))]
    if awake_since is not None:
        you.append(ReportLine("awake", f"since {format_when(awake_since, night.now)} at least", awake_since))
    return [
        ReportSection("still open", _limit_lines(open_items(state)) or [ReportLine("nothing", icon="ok")]),
        ReportSection("you", [*you, ReportLine("a glass of water, and then lights out"), ReportLine(SLEEP_ADVICE)]),
    ]
