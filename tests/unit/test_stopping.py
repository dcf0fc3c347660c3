"""An experiment that stops when it is decided: after which block, what its verdict says, and how often it is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.simulations import false_positive_share, stopped_experiment
from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import Stamp
from threeam.core.write.writer import Writer
from threeam.experiments.arms.arm import Arm, run_order
from threeam.experiments.experiment import Experiment, FailureKind, Run
from threeam.experiments.experiment_report import experiment_report
from threeam.experiments.failure_rule import FAILED, OUTCOMES, PASSED, TIMED_OUT
from threeam.experiments.fingerprint import ExperimentIdentity
from threeam.experiments.runs.run_drafts import PlanFacts, plan_draft, runs_draft
from threeam.experiments.runs.run_log import experiments
from threeam.experiments.statistics.sequential import BlockFailures, evidence_of
from threeam.experiments.verdicts.comparison import comparisons_of
from threeam.experiments.verdicts.stopping import EVIDENCE, EvidenceRule, is_done, needed_runs, rule_of
from threeam.experiments.verdicts.verdict import experiment_json, verdict_draft, verdict_text
from threeam.projections import FOLD

IDENTITY = ExperimentIdentity("/srv/repro", "0123456789ab", "/srv", "exit!=0")
SEED = 7


def made(writer: Writer, n: int, stop: str, results: dict[str, str], conclude: bool = True) -> Experiment:
    """An experiment in which the n-th run of an arm fails (f), passes (p) or times out (t), as a word per arm says.

    Other letters are failures of this kind.

    It makes the runs that its rule needs, in the order of its plan.
    """
    outcome_of = {"f": FAILED, "p": PASSED, "t": TIMED_OUT}
    arms = tuple(Arm(name) for name in results)
    entries = list(
        writer.write(plan_draft("x; 1 run ", PlanFacts(n, SEED, arms, IDENTITY, "", None, stop), None)).entries
    )
    (planned,) = experiments(FOLD(FOLD.empty_state, entries))
    rule, order = rule_of(planned), [arms[i] for i in run_order(len(arms), n, SEED)]
    runs: list[Run] = []
    new_kinds: dict[int, FailureKind] = {}
    words = {name: iter(word) for name, word in results.items()}
    for number in needed_runs(planned.remaining, order, rule):
        arm = order[number - 1].name
        letter = next(words[arm])
        outcome = outcome_of.get(letter, FAILED)
        kind = "" if letter in outcome_of else letter
        if kind and all(run.kind != kind for run in runs):
            new_kinds[number] = FailureKind(kind, f"{ord(kind):010x}", f"{kind} is printed")
        runs.append(Run(number, arm, outcome, 0, 1, 1, 1, 0, kind=kind))
        if rule is not None:
            rule.add(number, arm, outcome)
    entries += writer.write(runs_draft(1, planned.total, runs, new_kinds)).entries
    if conclude:
        entries += writer.write(verdict_draft(1)).entries
    (experiment,) = experiments(FOLD(FOLD.empty_state, entries))
    carried = FOLD(FOLD.empty_state, FOLD.checkpoint(FOLD(FOLD.empty_state, entries), Stamp(2)))
    assert experiments(carried) == [experiment], "a rotation keeps all of it"
    return experiment


def verdict_of(experiment: Experiment) -> str:
    assert experiment.verdict is not None
    return experiment.verdict.text


def test_two_arms_stop_after_the_block_that_decides(writer: Writer) -> None:
    experiment = made(writer, 150, EVIDENCE, {"bare": "p" * 150, "pin": "f" * 150})
    assert (experiment.stopped, experiment.remaining, is_done(experiment)) == ("5/150", [], True)
    assert (
        evidence_of([BlockFailures(False, True)] * 5).value > 40 > evidence_of([BlockFailures(False, True)] * 4).value
    )
    assert verdict_of(experiment).startswith(
        "pin provokes a failure that bare has never shown (p = 0.016 after 5 blocks)"
    )
    assert " after 5 blocks); looked at after each block, so p is held against 0.025; bare 0/5 failed" in verdict_of(
        experiment
    )
    (comparison,) = comparisons_of(experiment)
    assert comparison.p == pytest.approx(1 / evidence_of([BlockFailures(False, True)] * 5).value)
    record = experiment_json(experiment)
    assert (record["stopped"], record["comparisons"][0]["blocks"]) == ("5/150", 5)


@pytest.mark.parametrize(("pin", "has_several"), [("ab" * 20, True), ("a" * 40, False)])
def test_a_verdict_says_if_an_arm_was_stopped_by_failures_of_several_kinds(
    writer: Writer, pin: str, has_several: bool
) -> None:
    experiment = made(writer, 40, EVIDENCE, {"bare": "ap" * 20, "pin": pin})
    assert experiment.stopped
    alike = "; kinds a and b were counted alike when an arm was stopped; "
    assert (alike in verdict_of(experiment)) == has_several


def test_a_decided_arm_stops_and_the_others_continue(writer: Writer) -> None:
    experiment = made(writer, 40, EVIDENCE, {"bare": "p" * 40, "pin": "f" * 40, "nice": "p" * 40})
    assert experiment.stopped == "pin=6/40", "two comparisons need 80 to 1"
    assert [counts.total for counts in experiment.counts().values()] == [40, 6, 40]
    pin, nice = comparisons_of(experiment)
    assert (pin.level, nice.level, nice.p, nice.blocks) == (0.0125, 0.025, 1.0, None)
    assert "; 2 comparisons, looked at after each block, so p is held against 0.013, then 0.025; " in verdict_of(
        experiment
    )


def test_fisher_has_the_other_half_at_the_end(writer: Writer) -> None:
    """Failures of 25 and 10 in 100 that come evenly: the evidence is 3 to 1, and Fisher's p is 0.009."""
    experiment = made(writer, 100, EVIDENCE, {"bare": "fppppppppp" * 10, "pin": "pfpp" * 25})
    assert (experiment.stopped, len(experiment.remaining)) == ("", 0)
    (comparison,) = comparisons_of(experiment)
    assert (comparison.blocks, comparison.level, comparison.is_significant) == (None, 0.025, True)


