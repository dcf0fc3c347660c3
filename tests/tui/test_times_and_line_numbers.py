"""Times and line numbers: the time column, `:goto`, gaps, the number of a line, the strip of the night."""

from __future__ import annotations

from pathlib import Path

from haystacks import haystack
from pilots import append, line, night, notes, section

from threeam.core.format.entry import CLOCK_STEPPED_PREFIX, NS_PER_S
from threeam.core.store.filters import LineFilter
from threeam.core.store.journal import Journal
from threeam.core.store.reader import lines_forward
from threeam.core.store.segment import _MAX_OPEN_FILES, RotatedSegment
from threeam.tui.line_counter import LineCounter
from threeam.tui.log_rows import Row
from threeam.tui.widgets.log_pane import _line_number


async def test_the_time_column_shows_how_long_after_what(journal: Journal, log: Path) -> None:
    log.write_bytes(line("a") + line("b", 1_500_000_000) + line("c", 3_661 * NS_PER_S))
    async with night(journal, size=(140, 24)) as it:
        assert "03:14:08.623 " in it.rows[1]
        await it.press("t")
        assert "03:14:08.623456789" in it.rows[1]
        await it.says("times: nanoseconds")
        await it.press("t")
        assert "+0:01.500000000" in it.rows[1]
        assert "+1:00:59.500000000" in it.rows[2]
        await it.press("g", "j", "T")
        assert "-0:01.500000000" in it.rows[0]
        assert "+0:00.000000000" in it.rows[1]
        await it.press("t")
        assert "03:14:07.123 " in it.rows[0], "local"
        await it.says("times: local time")
        await it.press("t", "t")
        assert "03:14:07.123456789" in it.rows[0]
        await it.press("t", "t")
        assert "-0:01.500000000" in it.rows[0], "T0 is still what it was"


async def test_goto_finds_a_time_in_a_big_log(journal: Journal, log: Path) -> None:
    log.write_bytes(haystack({2000: "there"}))
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


async def test_a_time_that_the_journal_has_twice_is_reported(journal: Journal, log: Path) -> None:
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


async def test_goto_takes_the_beginning_of_a_stamp_as_the_program_writes_it(journal: Journal, log: Path) -> None:
    log.write_bytes(haystack({2000: "there"}))
    async with night(journal) as it:
        await it.command("goto @03:14:09.123")
        await it.eventually(lambda: it.view.selected_row and it.view.selected_row.entry, "a row is selected")
        await it.shows("there")
        assert it.selected_text == "there"
        await it.command("goto @05:00")
        await it.says("no entry has a stamp that begins with @05:00")
        await it.command("goto @03:14:09")
        await it.says("@03:14:09 names 1000 entries: ")
