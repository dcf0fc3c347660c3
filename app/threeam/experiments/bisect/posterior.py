"""Bayesian bisection: which commit has introduced a bug that fails only sometimes. Pure.

The commits are a line from one that is known as good, at position 0, to one that fails. One of them has introduced the
bug, also that at position 0: the user may be wrong. From there on each run fails with one unknown rate, and before it
no run fails. So a failure excludes all later commits at once, and a run that passes makes all earlier ones, and the
commit itself, a little less likely. The next run is made where it is expected to tell most about the commit.

Before the first run each commit is as likely as any other. The rate is that of a mixture of Beta(1, b): about as likely
between 0.5 % and 5 % as between 10 % and 100 %. So the integral over all rates has a closed form.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from functools import lru_cache
from itertools import accumulate
from math import exp, lgamma, log
from typing import NamedTuple

DECIDED = 0.95  # the probability at which a commit is named
_MEASURED_FAILURES = 3  # of the bad commit, before any other is run: they say how rare the failure is
_MAX_INCONCLUSIVE = 3  # runs in a row that neither pass nor fail; then the commit cannot be tested
_RATE_PRIORS = (1, 4, 20, 100)  # b of Beta(1, b), each as likely as the others
_NEARLY = 0.9  # of what the best commit would tell
_FORECASTS = 25
_MAX_FORECAST_WORK = 500_000  # suspects times runs: about two seconds
_NEGLIGIBLE = 1e-4  # a forecast leaves out a commit that is so much less likely than the most likely one


class CommitRuns(NamedTuple):
    """The runs of one commit, and whether it ``cannot`` be tested: built, started, or brought to a result.

    What it showed before that stays true: a commit that has failed and cannot be built again has the bug.
    """

    failed: int = 0
    passed: int = 0
    inconclusive: int = 0
    cannot: bool = False

    @property
    def has_result(self) -> bool:
        """Return whether a run of it failed or passed."""
        return self.failed + self.passed > 0

    @property
    def is_testable(self) -> bool:
        """Return whether a run of this commit has had a result, or may have one."""
        return self.has_result or (not self.cannot and self.inconclusive < _MAX_INCONCLUSIVE)


class Suspect(NamedTuple):
    """The commits from the position ``first`` to ``last`` of which one has introduced the bug, with a probability.

    Only ``last`` can be tested: the others are not told apart from it. ``passed``: the runs that passed at ``last`` and
    later. ``rate``: how often a run would fail if it were this one.
    """

    first: int
    last: int
    weight: int
    passed: int
    probability: float = 0.0
    rate: float = 0.0


class Belief(NamedTuple):
    """The suspects in the order of the commits, and the number of runs that ``failed``."""

    suspects: tuple[Suspect, ...]
    failed: int

    @property
    def answer(self) -> Suspect:
        """Return the most likely suspect."""
        return max(self.suspects, key=lambda suspect: suspect.probability)

    @property
    def is_decided(self) -> bool:
        """Return whether a commit can be named."""
        return self.failed > 0 and self.answer.probability >= DECIDED

    def next_position(self, tested: Collection[int] = ()) -> int:
        """Return the position of the commit that is to be run next.

        It is one of those ``tested`` if that tells nearly as much: they are checked out and built.
        """
        if self.failed < _MEASURED_FAILURES:
            return self.suspects[-1].last
        gains = {suspect.last: gain for suspect, gain in zip(self.suspects, self._gains(), strict=True)}
        enough = _NEARLY * max(gains.values())
        at_hand = {position: gain for position, gain in gains.items() if gain >= enough and position in tested}
        return max(at_hand or gains, key=gains.__getitem__)

    def _gains(self) -> list[float]:
        """Return for each suspect how much one run there is expected to tell about the commit (nats)."""
        fails = accumulate(suspect.probability * suspect.rate for suspect in self.suspects)
        known = accumulate(suspect.probability * _entropy(suspect.rate) for suspect in self.suspects)
        return [_entropy(fail) - left for fail, left in zip(fails, known, strict=True)]

    def after(self, position: int, *, failed: bool) -> Belief:
        """Return the belief after one more run of the commit at ``position``."""
        if failed:
            return _weighed([suspect for suspect in self.suspects if suspect.first <= position], self.failed + 1)
        return _weighed(
            [s._replace(passed=s.passed + 1) if s.last <= position else s for s in self.suspects], self.failed
        )

    def runs_to_decide(self, seed: int) -> int | None:
        """Return how many more runs a decision takes: the median of simulations. None: too many to simulate."""
        rng, work, counts = random.Random(seed), 0, list[int]()
        least = _NEGLIGIBLE * self.answer.probability
        likely = [suspect for suspect in self.suspects if suspect.probability >= least]
        start = _weighed(likely, self.failed)
        for _ in range(_FORECASTS):
            belief, runs = start, 0
            (guilty,) = rng.choices(start.suspects, [suspect.probability for suspect in start.suspects])
            rate = _draw_rate(rng, self.failed, guilty.passed)
            while not belief.is_decided and work < _MAX_FORECAST_WORK:
                position = belief.next_position()
                belief = belief.after(position, failed=position >= guilty.last and rng.random() < rate)
                runs += 1
                work += len(belief.suspects)
            counts.append(runs)
        return None if work >= _MAX_FORECAST_WORK else sorted(counts)[len(counts) // 2]


def belief_of(commits: Sequence[CommitRuns]) -> Belief:
    """Return what the runs of ``commits`` say. The last commit is taken to be testable."""
    failed = sum(runs.failed for runs in commits)
    passed_from = list(accumulate(runs.passed for runs in reversed(commits)))[::-1]
    suspects, first = [], 0
    for position, runs in enumerate(commits):
        if runs.is_testable or position == len(commits) - 1:
            suspects.append(Suspect(first, position, position + 1 - first, passed_from[position]))
            first = position + 1
        if runs.failed:
            break
    return _weighed(suspects, failed)


def _weighed(suspects: Sequence[Suspect], failed: int) -> Belief:
    """Return the belief in which the suspects have their probabilities and rates."""
    evidence = [_evidence(failed, suspect.passed) for suspect in suspects]
    highest = max(logarithm for logarithm, _ in evidence)
    weights = [
        suspect.weight * exp(logarithm - highest) for suspect, (logarithm, _) in zip(suspects, evidence, strict=True)
    ]
    total = sum(weights)
    return Belief(
        tuple(
            suspect._replace(probability=weight / total, rate=rate)
            for suspect, weight, (_, rate) in zip(suspects, weights, evidence, strict=True)
        ),
        failed,
    )


@lru_cache(maxsize=1 << 16)
def _evidence(failed: int, passed: int) -> tuple[float, float]:
    """Return the logarithm of the probability of these runs, over all rates, and the rate that is expected then."""
    logarithms = _log_weights(failed, passed)
    highest = max(logarithms)
    weights = [exp(logarithm - highest) for logarithm in logarithms]
    rates = [(1 + failed) / (1 + b + failed + passed) for b in _RATE_PRIORS]
    total = sum(weights)
    return highest + log(total), sum(w * rate for w, rate in zip(weights, rates, strict=True)) / total


def _log_weights(failed: int, passed: int) -> list[float]:
    """Return for each prior the logarithm of the probability of these runs, up to a constant."""
    return [log(b) + lgamma(1 + failed) + lgamma(b + passed) - lgamma(1 + b + failed + passed) for b in _RATE_PRIORS]


def _draw_rate(rng: random.Random, failed: int, passed: int) -> float:
    """Return a rate, drawn from what these runs say about it."""
    logarithms = _log_weights(failed, passed)
    (b,) = rng.choices(_RATE_PRIORS, [exp(logarithm - max(logarithms)) for logarithm in logarithms])
    return rng.betavariate(1 + failed, b + passed)


def _entropy(probability: float) -> float:
    """Return how much is not known (nats) of an event with this probability."""
    if not 0 < probability < 1:
        return 0.0
    return -probability * log(probability) - (1 - probability) * log(1 - probability)
