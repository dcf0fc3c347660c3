"""Dialogs: their keys in the footer, their filter, their moves, and the help of each."""

from __future__ import annotations

from pathlib import Path

import pytest
from pilots import TINY, WIDE, Night, append, line, night, notes
from textual.command import CommandPalette

from support.journals import texts
from threeam.core.config.settings import Settings
from threeam.core.store.journal import Journal
from threeam.tui.screens.dialog import DialogHelp
from threeam.tui.screens.report_screen import ReportScreen


def claims(*words: str) -> bytes:
    """One open hypothesis for each claim."""
    return b"".join(
        line(f"Hypothesis: {claim}", n * 1_000_000, tags=((f"H{n}", "open"),)) for n, claim in enumerate(words, 1)
    )


def footer(it: Night) -> str:
    """The line at the bottom."""
    return it.shown.splitlines()[-1].strip()


@pytest.mark.parametrize("read_only", [False, True])
async def test_the_footer_of_a_dialog_has_its_own_keys(journal: Journal, log: Path, read_only: bool) -> None:
    footers = {
        ("question_mark",): "/ filter esc close",
        ("C",): "esc close ? help",
        ("enter",): "y copy the block Y copy its @stamp esc close ? help",
        ("S",): "/ filter esc close ? help",
        ("r",): "/ filter esc close ? help",
        ("1", ":", *"thread", "enter"): ("" if read_only else "~ park ") + "/ filter esc close ? help",
    }
    append(log, claims("the sweeper races the cart"))
    async with night(journal, size=WIDE, read_only=read_only) as it:
        for keys, shown in footers.items():
            await it.press(*keys)
            await it.eventually(lambda: it.app.screen.is_modal, "the dialog is there")
            assert shown in footer(it)
            assert "coffee" not in footer(it)
            assert "hypothesis" not in footer(it)
            await it.press("escape")
            await it.eventually(lambda: not it.app.screen.is_modal, "the dialog is closed")


async def test_the_narrowest_footer_still_leads_out_and_to_the_help(journal: Journal, log: Path) -> None:
    append(log, claims("the sweeper races the cart"))
    async with night(journal, size=TINY) as it:
        await it.press("1")
        await it.command("thread")
        await it.eventually(lambda: it.app.screen.is_modal, "the dialog is there")
        assert "esc close ? help" in footer(it)


async def test_what_enter_does_is_what_the_footer_says(journal: Journal, log: Path) -> None:
    append(log, line("Changed: the pool to 2 (undo: git revert HEAD)", tags=(("CHANGE", "open"),)))
    async with night(journal, size=WIDE) as it:
        await it.press("R")
        await it.shows("enter tick off")
        await it.press("enter")
        await it.shows("Tick off as undone: ")
        assert "It runs nothing." in it.shown
        assert footer(it) == "y yes n no"
        await it.press("n")
        await it.press("G")
        assert "enter tick off" not in footer(it)
        assert "enter" not in footer(it)  # this line is about nothing in the log


@pytest.mark.parametrize("read_only", [False, True])
async def test_the_help_of_a_dialog_explains_its_keys(journal: Journal, log: Path, read_only: bool) -> None:
    append(log, claims("the sweeper races the cart"))
    async with night(journal, size=WIDE, read_only=read_only) as it:
        await it.press("1")
        await it.command("thread")
        await it.eventually(lambda: isinstance(it.app.screen, ReportScreen), "the thread is there")
        await it.press("question_mark")
        assert isinstance(it.app.screen, DialogHelp)
        assert "enter        Go to its line in the log" in it.shown
        assert "g home       The first line" in it.shown
        assert ("Refute the picked hypothesis" in it.shown) is not read_only
        assert "esc q        Close" in it.shown
        await it.press("question_mark")
        assert isinstance(it.app.screen, ReportScreen)


async def test_a_remapped_key_is_in_the_footer_and_in_the_help_of_a_dialog(journal: Journal, log: Path) -> None:
    append(log, claims("the sweeper races the cart"))
    async with night(journal, size=WIDE, settings=Settings(keys={"search": "f7", "help": "f8", "top": "f9"})) as it:
        await it.press("S")
        await it.eventually(lambda: it.app.screen.is_modal, "the dialog is there")
        assert "f7 filter esc close f8 help" in footer(it)
        await it.press("f8")
        assert "f9           The first line" in it.shown


async def test_the_help_is_filtered(journal: Journal) -> None:
    async with night(journal, size=WIDE) as it:
        await it.press("question_mark")
        await it.type("/park\n")
        assert "Park the picked hypothesis" in it.shown
        assert "One coffee" not in it.shown
        assert "Quit" not in it.shown
        await it.press("escape")
        assert "One coffee" in it.shown
        await it.press("escape")
        assert it.in_the_log


