"""Two hosts whose clocks disagree, and what they log about requests from one to the other; the truth is known."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple

from support.lines import NIGHT
from threeam.timeline.instant import Timestamp

SECOND = 10**9


class HostClock(NamedTuple):
    """A clock that was wrong by ``skew_ns`` at `NIGHT`, and drifts."""

    skew_ns: int = 0
    drift_ppb: int = 0

    def at(self, true_ns: int) -> int:
        return true_ns + self.skew_ns + (true_ns - NIGHT.ns) * self.drift_ppb // 10**9


class TrueLine(NamedTuple):
    """A line, its stamp, and the true time of what it is about."""

    raw: bytes
    stamp: Timestamp
    true_ns: int


class TwoLogs(NamedTuple):
    """The logs of the caller A and of the called B, in the order in which they were written.

    ``lines_at_a``: of a request with an answer.
    """

    a: list[TrueLine]
    b: list[TrueLine]
    clock_a: HostClock
    clock_b: HostClock
    lines_at_a: int

    def true_shift_ns(self, true_ns: int) -> int:
        """Return what must be added to B's clock at a moment to get A's."""
        return self.clock_a.at(true_ns) - self.clock_b.at(true_ns)


def pairs_of(lines: Sequence[TrueLine]) -> list[tuple[bytes, Timestamp]]:
    return [(line.raw, line.stamp) for line in lines]


def simulate(seed: int, *, requests: int = 0, drift_ppb: int | None = None, answers: bool = True) -> TwoLogs:
    """Return logs of concurrent requests with random delays, resolutions, lost lines and files cut at both ends."""
    dice = random.Random(seed)
    requests = requests or dice.choice([1, 3, 20, 60, 500])
    drift = dice.choice([0, 20_000, -20_000, 99_000, -99_000]) if drift_ppb is None else drift_ppb
    clock_a = HostClock(dice.randint(-(10**8), 10**8))
    clock_b = HostClock(dice.choice([3_200_000, -3_600 * SECOND, dice.randint(-(10**10), 10**10)]), drift)
    unit_a, unit_b = dice.choice([1, 1000, 10**6, SECOND]), dice.choice([1, 1000, 10**6, SECOND])
    pause_ns = dice.choice([10**6, 10**8, SECOND, 60 * SECOND])
    delay_ns = dice.choice([10**4, 10**6, 10**8])
    extra_lines = dice.choice([0, 0, 2])
    a: list[TrueLine] = []
    b: list[TrueLine] = []

    def delay() -> int:
        return round(dice.expovariate(1 / delay_ns)) + dice.choice([0, 0, delay_ns])

    def logged(log: list[TrueLine], clock: HostClock, unit: int, number: int, true_ns: int, word: str) -> None:
        ns = clock.at(true_ns) // unit * unit
        log.append(TrueLine(f"{word} req={number} x".encode(), Timestamp(ns, unit), true_ns))

    now = NIGHT.ns
    for number in range(requests):
        now += round(dice.expovariate(1 / pause_ns))
        moment = now
        logged(a, clock_a, unit_a, number, moment, "call")
        moment += delay()
        logged(b, clock_b, unit_b, number, moment, "called")
        moment += delay()
        for extra in range(extra_lines):
            logged(b, clock_b, unit_b, number, moment + extra * delay(), "working")  # also after the answer
        moment += delay()
        if not answers or dice.random() < 0.05:  # no answer
            continue
        for _ in range(extra_lines):
            logged(a, clock_a, unit_a, number, moment, "answer")
            moment += delay()
        logged(a, clock_a, unit_a, number, moment, "answered")
    for log in (a, b):
        log.sort(key=lambda line: line.true_ns)
        if len(log) > 10 and dice.random() < 0.5:  # the file was rotated, and the last lines are not flushed yet
            del log[: dice.randrange(5)], log[len(log) - dice.randrange(5) :]
    return TwoLogs(a, b, clock_a, clock_b, 2 + extra_lines)
