"""The screen on other logs beside the journal: what a person sees and does there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis_pilots import wait_for_board, wait_for_state
from night_lines import claim_line
from pilots import SMALL, WIDE, Night, night

from support.journals import texts, writer_of
from support.log_sources import BASE_NS, stamped, write_log
from threeam.core.format.clock import system_clock
from threeam.core.format.entry import Author, Entry, Stamp, format_entry
from threeam.core.store.journal import Journal
from threeam.timeline.arguments import SourceOptions
from threeam.timeline.clock_lines import clock_draft
from threeam.timeline.instant import ClockCorrection
from threeam.timeline.open_logs import OpenLogs

pytestmark = pytest.mark.usefixtures("utc")

US, MS, S = 1_000, 1_000_000, 1_000_000_000


@pytest.fixture
def folder(tmp_path: Path, log: Path) -> Path:
    """The essay's race: an update microseconds after a delete, that was logged before it."""
    by = (("BY", str(Author("bob", "db1", 7))),)
    log.write_bytes(format_entry(Entry(Stamp(BASE_NS + 2 * S, 0), 0, by, "row updated after delete")))
    write_log(
        tmp_path / "web1.log",
        [
            stamped(BASE_NS + 100_200 * US, "app[11] start req=9f3", 6),
            stamped(BASE_NS + 100_901 * US, "app[11] delete cart=42", 6),
            stamped(BASE_NS + 100_401 * US, "app[12] read cart=42", 6),
        ],
    )
    write_log(tmp_path / "web2.log", [stamped(BASE_NS + 100_951 * US, "app[7] update cart=42", 6)])
    write_log(
        tmp_path / "db.log",
        [
            stamped(BASE_NS + 101 * MS, "pg[431] LOG: statement", 3),
            "\tUPDATE carts SET qty = 2",
            stamped(BASE_NS + 141 * MS, "pg[431] ERROR: 0 rows", 3),
        ],
    )
    return tmp_path


def open_logs(folder: Path, *words: str, **shifts: ClockCorrection) -> OpenLogs:
    logs = OpenLogs(SourceOptions({}, shifts, {}, {}))
    logs.open([word if "=" in word else f"{folder}/{word}" for word in words], {})
    return logs


def rows_of(it: Night) -> list[str]:
    return [" ".join(row.split()) for row in it.rows if row.strip()]


async def test_all_logs_are_one_screen_in_the_order_of_their_times(journal: Journal, folder: Path) -> None:
    logs = open_logs(folder, "web1.log", "web2.log", "db.log", web2=ClockCorrection(0, 410 * US))
    async with night(journal, size=SMALL, logs=logs) as it:
        await it.shows("↥")  # the file was scanned
        assert rows_of(it) == [
            "03:14:07.100200 1 web1 app[11] start req=9f3",
            "03:14:07.100401 +201µs 1 web1 app[12] read cart=42 ↥ 500µs",
            "03:14:07.100901 +500µs 1 web1 app[11] delete cart=42",
            "≈ 03:14:07.100951 +50µs 2 web2 app[7] update cart=42",
            "≈ 03:14:07.101 ≤+1ms 3 db pg[431] LOG: statement",
            "│ UPDATE carts SET qty = 2",
            "03:14:07.141 +40ms 3 db pg[431] ERROR: 0 rows",
            "▌ 03:14:09.000000 +1.85s J bob · note: row updated after delete",
        ]
        assert "J journal · 1 web1 · 2 web2 ±0.41ms · 3 db" in it.shown


async def test_the_legend_tells_how_each_file_is_read(journal: Journal, folder: Path) -> None:
    logs = open_logs(folder, "web1.log", "db.log", "absent.log", web1=ClockCorrection(3_200_000, 410_000))
    async with night(journal, size=WIDE, logs=logs) as it:
        await it.shows("↥")
        await it.press("L")
        for words in (
            "1 web1",
            "iso: ",
            "3, 100 % with a timestamp",
            "+3.2ms±0.41ms is added to each timestamp; wrong by 0.41ms at most",
            "1 line, by 0.5ms at most",
            "3, 66.7 % with a timestamp",
            "No such file or directory",
        ):
            assert words in it.shown
        await it.press("slash")
        await it.type("db\n")
        assert "2 db" in it.shown
        assert "1 web1" not in it.shown.partition("sources")[2]


