"""May I call it fixed? What was changed, what was run before and since, or what the journal has seen.

Which change is the fix, and which runs are before it and after it:

- A change that is bound to the hypothesis (``3am changed -H H7``) concerns it. If none is, all changes that are bound
  to no hypothesis do. A change for another hypothesis never does.
- The answer is about the oldest change that concerns the hypothesis, still stands, and had a failure before it. A later
  change does not begin the count again, and a failure after an earlier one is not forgotten.
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

_MAX_LISTED = 5  # changes that a message names
_LINES_BEFORE_STEP = 3  # lines before that about a step of the clock: of the same block, and the last one before it


def relevant_changes(all_changes: Sequence[Change], hypothesis: Hypothesis) -> list[Change]:
    """Return the changes of ``all_changes`` that concern a hypothesis: those bound to it, or else those bound to none."""
    own = [one for one in all_changes if hypothesis.number is not None and one.hypothesis == hypothesis.number]
    return own or [one for one in all_changes if one.hypothesis is None]


def assess_runs(
    state: State, hypothesis: Hypothesis, since_ns: int | None = None, arm: str | None = None
) -> tuple[Change, FixConfidence]:
    """Return the change and the answer from the runs that are bound to a hypothesis.

    ``since_ns``: when the change was made; see `_select_change`. Raise `Declined`.
    """
    every = experiments(state)
    bound = [one for one in every if one.hypothesis == hypothesis.number is not None]
    if not bound:
        name = hypothesis.label
        raise PreconditionFailed(
            f"no run is bound to {name}: 3am run -n 50 -H {name} -- CMD, or --seen RE for what comes by time"
        )
    failures = [one.last_point.position for one in bound if any(counts.failed for counts in one.counts().values())]
    known = changes(state)
    change = _select_change(known, hypothesis, since_ns, failures)
    unbound = [one for one in every if one.hypothesis is None and _is_comparable(one, bound)]
    return change, estimate_from_runs(
        bound, LogPoint(change.position, change.stamp.ns), arm, _changes_in_force(known, hypothesis, change), unbound
    )


class Occurrences(NamedTuple):
    """What was ``seen`` since ``start``: times (ns) as if the clock had never been stepped back.

    ``changed``: the times of the lines about changes, by their stamps. ``behind``: how far the clock is behind now.
    """

    times_ns: Sequence[int]
    start_ns: int | None
    change_times_ns: Mapping[int, int]
    clock_behind_ns: int

    def time_of(self, stamp: Stamp) -> int:
        """Return the time of the line about a change; its stamp, if the file that it is in has been deleted."""
        return self.change_times_ns.get(stamp.ns, stamp.ns)


def find_occurrences(journal: Journal, live: Segment, pattern: str, start_ns: int | None) -> Occurrences:
    """Return when ``pattern``, a regular expression, is found in a note, a stream or a foreign line, and the first time.

    Watched from ``start_ns`` on (ns), or from the first line. Read the journal. Raise OSError and `BadPattern`.
    """
    sought = MatchesPattern(Pattern(pattern, exact=True))
    seen: list[int] = []
    changed: dict[int, int] = {}
    behind = 0
    for segment in journal.segments_forward(live):
        if start_ns is None:
            first = next((line.entry for line in lines_forward(segment) if line.entry is not None), None)
            start_ns = first.effective_stamp.ns if first is not None else None
        lines: dict[int, Line] = {}
        for condition in (sought, IsClockStep(), IsKind("Changed"), IsKind("Undone")):
            for found in matches_forward(segment, 0, segment.size(), LineFilter((condition,), skip_repeated=True)):
                lines.update((line.offset, line) for line in found.lines)
        for _, line in sorted(lines.items()):
            if (entry := line.entry) is None:
                continue
            if is_clock_step(entry):
                behind += _clock_step_ns(line, entry)
            elif entry.kind == "note":
                seen.append(entry.stamp.ns + behind)
            else:
                changed[entry.stamp.ns] = entry.stamp.ns + behind
    return Occurrences(seen, start_ns, changed, behind)


def _clock_step_ns(line: Line, entry: Entry) -> int:
    """Return by how much the stamp of ``entry`` is before those of the lines before it: its words can be anybody's."""
    before = (other.entry for other in islice(lines_backward(line.segment, line.offset), _LINES_BEFORE_STEP))
    return max(0, *(other.stamp.ns + 1 - entry.stamp.ns for other in before if other is not None), 0)


