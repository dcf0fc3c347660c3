"""Kinds of failure in the answer to whether a bug is fixed."""

from __future__ import annotations

from collections import Counter

import pytest

from support.experiments import FIX, Event, Runs, answer_to, versions_in
from threeam.core.errors import PreconditionFailed
from threeam.experiments.experiment import Counts
from threeam.experiments.failure_rule import FAILED, PASSED
from threeam.experiments.fixes.fix_confidence_report import answer_line, fix_confidence_json, fix_confidence_report
from threeam.experiments.fixes.fix_kinds import only_kind

BEFORE = Runs(20, 180, letters=15 * "a" + 5 * "b")
CLEAN = Runs(0, 400)


def lines(events: list[Event], kind: str | None = None) -> list[str]:
    return [line.text for section in fix_confidence_report(answer_to(events, kind=kind)[1]) for line in section.lines]


def test_a_kind_that_did_not_exist_before_the_change_is_a_new_failure() -> None:
    _, answer = answer_to([BEFORE, FIX, CLEAN, Runs(2, 98, letters="cc")])
    assert not answer.is_fixed
    assert answer_line(answer).text == "no: a new failure after the change, kind c: c is printed"
    _, answer = answer_to([BEFORE, FIX, CLEAN, Runs(3, 97, letters="cca")])
    assert answer_line(answer).text == "no: it happened again after the change"
    assert "new: kind c: 0 before, 2 since, in all arms" in lines([BEFORE, FIX, CLEAN, Runs(3, 97, letters="cca")])


def test_a_hang_that_did_not_exist_before_the_change_is_a_new_failure() -> None:
    """A time-out is in no rate; but the fix may have brought a deadlock."""
    _, answer = answer_to([BEFORE, FIX, CLEAN, Runs(0, 99, timed_out=1, letters="d")])
    assert (answer.is_fixed, answer.levels_reached) == (False, 0)
    assert answer_line(answer).text == "no: a new failure after the change, kind d: d is printed"
    hung_before = Runs(20, 179, timed_out=1, letters=20 * "a" + "d")
    assert answer_to([hung_before, FIX, CLEAN, Runs(0, 99, timed_out=1, letters="d")])[1].is_fixed


def test_a_fix_after_which_more_runs_hang_is_none() -> None:
    """They are in no rate, so the few that are left would look clean."""
    hung_before, hung_since = (Runs(18, 37, timed_out=5), Runs(0, 26, timed_out=54))
    _, answer = answer_to([hung_before, FIX, hung_since])
    assert (answer.is_fixed, answer.levels_reached, fix_confidence_json(answer)["hangs_more"]) == (False, 0, True)
    assert answer_line(answer).text == (
        "no: it hangs more often since the change: 54 of 80 runs, before 5 of 60 (p = 2.8e-13)"
    )
    assert answer_to([hung_before, FIX, Runs(0, 75, timed_out=5)])[1].is_fixed


def test_runs_without_a_kind_before_the_change_leave_nothing_new() -> None:
    old = Runs(20, 180)
    assert answer_line(answer_to([old, FIX, CLEAN, Runs(2, 98, letters="cc")])[1]).text == (
        "no: it happened again after the change"
    )
    assert answer_to([Runs(20, 179, timed_out=1), FIX, CLEAN, Runs(0, 99, timed_out=1, letters="d")])[1].is_fixed


def test_a_failure_is_of_no_new_kind_if_the_kinds_are_chance() -> None:
    """Each output has a name that nobody has seen before, so each failure of one bug is a kind."""
    before = Runs(12, 28, letters="abcdefghijkl")
    _, answer = answer_to([before, FIX, Runs(1, 99, letters="m")])
    assert answer_line(answer).text == "no: it happened again after the change"
    told = lines([before, FIX, Runs(1, 99, letters="m")])
    assert "13 kinds of failure are too many to tell apart" in told
    assert not any(line.startswith("kind ") for line in told)
    _, answer = answer_to([before, FIX, Runs(0, 99, timed_out=1, letters="m")])
    assert answer_line(answer).text == "no: a new failure after the change, kind m: m is printed", "a hang is no text"


