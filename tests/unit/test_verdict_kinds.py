"""A verdict compares kinds of failure: an arm that fails in another way says nothing about the bug."""

from __future__ import annotations

import pytest

from support.kinds_of_runs import MIXTURES, claim_shares, experiment_of_kinds
from threeam.experiments.kinds.kind_comparison import compare_hangs
from threeam.experiments.kinds.kind_counts import kinds_json, kinds_tags
from threeam.experiments.verdicts.verdict import experiment_json, verdict_text

Arms = dict[str, dict[str, int]]


def test_a_wrapper_that_breaks_the_program_does_not_provoke_the_lost_update() -> None:
    """Two sessions of psql: a quote in an arm broke the connection, in each run."""
    experiment = experiment_of_kinds(
        {
            "bare": {"a": 6, "pass": 44},
            "pin": {"a": 12, "pass": 38},
            "stress": {"a": 3, "pass": 47},
            "for-update": {"pass": 50},
            "repeatable-read": {"b": 50},
        }
    )
    sentences = verdict_text(experiment).split("; ")
    assert sentences[0].startswith("pin: no difference shown (p = 0.19)")
    assert "repeatable-read fails in another way, 50 of 50 (kind b, in bare 0 of 50): this says nothing about a" in (
        sentences
    )
    assert "provokes" not in verdict_text(experiment)
    assert kinds_tags(experiment) == [("KINDS", "a=bare:6,pin:12,stress:3 b=repeatable-read:50")]


def test_a_policy_that_starves_the_scheduler_does_not_provoke_the_deadlock() -> None:
    """A Go test: with `chrt -f` and one CPU each run was ended by its own time limit, and none had the deadlock."""
    experiment = experiment_of_kinds({"bare": {"a": 7, "pass": 53}, "chrt+pin": {"b": 60}})
    assert verdict_text(experiment).startswith(
        "chrt+pin fails in another way, 60 of 60 (kind b, in bare 0 of 60): this says nothing about a; "
    )


@pytest.mark.parametrize(
    ("arms", "sentence"),
    [
        (
            {"bare": {"a": 10, "pass": 140}, "delay": {"a": 138, "pass": 12}},
            "delay provokes it (p = 4.4e-57)",
        ),
        (
            {"bare": {"pass": 200}, "noise": {"a": 24, "pass": 176}},
            "noise provokes a failure that bare has never shown (p = 5.7e-08): kind a",
        ),
        (
            {"bare": {"pass": 200}, "noise": {"a": 14, "c": 10, "pass": 176}},
            "noise provokes a failure that bare has never shown (p = 5.7e-08): kinds a and c",
        ),
        (
            {"bare": {"pass": 200}, "noise": {"?": 24, "pass": 176}},
            "noise provokes a failure that bare has never shown (p = 5.7e-08)",
        ),
        (
            {"bare": {"a": 16, "b": 13, "pass": 71}, "strace": {"a": 1, "b": 12, "pass": 87}},
            "strace hides it (p = 0.0087): kind a 1, in bare 16, kind b 12, in bare 13",
        ),
        (
            {"bare": {"a": 20, "pass": 80}, "rr": {"b": 40, "pass": 60}},
            "rr fails in another way, 40 of 100 (kind b, in bare 0 of 100); without these rr hides it (p = 0.000042)",
        ),
        (
            {"bare": {"a": 20, "pass": 80}, "rr": {"b": 40, "c": 12, "a": 9, "pass": 39}},
            "rr fails in other ways, 40 of 100 (kind b, in bare 0 of 100), 12 of 100 (kind c, in bare 0 of 100): "
            "this says nothing about a",
        ),
        (
            {"old": {"a": 30, "pass": 70}, "new": {"b": 30, "pass": 70}},
            "new fails in another way, 30 of 100 (kind b, in old 0 of 100); "
            "without these new: fewer failures than old (p = 1.6e-08)",
        ),
        (  # as often as chance would have it: the kinds are compared as one
            {"bare": {"a": 6, "pass": 44}, "pin": {"a": 3, "b": 3, "pass": 44}},
            "pin: no difference shown (p = 1.0)",
        ),
        (  # b has p = 0.027, and is one of two kinds
            {"bare": {"a": 6, "pass": 44}, "pin": {"a": 6, "b": 6, "pass": 38}},
            "pin: no difference shown (p = 0.19); 176 runs an arm would show one of this size",
        ),
        (  # b has p = 0.0058; kinds too rare to be shown do not make the level stricter
            {
                "bare": {"a": 6, **dict.fromkeys("cdef", 1), "pass": 40},
                "pin": {"a": 6, "b": 8, **dict.fromkeys("ghij", 1), "pass": 32},
            },
            "pin fails in another way, 8 of 50 (kind b, in bare 0 of 50): this says nothing about a, c, d, e and f",
        ),
        (
            {"bare": {"?": 6, "pass": 44}, "rr": {"b": 50}},
            "rr fails in another way, 50 of 50 (kind b, in bare 0 of 50): this says nothing about the failures of bare",
        ),
    ],
)
def test_the_sentence_about_an_arm(arms: Arms, sentence: str) -> None:
    assert f"{verdict_text(experiment_of_kinds(arms))}; ".startswith(f"{sentence}; ")


