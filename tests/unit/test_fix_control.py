"""A fix is judged beside the version before it: what is a yes, and how often it is wrong."""

from __future__ import annotations

import pytest

from support.experiments import OLD_NEW, versions_in
from support.simulations import false_positive_share, useless_fix
from threeam.experiments.build import Build
from threeam.experiments.experiment import Experiment, FailureKind
from threeam.experiments.failure_rule import FAILED, INCONCLUSIVE, PASSED, TIMED_OUT
from threeam.experiments.fixes.fix_control import ControlledFix, assess_control
from threeam.experiments.fixes.fix_control_report import control_answer_line, control_json, control_report
from threeam.experiments.verdicts.blocks import paired_outcomes


def answer_to(*experiments: Experiment) -> ControlledFix:
    return assess_control(experiments, OLD_NEW)


def test_the_outcomes_of_a_block_stand_side_by_side_whatever_its_order_was() -> None:
    assert paired_outcomes(versions_in("fp", "pf", "ti", "p."), *OLD_NEW) == [
        (FAILED, PASSED),
        (PASSED, FAILED),
        (TIMED_OUT, INCONCLUSIVE),
        (PASSED, ""),
    ]


def test_a_yes_takes_an_old_version_that_failed_and_a_new_one_that_never_did() -> None:
    answer = answer_to(versions_in(*["pp"] * 92, *["fp"] * 8))
    assert (answer.is_fixed, answer.blocks, answer.old_failed) == (True, 100, 8)
    assert control_answer_line(answer).text == "yes: call it fixed: old failed 8 of 100 times and new never, in turns"
    record = control_json(answer)
    assert (record["fixed"], record["old"], record["new"]) == (
        True,
        {"arm": "old", "failed": 8, "of": 100},
        {"arm": "new", "failed": 0, "of": 100},
    )


@pytest.mark.parametrize(
    ("blocks", "says"),
    [
        (["pp"] * 300, "nothing is shown: old has not failed in the same hours"),
        (["pp"] * 300 + ["fp"] * 4, "not yet: old failed only 4 times"),
        (["pp"] * 95 + ["fp"] * 5, "not yet: 81 more runs of each are needed at the rate of old"),
        (["pp"] * 92 + ["fp"] * 8 + ["pf"], "no: new failed"),
        (["pp"] * 92 + ["fp"] * 8 + ["tf"], "no: new failed"),
        (["pi"] * 92 + ["fp"] * 4 + ["fi"] * 9, "not yet: old failed only 4 times"),
        (["pp"] * 23 + ["fp"] * 10 + ["pt"] * 17, "no: new hangs more often: 17 of 50, old 0 of 50 (p = 0.0000030)"),
        (["p.", "f."], "nothing is shown: old has not failed in the same hours"),
    ],
)
def test_everything_else_is_not_a_yes(blocks: list[str], says: str) -> None:
    answer = answer_to(versions_in(*blocks))
    assert (answer.is_fixed, control_answer_line(answer).text) == (False, says)


def test_a_version_that_hangs_as_the_old_one_did_may_be_a_fix() -> None:
    answer = answer_to(versions_in(*["pp"] * 92, *["fp"] * 8, "tp", "pt"))
    assert (answer.is_fixed, answer.hangs, control_json(answer)["hangs_more"]) == (True, (1, 102, 1, 102), False)


def test_clear_evidence_is_enough_before_the_strong_level_is() -> None:
    """If the old version fails half of the time, 40 to 1 comes first: --stop ends there, and the answer is yes."""
    answer = answer_to(versions_in(*["fp", "pp"] * 8))
    assert answer.evidence >= 40
    assert answer.is_fixed
    few = answer_to(versions_in(*["fp"] * 4))
    assert not few.is_fixed


def test_experiments_of_the_same_versions_add_up_and_others_are_named() -> None:
    half, other_arms = versions_in(*["pp"] * 46, *["fp"] * 4), versions_in("fp", wrapper_fingerprints=("aa", "cc"))
    answer = answer_to(half, other_arms._replace(number=2), half._replace(number=3))
    assert (answer.is_fixed, answer.old_failed) == (True, 8)
    assert answer.not_counted == (("R2", "the arm new has a different wrapper"),)
    bad = versions_in("pf", number=4)
    answer = answer_to(half, bad, half._replace(number=5))
    assert not answer.is_fixed
    assert control_answer_line(answer).detail.endswith("names a later time: R4")
    facts = [line.text for line in control_report(answer)[1].lines]
    assert "R4: old 0/1, new 1/1" in facts


