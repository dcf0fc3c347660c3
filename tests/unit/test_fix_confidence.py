"""May I call it fixed? Which change is the fix, which runs are before and since it, and which runs are compared.

The cases are a table: what happened, in its order, and what `3am fixed H7` answers. Each event comes a minute after the
one before it.
"""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.experiments import (
    FIX,
    HALF,
    MINUTE,
    MORE,
    OTHER,
    REPRO,
    Changed,
    Event,
    Runs,
    Undone,
    answer_to,
    stamp,
    state_after,
)
from threeam.core.errors import PreconditionFailed
from threeam.experiments.arms.arm import Arm
from threeam.experiments.fixes.fix_confidence_report import answer_line, fix_confidence_json, fix_confidence_report
from threeam.reports.fix_assessment import FixAnswer, assess_runs, fix_answers
from threeam.reports.fixed_report import fix_answer_line
from threeam.reports.fixed_report import fix_report as told_parts

LOOSE = Changed("fix")  # bound to nothing


@pytest.mark.parametrize(
    ("events", "fix", "answer", "before", "clean"),
    [
        # One change.
        ([HALF, FIX, Runs(0, 20)], "fix", "yes", (100, 200), 20),
        ([HALF, LOOSE, Runs(0, 20)], "fix", "yes", (100, 200), 20),
        ([HALF, FIX, Runs(1, 19)], "fix", "no", (100, 200), 19),
        # It holds, and then something else is changed: the count goes on.
        ([HALF, FIX, Runs(0, 20), OTHER], "fix", "yes", (100, 200), 20),
        ([HALF, LOOSE, Runs(0, 20), OTHER], "fix", "yes", (100, 200), 20),
        ([HALF, FIX, Runs(0, 20), Changed("of H8", 8)], "fix", "yes", (100, 200), 20),
        ([HALF, FIX, Runs(0, 2), OTHER, Runs(0, 2)], "fix", "not yet", (100, 200), 4),
        ([HALF, FIX, Runs(0, 10), MORE, Runs(0, 10)], "fix", "yes", (100, 200), 20),
        # It failed again, and then something else is changed: that is not forgotten.
        ([HALF, FIX, Runs(2, 198), OTHER, Runs(0, 20)], "fix", "no", (100, 200), 218),
        ([HALF, LOOSE, Runs(2, 198), OTHER, Runs(0, 20)], "fix", "no", (100, 200), 218),
        ([HALF, FIX, Runs(2, 198), Changed("of H8", 8), Runs(0, 20)], "fix", "no", (100, 200), 218),
        ([HALF, FIX, Runs(2, 198), MORE, Runs(0, 20)], "fix", "no", (100, 200), 218),
        # What was undone is no fix; what was run meanwhile is not in the rate.
        ([HALF, FIX, Runs(2, 198), Undone("fix"), MORE, Runs(0, 20)], "more", "yes", (100, 200), 20),
        ([HALF, FIX, Runs(0, 20), Undone("fix"), Runs(3, 7), MORE, Runs(0, 20)], "more", "yes", (103, 210), 20),
        ([HALF, OTHER, Undone("other"), FIX, Runs(0, 20)], "fix", "yes", (100, 200), 20),
        # A change before anything failed is not the fix.
        ([MORE, HALF, FIX, Runs(0, 20)], "fix", "yes", (100, 200), 20),
        ([OTHER, HALF, LOOSE, Runs(0, 20)], "fix", "yes", (100, 200), 20),
        # Changes that are bound to nothing do not concern H7 if one is bound to it. They only ask for more.
        ([HALF, OTHER, Runs(30, 30), FIX, Runs(0, 20)], "fix", "yes", (30, 60), 20),
        ([Runs(1, 99), OTHER, HALF, FIX, Runs(0, 8)], "fix", "not yet", (101, 300), 8),
        ([HALF, LOOSE, Runs(2, 198), MORE, Runs(0, 20)], "more", "not yet", (2, 200), 20),
        # LOOSE may have nothing to do with it: then the rate fell by itself before the fix.
        ([HALF, LOOSE, Runs(0, 40), MORE, Runs(0, 20)], "more", "not shown", (100, 240), 20),
        # Inconclusive runs are neither.
        ([HALF, FIX, Runs(0, 0, 110)], "fix", "not yet", (100, 200), 0),
        ([Runs(50, 0, 150), FIX, Runs(0, 20)], "fix", "yes", (50, 50), 20),
    ],
)  # fmt: skip
def test_the_table_of_cases(events: list[Event], fix: str, answer: str, before: tuple[int, int], clean: int) -> None:
    change, fixed = answer_to(events)
    assert (change, answer_line(fixed).text.partition(":")[0]) == (fix, answer)
    assert (fixed.before.failed, fixed.before.exposure, fixed.since.clean) == (*before, clean)
    assert [fix_answer_line(found).text.startswith("H7 " + answer) for found in fix_answers(state_after(events))] == [
        True
    ]


