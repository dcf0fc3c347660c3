"""A fix judged with a control: the old and the new version run in the same blocks of an experiment. Pure.

The rate of a race moves with the load. So clean runs of the new version prove little at another hour. In a block both
versions run side by side, and if the fix did nothing, a failure is as likely in either. So the answer is yes only if
the old version failed and the new one never did. If the new version hangs more often, the answer is no.

If only one kind of failure is the bug, a run of the new version that failed in no kind may be of it, and counts. Runs
that failed in another kind neither failed nor passed: their blocks do not count. A kind that the old version has never
shown, a hang too, is a new failure.

A yes needs five failures of the old version at least. If the fix does nothing, they are all in the old version with a
probability of 1/32, however often and whenever the answer is asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from threeam.experiments.build import build_differences, recorded_build
from threeam.experiments.experiment import Experiment, FailureKind
from threeam.experiments.failure_rule import FAILED, TIMED_OUT
from threeam.experiments.fingerprint import experiment_differences
from threeam.experiments.fixes.fix_kinds import only_kind
from threeam.experiments.fixes.hangs import HangRates, hang_rates
from threeam.experiments.kinds.kind_counts import bad_runs
from threeam.experiments.statistics.sequential import evidence_of, required_evidence
from threeam.experiments.statistics.stats import required_clean_runs
from threeam.experiments.verdicts.blocks import NO_OUTCOME, conclusive_blocks, paired_outcomes

MIN_OLD_FAILURES = 5


class Versions(NamedTuple):
    """The arms that run the version before the fix, and the one with it."""

    old: str
    new: str


class ControlRuns(NamedTuple):
    """The runs of both versions in an experiment. ``blocks``: those in which both failed or passed.

    ``old_failed``: in these blocks. ``new_failed``: in all blocks, so that no failure of the new version is lost.
    ``left_out``: blocks in which a run timed out, was inconclusive, or failed in a kind that does not count.
    """

    name: str
    blocks: int
    old_failed: int
    new_failed: int
    left_out: int


class ControlKind(NamedTuple):
    """The runs of a kind of failure of the old and of the new version. ``is_new``: the old one has never shown it."""

    kind: FailureKind
    old: int
    new: int
    is_new: bool


class ControlledFix(NamedTuple):
    """The answer: the runs of each experiment, and the ``evidence`` that the versions differ (`sequential`).

    ``not_counted``: experiments with the same arms that are not comparable, and what differs. ``build_changes``: what
    differs between the builds of the first experiment and the last one. ``kind``: the only kind of failure that counts;
    None: all count. ``kinds``: the runs of each kind. ``hangs``: of both versions.
    """

    label: str
    versions: Versions
    runs: tuple[ControlRuns, ...]
    evidence: float
    not_counted: tuple[tuple[str, str], ...] = ()
    build_changes: tuple[tuple[str, str], ...] = ()
    kind: FailureKind | None = None
    kinds: tuple[ControlKind, ...] = ()
    hangs: HangRates = HangRates()

    @property
    def new_kinds(self) -> list[ControlKind]:
        """Return the kinds of failure that only the new version has shown."""
        return [of_kind for of_kind in self.kinds if of_kind.is_new]

    @property
    def blocks(self) -> int:
        """Return how many blocks count."""
        return sum(runs.blocks for runs in self.runs)

    @property
    def old_failed(self) -> int:
        """Return how often the old version failed."""
        return sum(runs.old_failed for runs in self.runs)

    @property
    def new_failed(self) -> int:
        """Return how often the new version failed."""
        return sum(runs.new_failed for runs in self.runs)

    @property
    def required_blocks(self) -> int | None:
        """Return the blocks that a yes needs at the lowest rate of the old version's interval; None: not feasible."""
        return required_clean_runs(self.old_failed, self.blocks)[-1]

    @property
    def is_fixed(self) -> bool:
        """Return whether the answer is yes."""
        if self.new_failed or self.new_kinds or self.hangs.has_risen or self.old_failed < MIN_OLD_FAILURES:
            return False
        has_enough_blocks = self.required_blocks is not None and self.blocks >= self.required_blocks
        return has_enough_blocks or self.evidence >= required_evidence()


def assess_control(
    experiments: Sequence[Experiment], versions: Versions, kind: FailureKind | None = None
) -> ControlledFix:
    """Return the answer from ``experiments``, which have both arms, in the order of time.

    The last one counts, and all before it that ran the same. ``kind``: the only kind of failure that counts.
    """
    last = experiments[-1]
    counted = [experiment for experiment in experiments if not list(_differences(last, experiment, versions))]
    judged = counted if kind is None else [only_kind(experiment, kind, {versions.new}) for experiment in counted]
    return ControlledFix(
        last.command,
        versions,
        tuple(
            _control_runs(of_kind, _count_made_blocks(experiment, versions), versions)
            for of_kind, experiment in zip(judged, counted, strict=True)
        ),
        evidence_of(
            block for experiment in judged for block in conclusive_blocks(paired_outcomes(experiment, *versions))
        ).value,
        tuple(
            (experiment.name, "; ".join(_differences(last, experiment, versions)))
            for experiment in experiments
            if experiment not in counted
        ),
        tuple(build_differences(recorded_build(counted[0]), recorded_build(last))),
        kind,
        _count_kinds(counted, versions),
        hang_rates(*([experiment.counts()[arm] for experiment in judged] for arm in versions)),
    )


def _count_kinds(experiments: Sequence[Experiment], versions: Versions) -> tuple[ControlKind, ...]:
    """Return the runs of each kind of failure of both versions, in the order of the letters.

    A kind is not new if runs of the old version ended with the same outcome and have no kind.
    """
    runs = Counter(
        (run.kind, run.outcome, run.arm)
        for experiment in experiments
        for run in bad_runs(experiment)
        if run.outcome in (FAILED, TIMED_OUT)
    )
    ends = sorted({(kind, outcome) for kind, outcome, _ in runs if kind is not None})
    return tuple(
        ControlKind(kind, old, new, is_new=new > 0 and not old and not runs[None, outcome, versions.old])
        for kind, outcome in ends
        for old, new in [(runs[kind, outcome, versions.old], runs[kind, outcome, versions.new])]
        if old or new
    )


def _differences(reference: Experiment, other: Experiment, versions: Versions) -> list[str]:
    """Return what distinguishes the two arms of ``other`` from those of ``reference``."""
    return list(
        dict.fromkeys(
            difference
            for arm in versions
            for difference in experiment_differences((reference, arm), (other, arm), reference.hypothesis)
        )
    )


def _count_made_blocks(experiment: Experiment, versions: Versions) -> int:
    """Return in how many blocks both versions were run."""
    return sum(NO_OUTCOME not in pair for pair in paired_outcomes(experiment, *versions))


def _control_runs(experiment: Experiment, made_blocks: int, versions: Versions) -> ControlRuns:
    outcomes = paired_outcomes(experiment, *versions)
    blocks = list(conclusive_blocks(outcomes))
    return ControlRuns(
        experiment.name,
        len(blocks),
        sum(block.first for block in blocks),
        sum(new == FAILED for _, new in outcomes),
        made_blocks - len(blocks),
    )
