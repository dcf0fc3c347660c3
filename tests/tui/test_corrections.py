"""Corrections: what is written, what the row shows afterwards, and what can be corrected."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis_pilots import select_line, wait_for_row
from night_lines import MS, claim_line, last_entry, stamp_at
from pilots import WIDE, append, line, night, notes

from support.journals import texts
from threeam.core.store.journal import Journal
from threeam.tui.screens.entry import EntryScreen


@pytest.mark.parametrize("size", [WIDE])
async def test_a_correction_is_what_the_row_shows_and_what_it_was_is_a_key_away(
    journal: Journal, log: Path, size: tuple[int, int]
) -> None:
    append(log, notes(3))
    async with night(journal, size=size) as it:
        await it.command(f"correct @{stamp_at(1)} the right [/foo] words")
        await it.eventually(lambda: len(texts(log)) == 4, "it is written")
        assert texts(log)[3] == f"Correction: @{stamp_at(1)} the right [/foo] words"
        await wait_for_row(it, "corrected note: the right [/foo] words")
        assert not [row for row in it.rows if "note 1" in row]
        await select_line(it, "note 1")
        await it.press("enter")
        assert isinstance(it.app.screen, EntryScreen)
        page = it.shown
        assert "it was  note 1" in page
        assert "corrected  alice" in page
        assert "the right [/foo] words" in page


async def test_correct_without_words_begins_with_those_of_the_selected_line(journal: Journal, log: Path) -> None:
    append(log, notes(3) + claim_line(1, "the pol"))
    async with night(journal, size=WIDE) as it:
        await select_line(it, "the pol")
        await it.command("correct")
        assert it.in_the_box
        assert it.box_kind == f"correct @{stamp_at(101)}"
        assert it.composer.text == "the pol"
        await it.press("backspace")
        await it.type("ol\n")
        await it.eventually(lambda: texts(log)[4:] == [f"Correction: @{stamp_at(101)} the pool"], "it is written")
        await wait_for_row(it, "corrected Hypothesis: the pool")
        await it.eventually(lambda: it.in_the_log, "the log has the focus again")
        assert "the pool" in it.shown.partition("HYPOTHESES")[2], "the board reads it too"
        await select_line(it, "the pol")
        await it.command("correct")
        assert it.composer.text == "the pool", "what is read there now"
        await it.type("!\n")
        await it.eventually(lambda: texts(log)[5:] == [f"Correction: @{stamp_at(101)} the pool!"], "a second one")
        assert last_entry(log).tag("CORRECTION") == "2"


async def test_correct_on_a_foreign_line_says_what_can_be_corrected(journal: Journal, log: Path) -> None:
    append(log, b"foreign\n")
    async with night(journal) as it:
        await it.press("G")
        await it.command("correct")
        await it.says("select a line of the log first")
        assert log.read_bytes() == b"foreign\n"


async def test_correcting_a_correction_begins_with_the_words_that_are_read_now(journal: Journal, log: Path) -> None:
    append(log, notes(2))
    async with night(journal) as it:
        await it.command(f"correct @{stamp_at(1)} right")
        await it.eventually(lambda: len(texts(log)) == 3, "it is corrected")
        await it.press("G")
        await it.command("correct")
        assert it.composer.text == "right"
        await it.type("!\n")
        await it.eventually(lambda: texts(log)[-1] == f"Correction: @{stamp_at(1)} right!", "again")


async def test_a_correction_is_for_the_line_that_was_selected_when_it_was_begun(journal: Journal, log: Path) -> None:
    append(log, notes(2))
    async with night(journal) as it:
        await it.type(":correct more")
        append(log, line("of bob's", 900 * MS))
        await it.shows("of bob's")
        await it.type(" words\n")
        assert it.box_kind == f"correct @{stamp_at(1)}"
        assert it.composer.text == "more words"
        await it.press("enter")
        await it.eventually(
            lambda: texts(log)[-1] == f"Correction: @{stamp_at(1)} more words", "it is for the note before"
        )
