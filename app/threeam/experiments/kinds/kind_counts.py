"""The number of runs of each kind of failure in each arm. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from threeam.experiments.experiment import Experiment, FailureKind
from threeam.experiments.failure_rule import PASSED

RARE_RUNS = 3  # a kind with fewer runs may be a chance text in an output
MAX_RARE_KINDS = 8


class KindCount(NamedTuple):
    """A kind of failure in an experiment: the ``outcome`` of its runs, and how many there are in each arm.

    ``kind`` None: the runs that an older version made, which has no kinds.
    """

    kind: FailureKind | None
    outcome: str
    by_arm: Mapping[str, int]

    @property
    def letter(self) -> str:
        """Return the letter of the kind; empty if the runs have no kind."""
        return self.kind.letter if self.kind is not None else ""

    @property
    def total(self) -> int:
        """Return the number of its runs, of all arms."""
        return sum(self.by_arm.values())


class BadRun(NamedTuple):
    """A run that did not pass. ``kind`` None: it has no kind."""

    number: int
    arm: str
    outcome: str
    kind: FailureKind | None


def bad_runs(experiment: Experiment) -> Iterator[BadRun]:
    """Yield the runs of ``experiment`` that did not pass, in the order of their numbers."""
    kinds = {found.kind.letter: found.kind for found in experiment.kinds}
    for run in experiment.made_runs():
        if run.outcome != PASSED:
            yield BadRun(run.number, run.arm, run.outcome, kinds.get(run.kind))


def kind_counts(experiment: Experiment) -> list[KindCount]:
    """Return the counts of each kind of failure, in the order of the letters; those of the runs without a kind last."""
    found = Counter((run.kind, run.outcome, run.arm) for run in bad_runs(experiment))
    ends = {(kind, outcome) for kind, outcome, _ in found}
    return [
        KindCount(kind, outcome, {arm: found[kind, outcome, arm] for arm in experiment.arms})
        for kind, outcome in sorted(ends, key=lambda end: (end[0] is None, end[0] or (), end[1]))
    ]


def has_too_many_kinds(counts: list[KindCount]) -> bool:
    """Return whether the outputs have so much chance text that their kinds tell nothing."""
    return are_too_many_kinds(count.total for count in counts if count.kind is not None)


def are_too_many_kinds(totals: Iterable[int]) -> bool:
    """Return whether kinds with these numbers of runs tell nothing: too many of them are rare."""
    return sum(0 < total < RARE_RUNS for total in totals) > MAX_RARE_KINDS


def kinds_tags(experiment: Experiment) -> list[tuple[str, str]]:
    """Return the tag of a verdict with the runs of each kind: ``a=bare:6,pin:12 b=rr:50``; nothing without kinds."""
    values = []
    for count in kind_counts(experiment):
        if count.kind is not None:
            runs = ",".join(f"{arm}:{number}" for arm, number in count.by_arm.items() if number)
            values.append(f"{count.letter}={runs}")
    return [("KINDS", " ".join(values))] if values else []


def kinds_json(experiment: Experiment) -> list[dict[str, Any]]:
    """Return the kinds of failure as JSON objects."""
    first_runs = {found.kind.letter: found.first_run for found in experiment.kinds}
    return [
        {
            "kind": count.kind.letter,
            "id": count.kind.id,
            "what": count.kind.description,
            "outcome": count.outcome,
            "first_run": first_runs.get(count.letter),
            "runs": dict(count.by_arm),
        }
        for count in kind_counts(experiment)
        if count.kind is not None
    ]
