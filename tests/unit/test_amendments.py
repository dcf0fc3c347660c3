"""Words that come later: those of a stamp, and corrections."""

from __future__ import annotations

from support.hypotheses import (
    ALICE,
    BOB,
    CRON,
    OF_THE_SCRIPT,
    WITH_EVIDENCE,
    WITHOUT,
    line,
    refusal,
    state_after,
    state_with_correction,
    texts_of,
    verdict_entry,
    written_entries,
)
from support.lines import at_second
from threeam.hypotheses.amendments import (
    amended_stamp,
    amendments,
    claim_of,
    correction_draft,
    current_text,
    stamp_draft,
    stamp_words_draft,
    strip_kind,
)
from threeam.hypotheses.changes import change_draft, open_changes, undone_draft
from threeam.hypotheses.drafts import evidence_draft, hypothesis_draft, prediction_draft
from threeam.hypotheses.guards import overturned_verdicts
from threeam.hypotheses.ledger import thread_of
from threeam.projections import FOLD

# --- words that come later

BY_ALICE = state_after(line(0, ALICE, "Stamp: words follow", ("STAMP", "now")))


def test_a_stamp_waits_for_its_words_and_then_has_them() -> None:
    (taken,) = written_entries(stamp_draft(), FOLD.empty_state, 0)
    state = state_after(taken)
    assert list(amendments(state).pending_stamps) == [at_second(0).ns]
    state = FOLD(state, written_entries(stamp_words_draft(lambda: at_second(0), "the lag jumped"), state, 5))
    assert amendments(state).pending_stamps == {}
    assert current_text(state, at_second(0), "words follow") == "the lag jumped"


def test_words_whose_stamp_was_taken_back_are_declined() -> None:
    assert refusal(stamp_words_draft(lambda: None, "x"), BY_ALICE).startswith(
        "the stamp for these words was taken back"
    )


def test_anybody_may_give_the_words_for_a_stamp_that_they_name() -> None:
    assert texts_of(written_entries(stamp_words_draft(lambda: at_second(0), "x"), BY_ALICE, 5, BOB)) == [
        f"Words: @{at_second(0)} x"
    ]


def test_words_for_what_has_some_or_is_not_a_stamp_are_declined_with_what_there_is() -> None:
    assert refusal(stamp_words_draft(lambda: at_second(1), "x"), BY_ALICE) == (
        f"@{at_second(1)} is not a stamp without words: @{at_second(0)} wait for them"
    )
    now = FOLD(BY_ALICE, written_entries(stamp_words_draft(lambda: at_second(0), "the lag"), BY_ALICE, 5))
    assert refusal(stamp_words_draft(lambda: at_second(0), "x"), now) == (
        f"@{at_second(0)} has its words already, 'the lag': correct them instead"
    )
    assert refusal(stamp_words_draft(lambda: at_second(1), "x"), now).endswith("none waits for them")


def test_a_correction_is_read_in_place_of_the_line_and_counted_nowhere() -> None:
    state = state_with_correction(WITHOUT, at_second(0), "two sweepers", 5)
    assert claim_of(state, state.hypotheses[1]) == "two sweepers"
    assert state.hypotheses == WITHOUT.hypotheses
    assert current_text(state, at_second(1), "another line") == "another line"


def test_a_correction_of_a_correction_goes_to_the_original() -> None:
    (once,) = written_entries(correction_draft(at_second(0), "two sweepers"), WITHOUT, 5)
    state = FOLD(WITHOUT, [once])
    assert amended_stamp(state, once) == at_second(0)
    (again,) = written_entries(correction_draft(amended_stamp(state, once), "three sweepers"), state, 6)
    assert again.text == f"Correction: @{at_second(0)} three sweepers"
    assert again.tag("CORRECTION") == "2"
    state = FOLD(state, [again])
    assert claim_of(state, state.hypotheses[1]) == "three sweepers"
    assert amendments(state).by_target[at_second(0).ns].correction_count == 2
    assert list(amendments(state).by_target) == [at_second(0).ns]


def test_the_words_of_a_stamp_can_be_corrected_by_either_of_their_lines() -> None:
    (given,) = written_entries(stamp_words_draft(lambda: at_second(0), "replica 1"), BY_ALICE, 5)
    state = FOLD(BY_ALICE, [given])
    for of in (at_second(0), amended_stamp(state, given)):
        assert current_text(state_with_correction(state, of, "replica 2", 9), at_second(0), "") == "replica 2"


def test_correcting_the_line_that_gave_it_a_number_corrects_the_scripts_claim() -> None:
    numbered, predicted = written_entries(prediction_draft(CRON, "x"), OF_THE_SCRIPT, 6)
    state = FOLD(OF_THE_SCRIPT, [numbered, predicted])
    assert amended_stamp(state, predicted) == predicted.stamp
    state = state_with_correction(state, amended_stamp(state, numbered), "the cron job of db2", 9)
    assert claim_of(state, state.hypotheses[5]) == "the cron job of db2"


def test_a_claim_that_begins_with_a_stamp_is_corrected_itself() -> None:
    (mine,) = written_entries(hypothesis_draft(f"{CRON} is wrong, it is the DNS", 4), OF_THE_SCRIPT, 6)
    state = FOLD(OF_THE_SCRIPT, [mine])
    assert len(state.hypotheses) == len(OF_THE_SCRIPT.hypotheses) + 1
    assert amended_stamp(state, mine) == mine.stamp


def test_evidence_that_mentions_a_stamp_further_on_is_its_own() -> None:
    (entry,) = written_entries(
        evidence_draft("contradict", "H1", None, f"it was off, unlike at @{at_second(1)}"), WITH_EVIDENCE, 10
    )
    state = FOLD(WITH_EVIDENCE, [entry])
    thread = thread_of(state, state.hypotheses[1])
    assert (len(thread.supports), len(thread.contradicts)) == (1, 1)


def test_a_correction_of_a_change_corrects_its_undo() -> None:
    state = state_after(*written_entries(change_draft("set x", "unset x"), FOLD.empty_state, 0))
    state = state_with_correction(state, at_second(0), "set y (undo: unset y)", 5)
    assert [(change.text, change.undo) for change in open_changes(state)] == [("set y", "unset y")]
    assert written_entries(undone_draft(at_second(0), ""), state, 9)[0].text == f"Undone: @{at_second(0)} unset y"


def test_a_correction_of_several_lines_is_one_line() -> None:
    (entry,) = written_entries(correction_draft(at_second(0), "a\nb"), WITHOUT, 5)
    assert entry.text == f"Correction: @{at_second(0)} a / b"


def test_a_correction_keeps_the_kind_out_of_its_words() -> None:
    assert strip_kind(line(0, ALICE, "Next: a", ("NOTED", "next")), "Next: b") == "b"
    assert strip_kind(line(0, ALICE, "a"), "Next: b") == "Next: b"


def test_a_user_who_is_overturned_in_the_same_breath_is_reported() -> None:
    mine, theirs = verdict_entry(1, "refuted", "no", 20), verdict_entry(1, "confirmed", "yes", 21, BOB)
    assert overturned_verdicts(WITH_EVIDENCE, [mine, theirs], "alice") == [
        "H1: bob says confirmed 1s after you said refuted: yes"
    ]


def test_a_correction_of_the_scripts_claim_holds_when_it_gets_its_number() -> None:
    state = state_with_correction(OF_THE_SCRIPT, at_second(2), "the cron job of db2", 5)
    state = FOLD(state, written_entries(prediction_draft(CRON, "x"), state, 6))
    assert claim_of(state, state.hypotheses[5]) == "the cron job of db2"
