"""The live tail: it opens at the end, follows, pauses when scrolled up, and never yanks anybody back."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from pilots import BY, SMALL, TINY, WIDE, append, held, line, night, notes

from support.lines import NIGHT
from threeam.core.state.fold import Fold, State
from threeam.core.store.journal import Journal, Segment
from threeam.tui import background_scan as reading


async def test_it_opens_at_the_end_and_follows(journal: Journal, log: Path) -> None:
    log.write_bytes(notes(200))
    async with night(journal) as it:
        assert it.in_the_log
        assert "note 199" in it.rows[-1]
        assert "LIVE" in it.header
        append(log, line("written by another program"))
        await it.shows("written by another program")
        assert "written by another program" in it.rows[-1]
        assert it.view.unread == 0


async def test_an_empty_journal_says_in_three_lines_what_to_press_first(journal: Journal) -> None:
    async with night(journal) as it:
        shown = [row for row in it.rows if row.strip()]
        assert len(shown) == 3
        assert "note" in shown[1]
        assert "?" in shown[2]


async def test_the_first_line_of_a_journal_that_was_not_there_appears(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        append(log, line("the first of all"))
        await it.shows("the first of all")


@pytest.mark.parametrize("key", ["k", "u", "pageup"])
async def test_scrolling_up_pauses_and_new_lines_count_as_unread(journal: Journal, log: Path, key: str) -> None:
    log.write_bytes(notes(200))
    async with night(journal) as it:
        await it.press(key)
        assert not it.view.following
        assert "PAUSED" in it.header
        before, selected = it.rows, it.view.selected_row
        append(log, notes(7, 200))
        await it.eventually(lambda: it.view.unread == 7, "seven lines are unread")
        await it.settled()
        assert "PAUSED" in it.header
        assert "7 unread" in it.header
        assert it.rows == before, "the view moved under the reader"
        assert it.view.selected_row == selected


async def test_ones_own_lines_are_not_unread(journal: Journal, log: Path) -> None:
    log.write_bytes(notes(200))
    async with night(journal) as it:
        await it.press("k")
        await it.type("Hof my own\n")
        await it.eventually(lambda: it.unanswered == 0 and len(it.journal_screen.state.hypotheses) == 1, "it is read")
        append(log, line("bob's [BY: alice@db1:4121%3] own"))
        await it.eventually(
            lambda: (end := it.view.window.log_end) is not None and end.offset == log.stat().st_size,
            "bob's line is read",
        )
        assert it.view.unread == 1


async def test_f_end_and_capital_g_follow_again(journal: Journal, log: Path) -> None:
    log.write_bytes(notes(200))
    async with night(journal) as it:
        for n, key in enumerate(("F", "end", "G")):
            await it.press("b", "b")
            append(log, notes(3, 200 + 3 * n))
            await it.eventually(lambda: it.view.unread == 3, "three lines are unread")
            await it.press(key)
            assert it.view.following
            assert it.view.unread == 0
            assert f"note {202 + 3 * n}" in it.rows[-1]
            assert "LIVE" in it.header
        append(log, line("and on"))
        await it.eventually(lambda: "and on" in it.rows[-1], "it follows again")


async def test_j_to_the_end_follows_again(journal: Journal, log: Path) -> None:
    log.write_bytes(notes(50))
    async with night(journal) as it:
        await it.press("k", "k", "j")
        assert not it.view.following
        await it.press("j")
        assert it.view.following, "at the last line it follows again"


async def test_j_to_the_end_goes_through_what_came_meanwhile_first(journal: Journal, log: Path) -> None:
    log.write_bytes(notes(50))
    async with night(journal) as it:
        await it.press("k")
        append(log, notes(2, 50))
        await it.eventually(lambda: it.view.unread == 2, "two lines are unread")
        for expected in ("note 49", "note 50"):
            await it.press("j")
            row = it.view.selected_row
            assert row is not None
            assert row.entry is not None
            assert row.entry.text == expected
            assert not it.view.following
        await it.press("j")
        assert it.view.following


async def test_the_first_line_is_one_key_away_however_long_the_log(
    journal: Journal, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.write_bytes(notes(20_000))
    async with night(journal) as it:
        await it.press("g")
        assert it.rows[0].endswith("note 0")
        assert "PAUSED" in it.header
        await it.press("j", "j")
        row = it.view.selected_row
        assert row is not None
        assert row.entry is not None
        assert row.entry.text == "note 2"
        await it.press("G")
        assert it.rows[-1].endswith("note 19999")


async def test_paging_back_shows_every_line_once(journal: Journal, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threeam.tui.log_window.ROWS_PER_READ", 20)
    monkeypatch.setattr("threeam.tui.log_window.MAX_ROWS", 100)
    log.write_bytes(notes(400))
    async with night(journal, size=SMALL) as it:
        for expected in range(398, -1, -1):
            await it.press("k") if expected > 390 else it.view.action_up()
            row = it.view.selected_row
            assert row is not None
            assert row.entry is not None
            assert row.entry.text == f"note {expected}"
            assert any(shown.endswith(f"note {expected}") for shown in it.rows), "the cursor is on the screen"
        for expected in range(1, 400):
            it.view.action_down()
            row = it.view.selected_row
            assert row is not None
            assert row.entry is not None
            assert row.entry.text == f"note {expected}"
        it.view.action_down()
        assert it.view.following


async def test_a_flood_while_paused_is_counted_and_is_there_when_asked_for(
    journal: Journal, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("threeam.tui.log_window.ROWS_PER_READ", 20)
    monkeypatch.setattr("threeam.tui.log_window.MAX_ROWS", 100)
    log.write_bytes(notes(50))
    async with night(journal) as it:
        await it.press("k")
        before = it.rows
        for n in range(10):
            append(log, notes(100, 50 + 100 * n))
            await it.eventually(lambda n=n: it.view.unread == 100 * (n + 1), f"{100 * (n + 1)} lines are unread")
        assert it.rows[:40] == before[:40], "the view moved under the reader"
        for expected in range(49, 1050):
            it.view.action_down()
            row = it.view.selected_row
            assert row is not None
            assert row.entry is not None
            assert row.entry.text == f"note {expected}"
        await it.press("F")
        assert "note 1049" in it.rows[-1]


async def test_a_last_line_without_its_newline_is_unfinished_after_a_quiet_second(journal: Journal, log: Path) -> None:
    log.write_bytes(notes(3))
    async with night(journal) as it:
        append(log, line("half a line").rstrip(b"\n"))
        await it.shows("unfinished")
        assert it.view.selected_row is not None
        append(log, b" and the rest\n")
        await it.shows("half a line and the rest")
        assert "unfinished" not in it.shown


async def test_foreign_and_binary_lines_are_shown_made_safe_and_stop_nothing(journal: Journal, log: Path) -> None:
    log.write_bytes(b"not ours\n\x00\xff\x1b[31mred\n" + line("ours"))
    async with night(journal) as it:
        assert "not ours" in it.shown
        assert r"\x00\xff\x1b[31mred" in it.shown
        assert "\x1b" not in it.shown
        assert "note: ours" in it.shown
        await it.press("k")
        assert "not a line of the log" in it.shown


async def test_a_log_that_is_truncated_says_so_and_goes_on(journal: Journal, log: Path) -> None:
    log.write_bytes(notes(30))
    async with night(journal) as it:
        with log.open("r+b") as file:
            file.truncate(0)
        append(log, line("written anew"))
        await it.says("truncated")
        await it.shows("written anew")
        assert "note 29" in it.shown, "what stood there is shown above it"


async def test_a_truncation_is_reported_at_once_and_not_with_the_next_line(journal: Journal, log: Path) -> None:
    log.write_bytes(notes(30) + line("Coffee.", 30_000_000, cups=3))
    async with night(journal) as it:
        os.truncate(log, 0)
        await it.says("truncated")
        assert "note 29" in it.shown, "what stood there is shown still"
        append(log, line("written anew"))
        await it.shows("written anew")
        assert "note 29" in it.shown, "and above what came then"


async def test_lines_are_followed_while_what_all_others_add_up_to_is_not_known_yet(
    journal: Journal, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_for, steps = asyncio.Event(), Fold.state_at_in_steps

    def slow_steps(fold: Fold, segment: Segment, end: int) -> Iterator[State | None]:
        while not asked_for.is_set():
            yield None
        yield from steps(fold, segment, end)

    monkeypatch.setattr(Fold, "state_at_in_steps", slow_steps)
    monkeypatch.setattr(reading, "SLICE_S", 0.0)
    many = line("Coffee: the ninth.", 2, cups=9, user=BY.user)
    log.write_bytes(line("Hypothesis: a deadlock", tags=(("H1", "open"),), cups=2) + many + notes(3, 1))
    async with night(journal, clock=lambda: NIGHT) as it:
        await it.eventually(lambda: "reading the log" in it.shown, "the panel says that it reads")
        append(log, line("Hypothesis: a stale cache", 9_000_000, tags=(("H2", "open"),), cups=2))
        await it.shows("a stale cache")
        assert it.journal_screen.state.hypotheses == {}
        await it.press("1")
        await it.says("still being read")
        assert "none yet" not in it.shown
        asked_for.set()
        await it.eventually(lambda: list(it.journal_screen.state.hypotheses) == [1, 2], "both are on the board")
        assert "reading the log" not in it.shown
        assert not [notice for notice in it.notices if "TOXIC" in notice], "and no alarm of old cups"


async def test_a_paused_reader_of_a_log_that_is_truncated_keeps_what_is_shown(journal: Journal, log: Path) -> None:
    log.write_bytes(notes(300))
    async with night(journal) as it:
        await it.press("g", "d", "d")
        before = it.shown
        os.truncate(log, 0)
        append(log, line("written anew"))
        await it.says("truncated")
        assert [row for row in before.splitlines() if "note: note" in row][3] in it.shown


async def test_a_log_that_is_renamed_away_is_followed_by_its_name(journal: Journal, log: Path) -> None:
    log.write_bytes(notes(3))
    async with night(journal) as it:
        log.rename(log.with_suffix(".1"))
        append(log, line("in the new file"))
        await it.shows("in the new file")
        assert "note 2" in it.shown


async def test_the_header_names_who_holds_the_lock(journal: Journal, log: Path) -> None:
    log.write_bytes(notes(3))
    async with night(journal) as it:
        assert "lock" not in it.header
        with held(journal.lock_path):
            await it.eventually(lambda: "held by" in it.header, "the header names the holder")
            assert str(os.getpid()) in it.header
        await it.eventually(lambda: "lock" not in it.header, "the lock is free again")


@pytest.mark.parametrize("paused", [False, True], ids=["following", "paused"])
async def test_resizing_keeps_the_place(journal: Journal, log: Path, paused: bool) -> None:
    log.write_bytes(notes(200))
    async with night(journal) as it:
        if paused:
            await it.press("b", "k")
        selected = it.view.selected_row
        assert selected is not None
        assert selected.entry is not None
        for size in (SMALL, TINY, WIDE, (60, 20), (20, 5), WIDE):
            await it.pilot.resize_terminal(*size)
            await it.settled()
            assert it.view.following is not paused
            assert it.view.selected_row == selected
            if size[1] > 5:
                where = it.rows if paused else it.rows[-1:]
                assert any(selected.entry.text in row for row in where), f"the place is lost at {size}"
        if not paused:
            append(log, line("still following"))
            await it.eventually(lambda: "still following" in it.rows[-1], "it still follows")


async def test_wrapping_shows_the_whole_of_a_long_line(journal: Journal, log: Path) -> None:
    words = " ".join(f"word{n}" for n in range(60))
    log.write_bytes(line(words))
    async with night(journal) as it:
        for n in range(60):
            assert f"word{n}" in it.shown
        await it.press("w")
        assert "word59" not in it.shown
        await it.press("w")
        assert "word59" in it.shown


async def test_the_entry_under_the_cursor_stands_below_with_its_whole_stamp_and_author(
    journal: Journal, log: Path
) -> None:
    log.write_bytes(notes(5))
    async with night(journal, size=TINY) as it:
        await it.press("k")
        assert "03:14:07.126456789" in it.shown
