"""May I call it fixed? How often it must not fail after a change, given how often it failed before. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import pairwise
from math import ceil, inf
from typing import NamedTuple

from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import NS_PER_S
from threeam.experiments.experiment import BARE, Counts, Experiment, LogPoint
from threeam.experiments.fingerprint import experiment_differences, parse_identity
from threeam.experiments.regime import ChangePeriod, Period, choose_baseline, configuration_between
from threeam.experiments.stats import required_clean_runs, required_clean_time

CONFIDENCE_LEVELS = ("weak", "fair", "strong")
CLUSTER_NS = 60 * NS_PER_S  # lines closer than this tell of one occurrence: a deadlock is seldom logged once
_MAX_CLEAN_NOT_COUNTED = 3  # experiments without a failure that are named because they do not count

ArmKey = tuple[str, str, str]  # the fingerprint of an experiment, the name of an arm, that of its wrapper


class ArmTally(NamedTuple):
    """A command in an arm: how often it ``failed`` before the change, of those that ``ended``, and what came since."""

    what: str
    failed: int = 0
    ended: int = 0
    again: int = 0
    clean: int = 0


class NotCounted(NamedTuple):
    """Runs since the change that do not count: those of ``what``, which differs by ``differs``."""

    what: str
    failed: int
    passed: int
    differs: str


class FixConfidence(NamedTuple):
    """The answer. ``what`` failed ``failed`` times in ``over`` before the change, and ``again`` times since.

    ``clean``: what there is of it since without a failure, and ``needed``: what it takes at each level (None: more than
    anybody has); both in runs, or in ns where it comes by time (``timed``). ``left_out``: experiments that went on
    while something was changed. ``apart``: what else failed before it, and is not in this answer. ``not_counted``:
    runs of other experiments since. ``timed_out``, ``inconclusive``: how many runs of this one since did so, and are in
    no rate. ``earlier``: what was seen in earlier regimes, which are not in the rate. ``widened``, ``ignored``: see
    `Baseline`. ``builds``: the SHA-256 of the program before and since, if it has changed.
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
    build_hashes: tuple[str, str] | None = None

    @property
    def levels_reached(self) -> int:
        """How many of the levels are reached."""
        if self.recurrences:
            return 0
        return next(
            (i for i, one in enumerate(self.required) if one is None or self.clean_since < one), len(CONFIDENCE_LEVELS)
        )

    @property
    def is_fixed(self) -> bool:
        """Whether it may be called so."""
        return self.levels_reached == len(CONFIDENCE_LEVELS)


def estimate_from_runs(
    experiments: Sequence[Experiment],
    change_point: LogPoint,
    arm: str | None = None,
    changes: Sequence[ChangePeriod] = (),
    unbound_experiments: Sequence[Experiment] = (),
) -> FixConfidence:
    """Return the answer from ``experiments``, all of one hypothesis, before ``change_point`` and after it.

    Only runs of the same experiment in the same arm are compared (`experiments.fingerprint`). Of several it is the one
    that ran most since, or else before; the bare program, if that has failed: an arm may provoke the bug. A failure of
    that experiment since, in whichever arm, is an answer too. ``changes``: all that may concern the hypothesis.
    ``unbound_experiments``: experiments that belong to no hypothesis; they do not count, but they may be named.
    Raise `Declined` if nothing failed before.
    """
    sides = _split_at_change(experiments, change_point, changes)
    tallies = _tally_arms(sides)
    failing = {key: tally for key, tally in tallies.items() if tally.failed and arm in (None, key[1])}
    if not failing:
        which = "" if arm is None else f" in the arm {arm}"
        raise PreconditionFailed(
            f"no run{which} failed before the change: without a rate nobody can say how many it takes now"
        )
    best = max(failing, key=lambda key: (key[1] == BARE, failing[key].clean + failing[key].again, failing[key].ended))
    tally = failing[best]

    def pieces(concerned: Sequence[ChangePeriod]) -> list[Period]:
        return list(_run_periods(sides.before, best, concerned))

    before = choose_baseline(
        pieces,
        changes,
        change_point.position,
        lambda one: _infinite_if_none(required_clean_runs(one.failed, one.exposure)[-1]),
    )
    again = sum(other.again for key, other in tallies.items() if key[0] == best[0])
    again += sum(one.count_failed_since(change_point) for one in sides.between if one.fingerprint == best[0])
    counts_since = [counts for one in sides.after for key, counts in _arm_counts(one) if key == best]
    reference = next(one for one in reversed(sides.before) if best in dict(_arm_counts(one)))
    loose = [one for one in unbound_experiments if one.is_after(change_point)]
    not_counted, further_clean = _list_not_counted(reference, best, [*sides.after, *loose], set(failing))
    during = [one for one in sides.between if one.fingerprint != best[0] and one.count_failed_since(change_point)]
    return FixConfidence(
        tally.what, False, before.failed, before.exposure, again, tally.clean, required_clean_runs(before.failed, before.exposure),
        straddling_count=len(sides.between),
        other_failing_arms=tuple(other for key, other in failing.items() if key != best),
        not_counted=(
            *not_counted,
            *(_failures_since_change(reference, best, one, change_point) for one in during),
        ),
        further_clean_runs=further_clean,
        timed_out=sum(counts.timed_out for counts in counts_since),
        inconclusive=sum(counts.inconclusive for counts in counts_since),
        earlier=before.earlier,
        includes_earlier=before.includes_earlier,
        clean_exposure=before.clean_exposure,
        ignores_unbound_changes=before.ignores_unbound_changes,
        build_hashes=_changed_build_hashes(sides, best),
    )  # fmt: skip


