"""The list of all that was run, and the results in it as evidence."""

from __future__ import annotations

import pytest

from support.experiments import BY, REPRO
from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import Entry, Stamp
from threeam.core.format.report import ReportLine
from threeam.core.state.fold import State
from threeam.experiments.failure_rule import FAILED
from threeam.experiments.provoke.budget import RunBudget
from threeam.experiments.provoke.halving import Halving
from threeam.experiments.provoke.search import search_tag
from threeam.experiments.run_citation import cite_run
from threeam.experiments.run_list import (
    hypothesis_runs_report,
    listed_runs,
    run_json,
    run_list_report,
    unfinished_search_line,
    unfinished_searches,
)
from threeam.projections import FOLD

SECOND = 1_000_000_000
NOON = 1_795_490_047 * SECOND
HALVING = Halving(2, (3,), 7)


def at(seconds: int) -> Stamp:
    return Stamp(NOON + seconds * SECOND)


def single_run(number: int) -> Entry:
    run = ("RUN", f"bare {FAILED} exit=1 began={NOON} ns=5 cpu=1 bytes=0")
    return Entry(at(number), 0, (BY, (f"R{number}", "1/1"), run), "Run: failed exit 1: ./once")


def plan(number: int) -> Entry:
    tags = ((f"R{number}", "0/4"), ("H7", "run"), ("PLAN", "n=4 seed=1 same=x arms=bare"), REPRO.to_tag())
    return Entry(at(number), 0, (BY, *tags), "Plan: ./repro; 4 runs of bare, seed 1")


def search(number: int) -> Entry:
    tag = search_tag(("bare", "noise", "perturb"), HALVING, RunBudget(60), "x")
    tags = ((f"R{number}", f"0/{HALVING.total}"), ("H7", "run"), tag, ("FILE", "plan-1-1.json"))
    return Entry(at(number), 0, (BY, *tags), "Plan: ./repro --once; searches 2 arms for the one that fails most often")


def search_result(number: int, found: str = "noise R9") -> Entry:
    tags = ((f"R{number}", f"9/{HALVING.total}"), ("VERDICT", found))
    return Entry(at(100 + number), 0, (BY, *tags), "Verdict: noise provokes it: 20/20 against 1/20 bare")


def bisection(number: int) -> Entry:
    tags = ((f"R{number}", "0/40"), ("H8", "run"), ("BISECT", "commits=7"), ("FILE", "bisect-1-2.json"))
    text = "Bisect: sh -c './a; 2 commits'; 7 commits after 3f2a, to 9bc1; 40 runs at most; fails if exit!=0"
    return Entry(at(number), 0, (BY, *tags), text)


def bisection_result(number: int) -> Entry:
    tags = ((f"R{number}", "31/40"), ("BISECTED", "p=0.9700"))
    return Entry(at(100 + number), 0, (BY, *tags), "Bisected: 5d1e has introduced it, 97 %, after 31 runs")


def state_of(*entries: Entry) -> State:
    return FOLD(FOLD.empty_state, entries)


NIGHT = (plan(2), search(3), single_run(4), bisection(5))


def told(state: State) -> dict[str, list[ReportLine]]:
    return {section.title: list(section.lines) for section in run_list_report(state, at(200))}


def test_each_number_is_in_the_list_once_and_the_newest_is_the_first() -> None:
    assert [run.name for run in listed_runs(state_of(*NIGHT))] == ["R5", "R4", "R3", "R2"]
    sections = told(state_of(*NIGHT))
    assert [line.text for line in sections["not done"]] == [
        "R5 H8 sh -c './a; 2 commits'",
        "R3 H7 ./repro --once",
        "R2 H7 ./repro",
    ]
    assert [line.text for line in sections["run once"]] == ["R4 ./once"]


def test_a_search_and_a_bisection_say_how_far_they_are_and_then_their_results() -> None:
    running = told(state_of(*NIGHT))["not done"]
    assert [line.detail.partition(" · ")[0] for line in running[:2]] == [
        "bisect: 0 of at most 40 runs",
        "search: 0 of at most 9 runs",
    ]
    done = told(state_of(*NIGHT, search_result(3), bisection_result(5)))["experiments"]
    assert [line.detail.partition(" · ")[0] for line in done] == [
        "bisect: 5d1e has introduced it, 97 %, after 31 runs",
        "search: found noise, R9",
    ]
    assert [line.command for line in done] == ["3am bisect --report R5", "3am run --report R3"]
    without = told(state_of(*NIGHT, search_result(3, "none")))["experiments"]
    assert without[0].detail.startswith("search: found no arm · ")


def test_as_json_each_says_what_it_is() -> None:
    records = [run_json(run) for run in listed_runs(state_of(*NIGHT, search_result(3), bisection_result(5)))]
    assert [(record["run"], record["type"]) for record in records] == [
        ("R5", "bisection"),
        ("R4", "experiment"),
        ("R3", "search"),
        ("R2", "experiment"),
    ]
    assert (records[0]["command"], records[0]["result"]) == (
        "sh -c './a; 2 commits'",
        "5d1e has introduced it, 97 %, after 31 runs",
    )
    assert (records[2]["found"], records[2]["confirmation"], records[2]["done"]) == ("noise", "R9", 0)
    assert [arm["arm"] for arm in records[2]["arms"]] == ["bare", "noise", "perturb"]
    (running,) = [run_json(run) for run in listed_runs(state_of(search(3)))]
    assert (running["found"], running["result"]) == (None, None)


def test_the_runs_of_a_hypothesis_have_its_searches() -> None:
    (section,) = hypothesis_runs_report(state_of(*NIGHT), lambda bound: bound == 7, at(200))
    assert [line.text.partition(" ")[0] for line in section.lines] == ["R3", "R2"]
    assert hypothesis_runs_report(state_of(*NIGHT), lambda bound: bound == 9, at(200)) == []


def test_the_result_of_a_search_or_a_bisection_is_evidence() -> None:
    state = state_of(*NIGHT, search_result(3), bisection_result(5))
    assert cite_run(state, "R5 so it is the cache") == f"@{at(105)} so it is the cache"
    assert cite_run(state, "r3") == f"@{at(103)}"
    assert cite_run(state, "R4") == f"@{at(4)}"


@pytest.mark.parametrize(
    ("name", "remedy"),
    [("R2", "3am run --resume R2"), ("R3", "3am run --resume R3"), ("R5", "3am bisect --resume R5")],
)
def test_what_has_no_result_is_no_evidence(name: str, remedy: str) -> None:
    with pytest.raises(PreconditionFailed, match=f"{name} has no result that could be evidence: {remedy} continues it"):
        cite_run(state_of(*NIGHT), name)


def test_a_search_without_a_result_has_a_line_with_the_command_that_resumes_it() -> None:
    state = state_of(*NIGHT)
    lines = [unfinished_search_line(run, at(200)) for run in unfinished_searches(state)]
    assert [(line.text, line.command) for line in lines] == [
        ("R5 H8 sh -c './a; 2 commits'", "3am bisect --resume R5"),
        ("R3 H7 ./repro --once", "3am run --resume R3"),
    ]
    assert all(line.detail.endswith(f" · {line.command} resumes it") for line in lines)
    assert unfinished_searches(state_of(*NIGHT, search_result(3), bisection_result(5))) == []
