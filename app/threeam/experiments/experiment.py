"""What is known of a command that was run, and of an experiment: what became of each of its runs. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from threeam.core.format.clock import MAX_TIE_NS
from threeam.core.format.entry import Author, Stamp
from threeam.experiments.failure_rule import CUT_SHORT, FAILED, INCONCLUSIVE, LOST, OUTCOMES, PASSED, TIMED_OUT

BARE = "bare"  # the arm in which the command is run as it is
MAX_ARMS = 8
MAX_RUNS = 50_000  # of all arms
MAX_DETAILED_RUNS = 200  # runs of an experiment of which more is known than a letter
MAX_SINGLE_RUNS = 500  # commands run by themselves, for no hypothesis, that are remembered
NOT_RUN = "."
# The letter of the first arm's; the next arm's is the next letter. Logs of older versions have no "p" to "w".
_FIRST_OUTCOME_CODES = {PASSED: "a", FAILED: "A", TIMED_OUT: "0", INCONCLUSIVE: "p"}
_PLANNED_COMMAND = re.compile(r"(.*); \d+ runs? ", re.ASCII | re.DOTALL)


class Run(NamedTuple):
    """One run: the how manieth it is (from 1), in which arm, what came of it, and how it ended.

    ``began_ns``: since the epoch. ``ns``, ``cpu_ns``: how long it took, and of a CPU. ``size``: bytes that it printed,
    of which the file ``file`` beside the journal holds what was kept; empty: nothing.
    """

    number: int
    arm: str
    outcome: str
    exit_code: int
    began_ns: int
    duration_ns: int
    cpu_ns: int
    output_bytes: int
    file: str = ""
    stamp: Stamp = Stamp(0)


class ArmUsage(NamedTuple):
    """What the runs of an arm took together."""

    runs: int = 0
    ns: int = 0
    cpu_ns: int = 0


class Counts(NamedTuple):
    """What came of an arm's runs."""

    failed: int = 0
    passed: int = 0
    timed_out: int = 0
    inconclusive: int = 0

    @property
    def total(self) -> int:
        """All runs, whatever came of them."""
        return self.failed + self.passed + self.timed_out + self.inconclusive

    @property
    def conclusive(self) -> int:
        """The runs that count for the rate: those that failed or passed."""
        return self.failed + self.passed


class LogPoint(NamedTuple):
    """Where a line stands among the others, and its stamp (ns); see `Entry.position`."""

    position: int
    ns: int


class MidwayChange(NamedTuple):
    """Something was changed while an experiment was not done: ``first`` is the first run that began after it.

    0: no run has. Runs are made in the order of their numbers, so this says of each failure whether it came before.
    """

    position: int
    ns: int
    first_run_after: int = 0


def has_begun_after(run: Run, run_point: LogPoint, change: LogPoint) -> bool:
    """Return whether ``run``, which is logged in ``run_point``, began after ``change``.

    If the clock was stepped back, readings from before and after the step cannot be compared. The lag of a line
    (position - ns) grows with each step back, so two lines with another lag have a step between them. The duration of a
    run is measured by a clock that is never stepped, so a run that seems to end after its line began before a step.
    """
    if run_point.position < change.position:
        return False
    stepped_since_change = run_point.position - run_point.ns > change.position - change.ns
    stepped_since_begin = run.began_ns + run.duration_ns > run_point.ns + MAX_TIE_NS
    if stepped_since_change != stepped_since_begin:  # the step is between the two events, and tells their order
        return stepped_since_change
    return run.began_ns > change.ns