class _ExperimentsBySide(NamedTuple):
    """Experiments by the side of the change on which they were made; ``between``: they went on while it was made."""

    before: list[Experiment]
    after: list[Experiment]
    between: list[Experiment]


def _split_at_change(
    experiments: Iterable[Experiment], change_point: LogPoint, changes: Sequence[ChangePeriod]
) -> _ExperimentsBySide:
    own = [change for change in changes if change.concerns_hypothesis]
    sides = _ExperimentsBySide([], [], [])
    for one in experiments:
        last = one.last_point.position
        if one.is_after(change_point):
            sides.after.append(one)
        elif last <= change_point.position and configuration_between(own, _began(one, own), last) is not None:
            sides.before.append(one)
        else:
            sides.between.append(one)
    return sides


def _began(experiment: Experiment, changes: Iterable[ChangePeriod]) -> int:
    return experiment.began_position(point for change in changes for point in change.points)


def _arm_counts(experiment: Experiment) -> list[tuple[ArmKey, Counts]]:
    return [
        ((experiment.fingerprint, name, experiment.wrapper_fingerprint(name)), counts)
        for name, counts in experiment.counts().items()
    ]


def _tally_arms(sides: _ExperimentsBySide) -> dict[ArmKey, ArmTally]:
    tallies: dict[ArmKey, ArmTally] = {}
    for one in sides.before:
        for key, counts in _arm_counts(one):
            tally = tallies.get(key, ArmTally(f"{one.command}, {key[1]}"))
            tallies[key] = tally._replace(failed=tally.failed + counts.failed, ended=tally.ended + counts.conclusive)
    for one in sides.after:
        for key, counts in _arm_counts(one):
            tally = tallies.get(key, ArmTally(f"{one.command}, {key[1]}"))
            tallies[key] = tally._replace(again=tally.again + counts.failed, clean=tally.clean + counts.passed)
    return tallies


def _run_periods(before: Iterable[Experiment], arm: ArmKey, changes: Sequence[ChangePeriod]) -> Iterator[Period]:
    """Yield what came of the runs of ``arm``, one experiment after the other; none that a change came into."""
    for one in before:
        now = configuration_between(changes, _began(one, changes), one.last_point.position)
        for key, counts in _arm_counts(one):
            if key == arm and now is not None:
                yield Period(now, counts.failed, counts.conclusive)


def _failures_since_change(reference: Experiment, arm: ArmKey, other: Experiment, change_point: LogPoint) -> NotCounted:
    """Return the failures after the change of another experiment, which went on while it was made."""
    differs = experiment_differences((reference, arm[1]), (other, other.arms[0]), reference.hypothesis)
    return NotCounted(
        f"{other.name} {other.command}, after the change", other.count_failed_since(change_point), 0, "; ".join(differs)
    )


