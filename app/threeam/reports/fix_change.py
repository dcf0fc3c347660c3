"""The change that is the fix of a hypothesis, and the other changes that were in force. Pure.

- A change that is bound to the hypothesis (``3am changed -H H7``) concerns it. If there is none, all changes that are
  bound to no hypothesis do. A change for another hypothesis never does.
- The answer is about the oldest change that concerns the hypothesis, was not undone, and had a failure before it. A
  later change does not restart the count, and a failure after an earlier one still counts.
- Every failure since that change counts against it. If a later change is the fix, ``--since`` names it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import author_name
from threeam.core.format.remote_hypothesis import RemoteHypothesis, name_of_bound
from threeam.core.state.fold import Hypothesis
from threeam.experiments.fixes.regime import ChangePeriod
from threeam.hypotheses.changes import Change

Subject = Hypothesis | RemoteHypothesis  # of this journal, or of another host
MAX_LISTED = 5  # changes that a message names


def relevant_changes(all_changes: Sequence[Change], hypothesis: Subject) -> list[Change]:
    """Return the changes that concern a hypothesis: those bound to it, or else those bound to no hypothesis."""
    bound = [change for change in all_changes if hypothesis.bound is not None and change.hypothesis == hypothesis.bound]
    return bound or [change for change in all_changes if change.hypothesis is None]


def select_change(
    all_changes: Sequence[Change], hypothesis: Subject, since_ns: int | None, failures: Iterable[int]
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


def _check_may_be_fix(change: Change, hypothesis: Subject, standing_changes: Sequence[Change]) -> None:
    """Raise `PreconditionFailed` if the change that ``--since`` names cannot be the fix: a yes would be wrong."""
    name = f"@{change.stamp} {change.text}"
    if change.hypothesis not in (None, hypothesis.bound):
        raise PreconditionFailed(
            f"{name} was made for {name_of_bound(change.hypothesis)}, not for {hypothesis.label}: "
            f"{_format_changes(standing_changes)}"
        )
    if change.undone_at is not None:
        raise PreconditionFailed(
            f"{name} was undone by {author_name(change.undone_by)} at {change.undone_at}, so it fixes nothing now: "
            f"{_format_changes(standing_changes)}"
        )


def _format_changes(standing_changes: Sequence[Change]) -> str:
    listed = "; ".join(f"@{change.stamp} {change.text}" for change in standing_changes[-MAX_LISTED:])
    return listed or "no change still stands"


def changes_in_force(all_changes: Sequence[Change], hypothesis: Subject, change: Change) -> list[ChangePeriod]:
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
