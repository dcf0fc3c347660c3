"""The experiments before a change and after it, and the runs of each arm on both sides. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from threeam.experiments.experiment import Counts, Experiment, LogPoint
from threeam.experiments.fixes.regime import ChangePeriod, Configuration, Period, configuration_between

ArmKey = tuple[str, str, str]  # the fingerprint of an experiment, the name of an arm, the hash of its wrapper


class ArmTally(NamedTuple):
    """The runs of a command in an arm: ``failed`` of ``conclusive`` before the change, and the results since."""

    label: str
    failed: int = 0
    conclusive: int = 0
    recurrences: int = 0
    clean: int = 0


class ExperimentsBySide(NamedTuple):
    """Experiments before a change, after it, and those that lasted over a change."""

    before: list[Experiment]
    after: list[Experiment]
    between: list[Experiment]


def split_at_change(
    experiments: Iterable[Experiment], change_point: LogPoint, changes: Sequence[ChangePeriod]
) -> ExperimentsBySide:
    own_changes = [change for change in changes if change.concerns_hypothesis]
    sides = ExperimentsBySide([], [], [])
    for experiment in experiments:
        is_before = experiment.last_point.position <= change_point.position
        if experiment.is_after(change_point):
            sides.after.append(experiment)
        elif is_before and configuration_of(experiment, own_changes) is not None:
            sides.before.append(experiment)
        else:
            sides.between.append(experiment)
    return sides


def configuration_of(experiment: Experiment, changes: Sequence[ChangePeriod]) -> Configuration | None:
    """Return the configuration during ``experiment``; None if it changed meanwhile."""
    began = experiment.began_position(point for change in changes for point in change.points)
    return configuration_between(changes, began, experiment.last_point.position)


def arm_counts(experiment: Experiment) -> list[tuple[ArmKey, Counts]]:
    return [
        ((experiment.fingerprint, name, experiment.wrapper_fingerprint(name)), counts)
        for name, counts in experiment.counts().items()
    ]


def tally_arms(sides: ExperimentsBySide) -> dict[ArmKey, ArmTally]:
    tallies: dict[ArmKey, ArmTally] = {}
    for experiment in sides.before:
        for key, counts in arm_counts(experiment):
            tally = tallies.get(key, ArmTally(f"{experiment.command}, {key[1]}"))
            tallies[key] = tally._replace(
                failed=tally.failed + counts.failed, conclusive=tally.conclusive + counts.conclusive
            )
    for experiment in sides.after:
        for key, counts in arm_counts(experiment):
            tally = tallies.get(key, ArmTally(f"{experiment.command}, {key[1]}"))
            tallies[key] = tally._replace(
                recurrences=tally.recurrences + counts.failed, clean=tally.clean + counts.passed
            )
    return tallies


def run_periods(before: Iterable[Experiment], arm: ArmKey, changes: Sequence[ChangePeriod]) -> Iterator[Period]:
    """Yield a period for the runs of ``arm`` in each experiment, unless a change was made during the experiment."""
    for experiment in before:
        configuration = configuration_of(experiment, changes)
        counts = dict(arm_counts(experiment)).get(arm)
        if counts is not None and configuration is not None:
            yield Period(configuration, counts.failed, counts.conclusive)