def test_with_two_changes_the_later_one_is_judged_by_the_rate_that_the_first_one_left() -> None:
    """A half fix brought it from 50 % to 1 %: what remains needs thousands of runs, and not 13."""
    events: list[Event] = [HALF, FIX, Runs(2, 198), MORE, Runs(0, 20)]
    state = state_after(events)
    hypothesis = state.find_hypothesis("H7")
    assert hypothesis is not None
    change, answer = assess_runs(state, hypothesis)
    told = told_parts(state, FixAnswer(hypothesis, change, answer), "", stamp(9))
    lines = [line for part in told for line in part.lines]
    (later,) = (line for line in lines if line.text == "later: more")
    assert later.detail == f"if that is the fix: 3am fixed H7 --since @{stamp(3)}"
    change, answer = assess_runs(state, hypothesis, stamp(3).ns)
    assert (change.text, answer.before.failed, answer.before.exposure, answer.required[-1]) == ("more", 2, 200, 2468)
    assert answer.before.earlier == (100, 200)
    assert not answer.is_fixed


@given(
    st.lists(
        st.sampled_from([HALF, Runs(2, 198), Runs(0, 20), FIX, MORE, Changed("of H8", 8)]), min_size=1, max_size=7
    ),
    st.integers(0, 7),
)
def test_an_unrelated_change_makes_no_yes_and_takes_no_clean_run(events: list[Event], place: int) -> None:
    """``events``: a hypothesis to which changes are bound; anywhere among them, a change that is bound to nothing."""
    if FIX not in events:
        events = [HALF, FIX, *events]
    try:
        _, without = answer_to(events)
    except PreconditionFailed:
        return
    _, with_it = answer_to([*events[:place], OTHER, *events[place:]])
    assert (with_it.since.clean, with_it.since.recurrences) == (without.since.clean, without.since.recurrences)
    assert with_it.levels_reached <= without.levels_reached


def test_neither_of_two_unrelated_changes_turns_a_no_into_a_yes() -> None:
    """The same, if nothing is bound to the hypothesis at all."""
    events: list[Event] = [HALF, LOOSE, Runs(2, 198)]
    for n in range(3):
        events += [Changed(f"other {n}"), Runs(0, 20)]
        assert answer_line(answer_to(events)[1]).text.startswith("no: ")