async def test_a_file_is_opened_and_closed_on_the_screen(journal: Journal, folder: Path) -> None:
    async with night(journal, size=SMALL) as it:
        assert "web1" not in it.shown
        await it.command(f"open {folder}/web1.log")
        await it.shows("delete cart=42")
        await it.command(f"open pg={folder}/db.log")
        await it.shows("2 pg")
        assert rows_of(it)[-1].startswith("▌ 03:14:09.000000")
        await it.command("close web1")
        await it.eventually(lambda: "delete cart=42" not in it.shown, "its lines are gone")
        assert "pg[431] ERROR" in it.shown
        await it.command("close web1")
        await it.says("there is no source web1: there are pg")


async def test_the_selected_row_stays_on_the_screen_if_the_rows_above_wrap(journal: Journal, folder: Path) -> None:
    write_log(folder / "long.log", [stamped(BASE_NS + n * MS, f"line{n} {'x' * 100}", 6) for n in range(60)])
    async with night(journal, size=SMALL, logs=open_logs(folder, "long.log", "web2.log")) as it:
        await it.press("k", "k", "k")
        selected = it.view.selected_row
        await it.command("close web2")
        await it.eventually(lambda: "2 web2" not in it.shown, "it is closed")
        assert it.view.selected_row == selected
        assert any(row.startswith("▌") for row in it.rows)


async def test_a_file_that_is_not_there_is_told_and_the_others_are_shown(journal: Journal, folder: Path) -> None:
    async with night(journal, size=SMALL) as it:
        await it.command(f"open {folder}/absent.log {folder} {folder}/web1.log")
        await it.shows("delete cart=42")
        await it.says("absent.log cannot be opened")
        await it.says("is a folder")
        assert "!" in next(line for line in it.shown.splitlines() if "J journal" in line)


async def test_o_shows_one_file_as_it_was_written(journal: Journal, folder: Path) -> None:
    logs = open_logs(folder, "web1.log", "web2.log", web1=ClockCorrection(S, MS))
    async with night(journal, size=SMALL, logs=logs) as it:
        await it.shows("↥")
        await it.press("g", "j")
        assert "03:14:08.100200" in it.rows[1]
        await it.press("o")
        assert rows_of(it) == [
            "▌ 03:14:07.100200 1 web1 app[11] start req=9f3",
            "03:14:07.100901 +701µs 1 web1 app[11] delete cart=42",
            "« 03:14:07.100401 -500µs 1 web1 app[12] read cart=42 ↥ 500µs",
        ]
        assert "web1 as written: o by time" in it.shown
        await it.press("o")
        assert "03:14:08.100200" in it.rows[1]


async def test_a_source_can_be_filtered_and_searched(journal: Journal, folder: Path) -> None:
    async with night(journal, size=SMALL, logs=open_logs(folder, "web1.log", "web2.log", "db.log")) as it:
        await it.press("ampersand")
        await it.type("source:web1\n")
        await it.eventually(lambda: len(rows_of(it)) == 3, "three rows")
        await it.press("ampersand")
        await it.type(" !read\n")
        await it.press("ampersand", "enter", "ampersand", "enter")
        await it.press("ampersand")
        await it.type("source:web3\n")
        await it.says("there is no source web3: the sources are journal, web1, web2, db")
        await it.press("escape", "slash")
        await it.type("update cart=\n")
        await it.eventually(
            lambda: it.view.selected_row and b"app[7]" in it.view.selected_row.line.raw, "the match above"
        )
        await it.press("n")
        assert it.view.selected_row is not None
        assert it.view.selected_row.placement is not None


async def test_times_marks_and_t0_are_those_of_any_line(journal: Journal, folder: Path) -> None:
    async with night(journal, size=SMALL, logs=open_logs(folder, "web1.log", "db.log")) as it:
        await it.command("goto 2026-11-24T03:14:07.141Z")
        await it.eventually(
            lambda: it.view.selected_row and b"ERROR" in it.view.selected_row.line.raw, "the line is there"
        )
        assert " 2026-11-24 03:14:07.141 +0000 · db, byte" in it.shown
        await it.press("m")
        assert "◆" in it.shown
        await it.press("T", "G")
        assert "+0:01.859" in rows_of(it)[-1]
        await it.press("apostrophe")
        await it.eventually(
            lambda: it.view.selected_row and b"ERROR" in it.view.selected_row.line.raw, "the mark is gone to"
        )
        await it.press("m")
        assert "◆" not in it.shown


