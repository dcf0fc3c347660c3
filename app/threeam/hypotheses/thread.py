"""The report on one hypothesis: the claim, the predictions, the evidence, the history."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from threeam.core.format.entry import Stamp, escape_unprintable
from threeam.core.format.report import ReportLine, ReportSection, format_attribution
from threeam.core.state.fold import Hypothesis, State
from threeam.hypotheses.amendments import amendments, claim_of
from threeam.hypotheses.guards import PREDICTION_AFTER_VERDICT, event_warnings, is_after_verdict
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
from threeam.hypotheses.quotations import QuotationReader

_MAX_LINES = 200  # of a section
_MAX_QUOTED_LINES = 20  # of one cited entry
EARLIER_VERDICTS = "earlier verdicts"
MISSING_CLAIM = "(its first line is not in this log)"


def thread_report(
    state: State, hypothesis: Hypothesis, now: Stamp | None, quotations: QuotationReader | None = None
) -> list[ReportSection]:
    """Return the report on ``hypothesis`` as of ``now``. If ``now`` is None, times carry their date.

    With ``quotations``, the lines of other logs stand below the evidence that cites them.
    """
    thread, verdict = thread_of(state, hypothesis), verdict_of(state, hypothesis)
    opened_at = hypothesis.opened_at
    attribution = format_attribution(hypothesis.author, opened_at, now)
    claim_lines = [ReportLine(claim_of(state, hypothesis) or MISSING_CLAIM, attribution, opened_at, "Hypothesis")]
    amendment = amendments(state).by_target.get(opened_at.ns)
    if amendment is not None:
        attribution = format_attribution(amendment.author, amendment.stamp, now)
        claim_lines.append(ReportLine(f"it was: {hypothesis.claim}", attribution, amendment.stamp, "Correction"))
    warnings_by_event = _warnings_by_event(state, thread, hypothesis.number)

    def event_line(event: HypothesisEvent) -> ReportLine:
        """Return an event with its warnings. Evidence links to the line that it cites."""
        prefix, icon = "", event.kind
        if event.kind == "Reopened":
            prefix = "reopened: "
        elif event.kind == "Conclusion":
            prefix, icon = f"{event.state}: ", event.state
        detail = " · ".join([format_attribution(event.author, event.stamp, now), *warnings_by_event.get(event, ())])
        line = ReportLine(prefix + event_text(state, event), detail, event.cited or event.stamp, icon)
        if event.quoted is None or quotations is None:
            return line
        return line._replace(quotation=quotations.quotation(event.quoted, _MAX_QUOTED_LINES))

    claim_lines.append(ReportLine(hypothesis.state, icon=hypothesis.state) if verdict is None else event_line(verdict))
    earlier = [event for event in thread.events if event.kind in VERDICT_KINDS and event is not verdict]
    sections = [
        ReportSection("claim", claim_lines),
        ReportSection("predictions", _last_lines(thread.predictions, event_line)),
        ReportSection(f"{SUPPORTS.lower()} it: {len(thread.supports)}", _last_lines(thread.supports, event_line)),
        ReportSection(
            f"{CONTRADICTS.lower()} it: {len(thread.contradicts)}", _last_lines(thread.contradicts, event_line)
        ),
        ReportSection(EARLIER_VERDICTS, _last_lines(earlier, event_line)),
    ]
    return [section for section in sections if section.lines]


def verdict_line(state: State, hypothesis: Hypothesis, now: Stamp | None) -> ReportLine:
    """Return a hypothesis in one line, with its verdict and the reason."""
    verdict, claim = verdict_of(state, hypothesis), f"{hypothesis.label} {claim_of(state, hypothesis) or MISSING_CLAIM}"
    if verdict is None:
        return ReportLine(
            claim,
            format_attribution(hypothesis.author, hypothesis.opened_at, now),
            hypothesis.opened_at,
            hypothesis.state,
        )
    details = [
        f"{hypothesis.state}: {event_text(state, verdict)}",
        format_attribution(verdict.author, verdict.stamp, now),
    ]
    if verdict.recheck:
        details.append(RECHECK_NOTE)
    return ReportLine(claim, " · ".join(details), verdict.stamp, hypothesis.state)


def _last_lines(
    events: Sequence[HypothesisEvent], format_event: Callable[[HypothesisEvent], ReportLine]
) -> list[ReportLine]:
    """Return the last `_MAX_LINES` events as lines, and the number of those before them."""
    omitted = len(events) - _MAX_LINES
    return [
        *([ReportLine(f"and {omitted:,} before them")] if omitted > 0 else []),
        *map(format_event, events[-_MAX_LINES:]),
    ]


def _warnings_by_event(state: State, thread: Thread, hypothesis_number: int | None) -> dict[HypothesisEvent, list[str]]:
    """Return the warnings about each event that has any."""
    warnings_by_event: dict[HypothesisEvent, list[str]] = {}
    evidence: HypothesisEvent | None = None
    state_before = "open"
    for event in thread.events:
        is_late = evidence is None and is_after_verdict(event, state_before)
        warnings = [
            *event_warnings(event, evidence, state, hypothesis_number),
            *([PREDICTION_AFTER_VERDICT] if is_late else []),
            *([RECHECK_NOTE] if event.recheck else []),
        ]
        if warnings:
            warnings_by_event[event] = warnings
        evidence = event if event.kind in EVIDENCE_KINDS else evidence
        state_before = event.state if event.kind in VERDICT_KINDS else state_before
    return warnings_by_event


def hypothesis_json(state: State, hypothesis: Hypothesis) -> dict[str, Any]:
    """Return a hypothesis for machine output: its state, its evidence in numbers, and the reason of its verdict."""
    thread, verdict = thread_of(state, hypothesis), verdict_of(state, hypothesis)
    return {
        "number": hypothesis.number,
        "state": escape_unprintable(hypothesis.state),
        "claim": escape_unprintable(claim_of(state, hypothesis)),
        "supports": len(thread.supports),
        "contradicts": len(thread.contradicts),
        "predictions": len(thread.predictions),
        "why": escape_unprintable(event_text(state, verdict)) if verdict is not None else None,
        "recheck": verdict is not None and verdict.recheck,
        "by": escape_unprintable(str(hypothesis.author)) if hypothesis.author else None,
        "at": str(hypothesis.opened_at),
        **hypothesis.opened_at.to_json(),
    }


def thread_json(state: State, hypothesis: Hypothesis, quotations: QuotationReader) -> dict[str, Any]:
    """Return a hypothesis with all its events (``moves``), in the order of the log."""
    moves = [event_json(state, event, quotations) for event in thread_of(state, hypothesis).events]
    return hypothesis_json(state, hypothesis) | {"moves": moves}


def event_json(state: State, event: HypothesisEvent, quotations: QuotationReader | None) -> dict[str, Any]:
    """Return an event for machine output. Without ``quotations``, a line of another log is not quoted."""
    cites: dict[str, Any] = {}
    if event.cited is not None and event.cited != event.stamp:
        cites["cites"] = str(event.cited)
    if event.quoted is not None and quotations is not None:
        cites["quotes"] = quotations.to_json(event.quoted)
    return {
        "kind": event.kind,
        "text": escape_unprintable(event_text(state, event)),
        **cites,
        "by": escape_unprintable(str(event.author)) if event.author is not None else None,
        "at": str(event.stamp),
    }
