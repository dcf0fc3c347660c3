"""The hypotheses of all hosts as the shell and machines read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from threeam.core.format.entry import Stamp, escape_unprintable
from threeam.core.format.report import ReportLine, ReportSection, format_attribution
from threeam.hypotheses.ledger import CONTRADICTS, PREDICTION, SUPPORTS, VERDICT_KINDS
from threeam.hypotheses.quotations import QuotationReader
from threeam.hypotheses.team_fold import Statement, TeamHypothesis, states_text, verdict_text
from threeam.hypotheses.thread import EARLIER_VERDICTS, MISSING_CLAIM, event_json


def team_hypothesis_line(known: TeamHypothesis) -> str:
    """Return a hypothesis in one line."""
    counts = f"+{len(known.supports)} -{len(known.contradicts)}"
    reason = f" ({text})" if (text := verdict_text(known)) else ""
    claim = escape_unprintable(known.claim)
    return f"{escape_unprintable(known.name):<8} {states_text(known):<9} {counts:<6} {claim}{reason}"


def team_hypothesis_json(known: TeamHypothesis) -> dict[str, Any]:
    """Return a hypothesis for machine output, with the verdicts that stand.

    ``state`` is one of its ``states``; there are several if the order of its verdicts is not known.
    """
    hypothesis = known.hypothesis
    verdicts = [
        {
            "state": escape_unprintable(verdict.event.state),
            "why": escape_unprintable(verdict.text),
            "recheck": verdict.event.recheck,
            "by": escape_unprintable(str(verdict.event.author)) if verdict.event.author else None,
            "host": escape_unprintable(verdict.host.host),
            "at": str(verdict.event.stamp),
        }
        for verdict in known.standing
    ]
    return {
        "name": escape_unprintable(known.name),
        "host": escape_unprintable(known.host) or None,
        "number": hypothesis.number,
        "state": escape_unprintable(known.states[0]),
        "states": [escape_unprintable(state) for state in known.states],
        "claim": escape_unprintable(known.claim),
        "supports": len(known.supports),
        "contradicts": len(known.contradicts),
        "predictions": sum(len(thread.predictions) for _, thread in known.threads),
        "why": verdicts[0]["why"] if verdicts else None,
        "recheck": any(verdict.event.recheck for verdict in known.standing),
        "verdicts": verdicts,
        "by": escape_unprintable(str(hypothesis.author)) if hypothesis.author else None,
        "at": str(hypothesis.opened_at),
        **hypothesis.opened_at.to_json(),
    }


def team_moves_json(known: TeamHypothesis, quotations: QuotationReader) -> list[dict[str, Any]]:
    """Return what all hosts say about a hypothesis, for machine output; each host's events in the order of its log."""
    return [
        {"host": escape_unprintable(host.host), **event_json(host.state, event, quotations if host.is_own else None)}
        for host, thread in known.threads
        for event in thread.events
    ]


def team_thread_report(known: TeamHypothesis, now: Stamp) -> list[ReportSection]:
    """Return the report on a hypothesis as of ``now``, with the lines of all hosts; each host's in their order."""
    said = [Statement(host, event) for host, thread in known.threads for event in thread.events]
    author = format_attribution(known.hypothesis.author, known.hypothesis.opened_at, now)
    claim = ReportLine(known.claim or MISSING_CLAIM, author if known.claim else "", icon="Hypothesis")
    state = ReportLine(states_text(known), icon=known.states[0] if len(known.states) == 1 else "WARNING")
    supports, contradicts = known.supports, known.contradicts
    standing = {verdict.stamp for verdict in known.standing}
    earlier = [each for each in said if each.event.kind in VERDICT_KINDS and each.stamp not in standing]
    sections = [
        ReportSection("claim", [claim, state, *_said_lines(known.standing, now)]),
        ReportSection("predictions", _said_lines([each for each in said if each.event.kind == PREDICTION], now)),
        ReportSection(f"{SUPPORTS.lower()} it: {len(supports)}", _said_lines(supports, now)),
        ReportSection(f"{CONTRADICTS.lower()} it: {len(contradicts)}", _said_lines(contradicts, now)),
        ReportSection(EARLIER_VERDICTS, _said_lines(earlier, now)),
    ]
    return [section for section in sections if section.lines]


def said_elsewhere_report(known: TeamHypothesis, now: Stamp) -> list[ReportSection]:
    """Return what other hosts say about a hypothesis of this journal; first the verdicts, if theirs may stand."""
    verdicts = [ReportLine(states_text(known), icon="WARNING"), *_said_lines(known.standing, now)]
    sections = [ReportSection("on all hosts", verdicts if known.is_disputed else [])]
    for host, thread in known.threads:
        if not host.is_own:
            lines = _said_lines([Statement(host, event) for event in thread.events], now)
            sections.append(ReportSection(f"on {host.host}: +{len(thread.supports)} -{len(thread.contradicts)}", lines))
    return [section for section in sections if section.lines]


def _said_lines(statements: Sequence[Statement], now: Stamp) -> list[ReportLine]:
    lines = []
    for statement in statements:
        kind, is_verdict = statement.event.kind, statement.event.kind in VERDICT_KINDS
        text = f"{statement.event.state}: {statement.text}" if is_verdict else statement.text
        icon = statement.event.state if kind == "Conclusion" else kind
        lines.append(ReportLine(text, signature(statement, now), icon=icon))
    return lines


def signature(statement: Statement, now: Stamp) -> str:
    """Return the author, the time and the host of a statement."""
    return f"{format_attribution(statement.event.author, statement.event.stamp, now)} on {statement.host.host}"
