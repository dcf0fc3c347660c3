"""Marks: a mark is a line that everybody sees, and survives a rotation."""

from __future__ import annotations

from pathlib import Path

from haystacks import haystack
from pilots import held, night, notes

from support.journals import entries, texts
from threeam.core.store.journal import Journal
from threeam.core.write.draft import note_draft
from threeam.core.write.writer import Writer


async def test_a_mark_is_a_line_and_everybody_sees_it(journal: Journal, log: Path) -> None:
    log.write_bytes(haystack({3: "first", 2000: "second"}))
    async with night(journal) as it, night(journal) as other:
        await it.type("/^.*first\n")
        await it.shows("match 1 of 1")
        await it.press("m")
        await it.eventually(lambda: texts(log)[-1].startswith("Mark: @2026-11-24T03:14:07.126456789"), "it is a line")
        assert entries(log)[-1].tag("MARK") == "on"
        await other.press("apostrophe")
        await other.shows("first")
        await other.eventually(lambda: any("◆" in row and "first" in row for row in other.rows), "it has a sign")
        await it.type("/second\n")
        await it.shows("match 1 of 1")
        await it.press("m")
        await it.eventually(lambda: len(it.view.marked_ns) == 2, "two are marked")
        await it.press("left_square_bracket")
        await it.shows("hay 4")
        assert it.selected_text == "first"
        await it.press("left_square_bracket")
        await it.says("no mark there")
        await it.press("right_square_bracket")
        await it.shows("second")
        await it.press("m")
        await it.eventually(lambda: len(it.view.marked_ns) == 1, "the mark is taken away")
        assert entries(log)[-1].tag("MARK") == "off"


async def test_marks_survive_a_rotation(journal: Journal, log: Path, writer: Writer) -> None:
    writer.write(note_draft("marked"))
    async with night(journal) as it:
        await it.shows("marked")
        await it.press("k", "m")
        await it.eventually(lambda: len(it.view.marked_ns) == 1, "it is marked")
        with writer.lock_log(full_state=True) as file:
            file.rotate()
        writer.write(note_draft("after"))
        await it.shows("after")
        assert len(it.view.marked_ns) == 1
    async with night(journal) as it:
        await it.eventually(lambda: len(it.view.marked_ns) == 1, "it is marked")
        await it.press("apostrophe")
        await it.eventually(
            lambda: it.view.selected_row and "marked" in str(it.view.selected_row.line.raw), "it is found"
        )


async def test_marks_of_a_read_only_screen_are_its_own(journal: Journal, log: Path) -> None:
    log.write_bytes(notes(5))
    before = log.read_bytes()
    async with night(journal, read_only=True) as it:
        await it.press("k", "m")
        assert "◆" in it.rows[3]
        await it.press("g", "apostrophe")
        await it.eventually(
            lambda: it.view.selected_row and b"note 3" in it.view.selected_row.line.raw, "it goes there"
        )
        await it.press("m")
        assert "◆" not in it.shown
        assert log.read_bytes() == before


async def test_a_mark_waits_like_any_line(journal: Journal, log: Path) -> None:
    log.write_bytes(notes(3))
    async with night(journal) as it:
        with held(journal.lock_path):
            await it.press("k", "m")
            await it.says("waits for the lock")
        await it.eventually(lambda: len(it.view.marked_ns) == 1, "it is marked")
