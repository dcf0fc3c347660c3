"""The journal as it was: what it shows, what can be done there, and that nothing can be written."""

from __future__ import annotations

from pathlib import Path

import pytest
from as_of_pilots import (
    A_NIGHT,
    LATER,
    MINUTE,
    as_of_depth,
    as_of_screen,
    board_names,
    board_text,
    header_of,
    line_at,
    open_as_of,
    row_texts,
    select_line,
    stamp_at,
    wait_for_as_of,
)
from pilots import SMALL, TINY, WIDE, night, notes, section

from support.journals import FakeClock
from support.lines import NIGHT
from threeam.actions import ACTIONS
from threeam.core.format.entry import CLOCK_STEPPED_PREFIX, Stamp
from threeam.core.store.journal import Journal
from threeam.core.write.draft import note_draft
from threeam.core.write.writer import Writer
from threeam.tui.screens.entry import EntryScreen
from threeam.tui.screens.report_screen import ReportScreen, ThreadScreen
from threeam.tui.widgets.composer import Composer

WRITING_KEYS = [key for action in ACTIONS if action.writes and action.scope == "log" for key in action.keys.split(",")]


@pytest.fixture
def clock() -> FakeClock:
    """An hour after the night began."""
    return FakeClock(LATER)


@pytest.fixture
def a_night(log: Path) -> Path:
    log.write_bytes(A_NIGHT)
    return log


@pytest.mark.parametrize("size", [WIDE, SMALL])
async def test_it_shows_journal_board_and_cups_as_they_were(
    journal: Journal, a_night: Path, clock: FakeClock, size: tuple[int, int]
) -> None:
    async with night(journal, clock=clock, size=size) as it:
        screen = await open_as_of(it, "cup 2 of the night.")
        assert [text.partition(":")[0] for text in row_texts(screen)] == [
            *("paged", "Coffee", "Hypothesis", "UPDATE after DELETE", "Supports")
        ]
        assert board_names(screen) == ["H1"]
        assert "open" in board_text(screen, 1)
        assert "refuted" not in board_text(screen, 1)
        assert screen.header.cups == 1
        assert 90 < screen.header.mg < 95, "4 minutes after the cup"
        assert "AS OF" in header_of(it)
        assert "read-only" in header_of(it)
        assert "LIVE" not in header_of(it)
        await it.shows("AS OF 03:19:07.122")
        assert "> back to now" in it.shown
        for later in ("the last line", "the cache", "it was off"):
            assert later not in it.shown


async def test_the_state_of_a_hypothesis_is_that_of_then_and_its_counts_too(
    journal: Journal, a_night: Path, clock: FakeClock
) -> None:
    async with night(journal, clock=clock) as it:
        await it.press(">")
        await it.says("this is now")
        screen = await open_as_of(it, "it was late")
        assert screen.state.hypotheses[1].state == "open"
        none = board_text(screen, 1)
        await it.press(">")
        screen = await open_as_of(it, "the last line")
        assert screen.state.hypotheses[1].state == "refuted"
        assert screen.header.cups == 2
        assert sorted(name or "" for name in board_names(screen)) == ["H1", "H2"]
        await it.press(">")
        screen = await open_as_of(it, "it was off")
        assert board_text(screen, 1) != none, "the evidence is counted"


async def test_before_the_first_line_there_is_nothing(journal: Journal, a_night: Path, clock: FakeClock) -> None:
    async with night(journal, clock=clock) as it:
        screen = await open_as_of(it, "paged")
        assert row_texts(screen) == []
        assert board_names(screen) == []
        assert screen.header.cups == 0
        await it.press("j", "k", "g", "G", "enter", "<", "m", "y", "n", "z", "w", "t")
        assert it.app.is_running
        await it.press(">")
        assert as_of_depth(it) == 0


async def test_a_block_is_there_whole_or_not_at_all(journal: Journal, log: Path, clock: FakeClock) -> None:
    log.write_bytes(line_at(0, "before") + section(1, "the claim", MINUTE, 800_000) + line_at(2, "after"))
    async with night(journal, clock=clock) as it:
        screen = await open_as_of(it, "the claim")
        assert row_texts(screen) == ["before"]
        await it.press(">")
        screen = await open_as_of(it, "after")
        assert row_texts(screen) == ["before", "Hypothesis: the claim"]


async def test_what_stands_above_a_step_of_the_clock_stays(journal: Journal, log: Path, clock: FakeClock) -> None:
    step = f"{CLOCK_STEPPED_PREFIX}240.000 s; the order of the file is the true order."
    log.write_bytes(line_at(5, "ahead") + line_at(1, step) + line_at(1.1, "after the step") + line_at(2, "later"))
    async with night(journal, clock=clock) as it:
        assert row_texts(await open_as_of(it, "later")) == ["ahead", step, "after the step"]


async def test_right_after_a_rotation_it_is_what_the_file_before_said(
    journal: Journal, a_night: Path, clock: FakeClock, writer: Writer
) -> None:
    with writer.lock_log(full_state=True) as locked:
        locked.rotate()
    clock.forward(MINUTE)
    writer.write(note_draft("after the rotation"))
    async with night(journal, clock=clock) as it:
        screen = await open_as_of(it, "after the rotation")
        assert row_texts(screen)[-1].startswith("Continued from "), "which is where the file begins"
        assert screen.state.hypotheses[1].state == "refuted"
        assert screen.header.cups == 2
        await it.press("g")
        assert screen.log_view.selected_row is not None
        assert screen.log_view.selected_row.line.display_text.endswith("paged")


