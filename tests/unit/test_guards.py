"""What is said of a claim, a verdict or a prediction before it is written."""

from __future__ import annotations

import pytest

from support.hypotheses import (
    ALICE,
    BOB,
    LIMIT,
    WITH_EVIDENCE,
    WITHOUT,
    change_entries,
    hypothesis_entry,
    line,
    state_after,
    verdict_entry,
    written_entries,
)
from support.lines import at_second
from threeam.hypotheses.amendments import correction_draft
from threeam.hypotheses.drafts import conclusion_draft, evidence_draft, hypothesis_draft, prediction_draft
from threeam.hypotheses.guards import (
    LATE_PREDICTION,
    NO_EVIDENCE,
    PREDICTION_AFTER_VERDICT,
    overturned_verdicts,
    similar_refuted,
    warnings_for,
)
from threeam.hypotheses.thread import thread_report
from threeam.projections import FOLD

# --- guards

REFUTED = state_after(
    hypothesis_entry(1, "reads go to the replica, and the replica lags"),
    verdict_entry(1, "refuted", "lag was 0.4 ms", 5, BOB),
    hypothesis_entry(2, "two sweepers run at once", 6),
    hypothesis_entry(3, "the pool hands out a dirty connection", 7),
    verdict_entry(3, "parked", "not this", 8),
)


@pytest.mark.parametrize(
    "again",
    [
        "reads go to the replica, and the replica lags",
        "READS GO TO THE REPLICA AND THE REPLICA LAGS!",
        "the replica is lagging and reads go there",
        "lagging replicas, and reads that go to one",
    ],
)
def test_a_claim_that_was_refuted_is_known_in_other_words(again: str) -> None:
    like = similar_refuted(REFUTED, again)
    assert like is not None
    assert like.name == "H1"


@pytest.mark.parametrize(
    "other",
    [
        "the TTL sweeper races the cart writer",
        "a retry in the load balancer sends the request twice",
        "the clock of db2 is behind",
        "reads of the replica see rows of the vacuum",  # two words in common are not enough
        "two sweepers run at once",  # open: it stands on the board, nobody needs to be told
        "the pool hands out a dirty connection",  # parked, not refuted
        "the",
        "",
        "…",
    ],
)
def test_a_claim_of_something_else_resembles_nothing(other: str) -> None:
    assert similar_refuted(REFUTED, other) is None


def test_a_word_is_known_in_another_form() -> None:
    state = state_after(hypothesis_entry(1, "reads go to a lagging replica"), verdict_entry(1, "refuted", "no", 5))
    assert similar_refuted(state, "reads going to the replica which lags") is not None


def test_a_refuted_claim_that_was_reopened_resembles_nothing() -> None:
    assert (
        similar_refuted(FOLD(REFUTED, [verdict_entry(1, "open", "seen", 9)]), "the replica lags, and reads go there")
        is None
    )


def test_the_most_alike_of_the_refuted_ones_is_shown() -> None:
    state = FOLD(REFUTED, [hypothesis_entry(4, "the replica lags", 10), verdict_entry(4, "refuted", "no", 11)])
    like = similar_refuted(state, "the replica lags")
    assert like is not None
    assert like.name == "H4"


def test_a_refuted_claim_is_known_by_the_words_that_it_was_corrected_to() -> None:
    state = FOLD(
        REFUTED, written_entries(correction_draft(at_second(0), "the kernel reorders the datagrams"), REFUTED, 20)
    )
    like = similar_refuted(state, "datagrams are reordered by the kernel")
    assert like is not None
    assert like.name == "H1"


def test_a_new_claim_that_resembles_a_refuted_one_is_told_the_reason() -> None:
    block = written_entries(hypothesis_draft("reads go to a replica that lags", LIMIT), REFUTED, 20)
    (remark,) = warnings_for(REFUTED, block)
    assert remark == ("H4 resembles H1 'reads go to the replica, and the replica lags', refuted by bob: lag was 0.4 ms")


@pytest.mark.parametrize(
    ("claim", "is_warned"),
    [
        ("the sweeper races the writer", True),
        ("a sweeper raced the writers", True),
        ("the sweeper races the renewer of carts", False),
        ("the writer deadlocks", False),
    ],
)
def test_a_new_claim_that_says_what_an_open_one_says_is_noticed(claim: str, is_warned: bool) -> None:
    state = state_after(hypothesis_entry(1, "the sweeper races the writer"))
    remarks = warnings_for(state, written_entries(hypothesis_draft(claim, LIMIT), state, 20))
    expected = "H2 resembles H1 'the sweeper races the writer', which is open: one of them is enough"
    assert remarks == ([expected] if is_warned else [])


def test_a_verdict_after_a_reopening_names_the_reopening() -> None:
    reopened = FOLD(REFUTED, written_entries(conclusion_draft("reopen", "H1", "seen again", LIMIT), REFUTED, 9))
    (*_, remark) = warnings_for(reopened, written_entries(conclusion_draft("park", "H1", "later", LIMIT), reopened, 10))
    assert remark.startswith("H1 was reopened by ")


@pytest.mark.parametrize("verb", ["confirm", "refute"])
def test_a_verdict_without_evidence_says_so(verb: str) -> None:
    assert warnings_for(WITHOUT, written_entries(conclusion_draft(verb, "H1", "why", LIMIT), WITHOUT, 10)) == [
        f"H1: {NO_EVIDENCE}"
    ]
    assert (
        warnings_for(WITH_EVIDENCE, written_entries(conclusion_draft(verb, "H1", "why", LIMIT), WITH_EVIDENCE, 10))
        == []
    )


