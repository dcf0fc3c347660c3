"""The lines of a bisection, folded: each run counts once, and a rotation carries all of them over."""

from __future__ import annotations

from threeam.core.format.entry import Entry, Stamp
from threeam.core.state.fold import State
from threeam.experiments.bisect.bisect_log import Bisection, bisections
from threeam.experiments.bisect.posterior import CommitRuns
from threeam.experiments.run_list import plan_progress
from threeam.experiments.runs.run_numbers import next_run_number
from threeam.projections import FOLD

BY = ("BY", "alice@db1:1")
NOON = 1_795_490_047_000_000_000


def line(second: int, text: str, *tags: tuple[str, str]) -> Entry:
    return Entry(Stamp(NOON + second * 1_000_000_000), 0, (BY, ("VIA", "run"), *tags), text)


def plan(total: int = 40, commits: str = "commits=7") -> Entry:
    return line(0, "Bisect: ./repro", ("R3", f"0/{total}"), ("BISECT", commits), ("FILE", "bisect-1-2.json"))


def run_line(number: int, commit: str, outcome: str, total: int = 40) -> Entry:
    value = f"0123abcd {outcome} exit=1 began={NOON} ns=5 cpu=1 bytes=0"
    return line(number, "Run: 0123abcd", ("R3", f"{number}/{total}"), ("COMMIT", commit), ("RUN", value))


def state_of(*entries: Entry) -> State:
    return FOLD(FOLD.empty_state, entries)


def bisection_of(*entries: Entry) -> Bisection:
    return bisections(state_of(*entries))[3]


def test_the_runs_of_each_commit_are_counted() -> None:
    lines = (run_line(1, "7", "failed"), run_line(2, "3", "passed"), run_line(3, "3", "timed-out"))
    bisection = bisection_of(plan(), *lines, run_line(4, "5 cannot", "inconclusive"))
    assert bisection.commits == {7: CommitRuns(1), 3: CommitRuns(0, 1, 1), 5: CommitRuns(cannot=True)}
    assert (bisection.done, bisection.last, bisection.budget) == (4, 7, 40)
    assert len(bisection.runs()) == 8


def test_a_line_that_is_there_twice_counts_once() -> None:
    first = run_line(1, "7", "failed")
    assert bisection_of(plan(), first, first).commits == {7: CommitRuns(1)}


def test_a_larger_budget_is_that_of_the_last_line() -> None:
    assert bisection_of(plan(), run_line(1, "7", "failed"), run_line(2, "7", "passed", total=90)).budget == 90


def test_a_commit_that_is_not_in_the_plan_is_ignored() -> None:
    assert bisection_of(plan(), run_line(1, "8", "failed"), run_line(2, "x", "failed")).done == 0


def test_a_malformed_plan_is_none() -> None:
    assert not bisections(state_of(plan(commits="commits=0"), run_line(1, "7", "failed")))


def test_a_rotation_carries_all_over() -> None:
    result = line(9, "Bisected: 0123abcd has introduced it", ("R3", "2/40"), ("BISECTED", "p=0.96"))
    before = state_of(plan(), run_line(1, "7", "failed"), run_line(2, "2 cannot", "inconclusive"), result)
    carried = FOLD.checkpoint(before, Stamp(NOON + 10_000_000_000))
    after = FOLD(FOLD.empty_state, carried)
    assert bisections(after) == bisections(before)
    assert bisections(FOLD(before, carried)) == bisections(before)


def test_its_number_is_taken() -> None:
    assert next_run_number(state_of(plan())) == 4


def test_its_progress_stands_at_its_plan() -> None:
    state = state_of(plan(), run_line(1, "7", "failed"), run_line(2, "3", "passed"))
    assert plan_progress(state) == {NOON: "2/40 · 1 failed"}
