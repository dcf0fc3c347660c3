"""The clean runs (or the time) that a fix needs, given how often the bug was seen before it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from math import ceil, inf
from typing import NamedTuple

from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import NS_PER_S
from threeam.experiments.build import build_differences, is_own_build, recorded_build
from threeam.experiments.experiment import BARE, Counts, Experiment, FailureKind, LogPoint
from threeam.experiments.fingerprint import experiment_differences
from threeam.experiments.fixes.fix_kinds import KindTally
from threeam.experiments.fixes.regime import (
    ChangePeriod,
    Configuration,
    Period,
    RateBaseline,
    choose_baseline,
    configuration_between,
)
from threeam.experiments.statistics.rate_variation import RateVariation, rate_variation
from threeam.experiments.statistics.stats import required_clean_runs, required_clean_time

CONFIDENCE_LEVELS = ("weak", "fair", "strong")
CLUSTER_NS = 60 * NS_PER_S  # closer sightings are one occurrence: a deadlock is seldom logged once
_MAX_CLEAN_NOT_COUNTED = 3  # clean experiments that are listed although they do not count

ArmKey = tuple[str, str, str]  # the fingerprint of an experiment, the name of an arm, the hash of its wrapper


class ArmTally(NamedTuple):
    """The runs of a command in an arm: ``failed`` of ``conclusive`` before the change, and the results since."""

    label: str
    failed: int = 0
    conclusive: int = 0
    recurrences: int = 0
    clean: int = 0


class NotCounted(NamedTuple):
    """Runs since the change that do not count, and what distinguishes them from those that do."""

    label: str
    failed: int
    passed: int
    differences: str


class FixConfidence(NamedTuple):
    """The answer: ``label`` failed ``failed`` times in ``exposure`` before the change, and ``recurrences`` times since.

    ``is_time_based``: ``exposure``, ``clean_since`` and ``required`` are times (ns); otherwise they are runs.
    ``clean_since``: what was seen without a failure since the change. ``required``: how much of that each of
    `CONFIDENCE_LEVELS` needs; None: more than is feasible. ``straddling_count``: experiments that lasted over a
    change. ``other_failing_arms``: what else failed before the change, and is not in this answer. ``not_counted``:
    runs of other experiments since; ``further_clean_runs``: how many clean ones are not listed there. ``timed_out``,
    ``inconclusive``: runs since that are in no rate. ``earlier``, ``includes_earlier``, ``clean_exposure``,
    ``ignores_unbound_changes``: see `RateBaseline`. ``build_changes``: what differs between the last builds that were
    recorded before and since, and how. ``is_same_build``: whether they are known to be equal. ``possible_control``:
    an experiment since, an arm that failed in it, and one that did not. ``variation``: how the rate differed between
    the experiments before, if by more than chance. ``kind``: the only kind of failure that counts; None: all count.
    ``kinds``: the runs of each kind.
    """

    label: str
    is_time_based: bool
    failed: int
    exposure: int
    recurrences: int
    clean_since: int
    required: tuple[int | None, int | None, int | None]
    straddling_count: int = 0
    other_failing_arms: tuple[ArmTally, ...] = ()
    not_counted: tuple[NotCounted, ...] = ()
    further_clean_runs: int = 0
    timed_out: int = 0
    inconclusive: int = 0
    earlier: tuple[int, int] = (0, 0)
    includes_earlier: bool = False
    clean_exposure: int = 0
    ignores_unbound_changes: bool = False
    build_changes: tuple[tuple[str, str], ...] = ()
    is_same_build: bool = False
    variation: RateVariation | None = None
    possible_control: tuple[str, str, str] | None = None
    kind: FailureKind | None = None
    kinds: tuple[KindTally, ...] = ()

    @property
    def levels_reached(self) -> int:
        """Return how many of `CONFIDENCE_LEVELS` are reached."""
        if self.recurrences or self.new_kinds:
            return 0
        missing = (required is None or self.clean_since < required for required in self.required)
        return next((i for i, is_missing in enumerate(missing) if is_missing), len(CONFIDENCE_LEVELS))

    @property
    def new_kinds(self) -> list[KindTally]:
        """Return the kinds of failure that did not exist before the change."""
        return [tally for tally in self.kinds if tally.is_new]

    @property
    def is_fixed(self) -> bool:
        """Return whether the highest level is reached, and the rate before was one rate."""
        return self.levels_reached == len(CONFIDENCE_LEVELS) and self.variation is None


def estimate_from_runs(
    experiments: Sequence[Experiment],
    change_point: LogPoint,
    arm: str | None = None,
    changes: Sequence[ChangePeriod] = (),
    unbound_experiments: Sequence[Experiment] = (),
) -> FixConfidence:
    """Return the answer from ``experiments``, all of one hypothesis, about the change at ``change_point``.

    Only runs of the same experiment in the same arm are compared (`experiments.fingerprint`). If several failed before
    the change, prefer the arm `BARE`, since other arms may provoke the bug, and then the one with most runs since. A
    failure of the same experiment since the change counts in every arm. ``changes``: all that may concern the
    hypothesis. ``unbound_experiments``: they belong to no hypothesis and do not count, but may be listed.
    Raise `PreconditionFailed` if nothing failed before the change.
    """
    sides = _split_at_change(experiments, change_point, changes)
    tallies = _tally_arms(sides)
    failing = {key: tally for key, tally in tallies.items() if tally.failed and arm in (None, key[1])}
    if not failing:
        in_arm = "" if arm is None else f" in the arm {arm}"
        raise PreconditionFailed(
            f"no run{in_arm} failed before the change: without a rate, the required number of runs is unknown"
        )
    best = max(failing, key=lambda key: _preference(key, failing[key]))
    rate = choose_baseline(
        lambda relevant: list(_run_periods(sides.before, best, relevant)), changes, change_point.position, _strong_runs
    )
    counts_since = [counts for experiment in sides.after for key, counts in _arm_counts(experiment) if key == best]
    build_changes, is_same_build = _compare_builds(sides, best)
    not_counted, further_clean_runs = _list_not_counted(
        next(experiment for experiment in reversed(sides.before) if best in dict(_arm_counts(experiment))),
        best,
        sides._replace(after=[*sides.after, *(other for other in unbound_experiments if other.is_after(change_point))]),
        change_point,
        set(failing),
    )
    return FixConfidence(
        label=failing[best].label,
        is_time_based=False,
        failed=rate.failed,
        exposure=rate.exposure,
        recurrences=_count_recurrences(tallies, sides, best, change_point),
        clean_since=failing[best].clean,
        required=required_clean_runs(rate.failed, rate.exposure),
        straddling_count=len(sides.between),
        other_failing_arms=tuple(tally for key, tally in failing.items() if key != best),
        not_counted=tuple(not_counted),
        further_clean_runs=further_clean_runs,
        timed_out=sum(counts.timed_out for counts in counts_since),
        inconclusive=sum(counts.inconclusive for counts in counts_since),
        earlier=rate.earlier,
        includes_earlier=rate.includes_earlier,
        clean_exposure=rate.clean_exposure,
        ignores_unbound_changes=rate.ignores_unbound_changes,
        build_changes=build_changes,
        is_same_build=is_same_build,
        variation=_significant_variation(rate.periods),
        possible_control=_find_possible_control(sides, best),
    )


def _significant_variation(sessions: Sequence[Period]) -> RateVariation | None:
    """Return how the rate varied between ``sessions`` of the same configuration; None: not by more than chance."""
    by_configuration: dict[Configuration, list[tuple[int, int]]] = {}
    for session in sessions:
        by_configuration.setdefault(session.configuration, []).append((session.failed, session.exposure))
    variation = rate_variation(by_configuration.values())
    return variation if variation is not None and variation.is_significant else None


def _find_possible_control(sides: _ExperimentsBySide, best: ArmKey) -> tuple[str, str, str] | None:
    """Return the last experiment since the change of which one arm failed and another did not, with these arms."""
    for experiment in reversed(sides.after):
        counts = experiment.counts().items() if experiment.fingerprint == best[0] else ()
        failed = [arm for arm, of_arm in counts if of_arm.failed]
        clean = [arm for arm, of_arm in counts if of_arm.passed and not of_arm.failed]
        if failed and clean:
            return experiment.name, failed[0], clean[0]
    return None


def _preference(key: ArmKey, tally: ArmTally) -> tuple[bool, int, int]:
    return key[1] == BARE, tally.clean + tally.recurrences, tally.conclusive


def _strong_runs(rate: RateBaseline) -> float:
    """Return how many clean runs the strong level requires."""
    required = required_clean_runs(rate.failed, rate.exposure)[-1]
    return inf if required is None else required


def _count_recurrences(
    tallies: Mapping[ArmKey, ArmTally], sides: _ExperimentsBySide, arm: ArmKey, change_point: LogPoint
) -> int:
    """Return how many runs of the experiment of ``arm`` failed since the change, in every arm."""
    after = sum(tally.recurrences for key, tally in tallies.items() if key[0] == arm[0])
    same = [experiment for experiment in sides.between if experiment.fingerprint == arm[0]]
    return after + sum(experiment.count_failed_since(change_point) for experiment in same)


class _ExperimentsBySide(NamedTuple):
    """Experiments before a change, after it, and those that lasted over a change."""

    before: list[Experiment]
    after: list[Experiment]
    between: list[Experiment]


def _split_at_change(
    experiments: Iterable[Experiment], change_point: LogPoint, changes: Sequence[ChangePeriod]
) -> _ExperimentsBySide:
    own_changes = [change for change in changes if change.concerns_hypothesis]
    sides = _ExperimentsBySide([], [], [])
    for experiment in experiments:
        is_before = experiment.last_point.position <= change_point.position
        if experiment.is_after(change_point):
            sides.after.append(experiment)
        elif is_before and _configuration_of(experiment, own_changes) is not None:
            sides.before.append(experiment)
        else:
            sides.between.append(experiment)
    return sides


def _configuration_of(experiment: Experiment, changes: Sequence[ChangePeriod]) -> Configuration | None:
    """Return the configuration during ``experiment``; None if it changed meanwhile."""
    began = experiment.began_position(point for change in changes for point in change.points)
    return configuration_between(changes, began, experiment.last_point.position)


def _arm_counts(experiment: Experiment) -> list[tuple[ArmKey, Counts]]:
    return [
        ((experiment.fingerprint, name, experiment.wrapper_fingerprint(name)), counts)
        for name, counts in experiment.counts().items()
    ]


def _tally_arms(sides: _ExperimentsBySide) -> dict[ArmKey, ArmTally]:
    tallies: dict[ArmKey, ArmTally] = {}
    for experiment in sides.before:
        for key, counts in _arm_counts(experiment):
            tally = tallies.get(key, ArmTally(f"{experiment.command}, {key[1]}"))
            tallies[key] = tally._replace(
                failed=tally.failed + counts.failed, conclusive=tally.conclusive + counts.conclusive
            )
    for experiment in sides.after:
        for key, counts in _arm_counts(experiment):
            tally = tallies.get(key, ArmTally(f"{experiment.command}, {key[1]}"))
            tallies[key] = tally._replace(
                recurrences=tally.recurrences + counts.failed, clean=tally.clean + counts.passed
            )
    return tallies


def _run_periods(before: Iterable[Experiment], arm: ArmKey, changes: Sequence[ChangePeriod]) -> Iterator[Period]:
    """Yield a period for the runs of ``arm`` in each experiment, unless a change was made during the experiment."""
    for experiment in before:
        configuration = _configuration_of(experiment, changes)
        counts = dict(_arm_counts(experiment)).get(arm)
        if counts is not None and configuration is not None:
            yield Period(configuration, counts.failed, counts.conclusive)


def _list_not_counted(
    reference: Experiment,
    arm: ArmKey,
    sides: _ExperimentsBySide,
    change_point: LogPoint,
    failing_before: Collection[ArmKey],
) -> tuple[list[NotCounted], int]:
    """Return the runs since the change that do not count, the most similar first, and how many more clean runs exist.

    All runs that failed are listed, whatever the answer is: a yes must not hide them. A failure of the same experiment
    in another arm counts, and ``failing_before`` are reported apart, so neither is listed here.
    """
    candidates = []
    for experiment in sides.after:
        for key, counts in _arm_counts(experiment):
            differences = list(experiment_differences((reference, arm[1]), (experiment, key[1]), reference.hypothesis))
            is_bound = experiment.hypothesis == reference.hypothesis
            is_reported = key[0] == arm[0] and is_bound and (counts.failed or key in failing_before)
            if differences and counts.conclusive and not is_reported:
                label = f"{experiment.name} {experiment.command}, {key[1]}"
                runs = NotCounted(label, counts.failed, counts.passed, "; ".join(differences))
                candidates.append((len(differences), -experiment.last_point.position, runs))
    in_order = [runs for _, _, runs in sorted(candidates)]
    further = [runs for runs in in_order if not runs.failed][_MAX_CLEAN_NOT_COUNTED:]
    during = [
        _failures_since_change(reference, arm, experiment, change_point)
        for experiment in sides.between
        if experiment.fingerprint != arm[0] and experiment.count_failed_since(change_point)
    ]
    return [*(runs for runs in in_order if runs not in further), *during], sum(runs.passed for runs in further)


def _failures_since_change(reference: Experiment, arm: ArmKey, other: Experiment, change_point: LogPoint) -> NotCounted:
    """Return the failures since the change of another experiment that lasted over it."""
    differences = experiment_differences((reference, arm[1]), (other, other.arms[0]), reference.hypothesis)
    label, failed = f"{other.name} {other.command}, after the change", other.count_failed_since(change_point)
    return NotCounted(label, failed, 0, "; ".join(differences))


def _compare_builds(sides: _ExperimentsBySide, arm: ArmKey) -> tuple[tuple[tuple[str, str], ...], bool]:
    """Return what differs between the last builds before and since, and whether they are known to be equal."""
    before, since = (
        next((experiment for experiment in reversed(side) if _has_build(experiment, arm)), None)
        for side in (sides.before, sides.after)
    )
    if before is None or since is None:
        return (), False
    old, new = recorded_build(before), recorded_build(since)
    differences = tuple(build_differences(old, new))
    return differences, not differences and is_own_build(old, before) and is_own_build(new, since)


def _has_build(experiment: Experiment, arm: ArmKey) -> bool:
    return experiment.fingerprint == arm[0] and bool(recorded_build(experiment).files)


def estimate_from_occurrences(
    label: str,
    seen_ns: Sequence[int],
    start_ns: int,
    changed_ns: int,
    now_ns: int,
    changes: Sequence[ChangePeriod] = (),
) -> FixConfidence:
    """Return the answer for a bug that was seen at the times ``seen_ns``, watched since ``start_ns``.

    For the rate, sightings within a minute are one occurrence: otherwise a deadlock that is logged ten times would look
    frequent, and the required time without it would be short. Since the change each sighting counts.
    Raise `PreconditionFailed` if it was not seen before the change.
    """
    times_ns = sorted(seen_ns)
    before_ns = _cluster_starts([ns for ns in times_ns if start_ns <= ns < changed_ns])
    if not before_ns or changed_ns <= start_ns:
        raise PreconditionFailed(
            "it was not seen before the change: without a rate, the required time without it is unknown"
        )
    after_ns = [ns for ns in times_ns if ns >= changed_ns]

    def split_periods(relevant: Sequence[ChangePeriod]) -> list[Period]:
        return list(_time_periods(before_ns, start_ns, changed_ns, relevant))

    def strong_time(rate: RateBaseline) -> float:
        return required_clean_time(rate.failed, rate.exposure)[-1]

    rate = choose_baseline(split_periods, changes, changed_ns, strong_time)
    weak, fair, strong = (ceil(ns) for ns in required_clean_time(rate.failed, rate.exposure))
    return FixConfidence(
        label=label,
        is_time_based=True,
        failed=rate.failed,
        exposure=rate.exposure,
        recurrences=len(_cluster_starts(after_ns)),
        clean_since=max(0, now_ns - (after_ns[-1] if after_ns else changed_ns)),
        required=(weak, fair, strong),
        earlier=rate.earlier,
        includes_earlier=rate.includes_earlier,
        clean_exposure=rate.clean_exposure,
    )


def _cluster_starts(times_ns: Sequence[int]) -> list[int]:
    """Return when each occurrence began: a sighting less than `CLUSTER_NS` after the one before belongs to the same."""
    return [ns for i, ns in enumerate(times_ns) if i == 0 or ns - times_ns[i - 1] >= CLUSTER_NS]


def _time_periods(
    times_ns: Sequence[int], start_ns: int, end_ns: int, changes: Sequence[ChangePeriod]
) -> Iterator[Period]:
    """Yield the periods from ``start_ns`` to ``end_ns``, split at each time when a change was made or undone."""
    change_times = [ns for change in changes for ns in (change.since, change.until) if ns is not None]
    cuts = {start_ns, end_ns, *(ns for ns in change_times if start_ns < ns < end_ns)}
    for begin, end in pairwise(sorted(cuts)):
        configuration = configuration_between(changes, begin, end) or frozenset()
        yield Period(configuration, sum(begin <= ns < end for ns in times_ns), end - begin)