def test_more_failures_that_are_all_of_another_kind_do_not_provoke_it() -> None:
    """Neither kind is clear by itself at the level for two kinds and two arms, but without them nothing is left."""
    arms = {
        "bare": {"a": 1, "d": 3, "pass": 96},
        "pin": {"a": 1, "d": 3, "b": 7, "c": 7, "pass": 82},
        "nice": {"a": 3, "d": 3, "pass": 94},
    }
    assert verdict_text(experiment_of_kinds(arms)).startswith(
        "pin fails in other ways, 7 of 100 (kind b, in bare 0 of 100), 7 of 100 (kind c, in bare 0 of 100): "
        "this says nothing about a and d; "
    )


def test_outputs_full_of_chance_text_are_compared_as_one_kind() -> None:
    arms: Arms = {"bare": {**dict.fromkeys("abcde", 1), "pass": 45}, "pin": {**dict.fromkeys("fghijk", 4), "pass": 26}}
    few = experiment_of_kinds(arms)
    assert "fails in other ways" in verdict_text(few)
    arms["bare"] = {**dict.fromkeys("abcdelmno", 1), "pass": 41}
    sentences = verdict_text(experiment_of_kinds(arms)).split("; ")
    assert sentences[:2] == [
        "pin provokes it (p = 0.0026)",
        "15 kinds of failure are too many to tell apart, and are compared as one",
    ]


def test_time_outs_are_compared_as_an_outcome_of_their_own() -> None:
    arms: Arms = {"bare": {"a": 1, "pass": 29}, "noise": {"a": 1, "B": 6, "pass": 23}, "pin": {"B": 1, "pass": 29}}
    sentences = verdict_text(experiment_of_kinds(arms)).split("; ")
    assert (
        "noise hangs more often: 6 of 30, bare 0 of 30 (p = 0.024, kind b): if that is the bug, --fail timeout "
        "counts it" in sentences
    )
    assert "6 runs of noise timed out, and are not in its rate" in sentences
    assert not any(sentence.startswith("pin hangs") for sentence in sentences)
    less = experiment_of_kinds({"bare": {"B": 9, "pass": 21}, "pin": {"pass": 30}})
    assert "pin hangs less often: 0 of 30, bare 9 of 30 (p = 0.0019, kind b)" in verdict_text(less)
    assert compare_hangs(experiment_of_kinds({"bare": {"a": 9}, "pin": {"pass": 9}})) == []


def test_the_machine_output_has_each_kind() -> None:
    experiment = experiment_of_kinds({"bare": {"a": 6, "pass": 44}, "rr": {"b": 50}})
    assert experiment_json(experiment)["kinds"] == kinds_json(experiment)
    assert [(kind["kind"], kind["runs"]) for kind in kinds_json(experiment)] == [
        ("a", {"bare": 6, "rr": 0}),
        ("b", {"bare": 0, "rr": 50}),
    ]
    comparison = experiment_json(experiment)["comparisons"][0]
    assert (comparison["shown"], comparison["p"]) == (False, 1.0)


@pytest.mark.parametrize("mixture", MIXTURES)
def test_equal_arms_are_seldom_said_to_differ(mixture: str) -> None:
    """The soak tests try more experiments, and more arms."""
    experiments, n = 100, 30
    shares = claim_shares(MIXTURES[mixture], 2, n, experiments)
    assert max(shares) <= 0.05 + 2.4 * (0.05 * 0.95 / experiments) ** 0.5


@pytest.mark.parametrize(
    ("arms", "says"),
    [
        (
            {"bare": {"a": 16, "pass": 14}, "pin": {"pass": 13, "B": 17}},
            "pin: fewer failures than bare, but only among the runs that have a result (p = 0.00059)",
        ),
        ({"bare": {"a": 16, "pass": 14}, "pin": {"pass": 28, "B": 2}}, "pin hides it"),  # even if the two had failed
        (
            {"bare": {"pass": 13, "B": 17}, "pin": {"a": 16, "pass": 14}},
            "pin: more failures than bare, but only among the runs that have a result (p = 0.00059)",
        ),
        ({"bare": {"a": 1, "pass": 27, "B": 2}, "pin": {"a": 20, "pass": 8, "B": 2}}, "pin provokes it"),
    ],
)
def test_an_arm_that_hangs_does_not_hide_the_failure(arms: Arms, says: str) -> None:
    """Its runs that hung might have failed: the few that are left are no sample of all."""
    assert verdict_text(experiment_of_kinds(arms)).startswith(says)
