"""Rows of several logs: each shows the digits that its stamp has, and what is not known of its order."""

from __future__ import annotations

import pytest
from rich.style import Style

from threeam.core.format.entry import Author, Entry, Stamp, format_entry
from threeam.core.store.reader import Line
from threeam.timeline.instant import ClockCorrection, Timestamp
from threeam.timeline.order import ClockRange
from threeam.timeline.shifts import short_shift
from threeam.tui.glyphs import SIGNS
from threeam.tui.log_rows import Row
from threeam.tui.placement import JOURNAL_SOURCE, Placement, RowSource
from threeam.tui.widgets.row_look import RenderOptions, RowFlags
from threeam.tui.widgets.row_renderer import render_row

pytestmark = pytest.mark.usefixtures("utc")

BASE = 1_795_490_047_000_000_000  # 03:14:07 in UTC
US, MS, S = 1_000, 1_000_000, 1_000_000_000
WEB1, WEB2, PG = RowSource(1, "web1"), RowSource(2, "web2"), RowSource(3, "db")


def row(source: RowSource, after_ns: int, unit: int, text: str = "x", **facts: object) -> Row:
    timestamp = Timestamp(BASE + after_ns, unit)
    line = Line(None, 0, text.encode())  # type: ignore[arg-type]
    return Row(line, None, placement=Placement(source, timestamp, **facts))  # type: ignore[arg-type]


def with_clock(row: Row, correction: ClockCorrection) -> Row:
    assert row.placement is not None
    return row._replace(placement=row.placement._replace(correction=correction))


def drawn(row: Row, before: Row | None = None, width: int = 79, **options: object) -> str:
    """The first strip of ``row`` as text."""
    (strip,) = render_row(row, before, width, RenderOptions(wrap=False, **options), RowFlags(), lambda _: Style())  # type: ignore[arg-type]
    return strip.text


@pytest.mark.parametrize(
    ("unit", "shown"),
    [
        (1, "03:14:07.123456"),  # the column of a narrow screen
        (US, "03:14:07.123456"),
        (MS, "03:14:07.123   "),
        (10 * MS, "03:14:07.12    "),
        (S, "03:14:07       "),
        (60 * S, "03:14          "),
    ],
)
def test_a_time_has_the_digits_of_its_stamp_and_no_more(unit: int, shown: str) -> None:
    assert drawn(row(WEB1, 123_456_789, unit))[3:18] == shown


def test_nine_digits_are_shown_if_they_are_there() -> None:
    assert "03:14:07.123456789 " in drawn(row(WEB1, 123_456_789, 1), time_mode="ns")
    assert "03:14:07.123456    " in drawn(row(WEB1, 123_456_000, US), time_mode="ns")


def test_a_sign_stands_before_a_row_whose_order_to_the_row_before_is_not_known() -> None:
    first, near = row(WEB1, 100_900 * US, US), row(WEB2, 100_950 * US, US)
    assert drawn(near, first)[1] == " "
    assert drawn(with_clock(near, ClockCorrection(0, 50 * US)), first)[1] == "≈"
    assert drawn(with_clock(near, ClockCorrection(0, None)), first)[1] == "≈"
    assert drawn(row(PG, 100 * MS, MS), first)[1] == "≈"
    assert drawn(row(PG, 101 * MS, MS), first)[1] == " "
    assert drawn(row(PG, 100 * MS, MS), first, emoji=False)[1] == "="


def test_lines_of_one_source_need_no_sign_however_coarse_their_stamps_are() -> None:
    assert drawn(row(PG, 0, S), row(PG, 0, S))[1] == " "


def test_a_line_before_a_step_of_its_clock_came_before_the_line_above() -> None:
    after_step, before_step = row(WEB1, 10 * US, US, clock_range=ClockRange(part=1)), row(WEB1, 11 * US, US)
    assert drawn(before_step, after_step)[1] == "«"
    assert drawn(after_step, before_step)[1] == " "


def test_a_line_without_a_timestamp_has_no_order_to_other_logs() -> None:
    plain = row(WEB2, 0, US)
    assert plain.placement is not None
    plain = plain._replace(placement=plain.placement._replace(timestamp=None))
    assert drawn(row(WEB1, 0, US), plain)[1] == "≈"
    assert drawn(plain, plain)[1] == " "


def test_an_entry_of_the_journal_has_an_order_to_other_logs_too() -> None:
    stamp = Stamp(BASE + 500 * MS, 0)
    entry = Entry(stamp, 0, (("BY", str(Author("alice", "db1", 1, "%3"))),), "seen")
    journal = Placement(JOURNAL_SOURCE, Timestamp(stamp.ns, 1))
    noted = Row(Line(None, 0, b"x"), entry, placement=journal)  # type: ignore[arg-type]
    text = drawn(noted, row(PG, 0, S))
    assert text[1] == "≈"
    assert "J alice%3" in text
    assert "note: seen" in text


