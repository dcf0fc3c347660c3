"""The report on a fix: the answer, the runs before and since the change, and how many clean runs each level needs."""

from __future__ import annotations

from typing import Any

from threeam.core.format.entry import escape_unprintable
from threeam.core.format.report import ReportLine, ReportSection
from threeam.core.format.times import format_duration
from threeam.experiments.build import PROGRAM_CHANGED
from threeam.experiments.failure_rule import FAILED
from threeam.experiments.fixes.experiments_by_side import ArmTally
from threeam.experiments.fixes.fix_confidence import CONFIDENCE_LEVELS, FixConfidence
from threeam.experiments.fixes.fix_kinds import KindTally
from threeam.experiments.fixes.runs_apart import NotCounted
from threeam.experiments.kinds.kind_counts import are_too_many_kinds
from threeam.experiments.statistics.rate_variation import RateVariation
from threeam.experiments.statistics.stats import clopper_pearson
from threeam.experiments.verdicts.verdict import format_percent, format_significant


def fix_confidence_report(answer: FixConfidence) -> list[ReportSection]:
    """Return the report sections of an answer."""
    facts = [
        ReportLine(f"before: {_rate_text(answer)}", answer.label),
        ReportLine(f"since:  {_since_text(answer)}", icon="red" if answer.since.recurrences else ""),
        *_kind_lines(answer),
        *_caveat_lines(answer),
        *(ReportLine(f"apart:  {tally.label}", _format_tally(tally)) for tally in answer.apart.other_failing_arms),
    ]
    if answer.apart.straddling_count:
        facts.append(ReportLine(f"left out: {answer.apart.straddling_count} that ran while something was changed"))
    levels = [_level_line(answer, i) for i in range(len(CONFIDENCE_LEVELS))]
    return [
        ReportSection("the answer", [answer_line(answer)]),
        ReportSection("the change and the runs", facts),
        ReportSection("needed without a failure", levels),
    ]


def _rate_text(answer: FixConfidence) -> str:
    if answer.is_time_based:
        return f"{_times(answer.before.failed)} in {format_duration(answer.before.exposure)}"
    low, high = clopper_pearson(answer.before.failed, answer.before.exposure)
    interval = f"{format_percent(low)} to {format_percent(high)}"
    percent = format_percent(answer.before.failed / answer.before.exposure)
    return f"{answer.before.failed} of {answer.before.exposure:,} runs failed, {percent} % ({interval})"


def _since_text(answer: FixConfidence) -> str:
    if answer.is_time_based:
        time = format_duration(answer.since.clean)
        seen = f"seen {_times(answer.since.recurrences)} again, the last time {time} ago"
        return seen if answer.since.recurrences else f"{time} without it"
    if answer.since.recurrences:
        return f"failed {_times(answer.since.recurrences)}"
    return f"{_format_run_count(answer.since.clean)} without a failure"


def _kind_lines(answer: FixConfidence) -> list[ReportLine]:
    """Return a line for the kind of failure that counts, and one for each other kind if there are several."""
    lines = []
    if answer.kind is not None:
        lines.append(ReportLine(f"only kind {answer.kind.letter}: {answer.kind.description}"))
    others = [tally for tally in answer.kinds if answer.kind is None or tally.kind.id != answer.kind.id]
    if are_too_many_kinds(tally.before + tally.since for tally in answer.kinds):
        lines.append(ReportLine(f"{len(answer.kinds)} kinds of failure are too many to tell apart"))
        others = answer.new_kinds
    for tally in others if len(answer.kinds) > 1 or answer.new_kinds else ():
        new = "new: " if tally.is_new else ""
        text = f"{new}kind {tally.kind.letter}: {tally.before:,} before, {tally.since:,} since, in all arms"
        lines.append(ReportLine(text, tally.kind.description, icon="red" if tally.is_new else ""))
    return lines


def _format_tally(tally: ArmTally) -> str:
    recurrences = f"{tally.recurrences:,} failed and " if tally.recurrences else ""
    return f"{tally.failed} of {tally.conclusive:,} before, {recurrences}{tally.clean:,} clean since"


