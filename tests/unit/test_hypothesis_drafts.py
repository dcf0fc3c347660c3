"""Drafts of hypotheses, evidence and verdicts."""

from __future__ import annotations

import pytest

from support.hypotheses import (
    ALICE,
    BOB,
    CRON,
    LIMIT,
    OF_THE_SCRIPT,
    SCRIPT,
    WITH_EVIDENCE,
    WITHOUT,
    hypothesis_entry,
    line,
    refusal,
    state_after,
    state_with_correction,
    texts_of,
    verdict_entry,
    written_entries,
)
from support.lines import at_second
from threeam.core.errors import PreconditionFailed
from threeam.core.state.fold import Hypothesis
from threeam.core.write.draft import Draft
from threeam.hypotheses.drafts import (
    citable_stamp,
    conclusion_draft,
    evidence_draft,
    excerpt,
    prediction_draft,
    require_hypothesis,
)
from threeam.hypotheses.evidence import Evidence
from threeam.hypotheses.ledger import thread_of, verdict_of
from threeam.projections import FOLD


@pytest.mark.parametrize(
    ("draft", "text", "state"),
    [
        (prediction_draft(CRON, "no run at 3"), "Prediction: no run at 3", "open"),
        (evidence_draft("support", CRON, at_second(3), "there"), f"Supports: @{at_second(3)} there", "open"),
        (evidence_draft("contradict", CRON, None, "no cron"), "Contradicts: no cron", "open"),
        (conclusion_draft("refute", CRON, "cron was off", LIMIT), "Conclusion: cron was off", "refuted"),
        (conclusion_draft("park", CRON, "later", LIMIT), "Conclusion: later", "parked"),
    ],
)
def test_acting_on_one_of_the_scripts_gives_it_a_number_in_a_line_that_cites_it(
    draft: Draft, text: str, state: str
) -> None:
    block = written_entries(draft, OF_THE_SCRIPT, 10)
    assert [(entry.text, entry.hypothesis) for entry in block] == [
        (f"Hypothesis: {CRON} the cron job", (5, "open")),
        (text, (5, state)),
    ]
    now = FOLD(OF_THE_SCRIPT, block)
    assert list(now.hypotheses) == [4, 5]
    assert now.hypotheses[5] == Hypothesis(5, state, "the cron job", None, at_second(2), block[0].stamp.ns)
    assert now.find_hypothesis(CRON) == now.hypotheses[5]  # the name that it had still works
    assert texts_of(written_entries(prediction_draft(CRON, "again"), now, 20)) == [
        "Prediction: again"
    ]  # and gives no second number


def test_reopening_one_of_the_scripts_that_is_open_is_declined_without_a_number() -> None:
    assert (
        refusal(conclusion_draft("reopen", CRON, "x", LIMIT), OF_THE_SCRIPT) == f"{CRON} is open already: the cron job"
    )


@pytest.mark.parametrize(("cups", "marked"), [(LIMIT, False), (LIMIT + 1, True)])
@pytest.mark.parametrize("verb", ["confirm", "refute", "park"])
def test_a_conclusion_over_the_limit_is_to_be_looked_at_again(verb: str, cups: int, marked: bool) -> None:
    state = FOLD(WITHOUT, [line(5, ALICE, "x", cups=cups)])
    (entry,) = written_entries(conclusion_draft(verb, "H1", "because", LIMIT), state, 10)
    assert (entry.tag("RECHECK") is not None) is marked
    now = FOLD(state, [entry])
    verdict = verdict_of(now, now.hypotheses[1])
    assert verdict is not None
    assert verdict.recheck is marked


def test_the_cups_that_count_are_those_of_who_judges_this_night() -> None:
    state = FOLD(WITHOUT, [line(5, ALICE, "x", cups=9)])
    assert written_entries(conclusion_draft("confirm", "H1", "y", LIMIT), state, 10, BOB)[0].tag("RECHECK") is None
    assert (
        written_entries(conclusion_draft("confirm", "H1", "y", LIMIT), state, 10 + 9 * 3600)[0].tag("RECHECK") is None
    )


def test_reopening_is_not_a_conclusion_and_is_never_marked() -> None:
    state = FOLD(WITHOUT, [verdict_entry(1, "parked", "later", 4), line(5, ALICE, "x", cups=9)])
    assert written_entries(conclusion_draft("reopen", "H1", "seen", LIMIT), state, 10)[0].tags[1:] == (("H1", "open"),)