def test_a_p_between_half_of_alpha_and_alpha_is_not_enough(writer: Writer) -> None:
    experiment = made(writer, 100, EVIDENCE, {"bare": "fppppppppp" * 10, "pin": "pfppp" * 12 + "pfpp" * 10})
    (comparison,) = comparisons_of(experiment)
    assert 0.025 < comparison.p < 0.05
    assert not comparison.is_significant


def test_a_block_in_which_a_run_timed_out_says_nothing(writer: Writer) -> None:
    experiment = made(writer, 60, EVIDENCE, {"bare": "t" * 20 + "p" * 40, "pin": "f" * 60})
    assert experiment.stopped == "25/60"


def test_one_arm_stops_at_the_first_failure_or_after_enough_clean_runs(writer: Writer) -> None:
    experiment = made(writer, 50, "clean:8", {"bare": "p" * 50})
    assert (experiment.stopped, verdict_of(experiment)) == (
        "8/50",
        "stopped after 8 of 50 runs; bare 0/8 failed, 0 % (0 to 36.9)",
    )


def test_a_failure_after_the_fix_is_the_last_run(writer: Writer) -> None:
    assert made(writer, 50, "clean:8", {"bare": "ppfp"}).stopped == "3/50"


def test_a_plan_that_is_not_decided_has_no_verdict_yet(writer: Writer) -> None:
    made(writer, 50, EVIDENCE, {"bare": "p" * 50, "pin": "f" * 50}, conclude=False)
    entries = writer.write(
        plan_draft("x", PlanFacts(9, 1, [Arm("a"), Arm("b")], IDENTITY, "", None, EVIDENCE), None)
    ).entries
    (planned,) = experiments(FOLD(FOLD.empty_state, entries))
    assert not is_done(planned)
    with pytest.raises(PreconditionFailed, match="R2 has no verdict before its plan is done"):
        writer.write(verdict_draft(2))
    writer.write(verdict_draft(1))  # of which every arm is decided


def test_the_report_of_a_decided_plan_offers_to_write_the_verdict(writer: Writer) -> None:
    experiment = made(writer, 50, EVIDENCE, {"bare": "p" * 50, "pin": "f" * 50}, conclude=False)
    conclusion = experiment_report(experiment, Stamp(2), 80, emoji=False)[0].lines[0]
    assert conclusion.text == verdict_text(experiment)
    assert "3am run --resume R1 writes it" in conclusion.detail


@given(
    st.lists(st.tuples(*[st.sampled_from(OUTCOMES)] * 3), max_size=40),
    st.randoms(use_true_random=False),
    st.integers(1, 4),
)
def test_the_order_in_which_runs_end_does_not_matter(
    blocks: Sequence[tuple[str, str, str]], random: Random, at_once: int
) -> None:
    """Side by side, a run may end after one of a later block: the blocks are looked at in their order."""
    arms = ("bare", "pin", "nice")
    numbered = [
        (block * 3 + i + 1, arm, outcomes[i]) for block, outcomes in enumerate(blocks) for i, arm in enumerate(arms)
    ]
    in_order, shuffled = EvidenceRule(arms, 0.5), EvidenceRule(arms, 0.5)
    for run in numbered:
        in_order.add(*run)
    for run in sorted(numbered, key=lambda run: run[0] + random.random() * 3 * at_once):
        shuffled.add(*run)
    assert shuffled.decisions == in_order.decisions
    assert [shuffled.needs(arm) for arm in arms] == [in_order.needs(arm) for arm in arms]


@pytest.mark.parametrize("arms", [2, 3, 5])
def test_equal_arms_are_seldom_called_different_though_each_block_is_looked_at(arms: int) -> None:
    """Seeded. Thousands of experiments are in tests/soak."""
    assert false_positive_share(80, lambda random: stopped_experiment(arms, 50, 0.3, random)) <= 0.05
