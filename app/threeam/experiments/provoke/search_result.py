"""The result of a search in words: what provokes the failure, or which kinds of windows are not excluded. Pure."""

from __future__ import annotations

import shlex
from typing import NamedTuple

from threeam.core.format.remote_hypothesis import bound_prefix
from threeam.experiments.experiment import BARE, Counts, Experiment
from threeam.experiments.kinds.kind_comparison import find_other_ways
from threeam.experiments.provoke.confirmation import confirmed_arm, failing_kinds, is_another_failure
from threeam.experiments.provoke.search import Search
from threeam.experiments.statistics.stats import required_clean_runs
from threeam.experiments.verdicts.comparison import arm_rates, comparisons_of
from threeam.experiments.verdicts.verdict import format_significant


class CodePlace(NamedTuple):
    """The place of a delayed call: a call with its arguments, and the functions around it (empty: not known).

    ``obstacle``: a sentence about why they are not known, if the reader can change that.
    """

    call: str
    functions: str
    obstacle: str = ""


def result_text(search: Search, confirmation: Experiment | None, place: CodePlace | None) -> str:
    """Return the result of a search. ``confirmation``: the experiment with fresh runs; None: nothing was chosen."""
    if confirmation is None:
        return _nothing_better(search)
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
        if place.obstacle:
            sentences.append(place.obstacle)
    _, _, with_arm = required_clean_runs(chosen.counts.failed, chosen.counts.conclusive)
    _, _, without = required_clean_runs(bare.counts.failed, bare.counts.conclusive)
    if with_arm is not None:
        more = f", and {without:,} of {BARE}" if without is not None else ""
        asks = f"3am fixed {bound_prefix(search.hypothesis)}--arm {shlex.quote(chosen.arm)} counts them"
        asked = "" if search.hypothesis is None else f": {asks}"
        sentences.append(f"fixed is shown by {with_arm:,} clean runs of that arm{more}{asked}")
    return "; ".join(sentences)


def _describe_unconfirmed(search: Search, confirmation: Experiment, *, is_shown: bool) -> str:
    """Return why the chosen arm is not the result. ``is_shown``: whether it fails more often than bare."""
    chosen = confirmation.arms[1]
    if is_shown and is_another_failure(search, confirmation):
        own = ", ".join(found.letter for found in failing_kinds(confirmation, chosen))
        return f"{chosen} fails in another way (kind {own}) than {BARE} before (kind {', '.join(search.sought)})"
    return f"no arm is shown to make it fail more often: {chosen} was best"


def _name_failure(search: Search, confirmation: Experiment) -> str:
    """Return what the chosen arm provokes: ``it``, if bare runs have shown the same failure."""
    bare, chosen = confirmation.arms
    own = failing_kinds(confirmation, chosen)
    is_known = any(kind.letter in search.sought or kind.id in search.bare_kind_ids() for kind in own)
    if confirmation.counts()[bare].failed or is_known:
        return "it"
    prints = f" (3am run --report {confirmation.name} --kind {own[0].letter} prints it)" if own else ""
    return f"a failure that {bare} has not shown{prints}"


def _nothing_better(search: Search) -> str:
    """Return that no arm failed more often than bare, and what that does not exclude."""
    counts = search.counts()
    runs = f"{search.done_count} runs of {len(search.arms)} arms"
    if not any(arm.counts.failed for arm in counts):
        return f"nothing failed in {runs}; {_remaining_windows(search)}"
    bare = counts[0].counts
    if bare.conclusive and bare.failed == bare.conclusive:
        return f"{BARE} failed in each of its {bare.failed} runs: no arm can make it fail more often"
    text = f"no arm failed more often than {BARE} ({_fraction(bare)}) in {runs}"
    arm, most = max(search.ranking(), key=lambda ranked: ranked[1].failed_otherwise)
    if most.failed_otherwise:
        text += f"; {arm} failed in another way, {most.failed_otherwise} of {most.counts.total}"
    return f"{text}; {_remaining_windows(search)}"


def _remaining_windows(search: Search) -> str:
    """Return which kinds of causes the arms of ``search`` could not have provoked."""
    untried = "" if "noise" in search.arms else "a window between two lock operations (noise was not tried), "
    if calls := _untried_calls(search):
        untried += f"a window at a call that was not tried ({', '.join(calls)}: a larger --budget tries them), "
    return (
        f"what remains: {untried}a window between two accesses to memory without a system call or a lock operation in "
        "it, a window that all sides reach late alike, a bug that these runs are too few for, or one that does not "
        "depend on time (input, memory, what a run leaves behind)"
    )


def _untried_calls(search: Search) -> list[str]:
    """Return the system calls that no run has delayed, because the budget was too small."""
    unused = [arm for arm, counts in zip(search.arms, search.counts(), strict=True) if not counts.counts.total]
    return [arm.removeprefix("delay:").partition("=")[0] for arm in (*search.left_out, *unused) if arm[:6] == "delay:"]


def _fraction(counts: Counts) -> str:
    return f"{counts.failed}/{counts.conclusive}"
