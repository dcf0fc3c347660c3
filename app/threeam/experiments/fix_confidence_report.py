"""The report on a fix: the answer, the runs before and since the change, and how many clean runs each level needs."""

from __future__ import annotations

from threeam.core.format.report import ReportLine, ReportSection
from threeam.core.format.times import format_duration
from threeam.experiments.fix_confidence import CONFIDENCE_LEVELS, ArmTally, FixConfidence
from threeam.experiments.stats import clopper_pearson
from threeam.experiments.verdict import format_percent


def fix_confidence_report(answer: FixConfidence) -> list[ReportSection]:
    """The answer, as it is told."""
    if answer.is_time_based:
        rate = f"{_times(answer.failed)} in {format_duration(answer.exposure)}"
        since = f"{format_duration(answer.clean_since)} without it"
        if answer.recurrences:
            since = f"seen {_times(answer.recurrences)} again, the last time {format_duration(answer.clean_since)} ago"
    else:
        low, high = clopper_pearson(answer.failed, answer.exposure)
        bounds = (
            f"{format_percent(answer.failed / answer.exposure)} % ({format_percent(low)} to {format_percent(high)})"
        )
        rate = f"{answer.failed} of {answer.exposure:,} runs failed, {bounds}"
        since = (
            f"{_format_run_count(answer.clean_since)} without a failure"
            if not answer.recurrences
            else f"failed {_times(answer.recurrences)}"
        )
    facts = [
        ReportLine(f"before: {rate}", answer.label),
        ReportLine(f"since:  {since}", icon="red" if answer.recurrences else ""),
    ]
    facts += _caveat_lines(answer)
    facts += [ReportLine(f"apart:  {tally.what}", _format_tally(tally)) for tally in answer.other_failing_arms]
    if answer.straddling_count:
        facts.append(ReportLine(f"left out: {answer.straddling_count} that went on while something was changed"))
    levels = [_level_line(answer, i) for i in range(len(CONFIDENCE_LEVELS))]
    return [
        ReportSection("the answer", [answer_line(answer)]),
        ReportSection("the change and the runs", facts),
        ReportSection("needed without a failure", levels),
    ]


def _format_tally(tally: ArmTally) -> str:
    again = f"{tally.again:,} failed and " if tally.again else ""
    return f"{tally.failed} of {tally.ended:,} before, {again}{tally.clean:,} clean since"


def _caveat_lines(answer: FixConfidence) -> list[ReportLine]:
    """Return what must be known to judge the answer: which runs are not in it, and why."""
    remarks = []
    if answer.earlier[1]:
        failed, over = answer.earlier
        amount = f"{_times(failed)} in {format_duration(over)}" if answer.is_time_based else f"{failed} of {over:,}"
        remarks.append(ReportLine(f"earlier: {amount}", "another change was in force: not in the rate"))
    if answer.includes_earlier:
        without = "nothing had failed" if answer.clean_exposure else "no run that counts was made"
        remarks.append(ReportLine(f"the rate is that of earlier changes, too: after the last one before it {without}"))
    if answer.ignores_unbound_changes:
        during = "one was made or undone during each experiment that failed before"
        remarks.append(ReportLine("changes that are bound to no hypothesis are ignored", during))
    if answer.timed_out:
        remarks.append(ReportLine(f"timed out: {_format_run_count(answer.timed_out)} since, in no rate"))
    if answer.inconclusive:
        remarks.append(
            ReportLine(
                f"inconclusive: {_format_run_count(answer.inconclusive)} since, in no rate", "neither failed nor passed"
            )
        )
    if answer.build_hashes is not None:
        remarks.append(
            ReportLine("the program changed since", "its SHA-256 was {}, and is {}".format(*answer.build_hashes))
        )
    for runs in answer.not_counted:
        counts = f"{runs.failed} failed, {runs.passed:,} passed"
        remarks.append(
            ReportLine(f"not counted: {runs.what}: {counts}", runs.differs, icon="red" if runs.failed else "")
        )
    if answer.further_clean_runs:
        remarks.append(ReportLine(f"not counted: {_format_run_count(answer.further_clean_runs)} more, all clean"))
    return remarks


def _level_line(answer: FixConfidence, level: int) -> ReportLine:
    needed = answer.required[level]
    name = f"{CONFIDENCE_LEVELS[level]:<6}"
    if needed is None:
        return ReportLine(f"{name} more than anybody has", icon="unknown")
    length = format_duration(needed) if answer.is_time_based else _format_run_count(needed)
    if level < answer.levels_reached:
        return ReportLine(f"{name} {length}", "there are", icon="ok")
    if answer.recurrences:
        return ReportLine(f"{name} {length}")
    left = max(0, needed - answer.clean_since)
    return ReportLine(
        f"{name} {length}", f"{format_duration(left) if answer.is_time_based else f'{left:,}'} more", icon="yellow"
    )


def answer_line(answer: FixConfidence) -> ReportLine:
    """The answer in a line."""
    if answer.recurrences:
        return ReportLine("no: it happened again after the change", icon="red")
    if answer.is_fixed:
        return ReportLine("yes: call it fixed", icon="ok")
    if not (answer.is_time_based or answer.clean_since):
        apart = any(tally.again or tally.clean for tally in answer.other_failing_arms)
        seen = apart or answer.not_counted or answer.timed_out or answer.inconclusive or answer.straddling_count
        return ReportLine(f"not yet: no run since the change{' counts' if seen else ''}", icon="yellow")
    if answer.levels_reached == 0:
        return ReportLine("not yet: even if the rate that was seen were the true one, this may be luck", icon="yellow")
    return ReportLine(
        f"not yet: {CONFIDENCE_LEVELS[answer.levels_reached - 1]} only, for the rate itself is uncertain", icon="yellow"
    )


def format_clean_runs(answer: FixConfidence) -> str:
    """``120 clean runs of 238``."""
    strong = answer.required[-1]
    return f"{answer.clean_since:,} clean runs{f' of {strong:,}' if strong is not None else ''}"


def _format_run_count(count: int) -> str:
    return f"{count:,} run" if count == 1 else f"{count:,} runs"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"
