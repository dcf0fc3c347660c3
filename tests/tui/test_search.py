"""Search: `/`, `n` and `N`, what counts as a match, and what stops a search."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from haystacks import haystack
from pilots import SMALL, TINY, append, line, night, notes, section

from support.lines import NIGHT
from threeam.core.format.entry import Stamp
from threeam.core.store.journal import Journal
from threeam.core.store.seek import ChunkMatches
from threeam.core.write.draft import note_draft
from threeam.core.write.writer import Writer
from threeam.tui import log_window as window


async def test_a_search_goes_up_from_the_end_and_n_and_capital_n_go_on(journal: Journal, log: Path) -> None:
    log.write_bytes(haystack({10: "first needle", 1500: "second needle", 2990: "third needle"}))
    async with night(journal) as it:
        await it.type("/needle\n")
        await it.shows("match 3 of 3")
        assert "third needle" in it.shown
        await it.press("n")
        await it.shows("match 2 of 3")
        assert "second needle" in it.shown
        await it.press("n")
        await it.shows("first needle")
        await it.press("n")
        await it.shows("match 3 of 3  continued from the bottom")
        await it.press("N")
        await it.shows("match 1 of 3  continued from the top")
        await it.press("N")
        await it.shows("match 2 of 3")
        assert "continued" not in it.shown


async def test_a_search_from_the_middle_goes_down_and_so_does_n(journal: Journal, log: Path) -> None:
    log.write_bytes(haystack({10: "first needle", 1500: "second needle", 2990: "third needle"}))
    async with night(journal) as it:
        await it.press("g")
        await it.type("/needle\n")
        await it.shows("match 1 of 3")
        await it.press("n")
        await it.shows("match 2 of 3")
        await it.press("N")
        await it.shows("match 1 of 3")


async def test_esc_in_the_log_ends_the_search_and_n_repeats_it(journal: Journal, log: Path) -> None:
    log.write_bytes(notes(20))
    async with night(journal) as it:
        await it.type("/note 1\n")
        await it.shows("match 11 of 11")
        await it.press("i", "escape")  # this Esc is for the box
        assert "of 11" in it.shown
        await it.press("escape")
        assert "of 11" not in it.shown
        assert it.view.render_options.pattern is None
        await it.press("n")
        await it.shows("match 10 of 11")


async def test_a_search_whose_matches_are_all_on_the_other_side_goes_there(journal: Journal, log: Path) -> None:
    log.write_bytes(haystack({10: "first needle", 1500: "second needle", 2000: "other pin"}))
    async with night(journal) as it:
        await it.command(f"goto @{Stamp(NIGHT.ns + 2500 * 1_000_000)}")
        await it.eventually(lambda: not it.view.following, "it has gone there")
        await it.type("/needle\n")
        await it.shows("match 1 of 2  continued from the top")
        assert it.selected_text == "first needle"
        await it.type("/pin\n")
        await it.shows("match 1 of 1")
        assert it.selected_text == "other pin"
        await it.press("n")
        await it.says("there is no other match")
        assert it.selected_text == "other pin"
        await it.press("N", "N")
        assert it.selected_text == "other pin"


async def test_the_keys_after_a_search_of_one_read_are_keys_of_the_log(journal: Journal, log: Path) -> None:
    log.write_bytes(haystack({10: "first needle", 1500: "second needle", 2990: "third needle"}))
    async with night(journal) as it:
        await it.type("/needle\nnn")
        await it.shows("match 1 of 3")
        assert it.in_the_log
        assert it.composer.text == ""


async def test_what_is_found_is_highlighted(journal: Journal, log: Path) -> None:
    log.write_bytes(line("a needle in it"))
    async with night(journal) as it:
        await it.type("/need.e\n")
        await it.shows("match 1 of 1")
        segments = [segment for segment in it.view.render_line(0) if segment.text == "needle"]
        assert len(segments) == 1
        assert segments[0].style is not None
        assert segments[0].style.reverse


async def test_capitals_count_only_if_there_are_any(journal: Journal, log: Path) -> None:
    log.write_bytes(line("NEEDLE one") + line("needle two", 1000))
    async with night(journal) as it:
        await it.type("/needle\n")
        await it.shows("of 2")
        await it.type("/NEEDLE\n")
        await it.shows("/ NEEDLE  match 1 of 1")


async def test_an_invalid_pattern_is_reported_and_changes_nothing(journal: Journal, log: Path) -> None:
    log.write_bytes(notes(3))
    async with night(journal) as it:
        await it.type("/(\n")
        await it.says("'(' is not a regular expression")
        await it.press("escape")
        await it.type("&(\n")
        await it.says("'(' is not a regular expression")
        await it.press("escape")
        assert "note 2" in it.shown
        assert it.in_the_log


async def test_n_before_any_search_says_how_to_begin_one(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        await it.press("n")
        await it.says("/ starts one")


async def test_the_lock_s_own_lines_are_found_only_where_they_are_shown(journal: Journal, log: Path) -> None:
    log.write_bytes(section(1, "the lock is stale", 0, 1000) + notes(3, 1))
    async with night(journal) as it:
        await it.type("/lock\n")
        await it.shows("match 1 of 1")
        await it.press("z")
        await it.type("/lock\n")
        await it.shows("of 3")


async def test_the_history_of_searches_is_one_key_away(journal: Journal, log: Path) -> None:
    log.write_bytes(notes(3))
    async with night(journal) as it:
        await it.type("/note 1\n")
        await it.type("&!note 2\n")
        await it.press("slash", "up")
        assert it.journal_screen.pane.prompt.box.text == "note 1"
        await it.press("escape")
        assert it.in_the_log


async def test_a_search_goes_through_every_file_of_the_journal(journal: Journal, log: Path, writer: Writer) -> None:
    for n in range(3):
        writer.write(note_draft(f"needle {n}"))
        with writer.lock_log(full_state=True) as file:
            file.rotate()
    writer.write(note_draft("hay"))
    async with night(journal) as it:
        await it.type("/needle\n")
        await it.shows("match 3 of 3")
        await it.press("n", "n")
        await it.shows("match 1 of 3")
        assert "needle 0" in it.shown


async def test_esc_stops_a_long_search_and_keys_work_meanwhile(
    journal: Journal, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(*_: object, **__: object) -> Iterator[ChunkMatches]:
        while True:
            yield ChunkMatches(0, 1024 * 1024, [])

    log.write_bytes(notes(100))
    async with night(journal) as it:
        monkeypatch.setattr(window.LogWindow, "search", endless)
        it.at_once(*"/nowhere\n")
        await it.eventually(lambda: "searching…" in it.shown, "it says so")
        it.at_once("k", "k")
        await it.eventually(lambda: "PAUSED" in it.header, "the keys work")
        it.at_once("escape")
        await it.eventually(lambda: "searching…" not in it.shown, "it has stopped")
        assert it.notices == []


async def test_new_lines_are_counted_as_they_come(journal: Journal, log: Path) -> None:
    log.write_bytes(haystack({5: "needle"}, 10))
    async with night(journal) as it:
        await it.type("/needle\n")
        await it.shows("match 1 of 1")
        append(log, line("needle again"))
        await it.shows("match 1 of 2")
        await it.shows("/11")


async def test_what_is_nowhere_is_not_looked_for_the_other_way(journal: Journal, log: Path) -> None:
    log.write_bytes(notes(30))
    async with night(journal) as it:
        await it.type("/nowhere\n")
        await it.shows("0 matches")
        await it.press("n")
        await it.says("no match at all")


async def test_a_search_that_is_given_up_before_it_begins_is_not_the_last(journal: Journal, log: Path) -> None:
    log.write_bytes(notes(30))
    async with night(journal) as it:
        it.journal_screen.pane.ask("search", "note 3")
        it.journal_screen.pane.cancel()
        await it.type("/note 17\n")
        await it.shows("match 1 of 1")


async def test_a_paste_into_a_search_is_what_is_searched(journal: Journal, log: Path) -> None:
    log.write_bytes(notes(20))
    async with night(journal) as it:
        await it.press("slash")
        await it.paste("note 7")
        await it.press("enter")
        await it.shows("match 1 of 1")
        assert it.composer.text == ""


async def test_the_last_line_is_found_by_a_search_from_the_end(journal: Journal, log: Path) -> None:
    log.write_bytes(notes(20))
    async with night(journal) as it:
        await it.type("/note 19\n")
        await it.shows("match 1 of 1")
        assert it.notices == []


async def test_a_search_after_a_truncation_looks_at_what_there_is(journal: Journal, log: Path) -> None:
    log.write_bytes(notes(300))
    async with night(journal) as it:
        await it.press("k", "k")
        os.truncate(log, 0)
        append(log, line("needle anew"))
        await it.says("truncated")
        await it.eventually(lambda: "unread" in it.header, "the new line has come")
        await it.type("/needle\n")
        await it.shows("match 1 of 1")
        await it.press("g", "enter", "escape", "N", "n")
        assert not [notice for notice in it.notices if "cannot be read" in notice or "failed" in notice]


@pytest.mark.parametrize("words", ["/.*id.*timeout", "&.*id.*timeout", "/(x+x+)+y"])
async def test_no_pattern_keeps_the_screen_busy_for_long(journal: Journal, log: Path, words: str) -> None:
    log.write_bytes(line("id=12345 " * 7000 + "x" * 200))
    async with night(journal) as it:
        await it.type(f"{words}\n")
        await it.says("no match at all") if words[0] == "/" else await it.shows("0 lines")


async def test_a_lookahead_is_refused_with_what_to_do_instead(journal: Journal, log: Path) -> None:
    log.write_bytes(line("deadlock"))
    async with night(journal) as it:
        await it.type("/dead(?=lock)\n")
        await it.says("has a lookahead")
        await it.says("on the screen &A and then &!B")


async def test_a_read_only_screen_searches_filters_and_has_a_command_line(journal: Journal, log: Path) -> None:
    log.write_bytes(haystack({7: "needle"}, 50))
    async with night(journal, read_only=True) as it:
        await it.type("/needle\n")
        await it.shows("match 1 of 1")
        await it.command("filter !needle")
        await it.shows("49 lines")
        await it.command("unfilter")
        await it.command("note no")
        await it.says("read-only")
        await it.command("nope")
        await it.says("there is no :nope")


@pytest.mark.parametrize("size", [TINY, SMALL])
@pytest.mark.parametrize("wrap", [False, True])
async def test_hostile_lines_are_found_and_shown_at_any_size(
    journal: Journal, log: Path, size: tuple[int, int], wrap: bool
) -> None:
    wide = "漢字" * 2_000 + " needle " + "e\u0301" * 1000
    log.write_bytes(line(wide) + bytes(range(256)) * 3 + b"\n" + line("x" * 12_000 + " needle", 1000) + notes(3, 2))
    async with night(journal, size=size) as it:
        if wrap:
            await it.press("w")
        await it.type("/needle\n")
        await it.shows("match")
        await it.press("N", "enter", "escape", "j", "G", "g")
        await it.type("&needle\n")
        await it.press("j", "k", "G")
        append(log, line("a needle more", 10_000_000))
        await it.shows("needle more")


async def test_what_goes_by_in_a_burst_can_be_read_back(journal: Journal, log: Path) -> None:
    log.write_bytes(notes(5))
    async with night(journal) as it:
        append(log, notes(2000, 5))
        await it.shows("note 2004")
        await it.eventually(lambda: "/2,005" in it.shown, "they are counted")
        await it.press(*["b"] * 30)
        seen = it.shown
        assert "PAUSED" in it.header
        await it.press("g")
        assert "note 0" in it.shown
        await it.type("/note 1000$\n")
        await it.shows("match 1 of 1")
        assert "note 1000" not in seen
