"""The number of runs of each kind of failure in each arm. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from threeam.experiments.experiment import NO_KIND, Experiment, FailureKind, outcome_code
from threeam.experiments.failure_rule import FAILED, INCONCLUSIVE, TIMED_OUT

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


def kind_counts(experiment: Experiment) -> list[KindCount]:
    """Return the counts of each kind of failure, in the order of the letters; those of the runs without a kind last."""
    letters = experiment.kind_letters or NO_KIND * experiment.total
    found = Counter(zip(letters, experiment.outcome_codes, strict=True))
    kinds = {one.kind.letter: one.kind for one in experiment.kinds}
    counts = []
    for letter in sorted({letter for letter, _ in found}, key=lambda letter: (letter == NO_KIND, letter)):
        for outcome in (FAILED, TIMED_OUT, INCONCLUSIVE):
            by_arm = {arm: found[letter, outcome_code(i, outcome)] for i, arm in enumerate(experiment.arms)}
            if any(by_arm.values()):
                kind = None if letter == NO_KIND else kinds.get(letter, FailureKind(letter, "", ""))
                counts.append(KindCount(kind, outcome, by_arm))
    return counts


def has_too_many_kinds(counts: list[KindCount]) -> bool:
    """Return whether the outputs have so much chance text that their kinds tell nothing."""
    return sum(0 < count.total < RARE_RUNS for count in counts if count.kind is not None) > MAX_RARE_KINDS


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
