"""The read-only screen: the same log, no writer, and not one file is made."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from pilots import WIDE, append, line, night, notes

from support.journals import FakeClock, writer_of
from threeam.actions import ACTIONS
from threeam.core.platform import disk
from threeam.core.store.journal import Journal, resolve_journal
from threeam.core.write.draft import note_draft
from threeam.tui import bridge
from threeam.tui.widgets.composer import Composer

WRITING_KEYS = [key for action in ACTIONS if action.writes and action.scope == "log" for key in action.keys.split(",")]


def below(folder: Path) -> list[tuple[str, int, int]]:
    """Everything under a folder: name, size, and when it last changed."""
    return sorted((str(path), path.lstat().st_size, path.lstat().st_mtime_ns) for path in folder.rglob("*"))


async def test_it_follows_and_has_neither_a_box_nor_a_writer(journal: Journal, log: Path) -> None:
    log.write_bytes(notes(50))
    before = {thread.ident for thread in threading.enumerate()}
    async with night(journal, read_only=True) as it:
        assert not it.app.query(Composer)
        assert "read-only" in it.header
        mine = {thread.name for thread in threading.enumerate() if thread.ident not in before}
        assert "write" not in mine
        assert "drafts" not in mine
        append(log, line("written by somebody else"))
        await it.shows("written by somebody else")
        await it.press("k")
        assert "PAUSED" in it.header


async def test_an_empty_sidebar_is_as_wide_as_its_titles(journal: Journal, clock: FakeClock) -> None:
    writer_of("bob", journal, clock).write(note_draft("the only line"))
    async with night(journal, clock=clock, read_only=True, size=WIDE) as it:
        assert "bob%3 now" in it.shown
        assert "HYPOTHESES" in it.shown


@pytest.mark.parametrize("there", [True, False], ids=["a-log", "no-log"])
async def test_it_creates_and_changes_no_file_at_all(journal: Journal, log: Path, tmp_path: Path, there: bool) -> None:
    if there:
        log.write_bytes(notes(50))
    before = below(tmp_path)
    async with night(journal, read_only=True) as it:
        await it.press(*"kjgGFwzch", "C", "escape", "question_mark", "escape", "1", "h", "escape")
        await it.press(*WRITING_KEYS, "colon")
        await it.paste("pasted")
        await it.press("enter", "q")
    assert below(tmp_path) == before
    assert it.app.return_code == 0


async def test_the_writing_keys_say_read_only(journal: Journal, log: Path) -> None:
    log.write_bytes(line("Hypothesis: a claim", tags=(("H1", "open"),)))
    async with night(journal, read_only=True) as it:
        await it.press("1")
        for key in WRITING_KEYS:
            it.app.clear_notifications()
            await it.press("escape", key)  # esc ends the text for a box that did not open
            assert [notice for notice in it.notices if "read-only" in notice], f"{key} says nothing"
            assert it.in_the_log


async def test_a_paste_says_read_only(journal: Journal, log: Path) -> None:
    log.write_bytes(notes(3))
    async with night(journal, read_only=True) as it:
        await it.paste("words\nand more")
        await it.says("read-only")


async def test_its_help_marks_what_cannot_be_done_here(journal: Journal) -> None:
    async with night(journal, read_only=True, size=(120, 60)) as it:
        await it.press("question_mark")
        marked = [row for row in it.shown.splitlines() if "(read-only)" in row]
        assert len(marked) >= len([action for action in ACTIONS if action.writes and action.keys])


async def test_its_empty_journal_does_not_tell_anybody_to_write(journal: Journal) -> None:
    async with night(journal, read_only=True) as it:
        shown = "\n".join(it.rows)
        assert "write a note" not in shown
        assert "q" in shown


async def test_a_notice_to_begin_with_is_reported(journal: Journal) -> None:
    async with night(journal, read_only=True, notice="opened read-only: [/foo] is not yours") as it:
        await it.says("opened read-only: [/foo] is not yours")
        await it.shows("opened read-only")


async def test_a_journal_whose_folder_is_not_there_yet_is_empty_and_not_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []

    def free_bytes(place: str) -> int:
        looked.append(place)
        return disk.free_bytes(place)

    monkeypatch.setattr(bridge, "_QUIET_S", 0.02)
    monkeypatch.setattr(bridge, "free_bytes", free_bytes)
    log = tmp_path / "not" / "yet" / "sanity.log"
    async with night(resolve_journal(str(log)), read_only=True) as it:
        await it.eventually(lambda: len(looked) > 1, "it has looked at the disk twice")
        await it.shows("Nothing here yet.")
        assert "LIVE" in it.header
        log.parent.mkdir(parents=True)
        log.write_bytes(line("the first"))
        await it.shows("the first")
        assert it.notices == []
