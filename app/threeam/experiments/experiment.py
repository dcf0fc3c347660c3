"""The facts about a run and about an experiment, as they are folded from the log. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from threeam.core.format.clock import MAX_TIE_NS
from threeam.core.format.entry import Author, Stamp
from threeam.core.format.remote_hypothesis import Bound
from threeam.experiments.failure_rule import CUT_SHORT, FAILED, INCONCLUSIVE, LOST, OUTCOMES, PASSED, TIMED_OUT
from threeam.experiments.statistics.stats import alpha_of_repeat

BARE = "bare"  # the arm without a wrapper
MAX_ARMS = 8
MAX_RUNS = 50_000  # of all arms of an experiment
MAX_DETAILED_RUNS = 200  # runs of an experiment for which more is remembered than the outcome
MAX_SAVED_OF_KIND = 5  # of each kind of failure, whatever else is remembered
MAX_SINGLE_RUNS = 500  # remembered single runs that are bound to no hypothesis
NOT_RUN = "."
NO_KIND = "."
# The code of an outcome in the first arm; the next arm has the next letter. Old logs have no "p" to "w".
_FIRST_OUTCOME_CODES = {PASSED: "a", FAILED: "A", TIMED_OUT: "0", INCONCLUSIVE: "p"}
_PLANNED_COMMAND = re.compile(r"(.*); \d+ runs? ", re.ASCII | re.DOTALL)


class Run(NamedTuple):
    """One run: its index in the experiment (from 1), its arm, its outcome and its exit code.

    ``began_ns``: since the epoch, on a clock that may be stepped. ``duration_ns``: on one that is never stepped.
    ``output_bytes``: how much it printed. ``file``: the attachment with the saved output; empty: nothing was saved.
    ``kind``: the letter of its kind of failure; empty: it passed, or an older version made it.
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
    kind: str = ""


class FailureKind(NamedTuple):
    """A kind of failure: runs that ended in the same way (`threeam.experiments.kinds.failure_kinds`).

    ``letter``: its name in the experiments of a hypothesis. ``id``: a hash, the same in all of these experiments.
    """

    letter: str
    id: str
    description: str


class KindInExperiment(NamedTuple):
    """A kind of failure in an experiment: the number of its first run there, and the stamp of its line."""

    kind: FailureKind
    first_run: int
    stamp: Stamp


class MadeRun(NamedTuple):
    """The part of a run that is remembered of every run that was made.

    ``kind``: the letter of its kind of failure; empty: it passed, or an older version made it.
    """

    number: int
    arm: str
    outcome: str
    kind: str


class Recount(NamedTuple):
    """The runs that count in another way if only one kind of failure is asked about, by their numbers.

    ``failed``: those of this kind; a time-out of it is a failure, too. ``excluded``: they failed in another kind, so
    they neither failed nor passed.
    """

    failed: frozenset[int] = frozenset()
    excluded: frozenset[int] = frozenset()


_NO_RECOUNT = Recount()


class ArmUsage(NamedTuple):
    """The sums over the runs of an arm: how many, their durations, and their CPU times (ns)."""

    runs: int = 0
    ns: int = 0
    cpu_ns: int = 0


class Counts(NamedTuple):
    """The number of runs of an arm for each outcome."""

    failed: int = 0
    passed: int = 0
    timed_out: int = 0
    inconclusive: int = 0

    @property
    def total(self) -> int:
        """Return the number of runs, whatever their outcomes."""
        return self.failed + self.passed + self.timed_out + self.inconclusive

    @property
    def conclusive(self) -> int:
        """Return the number of runs that count for the rate: those that failed or passed."""
        return self.failed + self.passed


class LogPoint(NamedTuple):
    """The position of a line (`Entry.position`) and its stamp (ns)."""

    position: int
    ns: int


class MidwayChange(NamedTuple):
    """A change that was made while an experiment had remaining runs: the position and the stamp (ns) of its line.

    ``first_run_after``: the number of the first run that began after it; 0: none has. Runs are made in the order of
    their numbers, so this tells for each failure whether it came before the change.
    """

    position: int
    ns: int
    first_run_after: int = 0


class RunRecord(NamedTuple):
    """The facts that are remembered of all runs of an experiment. A rotation repeats them in its plan line.

    ``outcome_codes``: one character per run, for its arm and outcome, or `NOT_RUN`. ``usage``: the sums of each arm.
    ``last_stamp``: of the line of the last run. ``last_position``: of that line (`Entry.position`); None: equal to the
    stamp. ``midway_changes``: changes that were made before the last run. ``kind_letters``: for each run the letter of
    its kind of failure, or `NO_KIND`; empty: no run has one.
    """

    outcome_codes: str
    usage: tuple[ArmUsage, ...]
    last_stamp: Stamp
    last_position: int | None = None
    midway_changes: tuple[MidwayChange, ...] = ()
    kind_letters: str = ""