def test_parking_needs_no_evidence() -> None:
    assert warnings_for(WITHOUT, written_entries(conclusion_draft("park", "H1", "why", LIMIT), WITHOUT, 10)) == []


def test_a_prediction_written_after_the_evidence_says_so() -> None:
    assert warnings_for(WITHOUT, written_entries(prediction_draft("H1", "clean"), WITHOUT, 10)) == []
    assert warnings_for(WITH_EVIDENCE, written_entries(prediction_draft("H1", "clean"), WITH_EVIDENCE, 10)) == [
        f"H1: {LATE_PREDICTION}"
    ]


@pytest.mark.parametrize("verb", ["confirm", "refute"])
def test_a_prediction_written_after_the_verdict_says_so_until_the_hypothesis_is_reopened(verb: str) -> None:
    judged = FOLD(WITHOUT, written_entries(conclusion_draft(verb, "H1", "why", LIMIT), WITHOUT, 10))
    late = written_entries(prediction_draft("H1", "clean"), judged, 11)
    assert warnings_for(judged, late) == [f"H1: {PREDICTION_AFTER_VERDICT}"]
    after = FOLD(judged, late)
    assert PREDICTION_AFTER_VERDICT in str(thread_report(after, after.hypotheses[1], None))
    reopened = FOLD(judged, written_entries(conclusion_draft("reopen", "H1", "seen again", LIMIT), judged, 12))
    assert warnings_for(reopened, written_entries(prediction_draft("H1", "clean"), reopened, 13)) == []


@pytest.mark.parametrize(
    ("when", "warned"),
    [((), False), ((30,), False), ((30, 40), True), ((5, 30), False), ((30, 60), False), ((30, 35, 40), True)],
    ids=str,
)
def test_two_changes_between_two_observations_are_two_things_at_once(when: tuple[float, ...], warned: bool) -> None:
    before = state_after(
        hypothesis_entry(1, "the sweeper"),
        line(10, ALICE, "clean"),
        *change_entries(*(entry for entry in when if entry < 50)),
        line(50, ALICE, "dirty"),
        line(55, ALICE, f"Supports: @{at_second(10)} clean", ("H1", "open")),
        *change_entries(*(entry for entry in when if entry > 50)),
    )
    warnings = warnings_for(
        before, written_entries(evidence_draft("contradict", "H1", at_second(50), "dirty"), before, 70)
    )
    assert bool(warnings) is warned, warnings
    if warned:
        assert "things changed at once" in warnings[0]
        assert warnings[0].endswith("; ".join(f"thing {entry:g}" for entry in when))


def test_a_change_for_another_hypothesis_is_none_of_the_things_changed_at_once() -> None:
    def told(*bound: int) -> list[str]:
        tags = [(f"H{number}", "open") for number in bound]
        changed = [line(30 + i, BOB, f"Changed: thing {i}", tag, ("CHANGE", "open")) for i, tag in enumerate(tags)]
        evidence_for = line(55, ALICE, f"Supports: @{at_second(10)} clean", ("H1", "open"))
        before = state_after(
            hypothesis_entry(1, "the sweeper"), hypothesis_entry(2, "the pool"), *changed, evidence_for
        )
        return warnings_for(
            before, written_entries(evidence_draft("contradict", "H1", at_second(50), "dirty"), before, 70)
        )

    assert told(1, 2) == []
    assert len(told(1, 1)) == 1


def test_the_order_in_which_two_observations_are_cited_does_not_matter() -> None:
    before = state_after(
        hypothesis_entry(1, "the sweeper"),
        *change_entries(30, 40),
        line(55, ALICE, f"Supports: @{at_second(50)} dirty", ("H1", "open")),
    )
    (warnings,) = warnings_for(
        before, written_entries(evidence_draft("contradict", "H1", at_second(10), "clean"), before, 70)
    )
    assert warnings.startswith("H1: two things changed at once")


def test_a_verdict_over_somebody_elses_says_that_both_stand() -> None:
    before = FOLD(WITH_EVIDENCE, [verdict_entry(1, "confirmed", "yes", 10, BOB)])
    assert warnings_for(before, written_entries(conclusion_draft("refute", "H1", "no", LIMIT), before, 310)) == [
        "H1 was confirmed by bob 5m before (yes): both stand, and the later counts"
    ]


def test_a_user_who_is_overturned_is_reported_and_no_other() -> None:
    before = FOLD(WITH_EVIDENCE, [verdict_entry(1, "confirmed", "yes", 10, BOB)])
    block = written_entries(conclusion_draft("refute", "H1", "it was off", LIMIT), before, 310)
    assert overturned_verdicts(before, block, "bob") == [
        "H1: alice says refuted 5m after you said confirmed: it was off"
    ]
    assert overturned_verdicts(before, block, "alice") == []
    assert overturned_verdicts(before, block, "carol") == []


def test_nobody_is_overturned_by_themselves_by_agreement_or_by_evidence() -> None:
    before = FOLD(WITH_EVIDENCE, [verdict_entry(1, "confirmed", "yes", 10, BOB)])
    assert (
        overturned_verdicts(
            before, written_entries(conclusion_draft("refute", "H1", "no", LIMIT), before, 20, BOB), "bob"
        )
        == []
    )
    assert overturned_verdicts(before, [verdict_entry(1, "confirmed", "me too", 20, ALICE)], "bob") == []
    assert (
        overturned_verdicts(before, written_entries(evidence_draft("contradict", "H1", None, "hm"), before, 20), "bob")
        == []
    )
    assert overturned_verdicts(WITHOUT, [verdict_entry(1, "confirmed", "yes", 20, ALICE)], "bob") == []
