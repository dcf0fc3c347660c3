"""The result of a search in words: what provokes the failure, or which kinds of windows are not excluded. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import NamedTuple

from threeam.experiments.experiment import BARE, Counts, Experiment, FailureKind
from threeam.experiments.failure_rule import FAILED
from threeam.experiments.kinds.kind_comparison import find_other_ways
from threeam.experiments.provoke.halving import failure_rate
from threeam.experiments.provoke.search import Search
from threeam.experiments.statistics.stats import required_clean_runs, required_sample_size
from threeam.experiments.verdicts.comparison import arm_rates, comparisons_of
from threeam.experiments.verdicts.verdict import format_significant

MIN_CONFIRMING_RUNS, MAX_CONFIRMING_RUNS = 20, 200  # of each arm
_SAFETY = 2  # the rate of a chosen arm is overestimated, so more runs than its rate needs


class CodePlace(NamedTuple):
    """The place of a delayed call: a call with its arguments, and the functions around it (empty: not known)."""

    call: str
    functions: str


def kinds_before(all_experiments: Sequence[Experiment], hypothesis: str | None) -> str:
    """Return the letters of the kinds of failure that bare runs for ``hypothesis`` have had."""
    letters = {
        letter
        for experiment in all_experiments
        if hypothesis is not None and f"H{experiment.hypothesis}" == hypothesis.upper() and BARE in experiment.arms
        for outcome, letter in experiment.outcomes(BARE)
        if outcome == FAILED
    }
    return "".join(sorted(letters))


def confirming_runs(search: Search) -> int:
    """Return how many fresh runs of the chosen arm, and as many of bare, can show a difference as seen."""
    best, first = search.ranking()[0][1].comparable, search.counts()[0].comparable
    needed = required_sample_size(_smoothed_rate(first), _smoothed_rate(best))
    wanted = MAX_CONFIRMING_RUNS if needed is None else ceil(needed * _SAFETY)
    affordable = search.budget.remaining_runs(search.done_count, search.spent_ns) // 2
    return max(MIN_CONFIRMING_RUNS, min(wanted, affordable, MAX_CONFIRMING_RUNS))


def confirming_arms(search: Search) -> tuple[str, str]:
    """Return the names of bare and of the arm that a finished search has chosen."""
    return search.arms[0], search.ranking()[0][0]


def confirming_seed(search: Search) -> int:
    """Return the seed of the experiment with fresh runs, which tells it from one that was started by hand."""
    return search.seed + len(search.rounds)


def confirmation_of(search: Search, all_experiments: Sequence[Experiment]) -> Experiment | None:
    """Return the experiment with the fresh runs of ``search``; None if it was not started."""
    arms, seed = confirming_arms(search), confirming_seed(search)
    return next(
        (
            experiment
            for experiment in all_experiments
            if experiment.number > search.number
            and (experiment.arms, experiment.seed, experiment.fingerprint) == (arms, seed, search.fingerprint)
        ),
        None,
    )


def has_candidate(search: Search) -> bool:
    """Return whether the best arm failed more often than bare, in a kind of failure that is sought."""
    return failure_rate(search.ranking()[0][1].comparable) > failure_rate(search.counts()[0].comparable)


def confirmed_arm(search: Search, confirmation: Experiment) -> str:
    """Return the arm that fails more often than bare in ``confirmation``; empty if that is not shown.

    If bare has not failed there, the arm must have a kind of failure that is sought.
    """
    (comparison,) = comparisons_of(confirmation)
    is_shown = comparison.is_significant and not comparison.is_lower
    return comparison.arm if is_shown and not _is_another_failure(search, confirmation) else ""


def result_text(search: Search, confirmation: Experiment | None, place: CodePlace | None) -> str:
    """Return the result of a search. ``confirmation``: the experiment with fresh runs; None: nothing was chosen."""
    if confirmation is None:
        return f"{_nothing_better(search)}; {_remaining_windows(search)}"
    bare, chosen = arm_rates(confirmation)
    (comparison,) = comparisons_of(confirmation)
    counts = f"{_fraction(chosen.counts)} against {_fraction(bare.counts)} {BARE}"
    fresh = f"{counts} in fresh runs ({confirmation.name}, p = {format_significant(comparison.p, 2)})"
    if ways := find_other_ways(confirmation):  # p is about the other runs
        kinds = ", ".join(f"{way.failed} of {way.made} (kind {way.kind.letter})" for way in ways)
        way = f"{chosen.arm} fails in another way than {BARE}, {kinds}, in fresh runs ({confirmation.name})"
        if not confirmed_arm(search, confirmation):
            return f"{way}; {_remaining_windows(search)}"
        fresh = f"{fresh}; {way}"
    if not confirmed_arm(search, confirmation):
        failing = _describe_unconfirmed(search, confirmation, is_shown=comparison.is_significant)
        return f"{failing}: {fresh}; {_remaining_windows(search)}"
    sentences = [f"{chosen.arm} provokes {_name_failure(search, confirmation)}: {fresh}"]
    if place is not None:
        sentences.append(f"look at {place.functions}: {place.call}" if place.functions else f"the call: {place.call}")
    _, _, with_arm = required_clean_runs(chosen.counts.failed, chosen.counts.conclusive)
    _, _, without = required_clean_runs(bare.counts.failed, bare.counts.conclusive)
    if with_arm is not None:
        more = f", and {without:,} of {BARE}" if without is not None else ""
        sentences.append(f"fixed is shown by {with_arm:,} clean runs of that arm{more}")
    return "; ".join(sentences)


def _describe_unconfirmed(search: Search, confirmation: Experiment, *, is_shown: bool) -> str:
    """Return why the chosen arm is not the result. ``is_shown``: whether it fails more often than bare."""
    chosen = confirmation.arms[1]
    if is_shown and _is_another_failure(search, confirmation):
        own = ", ".join(found.letter for found in _failing_kinds(confirmation, chosen))
        return f"{chosen} fails in another way (kind {own}) than {BARE} before (kind {', '.join(search.sought)})"
    return f"no arm is shown to make it fail more often: {chosen} was best"


def _name_failure(search: Search, confirmation: Experiment) -> str:
    """Return what the chosen arm provokes: ``it``, if bare runs have shown the same failure."""
    bare, chosen = confirmation.arms
    own = _failing_kinds(confirmation, chosen)
    is_known = any(kind.letter in search.sought or kind.id in search.bare_kind_ids() for kind in own)
    if confirmation.counts()[bare].failed or is_known:
        return "it"
    return f"a failure that {bare} has not shown (3am run --report {confirmation.name} --kind a prints it)"


def _failing_kinds(experiment: Experiment, arm: str) -> list[FailureKind]:
    """Return the kinds of failure of ``arm``."""
    letters = {letter for outcome, letter in experiment.outcomes(arm) if outcome == FAILED}
    return [found.kind for found in experiment.kinds if found.kind.letter in letters]


def _is_another_failure(search: Search, confirmation: Experiment) -> bool:
    """Return whether the chosen arm has failed, bare has not, and in none of the kinds that bare had before."""
    bare, chosen = confirmation.arms
    own = _failing_kinds(confirmation, chosen)
    has_bare_failed = confirmation.counts()[bare].failed > 0
    return bool(search.sought and own) and not has_bare_failed and not any(kind.letter in search.sought for kind in own)


def _nothing_better(search: Search) -> str:
    """Return that no arm failed more often than bare."""
    counts = search.counts()
    runs = f"{search.done_count} runs of {len(search.arms)} arms"
    if not any(arm.counts.failed for arm in counts):
        return f"nothing failed in {runs}"
    text = f"no arm failed more often than {BARE} ({_fraction(counts[0].counts)}) in {runs}"
    arm, most = max(search.ranking(), key=lambda ranked: ranked[1].failed_otherwise)
    if most.failed_otherwise:
        text += f"; {arm} failed in another way, {most.failed_otherwise} of {most.counts.total}"
    return text


def _remaining_windows(search: Search) -> str:
    """Return which kinds of causes the arms of ``search`` could not have provoked."""
    untried = "" if "noise" in search.arms else "a window between two lock operations (noise was not tried), "
    return (
        f"what remains: {untried}a window between two accesses to memory without a system call or a lock operation in "
        "it, a window that all sides reach late alike, a bug that these runs are too few for, or one that does not "
        "depend on time (input, memory, what a run leaves behind)"
    )


def _smoothed_rate(counts: Counts) -> float:
    return (counts.failed + 0.5) / (counts.conclusive + 1)


def _fraction(counts: Counts) -> str:
    return f"{counts.failed}/{counts.conclusive}"
