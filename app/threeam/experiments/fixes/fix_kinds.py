"""The kinds of failure before a change and since: which one is meant, and which are new. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import NamedTuple

from threeam.core.errors import PreconditionFailed
from threeam.experiments.experiment import Experiment, FailureKind, LogPoint, Recount
from threeam.experiments.failure_rule import FAILED, TIMED_OUT
from threeam.experiments.kinds.kind_counts import are_too_many_kinds, bad_runs


class KindTally(NamedTuple):
    """The runs of a kind of failure ``before`` a change and ``since``. ``is_new``: there was none before."""

    kind: FailureKind
    outcome: str
    before: int
    since: int
    is_new: bool


def find_kind(experiments: Sequence[Experiment], name: str) -> FailureKind:
    """Return the kind of failure of ``experiments`` with this letter or id. Raise `PreconditionFailed`."""
    kinds = {found.kind.id: found.kind for experiment in reversed(experiments) for found in experiment.kinds}
    named = [kind for kind in kinds.values() if name in (kind.letter, kind.id)]
    if len(named) == 1:
        return named[0]
    if named:
        listed = "; ".join(f"{kind.id} {kind.description}" for kind in sorted(named))
        raise PreconditionFailed(f"{name} is the letter of {len(named)} kinds, so write the hash of one: {listed}")
    listed = "; ".join(f"{kind.letter} {kind.description}" for kind in sorted(kinds.values()))
    raise PreconditionFailed(f"no run has failed in a kind {name}: {listed or 'no run has a kind'}")


def only_kind(experiment: Experiment, kind: FailureKind, unknown_arms: Collection[str] = ()) -> Experiment:
    """Return ``experiment`` with the runs of ``kind`` as its failures, and without those of other kinds.

    ``unknown_arms``: the arms of which the runs without a kind are kept: they may be of this kind.
    """
    bad = list(bad_runs(experiment))
    failed = frozenset(run.number for run in bad if run.kind is not None and run.kind.id == kind.id)
    unknown = frozenset(run.number for run in bad if run.kind is None and run.arm in unknown_arms)
    return experiment._replace(recount=Recount(failed, frozenset(run.number for run in bad) - failed - unknown))


def tally_kinds(experiments: Sequence[Experiment], change: LogPoint) -> tuple[KindTally, ...]:
    """Return the runs of each kind of failure before ``change`` and since, in the order of the letters.

    Only programs that were run before the change count since. A kind is not new if runs before the change ended with
    the same outcome and have no kind: an older version made them. A failure is of no new kind if the kinds are chance.
    """
    fingerprints = {experiment.fingerprint for experiment in experiments if experiment.first_run_since(change) > 1}
    before, since = Counter[str](), Counter[str]()
    kinds: dict[str, tuple[FailureKind, str]] = {}
    unknown_outcomes = set[str]()
    for experiment in experiments:
        first_since = experiment.first_run_since(change)
        for run in bad_runs(experiment):
            if run.kind is not None and (run.number < first_since or experiment.fingerprint in fingerprints):
                kinds.setdefault(run.kind.id, (run.kind, run.outcome))
                (before if run.number < first_since else since)[run.kind.id] += 1
            elif run.number < first_since:
                unknown_outcomes.add(run.outcome)
    telling = {FAILED, TIMED_OUT} - unknown_outcomes
    if are_too_many_kinds((before + since).values()):  # the next failure of the same bug is one more kind
        telling.discard(FAILED)
    return tuple(
        KindTally(kind, outcome, before[kind.id], since[kind.id], not before[kind.id] and outcome in telling)
        for kind, outcome in sorted(kinds.values())
    )
