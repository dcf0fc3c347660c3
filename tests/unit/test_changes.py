"""What was changed and must be undone."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.commands import Run
from support.hypotheses import ALICE, BOB, change_entries, line, refusal, state_after, texts_of, written_entries
from support.journals import entries
from support.lines import at_second
from threeam.core.store.journal import resolve_journal
from threeam.core.write.draft import note_draft
from threeam.core.write.writer import Writer
from threeam.hypotheses.changes import change_draft, changes, open_changes, parse_typed_change, undone_draft
from threeam.hypotheses.drafts import hypothesis_draft
from threeam.projections import FOLD
from threeam.tui.prompts import CHANGED

# --- what must be undone


def test_a_change_is_open_until_it_is_undone_and_then_says_how() -> None:
    state = state_after(*written_entries(change_draft("flag on", "flag off"), FOLD.empty_state, 0))
    (change,) = open_changes(state)
    assert (change.text, change.undo, change.author, change.stamp) == ("flag on", "flag off", ALICE, at_second(0))
    state = FOLD(state, written_entries(undone_draft(at_second(0), ""), state, 5, BOB))
    assert open_changes(state) == []
    (change,) = changes(state)
    assert (change.undone_at, change.undone_by, change.undone_how) == (at_second(5), BOB, "flag off")


def test_a_change_of_several_lines_is_one_change() -> None:
    lines = written_entries(change_draft("flag on\nand the pool at 50", "flag off"), FOLD.empty_state, 0)
    assert lines[1].text == "| and the pool at 50"
    (change,) = open_changes(state_after(*lines))
    assert (change.text, change.undo) == ("flag on", "flag off")


def test_a_change_keeps_its_undo_whatever_line_it_stands_in() -> None:
    """A note that begins with `Changed:` may end with the way to undo it, lines later."""
    for typed in ("flag on\nand the pool (undo: flag off)", "flag on (undo: flag off)\nand the pool (at 50)"):
        for draft in (note_draft(f"Changed: {typed}"), change_draft(*parse_typed_change(typed))):
            lines = written_entries(draft, FOLD.empty_state, 0)
            assert [line.kind for line in lines] == ["Changed", "note"]
            (change,) = open_changes(state_after(*lines))
            assert (change.text, change.undo) == ("flag on", "flag off")


def test_a_change_is_bound_to_the_hypothesis_that_it_names(log: Path, writer: Writer) -> None:
    assert parse_typed_change("-H H7 pool at 50 (undo: back)") == ("pool at 50", "back", "H7")
    assert parse_typed_change("-Hx is set") == ("-Hx is set", "", None)
    writer.write(hypothesis_draft("it races", 4))
    writer.write(change_draft("pool at 50", "back", "H1"))
    assert entries(log)[-1].hypothesis == (1, "open")
    assert refusal(change_draft("x", "", "H9"), FOLD.empty_state).startswith("there is no hypothesis H9")
    live = resolve_journal(str(log)).open_live()
    assert live is not None
    state = FOLD.state_at(live, live.size())
    (change,) = open_changes(state)
    assert (change.hypothesis, change.undo) == (1, "back")
    carried = FOLD(FOLD.empty_state, FOLD.checkpoint(state, at_second(9)))
    assert open_changes(carried) == [change], "also after a rotation"


@pytest.mark.parametrize(
    ("typed", "text", "undo"),
    [
        ("flag on", "flag on", ""),
        ("flag on --undo flag off", "flag on", "flag off"),
        ("flag on --undo 'flag off'", "flag on", "flag off"),
        ('flag on --undo "flag off"', "flag on", "flag off"),
        ("flag on\n--undo flag off", "flag on", "flag off"),
        ("flag on --undo=flag off", "flag on", "flag off"),
        ("flag on --undo flag off\nand restart", "flag on", "flag off\nand restart"),
        ("flag on (undo: flag off)", "flag on", "flag off"),
        ("flag on (undo: flag off\nand restart)", "flag on", "flag off\nand restart"),
        ("flag on (undo: f(x) off)", "flag on", "f(x) off"),
        ("flag on (undo it)", "flag on (undo it)", ""),
        ("flag --undone", "flag --undone", ""),
        ("", "", ""),
    ],
)
def test_a_change_is_typed_as_the_shell_or_the_log_has_it(typed: str, text: str, undo: str) -> None:
    assert parse_typed_change(typed) == (text, undo, None)


def test_without_a_stamp_the_only_change_that_is_left_is_ticked_off() -> None:
    assert refusal(undone_draft(None, ""), FOLD.empty_state) == "nothing is left to undo"
    state = state_after(*change_entries(1, 2))
    assert refusal(undone_draft(None, "x"), state) == (
        f"name the change by its @stamp: @{at_second(1)} thing 1; @{at_second(2)} thing 2"
    )
    state = FOLD(state, written_entries(undone_draft(at_second(1), "x"), state, 5))
    (tick,) = written_entries(undone_draft(None, "done"), state, 6)
    assert (tick.text, tick.tag("CHANGE")) == (f"Undone: @{at_second(2)} done", "undone")


def test_what_was_undone_is_not_undone_again() -> None:
    state = state_after(*change_entries(1))
    state = FOLD(state, written_entries(undone_draft(at_second(1), "flag off"), state, 5, BOB))
    assert (
        refusal(undone_draft(at_second(1), ""), state) == f"that was undone already, by bob at {at_second(5)}: flag off"
    )


def test_a_stamp_of_no_change_is_declined_with_what_is_left() -> None:
    assert (
        refusal(undone_draft(at_second(7), ""), state_after(*change_entries(1)))
        == f"@{at_second(7)} is not a change: @{at_second(1)} thing 1"
    )
    assert (
        refusal(undone_draft(at_second(7), ""), FOLD.empty_state)
        == f"@{at_second(7)} is not a change, and none is left to undo"
    )


def test_a_change_says_how_it_was_undone_by_the_best_words_there_are() -> None:
    state = state_after(line(1, BOB, "Changed: flag on", ("CHANGE", "open")))
    assert texts_of(written_entries(undone_draft(at_second(1), ""), state, 5)) == [f"Undone: @{at_second(1)} flag on"]
    assert texts_of(written_entries(undone_draft(at_second(1), ""), state_after(*change_entries(1)), 5)) == [
        f"Undone: @{at_second(1)} back"
    ]


@pytest.mark.parametrize("text", ["flag on", "flag on\nand the pool"])
@pytest.mark.parametrize("undo", ["", "flag off", "flag off\nand restart"])
def test_the_command_and_the_box_write_the_same_lines(run_here: Run, log: Path, text: str, undo: str) -> None:
    run_here("changed", text, *(["--undo", undo] if undo else []))
    written = [entry.text for entry in entries(log)]
    for typed in (f"{text} --undo {undo}", f"{text}\n--undo {undo}", f"{text} (undo: {undo})") if undo else (text,):
        assert CHANGED.texts(typed) == written