def _list_not_counted(
    reference: Experiment, arm: ArmKey, experiments: Iterable[Experiment], failing_before: Collection[ArmKey]
) -> tuple[list[NotCounted], int]:
    """Return the runs since the change that do not count, the most similar first, and how many more clean runs exist.

    All runs that failed are named, whatever the answer is: a yes must not hide them. A failure of the same experiment
    in another arm counts, and ``failing_before`` are listed apart, so neither is named here.
    """
    candidates = []
    for experiment in experiments:
        for key, counts in _arm_counts(experiment):
            differences = list(experiment_differences((reference, arm[1]), (experiment, key[1]), reference.hypothesis))
            is_bound = experiment.hypothesis == reference.hypothesis
            is_reported = key[0] == arm[0] and is_bound and (counts.failed or key in failing_before)
            if differences and counts.conclusive and not is_reported:
                label = f"{experiment.name} {experiment.command}, {key[1]}"
                runs = NotCounted(label, counts.failed, counts.passed, "; ".join(differences))
                candidates.append((len(differences), -experiment.last_point.position, runs))
    in_order = [runs for _, _, runs in sorted(candidates)]
    clean = [runs for runs in in_order if not runs.failed]
    further = clean[_MAX_CLEAN_NOT_COUNTED:]
    return [runs for runs in in_order if runs not in further], sum(runs.passed for runs in further)


def _changed_build_hashes(sides: _ExperimentsBySide, arm: ArmKey) -> tuple[str, str] | None:
    """Return the last known SHA-256 of the program before and since; None if it is the same, or not known."""
    old, new = (_last_sha256(side, arm) for side in (sides.before, sides.after))
    return (old, new) if old and new and old != new else None


def _last_sha256(experiments: Iterable[Experiment], arm: ArmKey) -> str:
    identities = (parse_identity(one.identity) for one in experiments if one.fingerprint == arm[0])
    return next((one.sha256 for one in reversed(list(identities)) if one is not None and one.sha256), "")


def _infinite_if_none(needed: float | None) -> float:
    return inf if needed is None else needed


def estimate_from_occurrences(
    label: str,
    seen_ns: Sequence[int],
    start_ns: int,
    changed_ns: int,
    now_ns: int,
    changes: Sequence[ChangePeriod] = (),
) -> FixConfidence:
    """Return the answer for what was seen at the times ``seen_ns`` (ns), watched from ``start_ns`` on.

    For the rate, what was seen within a minute is one occurrence: otherwise one deadlock that is logged ten times would
    make the bug look frequent, and the time without it that is needed short. Since the change, each sighting counts.
    Raise `Declined` if it was not seen before the change.
    """
    times = sorted(seen_ns)
    before = _cluster_starts([time for time in times if start_ns <= time < changed_ns])
    if not before or changed_ns <= start_ns:
        raise PreconditionFailed(
            "it was not seen before the change: without a rate nobody can say how long it takes now"
        )
    after = [time for time in times if time >= changed_ns]

    def pieces(concerned: Sequence[ChangePeriod]) -> list[Period]:
        return list(_time_periods(before, start_ns, changed_ns, concerned))

    rate = choose_baseline(pieces, changes, changed_ns, lambda one: required_clean_time(one.failed, one.exposure)[-1])
    weak, fair, strong = (ceil(ns) for ns in required_clean_time(rate.failed, rate.exposure))
    clean = max(0, now_ns - (after[-1] if after else changed_ns))
    return FixConfidence(
        label, True, rate.failed, rate.exposure, len(_cluster_starts(after)), clean, (weak, fair, strong),
        earlier=rate.earlier, includes_earlier=rate.includes_earlier, clean_exposure=rate.clean_exposure,
    )  # fmt: skip


def _cluster_starts(times: Sequence[int]) -> list[int]:
    """Return when each occurrence began: what follows the last sighting within a minute belongs to the same one."""
    return [time for i, time in enumerate(times) if i == 0 or time - times[i - 1] >= CLUSTER_NS]


def _time_periods(times: Sequence[int], start: int, end: int, changes: Sequence[ChangePeriod]) -> Iterator[Period]:
    """Divide the time from ``start`` to ``end`` where a change was made or undone."""
    cuts = {start, end} | {cut for change in changes for cut in change[:2] if cut is not None and start < cut < end}
    for begin, until in pairwise(sorted(cuts)):
        now = configuration_between(changes, begin, until) or frozenset()
        yield Period(now, sum(begin <= time < until for time in times), until - begin)