class Experiment(NamedTuple):
    """A command, and all of its runs; ``seed`` None: it was run once, by itself.

    ``same``: the fingerprint of its identity; two experiments are the same if theirs are equal. ``identity``: that
    identity as its line holds it; empty in a line of an older version. ``wrappers``: for each arm the fingerprint of
    the words before the command. ``letters``: one for each run, in their order: whose it was and what came of it.
    ``kept``: those of which more is known. ``last``: when the last one was written. ``order``, ``last_order``: the
    positions of the first line and of the last (`Entry.position`); None: the stamp is the position. ``cuts``: what was
    changed before the last run was made.
    """

    number: int
    stamp: Stamp
    author: Author | None
    hypothesis: int | None
    n: int
    seed: int | None
    arms: tuple[str, ...]
    fingerprint: str
    text: str
    file: str
    outcome_codes: str
    arm_usage: tuple[ArmUsage, ...]
    detailed_runs: tuple[Run, ...]
    last_stamp: Stamp
    verdict: str = ""
    verdict_stamp: Stamp | None = None
    identity: str = ""
    wrapper_fingerprints: tuple[str, ...] = ()
    first_position: int | None = None
    last_position: int | None = None
    midway_changes: tuple[MidwayChange, ...] = ()

    def wrapper_fingerprint(self, arm: str) -> str:
        """Return the fingerprint of the wrapper of ``arm``; empty if an older version wrote the experiment."""
        return self.wrapper_fingerprints[self.arms.index(arm)] if self.wrapper_fingerprints else ""

    @property
    def first_point(self) -> LogPoint:
        """Return the place of its first line."""
        return LogPoint(self.stamp.ns if self.first_position is None else self.first_position, self.stamp.ns)

    @property
    def last_point(self) -> LogPoint:
        """Return the place of its last line."""
        return LogPoint(self.last_stamp.ns if self.last_position is None else self.last_position, self.last_stamp.ns)

    def began_position(self, changes: Iterable[LogPoint]) -> int:
        """Return a position that is at or after each of ``changes`` made before the first run began, and before others.

        A plan is logged before its first run. A single run is logged after its end, so each change is compared with it.
        """
        if self.seed is not None:
            return self.first_point.position
        return max((change.position for change in changes if self.is_after(change)), default=0)

    def is_after(self, change: LogPoint) -> bool:
        """Return whether all of its runs began after ``change``."""
        if self.seed is not None:
            return self.first_point.position > change.position
        return has_begun_after(self.detailed_runs[0], self.first_point, change)

    def count_failed_since(self, change: LogPoint) -> int:
        """Return how many runs failed that began after ``change``, of an experiment that went on while it was made."""
        if self.seed is None:
            return sum(run.outcome == FAILED for run in self.detailed_runs) if self.is_after(change) else 0
        cut = next((cut for cut in self.midway_changes if cut.position == change.position), None)
        if cut is None:  # an older version carried it over, and said of the kept runs alone when they began
            return sum(run.outcome == FAILED and run.began_ns > change.ns for run in self.detailed_runs)
        failed = {outcome_code(i, FAILED) for i in range(len(self.arms))}
        return (
            sum(letter in failed for letter in self.outcome_codes[cut.first_run_after - 1 :])
            if cut.first_run_after
            else 0
        )

    @property
    def interrupted_run(self) -> Run | None:
        """Return the run that was cut short or lost when the plan was ended, if it has not been made again."""
        return (
            next((run for run in self.detailed_runs if run.outcome in (CUT_SHORT, LOST)), None)
            if self.remaining
            else None
        )

    @property
    def name(self) -> str:
        """``R12``."""
        return f"R{self.number}"

    @property
    def total(self) -> int:
        """Runs of all arms."""
        return len(self.outcome_codes)

    @property
    def remaining(self) -> list[int]:
        """Which of them have still to be made: none of a command by itself, which was cut short for good."""
        return [] if self.seed is None else [i for i, letter in enumerate(self.outcome_codes, 1) if letter == NOT_RUN]

    @property
    def done_count(self) -> int:
        """How many have been made."""
        return self.total - self.outcome_codes.count(NOT_RUN)

    @property
    def command(self) -> str:
        """What was run, as its line says."""
        if self.seed is None:
            return self.text.partition(": ")[2]
        found = _PLANNED_COMMAND.match(self.text)
        return found[1] if found else self.text

    def counts(self) -> dict[str, Counts]:
        """What came of the runs of each arm."""
        found = Counter(self.outcome_codes)
        return {
            arm: Counts(*(found[outcome_code(i, outcome)] for outcome in (FAILED, PASSED, TIMED_OUT, INCONCLUSIVE)))
            for i, arm in enumerate(self.arms)
        }

    def outcomes(self, arm: str) -> list[str]:
        """What came of its runs, in their order."""
        known = {outcome_code(self.arms.index(arm), outcome): outcome for outcome in OUTCOMES}
        return [known[letter] for letter in self.outcome_codes if letter in known]


def outcome_code(arm_index: int, outcome: str) -> str:
    """How a run of the ``arm_index``-th arm is noted; `NOT_RUN` for one that came to nothing."""
    return chr(ord(_FIRST_OUTCOME_CODES[outcome]) + arm_index) if outcome in _FIRST_OUTCOME_CODES else NOT_RUN