async def test_new_lines_come_after_a_short_hold_and_a_late_one_is_counted(journal: Journal, folder: Path) -> None:
    async with night(journal, size=SMALL, logs=open_logs(folder, "web1.log", "web2.log")) as it:
        await it.shows("↥")
        with (folder / "web1.log").open("a") as file:
            file.write(stamped(BASE_NS + 60 * S, "first", 6) + "\n")
        await it.shows("first")
        with (folder / "web2.log").open("a") as file:
            file.write(stamped(BASE_NS + 59 * S, "later-written", 6) + "\n")
        await it.shows("later-written")
        assert [row.split()[-1] for row in rows_of(it)][-2:] == ["later-written", "first"]
        assert "↥ 1 late" in it.shown


async def test_a_paused_screen_does_not_move(journal: Journal, folder: Path) -> None:
    write_log(folder / "many.log", [stamped(BASE_NS + n * MS, f"line{n}", 6) for n in range(200)])
    async with night(journal, size=SMALL, logs=open_logs(folder, "many.log", "web2.log")) as it:
        await it.press("k", "k", "k")
        shown = it.rows
        with (folder / "web2.log").open("a") as file:
            file.write(stamped(BASE_NS + 5 * MS, "above", 6) + "\n")
            file.write(stamped(BASE_NS + 195 * MS + 1, "amid", 6) + "\n")
            file.write(stamped(BASE_NS + 10 * S, "below", 6) + "\n")
        await it.eventually(lambda: it.view.unread == 3, "they are counted")
        assert it.rows == shown
        await it.press("G")
        assert "below" in it.rows[-1]
        assert any("amid" in row for row in it.rows)


def change_file(path: Path, change: str) -> None:
    if change == "rotated":
        path.rename(path.with_suffix(".1"))
    else:
        os.truncate(path, 0)
    with path.open("a") as file:
        file.write(stamped(BASE_NS + 70 * S, "next-file", 6) + "\n")


@pytest.mark.parametrize("change", ["rotated", "truncated"])
async def test_a_file_is_followed_through(journal: Journal, folder: Path, change: str) -> None:
    async with night(journal, size=SMALL, logs=open_logs(folder, "web1.log", "web2.log")) as it:
        change_file(folder / "web1.log", change)
        await it.shows("next-file")
        assert "delete cart=42" in it.shown
        if change == "truncated":
            await it.says("web1 was truncated: its lines above may exist only on this screen")
        await it.press("ampersand")
        await it.type("source:web1\n")
        await it.eventually(
            lambda: "cart=42" not in it.shown or change == "rotated", "what is in its files is read again"
        )
        words = [row.split()[-1] for row in rows_of(it) if "web1" in row]
        assert words.count("next-file") == 1
        assert len(words) == (4 if change == "rotated" else 1)


async def test_a_file_that_is_removed_is_told_and_the_others_go_on(journal: Journal, folder: Path) -> None:
    async with night(journal, size=SMALL, logs=open_logs(folder, "web1.log", "web2.log")) as it:
        (folder / "web1.log").unlink()
        await it.says("web1.log is gone")
        with (folder / "web2.log").open("a") as file:
            file.write(stamped(BASE_NS + 60 * S, "still-here", 6) + "\n")
        await it.shows("still-here")
        await it.press("L")
        await it.shows("problem")
        await it.shows("is gone")


