"""The report on a fix with a control: the answer, and the runs of the old and the new version."""

from __future__ import annotations

from typing import Any

from threeam.core.format.entry import escape_unprintable
from threeam.core.format.report import ReportLine, ReportSection
from threeam.experiments.fixes.fix_control import MIN_OLD_FAILURES, ControlledFix
from threeam.experiments.statistics.stats import clopper_pearson
from threeam.experiments.verdicts.verdict import format_percent, format_significant


def control_report(answer: ControlledFix) -> list[ReportSection]:
    """Return the report sections of an answer."""
    old, new = answer.versions
    width = max(map(len, answer.versions))
    facts = [
        ReportLine(f"{old:<{width}} {_rate_text(answer.old_failed, answer.blocks)}", answer.label),
        ReportLine(
            f"{new:<{width}} {_rate_text(answer.new_failed, answer.blocks)}", icon="red" if answer.new_failed else ""
        ),
    ]
    facts += _kind_lines(answer)
    for runs in answer.runs if len(answer.runs) > 1 else ():
        text = f"{runs.name}: {old} {runs.old_failed}/{runs.blocks}, {new} {runs.new_failed}/{runs.blocks}"
        facts.append(ReportLine(text, icon="red" if runs.new_failed else ""))
    if left_out := sum(runs.left_out for runs in answer.runs):
        reasons = "timed out or was inconclusive"
        if answer.kind is not None:
            reasons = "timed out, was inconclusive, or failed in another kind"
        facts.append(ReportLine(f"left out: {left_out} blocks in which a run {reasons}"))
    facts += [ReportLine(f"{what} since {answer.runs[0].name}", how) for what, how in answer.build_changes]
    facts += [ReportLine(f"not counted: {name}", differences) for name, differences in answer.not_counted]
    return [ReportSection("the answer", [control_answer_line(answer)]), ReportSection("the same hours", facts)]


def _kind_lines(answer: ControlledFix) -> list[ReportLine]:
    """Return a line for the kind of failure that counts, and one for each other kind if there are several."""
    old, new = answer.versions
    lines = []
    if answer.kind is not None:
        lines.append(ReportLine(f"only kind {answer.kind.letter}: {answer.kind.description}"))
    others = [of_kind for of_kind in answer.kinds if answer.kind is None or of_kind.kind.id != answer.kind.id]
    for of_kind in others if len(answer.kinds) > 1 or answer.new_kinds else ():
        word = "new: " if of_kind.is_new else ""
        text = f"{word}kind {of_kind.kind.letter}: {of_kind.old:,} of {old}, {of_kind.new:,} of {new}"
        lines.append(ReportLine(text, of_kind.kind.description, icon="red" if of_kind.is_new else ""))
    return lines


def control_answer_line(answer: ControlledFix) -> ReportLine:
    """Return the answer in one line."""
    old, new = answer.versions
    letter = "" if answer.kind is None else answer.kind.letter
    bug, of_kind = (f"kind {letter}", f" in kind {letter}") if letter else ("it", "")
    if answer.new_failed:
        runs = [runs.name for runs in answer.runs if runs.new_failed]
        since = f"failures of another build count unless --since names a later time: {', '.join(runs)}"
        return ReportLine(f"no: {new} failed{of_kind}", since if len(answer.runs) > 1 else "", icon="red")
    if answer.new_kinds:
        kind = answer.new_kinds[0].kind
        return ReportLine(f"no: a failure that {old} has not shown, kind {kind.letter}: {kind.description}", icon="red")
    if answer.hangs.has_risen:
        hung_old, of_old, hung_new, of_new = answer.hangs
        counts = f"{hung_new} of {of_new:,}, {old} {hung_old} of {of_old:,}"
        p = format_significant(answer.hangs.p, 2)
        return ReportLine(f"no: {new} hangs more often: {counts} (p = {p})", icon="red")
    if answer.is_fixed:
        counts = f"{old} failed {answer.old_failed} of {answer.blocks:,} times and {new} never, in turns"
        return ReportLine(f"yes: call {bug} fixed: {counts}", icon="ok")
    if not answer.old_failed:
        unknown = "the conditions under which it fails were not there"
        return ReportLine(f"nothing is shown: {old} has not failed{of_kind} in the same hours", unknown, icon="yellow")
    if answer.required_blocks is None or answer.old_failed < MIN_OLD_FAILURES:
        few = f"{MIN_OLD_FAILURES} failures at least are needed"
        return ReportLine(f"not yet: {old} failed{of_kind} only {_times(answer.old_failed)}", few, icon="yellow")
    missing = answer.required_blocks - answer.blocks
    return ReportLine(f"not yet: {missing:,} more runs of each are needed at the rate of {old}", icon="yellow")


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _rate_text(failed: int, runs: int) -> str:
    if not runs:
        return f"{failed} failed, and no block counts"
    low, high = clopper_pearson(min(failed, runs), runs)
    return f"{failed} of {runs:,} failed ({format_percent(low)} to {format_percent(high)} %)"


def control_json(answer: ControlledFix) -> dict[str, Any]:
    """Return the answer as a JSON object, with the keys that scripts rely on."""
    return {
        "what": escape_unprintable(answer.label),
        "old": {"arm": answer.versions.old, "failed": answer.old_failed, "of": answer.blocks},
        "new": {"arm": answer.versions.new, "failed": answer.new_failed, "of": answer.blocks},
        "evidence": answer.evidence,
        "needed": answer.required_blocks,
        "hangs": answer.hangs._asdict(),
        "hangs_more": answer.hangs.has_risen,
        "runs": [runs._asdict() for runs in answer.runs],
        "not_counted": [
            {"what": name, "differs": escape_unprintable(differences)} for name, differences in answer.not_counted
        ],
        "kind": answer.kind.letter if answer.kind is not None else None,
        "kinds": [
            {
                "kind": of_kind.kind.letter,
                "id": of_kind.kind.id,
                "what": escape_unprintable(of_kind.kind.description),
                "old": of_kind.old,
                "new": of_kind.new,
                "is_new": of_kind.is_new,
            }
            for of_kind in answer.kinds
        ],
        "build_changes": [f"{what}: {how}" for what, how in answer.build_changes],
        "fixed": answer.is_fixed,
    }
