"""Finding one's way in a log: search, filters, times, marks, the entry panel, copies."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from pilots import SMALL, TINY, append, held, line, night, notes, section

from support.journals import entries, texts
from support.lines import NIGHT
from threeam.core.format.entry import CLOCK_STEPPED_PREFIX, NS_PER_S, Stamp
from threeam.core.store import reader
from threeam.core.store.filters import LineFilter
from threeam.core.store.journal import Journal
from threeam.core.store.reader import lines_forward
from threeam.core.store.seek import ChunkMatches
from threeam.core.store.segment import _MAX_OPEN_FILES, RotatedSegment
from threeam.core.write.draft import note_draft
from threeam.core.write.writer import Writer
from threeam.tui import log_window as window
from threeam.tui.line_counter import LineCounter
from threeam.tui.log_rows import Row
from threeam.tui.screens.entry import EntryScreen
from threeam.tui.widgets.log_pane import _line_number


def hay(needles: dict[int, str], count: int = 3000) -> bytes:
    """Many lines, of which a few are others."""
    return b"".join(line(needles.get(n, f"hay {n}"), n * 1_000_000) for n in range(count))


# --- search


async def test_a_search_goes_up_from_the_end_and_n_and_capital_n_go_on(journal: Journal, log: Path) -> None:
    log.write_bytes(hay({10: "first needle", 1500: "second needle", 2990: "third needle"}))
    async with night(journal) as it:
        await it.type("/needle\n")
        await it.shows("match 3 of 3")
        assert "third needle" in it.shown
        await it.press("N")
        await it.shows("match 2 of 3")
        assert "second needle" in it.shown
        await it.press("N")
        await it.shows("first needle")
        await it.press("N")
        await it.says("continued from the bottom")
        await it.shows("match 3 of 3")
        await it.press("n")
        await it.says("continued from the top")
        await it.shows("match 1 of 3")


async def test_a_search_whose_matches_are_all_on_the_other_side_goes_there(journal: Journal, log: Path) -> None:
    log.write_bytes(hay({10: "first needle", 1500: "second needle", 2000: "other pin"}))
    async with night(journal) as it:
        await it.command(f"goto @{Stamp(NIGHT.ns + 2500 * 1_000_000)}")
        await it.eventually(lambda: not it.view.following, "it has gone there")
        await it.type("/needle\n")
        await it.says("continued from the top")
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
    log.write_bytes(hay({10: "first needle", 1500: "second needle", 2990: "third needle"}))
    async with night(journal) as it:
        await it.type("/needle\nNN")
        await it.shows("match 1 of 3")
        assert it.in_the_log
        assert it.composer.text == ""


async def test_what_is_found_is_highlighted(journal: Journal, log: Path) -> None:
    log.write_bytes(line("a needle in it"))
    async with night(journal) as it:
        await it.type("/need.e\n")
        await it.shows("match 1 of 1")
        segments = [one for one in it.view.render_line(0) if one.text == "needle"]
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


async def test_what_is_no_pattern_is_said_and_changes_nothing(journal: Journal, log: Path) -> None:
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
        await it.press("N", "N")
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
    log.write_bytes(hay({5: "needle"}, 10))
    async with night(journal) as it:
        await it.type("/needle\n")
        await it.shows("match 1 of 1")
        append(log, line("needle again"))
        await it.shows("match 1 of 2")
        await it.shows("/11")


# --- filters


async def test_filters_stack_and_the_last_is_taken_away_by_none(journal: Journal, log: Path) -> None:
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
    log.write_bytes(hay({n: f"needle {n}" for n in range(0, 3000, 7)}))
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
    log.write_bytes(hay({3: "needle 1", 900: "needle 2", 2500: "needle 3"}))
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


# --- times


async def test_the_time_column_shows_how_long_after_what(journal: Journal, log: Path) -> None:
    log.write_bytes(line("a") + line("b", 1_500_000_000) + line("c", 3_661 * NS_PER_S))
    async with night(journal, size=(140, 24)) as it:
        await it.press("t")
        assert "+0:01.500000000" in it.rows[1]
        assert "+1:00:59.500000000" in it.rows[2]
        await it.press("g", "j", "T")
        assert "-0:01.500000000" in it.rows[0]
        assert "+0:00.000000000" in it.rows[1]
        await it.press("t")
        assert "03:14:07.123456789" in it.rows[0], "local"
        await it.press("t")
        assert "03:14:07.123456789" in it.rows[0]
        await it.press("t", "t")
        assert "-0:01.500000000" in it.rows[0], "T0 is still what it was"


async def test_goto_finds_a_time_in_a_big_log(journal: Journal, log: Path) -> None:
    log.write_bytes(hay({2000: "there"}))
    async with night(journal) as it:
        await it.command("goto @2026-11-24T03:14:09.123456789+0000")
        await it.eventually(lambda: it.view.selected_row and it.view.selected_row.entry, "a row is selected")
        await it.shows("there")
        assert it.selected_text == "there"
        await it.command("goto nonsense")
        await it.says("is not a time")
        await it.press("escape")
        await it.command("goto 2030-01-01")
        await it.says("there is no line at or after 2030-01-01")
        await it.command("goto 2020-01-01")
        await it.says("the journal begins later than 2020-01-01")
        assert "line 1/" in it.shown


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


def test_a_row_of_a_file_that_was_deleted_has_no_number(journal: Journal, log: Path) -> None:
    """Whether a rotation repeats the line, only the file can say: it raised in the middle of a frame."""
    path = log.parent / "sanity.20261129T010203.000000001Z.log"
    path.write_bytes(line("quoted [AT: x]"))
    segment = RotatedSegment(str(path))
    (read,) = lines_forward(segment)
    others = []
    for n in range(_MAX_OPEN_FILES):
        other = path.with_name(f"other-{n}")
        other.write_bytes(b"")
        others.append(RotatedSegment(str(other)))
    path.unlink()
    assert _line_number(LineCounter(journal, LineFilter(skip_repeated=True)), Row(read, read.entry)) is None


async def test_lines_of_a_file_that_the_new_one_does_not_continue_are_not_counted(journal: Journal, log: Path) -> None:
    log.write_bytes(notes(30))
    async with night(journal) as it:
        log.rename(f"{log}.1")
        append(log, line("in the new file"))
        await it.shows("in the new file")
        await it.press("k", "j")
        await it.shows("line 1/1")


async def test_a_time_that_was_twice_is_said_to_be(journal: Journal, log: Path) -> None:
    stepped = f"{CLOCK_STEPPED_PREFIX}5.000 s; the order of the file is the true order."
    log.write_bytes(
        b"".join(line(f"before {n}", n * NS_PER_S) for n in range(10))
        + line(stepped, 4 * NS_PER_S)
        + b"".join(line(f"after {n}", n * NS_PER_S) for n in range(5, 15))
    )
    async with night(journal) as it:
        assert next(row for row in it.rows if "Clock stepped" in row)[13] == "«", "the step is marked"
        await it.command("goto @2026-11-24T03:14:13.123456789+0000")
        await it.says("one more place has this time, further up")
        assert it.selected_text == "after 6"


async def test_a_gap_is_marked(journal: Journal, log: Path) -> None:
    log.write_bytes(line("a") + line("b", 400 * NS_PER_S))
    async with night(journal) as it:
        assert "┊" in it.rows[1]
        assert "┊" not in it.rows[0]


# --- marks


async def test_a_mark_is_a_line_and_everybody_sees_it(journal: Journal, log: Path) -> None:
    log.write_bytes(hay({3: "first", 2000: "second"}))
    async with night(journal) as it, night(journal) as other:
        await it.type("/^.*first\n")
        await it.shows("match 1 of 1")
        await it.press("m")
        await it.eventually(lambda: texts(log)[-1].startswith("Mark: @2026-11-24T03:14:07.126456789"), "it is a line")
        assert entries(log)[-1].tag("MARK") == "on"
        await other.press("apostrophe")
        await other.shows("first")
        await other.eventually(lambda: any("◆" in row and "first" in row for row in other.rows), "it has a sign")
        await it.type("/second\n")
        await it.shows("match 1 of 1")
        await it.press("m")
        await it.eventually(lambda: len(it.view.marked_ns) == 2, "two are marked")
        await it.press("left_square_bracket")
        await it.shows("hay 4")
        assert it.selected_text == "first"
        await it.press("left_square_bracket")
        await it.says("no mark there")
        await it.press("right_square_bracket")
        await it.shows("second")
        await it.press("m")
        await it.eventually(lambda: len(it.view.marked_ns) == 1, "the mark is taken away")
        assert entries(log)[-1].tag("MARK") == "off"


async def test_marks_survive_a_rotation(journal: Journal, log: Path, writer: Writer) -> None:
    writer.write(note_draft("marked"))
    async with night(journal) as it:
        await it.shows("marked")
        await it.press("k", "m")
        await it.eventually(lambda: len(it.view.marked_ns) == 1, "it is marked")
        with writer.lock_log(full_state=True) as file:
            file.rotate()
        writer.write(note_draft("after"))
        await it.shows("after")
        assert len(it.view.marked_ns) == 1
    async with night(journal) as it:
        await it.eventually(lambda: len(it.view.marked_ns) == 1, "it is marked")
        await it.press("apostrophe")
        await it.eventually(
            lambda: it.view.selected_row and "marked" in str(it.view.selected_row.line.raw), "it is found"
        )


async def test_marks_of_a_read_only_screen_are_its_own(journal: Journal, log: Path) -> None:
    log.write_bytes(notes(5))
    before = log.read_bytes()
    async with night(journal, read_only=True) as it:
        await it.press("k", "m")
        assert "◆" in it.rows[3]
        await it.press("g", "apostrophe")
        await it.eventually(
            lambda: it.view.selected_row and b"note 3" in it.view.selected_row.line.raw, "it goes there"
        )
        await it.press("m")
        assert "◆" not in it.shown
        assert log.read_bytes() == before


# --- the entry panel, and copies


async def test_enter_opens_all_of_an_entry(journal: Journal, log: Path) -> None:
    log.write_bytes(notes(2) + section(3, "the sweeper " + "x" * 300, 10_000_000, 800_000) + line("later", 20_000_000))
    async with night(journal, size=(110, 40)) as it:
        await it.press("k", "enter")
        assert isinstance(it.app.screen, EntryScreen)
        shown = it.shown
        assert "x" * 70 in shown
        assert "@2026-11-24T03:14:07.133456790+0000" in shown
        assert "bob@db1:77%1" in shown
        assert "block of 3 lines, the lock was held for at least 0.8 ms" in shown
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
        copied = Path(journal.attachments_dir) / "copied"
        await it.eventually(copied.exists, "it is copied")
        assert "note 1" in copied.read_text()


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


async def test_z_under_a_filter_stays_at_the_live_end(journal: Journal, log: Path) -> None:
    log.write_bytes(notes(9000))
    async with night(journal) as it:
        await it.type("&note\n")
        await it.shows("9,000 lines")
        await it.press("z", "z")
        assert "note 8999" in it.shown


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


async def test_k_finds_a_match_far_above_once_it_was_looked_for(
    journal: Journal, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window, "SLICE_S", -1)
    monkeypatch.setattr(reader, "CHUNK_BYTES", 2000)
    log.write_bytes(hay({3: "needle far", **{n: f"needle {n}" for n in range(2900, 3000)}}))
    async with night(journal) as it:
        await it.type("&needle\n")
        for _ in range(120):
            it.at_once("k")
            await it.settled()
        await it.eventually(lambda: not it.view.is_searching_rows, "it has looked everywhere")
        await it.press("k")
        assert it.selected_text == "needle far"


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


async def test_y_sends_the_line_to_the_terminal_and_to_a_file(journal: Journal, log: Path) -> None:
    log.write_bytes(line("a \x1b[31m note"))
    async with night(journal) as it:
        await it.press("y")
        await it.says("sent to the terminal's clipboard (OSC 52)")
        copied = Path(journal.attachments_dir) / "copied"
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


# --- everywhere


async def test_a_read_only_screen_searches_filters_and_has_a_command_line(journal: Journal, log: Path) -> None:
    log.write_bytes(hay({7: "needle"}, 50))
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
    wide = "漢字" * 10_000 + " needle " + "e\u0301" * 1000
    log.write_bytes(line(wide) + bytes(range(256)) * 3 + b"\n" + line("x" * 60_000 + " needle", 1000) + notes(3, 2))
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


async def test_a_filter_while_the_log_is_truncated_underneath(journal: Journal, log: Path) -> None:
    log.write_bytes(hay({5: "needle 1", 2500: "needle 2"}))
    async with night(journal) as it:
        await it.type("&needle\n")
        await it.shows("2 lines")
        os.truncate(log, 0)
        append(log, line("needle anew") + line("hay"))
        await it.shows("needle anew")
        await it.shows("1 line")
        await it.press("g", "G", "z")
        assert it.app.is_running


async def test_the_line_s_number_is_known_once_they_are_counted(journal: Journal, log: Path) -> None:
    log.write_bytes(notes(2500))
    async with night(journal) as it:
        await it.shows("line 2,500/2,500")
        await it.press("g")
        await it.shows("line 1/2,500")


async def test_the_strip_shows_the_night(journal: Journal, log: Path) -> None:
    log.write_bytes(
        notes(100)
        + section(1, "it", 1800 * NS_PER_S, 1000)
        + line("WARNING: x", 3600 * NS_PER_S)
        + line("end", 4000 * NS_PER_S)
    )
    async with night(journal) as it:
        await it.eventually(lambda: "03:14" in it.shown.splitlines()[1], "the strip has its times")
        strip = it.shown.splitlines()[1]
        assert strip.split()[0] == "03:14"
        assert strip.split()[-1] == "04:20"
        assert "▲" in strip
        await it.eventually(lambda: "◇" in it.shown.splitlines()[1], "the hypothesis is in it")


async def test_a_mark_waits_like_any_line(journal: Journal, log: Path) -> None:
    log.write_bytes(notes(3))
    async with night(journal) as it:
        with held(journal.lock_path):
            await it.press("k", "m")
            await it.says("waits for the lock")
        await it.eventually(lambda: len(it.view.marked_ns) == 1, "it is marked")


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