class Verdict(NamedTuple):
    """The verdict on an experiment, as its line has it. ``stopped``: where it stopped early; empty: it did not."""

    text: str
    stamp: Stamp
    stopped: str = ""


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
    """A command and all of its runs; ``seed`` None: a single run, without a plan.

    ``fingerprint``: the hash of its identity; experiments with equal fingerprints are the same. ``identity``: the value
    of its identity tag. ``build``: that of its build tag. ``wrapper_fingerprints``: for each arm the hash of the words
    before the command. All three are empty in old logs. ``record``: all runs so far; ``detailed_runs``: those of which
    more is remembered. ``first_position``: of the first line (`Entry.position`); None: equal to the stamp. ``nth``: 8
    if it is the 8th with this plan. ``stop``: the rule by which it may stop early (`experiments.verdicts.stopping`).
    ``verdict``: None: it has none yet. ``kinds``: the kinds of failure, in the order of their letters. ``recount``: the
    runs that count in another way than they were logged.
    """

    number: int
    stamp: Stamp
    author: Author | None
    hypothesis: Bound | None
    n: int
    seed: int | None
    arms: tuple[str, ...]
    fingerprint: str
    text: str
    file: str
    record: RunRecord
    detailed_runs: tuple[Run, ...]
    verdict: Verdict | None = None
    identity: str = ""
    build: str = ""
    wrapper_fingerprints: tuple[str, ...] = ()
    first_position: int | None = None
    nth: int = 1
    stop: str = ""
    kinds: tuple[KindInExperiment, ...] = ()
    recount: Recount = _NO_RECOUNT

    def wrapper_fingerprint(self, arm: str) -> str:
        """Return the fingerprint of the wrapper of ``arm``; empty if an older version wrote the experiment."""
        return self.wrapper_fingerprints[self.arms.index(arm)] if self.wrapper_fingerprints else ""

    @property
    def stopped(self) -> str:
        """Return where it stopped early, as its verdict says; empty: it did not."""
        return "" if self.verdict is None else self.verdict.stopped

    @property
    def alpha(self) -> float:
        """Return the accepted probability of a false positive. It is less in a repeat of the plan."""
        return alpha_of_repeat(self.nth)

    @property
    def first_point(self) -> LogPoint:
        """Return the position and the stamp of its first line."""
        return LogPoint(self.stamp.ns if self.first_position is None else self.first_position, self.stamp.ns)

    @property
    def last_point(self) -> LogPoint:
        """Return the position and the stamp of its last line."""
        stamp, position = self.record.last_stamp, self.record.last_position
        return LogPoint(stamp.ns if position is None else position, stamp.ns)

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

    def first_run_since(self, change: LogPoint) -> int:
        """Return the number of the first run that began after ``change``; more than `total` if none has."""
        if self.is_after(change):
            return 1
        midway = next((midway for midway in self.record.midway_changes if midway.position == change.position), None)
        if midway is not None:
            return midway.first_run_after or self.total + 1
        numbers = []
        # An older version carried the experiment over, and told only of detailed runs when they began.
        if self.seed is not None and self.last_point.position > change.position:
            numbers = [run.number for run in self.detailed_runs if run.began_ns > change.ns]
        return min(numbers, default=self.total + 1)

    def count_failed_since(self, change: LogPoint) -> int:
        """Return how many of the runs that began after ``change`` failed."""
        first = self.first_run_since(change)
        return sum(run.outcome == FAILED and run.number >= first for run in self.made_runs())

    @property
    def interrupted_run(self) -> Run | None:
        """Return the run that was interrupted or lost when the plan was ended, if it has not been made again."""
        if not self.remaining:
            return None
        return next((run for run in self.detailed_runs if run.outcome in (CUT_SHORT, LOST)), None)

    @property
    def name(self) -> str:
        """Return ``R12``."""
        return f"R{self.number}"

    @property
    def total(self) -> int:
        """Return the number of planned runs, of all arms."""
        return len(self.record.outcome_codes)

    @property
    def remaining(self) -> list[int]:
        """Return the numbers of the runs that are not made. A single run is never made again.

        If it may stop early, some of them are not needed, and after its verdict none of them.
        """
        if self.seed is None or self.stopped:
            return []
        return [i for i, code in enumerate(self.record.outcome_codes, 1) if code == NOT_RUN]

    @property
    def done_count(self) -> int:
        """Return the number of runs that were made."""
        return self.total - self.record.outcome_codes.count(NOT_RUN)

    @property
    def command(self) -> str:
        """Return the command, as its line has it."""
        if self.seed is None:
            return self.text.partition(": ")[2]
        match = _PLANNED_COMMAND.match(self.text)
        return match[1] if match else self.text

    def made_runs(self) -> Iterator[MadeRun]:
        """Yield the runs that were made and count, in the order of their numbers."""
        known = {outcome_code(i, outcome): (arm, outcome) for i, arm in enumerate(self.arms) for outcome in OUTCOMES}
        letters = self.record.kind_letters or NO_KIND * self.total
        failed, excluded = self.recount
        for number, (code, letter) in enumerate(zip(self.record.outcome_codes, letters, strict=True), 1):
            if code in known and number not in excluded:
                arm, outcome = known[code]
                yield MadeRun(number, arm, FAILED if number in failed else outcome, letter.strip(NO_KIND))

    def counts(self) -> dict[str, Counts]:
        """Return the counts of each arm, in the order of the arms."""
        made: Mapping[tuple[str, str], int]
        if self.recount == _NO_RECOUNT:  # thirty times as fast as the loop over the runs: the screen counts often
            by_code = Counter(self.record.outcome_codes)
            ends = [(i, arm, outcome) for i, arm in enumerate(self.arms) for outcome in OUTCOMES]
            made = {(arm, outcome): by_code[outcome_code(i, outcome)] for i, arm, outcome in ends}
        else:
            made = Counter((run.arm, run.outcome) for run in self.made_runs())
        return {
            arm: Counts(*(made[arm, outcome] for outcome in (FAILED, PASSED, TIMED_OUT, INCONCLUSIVE)))
            for arm in self.arms
        }


def outcome_code(arm_index: int, outcome: str) -> str:
    """Return the character for a run of the arm at ``arm_index``; `NOT_RUN` for an interrupted or lost run."""
    return chr(ord(_FIRST_OUTCOME_CODES[outcome]) + arm_index) if outcome in _FIRST_OUTCOME_CODES else NOT_RUN
