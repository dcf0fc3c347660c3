"""Can a bug be called fixed? By its runs before and after the change, by occurrences in the journal, or by a control.

Which change is the fix: `fix_change`. The rate before it is that of the last regime
(`threeam.experiments.fixes.regime`).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import Stamp
from threeam.core.format.remote_hypothesis import RemoteHypothesis
from threeam.core.state.fold import State
from threeam.experiments.experiment import Experiment, LogPoint
from threeam.experiments.fixes.fix_confidence import FixConfidence
from threeam.experiments.fixes.fix_confidence_report import answer_line, variation_line
from threeam.experiments.fixes.fix_control import ControlledFix, Versions, assess_control
from threeam.experiments.fixes.fix_from_occurrences import estimate_from_occurrences
from threeam.experiments.fixes.fix_from_runs import estimate_from_runs
from threeam.experiments.fixes.fix_kinds import find_kind, only_kind, tally_kinds
from threeam.experiments.runs.run_log import experiments
from threeam.hypotheses.changes import Change, changes
from threeam.reports.fix_change import Subject, changes_in_force, select_change
from threeam.reports.occurrences import Occurrences


def assess_runs(
    state: State,
    hypothesis: Subject,
    since_ns: int | None = None,
    arm: str | None = None,
    kind: str | None = None,
    fingerprint: str | None = None,
) -> tuple[Change, FixConfidence]:
    """Return the change and the answer from the runs that are bound to a hypothesis.

    ``since_ns``: when the change was made, see `select_change`. ``kind``: the letter of the only kind of failure that
    counts. ``fingerprint``: only of the experiments with this one. Raise `PreconditionFailed`.
    """
    all_experiments = experiments(state)
    bound = [
        experiment
        for experiment in all_experiments
        if hypothesis.bound is not None
        and experiment.hypothesis == hypothesis.bound
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
        of_kind = [only_kind(experiment, chosen) for experiment in bound]
    failures = [
        experiment.last_point.position
        for experiment in of_kind
        if any(counts.failed for counts in experiment.counts().values())
    ]
    all_changes = changes(state)
    change = select_change(all_changes, hypothesis, since_ns, failures)
    in_force = changes_in_force(all_changes, hypothesis, change)
    unbound = [
        experiment
        for experiment in all_experiments
        if experiment.hypothesis is None and _is_comparable(experiment, bound)
    ]
    fix = LogPoint(change.position, change.stamp.ns)
    judged = bound
    if chosen is not None:  # a failure since the change that may be of this kind counts
        judged = [
            only_kind(experiment, chosen, experiment.arms if experiment.last_point.position > fix.position else ())
            for experiment in bound
        ]
    answer = estimate_from_runs(judged, fix, arm, in_force, unbound)
    return change, answer._replace(kind=chosen, kinds=tally_kinds(bound, fix))


def _is_comparable(experiment: Experiment, bound: Sequence[Experiment]) -> bool:
    return any(experiment.fingerprint == other.fingerprint for other in bound)


def required_runs_since(state: State, hypothesis: Subject, fingerprint: str, arm: str) -> int | None:
    """Return how many more clean runs of an experiment the strong level needs; None: more than is feasible.

    Raise `PreconditionFailed` if there is no answer, or if no run can change it.
    """
    _, answer = assess_runs(state, hypothesis, arm=arm, fingerprint=fingerprint)
    if answer.since.recurrences or answer.new_kinds:
        raise PreconditionFailed(
            f"{hypothesis.label} has failed since the change: 3am fixed {hypothesis.label} says no already"
        )
    if answer.hangs.has_risen:
        raise PreconditionFailed(f"{hypothesis.label}: {answer_line(answer).text}")
    if answer.variation is not None:
        line = variation_line(answer.variation)
        raise PreconditionFailed(f"{hypothesis.label}: {line.text}; {line.detail}")
    required = answer.required[-1]
    if required is not None and required <= answer.since.clean:
        raise PreconditionFailed(f"3am fixed {hypothesis.label} says yes already")
    return None if required is None else required - answer.since.clean


def assess_occurrences(
    state: State, hypothesis: Subject, pattern: str, occurrences: Occurrences, since_ns: int | None, now: Stamp
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
    change = select_change(state_changes, hypothesis, since_ns, occurrences.times_ns)
    in_force = changes_in_force(state_changes, hypothesis, change)
    begin = change.position if occurrences.start_ns is None else occurrences.start_ns
    now_ns = now.ns + occurrences.clock_behind_ns
    return change, estimate_from_occurrences(
        f"lines with {pattern}", occurrences.times_ns, begin, change.position, now_ns, in_force
    )


def assess_versions(
    state: State, hypothesis: Subject, versions: Versions, since_ns: int | None = None, kind: str | None = None
) -> ControlledFix:
    """Return the answer from the experiments of a hypothesis; ``since_ns``: from those planned then or later.

    ``kind``: the letter of the only kind of failure that counts. Raise `PreconditionFailed` if none has both versions.
    """
    with_both = [
        experiment
        for experiment in experiments(state)
        if hypothesis.bound is not None
        and experiment.hypothesis == hypothesis.bound
        and set(versions) <= set(experiment.arms)
        and (since_ns is None or experiment.stamp.ns >= since_ns)
    ]
    if not with_both:
        old, new = versions
        raise PreconditionFailed(
            f"no experiment of {hypothesis.label} has the arms {old} and {new}: 3am run -n 200 -H {hypothesis.label} "
            f"--arm {old}='env V=1' --arm {new}='env V=2' -- CMD runs both in turns"
        )
    return assess_control(with_both, versions, None if kind is None else find_kind(with_both, kind))


class FixAnswer(NamedTuple):
    """The answer to whether the bug of a hypothesis may be called fixed, and the change that it is about."""

    hypothesis: Subject
    change: Change
    confidence: FixConfidence


def fix_answers(state: State) -> list[FixAnswer]:
    """Return an answer for each bug with runs before and after a change."""
    answers = []
    bound = {experiment.hypothesis for experiment in experiments(state)}
    elsewhere = sorted((each for each in bound if isinstance(each, RemoteHypothesis)), key=lambda each: each.key)
    subjects: list[Subject] = [*state.hypotheses.values(), *elsewhere]
    for hypothesis in subjects:
        if hypothesis.bound in bound:
            with suppress(PreconditionFailed):  # no answer for this one
                answers.append(FixAnswer(hypothesis, *assess_runs(state, hypothesis)))
    return answers