def test_evidence_without_words_quotes_the_line_that_it_cites() -> None:
    cited = line(3, ALICE, "UPDATE 2 ms after DELETE")
    assert excerpt(WITHOUT, cited) == "UPDATE 2 ms after DELETE"
    assert excerpt(state_with_correction(WITHOUT, at_second(3), "3 ms", 5), cited) == "3 ms", "as it is read now"
    (entry,) = written_entries(
        evidence_draft("support", "H1", citable_stamp(cited), excerpt(WITHOUT, cited)), WITHOUT, 10
    )
    assert entry.text == f"Supports: @{at_second(3)} UPDATE 2 ms after DELETE"
    assert (citable_stamp(entry), excerpt(WITHOUT, entry)) == (at_second(3), "UPDATE 2 ms after DELETE"), (
        "of evidence, what it cites"
    )


def test_evidence_cites_an_entry_or_is_words_alone() -> None:
    cited = line(3, ALICE, "UPDATE 2 ms after DELETE")
    (quoted,) = written_entries(Evidence("", cited).draft("support", "H1"), WITHOUT, 10)
    assert quoted.text == f"Supports: @{at_second(3)} UPDATE 2 ms after DELETE"
    (other,) = written_entries(Evidence("two rows", quoted).draft("contradict", "H1"), WITHOUT, 11)
    assert other.text == f"Contradicts: @{at_second(3)} two rows", "what the evidence cites, not the evidence"
    (words,) = written_entries(Evidence("seen at noon").draft("support", "H1"), WITHOUT, 12)
    assert words.text == "Supports: seen at noon"


def test_what_is_quoted_is_as_long_as_a_glance() -> None:
    assert excerpt(WITHOUT, line(3, ALICE, "x" * 160)) == "x" * 160
    assert excerpt(WITHOUT, line(3, ALICE, "x" * 161)) == "x" * 159 + "…"


def test_words_of_several_lines_are_a_block_under_the_number() -> None:
    for draft in (
        prediction_draft("H1", "a\nb"),
        evidence_draft("support", "H1", None, "a\nb"),
        conclusion_draft("park", "H1", "a\nb", LIMIT),
    ):
        lines = written_entries(draft, WITHOUT, 10)
        assert [line.text.partition(": ")[2] or line.text for line in lines] == ["a", "| b"]
        assert {line.hypothesis for line in lines} == {lines[0].hypothesis}


def test_the_same_said_of_the_same_line_twice_is_declined_and_the_opposite_is_not() -> None:
    cited = at_second(1)
    assert refusal(evidence_draft("support", "H1", cited, "again"), WITH_EVIDENCE, BOB) == (
        "alice has said already that this line supports H1"
    )
    now = FOLD(WITH_EVIDENCE, written_entries(evidence_draft("contradict", "H1", cited, "no"), WITH_EVIDENCE, 10, BOB))
    assert thread_of(now, now.hypotheses[1]).supports == ()
    assert (
        len(written_entries(evidence_draft("support", "H1", cited, "yes, it does"), now, 20)) == 1
    )  # the last word is not said yet


@pytest.mark.parametrize(
    "draft",
    [prediction_draft("H9", "x"), evidence_draft("support", "H9", None, "x"), conclusion_draft("park", "h9", "x", 4)],
)
def test_an_unknown_number_names_those_there_are(draft: Draft) -> None:
    state = state_after(hypothesis_entry(1, "a"), hypothesis_entry(2, "b"), line(3, SCRIPT, "Hypothesis: c"))
    assert refusal(draft, state).endswith(f"there are H1, H2, @{at_second(3)}")
    assert refusal(draft, FOLD.empty_state).endswith("there is none yet, and 3am hyp new opens one")


def test_of_many_hypotheses_the_last_nine_are_named() -> None:
    state = state_after(*(hypothesis_entry(number, "x", number) for number in range(1, 13)))
    with pytest.raises(PreconditionFailed, match=r"there are H4, H5, .*, H12$"):
        require_hypothesis(state, "H99")


def test_a_verdict_that_stands_is_declined_with_its_reason() -> None:
    state = FOLD(WITHOUT, [verdict_entry(1, "refuted", "it was off", 5, BOB)])
    assert refusal(conclusion_draft("refute", "H1", "x", LIMIT), state) == "H1 is refuted already: it was off"
