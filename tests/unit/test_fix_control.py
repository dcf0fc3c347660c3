"""A fix is judged beside the version before it: what is a yes, and how often it is wrong."""

from __future__ import annotations

import pytest

from support.experiments import OLD_NEW, versions_in
from support.simulations import false_positive_share, useless_fix
from threeam.experiments.build import Build
from threeam.experiments.experiment import Experiment
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
        (["pt"] * 92 + ["fp"] * 4 + ["ft"] * 9, "not yet: old failed only 4 times"),
        (["p.", "f."], "nothing is shown: old has not failed in the same hours"),
    ],
)
def test_everything_else_is_not_a_yes(blocks: list[str], says: str) -> None:
    answer = answer_to(versions_in(*blocks))
    assert (answer.is_fixed, control_answer_line(answer).text) == (False, says)


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


@pytest.mark.parametrize("peeks", [False, True], ids=["at the end", "after each block"])
def test_a_fix_that_does_nothing_is_seldom_called_one_even_if_the_load_drifts(peeks: bool) -> None:
    """Seeded. Hundreds of experiments are in tests/soak."""
    assert false_positive_share(60, lambda random: useless_fix(100, (0.01, 0.15), random, peeks=peeks)) <= 0.05
