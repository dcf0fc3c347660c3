"""A read-only screen has the board, the thread and the hand-off, and refuses what writes."""

from __future__ import annotations

from pathlib import Path

from hypothesis_pilots import highlight_line, wait_for_report, wait_for_state
from night_lines import change_line, claim_line, evidence_line, hypothesis_line, stamp_at
from pilots import WIDE, append, night, notes

from threeam.core.store.journal import Journal
from threeam.tui.screens.report_screen import ThreadScreen


async def test_a_read_only_screen_says_so_for_the_keys_of_the_method(journal: Journal, log: Path) -> None:
    append(log, notes(3) + claim_line(1))
    before = log.read_bytes()
    async with night(journal, read_only=True) as it:
        await wait_for_state(it)
        await it.press("1")
        for key in "p+-s":
            it.app.clear_notifications()
            await it.press("escape", key)
            await it.says("read-only")
            assert it.in_the_log
    assert log.read_bytes() == before


async def test_a_read_only_screen_says_so_for_the_commands_of_the_method(journal: Journal, log: Path) -> None:
    append(log, notes(3) + change_line("pool (undo: 20)", 90) + claim_line(1))
    before = log.read_bytes()
    commands = [
        "support H1 words",
        f"contradict H1 @{stamp_at(1)}",
        "predict H1 words",
        "predict H1",
        "correct words",
        f"correct @{stamp_at(1)} words",
        f"words @{stamp_at(1)} words",
        "changed pool (undo: 20)",
        "undone pool",
        f"undone @{stamp_at(90)}",
    ]
    async with night(journal, read_only=True) as it:
        await wait_for_state(it)
        for command in commands:
            it.app.clear_notifications()
            await it.command(command)
            await it.says("read-only")
            assert it.in_the_log
    assert log.read_bytes() == before


async def test_a_read_only_screen_has_the_board_the_thread_and_the_hand_off(journal: Journal, log: Path) -> None:
    append(
        log,
        notes(9)
        + change_line("pool (undo: 20)", 90)
        + claim_line(1, "the pool")
        + evidence_line("Supports", 1, 1, 110),
    )
    async with night(journal, read_only=True, size=WIDE) as it:
        await wait_for_state(it)
        await it.press("h", "f", "j")
        assert "+1 −0" in it.shown
        await it.press("enter")
        await wait_for_report(it, ThreadScreen)
        assert "judge" not in it.shown
        await it.press("V", "p")
        assert isinstance(it.app.screen, ThreadScreen), "nothing is asked for here"
        append(log, hypothesis_line("Prediction: it will be late", 111))
        await it.shows("it will be late")
        await highlight_line(it, "note 1")
        await it.press("enter")
        await it.eventually(lambda: it.selected_text == "note 1", "the cited line is selected")
        await it.press("S")
        await wait_for_report(it)
        assert "TO BE UNDONE" in it.shown
        await it.press("q")
        assert it.in_the_log


async def test_a_command_without_words_is_refused_on_a_read_only_screen(journal: Journal, log: Path) -> None:
    append(log, notes(1))
    async with night(journal, read_only=True) as it:
        for command in ("correct", "changed", "undone", "take", "stamp", "words", "support", "water"):
            it.app.clear_notifications()
            await it.command(command)
            await it.says("read-only")
