"""Filters: they stack, are live, and keep the selected line where it is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from haystacks import haystack
from pilots import append, line, night, notes, section

from threeam.core.store import reader
from threeam.core.store.journal import Journal
from threeam.core.write.draft import note_draft
from threeam.core.write.writer import Writer
from threeam.tui import log_window as window


async def test_filters_stack_and_an_empty_one_takes_the_last_away(journal: Journal, log: Path) -> None:
    log.write_bytes(
        b"".join(
            line(f"{'odd' if n % 2 else 'even'} {n}", n * 1000, user="bob" if n % 3 else "alice") for n in range(30)
        )
    )
    async with night(journal) as it:
        await it.type("&odd\n")
        await it.shows("& odd  15 lines")
        assert all("odd" in row for row in it.rows if "note:" in row)
        await it.type("&by:alice\n")
        await it.shows("& odd  by:alice  5 lines")
        await it.type("&!9\n")
        await it.shows("!9  4 lines")
        await it.type("&\n")
        await it.shows("& odd  by:alice  5 lines")
        await it.command("unfilter")
        await it.shows("even 28")
        assert "&" not in "".join(it.shown.splitlines()[-4:-2])


@pytest.mark.parametrize(
    "keys", ["g&odd\n&nowhere\n", "g&nowhere\n&\n", "g&odd\n&nowhere\n&\n&\n", "g&nowhere\njkGgud"]
)
async def test_a_paused_view_survives_a_filter_that_leaves_nothing(journal: Journal, log: Path, keys: str) -> None:
    log.write_bytes(b"".join(line(f"{'odd' if n % 2 else 'even'} {n}", n * 1000) for n in range(77)))
    async with night(journal) as it:
        await it.type(keys)
        await it.settled()
        assert it.app.is_running
        await it.command("unfilter")
        await it.press("G")
        await it.shows("even 76")


async def test_the_last_filter_goes_first_whatever_it_is(journal: Journal, log: Path) -> None:
    log.write_bytes(notes(20))
    async with night(journal) as it:
        await it.type("&!7$\n&note 1\n")
        await it.shows("& !7$  note 1  10 lines")
        await it.type("&\n")
        await it.shows("& !7$  18 lines")


async def test_a_filter_leaves_the_selected_line_where_it_is(journal: Journal, log: Path) -> None:
    log.write_bytes(haystack({n: f"needle {n}" for n in range(0, 3000, 7)}))
    async with night(journal) as it:
        await it.type("/needle 1400\n")
        await it.shows("match 1 of 1")
        y = next(y for y, row in enumerate(it.rows) if "needle 1400" in row)
        for filters in ("&needle\n", "&!7$\n", "&\n", "&\n"):
            await it.type(filters)
            await it.eventually(lambda: "looking" not in it.shown, "the screen is full")
            assert "needle 1400" in it.rows[y]
            assert it.selected_text == "needle 1400"


async def test_a_filter_is_live(journal: Journal, log: Path) -> None:
    log.write_bytes(notes(5))
    async with night(journal) as it:
        await it.type("&needle\n")
        await it.shows("No line matches")
        append(log, line("hay") + line("a needle"))
        await it.shows("a needle")
        assert "hay" not in it.shown
        assert "LIVE" in it.header


async def test_lines_far_apart_are_looked_for_without_holding_up_the_keys(
    journal: Journal, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window, "SLICE_S", -1)  # a block, and then something else
    monkeypatch.setattr(reader, "CHUNK_BYTES", 2000)
    log.write_bytes(haystack({3: "needle 1", 900: "needle 2", 2500: "needle 3"}))
    async with night(journal) as it:
        await it.type("&needle\n")
        await it.shows("3 lines")
        await it.eventually(lambda: "needle 1" in it.rows[0], "all are found")
        assert len([row for row in it.rows if "needle" in row]) == 3
        await it.press("g")
        await it.eventually(lambda: it.view.selected_row and it.view.selected_row.entry, "the first is selected")
        assert "needle 1" in it.rows[0]
        await it.press("j", "j", "j")
        assert "needle 3" in it.shown


async def test_the_kinds_and_hypotheses_can_be_filtered(journal: Journal, log: Path) -> None:
    log.write_bytes(notes(3) + section(7, "the sweeper", 10_000_000, 500) + b"foreign\n")
    async with night(journal) as it:
        await it.type("&H7\n")
        await it.shows("1 line")
        assert "the sweeper" in it.shown
        await it.type("&\n&kind:foreign\n")
        await it.shows("foreign: foreign")
        await it.type("&kind:nope\n")
        await it.says("there is no kind 'nope'")


async def test_a_filter_outlives_a_rotation(journal: Journal, log: Path, writer: Writer) -> None:
    writer.write(note_draft("needle 1"))
    async with night(journal) as it:
        await it.type("&needle\n")
        await it.shows("1 line")
        with writer.lock_log(full_state=True) as file:
            file.rotate()
        writer.write(note_draft("hay"))
        writer.write(note_draft("needle 2"))
        await it.shows("needle 2")
        assert "needle 1" in it.shown
        assert "hay" not in it.shown
        await it.shows("2 lines")


async def test_z_under_a_filter_stays_at_the_live_end(journal: Journal, log: Path) -> None:
    log.write_bytes(notes(9000))
    async with night(journal) as it:
        await it.type("&note\n")
        await it.shows("9,000 lines")
        await it.press("z", "z")
        assert "note 8999" in it.shown


async def test_k_finds_a_match_far_above_once_it_was_looked_for(
    journal: Journal, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window, "SLICE_S", -1)
    monkeypatch.setattr(reader, "CHUNK_BYTES", 2000)
    log.write_bytes(haystack({3: "needle far", **{n: f"needle {n}" for n in range(2900, 3000)}}))
    async with night(journal) as it:
        await it.type("&needle\n")
        for _ in range(120):
            it.at_once("k")
            await it.settled()
        await it.eventually(lambda: not it.view.is_searching_rows, "it has looked everywhere")
        await it.press("k")
        assert it.selected_text == "needle far"


async def test_a_filter_while_the_log_is_truncated_underneath(journal: Journal, log: Path) -> None:
    log.write_bytes(haystack({5: "needle 1", 2500: "needle 2"}))
    async with night(journal) as it:
        await it.type("&needle\n")
        await it.shows("2 lines")
        os.truncate(log, 0)
        append(log, line("needle anew") + line("hay"))
        await it.shows("needle anew")
        await it.shows("1 line")
        await it.press("g", "G", "z")
        assert it.app.is_running