async def test_the_writing_keys_say_read_only_and_write_nothing(
    journal: Journal, a_night: Path, clock: FakeClock
) -> None:
    async with night(journal, clock=clock) as it:
        screen = await open_as_of(it, "the last line")
        assert screen.session.writer is None
        assert not list(screen.query(Composer))
        await it.press("1")
        for key in WRITING_KEYS:
            it.app.clear_notifications()
            await it.press("escape", key)
            assert any("> returns to now" in notice for notice in it.notices), key
        for command in ("note no", "coffee", "confirm H2 no", f"undone {stamp_at(3)}"):
            it.app.clear_notifications()
            await it.command(command)
            await it.says("> returns to now")
        await it.paste("pasted\ntext")
        assert as_of_screen(it) is screen
        assert a_night.read_bytes() == A_NIGHT
    assert a_night.read_bytes() == A_NIGHT


async def test_marks_there_are_its_own(journal: Journal, a_night: Path, clock: FakeClock) -> None:
    async with night(journal, clock=clock) as it:
        screen = await open_as_of(it, "the last line")
        await select_line(it, "UPDATE after DELETE")
        await it.press("m")
        assert len(screen.log_view.marked_ns) == 1
        await it.press("G", "apostrophe")
        await it.eventually(
            lambda: screen.log_view.selected_row and b"UPDATE" in screen.log_view.selected_row.line.raw, "it goes there"
        )
        await it.press(">")
        assert len(it.view.marked_ns) == 0
        assert a_night.read_bytes() == A_NIGHT


async def test_a_command_is_about_the_line_that_was_selected_when_its_box_was_opened(
    journal: Journal, log: Path
) -> None:
    log.write_bytes(notes(3))
    async with night(journal) as it:
        await it.press(":")
        with log.open("ab") as file:
            file.write(line_at(10, "later"))
        await it.eventually(lambda: it.selected_text == "later", "the cursor has followed it")
        await it.type("as-of\n")
        assert row_texts(await wait_for_as_of(it)) == ["note 0", "note 1"]


async def test_search_and_filter_find_what_was_there(journal: Journal, log: Path, clock: FakeClock) -> None:
    log.write_bytes(notes(3000) + line_at(10, "the last one, note 7"))
    async with night(journal, clock=clock) as it:
        await it.command(f"as-of @{Stamp(NIGHT.ns + 2000 * 1_000_000)}")
        screen = await wait_for_as_of(it)
        await it.type("/note 1[79]00$\n")
        await it.shows("match 2 of 2")
        assert screen.log_view.selected_row is not None
        assert b"note 1900" in screen.log_view.selected_row.line.raw
        await it.press("N")
        await it.shows("note 1700")
        await it.type("/note 2500\n")
        await it.says("no")
        await it.type("&note 7$\n")
        await it.shows("1 line")
        assert row_texts(screen) == ["note 7"]
        await it.command("unfilter")
        await it.press("G")
        await it.shows("note 1999")
        assert "note 2000" not in it.shown


async def test_entry_thread_and_handoff_are_those_of_then(journal: Journal, a_night: Path, clock: FakeClock) -> None:
    async with night(journal, clock=clock, size=(110, 40)) as it:
        screen = await open_as_of(it, "cup 2 of the night.")
        await select_line(it, "UPDATE after DELETE")
        await it.press("enter")
        assert isinstance(it.app.screen, EntryScreen)
        assert "UPDATE after DELETE" in it.shown
        await it.press("escape")
        await it.press("1")
        await it.command("thread H1")
        await it.eventually(lambda: isinstance(it.app.screen, ThreadScreen), "the thread is open")
        assert "it was late" in it.shown
        assert "it was off" not in it.shown
        await it.press("escape")
        await it.press("S")
        await it.eventually(lambda: isinstance(it.app.screen, ReportScreen), "the hand-off is open")
        await it.shows("the sweeper")
        assert "the cache" not in it.shown
        assert "it was off" not in it.shown
        await it.press("escape")
        assert as_of_screen(it) is screen
        await it.press("C")
        await it.shows("95")
        await it.press("escape")
        assert as_of_screen(it) is screen


async def test_it_works_in_a_corner_of_a_screen(journal: Journal, a_night: Path, clock: FakeClock) -> None:
    async with night(journal, clock=clock, size=TINY) as it:
        screen = await open_as_of(it, "cup 2 of the night.")
        assert "AS OF 03:19:07.122" in it.shown
        assert "> back to now" in it.shown
        assert "AS OF" in header_of(it)
        await it.press("g")
        assert "paged" in it.shown
        await it.press("h")
        assert "the sweeper" in it.shown
        await it.press("enter")
        await it.eventually(lambda: isinstance(it.app.screen, ThreadScreen), "the thread is open")
        await it.press("escape", "escape")
        assert as_of_screen(it) is screen
        await it.press("question_mark", "escape", ">")
        assert as_of_depth(it) == 0


async def test_a_read_only_screen_goes_back_too(journal: Journal, a_night: Path, clock: FakeClock) -> None:
    async with night(journal, clock=clock, read_only=True) as it:
        screen = await open_as_of(it, "it was off")
        assert screen.state.hypotheses[1].state == "open"
        await it.press(">")
        assert as_of_depth(it) == 0
