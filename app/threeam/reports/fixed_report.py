"""The report on a fix: which change is judged, which runs or log lines are before and after it, and the answer.

- A change that is bound to the hypothesis (``3am changed -H H7``) concerns it. If none is, all changes that are bound
  to no hypothesis do. A change for another hypothesis never does.
- The answer is about the oldest change that concerns the hypothesis, is in force, and had a failure before it. A later
  change does not restart the count, and a failure after an earlier change is not forgotten.
- Every failure since that change counts against it. If a later change is the fix, ``--since`` says so.
- The rate before it is that of the last regime (`threeam.experiments.regime`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import Entry, Stamp, author_name
from threeam.core.format.report import ReportLine, ReportSection, format_attribution
from threeam.core.state.fold import Hypothesis, State
from threeam.core.store.filters import IsClockStep, IsKind, LineFilter, MatchesPattern, is_clock_step
from threeam.core.store.journal import Journal, Segment
from threeam.core.store.pattern import Pattern
from threeam.core.store.reader import Line, lines_backward, lines_forward
from threeam.core.store.seek import matches_forward
from threeam.experiments.experiment import Experiment, LogPoint
from threeam.experiments.fix_confidence import FixConfidence, estimate_from_occurrences, estimate_from_runs
from threeam.experiments.fix_confidence_report import answer_line, fix_confidence_report, format_clean_runs
from threeam.experiments.regime import ChangePeriod
from threeam.experiments.runs import experiments
from threeam.hypotheses.amendments import claim_of
from threeam.hypotheses.changes import Change, changes

_MAX_LISTED = 5  # changes in a message
_LINES_BEFORE_STEP = 3  # lines to look at: those of the block with the warning, and the last line before it


def relevant_changes(all_changes: Sequence[Change], hypothesis: Hypothesis) -> list[Change]:
    """Return the changes that concern a hypothesis: those bound to it, or else those bound to none."""
    number = hypothesis.number
    own = [change for change in all_changes if number is not None and change.hypothesis == number]
    return own or [change for change in all_changes if change.hypothesis is None]


def assess_runs(
    state: State, hypothesis: Hypothesis, since_ns: int | None = None, arm: str | None = None
) -> tuple[Change, FixConfidence]:
    """Return the judged change and the answer from the runs that are bound to a hypothesis.

    ``since_ns``: see `_select_change`. Raise `PreconditionFailed`.
    """
    all_experiments, all_changes = experiments(state), changes(state)
    bound = [experiment for experiment in all_experiments if experiment.hypothesis == hypothesis.number is not None]
    if not bound:
        name = hypothesis.label
        raise PreconditionFailed(
            f"no run is bound to {name}: 3am run -n 50 -H {name} -- CMD, or --seen RE for a bug that depends on time"
        )
    failures = [experiment.last_point.position for experiment in bound if _has_failed(experiment)]
    change = _select_change(all_changes, hypothesis, since_ns, failures)
    unbound = [
        experiment
        for experiment in all_experiments
        if experiment.hypothesis is None and _is_comparable(experiment, bound)
    ]
    change_point = LogPoint(change.position, change.stamp.ns)
    periods = _changes_in_force(all_changes, hypothesis, change)
    return change, estimate_from_runs(bound, change_point, arm, periods, unbound)


def _has_failed(experiment: Experiment) -> bool:
    return any(counts.failed for counts in experiment.counts().values())


class Occurrences(NamedTuple):
    """The times at which a pattern was seen (ns), on a clock that was never stepped back.

    ``start_ns``: watched since then; None: the log is empty. ``change_times_ns``: the times of the lines about changes,
    by their stamps. ``clock_behind_ns``: how far the clock of the machine is behind that clock now.
    """

    times_ns: Sequence[int]
    start_ns: int | None
    change_times_ns: Mapping[int, int]
    clock_behind_ns: int

    def time_of(self, stamp: Stamp) -> int:
        """Return the time of the line about a change; its stamp if its file was deleted."""
        return self.change_times_ns.get(stamp.ns, stamp.ns)


def find_occurrences(journal: Journal, live: Segment, pattern: str, start_ns: int | None) -> Occurrences:
    """Return when a note, a streamed line or a foreign line matches ``pattern``, a regular expression.

    ``start_ns``: when the watch began; None: at the first line. Read the whole journal. Raise OSError and `BadPattern`.
    """
    matches_pattern = MatchesPattern(Pattern(pattern, exact=True))
    times_ns: list[int] = []
    change_times_ns: dict[int, int] = {}
    behind_ns = 0
    for segment in journal.segments_forward(live):
        if start_ns is None:
            first = next((line.entry for line in lines_forward(segment) if line.entry is not None), None)
            start_ns = first.effective_stamp.ns if first is not None else None
        lines: dict[int, Line] = {}
        for condition in (matches_pattern, IsClockStep(), IsKind("Changed"), IsKind("Undone")):
            for block in matches_forward(segment, 0, segment.size(), LineFilter((condition,), skip_repeated=True)):
                lines.update((line.offset, line) for line in block.lines)
        for _, line in sorted(lines.items()):
            entry = line.entry
            if entry is None:
                continue
            if is_clock_step(entry):
                behind_ns += _clock_step_ns(line, entry)
            elif entry.kind == "note":
                times_ns.append(entry.stamp.ns + behind_ns)
            else:
                change_times_ns[entry.stamp.ns] = entry.stamp.ns + behind_ns
    return Occurrences(times_ns, start_ns, change_times_ns, behind_ns)


def _clock_step_ns(line: Line, entry: Entry) -> int:
    """Return how far the stamp of ``entry`` is behind the lines before it: anyone could have written its text."""
    lines_before = islice(lines_backward(line.segment, line.offset), _LINES_BEFORE_STEP)
    entries_before = (line_before.entry for line_before in lines_before)
    return max([0, *(before.stamp.ns + 1 - entry.stamp.ns for before in entries_before if before is not None)])


def assess_occurrences(
    state: State, hypothesis: Hypothesis, pattern: str, occurrences: Occurrences, since_ns: int | None, now: Stamp
) -> tuple[Change, FixConfidence]:
    """Return the judged change and the answer for ``occurrences`` of ``pattern``. Raise `PreconditionFailed`.

    ``since_ns``: see `_select_change`.
    """
    # Notes have times but no positions, since they do not change the state. So each change gets its time as position.
    timed_changes = [
        change._replace(
            position=occurrences.time_of(change.stamp),
            undone_position=0 if change.undone_at is None else occurrences.time_of(change.undone_at),
        )
        for change in changes(state)
    ]
    judged = _select_change(timed_changes, hypothesis, since_ns, occurrences.times_ns)
    periods = _changes_in_force(timed_changes, hypothesis, judged)
    start_ns = judged.position if occurrences.start_ns is None else occurrences.start_ns
    now_ns = now.ns + occurrences.clock_behind_ns
    return judged, estimate_from_occurrences(
        f"lines with {pattern}", occurrences.times_ns, start_ns, judged.position, now_ns, periods
    )


def _select_change(
    all_changes: Sequence[Change], hypothesis: Hypothesis, since_ns: int | None, failures: Iterable[int]
) -> Change:
    """Return the change to judge: the oldest relevant one in force that had a failure before it, else the newest.

    ``failures``: the positions (or times) of the failures. ``since_ns``: the stamp of a change, or a time: then the
    first change that was made at that time or later. Raise `PreconditionFailed`, with the changes to choose from.
    """
    relevant = relevant_changes(all_changes, hypothesis)
    in_force = [change for change in relevant if change.undone_at is None]
    if since_ns is not None:
        exact = next((change for change in all_changes if change.stamp.ns == since_ns), None)
        if exact is not None:
            _check_may_be_fix(exact, hypothesis, in_force)
            return exact
        later = next((change for change in in_force if change.stamp.ns >= since_ns), None)
        if later is None:
            raise PreconditionFailed(
                f"nothing that is still in force was changed at that time or later: {_format_changes(in_force)}"
            )
        return later
    if not in_force:
        undone = ": all that was changed is undone" if relevant else ""
        name = hypothesis.label
        raise PreconditionFailed(
            f"nothing was changed that is still in force{undone}: 3am changed -H {name} TEXT says what the fix is"
        )
    first_failure = min(failures, default=None)
    if first_failure is not None:
        after_failure = next((change for change in in_force if first_failure <= change.position), None)
        return after_failure or in_force[-1]
    return in_force[-1]


def _check_may_be_fix(change: Change, hypothesis: Hypothesis, in_force: Sequence[Change]) -> None:
    """Raise `PreconditionFailed` if the change of ``--since`` cannot be the fix: a yes would be wrong then."""
    name = f"@{change.stamp} {change.text}"
    if change.hypothesis not in (None, hypothesis.number):
        raise PreconditionFailed(
            f"{name} was made for H{change.hypothesis}, not for {hypothesis.label}: {_format_changes(in_force)}"
        )
    if change.undone_at is not None:
        raise PreconditionFailed(
            f"{name} was undone by {author_name(change.undone_by)} at {change.undone_at}, so it fixes nothing now: "
            f"{_format_changes(in_force)}"
        )


def _format_changes(in_force: Sequence[Change]) -> str:
    listed = [f"@{change.stamp} {change.text}" for change in in_force[-_MAX_LISTED:]]
    return "; ".join(listed) or "no change is still in force"


def _changes_in_force(all_changes: Sequence[Change], hypothesis: Hypothesis, judged: Change) -> list[ChangePeriod]:
    """Return the periods of the other changes that may concern a hypothesis."""
    relevant_stamps = {change.stamp.ns for change in relevant_changes(all_changes, hypothesis)}
    return [
        ChangePeriod(
            since=change.position,
            until=None if change.undone_at is None else change.undone_position,
            concerns_hypothesis=change.stamp.ns in relevant_stamps,
            since_ns=change.stamp.ns,
            until_ns=None if change.undone_at is None else change.undone_at.ns,
        )
        for change in all_changes
        if change.stamp.ns != judged.stamp.ns and (change.hypothesis is None or change.stamp.ns in relevant_stamps)
    ]


def _is_comparable(experiment: Experiment, bound: Sequence[Experiment]) -> bool:
    return any(experiment.fingerprint == other.fingerprint for other in bound)


def fix_progress_lines(state: State) -> list[ReportLine]:
    """Return a line for each hypothesis with runs that failed before a change: how close it is to being fixed."""
    lines = []
    numbers = {experiment.hypothesis for experiment in experiments(state)}
    for hypothesis in state.hypotheses.values():
        if hypothesis.number not in numbers:
            continue
        try:
            _, answer = assess_runs(state, hypothesis)
        except PreconditionFailed:  # there is no answer yet
            continue
        line = answer_line(answer)
        text = f"{hypothesis.label} {line.text}"
        lines.append(line._replace(text=text, detail=format_clean_runs(answer), stamp=hypothesis.opened_at))
    return lines


def fix_report(
    state: State, hypothesis: Hypothesis, change: Change, answer: FixConfidence, now: Stamp
) -> list[ReportSection]:
    """Return the sections of the report: the answer, then the hypothesis, the judged change and the runs."""
    claim = ReportLine(
        f"{hypothesis.label} {claim_of(state, hypothesis)}", stamp=hypothesis.opened_at, icon="Hypothesis"
    )
    changed = ReportLine(
        f"changed: {change.text}", format_attribution(change.author, change.stamp, now), change.stamp, "Changed"
    )
    later = [] if answer.is_fixed else _later_change_lines(state, hypothesis, change)
    answer_section, facts, *levels = fix_confidence_report(answer)
    return [answer_section, ReportSection(facts.title, [claim, changed, *later, *facts.lines]), *levels]


def _later_change_lines(state: State, hypothesis: Hypothesis, judged: Change) -> list[ReportLine]:
    """Return lines about changes after the judged one: one of them may be the fix."""
    return [
        ReportLine(
            f"later: {change.text}",
            f"if that is the fix: 3am fixed {hypothesis.name} --since @{change.stamp}",
            change.stamp,
            "Changed",
        )
        for change in relevant_changes(changes(state), hypothesis)
        if change.undone_at is None and change.position > judged.position
    ][-_MAX_LISTED:]
