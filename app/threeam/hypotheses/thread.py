"""The thread of a hypothesis, as it is told: the claim, what was predicted, the evidence, the history."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from threeam.core.format.entry import Stamp
from threeam.core.format.report import ReportLine, ReportSection, format_attribution
from threeam.core.state.fold import Hypothesis, State
from threeam.hypotheses.amendments import amendments, claim_of
from threeam.hypotheses.guards import event_warnings
from threeam.hypotheses.ledger import (
    CONTRADICTS,
    EVIDENCE_KINDS,
    RECHECK_NOTE,
    SUPPORTS,
    VERDICT_KINDS,
    HypothesisEvent,
    Thread,
    event_text,
    thread_of,
    verdict_of,
)

_MAX_LINES = 200  # lines of a part
MISSING_CLAIM = "(its first line is not in this log)"


def thread_report(state: State, one: Hypothesis, now: Stamp | None) -> list[ReportSection]:
    """What there is to tell of ``one``, as of ``now``; without one, with the days."""
    thread, verdict = thread_of(state, one), verdict_of(state, one)
    where = [
        ReportLine(
            claim_of(state, one) or MISSING_CLAIM,
            format_attribution(one.author, one.opened_at, now),
            one.opened_at,
            "Hypothesis",
        )
    ]
    if (said := amendments(state).by_target.get(one.opened_at.ns)) is not None:
        where.append(
            ReportLine(
                f"it was: {one.claim}", format_attribution(said.author, said.stamp, now), said.stamp, "Correction"
            )
        )
    doubts = _warnings_by_event(state, thread, one.number)

    def told(move: HypothesisEvent) -> ReportLine:
        """A move with what a colleague would say of it. Evidence leads to the line that it cites."""
        word = "reopened: " if move.kind == "Reopened" else f"{move.state}: " if move.kind == "Conclusion" else ""
        more = " · ".join([format_attribution(move.author, move.stamp, now), *doubts.get(move, ())])
        sign = move.state if move.kind == "Conclusion" else move.kind
        return ReportLine(word + event_text(state, move), more, move.cited or move.stamp, sign)

    where.append(ReportLine(one.state, icon=one.state) if verdict is None else told(verdict))
    found = [
        ReportSection("claim", where),
        ReportSection("predictions", _last_lines(thread.predictions, told)),
        ReportSection(f"{SUPPORTS.lower()} it: {len(thread.supports)}", _last_lines(thread.supports, told)),
        ReportSection(f"{CONTRADICTS.lower()} it: {len(thread.contradicts)}", _last_lines(thread.contradicts, told)),
        ReportSection("history", _last_lines([move for move in thread.events if move.kind in VERDICT_KINDS], told)),
    ]
    return [part for part in found if part.lines]


def verdict_line(state: State, hypothesis: Hypothesis, now: Stamp | None) -> ReportLine:
    """A hypothesis in a line, with the verdict on it and its reason."""
    verdict, claim = verdict_of(state, hypothesis), f"{hypothesis.label} {claim_of(state, hypothesis) or MISSING_CLAIM}"
    if verdict is None:
        return ReportLine(
            claim,
            format_attribution(hypothesis.author, hypothesis.opened_at, now),
            hypothesis.opened_at,
            hypothesis.state,
        )
    more = [f"{hypothesis.state}: {event_text(state, verdict)}", format_attribution(verdict.author, verdict.stamp, now)]
    return ReportLine(
        claim, " · ".join([*more, *([RECHECK_NOTE] if verdict.recheck else [])]), verdict.stamp, hypothesis.state
    )


def _last_lines(
    events: Sequence[HypothesisEvent], format_event: Callable[[HypothesisEvent], ReportLine]
) -> list[ReportLine]:
    """The last of ``events``, as many as anybody reads."""
    before = len(events) - _MAX_LINES
    return [
        *([ReportLine(f"and {before:,} before them")] if before > 0 else []),
        *map(format_event, events[-_MAX_LINES:]),
    ]


def _warnings_by_event(state: State, thread: Thread, hypothesis_number: int | None) -> dict[HypothesisEvent, list[str]]:
    """What is to be said of each move, of which there is anything."""
    found: dict[HypothesisEvent, list[str]] = {}
    evidence: HypothesisEvent | None = None
    for move in thread.events:
        remarks = [*event_warnings(move, evidence, state, hypothesis_number), *([RECHECK_NOTE] if move.recheck else [])]
        if remarks:
            found[move] = remarks
        evidence = move if move.kind in EVIDENCE_KINDS else evidence
    return found
