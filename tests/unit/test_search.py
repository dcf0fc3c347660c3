"""A search in the log: its plan, its runs and its result as lines, and what a rotation repeats of it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import NS_PER_S, Entry, Stamp, format_entry
from threeam.core.state.fold import State
from threeam.experiments.experiment import (
    NO_KIND,
    NOT_RUN,
    ArmUsage,
    Experiment,
    FailureKind,
    KindInExperiment,
    Run,
    RunRecord,
    outcome_code,
)
from threeam.experiments.failure_rule import CUT_SHORT, FAILED, INCONCLUSIVE, PASSED, TIMED_OUT
from threeam.experiments.provoke.budget import Budget, RunBudget, TimeBudget
from threeam.experiments.provoke.confirmation import (
    confirmation_of,
    confirmed_arm,
    confirming_arms,
    confirming_runs,
    confirming_seed,
    has_candidate,
    kinds_before,
)
from threeam.experiments.provoke.halving import Halving, plan_rounds
from threeam.experiments.provoke.search import PROJECTION, Search, SearchResult, find_search, require_search, search_tag
from threeam.experiments.provoke.search_result import CodePlace, result_text
from threeam.experiments.runs.run_log import require_experiment
from threeam.experiments.runs.run_numbers import next_run_number
from threeam.experiments.runs.run_tags import format_run, index_tag, kind_line, run_tags
from threeam.projections import FOLD

BEGIN = 1_795_490_047 * NS_PER_S
BY = ("BY", "alice@db1:4121")
ARMS = ("bare", "noise", "delay:mkdir=20ms", "delay:openat=1.3ms", "perturb")
RUNS = RunBudget(120)
HALVING = Halving(4, plan_rounds(4, 60), 7)


def plan_line(number: int = 3, budget: Budget = RUNS) -> Entry:
    tags = (BY, index_tag(number, 0, HALVING.total), ("H7", "run"), search_tag(ARMS, HALVING, budget, "0123456789ab"))
    text = "Plan: ./repro; searches 4 arms for the one that fails most often: noise; seed 7"
    return Entry(Stamp(BEGIN), 0, (*tags, ("FILE", "plan-1-1.json")), text)


def run_line(number: int, outcome: str, kind: str = "", file: str = "") -> Entry:
    run = Run(number, "bare", outcome, 0, BEGIN, 1000, 10, 5, file, kind=kind)
    return Entry(Stamp(BEGIN + number), 0, (BY, index_tag(3, number, HALVING.total), *run_tags(run)), format_run(run))


def result_line(found: str = "delay:mkdir=20ms R4") -> Entry:
    tags = (BY, index_tag(3, 9, HALVING.total), ("VERDICT", found), ("FILE", "R3-0-1.out"))
    return Entry(Stamp(BEGIN + 999), 0, tags, "Verdict: delay:mkdir=20ms provokes it")


def state_of(*entries: Entry) -> State:
    return FOLD(FOLD.empty_state, entries)


def searched(failing: str, budget: Budget = RUNS) -> Search:
    """A search in which all runs of the arm ``failing`` fail, and no others."""
    search = require_search(state_of(plan_line(budget=budget)), "R3")
    while not (progress := search.progress()).is_over:
        made = "".join("A" if ARMS[arm] == failing else "a" for arm in progress.arms)
        search = search._replace(outcomes=made + NOT_RUN * (search.total - len(made)))
    return search


def test_a_search_has_a_number_among_the_experiments() -> None:
    state = state_of(plan_line())
    assert next_run_number(state) == 4
    for name in ("R3", "r3", "3"):
        search = find_search(state, name)
        assert search is not None
        assert (search.number, search.hypothesis, search.arms, search.command) == (3, 7, ARMS, "./repro")
    assert find_search(state, "R4") is find_search(state, "R") is find_search(state, "Rx") is None
    with pytest.raises(PreconditionFailed, match="R3 is a search: 3am run --report R3 shows it"):
        require_experiment(state, "R3")
    with pytest.raises(PreconditionFailed, match="there is no search R4"):
        require_search(state, "R4")


def kind_line_of(number: int, letter: str) -> Entry:
    tag, text = kind_line(FailureKind(letter, f"0123{ord(letter)}", f"message {letter}"))
    return Entry(Stamp(BEGIN + number), 0, (BY, index_tag(3, number, HALVING.total), tag), text)


def confirmation(bare: str, chosen: str) -> Experiment:
    """R4: runs of bare and of a delay, each passed (a period) or failed in a kind (its letter)."""
    letters = bare + chosen
    codes = "".join(
        outcome_code(int(i >= len(bare)), PASSED if letter == NO_KIND else FAILED) for i, letter in enumerate(letters)
    )
    found = tuple(
        KindInExperiment(FailureKind(letter, f"0123{ord(letter)}", f"message {letter}"), 1, Stamp(BEGIN))
        for letter in sorted(set(letters) - {NO_KIND})
    )
    record = RunRecord(codes, (ArmUsage(), ArmUsage()), Stamp(BEGIN), kind_letters=letters)
    return Experiment(
        4, Stamp(BEGIN), None, 7, len(bare), 1, ("bare", "delay:mkdir=20ms"), "x", "./repro; 20 runs each", "",
        record, (), kinds=found,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("sought", "bare", "chosen", "found", "begins"),
    [
        (
            "",
            "a" + 19 * ".",
            20 * "a",
            True,
            "delay:mkdir=20ms provokes it: 20/20 against 1/20 bare in fresh runs (R",
        ),
        (
            "",
            20 * ".",
            20 * "a",
            True,
            "delay:mkdir=20ms provokes a failure that bare has not shown (3am run ",
        ),
        ("a", 20 * ".", 20 * "a", True, "delay:mkdir=20ms provokes it: 20/20 against 0/20 bare"),
        (
            "a",
            20 * ".",
            20 * "b",
            False,
            "delay:mkdir=20ms fails in another way (kind b) than bare before (kind ",
        ),
        (
            "",
            5 * "a" + 15 * ".",
            20 * "b",
            False,
            "delay:mkdir=20ms fails in another way than bare, 20 of 20 (kind b",
        ),
        ("", "a" + 19 * ".", 2 * "a" + 18 * ".", False, "no arm is shown to make it fail more often: delay:mkdir=20ms"),
        ("", 20 * "a", 20 * ".", False, "no arm is shown to make it fail more often"),
    ],
)
def test_the_result_is_about_the_kind_of_failure_that_bare_has(
    sought: str, bare: str, chosen: str, found: bool, begins: str
) -> None:
    search = require_search(state_of(plan_line()), "R3")._replace(halving=HALVING._replace(sought=sought.upper()))
    fresh = confirmation(bare, chosen)
    assert bool(confirmed_arm(search, fresh)) == found
    text = result_text(search, fresh, CodePlace('mkdir("d", 0777) = 0', "store_open (store.c:14)"))
    assert text.startswith(begins), text
    assert ("look at store_open (store.c:14): mkdir(" in text) == found
    assert ("what remains: " in text) != found
    assert (": 3am fixed H7 --arm delay:mkdir=20ms counts them" in text) == found
    unknown = result_text(search, fresh, CodePlace('mkdir("d", 0777) = 0', "", "its line is not known"))
    assert ('; the call: mkdir("d", 0777) = 0; its line is not known; fixed is ' in unknown) == found
    unbound = result_text(search._replace(hypothesis=None), fresh, None)
    assert ("clean runs of that arm" in unbound, "3am fixed" in unbound) == (found, False)


def test_a_kind_that_bare_had_in_the_search_is_the_same_failure() -> None:
    search = require_search(state_of(plan_line(), kind_line_of(1, "a")), "R3")
    arms = search.progress().arms
    made = "".join("A" if arm in (0, 2) else "a" for arm in arms)
    search = search._replace(outcomes=made + search.outcomes[len(made) :])
    assert search.bare_kind_ids() == {f"0123{ord('a')}"}
    assert "provokes it: " in result_text(search, confirmation(20 * ".", 20 * "a"), None)
    unknown = result_text(search, confirmation(20 * ".", 20 * "b"), None)
    assert "provokes a failure that bare has not shown (3am run --report R4 --kind b prints it)" in unknown


def test_an_experiment_by_hand_with_the_same_arms_is_no_confirmation() -> None:
    search = searched("delay:mkdir=20ms")
    assert confirming_arms(search) == ("bare", "delay:mkdir=20ms")
    fresh = confirmation(20 * ".", 20 * "a")._replace(fingerprint=search.fingerprint, number=5)
    fresh = fresh._replace(seed=confirming_seed(search))
    by_hand = fresh._replace(number=4, seed=confirming_seed(search) + 1)
    assert confirmation_of(search, [by_hand]) is None
    assert confirmation_of(search, [by_hand, fresh]) == fresh


def test_few_runs_that_passed_are_kept_however_many_there_are() -> None:
    lines = [run_line(number, PASSED, file=f"R3-{number}-1.out") for number in range(1, 20)]
    assert len(require_search(state_of(plan_line(), *lines), "R3").detailed_runs) == 5


def test_bare_kinds_of_the_hypothesis_are_sought() -> None:
    fresh = confirmation("ab" + 18 * ".", 20 * "c")
    codes = outcome_code(0, TIMED_OUT) + fresh.record.outcome_codes[1:]
    timed_out = fresh._replace(record=fresh.record._replace(outcome_codes=codes))
    assert kinds_before([timed_out], 7) == "b"
    assert kinds_before([fresh], 7) == "ab"
    assert kinds_before([fresh], 8) == kinds_before([fresh], None) == ""
    entry = plan_line()
    sought = search_tag(ARMS, HALVING._replace(sought="AB"), RUNS, "0123456789ab")
    tags = tuple(sought if key == "PLAN" else (key, value) for key, value in entry.tags)
    assert require_search(state_of(entry._replace(tags=tags)), "R3").sought == "ab"


OUTCOMES = st.sampled_from([PASSED, FAILED, TIMED_OUT, INCONCLUSIVE, CUT_SHORT])


@given(st.lists(st.tuples(OUTCOMES, st.sampled_from("abcz")), max_size=HALVING.total), st.booleans())
def test_the_state_after_a_rotation_is_that_of_all_lines(outcomes: list[tuple[str, str]], is_done: bool) -> None:
    entries, letters = [plan_line()], set[str]()
    for number, (outcome, letter) in enumerate(outcomes, 1):
        has_kind = outcome not in (PASSED, CUT_SHORT)
        if has_kind and letter not in letters:
            letters.add(letter)
            entries.append(kind_line_of(number, letter))
        entries.append(run_line(number, outcome, kind=letter if has_kind else "", file=f"R3-{number}-1.out"))
    state = state_of(*entries, *([result_line()] if is_done else []))
    (search,) = PROJECTION.of(state).values()
    made = [outcome == CUT_SHORT for outcome, _ in outcomes]
    assert [code == NOT_RUN for code in search.outcomes[: len(outcomes)]] == made
    assert [found.kind.letter for found in search.kinds] == sorted(letters)
    repeated = list(PROJECTION.checkpoint(PROJECTION.of(state)))
    carried = [entry._replace(tags=(("AT", str(entry.stamp)), *entry.tags)) for entry in repeated]
    assert PROJECTION.of(state_of(*carried)) == PROJECTION.of(state)
    stamp, text = result_line().stamp, "delay:mkdir=20ms provokes it"
    result = SearchResult(stamp, text, "delay:mkdir=20ms", "R4", "R3-0-1.out")
    assert search.result == (result if is_done else None)


def test_a_run_that_was_cut_is_made_again_and_counts_once() -> None:
    cut = require_search(state_of(plan_line(), run_line(1, PASSED), run_line(2, CUT_SHORT)), "R3")
    assert (cut.done_count, cut.outcomes[:3]) == (1, "a..")
    again = state_of(plan_line(), run_line(1, PASSED), run_line(2, CUT_SHORT), run_line(2, FAILED), run_line(2, PASSED))
    assert require_search(again, "R3").outcomes[:3] == "aA."
    assert require_search(again, "R3").spent_ns == 2000


@pytest.mark.parametrize(
    "value",
    [
        "search rounds=3 seed=7 budget=1 limit=0 same=x arms=bare",
        "search rounds=0,3 seed=7 budget=1 limit=0 same=x arms=bare,a,b,c",
        "search rounds=3,x seed=7 budget=1 limit=0 same=x arms=bare,a,b,c",
        "search rounds=3,3 budget=1 limit=0 same=x arms=bare,a,b,c",
        "search rounds=3,3 seed=7 budget=0 limit=0 same=x arms=bare,a,b,c",
        "search rounds=3,3 seed=7 budget=-1 limit=0 same=x arms=bare,a,b,c",
        "search rounds=3,3 seed=7 budget=1 limit=0 same=x arms=bare,a,a,c",
        "search rounds=3,3,3 seed=7 budget=1 limit=0 same=x arms=bare,a,b,c",
        "search rounds=3,3 seed=٧ budget=1 limit=0 same=x arms=bare,a,b,c",
        f"search rounds=3,3 seed=7 budget={'9' * 20} limit=0 same=x arms=bare,a,b,c",
        "search",
    ],
)
def test_a_malformed_plan_is_no_search(value: str) -> None:
    def searches(value: str) -> Mapping[int, Search]:
        entry = Entry(Stamp(BEGIN), 0, (BY, index_tag(3, 0, 21), ("PLAN", value)), "Plan: x")
        return PROJECTION.of(state_of(entry))

    assert 3 in searches("search rounds=3,3 seed=7 budget=1 limit=0 same=x arms=bare,a,b,c")
    assert searches(value) == {}


def test_a_search_that_has_taken_more_time_than_there_is_cannot_end_a_rotation() -> None:
    plan = plan_line()
    plan = plan._replace(tags=(*plan.tags, ("SPENT", "9" * 4300)))
    state = state_of(plan, run_line(1, PASSED))
    assert [*PROJECTION.checkpoint(PROJECTION.of(state))] == []


def test_the_best_arm_is_the_best_of_the_last_round() -> None:
    search = searched("delay:openat=1.3ms")
    assert search.ranking()[0][0] == "delay:openat=1.3ms"
    assert has_candidate(search)
    assert not has_candidate(searched("bare"))
    assert not has_candidate(searched("no arm"))


def test_fresh_runs_are_as_many_as_the_difference_needs_and_the_budget_has() -> None:
    search = searched("delay:mkdir=20ms")
    assert confirming_runs(search) == 20
    weak = search._replace(outcomes=search.outcomes.replace("A", "a").replace("a", "A", 1))
    assert confirming_runs(weak) == (120 - weak.done_count) // 2
    assert confirming_runs(weak._replace(budget=RunBudget(2000))) == 200
    late = weak._replace(budget=TimeBudget(60 * NS_PER_S), spent_ns=30 * NS_PER_S)
    assert confirming_runs(late) == weak.done_count // 2


def test_a_search_ends_when_its_share_of_the_time_is_over() -> None:
    search = require_search(state_of(plan_line(budget=TimeBudget(10_000)), run_line(1, PASSED)), "R3")
    assert not search.progress().is_over
    assert search._replace(spent_ns=6_000).progress().is_over
    assert TimeBudget(10 * NS_PER_S).search_runs(NS_PER_S // 10) == 60
    assert RunBudget(300).search_runs(NS_PER_S) == 200
    assert RunBudget(60).search_runs(NS_PER_S) == 20


def test_nothing_better_than_bare_is_said_with_what_remains() -> None:
    text = result_text(searched("no arm"), None, None)
    assert text.startswith(f"nothing failed in {searched('no arm').done_count} runs of 5 arms; what remains: a window ")
    assert "a window between two accesses to memory without a system call or a lock operation in it" in text
    assert "noise was not tried" not in text
    failed = searched("bare")
    without_noise = failed._replace(arms=("bare", "pin", *ARMS[2:]), outcomes=failed.outcomes.replace("A", "a", 1))
    text = result_text(without_noise, None, None)
    assert text.startswith("no arm failed more often than bare (")
    assert "a window between two lock operations (noise was not tried)" in text


def test_the_fresh_runs_are_in_the_budget_too() -> None:
    for runs in (46, 60, 120, 300, 5000):
        assert runs - RunBudget(runs).search_runs(0) >= 40
    assert RunBudget(20).search_runs(0) < 6, "too few for a search"


def test_calls_for_which_the_budget_was_too_small_are_not_excluded() -> None:
    """Otherwise the result claims that no window between two system calls is left."""
    search = searched("no arm")._replace(left_out=("delay:rmdir=20ms", "perturb"))
    assert "what remains: a window at a call that was not tried (rmdir: a larger --budget" in result_text(
        search, None, None
    )
    assert "was not tried" not in result_text(searched("no arm"), None, None)
    unfinished = require_search(state_of(plan_line()), "R3")  # its time was over before the first run
    assert "not tried (mkdir, openat: " in result_text(unfinished, None, None)


def test_arms_that_were_left_out_are_in_the_plan_line() -> None:
    tag = search_tag(ARMS, HALVING, RUNS, "0123456789ab", ["delay:rmdir=20ms"])
    line = plan_line()
    line = line._replace(tags=tuple(tag if name == "PLAN" else (name, value) for name, value in line.tags))
    state = state_of(line)
    assert require_search(state, "R3").left_out == ("delay:rmdir=20ms",)
    assert require_search(state_of(*PROJECTION.checkpoint(PROJECTION.of(state))), "R3").left_out == (
        "delay:rmdir=20ms",
    )


def test_a_command_that_always_fails_has_nothing_to_provoke() -> None:
    search = require_search(state_of(plan_line()), "R3")
    while not (progress := search.progress()).is_over:
        search = search._replace(outcomes="A" * len(progress.arms) + NOT_RUN * (search.total - len(progress.arms)))
    bare = search.counts()[0].counts.failed
    assert result_text(search, None, None) == (
        f"bare failed in each of its {bare} runs: no arm can make it fail more often"
    )


def test_the_lines_are_read_back() -> None:
    state = state_of(plan_line(), result_line("none"))
    result = SearchResult(result_line().stamp, "delay:mkdir=20ms provokes it", file="R3-0-1.out")
    assert require_search(state, "R3").result == result
    assert b"[PLAN: search rounds=" in format_entry(plan_line())
