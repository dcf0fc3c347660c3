"""The search for the arm that fails most often: successive halving of candidates. Pure.

Each round runs every candidate that is left, and the first arm (bare), equally often and in random order. The half that
failed more often, in all rounds together, is left for the next round, which has more runs of each. So most runs are
spent on the few that matter. A search chooses, and what it counts for the winner is too high: fresh runs are needed
before anything is claimed (Jamieson and Talwalkar, AISTATS 2016, for the method).

The arm of every run follows from the plan and the outcomes before it. So a resumed search continues as if it had not
been interrupted.
"""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_uppercase
from typing import NamedTuple

from threeam.experiments.arms.arm import run_order
from threeam.experiments.experiment import NOT_RUN, Counts
from threeam.experiments.kinds.kind_counts import MAX_RARE_KINDS, RARE_RUNS
from threeam.experiments.statistics.stats import fisher_exact

MIN_RUNS = 3  # of each arm in a round
_MAX_FIRST_RUNS = 9  # of each arm in the first round, before the other rounds get more
PASSED_CODE, TIMED_OUT_CODE, INCONCLUSIVE_CODE = "a", "0", "p"
FAILED_CODES = ascii_uppercase  # for each kind of failure one; the first one also if the kind is not known
_CLEAR_P = 0.001  # below it, more rounds would hardly change the choice


class Halving(NamedTuple):
    """A search: the number of candidates, the runs of each arm in each round, and the seed of the order.

    Arm 0 is compared with the candidates, the arms from 1 on. The earlier of two equal candidates is preferred.
    ``sought``: the codes of the kinds of failure that are sought, besides those of arm 0; if both have none, any kind.
    """

    candidate_count: int
    rounds: tuple[int, ...]
    seed: int
    sought: str = ""

    @property
    def total(self) -> int:
        """Return the greatest number of runs: a search may end after a round."""
        return sum(runs * (left + 1) for runs, left in zip(self.rounds, round_sizes(self.candidate_count), strict=True))


class Progress(NamedTuple):
    """The state of a search.

    ``arms``: of each run up to the end of the current round. ``survivors``: the candidates of the current round, the
    best of the last round first. ``round``: its number, from 1. ``is_over``: whether no run is left to make.
    """

    arms: list[int]
    survivors: list[int]
    round: int
    is_over: bool


def round_sizes(candidate_count: int) -> list[int]:
    """Return the number of candidates in each round: 18, 9, 5, 3, 2."""
    sizes = [candidate_count]
    while sizes[-1] > 2:
        sizes.append((sizes[-1] + 1) // 2)
    return sizes


def least_runs(candidate_count: int) -> int:
    """Return the runs that a search needs at least."""
    return sum(MIN_RUNS * (left + 1) for left in round_sizes(candidate_count))


def plan_rounds(candidate_count: int, runs: int) -> tuple[int, ...]:
    """Return the runs of each arm in each round of a search with ``runs`` in all. It has `least_runs` at least.

    What is not needed for that goes to the first round, as far as it helps: a candidate that provokes a failure in one
    of five runs must not leave before it has shown one. The rest is divided equally.
    """
    sizes = round_sizes(candidate_count)
    spare = max(0, runs - least_runs(candidate_count))
    first = min(_MAX_FIRST_RUNS - MIN_RUNS, spare // (candidate_count + 1))
    share = (spare - first * (candidate_count + 1)) // len(sizes)
    more = [share // (left + 1) for left in sizes]
    return (MIN_RUNS + first + more[0], *(MIN_RUNS + count for count in more[1:]))


class ArmCounts(NamedTuple):
    """The counts of an arm. ``comparable``: without the runs that failed in a kind that is not sought."""

    counts: Counts
    comparable: Counts

    @property
    def failed_otherwise(self) -> int:
        """Return how many runs failed in a kind that is not sought."""
        return self.counts.failed - self.comparable.failed


def count_outcomes(halving: Halving, arms: Sequence[int], outcomes: str) -> list[ArmCounts]:
    """Return the counts of each arm. ``outcomes``: a code for each run, `NOT_RUN` if there is no result."""
    codes = ["" for _ in range(halving.candidate_count + 1)]
    for arm, code in zip(arms, outcomes, strict=False):
        codes[arm] += code
    sought = _sought_codes(halving, codes)
    return [ArmCounts(_count(arm_codes, FAILED_CODES), _count(arm_codes, sought)) for arm_codes in codes]


def _count(codes: str, failed: str) -> Counts:
    return Counts(
        sum(code in failed for code in codes), *map(codes.count, (PASSED_CODE, TIMED_OUT_CODE, INCONCLUSIVE_CODE))
    )


def _sought_codes(halving: Halving, codes_by_arm: Sequence[str]) -> str:
    """Return the codes of the kinds that count as failures."""
    every = "".join(codes_by_arm)
    rare = sum(0 < every.count(code) < RARE_RUNS for code in FAILED_CODES)
    sought = halving.sought + "".join(code for code in codes_by_arm[0] if code in FAILED_CODES)
    return FAILED_CODES if not sought or rare > MAX_RARE_KINDS else sought


def follow(halving: Halving, outcomes: str) -> Progress:
    """Return the state of a search after ``outcomes``, a code for each run in order."""
    arms: list[int] = []
    survivors = list(range(1, halving.candidate_count + 1))
    for index, runs in enumerate(halving.rounds):
        arms += [[0, *survivors][i] for i in run_order(len(survivors) + 1, runs, halving.seed + index)]
        if len(outcomes) < len(arms) or NOT_RUN in outcomes[: len(arms)]:
            return Progress(arms, survivors, index + 1, is_over=False)
        counts = [arm.comparable for arm in count_outcomes(halving, arms, outcomes)]
        survivors = sorted(survivors, key=lambda arm: -failure_rate(counts[arm]))
        if index + 1 == len(halving.rounds) or _is_clear(counts[survivors[0]], counts[0]):
            break
        survivors = sorted(survivors[: (len(survivors) + 1) // 2])
    return Progress(arms, survivors, index + 1, is_over=True)


def failure_rate(counts: Counts) -> float:
    """Return the observed rate; 0 if no run was conclusive."""
    return counts.failed / counts.conclusive if counts.conclusive else 0.0


def _is_clear(best: Counts, first: Counts) -> bool:
    p = fisher_exact(first.failed, first.conclusive, best.failed, best.conclusive)
    return failure_rate(best) > failure_rate(first) and p < _CLEAR_P
