"""Drafts: what is going to be written, as pure functions of the state and the stamp."""

from __future__ import annotations

import pytest

from support.lines import BY, HOUR_NS, NIGHT
from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import NS_PER_S, Entry, Stamp
from threeam.core.state.fold import State
from threeam.core.write.draft import TOXIC_TEXT, DraftLine, WriteContext, note_draft, toxicity_warning
from threeam.human import drafts as human_drafts
from threeam.hypotheses.drafts import conclusion_draft, hypothesis_draft
from threeam.projections import FOLD
from threeam.reports.end_of_night import sleep_draft

ALICE = WriteContext("alice", 8 * HOUR_NS)
NOW = Stamp(NIGHT.ns + 60 * NS_PER_S)


def after(*lines: tuple[int, tuple[tuple[str, str], ...], str]) -> State:
    return FOLD(
        FOLD.empty_state, [Entry(Stamp(NIGHT.ns + i), cups, tags, text) for i, (cups, tags, text) in enumerate(lines)]
    )


NOTHING = FOLD.empty_state
OPENED = after((0, (BY, ("H7", "open")), "Hypothesis: the sweeper"))
WITH_FOUR = after((4, (BY, ("MG", "95")), "Coffee: cup 4 of the night."))


def texts(said: object) -> list[str]:
    assert isinstance(said, list)
    return [record.text for record in said]


def test_a_note_is_its_lines_and_reads_no_state() -> None:
    draft = note_draft("one\ntwo")
    assert draft.make_lines(NOTHING, ALICE, NOW) == [DraftLine("one"), DraftLine("| two")]
    assert (draft.ceremonial, draft.needs_full_state) == (False, False)


def test_a_claim_takes_the_next_number_and_is_solemn() -> None:
    draft = hypothesis_draft("the sweeper\nTraceback", 4)
    assert draft.ceremonial
    assert draft.make_lines(OPENED, ALICE, NOW) == [
        DraftLine("Hypothesis: the sweeper", (("H8", "open"),)),
        DraftLine("| Traceback", (("H8", "open"),)),
    ]


@pytest.mark.parametrize(("cups", "warned"), [(0, False), (4, False), (5, True)])
def test_the_warning_comes_over_the_limit_and_not_at_it(cups: int, warned: bool) -> None:
    assert toxicity_warning(cups, 4) == ([DraftLine(TOXIC_TEXT)] if warned else [])
    state = after((cups, (BY,), "x"))
    assert (TOXIC_TEXT in texts(hypothesis_draft("a", 4).make_lines(state, ALICE, NOW))) is warned


def test_a_note_is_never_warned() -> None:
    state = after((9, (BY,), "x"))
    assert texts(note_draft("a").make_lines(state, ALICE, NOW)) == ["a"]


def test_each_cup_is_a_line_with_its_dose_and_its_count() -> None:
    lines = human_drafts.coffee_draft(2, 95, 4).make_lines(after((1, (BY,), "x")), ALICE, NOW)
    assert [(line.cups, line.tags) for line in lines] == [(2, (("MG", "95"),)), (3, (("MG", "95"),))]


def test_the_cup_over_the_limit_brings_the_warning() -> None:
    lines = human_drafts.coffee_draft(1, 95, 4).make_lines(WITH_FOUR, ALICE, NOW)
    assert [(line.text, line.cups) for line in lines] == [("Coffee: cup 5 of the night.", 5), (TOXIC_TEXT, 5)]


def test_the_first_cup_after_a_night_is_the_first() -> None:
    lines = human_drafts.coffee_draft(1, 95, 4).make_lines(WITH_FOUR, ALICE, Stamp(NIGHT.ns + 9 * HOUR_NS))
    assert [line.cups for line in lines] == [1]


def test_taking_a_cup_back_takes_its_own_dose_back() -> None:
    state = after((1, (BY, ("MG", "95")), "Coffee: ."), (2, (BY, ("MG", "40")), "Coffee: ."))
    (line,) = human_drafts.undo_coffee_draft().make_lines(state, ALICE, NOW)
    assert (line.cups, line.tags) == (1, (("MG", "-40"),))


@pytest.mark.parametrize(
    "state", [NOTHING, after((2, (BY, ("MG", "95")), "Coffee: ."), (0, (BY, ("NIGHT", "over")), "Sleep: "))]
)
def test_no_cup_can_be_taken_back_before_the_first(state: State) -> None:
    with pytest.raises(PreconditionFailed, match="none this night"):
        human_drafts.undo_coffee_draft().make_lines(state, ALICE, NOW)


def test_water_counts_the_glasses_of_this_night() -> None:
    state = after((0, (BY, ("WATER", "2")), "Water: ."))
    assert human_drafts.water_draft().make_lines(state, ALICE, NOW)[0].tags == (("WATER", "3"),)
    assert human_drafts.water_draft().make_lines(state, ALICE, Stamp(NIGHT.ns + 9 * HOUR_NS))[0].tags == (
        ("WATER", "1"),
    )


def test_sleep_says_what_the_night_came_to_and_starts_again() -> None:
    state = after((1, (BY, ("MG", "95")), "Coffee: ."), (1, (BY, ("WATER", "1")), "Water: ."))
    head, note = sleep_draft(5.0).make_lines(state, ALICE, Stamp(NIGHT.ns + 5 * HOUR_NS))
    assert head == DraftLine("Handoff: alice goes to sleep, and nothing is still open.", (("HANDOFF", "0"),))
    assert note.text.startswith("Sleep: 1 cup, 1 glass of water, 48 mg of caffeine left.")
    assert (note.tags, note.cups) == ((("NIGHT", "over"),), 0)


def test_a_verdict_carries_the_new_state_and_the_reason() -> None:
    lines = conclusion_draft("refute", "h7", "the sweeper\nwas off", 4).make_lines(OPENED, ALICE, NOW)
    tag = (("H7", "refuted"),)
    assert lines == [DraftLine("Conclusion: the sweeper", tag), DraftLine("| was off", tag)]


def test_a_verdict_on_nothing_is_declined() -> None:
    with pytest.raises(PreconditionFailed, match="no hypothesis H8"):
        conclusion_draft("refute", "H8", "x", 4).make_lines(OPENED, ALICE, NOW)


def test_a_verdict_that_stands_already_is_declined() -> None:
    with pytest.raises(PreconditionFailed, match="H7 is open already"):
        conclusion_draft("reopen", "H7", "again", 4).make_lines(OPENED, ALICE, NOW)


def test_a_hypothesis_of_the_scripts_gets_a_number_when_it_is_acted_on() -> None:
    state = after((3, (), "Hypothesis: the cron job"))
    lines = conclusion_draft("refute", f"@{NIGHT}", "cron was off", 4).make_lines(state, ALICE, NOW)
    assert lines == [
        DraftLine(f"Hypothesis: @{NIGHT} the cron job", (("H1", "open"),)),
        DraftLine("Conclusion: cron was off", (("H1", "refuted"),)),
    ]
    entries = [Entry(Stamp(NOW.ns + i), 0, (BY, *line.tags), line.text) for i, line in enumerate(lines)]
    (known,) = FOLD(state, entries).hypotheses.values()
    assert (known.number, known.state, known.claim) == (1, "refuted", "the cron job")


def test_a_draft_called_twice_gives_the_same_lines() -> None:
    for draft in (note_draft("a"), hypothesis_draft("b", 4), human_drafts.coffee_draft(2, 95, 4), sleep_draft(5.0)):
        assert draft.make_lines(WITH_FOUR, ALICE, NOW) == draft.make_lines(WITH_FOUR, ALICE, NOW)