def _caveat_lines(answer: FixConfidence) -> list[ReportLine]:
    """Return what a reader must know to judge the answer: which runs are not in it, and why."""
    caveats = []
    if answer.before.earlier[1]:
        failed, exposure = answer.before.earlier
        amount = f"{failed} of {exposure:,}"
        if answer.is_time_based:
            amount = f"{_times(failed)} in {format_duration(exposure)}"
        caveats.append(ReportLine(f"earlier: {amount}", "another change was in force: not in the rate"))
    if answer.variation is not None:
        low, high, p = answer.variation
        between = f"from {format_percent(low)} to {format_percent(high)} %"
        test = f"between the experiments before the change (chi-square, p = {format_significant(p, 2)})"
        caveats.append(ReportLine(f"the rate itself varied {between}", test, icon="yellow"))
    if answer.since.recurrences and answer.possible_control is not None:
        name, old, new = answer.possible_control
        hint = f"if these are two versions, --old {old} --new {new} judges them"
        caveats.append(ReportLine(f"{name}: {old} failed, and {new} did not", hint))
    if answer.before.includes_earlier:
        reason = "nothing had failed" if answer.before.clean_exposure else "no run was made that counts"
        caveats.append(ReportLine(f"the rate includes runs under earlier changes: since the last of those, {reason}"))
    if answer.before.ignores_unbound_changes:
        reason = "one was made or undone during each experiment that failed before"
        caveats.append(ReportLine("changes that are bound to no hypothesis are ignored", reason))
    if answer.hangs.new:
        text = f"timed out: {_format_run_count(answer.hangs.new)} since, not in the rate"
        caveats.append(ReportLine(text, icon="red" if answer.hangs.has_risen else ""))
    if answer.since.inconclusive:
        count = _format_run_count(answer.since.inconclusive)
        caveats.append(ReportLine(f"inconclusive: {count} since, not in the rate", "neither failed nor passed"))
    caveats += [ReportLine(f"{what} since", how) for what, how in answer.builds.changes]
    if answer.builds.is_same and not answer.since.recurrences:
        caveats.append(ReportLine("the same build before and since", "the same files and commit: is the fix in it?"))
    for runs in answer.apart.not_counted:
        text = f"not counted: {runs.label}: {runs.failed} failed, {runs.passed:,} passed"
        caveats.append(ReportLine(text, runs.differences, icon="red" if runs.failed else ""))
    if answer.apart.further_clean_runs:
        caveats.append(ReportLine(f"not counted: {_format_run_count(answer.apart.further_clean_runs)} more, all clean"))
    return caveats


def _level_line(answer: FixConfidence, level: int) -> ReportLine:
    """Return what the level needs, and how much of it is missing."""
    required = answer.required[level]
    name = f"{CONFIDENCE_LEVELS[level]:<6}"
    if required is None:
        return ReportLine(f"{name} more than is feasible", icon="unknown")
    amount = format_duration(required) if answer.is_time_based else _format_run_count(required)
    if level < answer.levels_reached:
        return ReportLine(f"{name} {amount}", "reached", icon="ok")
    if answer.since.recurrences:
        return ReportLine(f"{name} {amount}")
    missing = max(0, required - answer.since.clean)
    missing_text = format_duration(missing) if answer.is_time_based else f"{missing:,}"
    return ReportLine(f"{name} {amount}", f"{missing_text} more", icon="yellow")


def answer_line(answer: FixConfidence) -> ReportLine:
    """Return the answer in one line."""
    new_failures = sum(tally.since for tally in answer.new_kinds if tally.outcome == FAILED)
    if answer.since.recurrences > (new_failures if answer.kind is None else 0):
        return ReportLine("no: it happened again after the change", icon="red")
    if answer.new_kinds:
        kind = answer.new_kinds[0].kind
        return ReportLine(f"no: a new failure after the change, kind {kind.letter}: {kind.description}", icon="red")
    if answer.hangs.has_risen:
        old, of_old, new, of_new = answer.hangs
        p = format_significant(answer.hangs.p, 2)
        text = (
            f"no: it hangs more often since the change: {new} of {of_new:,} runs, before {old} of {of_old:,} (p = {p})"
        )
        return ReportLine(text, icon="red")
    if answer.is_fixed:
        bug = "it" if answer.kind is None else f"kind {answer.kind.letter}"
        return ReportLine(f"yes: call {bug} fixed", icon="ok")
    if not (answer.is_time_based or answer.since.clean):
        return ReportLine(
            f"not yet: no run since the change{' counts' if _has_other_runs(answer) else ''}", icon="yellow"
        )
    if answer.levels_reached == 0:
        return ReportLine("not yet: even if the rate that was seen were the true one, this may be luck", icon="yellow")
    if answer.variation is not None and answer.levels_reached == len(CONFIDENCE_LEVELS):
        return variation_line(answer.variation)
    level = CONFIDENCE_LEVELS[answer.levels_reached - 1]
    return ReportLine(f"not yet: {level} only, because the rate itself is uncertain", icon="yellow")