@pytest.mark.parametrize("extra_events", [[], [Runs(0, 50)]], ids=["no run is left", "no failure is left"])
def test_an_unrelated_change_during_every_failing_experiment_leaves_one_rate(extra_events: list[Event]) -> None:
    """With that change counted, the failing runs have no single configuration, and no rate remains to compare."""
    events: list[Event] = [*extra_events, Runs(4, 0, lasts=3 * MINUTE // 2), OTHER, FIX, Runs(0, 1)]
    _, answer = answer_to(events)
    _, without = answer_to([Changed("of H8", 8) if event == OTHER else event for event in events])
    assert (answer.before.failed, answer.before.exposure, answer.required) == (
        without.before.failed,
        without.before.exposure,
        without.required,
    )
    assert (answer.before.ignores_unbound_changes, without.before.ignores_unbound_changes) == (True, False)
    lines = [(line.text, line.detail) for line in fix_confidence_report(answer)[1].lines]
    ignored = "changes that are bound to no hypothesis are ignored"
    assert (ignored, "one was made or undone during each experiment that failed before") in lines
    assert ignored not in [line.text for line in fix_confidence_report(without)[1].lines]


@pytest.mark.parametrize(
    ("minute", "change"),
    [(1, "fix"), (0.5, "fix"), (-5, "fix"), (1.5, "more"), (3, "more"), (2.99, "more")],
    ids=["its stamp", "a time before it", "long before", "a time after the first", "its stamp", "just before"],
)
def test_since_is_a_change_or_the_first_one_from_that_time_on(minute: float, change: str) -> None:
    events: list[Event] = [HALF, FIX, Runs(2, 198), MORE, Runs(0, 20)]
    assert answer_to(events, stamp(minute).ns)[0] == change


def test_since_a_time_after_every_change_names_those_there_are() -> None:
    with pytest.raises(
        PreconditionFailed, match=f"at that time or later: @{stamp(1)} fix; @{stamp(3)} more".replace("+", r"\+")
    ):
        answer_to([HALF, FIX, Runs(2, 198), MORE], stamp(3.5).ns)


def test_since_names_no_change_that_is_undone_or_of_another_hypothesis() -> None:
    events: list[Event] = [HALF, FIX, Changed("of H8", 8), Undone("fix"), OTHER, Runs(0, 20)]
    undone = f"@{stamp(1)} fix was undone by alice at {stamp(3)}, so it fixes nothing now: "
    for minute, why in ((1, undone), (2, f"@{stamp(2)} of H8 was made for H8, not for H7: ")):
        with pytest.raises(PreconditionFailed, match=re.escape(why)):
            answer_to(events, stamp(minute).ns)
    assert answer_to([HALF, FIX, OTHER, Runs(0, 20)], stamp(2).ns)[0] == "other", "one that is bound to nothing may be"


def test_without_a_run_since_the_change_the_first_line_says_so() -> None:
    assert answer_line(answer_to([HALF, FIX])[1]).text == "not yet: no run since the change"
    for other in (
        HALF._replace(identity=REPRO._replace(program="/srv/other")),
        Runs(0, 0, inconclusive=9),
    ):
        assert answer_line(answer_to([HALF, FIX, other])[1]).text == "not yet: no run since the change counts", other
    assert answer_line(answer_to([HALF, FIX, Runs(0, 1)])[1]).text.startswith("not yet: even if the rate")


def test_nothing_is_left_to_be_the_fix() -> None:
    with pytest.raises(PreconditionFailed, match="every change is undone: 3am changed -H H7"):
        answer_to([HALF, FIX, Undone("fix"), Runs(0, 20)])


def test_the_json_has_the_names_of_the_report() -> None:
    """``apart`` keeps the meaning that it had before there was ``not_counted``: scripts read it."""
    pin = Arm("pin", ("taskset", "1"))
    other = Runs(0, 150, hypothesis=None)
    events: list[Event] = [HALF, Runs(3, 7, arm=pin), FIX, Runs(0, 20, inconclusive=2, timed_out=5), other]
    state = state_after(events)
    hypothesis = state.find_hypothesis("H7")
    assert hypothesis is not None
    change, answer = assess_runs(state, hypothesis)
    lines = {
        line.text.split(":")[0]: line
        for part in told_parts(state, FixAnswer(hypothesis, change, answer), "", stamp(9))
        for line in part.lines
    }
    record = fix_confidence_json(answer)
    assert (record["timed_out"], record["inconclusive"]) == (5, 2)
    assert lines["timed out"].text == "timed out: 5 runs since, not in the rate"
    assert lines["inconclusive"].text == "inconclusive: 2 runs since, not in the rate"
    (apart,), (runs,) = record["apart"], record["not_counted"]
    assert (apart["what"], apart["failed"], apart["ended"]) == ("./repro, pin", 3, 10)
    assert lines["apart"].text == f"apart:  {apart['what']}"
    assert (runs["passed"], runs["differs"]) == (150, "it is bound to no hypothesis")
    assert lines["not counted"].text.startswith(f"not counted: {runs['what']}: ")