@pytest.mark.parametrize(
    ("after_ns", "unit", "shown"),
    [(50 * US, US, "+50µs"), (1_234_567, US, "+1.23ms"), (516 * MS, MS, "+516ms"), (1900 * MS, MS, "+1.9s")],
)
def test_the_time_since_the_row_before_has_a_unit_that_fits(after_ns: int, unit: int, shown: str) -> None:
    assert f" {shown} " in drawn(row(WEB2, after_ns, unit), row(WEB1, 0, unit))


def test_a_difference_below_the_last_digit_of_a_stamp_is_not_told() -> None:
    assert "≤+1ms" in drawn(row(PG, 101 * MS, MS), row(WEB1, 100_950 * US, US))
    assert "≤+1s" in drawn(row(WEB1, 100 * MS, US), row(PG, 0, S))
    assert "<=+1s" in drawn(row(WEB1, 100 * MS, US), row(PG, 0, S), emoji=False)


def test_a_late_line_shows_how_late() -> None:
    assert drawn(row(WEB1, 0, US, lateness_ns=500 * US)).rstrip().endswith("↥ 500µs")
    assert drawn(row(WEB1, 0, US, lateness_ns=500 * US), emoji=False).rstrip().endswith("late 500us")


def test_a_stamp_of_an_end_says_so() -> None:
    assert drawn(row(WEB1, 0, S, "GET /", ended_then=True)).rstrip().endswith("GET / ← ended then")


def test_the_stamp_of_a_line_is_drawn_once() -> None:
    text = drawn(row(WEB1, 0, S, "2026-11-24T03:14:07Z start", stamp_span=(0, 20)))
    assert "2026" not in text
    assert "1 web1    start" in text


def test_a_line_of_another_journal_is_shown_as_one_of_ours_after_its_author() -> None:
    entry = Entry(Stamp(BASE, 0), 2, (("BY", "bob@db1:77"), ("H7", "refuted")), "Conclusion: \x1b[2Jno")
    text = drawn(row(WEB1, 0, 1, format_entry(entry).decode().rstrip()))
    assert text.split("1 web1")[1].strip() == "bob ✗ web1/H7 refuted: \\x1b[2Jno"


def test_a_line_of_another_journal_about_our_hypothesis_names_that_as_it_does() -> None:
    entry = Entry(Stamp(BASE, 0), 2, (("ON", "db1/H1"), ("CLAIM", "x")), "Supports: seen here")
    assert (
        drawn(row(WEB1, 0, 1, format_entry(entry).decode().rstrip())).rstrip().endswith("+ db1/H1 Supports: seen here")
    )


def test_a_line_that_belongs_to_the_entry_before_has_no_time_of_its_own() -> None:
    text = drawn(row(PG, 0, MS, "STATEMENT: SELECT 1", continues=True), row(PG, 0, MS))
    assert text.strip() == "│ STATEMENT: SELECT 1"


def test_a_shifted_coarse_stamp_shows_its_own_digits() -> None:
    """The seconds of a line stay what the line says if the shift is smaller than half of one."""
    shifted = row(PG, 0, S, correction=ClockCorrection(-3_200_000, 400_000))
    assert "03:14:07 " in drawn(shifted)


def test_a_day_begins_on_a_timeline_too() -> None:
    before, after = row(WEB1, 0, S), row(WEB2, 86_400 * S, S)
    rule, _ = render_row(after, before, 79, RenderOptions(wrap=False), RowFlags(), lambda _: Style())
    assert "2026-11-25" in rule.text


def test_no_sign_has_two_meanings() -> None:
    for signs in ([sign.symbol for sign in SIGNS], [sign.ascii_symbol for sign in SIGNS]):
        assert len(signs) == len(set(signs))


def test_a_narrow_row_has_the_number_of_its_source() -> None:
    assert drawn(row(PG, 0, MS, "pg[431]"), width=49).strip() == "03:14:07 3  pg[431]"


@pytest.mark.parametrize(
    ("correction", "shown"),
    [
        (ClockCorrection(), ""),
        (ClockCorrection(3_200_000, 400_000), "+3.2ms±0.4ms"),
        (ClockCorrection(0, 400_000), "±0.4ms"),
        (ClockCorrection(-S, None), "-1s±?"),
        (ClockCorrection(0, None), "±?"),
    ],
)
def test_a_shift_is_short_and_says_if_its_error_is_not_known(correction: ClockCorrection, shown: str) -> None:
    assert short_shift(correction) == shown