def variation_line(variation: RateVariation) -> ReportLine:
    """Return why no number of clean runs is a yes if the rate itself varied."""
    varied = f"the rate itself varied, {format_percent(variation.low)} to {format_percent(variation.high)} %"
    return ReportLine(
        f"not shown: {varied}: clean runs at another hour prove little",
        "run both versions in turns, and give --old and --new",
        icon="yellow",
    )


def _has_other_runs(answer: FixConfidence) -> bool:
    """Return whether there were runs since the change that do not count."""
    has_runs_apart = any(tally.recurrences or tally.clean for tally in answer.apart.other_failing_arms)
    counts = (
        len(answer.apart.not_counted),
        answer.hangs.new,
        answer.since.inconclusive,
        answer.apart.straddling_count,
    )
    return has_runs_apart or any(counts)


def format_clean_runs(answer: FixConfidence) -> str:
    """Return ``120 clean runs, 238 needed``: those since the change, and those that the highest level needs."""
    strong = answer.required[-1]
    return f"{answer.since.clean:,} clean runs{f', {strong:,} needed' if strong is not None else ''}"


def _format_run_count(count: int) -> str:
    return f"{count:,} run" if count == 1 else f"{count:,} runs"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def fix_confidence_json(answer: FixConfidence) -> dict[str, Any]:
    """Return the answer as a JSON object, with the keys that scripts rely on."""
    return {
        "what": escape_unprintable(answer.label),
        "unit": "ns" if answer.is_time_based else "runs",
        "before": {"failed": answer.before.failed, "of": answer.before.exposure},
        "since": {"failed": answer.since.recurrences, "clean": answer.since.clean},
        "needed": dict(zip(CONFIDENCE_LEVELS, answer.required, strict=True)),
        "reached": {name: i < answer.levels_reached for i, name in enumerate(CONFIDENCE_LEVELS)},
        "left_out": answer.apart.straddling_count,
        "apart": [_tally_json(tally) for tally in answer.apart.other_failing_arms],
        "earlier": {"failed": answer.before.earlier[0], "of": answer.before.earlier[1]},
        "not_counted": [_not_counted_json(runs) for runs in answer.apart.not_counted],
        "timed_out": answer.hangs.new,
        "hangs_more": answer.hangs.has_risen,
        "inconclusive": answer.since.inconclusive,
        "program_changed": any(what == PROGRAM_CHANGED for what, _ in answer.builds.changes),
        "build_changes": [f"{what}: {how}" for what, how in answer.builds.changes],
        "rate_varied": None if answer.variation is None else answer.variation._asdict(),
        "kind": answer.kind.letter if answer.kind is not None else None,
        "kinds": [_kind_tally_json(tally) for tally in answer.kinds],
        "fixed": answer.is_fixed,
    }


def _tally_json(tally: ArmTally) -> dict[str, Any]:
    return {
        "what": escape_unprintable(tally.label),
        "failed": tally.failed,
        "ended": tally.conclusive,
        "again": tally.recurrences,
        "clean": tally.clean,
    }


def _kind_tally_json(tally: KindTally) -> dict[str, Any]:
    return {
        "kind": tally.kind.letter,
        "id": tally.kind.id,
        "what": escape_unprintable(tally.kind.description),
        "outcome": tally.outcome,
        "before": tally.before,
        "since": tally.since,
        "new": tally.is_new,
    }


def _not_counted_json(runs: NotCounted) -> dict[str, Any]:
    return {
        "what": escape_unprintable(runs.label),
        "failed": runs.failed,
        "passed": runs.passed,
        "differs": escape_unprintable(runs.differences),
    }