def assess_occurrences(
    state: State, hypothesis: Hypothesis, pattern: str, occurrences: Occurrences, since_ns: int | None, now: Stamp
) -> tuple[Change, FixConfidence]:
    """Return the change and the answer for what was seen; ``occurrences``: what `from_lines` gives. Raise `Declined`."""
    # The times of a journal and the positions of a state are not the same: notes are part of the former alone.
    state_changes = [
        one._replace(
            position=occurrences.time_of(one.stamp),
            undone_position=0 if one.undone_at is None else occurrences.time_of(one.undone_at),
        )
        for one in changes(state)
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
    """Return the change after which it may be fixed. ``failures``: when it failed.

    ``since_ns``: the stamp of a change, or a time: then the first change that was made at that time or later.
    Raise `Declined`, with the changes that there are.
    """
    concerning = relevant_changes(all_changes, hypothesis)
    standing = [one for one in concerning if one.undone_at is None]
    if since_ns is not None:
        exact = next((one for one in all_changes if one.stamp.ns == since_ns), None)
        if exact is not None:
            _check_may_be_fix(exact, hypothesis, standing)
        later = next((one for one in standing if one.stamp.ns >= since_ns), None)
        if exact is None and later is None:
            raise PreconditionFailed(
                f"nothing that still stands was changed at that time or later: {_format_changes(standing)}"
            )
        return exact or later or standing[-1]
    if not standing:
        undone = ": all that was changed is undone" if concerning else ""
        name = hypothesis.label
        raise PreconditionFailed(
            f"nothing was changed that still stands{undone}: 3am changed -H {name} TEXT says what the fix is"
        )
    first = min(failures, default=None)
    after_a_failure = [one for one in standing if first is not None and first <= one.position]
    return (after_a_failure or standing[-1:])[0]


def _check_may_be_fix(change: Change, hypothesis: Hypothesis, standing_changes: Sequence[Change]) -> None:
    """Raise `Declined` if the change that ``--since`` names cannot be the fix: with it a yes would be wrong."""
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
    return "; ".join(f"@{one.stamp} {one.text}" for one in standing_changes[-_MAX_LISTED:]) or "no change still stands"


def _changes_in_force(all_changes: Sequence[Change], hypothesis: Hypothesis, change: Change) -> list[ChangePeriod]:
    """Return when each change was in force that may concern a hypothesis, but for the one that is judged."""
    own = {one.stamp.ns for one in relevant_changes(all_changes, hypothesis)}
    return [
        ChangePeriod(
            one.position,
            None if one.undone_at is None else one.undone_position,
            one.stamp.ns in own,
            one.stamp.ns,
            None if one.undone_at is None else one.undone_at.ns,
        )
        for one in all_changes
        if one.stamp.ns != change.stamp.ns and (one.hypothesis is None or one.stamp.ns in own)
    ]


def _is_comparable(experiment: Experiment, bound: Sequence[Experiment]) -> bool:
    return any(experiment.fingerprint == other.fingerprint for other in bound)


def fix_progress_lines(state: State) -> list[ReportLine]:
    """How far each bug is from being called fixed that has failed in a run before a change."""
    told = []
    numbers = {one.hypothesis for one in experiments(state)}
    for hypothesis in state.hypotheses.values():
        if hypothesis.number not in numbers:
            continue
        try:
            _, answer = assess_runs(state, hypothesis)
        except PreconditionFailed:  # nothing to say of that one
            continue
        so = answer_line(answer)
        told.append(
            so._replace(
                text=f"{hypothesis.label} {so.text}", detail=format_clean_runs(answer), stamp=hypothesis.opened_at
            )
        )
    return told


def fix_report(
    state: State, hypothesis: Hypothesis, change: Change, answer: FixConfidence, now: Stamp
) -> list[ReportSection]:
    """The answer, under what it is about."""
    about = ReportLine(
        f"{hypothesis.label} {claim_of(state, hypothesis)}", stamp=hypothesis.opened_at, icon="Hypothesis"
    )
    changed = ReportLine(
        f"changed: {change.text}", format_attribution(change.author, change.stamp, now), change.stamp, "Changed"
    )
    later = [] if answer.is_fixed else _later_change_lines(state, hypothesis, change)
    first, facts, *rest = fix_confidence_report(answer)
    return [first, ReportSection(facts.title, [about, changed, *later, *facts.lines]), *rest]


def _later_change_lines(state: State, hypothesis: Hypothesis, change: Change) -> list[ReportLine]:
    """Return the changes that came after the one that is judged: one of them may be the fix."""
    return [
        ReportLine(
            f"later: {one.text}",
            f"if that is the fix: 3am fixed {hypothesis.name} --since @{one.stamp}",
            one.stamp,
            "Changed",
        )
        for one in relevant_changes(changes(state), hypothesis)
        if one.undone_at is None and one.position > change.position
    ][-_MAX_LISTED:]
