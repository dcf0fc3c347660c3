"""The answer from occurrences in the journal: the time without one that is needed since the change. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import ceil

from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import NS_PER_S
from threeam.experiments.fixes.fix_confidence import FixConfidence, SinceChange
from threeam.experiments.fixes.regime import (
    ChangePeriod,
    Period,
    RateBaseline,
    choose_baseline,
    configuration_between,
)
from threeam.experiments.statistics.stats import required_clean_time

CLUSTER_NS = 60 * NS_PER_S  # closer sightings are one occurrence: a deadlock is seldom logged once


def estimate_from_occurrences(
    label: str,
    seen_ns: Sequence[int],
    start_ns: int,
    changed_ns: int,
    now_ns: int,
    changes: Sequence[ChangePeriod] = (),
) -> FixConfidence:
    """Return the answer for a bug that was seen at the times ``seen_ns``, watched since ``start_ns``.

    For the rate, sightings within a minute are one occurrence: otherwise a deadlock that is logged ten times would look
    frequent, and the required time without it would be short. Since the change each sighting counts.
    Raise `PreconditionFailed` if it was not seen before the change.
    """
    times_ns = sorted(seen_ns)
    before_ns = _cluster_starts([ns for ns in times_ns if start_ns <= ns < changed_ns])
    if not before_ns or changed_ns <= start_ns:
        raise PreconditionFailed(
            "it was not seen before the change: without a rate, the required time without it is unknown"
        )
    after_ns = [ns for ns in times_ns if ns >= changed_ns]

    def split_periods(relevant: Sequence[ChangePeriod]) -> list[Period]:
        return list(_time_periods(before_ns, start_ns, changed_ns, relevant))

    def strong_time(rate: RateBaseline) -> float:
        return required_clean_time(rate.failed, rate.exposure)[-1]

    rate = choose_baseline(split_periods, changes, changed_ns, strong_time)
    weak, fair, strong = (ceil(ns) for ns in required_clean_time(rate.failed, rate.exposure))
    return FixConfidence(
        label=label,
        is_time_based=True,
        before=rate,
        since=SinceChange(
            recurrences=len(_cluster_starts(after_ns)),
            clean=max(0, now_ns - (after_ns[-1] if after_ns else changed_ns)),
        ),
        required=(weak, fair, strong),
    )


def _cluster_starts(times_ns: Sequence[int]) -> list[int]:
    """Return when each occurrence began: a sighting less than `CLUSTER_NS` after the one before belongs to the same."""
    return [ns for i, ns in enumerate(times_ns) if i == 0 or ns - times_ns[i - 1] >= CLUSTER_NS]


def _time_periods(
    times_ns: Sequence[int], start_ns: int, end_ns: int, changes: Sequence[ChangePeriod]
) -> Iterator[Period]:
    """Yield the periods from ``start_ns`` to ``end_ns``, split at each time when a change was made or undone."""
    change_times = [ns for change in changes for ns in (change.since, change.until) if ns is not None]
    cuts = {start_ns, end_ns, *(ns for ns in change_times if start_ns < ns < end_ns)}
    for begin, end in pairwise(sorted(cuts)):
        configuration = configuration_between(changes, begin, end) or frozenset()
        yield Period(configuration, sum(begin <= ns < end for ns in times_ns), end - begin)
