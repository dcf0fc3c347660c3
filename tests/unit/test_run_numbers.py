"""The numbers R1, R2, … that experiments, searches and bisections share: their names, the next one, refusals."""

from __future__ import annotations

import pytest

from support.commands import Run, refused
from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import Entry, Stamp
from threeam.core.state.fold import State
from threeam.experiments.bisect.bisect_log import bisections, require_bisection
from threeam.experiments.provoke.search import find_search, require_search, searches_by_number
from threeam.experiments.run_citation import cite_run
from threeam.experiments.runs.run_log import experiments_by_number, require_experiment
from threeam.experiments.runs.run_numbers import SORTS, next_run_number, parse_run_number
from threeam.projections import FOLD

NOT_NAMES = ("", "R", "R１", "１", "R-1", "R+1", "R1_0", " R1", "R1\n", "RR1", "x", "R" + "9" * 5000, "9" * 5000)


def plan(number: int, kind: str, *tags: tuple[str, str]) -> Entry:
    return Entry(Stamp(number * 1_000_000_000), 0, ((f"R{number}", "0/9"), *tags, ("FILE", "plan.json")), f"{kind}: x")


NIGHT = (
    plan(2, "Plan", ("PLAN", "n=9 seed=1 arms=bare same=x")),
    plan(3, "Plan", ("PLAN", "search rounds=3 seed=1 budget=46 limit=0 same=x arms=bare,delay:mkdir=20ms,pin")),
    plan(5, "Bisect", ("BISECT", "commits=2")),
)


@pytest.fixture
def state() -> State:
    return FOLD(FOLD.empty_state, NIGHT)


@pytest.mark.parametrize(("name", "number"), [("R12", 12), ("r12", 12), ("12", 12), ("R0", 0), ("R007", 7)])
def test_a_name_is_a_number_with_or_without_its_letter(name: str, number: int) -> None:
    assert parse_run_number(name) == number


@pytest.mark.parametrize("name", NOT_NAMES, ids=lambda name: repr(name)[:9])
def test_what_is_not_a_name_is_refused_by_all_sorts(state: State, name: str) -> None:
    assert parse_run_number(name) is None
    assert find_search(state, name) is None
    for require in (require_experiment, require_search, require_bisection):
        with pytest.raises(PreconditionFailed, match=r"there is no (run|search|bisection) "):
            require(state, name)
    assert name.strip() != name or cite_run(state, name) == name


def test_each_sort_finds_its_own_and_names_the_command_for_the_others(state: State) -> None:
    found = (experiments_by_number(state), searches_by_number(state), bisections(state))
    assert [sort.numbers(state) for sort in SORTS] == [set(by_number) for by_number in found] == [{2}, {3}, {5}]
    assert next_run_number(state) == 6
    assert require_experiment(state, "R2").number == 2
    for name, refusal in (
        ("R0", "there is no run R0: the last is R2"),
        ("R3", "R3 is a search: 3am run --report R3 shows it"),
        ("05", "R5 is a bisection: 3am bisect --report R5 shows it"),
    ):
        with pytest.raises(PreconditionFailed) as refused_name:
            require_experiment(state, name)
        assert str(refused_name.value) == refusal
    with pytest.raises(PreconditionFailed, match="R2 is a run: 3am run --report R2 shows it"):
        require_bisection(state, "R2")
    with pytest.raises(PreconditionFailed, match="there is no bisection R1: none was made so far"):
        require_bisection(FOLD.empty_state, "R1")


@pytest.mark.parametrize("words", [("run", "--report"), ("bisect", "--report"), ("provoke", "--budget")])
def test_a_number_of_many_digits_is_a_sentence(log: object, run: Run, words: tuple[str, str]) -> None:
    run("log", "-q", "a journal")
    command = ("--", "true") if words[0] == "provoke" else ()
    assert "9999" in refused(run(*words, "9" * 5000, *command), 2 if command else 1)