async def test_keys_behind_the_enter_of_a_filter_are_for_the_list(journal: Journal, log: Path) -> None:
    append(log, claims("the sweeper", "the pool", "the pool again"))
    async with night(journal, size=WIDE) as it:
        await it.press("S")
        await it.eventually(lambda: isinstance(it.app.screen, ReportScreen), "the hand-off is there")
        report = it.app.screen
        assert isinstance(report, ReportScreen)
        await it.type("/POOL\nG")
        assert it.app.focused is report.option_list
        assert report.filter_line.words == "POOL"
        assert report.selected_line is not None
        assert "the pool" in report.selected_line.text
        assert all(found is None or "pool" in found.text for found in report._lines)
        await it.press("slash", "escape")
        assert report.filter_line.words == ""
        assert any(found is not None and "sweeper" in found.text for found in report._lines)
        assert isinstance(it.app.screen, ReportScreen)
    assert len(texts(log)) == 3


async def test_words_typed_for_a_filter_are_never_keys(journal: Journal, log: Path) -> None:
    append(log, claims("the sweeper"))
    async with night(journal, size=WIDE) as it:
        await it.press("question_mark")
        await it.type("/qqc?/H")
        assert it.app.screen.is_modal
        await it.type("\n")
        assert "no key and no sign has these words" in it.shown
        await it.press("q")
        assert it.in_the_log
    assert len(texts(log)) == 1


async def test_the_hypotheses_of_the_panel_are_filtered(journal: Journal, log: Path) -> None:
    append(log, claims("the sweeper", "the pool", "a replica"))
    async with night(journal, size=WIDE) as it:
        await it.press("h")
        await it.type("/pool\n")
        board = it.journal_screen.sidebar.hypothesis_list
        assert it.app.focused is board
        assert [option.id for option in board.options] == ["H2"]
        await it.press("slash", "escape")
        assert [option.id for option in board.options] == ["H3", "H2", "H1"]
        await it.press("G")
        assert board.highlighted == 2
        await it.press("g")
        assert board.highlighted == 0


async def test_help_and_lists_go_to_their_ends(journal: Journal, log: Path) -> None:
    log.write_bytes(notes(3))
    async with night(journal, size=TINY) as it:
        await it.press("question_mark", "G")
        assert "not medical advice" in " ".join(it.shown.replace("│", " ").split())
        await it.press("g")
        assert "WRITE" in it.shown
        await it.press("end", "home", "pagedown")
        assert "WRITE" not in it.shown


async def test_the_palette_shows_keys(journal: Journal) -> None:
    async with night(journal, size=WIDE) as it:
        await it.press("ctrl+p")
        await it.eventually(lambda: isinstance(it.app.screen, CommandPalette), "the palette is there")
        await it.type("baseline")
        await it.shows("baseline  B")
        await it.press("ctrl+u")
        await it.type("the")
        await it.shows("theme  :theme")
        assert it.shown.index("theme  :theme") < it.shown.index("coffee  c"), "a name goes before a description"


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("i", "enter write and close esc close ^o new line"),
        ("slash", "enter search esc close"),
        ("ampersand", "enter filter esc close"),
        ("colon", "enter do it tab complete esc close"),
    ],
)
async def test_the_footer_says_what_enter_does_with_the_text(journal: Journal, key: str, shown: str) -> None:
    async with night(journal, size=WIDE) as it:
        await it.press(key)
        assert footer(it) == shown
        await it.press("escape", "i")
        assert footer(it).startswith("enter write and close")


@pytest.mark.parametrize(("size", "keys"), [(WIDE, "y copy Y copy @stamp esc end"), (TINY, "y copy")])
async def test_the_footer_shows_the_keys_of_a_selection(
    journal: Journal, log: Path, size: tuple[int, int], keys: str
) -> None:
    append(log, notes(3))
    async with night(journal, size=size) as it:
        await it.press("v", "k")
        assert all(word in footer(it) for word in (*keys.split(), "esc end", "? help"))
        await it.press("escape")
        assert "y copy" not in footer(it)


async def test_the_smallest_screen_shows_the_keys_that_one_must_know(journal: Journal) -> None:
    async with night(journal, size=TINY) as it:
        assert footer(it) == "i note H hypothesis ? help q quit"
        empty = [row.strip() for row in it.rows if row.strip()]
        assert empty == [
            "Nothing here yet.",
            "i  write a note    H  open a hypothesis",
            "c  count a coffee",
            "?  all the keys",
            "3am log TEXT  in any shell",
        ]
