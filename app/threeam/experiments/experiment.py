"""What is known of a command that was run, and of an experiment: what became of each of its runs. Pure."""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

from threeam.core.format.entry import Author, Stamp
from threeam.experiments.failure_rule import CUT, FAILED, INCONCLUSIVE, LOST, OUTCOMES, PASSED, TIMED_OUT

BARE = "bare"  # the arm in which the command is run as it is
MOST_ARMS = 8
MOST_RUNS = 50_000  # of all arms
KEPT = 200  # runs of an experiment of which more is known than a letter
MOST_ONCE = 500  # commands run by themselves, for no hypothesis, that are remembered
NOT_RUN = "."
# The letter of the first arm's; the next arm's is the next letter. Logs of older versions have no "p" to "w".
_FIRST = {PASSED: "a", FAILED: "A", TIMED_OUT: "0", INCONCLUSIVE: "p"}
_COMMAND = re.compile(r"(.*); \d+ runs? ", re.ASCII | re.DOTALL)


class Run(NamedTuple):
    """One run: the how manieth it is (from 1), in which arm, what came of it, and how it ended.

    ``began_ns``: since the epoch. ``ns``, ``cpu_ns``: how long it took, and of a CPU. ``size``: bytes that it printed,
    of which the file ``file`` beside the journal holds what was kept; empty: nothing.
    """

    number: int
    arm: str
    outcome: str
    code: int
    began_ns: int
    ns: int
    cpu_ns: int
    size: int
    file: str = ""
    at: Stamp = Stamp(0)


class Spent(NamedTuple):
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
    def made(self) -> int:
        """All runs, whatever came of them."""
        return self.failed + self.passed + self.timed_out + self.inconclusive

    @property
    def ended(self) -> int:
        """The runs that count for the rate: those that failed or passed."""
        return self.failed + self.passed


class Place(NamedTuple):
    """Where a line stands among the others, and its stamp (ns); see `Entry.position`."""

    position: int
    ns: int


class Cut(NamedTuple):
    """Something was changed while an experiment was not done: ``first`` is the first run that began after it.

    0: no run has. Runs are made in the order of their numbers, so this says of each failure whether it came before.
    """

    position: int
    ns: int
    first: int = 0


def began_after(began_ns: int, line: Place, change: Place) -> bool:
    """Return whether a run that began at ``began_ns``, and is told of in ``line``, began after ``change``.

    If the clock was stepped back between the two lines, its reading says nothing, and the order of the lines does.
    """
    if line.position < change.position:
        return False
    stepped_back = line.position - line.ns > change.position - change.ns
    return stepped_back or began_ns > change.ns


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
    at: Stamp
    by: Author | None
    hypothesis: int | None
    n: int
    seed: int | None
    arms: tuple[str, ...]
    same: str
    text: str
    file: str
    letters: str
    spent: tuple[Spent, ...]
    kept: tuple[Run, ...]
    last: Stamp
    verdict: str = ""
    verdict_at: Stamp | None = None
    identity: str = ""
    wrappers: tuple[str, ...] = ()
    order: int | None = None
    last_order: int | None = None
    cuts: tuple[Cut, ...] = ()

    def wrapper(self, arm: str) -> str:
        """Return the fingerprint of the wrapper of ``arm``; empty if an older version wrote the experiment."""
        return self.wrappers[self.arms.index(arm)] if self.wrappers else ""

    @property
    def place(self) -> Place:
        """Return the place of its first line."""
        return Place(self.at.ns if self.order is None else self.order, self.at.ns)

    @property
    def last_place(self) -> Place:
        """Return the place of its last line."""
        return Place(self.last.ns if self.last_order is None else self.last_order, self.last.ns)

    @property
    def began(self) -> int:
        """Return the position at which the first run began: the line of a command that was run once follows its end."""
        place = self.place
        return place.position if self.seed is not None else place.position - max(0, place.ns - self.kept[0].began_ns)

    def is_after(self, change: Place) -> bool:
        """Return whether all of its runs began after ``change``."""
        if self.seed is not None:
            return self.place.position > change.position
        return began_after(self.kept[0].began_ns, self.place, change)

    def failed_since(self, change: Place) -> int:
        """Return how many runs failed that began after ``change``, of an experiment that went on while it was made."""
        cut = next((cut for cut in self.cuts if cut.position == change.position), None)
        if cut is None:  # an older version carried it over, and said of the kept runs alone when they began
            return sum(run.outcome == FAILED and run.began_ns > change.ns for run in self.kept)
        failed = {letter_of(i, FAILED) for i in range(len(self.arms))}
        return sum(letter in failed for letter in self.letters[cut.first - 1 :]) if cut.first else 0

    @property
    def interrupted(self) -> Run | None:
        """Return the run that was cut short or lost when the plan was ended, if it has not been made again."""
        return next((run for run in self.kept if run.outcome in (CUT, LOST)), None) if self.left else None

    @property
    def name(self) -> str:
        """``R12``."""
        return f"R{self.number}"

    @property
    def total(self) -> int:
        """Runs of all arms."""
        return len(self.letters)

    @property
    def left(self) -> list[int]:
        """Which of them have still to be made: none of a command by itself, which was cut short for good."""
        return [] if self.seed is None else [i for i, letter in enumerate(self.letters, 1) if letter == NOT_RUN]

    @property
    def done(self) -> int:
        """How many have been made."""
        return self.total - self.letters.count(NOT_RUN)

    @property
    def command(self) -> str:
        """What was run, as its line says."""
        if self.seed is None:
            return self.text.partition(": ")[2]
        found = _COMMAND.match(self.text)
        return found[1] if found else self.text

    def counts(self) -> dict[str, Counts]:
        """What came of the runs of each arm."""
        found = Counter(self.letters)
        return {
            arm: Counts(*(found[letter_of(i, outcome)] for outcome in (FAILED, PASSED, TIMED_OUT, INCONCLUSIVE)))
            for i, arm in enumerate(self.arms)
        }

    def outcomes(self, arm: str) -> list[str]:
        """What came of its runs, in their order."""
        known = {letter_of(self.arms.index(arm), outcome): outcome for outcome in OUTCOMES}
        return [known[letter] for letter in self.letters if letter in known]


def letter_of(arm: int, outcome: str) -> str:
    """How a run of the ``arm``-th arm is noted; `NOT_RUN` for one that came to nothing."""
    return chr(ord(_FIRST[outcome]) + arm) if outcome in _FIRST else NOT_RUN