def test_only_the_named_kind_counts_and_the_others_are_told_apart() -> None:
    events: list[Event] = [BEFORE, FIX, CLEAN, Runs(3, 97, letters="bbb")]
    assert not answer_to(events)[1].is_fixed
    _, answer = answer_to(events, kind="a")
    assert (answer.before.failed, answer.before.exposure, answer.since.recurrences, answer.since.clean) == (
        15,
        195,
        0,
        497,
    )
    assert answer.is_fixed
    told = lines(events, "a")
    assert told[0] == "yes: call kind a fixed"
    assert "only kind a: a is printed" in told
    assert "kind b: 5 before, 3 since, in all arms" in told
    assert answer_to(events, kind="b")[1].since.recurrences == 3


def test_with_a_kind_a_new_one_is_a_new_failure_too() -> None:
    _, answer = answer_to([BEFORE, FIX, CLEAN, Runs(1, 99, letters="c")], kind="a")
    assert (answer.since.recurrences, answer.is_fixed) == (0, False)
    assert answer_line(answer).text == "no: a new failure after the change, kind c: c is printed"


def test_a_hang_may_be_the_bug() -> None:
    hung = Runs(0, 180, timed_out=20, letters=20 * "d")
    with pytest.raises(PreconditionFailed):
        answer_to([hung, FIX, CLEAN])
    _, answer = answer_to([hung, FIX, CLEAN], kind="d")
    assert (answer.before.failed, answer.before.exposure, answer.since.clean, answer.is_fixed) == (20, 200, 400, True)
    assert answer_to([hung, FIX, CLEAN, Runs(0, 9, timed_out=1, letters="d")], kind="d")[1].since.recurrences == 1


def test_a_failure_of_no_kind_counts_since_the_change_and_not_before_it() -> None:
    """It may have been this one: so it is no clean run since, and does not raise the rate before."""
    _, answer = answer_to([Runs(40, 160), BEFORE, FIX, CLEAN, Runs(1, 99)], kind="a")
    assert (answer.before.failed, answer.before.exposure, answer.since.recurrences) == (15, 355, 1)
    assert answer_line(answer).text == "no: it happened again after the change"


def test_a_kind_is_named_by_its_letter_or_its_hash() -> None:
    assert answer_to([BEFORE, FIX, CLEAN], kind=f"{ord('a'):010x}")[1].before.failed == 15
    with pytest.raises(PreconditionFailed, match="no run has failed in a kind q: a a is printed; b b is printed"):
        answer_to([BEFORE, FIX, CLEAN], kind="q")
    with pytest.raises(PreconditionFailed, match="no run has a kind"):
        answer_to([Runs(3, 97), FIX, CLEAN], kind="a")


def test_the_machine_output_has_the_kinds() -> None:
    _, answer = answer_to([BEFORE, FIX, CLEAN, Runs(1, 99, letters="c")], kind="a")
    found = fix_confidence_json(answer)
    assert (found["kind"], found["fixed"]) == ("a", False)
    assert [(kind["kind"], kind["before"], kind["since"], kind["new"]) for kind in found["kinds"]] == [
        ("a", 15, 0, False),
        ("b", 5, 0, False),
        ("c", 0, 1, True),
    ]


def test_runs_of_other_kinds_are_excluded_and_stay_made() -> None:
    experiment = versions_in("ap", "bA", "f.", "ib", "tp")
    (kind,) = (found.kind for found in experiment.kinds if found.kind.letter == "a")
    of_kind = only_kind(experiment, kind, {"new"})
    assert (of_kind.done_count, of_kind.remaining) == (experiment.done_count, experiment.remaining) == (9, [6])
    assert experiment.counts() == {"old": Counts(3, 0, 1, 1), "new": Counts(1, 2, 1, 0)}
    assert of_kind.counts() == {"old": Counts(1, 0, 0, 0), "new": Counts(1, 2, 0, 0)}
    assert [(run.number, run.outcome) for run in of_kind.made_runs()] == [
        (1, FAILED), (2, PASSED), (3, FAILED), (10, PASSED)
    ]  # fmt: skip
    for counted in (experiment, of_kind):
        by_arm = Counter(run.arm for run in counted.made_runs())
        assert {arm: counts.total for arm, counts in counted.counts().items()} == by_arm