async def test_enter_tells_how_the_time_of_a_line_was_read(journal: Journal, folder: Path) -> None:
    logs = open_logs(folder, "web1.log", "db.log", web1=ClockCorrection(3_200_000, 410_000))
    async with night(journal, size=WIDE, logs=logs) as it:
        await it.shows("↥")
        await it.press("g", "j", "j", "j", "enter")
        await it.eventually(lambda: "line  3" in it.shown, "the number of the line")
        for words in (
            "web1.log",
            "2026-11-24T03:14:07.100401Z app[12] read cart=42\\n (49)",
            "states  2026-11-24 03:14:07.100401 +0000",
            "read from  2026-11-24T03:14:07.100401Z, bytes 0 to 27 of the line",
            "resolution  1us",
            "+3.2ms±0.41ms is added to place it",
            "after a line with a later stamp",
            "before it in the file",
        ):
            assert words in it.shown
        await it.press("enter")
        assert "read from" not in it.shown


async def test_plus_cites_a_line_of_another_log(journal: Journal, log: Path, folder: Path) -> None:
    with log.open("ab") as file:
        file.write(claim_line(1))
    async with night(journal, size=WIDE, logs=open_logs(folder, "web1.log", "db.log")) as it:
        await it.shows("↥")
        await wait_for_state(it)
        await it.press("1", "g", "j", "plus")
        await it.eventually(lambda: it.box_kind == "support H1 web1.log:3", "the box for the words")
        await it.press("enter")
        await wait_for_board(it, "+1 −0")
    assert texts(log)[-1] == "Supports: web1.log:3 @03:14:07.100401 app[12] read cart=42"


async def test_two_lines_of_one_event_align_two_clocks(journal: Journal, log: Path, folder: Path) -> None:
    logs = open_logs(folder, "web1.log", "web2.log", web1=ClockCorrection(0, 10 * US))
    async with night(journal, size=WIDE, logs=logs) as it:
        await it.shows("↥")
        await wait_for_state(it)
        await it.press("g", "j", "j", "a")
        await it.says("now select the same event in the other log, and press a: web1 stays as it is")
        await it.press("j", "a")
        await it.says("web2 -50us±11us: one event: web1 2026-11-24T03:14:07.100901Z")
        await it.eventually(lambda: "Clock: web2 -50us±11us" in texts(log)[-1], "it is noted in the journal")
        assert "2 web2 -50µs±11µs" in it.shown.replace("us", "µs")
        assert it.rows[3].startswith("▌≈ 03:14:07.100901")


async def test_a_shift_that_the_journal_notes_is_applied_at_once(journal: Journal, log: Path, folder: Path) -> None:
    async with night(journal, size=SMALL, logs=open_logs(folder, "web1.log", "web2.log")) as it:
        await it.shows("↥")
        with writer_of("bob", journal, system_clock).lock_log(full_state=True) as written:
            written.write(clock_draft("web2", ClockCorrection(-S, MS), "measured"))
        await it.shows("2 web2 -1s±1ms")
        assert "03:14:06.100951" in it.rows[0]


async def test_two_logs_are_merged_and_measured_on_the_command_line_too(journal: Journal, folder: Path) -> None:
    async with night(journal, size=WIDE) as it:
        await it.command(f"merge -o raw {folder}/web1.log {folder}/web2.log")
        await it.shows("update cart=42")
        await it.press("escape")
        await it.command(f"align {folder}/web1.log {folder}/web2.log --key cart=42")
        await it.shows("needs a group that is the key")


async def test_matches_and_filtered_lines_of_all_logs_are_counted(journal: Journal, log: Path, folder: Path) -> None:
    with log.open("ab") as file:
        file.write(b"[2026-11-24T03:14:06.000000000+0000] [COFFEE: 0] cart=42 is wrong\n")
    logs = open_logs(folder, "web1.log", "web2.log", "db.log")
    files = [folder / name for name in ("web1.log", "web2.log", "db.log")]
    expected = 1 + sum(line.count("cart=42") > 0 for path in files for line in path.read_text().splitlines())
    async with night(journal, size=WIDE, logs=logs) as it:
        await it.press("slash")
        await it.type("cart=42\n")
        await it.shows(f"{expected} matches")
        await it.press("ampersand")
        await it.type("source:web1\n")
        own = sum("cart=42" in line for line in files[0].read_text().splitlines())
        await it.shows(f"{own} matches in what is shown")
        await it.shows(f"source:web1  {len(files[0].read_text().splitlines())} lines")
        with files[0].open("a") as file:
            file.write("2026-11-24T03:14:09.100200Z app[11] write cart=42\n")
        await it.shows(f"{own + 1} matches in what is shown")
