"""Can a bug be called fixed? The runs before and after the change, or the occurrences in the journal.

Which change is the fix, and which runs are before it and after it:

- A change that is bound to the hypothesis (``3am changed -H H7``) concerns it. If there is none, all changes that are
  bound to no hypothesis do. A change for another hypothesis never does.
- The answer is about the oldest change that concerns the hypothesis, was not undone, and had a failure before it. A
  later change does not restart the count, and a failure after an earlier one still counts.
- Every failure since that change counts against it. If a later change is the fix, ``--since`` names it.
- The rate before it is that of the last regime (`threeam.experiments.fixes.regime`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import NamedTuple

from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import Entry, Stamp, author_name
from threeam.core.format.report import ReportLine, ReportSection, format_attribution
from threeam.core.state.fold import Hypothesis, State
from threeam.core.store.clock_steps import IsClockStep, is_clock_step
from threeam.core.store.filters import IsKind, LineFilter, MatchesPattern
from threeam.core.store.journal import Journal, Segment
from threeam.core.store.pattern import Pattern
from threeam.core.store.reader import Line, lines_backward, lines_forward
from threeam.core.store.seek import matches_forward
from threeam.experiments.experiment import Experiment, LogPoint
from threeam.experiments.fixes.fix_confidence import FixConfidence, estimate_from_occurrences, estimate_from_runs
from threeam.experiments.fixes.fix_confidence_report import answer_line, fix_confidence_report, format_clean_runs
from threeam.experiments.fixes.fix_kinds import find_kind, only_kind, tally_kinds
from threeam.experiments.fixes.regime import ChangePeriod
from threeam.experiments.runs.run_log import experiments
from threeam.hypotheses.amendments import claim_of
from threeam.hypotheses.changes import Change, changes

_MAX_LISTED = 5  # changes that a message names
_LINES_BEFORE_STEP = 3  # searched before the line about a clock step: those of its block, and the last one before


def relevant_changes(all_changes: Sequence[Change], hypothesis: Hypothesis) -> list[Change]:
    """Return the changes that concern a hypothesis: those bound to it, or else those bound to no hypothesis."""
    bound = [
        change for change in all_changes if hypothesis.number is not None and change.hypothesis == hypothesis.number
    ]
    return bound or [change for change in all_changes if change.hypothesis is None]


def assess_runs(
    state: State,
    hypothesis: Hypothesis,
    since_ns: int | None = None,
    arm: str | None = None,
    kind: str | None = None,
    fingerprint: str | None = None,
) -> tuple[Change, FixConfidence]:
    """Return the change and the answer from the runs that are bound to a hypothesis.

    ``since_ns``: when the change was made, see `_select_change`. ``kind``: the letter of the only kind of failure that
    counts. ``fingerprint``: only of the experiments with this one. Raise `PreconditionFailed`.
    """
    all_experiments = experiments(state)
    bound = [
        experiment
        for experiment in all_experiments
        if hypothesis.number is not None
        and experiment.hypothesis == hypothesis.number
        and fingerprint in (None, experiment.fingerprint)
    ]
    if not bound:
        name = hypothesis.label
        raise PreconditionFailed(
            f"no run is bound to {name}: 3am run -n 50 -H {name} -- CMD, or --seen RE for what comes by time"
        )
    chosen = None if kind is None else find_kind(bound, kind)
    of_kind = bound
    if chosen is not None:
        of_kind = [only_kind(experiment, chosen, keeps_unknown=False) for experiment in bound]
    failures = [
        experiment.last_point.position
        for experiment in of_kind
        if any(counts.failed for counts in experiment.counts().values())
    ]
    all_changes = changes(state)
    change = _select_change(all_changes, hypothesis, since_ns, failures)
    in_force = _changes_in_force(all_changes, hypothesis, change)
    unbound = [
        experiment
        for experiment in all_experiments
        if experiment.hypothesis is None and _is_comparable(experiment, bound)
    ]
    fix = LogPoint(change.position, change.stamp.ns)
    judged = bound
    if chosen is not None:  # a failure since the change that may be of this kind counts
        judged = [
            only_kind(experiment, chosen, keeps_unknown=experiment.last_point.position > fix.position)
            for experiment in bound
        ]
    answer = estimate_from_runs(judged, fix, arm, in_force, unbound)
    return change, answer._replace(kind=chosen, kinds=tally_kinds(bound, fix))


def required_runs_since(state: State, hypothesis: Hypothesis, fingerprint: str, arm: str) -> int | None:
    """Return how many more clean runs of an experiment the strong level needs; None: more than is feasible.

    Raise `PreconditionFailed` if there is no answer, or if no run can change it.
    """
    _, answer = assess_runs(state, hypothesis, arm=arm, fingerprint=fingerprint)
    if answer.recurrences or answer.new_kinds:
        raise PreconditionFailed(
            f"{hypothesis.label} has failed since the change: 3am fixed {hypothesis.label} says no already"
        )
    if answer.variation is not None:
        raise PreconditionFailed(f"{hypothesis.label}: {answer_line(answer).text}")
    required = answer.required[-1]
    if required is not None and required <= answer.clean_since:
        raise PreconditionFailed(f"3am fixed {hypothesis.label} says yes already")
    return None if required is None else required - answer.clean_since


class Occurrences(NamedTuple):
    """When a pattern occurred since ``start_ns``: times (ns) as if the clock had never been stepped back.

    ``change_times_ns``: the times of the lines about changes, by their stamps. ``clock_behind_ns``: how far the clock
    is behind now, after all its steps.
    """

    times_ns: Sequence[int]
    start_ns: int | None
    change_times_ns: Mapping[int, int]
    clock_behind_ns: int

    def time_of(self, stamp: Stamp) -> int:
        """Return the time of the line about a change; its stamp, if the file that it is in has been deleted."""
        return self.change_times_ns.get(stamp.ns, stamp.ns)


def find_occurrences(journal: Journal, live: Segment, pattern: str, start_ns: int | None) -> Occurrences:
    """Return when ``pattern``, a regular expression, occurs in a note, a stream or a foreign line.

    The search begins at ``start_ns``, or at the first line. Read the journal. Raise OSError and `BadPattern`.
    """
    occurs = MatchesPattern(Pattern(pattern, case_sensitive=True))
    times_ns: list[int] = []
    change_times_ns: dict[int, int] = {}
    behind_ns = 0
    for segment in journal.segments_forward(live):
        if start_ns is None:
            first = next((line.entry for line in lines_forward(segment) if line.entry is not None), None)
            start_ns = first.effective_stamp.ns if first is not None else None
        lines: dict[int, Line] = {}
        for condition in (occurs, IsClockStep(), IsKind("Changed"), IsKind("Undone")):
            for block in matches_forward(segment, 0, segment.size(), LineFilter((condition,), skip_repeated=True)):
                lines.update((line.offset, line) for line in block.lines)
        for _, line in sorted(lines.items()):
            if (entry := line.entry) is None:
                continue
            if is_clock_step(entry):
                behind_ns += _clock_step_ns(line, entry)
            elif entry.kind == "note":
                times_ns.append(entry.stamp.ns + behind_ns)
            else:
                change_times_ns[entry.stamp.ns] = entry.stamp.ns + behind_ns
    return Occurrences(times_ns, start_ns, change_times_ns, behind_ns)


def _clock_step_ns(line: Line, entry: Entry) -> int:
    """Return how far the stamp of ``entry`` is before those of the lines before it.

    The text of the line also says it, but anyone could have written that.
    """
    entries_before = (other.entry for other in islice(lines_backward(line.segment, line.offset), _LINES_BEFORE_STEP))
    return max(0, *(other.stamp.ns + 1 - entry.stamp.ns for other in entries_before if other is not None), 0)


def assess_occurrences(
    state: State, hypothesis: Hypothesis, pattern: str, occurrences: Occurrences, since_ns: int | None, now: Stamp
) -> tuple[Change, FixConfidence]:
    """Return the change and the answer from what `find_occurrences` returned. Raise `PreconditionFailed`."""
    # Occurrences are times, so each change gets a time in place of its position, in which notes do not count.
    state_changes = [
        change._replace(
            position=occurrences.time_of(change.stamp),
            undone_position=0 if change.undone_at is None else occurrences.time_of(change.undone_at),
        )
        for change in changes(state)
    ]
    change = _select_change(state_changes, hypothesis, since_ns, occurrences.times_ns)
    in_force = _changes_in_force(state_changes, hypothesis, change)
    begin = change.position if occurrences.start_ns is None else occurrences.start_ns
    now_ns = now.ns + occurrences.clock_behind_ns
    return change, estimate_from_occurrences(
        f"lines with {pattern}", occurrences.times_ns, begin, change.position, now_ns, in_force
    )


def _select_change(
    all_changes: Sequence[Change], hypothesis: Hypothesis, since_ns: int | None, failures: Iterable[int]
) -> Change:
    """Return the change that may be the fix. ``failures``: the positions of the failures.

    ``since_ns``: the stamp of a change, or a time: then the first change at that time or later. Raise
    `PreconditionFailed`, naming the changes that are not undone.
    """
    relevant = relevant_changes(all_changes, hypothesis)
    standing = [change for change in relevant if change.undone_at is None]
    if since_ns is not None:
        exact = next((change for change in all_changes if change.stamp.ns == since_ns), None)
        if exact is not None:
            _check_may_be_fix(exact, hypothesis, standing)
            return exact
        later = next((change for change in standing if change.stamp.ns >= since_ns), None)
        if later is None:
            raise PreconditionFailed(
                f"no change that still stands was made at that time or later: {_format_changes(standing)}"
            )
        return later
    if not standing:
        undone = ": every change is undone" if relevant else ""
        raise PreconditionFailed(
            f"no change still stands{undone}: 3am changed -H {hypothesis.label} TEXT notes the fix"
        )
    first_failure = min(failures, default=None)
    after_a_failure = [change for change in standing if first_failure is not None and first_failure <= change.position]
    return (after_a_failure or standing[-1:])[0]


def _check_may_be_fix(change: Change, hypothesis: Hypothesis, standing_changes: Sequence[Change]) -> None:
    """Raise `PreconditionFailed` if the change that ``--since`` names cannot be the fix: a yes would be wrong."""
    name = f"@{change.stamp} {change.text}"
    if change.hypothesis not in (None, hypothesis.number):
        raise PreconditionFailed(
            f"{name} was made for H{change.hypothesis}, not for {hypothesis.label}: {_format_changes(standing_changes)}"
        )
    if change.undone_at is not None:
        raise PreconditionFailed(
            f"{name} was undone by {author_name(change.undone_by)} at {change.undone_at}, so it fixes nothing now: "
            f"{_format_changes(standing_changes)}"
        )


def _format_changes(standing_changes: Sequence[Change]) -> str:
    listed = "; ".join(f"@{change.stamp} {change.text}" for change in standing_changes[-_MAX_LISTED:])
    return listed or "no change still stands"


def _changes_in_force(all_changes: Sequence[Change], hypothesis: Hypothesis, change: Change) -> list[ChangePeriod]:
    """Return the periods in which the other changes that may concern a hypothesis were in force."""
    relevant_ns = {other.stamp.ns for other in relevant_changes(all_changes, hypothesis)}
    periods = []
    for other in all_changes:
        is_relevant = other.stamp.ns in relevant_ns
        if other.stamp.ns != change.stamp.ns and (other.hypothesis is None or is_relevant):
            end = None if other.undone_at is None else other.undone_position
            end_ns = None if other.undone_at is None else other.undone_at.ns
            periods.append(ChangePeriod(other.position, end, is_relevant, other.stamp.ns, end_ns))
    return periods


def _is_comparable(experiment: Experiment, bound: Sequence[Experiment]) -> bool:
    return any(experiment.fingerprint == other.fingerprint for other in bound)


class FixAnswer(NamedTuple):
    """The answer to whether the bug of a hypothesis may be called fixed, and the change that it is about."""

    hypothesis: Hypothesis
    change: Change
    confidence: FixConfidence


def fix_answers(state: State) -> list[FixAnswer]:
    """Return an answer for each bug with runs before and after a change."""
    answers = []
    numbers = {experiment.hypothesis for experiment in experiments(state)}
    for hypothesis in state.hypotheses.values():
        if hypothesis.number in numbers:
            with suppress(PreconditionFailed):  # no answer for this one
                answers.append(FixAnswer(hypothesis, *assess_runs(state, hypothesis)))
    return answers


def fix_answer_line(answer: FixAnswer) -> ReportLine:
    """Return an answer as one line: how far the bug is from being called fixed, and by which change."""
    line = answer_line(answer.confidence)
    return line._replace(
        text=f"{answer.hypothesis.label} {line.text}",
        detail=f"{format_clean_runs(answer.confidence)} · changed: {answer.change.text}",
        stamp=answer.change.stamp,
    )


def fix_report(
    state: State, hypothesis: Hypothesis, change: Change, answer: FixConfidence, now: Stamp
) -> list[ReportSection]:
    """Return the answer, with the hypothesis and the change that it is about."""
    claim = f"{hypothesis.label} {claim_of(state, hypothesis)}"
    attribution = format_attribution(change.author, change.stamp, now)
    lines = [
        ReportLine(claim, stamp=hypothesis.opened_at, icon="Hypothesis"),
        ReportLine(f"changed: {change.text}", attribution, change.stamp, "Changed"),
    ]
    if not answer.is_fixed:
        lines += _later_change_lines(state, hypothesis, change)
    first, facts, *rest = fix_confidence_report(answer)
    return [first, ReportSection(facts.title, [*lines, *facts.lines]), *rest]


def _later_change_lines(state: State, hypothesis: Hypothesis, change: Change) -> list[ReportLine]:
    """Return the changes after ``change``: one of them may be the fix."""
    lines = [
        ReportLine(
            f"later: {later.text}",
            f"if that is the fix: 3am fixed {hypothesis.name} --since @{later.stamp}",
            later.stamp,
            "Changed",
        )
        for later in relevant_changes(changes(state), hypothesis)
        if later.undone_at is None and later.position > change.position
    ]
    return lines[-_MAX_LISTED:]