def test_another_build_of_the_same_arms_is_named() -> None:
    first, last = (versions_in(*["fp"] * 9, build=Build({"new.so": sha256}).to_tag()[1]) for sha256 in ("aa", "bb"))
    facts = [(line.text, line.detail) for line in control_report(answer_to(first, last))[1].lines]
    assert ("new.so changed since R1", "its SHA-256 was aa, and is bb") in facts


KIND_A = FailureKind("a", f"{ord('a'):010x}", "a is printed")


def of_kind_a(*blocks: str) -> ControlledFix:
    return assess_control([versions_in(*blocks)], OLD_NEW, KIND_A)


def told(answer: ControlledFix) -> list[str]:
    return [line.text for section in control_report(answer) for line in section.lines]


def test_only_the_named_kind_counts_and_a_block_with_another_one_is_in_no_rate() -> None:
    blocks = [*["pp"] * 92, *["ap"] * 8, *["bp"] * 3, *["pb"] * 4]
    assert not answer_to(versions_in(*blocks)).is_fixed
    answer = of_kind_a(*blocks)
    assert (answer.is_fixed, answer.old_failed, answer.new_failed, answer.blocks) == (True, 8, 0, 100)
    assert told(answer)[0] == "yes: call kind a fixed: old failed 8 of 100 times and new never, in turns"
    assert "only kind a: a is printed" in told(answer)
    assert "kind b: 3 of old, 4 of new" in told(answer)
    assert "left out: 7 blocks in which a run timed out, was inconclusive, or failed in another kind" in told(answer)
    record = control_json(answer)
    assert (record["kind"], [(of_kind["kind"], of_kind["old"], of_kind["new"]) for of_kind in record["kinds"]]) == (
        "a",
        [("a", 8, 0), ("b", 3, 4)],
    )


@pytest.mark.parametrize(
    ("blocks", "says"),
    [
        (["pp"] * 92 + ["ap"] * 8 + ["pa"], "no: new failed in kind a"),
        (["pp"] * 300 + ["bp"] * 9, "nothing is shown: old has not failed in kind a in the same hours"),
        (["pp"] * 300 + ["ap"] * 4 + ["bp"] * 9, "not yet: old failed in kind a only 4 times"),
        (["pp"] * 300 + ["ap"] * 4 + ["fp"] * 9, "not yet: old failed in kind a only 4 times"),
        (["pp"] * 92 + ["ap"] * 8 + ["pf"], "no: new failed in kind a"),
        (["pp"] * 92 + ["ap"] * 8 + ["pc"], "no: a failure that old has not shown, kind c: c is printed"),
        (["pp"] * 92 + ["ap"] * 8 + ["pD"], "no: a failure that old has not shown, kind d: d is printed"),
    ],
    ids=[
        "it failed",
        "the old version fails in another kind only",
        "too seldom in this kind",
        "a failure of no kind of the old version is not of this one",
        "and one of the new version may be",
        "a new kind",
        "a new hang",
    ],
)
def test_with_a_kind_everything_else_is_not_a_yes(blocks: list[str], says: str) -> None:
    answer = of_kind_a(*blocks)
    assert (answer.is_fixed, control_answer_line(answer).text) == (False, says)


def test_a_hang_may_be_the_bug() -> None:
    answer = of_kind_a(*["pp"] * 92, *["Ap"] * 8)
    assert (answer.is_fixed, answer.old_failed, answer.blocks) == (True, 8, 100)


def test_a_fix_that_hangs_as_the_old_version_never_did_is_none_whatever_else_it_mends() -> None:
    answer = answer_to(versions_in(*["pp"] * 92, *["ap"] * 8, "pD"))
    assert (answer.is_fixed, control_answer_line(answer).text) == (
        False,
        "no: a failure that old has not shown, kind d: d is printed",
    )
    assert "new: kind d: 0 of old, 1 of new" in told(answer)
    assert answer_to(versions_in(*["pp"] * 92, *["ap"] * 8, "Dp", "pD")).is_fixed
    assert answer_to(versions_in(*["pp"] * 92, *["ap"] * 8, "tp", "pD")).is_fixed, "an older 3am made the old runs"


@pytest.mark.parametrize("peeks", [False, True], ids=["at the end", "after each block"])
def test_a_fix_that_does_nothing_is_seldom_called_one_even_if_the_load_drifts(peeks: bool) -> None:
    """Seeded. Hundreds of experiments are in tests/soak."""
    assert false_positive_share(60, lambda random: useless_fix(100, (0.01, 0.15), random, peeks=peeks)) <= 0.05
