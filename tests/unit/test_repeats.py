"""The same plan again and again: what counts as a repeat, what its verdict says, and what that is worth."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest

from support.simulations import false_positive_share, repeated_experiment
from threeam.core.format.entry import Entry, Stamp
from threeam.core.write.draft import Draft
from threeam.core.write.writer import Writer
from threeam.experiments.arms.arm import Arm
from threeam.experiments.experiment import Experiment, Run
from threeam.experiments.experiment_report import experiment_report
from threeam.experiments.failure_rule import FAILED, PASSED
from threeam.experiments.fingerprint import ExperimentIdentity
from threeam.experiments.runs.repeats import find_repeats, ordinal
from threeam.experiments.runs.run_drafts import PlanFacts, plan_draft, runs_draft
from threeam.experiments.runs.run_log import experiments, require_experiment
from threeam.experiments.verdicts.verdict import experiment_json, verdict_draft, verdict_text
from threeam.projections import FOLD

IDENTITY = ExperimentIdentity("/srv/repro", "0123456789ab", "/srv", "exit!=0", "aa")
PIN = (Arm("bare"), Arm("pin", ("taskset", "-c", "0")))


class Night:
    """A journal in which experiments are made, one after the other."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self.state = FOLD.empty_state

    def plan(
        self, n: int, arms: tuple[Arm, ...] = PIN, identity: ExperimentIdentity = IDENTITY, seed: int = 7
    ) -> Experiment:
        self.write(plan_draft(f"./repro; {n} runs", PlanFacts(n, seed, arms, identity, "plan.json"), None))
        return experiments(self.state)[-1]

    def write(self, draft: Draft) -> Sequence[Entry]:
        entries = self._writer.write(draft).entries
        self.state = FOLD(self.state, entries)
        return entries

    def run(self, experiment: Experiment, *failed: int) -> str:
        """Make all runs of a plan, so many failed in each arm. Return the verdict."""
        runs = [
            Run(block * len(experiment.arms) + i + 1, arm, FAILED if block < failed[i] else PASSED, 0, 1, 1, 1, 0)
            for block in range(experiment.n)
            for i, arm in enumerate(experiment.arms)
        ]
        self.write(runs_draft(experiment.number, experiment.total, runs))
        return self.write(verdict_draft(experiment.number))[0].body


@pytest.fixture
def night(writer: Writer) -> Night:
    return Night(writer)


def test_the_second_one_is_held_against_less_and_the_sums_are_told(night: Night) -> None:
    first = night.plan(40)
    assert night.run(first, 13, 16).startswith("pin: no difference shown (p = 0.64); ")
    second = night.plan(40)
    assert (first.nth, second.nth) == (1, 2)
    assert second.alpha == pytest.approx(0.05 / 6)
    verdict = night.run(second, 10, 20)
    assert "pin: no difference shown (p = 0.037)" in verdict
    assert "; 2nd of 2 such experiments, so p is held against 0.0083; " in verdict
    assert "; together bare 23/80, pin 36/80 (p = 0.049), no difference shown; " in verdict
    assert "pin provokes it (p = 0.019)" in night.run(night.plan(40, (*PIN, Arm("nice", ("nice",)))), 9, 20, 10)


def test_sums_can_show_what_no_experiment_shows(night: Night) -> None:
    night.run(night.plan(40), 9, 19)
    verdict = night.run(night.plan(40), 9, 19)
    assert verdict.startswith("pin: no difference shown")
    assert "together bare 18/80, pin 38/80 (p = 0.0015), pin differs" in verdict


def test_runs_of_another_build_are_counted_as_a_repeat_and_are_in_no_sum(night: Night) -> None:
    """Before the fix both arms failed. The sums would say of the fixed program that it fails."""
    night.run(night.plan(40), 15, 30)
    fixed = IDENTITY._replace(sha256="bb")
    verdict = night.run(night.plan(40, identity=fixed), 0, 0)
    assert "2nd of 2 such experiments" in verdict
    assert "together" not in verdict
    assert "; 1 earlier one of another build: in no sum; " in verdict
    verdict = night.run(night.plan(40, identity=fixed), 0, 1)
    assert "; together bare 0/80, pin 1/80 (p = 1.0), no difference shown; 1 earlier one of another build" in verdict


def test_one_arm_has_a_sum_too(night: Night) -> None:
    night.run(night.plan(40, PIN[:1]), 5)
    verdict = night.run(night.plan(60, PIN[:1]), 7)
    assert verdict == ("together bare 12/100 failed, 12.0 % (6.36 to 20.0); bare 7/60 failed, 11.7 % (4.82 to 22.6)")


def test_an_abandoned_experiment_counts_and_one_without_a_run_does_not(night: Night) -> None:
    night.plan(40)
    assert night.plan(40).nth == 1
    night.write(runs_draft(2, 80, [Run(1, "bare", FAILED, 1, 1, 1, 1, 0)]))
    assert night.plan(20).nth == 2, "the number of runs may differ"


@pytest.mark.parametrize(
    ("arms", "identity"),
    [
        (PIN[:1], IDENTITY),
        (PIN[::-1], IDENTITY),
        ((PIN[0], Arm("pin", ("taskset", "-c", "1"))), IDENTITY),
        (PIN, IDENTITY._replace(arguments="ba9876543210")),
    ],
    ids=["fewer arms", "another first arm", "another wrapper", "other arguments"],
)
def test_another_plan_is_no_repeat(night: Night, arms: tuple[Arm, ...], identity: ExperimentIdentity) -> None:
    night.run(night.plan(10), 1, 1)
    assert night.plan(10, arms, identity).nth == 1


def test_the_report_names_the_last_one_and_what_has_changed_since(night: Night) -> None:
    night.run(night.plan(10), 1, 1)
    night.run(night.plan(10), 1, 1)
    third = night.plan(10, identity=IDENTITY._replace(sha256="bb"))
    repeats = find_repeats(night.state, third)
    assert [experiment.name for experiment in repeats] == ["R1", "R2"]
    *_, plan = experiment_report(third, Stamp(2), 80, emoji=False, repeats=repeats)
    lines = [(line.text, line.detail) for line in plan.lines]
    assert ("3rd such experiment, the last before it is R2", "") in lines
    assert ("the program changed since R2", "its SHA-256 was aa, and is bb") in lines
    assert experiment_json(third)["nth"] == 3


def test_a_rotation_keeps_how_many_there_were(night: Night) -> None:
    night.run(night.plan(4), 1, 1)
    second = night.plan(4)
    carried = FOLD(FOLD.empty_state, FOLD.checkpoint(night.state, Stamp(2)))
    assert require_experiment(carried, "R2").nth == second.nth == 2


def test_ordinals() -> None:
    assert [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 112)] == [
        *("1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "112th")
    ]


def test_equal_arms_in_eight_experiments_are_seldom_called_different() -> None:
    """Seeded: whoever repeats a plan until its verdict shows something. Thousands are in tests/soak."""

    def is_shown_at_last(random: Random) -> bool:
        return any(repeated_experiment(8, 40, 0.3, random))

    assert false_positive_share(60, is_shown_at_last) <= 0.05


def test_the_verdict_of_a_first_experiment_is_as_before(night: Night) -> None:
    verdict = night.run(night.plan(40), 13, 16)
    night.plan(1)
    assert verdict == verdict_text(require_experiment(night.state, "R1"))
    assert "such experiments" not in verdict
