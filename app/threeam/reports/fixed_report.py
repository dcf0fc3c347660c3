"""The reports on whether a bug can be called fixed: the answer, with the hypothesis and the change that it is about."""

from __future__ import annotations

from threeam.core.format.entry import Stamp
from threeam.core.format.report import ReportLine, ReportSection, format_attribution
from threeam.core.state.fold import Hypothesis, State
from threeam.experiments.fixes.fix_confidence_report import answer_line, fix_confidence_report, format_clean_runs
from threeam.experiments.fixes.fix_control import ControlledFix
from threeam.experiments.fixes.fix_control_report import control_report
from threeam.hypotheses.changes import Change, changes
from threeam.reports.fix_assessment import FixAnswer
from threeam.reports.fix_change import MAX_LISTED, Subject, relevant_changes


def fix_answer_line(answer: FixAnswer) -> ReportLine:
    """Return an answer as one line: how far the bug is from being called fixed, and by which change."""
    line = answer_line(answer.confidence)
    return line._replace(
        text=f"{answer.hypothesis.label} {line.text}",
        detail=f"{format_clean_runs(answer.confidence)} · changed: {answer.change.text}",
        stamp=answer.change.stamp,
    )


def fix_report(state: State, fix: FixAnswer, claim: str, now: Stamp) -> list[ReportSection]:
    """Return the answer, with the hypothesis, its ``claim`` and the change that it is about."""
    hypothesis, change, answer = fix
    attribution = format_attribution(change.author, change.stamp, now)
    lines = [
        _claim_line(hypothesis, claim),
        ReportLine(f"changed: {change.text}", attribution, change.stamp, "Changed"),
    ]
    if not answer.is_fixed:
        lines += _later_change_lines(state, hypothesis, change)
    first, facts, *rest = fix_confidence_report(answer)
    return [first, ReportSection(facts.title, [*lines, *facts.lines]), *rest]


def _later_change_lines(state: State, hypothesis: Subject, change: Change) -> list[ReportLine]:
    """Return the changes after ``change``: one of them may be the fix."""
    lines = [
        ReportLine(
            f"later: {later.text}",
            f"if that is the fix: 3am fixed {hypothesis.label} --since @{later.stamp}",
            later.stamp,
            "Changed",
        )
        for later in relevant_changes(changes(state), hypothesis)
        if later.undone_at is None and later.position > change.position
    ]
    return lines[-MAX_LISTED:]


def versions_report(hypothesis: Subject, claim: str, answer: ControlledFix) -> list[ReportSection]:
    """Return the answer, with the hypothesis that it is about, and its ``claim``."""
    first, facts = control_report(answer)
    return [first, ReportSection(facts.title, [_claim_line(hypothesis, claim), *facts.lines])]


def _claim_line(hypothesis: Subject, claim: str) -> ReportLine:
    stamp = hypothesis.opened_at if isinstance(hypothesis, Hypothesis) else None  # there is no such line here
    return ReportLine(f"{hypothesis.label} {claim}", stamp=stamp, icon="Hypothesis")
