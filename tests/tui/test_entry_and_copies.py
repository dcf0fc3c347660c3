"""The panel of one entry, and what is copied from it and from the log."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pilots import WIDE, Night, append, line, night, notes, section

from support.journals import texts
from threeam.core.store.journal import Journal
from threeam.tui.screens.entry import EntryScreen
from threeam.tui.screens.report_screen import ReportScreen


async def test_enter_opens_all_of_an_entry(journal: Journal, log: Path) -> None:
    log.write_bytes(notes(2) + section(3, "the sweeper " + "x" * 300, 10_000_000, 800_000) + line("later", 20_000_000))
    async with night(journal, size=(110, 40)) as it:
        await it.press("k", "enter")
        assert isinstance(it.app.screen, EntryScreen)
        shown = it.shown
        assert "x" * 70 in shown
        assert "@2026-11-24T03:14:07.133456790+0000" in shown
        assert "bob@db1:77%1" in shown
        assert "block of 3 lines, the lock was held for at least 0.8ms" in shown
        assert "note 1" in shown
        assert "later" in shown
        await it.press("escape")
        assert it.in_the_log


async def test_the_panel_copies_the_line_that_it_shows(journal: Journal, log: Path) -> None:
    log.write_bytes(notes(2))
    async with night(journal) as it:
        await it.press("enter")
        append(log, line("newer", 10_000_000))
        await it.eventually(lambda: b"newer" in it.view.window.rows[-1].line.raw, "another line has come")
        await it.press("y")
        copied = Path(journal.folder_beside_log) / "copied"
        await it.eventually(copied.exists, "it is copied")
        assert "note 1" in copied.read_text()


async def test_y_sends_the_line_to_the_terminal_and_to_a_file(journal: Journal, log: Path) -> None:
    log.write_bytes(line("a \x1b[31m note"))
    async with night(journal) as it:
        await it.press("y")
        await it.says("sent to the terminal's clipboard (OSC 52)")
        copied = Path(journal.folder_beside_log) / "copied"
        assert copied.read_text() == log.read_text()
        assert "\x1b" not in it.app.clipboard
        await it.press("enter", "Y")
        await it.eventually(
            lambda: copied.read_text() == "@2026-11-24T03:14:07.123456789+0000\n", "the stamp is copied"
        )


async def test_a_copy_of_a_read_only_screen_makes_no_file(journal: Journal, log: Path) -> None:
    log.write_bytes(line("a"))
    async with night(journal, read_only=True) as it:
        await it.press("y")
        await it.says("if it supports that")
        assert os.listdir(log.parent).count("sanity.log.d") == 0


def trace(ns: int = 50_000_000) -> bytes:
    """A stack trace of three lines, as one submission."""
    return b"".join(
        line(text, ns + n) for n, text in enumerate(("Traceback:", '|   File "db.py", line 7', "| Deadlock: 40P01"))
    )


COPIED_TRACE = ' Traceback:\n  File "db.py", line 7\nDeadlock: 40P01\n'


async def copied_text(it: Night, journal: Journal) -> str:
    """What was copied last."""
    copied = Path(journal.folder_beside_log) / "copied"
    await it.eventually(copied.exists, "it is copied")
    text = copied.read_text()
    copied.unlink()
    return text


@pytest.mark.parametrize("keys", [("y",), ("k", "y"), ("k", "k", "y"), ("enter", "y")])
async def test_y_copies_all_lines_of_a_block(journal: Journal, log: Path, keys: tuple[str, ...]) -> None:
    log.write_bytes(notes(2) + trace())
    async with night(journal) as it:
        await it.press(*keys)
        text = await copied_text(it, journal)
        assert text.startswith("[2026-11-24T03:14:07.")
        assert text.endswith(COPIED_TRACE)
        assert "note 1" not in text
        assert text.count("COFFEE") == 1


async def test_v_selects_rows_and_y_copies_them(journal: Journal, log: Path) -> None:
    log.write_bytes(notes(6))
    async with night(journal) as it:
        await it.press("k", "v", "k", "k")
        await it.shows("3 rows selected: y copies, esc ends")
        append(log, line("newer", 10_000_000))
        await it.eventually(lambda: it.view.unread == 1, "another line has come")
        await it.press("y")
        text = await copied_text(it, journal)
        assert [row.rpartition("] ")[2] for row in text.splitlines()] == ["note 2", "note 3", "note 4"]
        assert "selected" not in it.shown
        await it.press("v", "G", "y")
        assert (await copied_text(it, journal)).splitlines()[-1].endswith("newer")


async def test_esc_ends_a_selection_and_no_key_writes_during_one(journal: Journal, log: Path) -> None:
    log.write_bytes(notes(3))
    async with night(journal) as it:
        await it.type("vcHquite sure\n")
        assert it.app.is_running
        assert it.in_the_log
        assert it.view.is_selecting
        await it.press("escape")
        assert not it.view.is_selecting
        await it.press("v", "v")
        assert not it.view.is_selecting
    assert len(texts(log)) == 3


async def test_the_selected_rows_are_marked(journal: Journal, log: Path) -> None:
    log.write_bytes(notes(5))
    async with night(journal) as it:
        await it.press("v", "k")
        assert [row[0] for row in it.rows[:5]] == [" ", " ", " ", "▌", "▌"]
        await it.press("j", "j")
        assert [row[0] for row in it.rows[:5]] == [" ", " ", " ", " ", "▌"]


async def test_y_in_a_report_copies_all_of_the_line_and_says_so(journal: Journal, log: Path) -> None:
    append(log, line("Hypothesis: the pool", tags=(("H1", "open"),)))
    async with night(journal, size=WIDE) as it:
        await it.press("S")
        await it.shows("HYPOTHESES")
        dialog = it.app.screen
        assert isinstance(dialog, ReportScreen)
        while (shown := dialog.selected_line) is not None and not shown.detail:
            await it.press("j")
        assert shown is not None
        await it.press("y")
        text = await copied_text(it, journal)
        assert text == f"{shown.text.strip()}\n{shown.detail.strip()}\n"
        await it.says(f'2 lines, "{shown.text.strip()[:20]}')
