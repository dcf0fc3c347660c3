"""A stamp is written at once with `s`, and its words later."""

from __future__ import annotations

from pathlib import Path

from hypothesis_pilots import wait_for_row
from night_lines import MS, last_entry
from pilots import WIDE, append, held, line, night, notes

from support.journals import entries, texts
from threeam.core.store.journal import Journal


async def test_s_writes_a_stamp_at_once_and_the_words_cite_it(journal: Journal, log: Path) -> None:
    append(log, notes(2))
    async with night(journal, size=WIDE) as it:
        await it.press("s")
        await it.eventually(lambda: len(texts(log)) == 3, "the stamp is written")
        stamp = last_entry(log)
        assert stamp.kind == "Stamp"
        assert it.in_the_box
        await it.eventually(lambda: it.box_kind == f"words @{stamp.stamp}", "the box is for that stamp")
        await it.type("the LED blinked [/foo]\n")
        await it.eventually(lambda: texts(log)[3:] == [f"Words: @{stamp.stamp} the LED blinked [/foo]"], "the words")
        await wait_for_row(it, "Stamp: the LED blinked [/foo]")
        await it.eventually(lambda: it.in_the_log, "the log has the focus again")


async def test_words_by_the_command_line_after_esc(journal: Journal, log: Path) -> None:
    async with night(journal, size=WIDE) as it:
        await it.press("s")
        await it.eventually(lambda: len(texts(log)) == 1, "the stamp is written")
        stamp = last_entry(log).stamp
        await it.eventually(lambda: it.box_kind == f"words @{stamp}", "the box is for that stamp")
        await it.press("escape")
        assert it.in_the_log
        assert it.box_kind == "note"
        await it.type("ia note\n")
        await it.eventually(lambda: texts(log)[1:] == ["a note"], "a note is a note")
        await it.press("escape")
        await it.command(f"words @{stamp} it was the LED")
        await it.eventually(lambda: texts(log)[2:] == [f"Words: @{stamp} it was the LED"], "the words are written")
        await wait_for_row(it, "Stamp: it was the LED")
        await it.command(f"words @{stamp} once more")
        await it.says("has its words already")
        assert len(texts(log)) == 3


async def test_words_without_a_stamp_are_for_the_last_of_mine(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        await it.command("stamp")
        await it.eventually(lambda: len(texts(log)) == 1, "the stamp is written")
        stamp = last_entry(log).stamp
        await it.eventually(lambda: it.box_kind == f"words @{stamp}", "the box is for that stamp")
        await it.press("escape")
        append(log, line("Stamp: words follow", tags=(("STAMP", "now"),)))
        append(log, line("between"))
        await wait_for_row(it, "between")
        await it.press("G")
        await it.command("words the LED")
        await it.eventually(lambda: texts(log)[3:] == [f"Words: @{stamp} the LED"], "the words are for mine")


async def test_s_while_the_lock_is_held_takes_the_words_meanwhile(journal: Journal, log: Path) -> None:
    async with night(journal, size=WIDE) as it:
        with held(journal.lock_path):
            await it.press("s")
            assert it.in_the_box
            await it.type("the LED ")
            await it.says("waits for the lock")
            await it.type("blinked")
            assert it.composer.text == "the LED blinked", "typing goes on"
            await it.press("enter")
            await it.eventually(lambda: it.composer.is_waiting, "the words wait too")
            assert texts(log) == []
        await it.eventually(lambda: len(texts(log)) == 2, "both are written")
        stamp = entries(log)[0]
        assert texts(log) == [stamp.text, f"Words: @{stamp.stamp} the LED blinked"]
        assert stamp.kind == "Stamp"
        await wait_for_row(it, "Stamp: the LED blinked")


async def test_s_and_its_words_in_one_read_are_both_written(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        await it.type("sthe LED\n")
        await it.eventually(lambda: len(texts(log)) == 2, "both are written")
        assert texts(log)[1] == f"Words: @{entries(log)[0].stamp} the LED"


async def test_words_that_were_begun_for_one_stamp_do_not_land_at_another(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        await it.press("s")
        await it.eventually(lambda: it.box_kind.startswith("words @"), "the first stamp is written")
        first = last_entry(log).stamp
        await it.type("the first")
        await it.press("escape", "s")
        await it.eventually(lambda: len(texts(log)) == 2, "the second stamp is written")
        second = last_entry(log).stamp
        await it.eventually(lambda: it.box_kind == f"words @{second}", "the box is for the second")
        assert it.composer.text == ""
        await it.type("the second\n")
        await it.eventually(lambda: texts(log)[2:] == [f"Words: @{second} the second"], "its words are written")
        await it.command(f"words @{first}")
        assert it.box_kind == f"words @{first}"
        assert it.composer.text == "the first", "what was begun is still there"
        await it.press("enter")
        await it.eventually(lambda: texts(log)[3:] == [f"Words: @{first} the first"], "and lands where it belongs")


async def test_a_note_that_was_begun_before_s_comes_back_after_the_words(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        await it.type("ihalf a note")
        await it.press("escape", "s")
        await it.type("the LED\n")
        await it.eventually(lambda: len(texts(log)) == 2, "both are written")
        await it.eventually(lambda: it.composer.text == "half a note", "the note is back")
        assert it.box_kind == "note"


async def test_words_whose_stamp_was_taken_back_find_no_other(journal: Journal, log: Path) -> None:
    append(log, line("Stamp: words follow", 5 * MS, user="alice", tags=(("STAMP", "now"),)))
    async with night(journal) as it:
        with held(journal.lock_path):
            await it.press("s")
            await it.type("second")
            await it.shows("1 wait")  # Esc takes back only what the screen has said waits
            await it.press("escape")
            await it.says("taken back")
        assert it.drafts == [("note", "second")]
        await it.type("\n")
        await it.eventually(lambda: texts(log) == ["Stamp: words follow", "second"], "they are a note")
