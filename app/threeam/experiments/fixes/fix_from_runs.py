"""The answer from runs: those before the change say how many clean runs are needed since. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import inf

from threeam.core.errors import PreconditionFailed
from threeam.experiments.build import build_differences, is_own_build, recorded_build
from threeam.experiments.experiment import BARE, Counts, Experiment, LogPoint
from threeam.experiments.fixes.experiments_by_side import (
    ArmKey,
    ArmTally,
    ExperimentsBySide,
    arm_counts,
    run_periods,
    split_at_change,
    tally_arms,
)
from threeam.experiments.fixes.fix_confidence import BuildComparison, FixConfidence, PossibleControl, SinceChange
from threeam.experiments.fixes.hangs import hang_rates
from threeam.experiments.fixes.regime import ChangePeriod, Configuration, Period, RateBaseline, choose_baseline
from threeam.experiments.fixes.runs_apart import RunsApart, list_not_counted
from threeam.experiments.statistics.rate_variation import RateVariation, rate_variation
from threeam.experiments.statistics.stats import required_clean_runs


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
    sides = split_at_change(experiments, change_point, changes)
    tallies = tally_arms(sides)
    failing = {key: tally for key, tally in tallies.items() if tally.failed and arm in (None, key[1])}
    if not failing:
        in_arm = "" if arm is None else f" in the arm {arm}"
        raise PreconditionFailed(
            f"no run{in_arm} failed before the change: without a rate, the required number of runs is unknown"
        )
    best = max(failing, key=lambda key: _preference(key, failing[key]))
    rate = choose_baseline(
        lambda relevant: list(run_periods(sides.before, best, relevant)), changes, change_point.position, _strong_runs
    )
    counts_since = list(_counts_of(best, sides.after))
    not_counted, further_clean_runs = list_not_counted(
        next(experiment for experiment in reversed(sides.before) if best in dict(arm_counts(experiment))),
        best,
        sides._replace(after=[*sides.after, *(other for other in unbound_experiments if other.is_after(change_point))]),
        change_point,
        set(failing),
    )
    return FixConfidence(
        label=failing[best].label,
        is_time_based=False,
        before=rate,
        since=SinceChange(
            _count_recurrences(tallies, sides, best, change_point),
            failing[best].clean,
            sum(counts.inconclusive for counts in counts_since),
        ),
        required=required_clean_runs(rate.failed, rate.exposure),
        hangs=hang_rates(_counts_of(best, sides.before), counts_since),
        apart=RunsApart(
            straddling_count=len(sides.between),
            other_failing_arms=tuple(tally for key, tally in failing.items() if key != best),
            not_counted=tuple(not_counted),
            further_clean_runs=further_clean_runs,
        ),
        builds=_compare_builds(sides, best),
        variation=_significant_variation(rate.periods),
        possible_control=_find_possible_control(sides, best),
    )


def _counts_of(arm: ArmKey, side: Iterable[Experiment]) -> Iterator[Counts]:
    return (counts for experiment in side for key, counts in arm_counts(experiment) if key == arm)


def _significant_variation(sessions: Sequence[Period]) -> RateVariation | None:
    """Return how the rate varied between ``sessions`` of the same configuration; None: not by more than chance."""
    by_configuration: dict[Configuration, list[tuple[int, int]]] = {}
    for session in sessions:
        by_configuration.setdefault(session.configuration, []).append((session.failed, session.exposure))
    variation = rate_variation(by_configuration.values())
    return variation if variation is not None and variation.is_significant else None


def _find_possible_control(sides: ExperimentsBySide, best: ArmKey) -> PossibleControl | None:
    """Return the last experiment since the change of which one arm failed and another did not, with these arms."""
    for experiment in reversed(sides.after):
        counts = experiment.counts().items() if experiment.fingerprint == best[0] else ()
        failed = [arm for arm, of_arm in counts if of_arm.failed]
        clean = [arm for arm, of_arm in counts if of_arm.passed and not of_arm.failed]
        if failed and clean:
            return PossibleControl(experiment.name, failed[0], clean[0])
    return None


def _preference(key: ArmKey, tally: ArmTally) -> tuple[bool, int, int]:
    return key[1] == BARE, tally.clean + tally.recurrences, tally.conclusive


def _strong_runs(rate: RateBaseline) -> float:
    """Return how many clean runs the strong level requires."""
    required = required_clean_runs(rate.failed, rate.exposure)[-1]
    return inf if required is None else required


def _count_recurrences(
    tallies: Mapping[ArmKey, ArmTally], sides: ExperimentsBySide, arm: ArmKey, change_point: LogPoint
) -> int:
    """Return how many runs of the experiment of ``arm`` failed since the change, in every arm."""
    after = sum(tally.recurrences for key, tally in tallies.items() if key[0] == arm[0])
    same = [experiment for experiment in sides.between if experiment.fingerprint == arm[0]]
    return after + sum(experiment.count_failed_since(change_point) for experiment in same)


def _compare_builds(sides: ExperimentsBySide, arm: ArmKey) -> BuildComparison:
    """Return the last builds that were recorded before and since."""
    before, since = (
        next((experiment for experiment in reversed(side) if _has_build(experiment, arm)), None)
        for side in (sides.before, sides.after)
    )
    if before is None or since is None:
        return BuildComparison()
    old, new = recorded_build(before), recorded_build(since)
    differences = tuple(build_differences(old, new))
    is_same = not differences and is_own_build(old, before) and is_own_build(new, since)
    return BuildComparison(differences, is_same)


def _has_build(experiment: Experiment, arm: ArmKey) -> bool:
    return experiment.fingerprint == arm[0] and bool(recorded_build(experiment).files)
