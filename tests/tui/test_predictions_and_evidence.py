"""Predictions and evidence, by key and by command: what is written, what it cites, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis_pilots import SIZES, board_order, select_line, wait_for_board, wait_for_state
from night_lines import MS, claim_line, evidence_line, hypothesis_line, last_entry, stamp_at
from pilots import WIDE, append, line, night, notes

from support.journals import texts
from threeam.core.format.entry import Stamp
from threeam.core.store.journal import Journal


async def test_p_asks_for_the_prediction_of_the_picked_one_and_writes_it(journal: Journal, log: Path) -> None:
    append(log, claim_line(1) + claim_line(2))
    async with night(journal) as it:
        await it.press("2", "p")
        assert it.in_the_box
        assert it.box_kind == "predict H2"
        await it.type("a dump [/foo] at 03:20\n")
        await it.eventually(lambda: texts(log)[2:] == ["Prediction: a dump [/foo] at 03:20"], "it is written")
        assert last_entry(log).hypothesis == (2, "open")
        await it.eventually(lambda: not it.composer.is_waiting and it.box_kind == "note", "the box is a note's again")


async def test_a_key_about_the_picked_one_says_that_nothing_is_picked(journal: Journal, log: Path) -> None:
    append(log, claim_line(1))
    async with night(journal) as it:
        await wait_for_state(it)
        for key in "p+-":
            it.app.clear_notifications()
            await it.press("escape", key)
            await it.says("pick a hypothesis first")
            assert it.in_the_log
        assert len(texts(log)) == 1


async def test_evidence_is_the_selected_line_with_its_words(journal: Journal, log: Path) -> None:
    append(log, notes(3) + claim_line(1))
    async with night(journal, size=WIDE) as it:
        await select_line(it, "note 1")
        await it.press("1")
        await wait_for_board(it, "+0 −0")
        await it.press("+")
        assert it.box_kind == f"support H1 @{stamp_at(1)}"
        placeholder = str(it.composer.box.placeholder)
        assert "its words" in placeholder or "words of the line" in placeholder
        await it.press("enter")
        await wait_for_board(it, "+1 −0")
        assert texts(log)[4:] == [f"Supports: @{stamp_at(1)} note 1"]
        assert last_entry(log).hypothesis == (1, "open")
        await it.press("+", "enter")
        await it.says("alice has said already that this line supports H1")
        assert len(texts(log)) == 5
        await it.press("escape", "escape", "-")
        await it.type("of my own\n")
        await wait_for_board(it, "+0 −1")
        assert texts(log)[5:] == [f"Contradicts: @{stamp_at(1)} of my own"]
        assert it.selected_text == "note 1", "the cursor stays where it was"


async def test_two_enters_in_one_read_write_one_line(journal: Journal, log: Path) -> None:
    append(log, claim_line(1) + notes(3, 200))
    async with night(journal) as it:
        await select_line(it, "note 201")
        await it.press("1")
        it.at_once("+", "\n", "\n")
        await it.eventually(lambda: len(texts(log)) == 5, "it is tied")
        await it.settled()
        assert texts(log)[4:] == [f"Supports: @{stamp_at(201)} note 201"]


async def test_a_foreign_line_cannot_be_cited(journal: Journal, log: Path) -> None:
    append(log, claim_line(1) + b"Traceback (most recent call last)\n")
    async with night(journal) as it:
        await select_line(it, "Traceback (most recent call last)")
        await it.press("1")
        for key in ("+", "-"):
            it.app.clear_notifications()
            await it.press("escape", key)
            await it.says("only those have a stamp")
        assert log.read_bytes().endswith(b"last)\n")


async def test_evidence_by_the_command_line_cites_what_it_names(journal: Journal, log: Path) -> None:
    append(log, notes(3) + claim_line(1))
    async with night(journal, size=WIDE) as it:
        await it.command(f"support H1 @{stamp_at(1)} the sweep [/foo]")
        await it.eventually(lambda: texts(log)[4:] == [f"Supports: @{stamp_at(1)} the sweep [/foo]"], "it is written")
        assert last_entry(log).hypothesis == (1, "open")
        await it.command("hyp contradict H1 it was warm")
        await it.eventually(lambda: texts(log)[5:] == ["Contradicts: it was warm"], "words are evidence too")
        await wait_for_board(it, "+1 −1")
        await it.command(f"3am hyp contradict H1 @{stamp_at(2)}")
        await it.eventually(
            lambda: texts(log)[6:] == [f"Contradicts: @{stamp_at(2)} note 2"], "its own words stand there"
        )
        await wait_for_board(it, "+1 −2")


async def test_the_selected_line_is_tied_to_the_one_that_a_command_names(journal: Journal, log: Path) -> None:
    append(log, notes(3) + claim_line(1) + claim_line(2))
    async with night(journal) as it:
        await select_line(it, "note 0")
        await it.press("1")
        await it.command("contradict H2")
        await it.press("enter")
        await it.eventually(lambda: texts(log)[5:] == [f"Contradicts: @{stamp_at(0)} note 0"], "it is written")
        assert last_entry(log).hypothesis == (2, "open")


@pytest.mark.parametrize("key", ["!", ":"])
async def test_a_command_is_about_the_line_that_was_selected_when_its_box_was_opened(
    journal: Journal, log: Path, key: str
) -> None:
    append(log, notes(3) + claim_line(1))
    async with night(journal) as it:
        await select_line(it, "note 0")
        await it.press(":", "escape", "j", key, "ctrl+u")
        await it.type("support H1\n")
        await it.press("enter")
        await it.eventually(lambda: texts(log)[4:] == [f"Supports: @{stamp_at(1)} note 1"], "it is written")


async def test_words_that_stand_in_the_line_again_are_about_the_same_line(journal: Journal, log: Path) -> None:
    append(log, notes(3) + claim_line(1))
    async with night(journal) as it:
        await select_line(it, "note 0")
        await it.press(":")
        await it.eventually(lambda: it.in_the_box, "the line is open")
        it.view.action_bottom()
        await it.type("predict H9 words\n")
        await it.says("there is no hypothesis H9")
        await it.press("ctrl+u")
        await it.type("support H1\n")
        await it.press("enter")
        await it.eventually(lambda: texts(log)[4:] == [f"Supports: @{stamp_at(0)} note 0"], "it is written")


@pytest.mark.parametrize("command", ["support H1 @{} words", "correct @{} words"])
async def test_a_stamp_that_is_not_there_is_reported_with_the_nearest(
    journal: Journal, log: Path, command: str
) -> None:
    append(log, notes(3) + claim_line(1))
    async with night(journal) as it:
        await it.command(command.format(Stamp(stamp_at(1).ns + 5, 0)))
        await it.says(f"@{stamp_at(1)}")
        assert it.unanswered == 0
        assert len(texts(log)) == 4


async def test_a_wrong_name_in_a_command_is_reported_and_nothing_is_written(journal: Journal, log: Path) -> None:
    append(log, notes(3) + claim_line(1))
    wrong = {
        "support H9 words": "there is no hypothesis H9",
        "predict H9 words": "there is no hypothesis H9",
        "thread H9": "there is no hypothesis H9",
        "support H1 @03:14 words": "@03:14 names 4 entries: ",
        "correct @yesterday words": "'@yesterday' is not a stamp",
        "undone @yesterday": "'@yesterday' is not a stamp",
        "undone": "nothing is left to undo",
        "take two": ":take takes nothing more",
    }
    async with night(journal) as it:
        await wait_for_state(it)
        for command, answer in wrong.items():
            it.app.clear_notifications()
            await it.command(command)
            await it.says(answer)
            if command == "predict H9 words":  # the words are in the line again
                assert it.composer.text == command
                await it.press("escape")
            assert it.in_the_log
            assert it.unanswered == 0
        await it.command("words lost")
        await it.says("no stamp of yours is without words")
        await it.press("colon", "up")
        assert it.composer.text == "words lost", "what was typed is one key away"
        assert len(texts(log)) == 4


async def test_evidence_for_one_of_the_script_gives_it_a_number(journal: Journal, log: Path) -> None:
    append(log, notes(2) + line("Hypothesis: of the script", 5 * MS, user=""))
    async with night(journal) as it:
        await select_line(it, "note 1")
        await it.press("h", "j", "escape", "+", "enter")
        await it.eventually(lambda: len(texts(log)) == 5, "two lines are written")
        assert texts(log)[3:] == [f"Hypothesis: @{stamp_at(5)} of the script", f"Supports: @{stamp_at(1)} note 1"]
        assert last_entry(log).hypothesis == (1, "open")
        await wait_for_board(it, "H1 open +1 −0")


@pytest.mark.parametrize("size", SIZES)
async def test_the_board_is_in_the_order_of_what_stands_against_and_then_for(
    journal: Journal, log: Path, size: tuple[int, int]
) -> None:
    append(log, notes(9) + b"".join(map(claim_line, range(1, 6))))
    append(
        log,
        evidence_line("Contradicts", 1, 0, 120)
        + evidence_line("Supports", 1, 1, 121)
        + evidence_line("Supports", 1, 2, 122),
    )
    append(
        log,
        evidence_line("Supports", 2, 3, 123)
        + evidence_line("Supports", 3, 4, 124)
        + evidence_line("Supports", 3, 5, 125),
    )
    append(log, hypothesis_line("Conclusion: not in staging", 126, "refuted", number=4))
    append(log, evidence_line("Contradicts", 5, 6, 127) + evidence_line("Contradicts", 5, 7, 128))
    async with night(journal, size=size) as it:
        await it.press("h")
        assert board_order(it) == ["H3", "H2", "H1", "H5", "H4"]
        await it.shows("H3 open +2 −0")
        append(log, evidence_line("Contradicts", 3, 6, 129))
        await it.eventually(lambda: board_order(it) == ["H2", "H3", "H1", "H5", "H4"], "the order is another")


async def test_plus_on_evidence_is_about_the_line_that_it_cites(journal: Journal, log: Path) -> None:
    append(log, claim_line(1) + notes(1))
    async with night(journal) as it:
        await it.press("1", "G", "+", "enter")
        await it.eventually(lambda: len(texts(log)) == 3, "it is tied")
        await it.press("G", "+")
        assert it.box_kind == f"support H1 @{stamp_at(0)}"
        await it.press("enter")
        await it.says("has said already")
        assert len(texts(log)) == 3


async def test_evidence_quotes_what_is_read_there_now(journal: Journal, log: Path) -> None:
    append(log, notes(1) + claim_line(1))
    async with night(journal) as it:
        await it.command(f"correct @{stamp_at(0)} right words")
        await it.command(f"support H1 @{stamp_at(0)}")
        await it.eventually(lambda: texts(log)[-1] == f"Supports: @{stamp_at(0)} right words", "it quotes them")
