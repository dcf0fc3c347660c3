"""The answer to whether a bug may be called fixed: what was seen before the change and since, and what is needed. Pure.

Runs are compared in `fix_from_runs`, occurrences in the journal in `fix_from_occurrences`.
"""

from __future__ import annotations

from typing import NamedTuple

from threeam.experiments.experiment import FailureKind
from threeam.experiments.fixes.fix_kinds import KindTally
from threeam.experiments.fixes.hangs import HangRates
from threeam.experiments.fixes.regime import RateBaseline
from threeam.experiments.fixes.runs_apart import RunsApart
from threeam.experiments.statistics.rate_variation import RateVariation

CONFIDENCE_LEVELS = ("weak", "fair", "strong")


class SinceChange(NamedTuple):
    """The runs, or the occurrences, since the change.

    ``clean``: the runs that passed, or the time (ns) since the last failure. ``inconclusive``: runs that are in
    no rate, besides those that timed out.
    """

    recurrences: int
    clean: int
    inconclusive: int = 0


class BuildComparison(NamedTuple):
    """The last builds that were recorded before the change and since.

    ``changes``: what differs, and how. ``is_same``: whether they are known to be equal.
    """

    changes: tuple[tuple[str, str], ...] = ()
    is_same: bool = False


class PossibleControl(NamedTuple):
    """An experiment since the change in which the arm ``old`` failed and ``new`` did not: they may be two versions."""

    experiment: str
    old: str
    new: str


class FixConfidence(NamedTuple):
    """The answer about the bug ``label``.

    ``is_time_based``: the exposure, the clean amount and ``required`` are times (ns); otherwise they are runs.
    ``required``: how much without a failure each of `CONFIDENCE_LEVELS` needs; None: more than is feasible.
    ``hangs``: before the change and since. ``apart``: runs that are not in this answer. ``variation``: how the rate
    differed between the experiments before, if by more than chance. ``kind``: the only kind of failure that counts;
    None: all count. ``kinds``: the runs of each kind.
    """

    label: str
    is_time_based: bool
    before: RateBaseline
    since: SinceChange
    required: tuple[int | None, int | None, int | None]
    hangs: HangRates = HangRates()
    apart: RunsApart = RunsApart()
    builds: BuildComparison = BuildComparison()
    variation: RateVariation | None = None
    possible_control: PossibleControl | None = None
    kind: FailureKind | None = None
    kinds: tuple[KindTally, ...] = ()

    @property
    def levels_reached(self) -> int:
        """Return how many of `CONFIDENCE_LEVELS` are reached."""
        if self.since.recurrences or self.new_kinds or self.hangs.has_risen:
            return 0
        missing = (required is None or self.since.clean < required for required in self.required)
        return next((i for i, is_missing in enumerate(missing) if is_missing), len(CONFIDENCE_LEVELS))

    @property
    def new_kinds(self) -> list[KindTally]:
        """Return the kinds of failure that did not exist before the change."""
        return [tally for tally in self.kinds if tally.is_new]

    @property
    def is_fixed(self) -> bool:
        """Return whether the highest level is reached, and the rate before was one rate."""
        return self.levels_reached == len(CONFIDENCE_LEVELS) and self.variation is None
