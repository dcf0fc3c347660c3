"""The ways to the journal as it was, further back, and back to now."""

from __future__ import annotations

from pathlib import Path

import pytest
from as_of_pilots import (
    A_NIGHT,
    LATER,
    as_of_depth,
    as_of_screen,
    line_at,
    open_as_of,
    row_texts,
    stamp_at,
    wait_for_as_of,
)
from pilots import append, night

from support.journals import FakeClock, texts
from threeam.core.store.journal import Journal


@pytest.fixture
def clock() -> FakeClock:
    """An hour after the night began."""
    return FakeClock(LATER)


@pytest.fixture
def a_night(log: Path) -> Path:
    log.write_bytes(A_NIGHT)
    return log


async def test_what_comes_meanwhile_is_not_there_and_is_on_the_live_screen(
    journal: Journal, a_night: Path, clock: FakeClock
) -> None:
    async with night(journal, clock=clock) as it:
        screen = await open_as_of(it, "the last line")
        append(a_night, line_at(9, "meanwhile") + line_at(10, "Conclusion: yes", ("H2", "confirmed")))
        await it.eventually(
            lambda: any(b"Conclusion: yes" in row.line.raw for row in it.view.window.rows), "the live screen has it"
        )
        await it.eventually(lambda: it.journal_screen.state.hypotheses[2].state == "confirmed", "and knows it")
        assert "meanwhile" not in it.shown
        assert "meanwhile" not in row_texts(screen)
        assert screen.state.hypotheses[2].state == "open"
        await it.press("G", "j", "F")
        assert "meanwhile" not in it.shown
        await it.press(">")
        assert as_of_depth(it) == 0
        assert it.in_the_log
        await it.press("F")
        await it.shows("meanwhile")
        assert "AS OF" not in it.shown


async def test_further_back_and_back_to_now_at_once(journal: Journal, a_night: Path, clock: FakeClock) -> None:
    async with night(journal, clock=clock) as it:
        await open_as_of(it, "the last line")
        screen = await open_as_of(it, "it was late")
        assert as_of_depth(it) == 2
        assert row_texts(screen)[-1] == "UPDATE after DELETE"
        assert screen.header.cups == 1
        await it.press(">")
        assert as_of_depth(it) == 0
        assert it.app.screen is it.journal_screen
        await it.command("note written now")
        await it.eventually(lambda: texts(a_night)[-1] == "written now", "it is live")


async def test_q_goes_back_by_one_and_esc_does_not_go_back(journal: Journal, a_night: Path, clock: FakeClock) -> None:
    async with night(journal, clock=clock) as it:
        first = await open_as_of(it, "the last line")
        await open_as_of(it, "it was late")
        await it.press("escape", "escape")
        assert as_of_depth(it) == 2
        await it.press("q")
        assert as_of_screen(it) is first
        await it.press("q")
        assert as_of_depth(it) == 0
        assert it.app.is_running


async def test_a_time_is_named_on_the_command_line(journal: Journal, a_night: Path, clock: FakeClock) -> None:
    async with night(journal, clock=clock) as it:
        await it.command("as-of 03:17")
        screen = await wait_for_as_of(it)
        assert row_texts(screen)[-1] == "Hypothesis: the sweeper"
        await it.shows("AS OF 03:17:00.000")
        await it.press(">")
        await it.command(f"as-of {stamp_at(7)}")
        screen = await wait_for_as_of(it)
        assert row_texts(screen)[-1] == "Hypothesis: the cache"
        await it.command("now")
        await it.eventually(lambda: as_of_depth(it) == 0, "it is back at now")


async def test_a_relative_time_is_relative_to_where_one_is(journal: Journal, a_night: Path, clock: FakeClock) -> None:
    async with night(journal, clock=clock) as it:
        await it.command("as-of -55m")
        screen = await wait_for_as_of(it)
        assert row_texts(screen)[-1].startswith("Coffee: cup 2")
        await it.command("as-of -3m")
        await it.eventually(lambda: as_of_depth(it) == 2, "further back")
        assert row_texts(await wait_for_as_of(it))[-1] == "Hypothesis: the sweeper"


async def test_a_text_that_names_no_time_is_reported(journal: Journal, a_night: Path, clock: FakeClock) -> None:
    async with night(journal, clock=clock) as it:
        for word, why in (
            (stamp_at(99), "there is no entry"),
            ("03:00", "begins later"),
            ("tea time", "is not a time"),
            ("@tea", "is not a stamp"),
        ):
            it.app.clear_notifications()
            await it.command(f"as-of {word}")
            await it.says(why)
            assert as_of_depth(it) == 0


async def test_a_foreign_line_has_no_moment(journal: Journal, log: Path, clock: FakeClock) -> None:
    log.write_bytes(b"kernel: oops\n")
    async with night(journal, clock=clock) as it:
        await it.press("g", "<")
        await it.says("only those have a stamp")
        assert as_of_depth(it) == 0


async def test_without_a_log_there_is_no_earlier_state(journal: Journal, clock: FakeClock) -> None:
    async with night(journal, clock=clock) as it:
        await it.press("<")
        await it.says("only those have a stamp")
        await it.command("as-of 03:14")
        assert as_of_depth(it) == 0
