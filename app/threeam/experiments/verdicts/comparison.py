"""The arms of an experiment compared with its first one: rates, and which differences are more than chance. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from threeam.experiments.experiment import ArmUsage, Counts, Experiment
from threeam.experiments.kinds.kind_comparison import comparable_counts
from threeam.experiments.statistics.sequential import Evidence
from threeam.experiments.statistics.stats import (
    ALPHA,
    clopper_pearson,
    fisher_exact,
    holm_levels,
    is_significant,
    required_sample_size,
)
from threeam.experiments.verdicts.stopping import EVIDENCE, Decision, decisions_of

_NO_USAGE = ArmUsage()
_NO_DECISIONS: Mapping[str, Decision] = {}


class ArmRate(NamedTuple):
    """The failure rate of an arm: its counts, and the exact 95 % interval of the rate.

    ``comparable``: its counts without the runs that failed in another way than the first arm does; None: the same.
    """

    arm: str
    counts: Counts
    low: float
    high: float
    usage: ArmUsage
    comparable: Counts | None = None

    @property
    def rate(self) -> float:
        """Return the observed rate; 0 if no run was conclusive."""
        return _rate(self.counts)


def _rate(counts: Counts) -> float:
    return counts.failed / counts.conclusive if counts.conclusive else 0.0


class ArmComparison(NamedTuple):
    """An arm compared with the first one: the p of Fisher's test, and whether it is small enough.

    ``level``: what p is compared with. ``blocks``: the blocks after which it was decided; None: at the end, or not.
    ``is_lower``: whether the arm fails less often. ``required_runs``: how many runs an arm would show a difference of
    the observed size; None: the rates are equal.
    """

    arm: str
    p: float
    level: float
    is_significant: bool
    is_lower: bool
    required_runs: int | None
    blocks: int | None = None


def arm_rates(experiment: Experiment) -> list[ArmRate]:
    """Return the rate of each arm, in the order of the arms."""
    comparable = comparable_counts(experiment)
    usages = zip(experiment.counts().items(), experiment.record.usage, strict=True)
    return [rate_of(arm, counts, usage)._replace(comparable=comparable[arm]) for (arm, counts), usage in usages]


def rate_of(arm: str, counts: Counts, usage: ArmUsage = _NO_USAGE) -> ArmRate:
    """Return the rate of an arm with these counts."""
    return ArmRate(arm, counts, *clopper_pearson(counts.failed, counts.conclusive), usage)


def comparisons_of(experiment: Experiment) -> list[ArmComparison]:
    """Compare each other arm of ``experiment`` with the first one."""
    rates = arm_rates(experiment)
    if experiment.stop != EVIDENCE:
        return compare_arms(rates, experiment.alpha)
    # The evidence is of all failures, so it shows nothing about an arm that fails in another way. Neither does Fisher's
    # test of the runs until then: they were stopped at a moment that depends on them.
    alike = {rate.arm for rate in rates if rate.comparable == rate.counts}
    decisions = {
        arm: decision if arm in alike else decision._replace(evidence=Evidence())
        for arm, decision in decisions_of(experiment).items()
    }
    return compare_arms(rates, experiment.alpha / 2, decisions)


def compare_arms(
    rates: Sequence[ArmRate], alpha: float = ALPHA, decisions: Mapping[str, Decision] = _NO_DECISIONS
) -> list[ArmComparison]:
    """Compare each other arm with the first one, with the probability ``alpha`` of any false positive.

    ``decisions``: of the arms that were decided before the end, by other evidence than Fisher's p.

    The power is that at the strictest of Holm's levels: in the next experiment this arm may have the smallest p.
    """
    counts = [rate.comparable or rate.counts for rate in rates]
    first = counts[0]
    ps = [
        decisions[rate.arm].p if rate.arm in decisions else _fisher_p(first, other)
        for rate, other in zip(rates[1:], counts[1:], strict=True)
    ]
    comparisons = []
    for rate, other, p, level in zip(rates[1:], counts[1:], ps, holm_levels(ps, alpha), strict=True):
        are_known = first.conclusive and other.conclusive
        required_runs = required_sample_size(_rate(first), _rate(other), alpha / len(ps)) if are_known else None
        decision = decisions.get(rate.arm)
        is_lower = _rate(other) < _rate(first)
        if decision is not None:
            is_lower = decision.evidence.other_failed < decision.evidence.first_failed
        blocks = None if decision is None else decision.blocks
        shown = is_significant(p, level)
        comparisons.append(ArmComparison(rate.arm, p, level, shown, is_lower, required_runs, blocks))
    return comparisons


def _fisher_p(first: Counts, other: Counts) -> float:
    return fisher_exact(first.failed, first.conclusive, other.failed, other.conclusive)
