"""The runs that are not in an answer, and why: of other experiments and arms, or made while something changed. Pure."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from threeam.experiments.experiment import Experiment, LogPoint
from threeam.experiments.fingerprint import experiment_differences
from threeam.experiments.fixes.experiments_by_side import ArmKey, ArmTally, ExperimentsBySide, arm_counts

_MAX_CLEAN_NOT_COUNTED = 3  # clean experiments that are listed although they do not count


class NotCounted(NamedTuple):
    """Runs since the change that do not count, and what distinguishes them from those that do."""

    label: str
    failed: int
    passed: int
    differences: str


class RunsApart(NamedTuple):
    """Runs that are not in an answer.

    ``straddling_count``: experiments that lasted over a change. ``other_failing_arms``: what else failed before the
    change. ``not_counted``: runs of other experiments since; ``further_clean_runs``: how many clean ones are not
    listed there.
    """

    straddling_count: int = 0
    other_failing_arms: tuple[ArmTally, ...] = ()
    not_counted: tuple[NotCounted, ...] = ()
    further_clean_runs: int = 0


def list_not_counted(
    reference: Experiment,
    arm: ArmKey,
    sides: ExperimentsBySide,
    change_point: LogPoint,
    failing_before: Collection[ArmKey],
) -> tuple[list[NotCounted], int]:
    """Return the runs since the change that do not count, the most similar first, and how many more clean runs exist.

    All runs that failed are listed, whatever the answer is: a yes must not hide them. A failure of the same experiment
    in another arm counts, and ``failing_before`` are reported apart, so neither is listed here.
    """
    candidates = []
    for experiment in sides.after:
        for key, counts in arm_counts(experiment):
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
