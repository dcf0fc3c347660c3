"""What single lines do to the state: people, cups, nights, doses and hypotheses."""

from __future__ import annotations

import pytest

from support.folds import ALICE, BOB, every, line, searched
from support.lines import HOUR_NS, NIGHT
from threeam.core.format.entry import Stamp, format_entry, parse_entry
from threeam.core.state.fold import OPEN
from threeam.human.intake import Intake, intake_of
from threeam.hypotheses.ledger import verdict_of
from threeam.projections import FOLD

GAP = 8 * HOUR_NS


@pytest.mark.parametrize("text", ["Hypothesis:no space after the colon", "Hypothesis:", "Hypothesis:\ttab"])
def test_a_hypothesis_that_a_hand_wrote_without_a_space_counts_the_same_either_way(text: str) -> None:
    data = f"[{NIGHT}] [COFFEE: 1] {text}\n".encode() + format_entry(line(1, 0, BOB))
    assert searched(data).hypotheses == FOLD(FOLD.empty_state, every(data)).hypotheses


def test_only_an_untagged_hypothesis_of_nobodys_opens_one() -> None:
    data = format_entry(line(0, 1, ("RUN", "3"), text="Hypothesis: from a capability still to come"))
    data += format_entry(line(1, 0, BOB))
    assert searched(data).hypotheses == FOLD(FOLD.empty_state, every(data)).hypotheses
    assert FOLD(FOLD.empty_state, every(data)).hypotheses == {}


@pytest.mark.parametrize("user", ["a" * 65, "ü" * 40, "a" * 255], ids=["65 bytes", "80 bytes", "255 bytes"])
def test_a_person_with_a_long_name_is_found_by_bytes(user: str) -> None:
    data = format_entry(line(0, 3, ("BY", f"{user}@db1:1"))) + format_entry(line(1, 0, BOB))
    assert searched(data).people == FOLD(FOLD.empty_state, every(data)).people


def test_a_by_in_undecodable_bytes_counts_the_same_either_way() -> None:
    data = f"[{NIGHT}] [COFFEE: 3] [BY: ".encode() + b"\xff\xfe@db1:1] x\n" + format_entry(line(1, 0, BOB))
    assert searched(data).people == FOLD(FOLD.empty_state, every(data)).people


def test_cups_belong_to_a_person_and_a_night() -> None:
    state = FOLD(FOLD.empty_state, [line(0, 3, ALICE), line(1, 5, BOB), line(2, 4, ("BY", "alice@web:7"))])
    now = NIGHT.ns + 3
    assert (state.cups("alice", now, GAP), state.cups("bob", now, GAP), state.cups("carol", now, GAP)) == (4, 5, 0)


def test_cups_of_the_script_are_nobodys() -> None:
    state = FOLD(FOLD.empty_state, [line(0, 7, text="Acquired sanity lock.")])
    assert state.people == {}


def test_a_night_ends_only_after_the_whole_gap() -> None:
    state = FOLD(FOLD.empty_state, [line(0, 3, ALICE)])
    assert state.cups("alice", NIGHT.ns + GAP, GAP) == 3
    assert state.cups("alice", NIGHT.ns + GAP + 1, GAP) == 0


def test_a_stream_keeps_no_night_going() -> None:
    state = FOLD(FOLD.empty_state, [line(0, 3, ALICE), line(7 * HOUR_NS, 3, ALICE, ("VIA", "stdin"))])
    assert state.cups("alice", NIGHT.ns + 9 * HOUR_NS, GAP) == 0


def test_a_typed_note_keeps_a_night_going() -> None:
    state = FOLD(FOLD.empty_state, [line(0, 3, ALICE), line(7 * HOUR_NS, 3, ALICE)])
    assert state.cups("alice", NIGHT.ns + 9 * HOUR_NS, GAP) == 3


def test_sleep_starts_cups_and_water_again() -> None:
    state = FOLD(
        FOLD.empty_state,
        [line(0, 2, ALICE, ("MG", "95")), line(1, 2, ALICE, ("WATER", "1")), line(2, 0, ALICE, ("NIGHT", "over"))],
    )
    assert state.cups("alice", NIGHT.ns + 3, GAP) == 0
    assert intake_of(state, "alice")[:2] == (0, ((NIGHT.ns, 95),))  # what was drunk is still in the blood


def test_a_dose_taken_back_is_the_last_one() -> None:
    doses = [line(0, 1, ALICE, ("MG", "95")), line(1, 2, ALICE, ("MG", "40")), line(2, 1, ALICE, ("MG", "-40"))]
    assert intake_of(FOLD(FOLD.empty_state, doses), "alice").doses == ((NIGHT.ns, 95),)


