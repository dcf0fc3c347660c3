"""The projection of bisections: a plan line, a line for each run of a commit, and a result line.

A bisection has a number like an experiment, R12. The line of a run names its commit in place of an arm.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from threeam.core.format.entry import Author, Entry, Stamp, by_tag
from threeam.core.format.remote_hypothesis import Bound, bound_to, repeated_bound_tags
from threeam.core.state.fold import Projection, State
from threeam.experiments.bisect.posterior import CommitRuns
from threeam.experiments.failure_rule import FAILED, PASSED
from threeam.experiments.runs.run_numbers import BISECTION, require_run_number
from threeam.experiments.runs.run_tags import index_tag, parse_index, run_from_entry

MAX_COMMITS = 100_000
CANNOT = "cannot"  # after the position in the tag COMMIT: the commit cannot be tested
_COMMIT_VALUE = re.compile(rf"(\d{{1,6}})( {CANNOT})?", re.ASCII)
_PLANNED_COMMAND = re.compile(r"(.*); (?:1 commit|\d+ commits) after ", re.ASCII | re.DOTALL)
_COMMIT_COUNT = re.compile(r"commits=(\d{1,6})\Z", re.ASCII)
_TALLY_WORD = re.compile(r"(\d{1,6}):(\d{1,9})/(\d{1,9})/(\d{1,9})(x?)", re.ASCII)


class Bisection(NamedTuple):
    """A bisection: ``last`` is the position of its bad commit, ``commits`` the runs of each commit by its position.

    ``budget``: how many runs it may have. ``file``: the plan file's name. ``result``: the text of its result line.
    """

    number: int
    stamp: Stamp
    author: Author | None
    hypothesis: Bound | None
    text: str
    last: int
    budget: int
    file: str
    done: int = 0
    commits: Mapping[int, CommitRuns] = {}
    result: str = ""
    result_stamp: Stamp | None = None

    @property
    def name(self) -> str:
        """Return ``R12``."""
        return f"R{self.number}"

    @property
    def command(self) -> str:
        """Return the command, as its line has it."""
        match = _PLANNED_COMMAND.match(self.text)
        return match[1] if match else self.text

    def runs(self) -> list[CommitRuns]:
        """Return the runs of every commit, in the order of the positions."""
        return [self.commits.get(position, CommitRuns()) for position in range(self.last + 1)]


def bisections(state: State) -> Mapping[int, Bisection]:
    """Return the bisections by number."""
    return PROJECTION.of(state)


def require_bisection(state: State, name: str) -> Bisection:
    """Return the bisection that is called ``R12``, ``r12`` or ``12``. Raise `PreconditionFailed` if missing."""
    return bisections(state)[require_run_number(state, BISECTION, name)]


def count_run(runs: CommitRuns, outcome: str, *, cannot: bool) -> CommitRuns:
    """Return ``runs`` with one more of this outcome."""
    if cannot:
        return runs._replace(cannot=True)
    if outcome == FAILED:
        return runs._replace(failed=runs.failed + 1)
    if outcome == PASSED:
        return runs._replace(passed=runs.passed + 1)
    return runs._replace(inconclusive=runs.inconclusive + 1)


def _fold(current: Mapping[int, Bisection], entries: Sequence[Entry]) -> Mapping[int, Bisection]:
    updated: dict[int, Bisection] = {}
    for entry in entries:
        index = parse_index(entry)
        if index is None:
            continue
        known = updated.get(index.experiment) or current.get(index.experiment)
        if entry.kind == "Bisect" and (known is None or entry.carried_from is not None):
            planned = _planned(index.experiment, index.run, index.total, entry)
            if planned is not None:
                updated[planned.number] = planned
        elif known is None:
            continue
        elif entry.kind == "Run" and (step := _COMMIT_VALUE.fullmatch(entry.tag("COMMIT") or "")):
            run, position = run_from_entry(index.run, entry), int(step[1])
            # Runs are numbered in their order, so each is counted once.
            if run is not None and run.number > known.done and position <= known.last:
                runs = count_run(known.commits.get(position, CommitRuns()), run.outcome, cannot=bool(step[2]))
                commits = {**known.commits, position: runs}
                updated[known.number] = known._replace(done=run.number, budget=index.total, commits=commits)
        elif entry.kind == "Bisected":
            updated[known.number] = known._replace(
                result=entry.body, result_stamp=entry.effective_stamp, budget=index.total
            )
    return {**current, **updated} if updated else current


def _planned(number: int, done: int, budget: int, entry: Entry) -> Bisection | None:
    """Return the bisection of a plan line, with the runs that a rotation has added; None if it is malformed."""
    count = _COMMIT_COUNT.match(entry.tag("BISECT") or "")
    if count is None or not 1 <= int(count[1]) <= MAX_COMMITS:
        return None
    commits = {}
    for word in (entry.tag("TALLY") or "").split():
        if (match := _TALLY_WORD.fullmatch(word)) is None:
            return None
        position, failed, passed, inconclusive = map(int, match.groups()[:4])
        commits[position] = CommitRuns(failed, passed, inconclusive, bool(match[5]))
    file = entry.tag("FILE") or ""
    stamp, author = entry.effective_stamp, entry.author
    return Bisection(number, stamp, author, bound_to(entry), entry.body, int(count[1]), budget, file, done, commits)


def _checkpoint(current: Mapping[int, Bisection]) -> Iterator[Entry]:
    for bisection in current.values():
        bound = repeated_bound_tags(bisection.hypothesis, "run")
        leading = (*by_tag(bisection.author), index_tag(bisection.number, bisection.done, bisection.budget), *bound)
        tally = " ".join(
            f"{position}:{runs.failed}/{runs.passed}/{runs.inconclusive}{'x' if runs.cannot else ''}"
            for position, runs in bisection.commits.items()
        )
        plan = (
            ("BISECT", f"commits={bisection.last}"),
            ("FILE", bisection.file),
            *([("TALLY", tally)] if tally else []),
        )
        yield Entry(bisection.stamp, 0, (*leading, *plan), f"Bisect: {bisection.text}")
        if bisection.result_stamp is not None:
            tags = (*leading, ("BISECTED", "carried"))
            yield Entry(bisection.result_stamp, 0, tags, f"Bisected: {bisection.result}")


PROJECTION: Projection[Mapping[int, Bisection]] = Projection(
    BISECTION.projection, ("BISECT", "BISECTED"), {}, _fold, _checkpoint
)
