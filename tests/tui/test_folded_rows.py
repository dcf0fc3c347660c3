"""What is folded into a row: the ceremony with its hold time, a rotation, a gap, a block that was cut back."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pilots import append, line, night, notes, section

from support.journals import writer_of
from threeam.core.format.clock import system_clock
from threeam.core.format.entry import ACQUIRED, RELEASING
from threeam.core.store.journal import Journal

HELD_NS = 7_800_000_000


async def test_the_ceremony_is_one_row_with_the_hold_time_and_z_shows_it_raw(journal: Journal, log: Path) -> None:
    log.write_bytes(line("before") + section(1, "the sweeper", 1_000_000, HELD_NS))
    async with night(journal) as it:
        assert "the sweeper" in it.shown
        assert "held 7.8s" in it.rows[1]
        assert ACQUIRED not in it.shown
        await it.press("z")
        assert [ACQUIRED in it.rows[1], "the sweeper" in it.rows[2], RELEASING in it.rows[3]] == [True] * 3
        await it.press("z")
        assert ACQUIRED not in it.shown
        assert "held 7.8s" in it.rows[1]


async def test_a_section_that_arrives_line_by_line_ends_as_one_row_with_its_hold_time(
    journal: Journal, log: Path
) -> None:
    log.write_bytes(notes(3))
    async with night(journal) as it:
        acquired, hypothesis, releasing = section(1, "the sweeper", 9_000_000, HELD_NS).splitlines(keepends=True)
        append(log, acquired)
        await it.pilot.pause(0.1)
        append(log, hypothesis)
        await it.shows("the sweeper")
        assert "held" not in it.rows[3]
        append(log, releasing)
        await it.shows("held 7.8s")
        assert ACQUIRED not in it.shown
        assert RELEASING not in it.shown


async def test_the_cursor_stays_on_its_entry_when_the_ceremony_is_shown_and_folded(journal: Journal, log: Path) -> None:
    log.write_bytes(b"".join(section(n, f"claim {n}", n * 1_000_000, HELD_NS) for n in range(1, 60)))
    async with night(journal) as it:
        await it.press("k", "k", "k")
        before = it.view.selected_row
        assert before is not None
        for _ in range(2):
            await it.press("z")
            after = it.view.selected_row
            assert after is not None
            assert after.line == before.line
            assert not it.view.following


@pytest.mark.parametrize("key", ["c", "H"], ids=["a-line", "a-section"])
async def test_unread_lines_are_rows_that_can_be_seen_not_the_ceremony(journal: Journal, log: Path, key: str) -> None:
    log.write_bytes(notes(10))
    async with night(journal) as it:
        await it.press("k")
        append(log, section(1, "a claim", 20_000_000, HELD_NS) if key == "H" else line("Coffee: one", 20_000_000))
        await it.eventually(lambda: it.view.unread, "something is unread")
        assert it.view.unread == 1


def rotate(journal: Journal) -> None:
    with writer_of("alice", journal, system_clock).lock_log(full_state=True) as locked:
        locked.rotate()


async def test_a_rotation_is_one_row_and_nothing_else_moves(journal: Journal, log: Path) -> None:
    log.write_bytes(b"".join(section(n, f"claim {n}", n * 1_000_000, HELD_NS) for n in range(1, 6)) + notes(60))
    async with night(journal, size=(110, 40)) as it:
        rotate(journal)
        await it.shows("Continued from sanity.")
        await it.press("c")
        await it.shows("cup 1 of the night")
        assert sum("Continued from" in row for row in it.rows) == 1
        assert "Carried" not in it.shown
        assert sorted(hypothesis.name for hypothesis in it.journal_screen.state.hypotheses.values()) == [
            f"H{n}" for n in range(1, 6)
        ]
        assert not [notice for notice in it.notices if "of water" not in notice]
        await it.press("g")
        await it.shows("claim 1")
        await it.press("k", "z")
        assert "claim 1" in it.shown
        await it.press("z", "G")
        await it.shows("cup 1 of the night")


async def test_a_gap_is_a_border_above_the_first_row_after_it(journal: Journal, log: Path) -> None:
    log.write_bytes(notes(5))
    async with night(journal) as it:
        log.rename(f"{log}.1")
        append(log, line("new file"))
        await it.shows("new file")
        index = next(i for i, row in enumerate(it.rows) if "new file" in row)
        assert "does not say that it continues" in it.rows[index - 1]
        assert "note 4" in it.rows[index - 2]


async def test_rows_of_a_block_that_was_cut_back_go_and_so_does_what_they_opened(journal: Journal, log: Path) -> None:
    log.write_bytes(notes(5))
    size = log.stat().st_size
    async with night(journal) as it:
        append(log, line("Hypothesis: refused", 10**9, tags=(("H1", "open"),)) + b"half of")
        await it.shows("H1 Hypothesis: refused")
        os.truncate(log, size)
        await it.eventually(lambda: "refused" not in it.shown, "it is gone")
        assert not it.journal_screen.state.hypotheses
        append(log, line("what came then", 2 * 10**9))
        await it.shows("what came then")
        assert "truncated" not in it.shown
        assert sum("note:" in row for row in it.rows) == 6