def test_doses_of_one_person_are_not_anothers() -> None:
    state = FOLD(FOLD.empty_state, [line(0, 1, ALICE, ("MG", "95")), line(1, 1, BOB, ("MG", "-95"))])
    assert intake_of(state, "alice").doses == ((NIGHT.ns, 95),)
    assert intake_of(state, "bob").doses == ()


def test_hypotheses_are_numbered_after_the_highest() -> None:
    state = FOLD(
        FOLD.empty_state, [line(0, 0, ALICE, ("H7", OPEN), text="Hypothesis: a"), line(1, 0, ALICE, ("H3", OPEN))]
    )
    assert state.next_number() == 8
    assert FOLD.empty_state.next_number() == 1


def test_a_number_too_long_for_a_tag_never_follows_the_highest() -> None:
    state = FOLD(FOLD.empty_state, [line(0, 0, ALICE, ("H999999999", OPEN), text="Hypothesis: written by hand")])
    number = state.next_number()
    after = FOLD(state, [line(1, 0, ALICE, (f"H{number}", OPEN), text="Hypothesis: the next one")])
    assert number in after.hypotheses


def test_a_hypothesis_of_the_scripts_is_open_under_its_stamp() -> None:
    state = FOLD(FOLD.empty_state, [line(0, 3, text="Hypothesis: the cron job")])
    (hypothesis,) = state.open_hypotheses()
    assert (hypothesis.number, hypothesis.claim, hypothesis.author, hypothesis.name) == (
        None,
        "the cron job",
        None,
        f"@{NIGHT}",
    )
    assert state.find_hypothesis(f"@{NIGHT}") == hypothesis


def test_citing_a_hypothesis_of_the_scripts_gives_it_a_number_and_keeps_its_claim() -> None:
    state = FOLD(
        FOLD.empty_state,
        [
            line(0, 3, text="Hypothesis: the cron job"),
            line(5, 0, ALICE, ("H1", OPEN), text=f"Hypothesis: @{Stamp(NIGHT.ns, 7200)} the cron job"),
        ],
    )
    (hypothesis,) = state.hypotheses.values()
    assert (hypothesis.number, hypothesis.claim, hypothesis.opened_at, hypothesis.author) == (
        1,
        "the cron job",
        NIGHT,
        None,
    )


def test_a_verdict_changes_the_state_and_words_do_not() -> None:
    opened = line(0, 0, ALICE, ("H1", OPEN), text="Hypothesis: a")
    words_only = FOLD(FOLD.empty_state, [opened, line(1, 0, BOB, text="Conclusion: H1 is refuted")])
    assert words_only.hypotheses[1].state == OPEN
    state = FOLD(FOLD.empty_state, [opened, line(1, 0, BOB, ("H1", "refuted"), text="Conclusion: no")])
    assert (state.hypotheses[1].state, state.hypotheses[1].claim) == ("refuted", "a")
    verdict = verdict_of(state, state.hypotheses[1])
    assert verdict is not None
    assert verdict.text == "no"
    assert state.open_hypotheses() == []


@pytest.mark.parametrize("name", ["H7", "h7", "7", "007"])
def test_a_hypothesis_is_named_as_people_name_it(name: str) -> None:
    state = FOLD(FOLD.empty_state, [line(0, 0, ALICE, ("H7", OPEN), text="Hypothesis: a")])
    hypothesis = state.find_hypothesis(name)
    assert hypothesis is not None
    assert hypothesis.number == 7


NAMES_OF_NONE = ["", "H", "H8", "x7", "@", "@nonsense", "H-7", "٧", "9" * 5000]


@pytest.mark.parametrize("name", NAMES_OF_NONE, ids=lambda name: name[:12] or "nothing")
def test_a_name_of_no_hypothesis_names_none(name: str) -> None:
    state = FOLD(FOLD.empty_state, [line(0, 0, ALICE, ("H7", OPEN), text="Hypothesis: a")])
    assert state.find_hypothesis(name) is None


@pytest.mark.parametrize("value", ["lots", "", "9" * 5000, "1e3", "-"], ids=lambda value: value[:12] or "nothing")
def test_a_dose_that_a_hand_wrote_as_nonsense_stops_nothing(value: str) -> None:
    entry = parse_entry(format_entry(line(0, 1, ALICE, ("MG", value), ("WATER", value))))
    assert entry is not None
    assert intake_of(FOLD(FOLD.empty_state, [entry]), "alice") == Intake()
