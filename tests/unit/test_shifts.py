"""Shifts as people write them, and the lines of the journal that state them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.folds import ALICE, BOB, line
from support.lines import NIGHT
from threeam.core.errors import BadInput, BadTime
from threeam.core.format.entry import Entry, Stamp, format_entry, parse_entry
from threeam.core.format.times import format_exact_duration, parse_exact_duration
from threeam.core.write.draft import WriteContext
from threeam.projections import FOLD
from threeam.timeline.clock_lines import clock_corrections, clock_draft, clock_notes
from threeam.timeline.instant import ClockCorrection
from threeam.timeline.shifts import format_correction, parse_correction, parse_shift
from threeam.tui.glyphs import plain_signs

MS = 1_000_000
CENTURY = 36_525 * 86_400 * 10**9
corrections = st.builds(ClockCorrection, st.integers(-CENTURY, CENTURY), st.one_of(st.none(), st.integers(0, CENTURY)))


@pytest.mark.parametrize(
    ("text", "source", "shift_ns", "bound_ns"),
    [
        ("web2=+3.2ms±0.4ms", "web2", 3_200_000, 400_000),
        ("web2=+3.2ms+-0.4ms", "web2", 3_200_000, 400_000),
        ("web2=+3.2ms+/-0.4ms", "web2", 3_200_000, 400_000),
        ("web2=+3.2 ms ± 0.4 ms", "web2", 3_200_000, 400_000),
        ("web2=3.2ms±400us", "web2", 3_200_000, 400_000),
        ("web2=−3.2ms±400μs", "web2", -3_200_000, 400_000),  # a minus sign and the Greek letter
        ("web2=-3.2ms", "web2", -3_200_000, None),
        ("web2=±1.2ms", "web2", 0, 1_200_000),
        ("web2=+-1.2ms", "web2", 0, 1_200_000),
        ("web2=0s±0s", "web2", 0, 0),
        ("web2=+1h±1s", "web2", 3_600 * 10**9, 10**9),
        ("web2=-1m30.000000001s±1ns", "web2", -90_000_000_001, 1),
        ("a=b=+1ns±2ns", "a=b", 1, 2),  # the path of a file may have an equals sign
    ],
)
def test_a_shift_is_read_to_the_nanosecond(text: str, source: str, shift_ns: int, bound_ns: int | None) -> None:
    assert parse_shift(text) == (source, ClockCorrection(shift_ns, bound_ns))


@pytest.mark.parametrize(
    "text",
    [
        "web2=", "web2=+", "web2=+3.2", "web2=3,2ms", "web2=+3.2ms±", "web2=+3.2ms±-0.4ms", "web2=+3.2ms±0.4",
        "web2=+3.2ms±1ms±1ms", "web2=++3.2ms", "web2=1.5ns", "web2=0.0000000001s", "web2=+3.2ms0.4ms±x", "web2=±",
    ],
)  # fmt: skip
def test_a_shift_that_cannot_be_read_is_refused_with_the_forms_that_can(text: str) -> None:
    with pytest.raises(BadInput, match=r"is not a shift: write \+3\.2ms±0\.4ms, or \+3\.2ms\+-0\.4ms"):
        parse_shift(text)


@pytest.mark.parametrize("text", ["+3.2ms±0.4ms", "=+3.2ms±0.4ms", " =1s", ""])
def test_a_shift_without_a_source_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="does not say which source is shifted: write SRC="):
        parse_shift(text)


@pytest.mark.parametrize(
    ("correction", "text"),
    [
        (ClockCorrection(3_200_000, 400_000), "+3.2ms±0.4ms"),
        (ClockCorrection(-3_200_001, 0), "-3.200001ms±0s"),
        (ClockCorrection(), "+0s±0s"),
        (ClockCorrection(10**9 + 1, None), "+1.000000001s"),
    ],
)
def test_a_correction_is_printed_exactly(correction: ClockCorrection, text: str) -> None:
    assert format_correction(correction) == text


@given(corrections)
def test_a_correction_that_is_printed_is_accepted(correction: ClockCorrection) -> None:
    text = format_correction(correction)
    assert parse_correction(text) == correction
    assert parse_shift(f"web2={plain_signs(text)}") == ("web2", correction)


@given(st.integers(-(10**20), 10**20))
def test_an_exact_duration_that_is_printed_is_accepted(ns: int) -> None:
    assert parse_exact_duration(format_exact_duration(ns)) == ns


@pytest.mark.parametrize("text", ["", "+", "-", "5", "--5s", "1.5ns", "1.0000001us"])
def test_what_is_not_a_whole_number_of_nanoseconds_is_refused(text: str) -> None:
    with pytest.raises(BadTime, match="whole nanoseconds"):
        parse_exact_duration(text)


def written(source: str, correction: ClockCorrection, reason: str = "--shift") -> Entry:
    """Return the line that a draft writes, as it is read back."""
    [draft_line] = clock_draft(source, correction, reason).make_lines(FOLD.empty_state, WriteContext("alice", 0), NIGHT)
    entry = parse_entry(format_entry(Entry(NIGHT, 0, (ALICE, *draft_line.tags), draft_line.text))[:-1])
    assert entry is not None
    return entry


def test_a_clock_line_states_the_correction_for_people_and_for_programs() -> None:
    entry = written("web2", ClockCorrection(3_200_000, 400_000), "against web1: align --key, 64 pairs")
    assert entry.kind == "Clock"
    assert entry.text == "Clock: web2 +3.2ms±0.4ms (against web1: align --key, 64 pairs)"
    assert entry.tag("CLOCK") == "web2 3200000 400000"


@given(corrections, st.sampled_from(["web2", "app log", "web-2.gz", "Ωmega", "1 2 3"]))
def test_the_state_has_the_correction_that_was_written(correction: ClockCorrection, source: str) -> None:
    assert clock_corrections(FOLD(FOLD.empty_state, [written(source, correction)])) == {source: correction}


@pytest.mark.parametrize("name", ["", "a]b", "a\nb", " a", "a\u202e"])
def test_a_name_that_a_tag_cannot_hold_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match="cannot hold the name"):
        clock_draft(name, ClockCorrection(), "--shift")


def test_the_last_line_of_a_source_counts() -> None:
    entries = [
        line(0, 0, ALICE, ("CLOCK", "web2 1 1"), text="Clock: web2 +1ns±1ns (--shift)"),
        line(1, 0, ALICE, ("CLOCK", "db 5 unknown"), text="Clock: db +5ns (--shift)"),
        line(2, 0, BOB, ("CLOCK", "web2 7 2"), text="Clock: web2 +7ns±2ns (align --key, 64 pairs)"),
        line(3, 0, ALICE, ("CLOCK", "web2 8"), text="Clock: web2 is wrong"),
        line(4, 0, ALICE, ("CLOCK", "web2 9 9"), text="the clock of web2"),
    ]
    state = FOLD(FOLD.empty_state, entries)
    assert clock_corrections(state) == {"db": ClockCorrection(5, None), "web2": ClockCorrection(7, 2)}
    assert clock_notes(state)["web2"].stamp == entries[2].stamp
    assert str(clock_notes(state)["web2"].author) == BOB[1]


def test_a_rotation_repeats_the_last_lines_of_the_last_sources_only() -> None:
    entries = [
        line(n, 0, ALICE, ("CLOCK", f"web{n % 150} {n} 1"), text=f"Clock: web{n % 150} +{n}ns±1ns (--shift)")
        for n in range(300)
    ]
    state = FOLD(FOLD.empty_state, entries)
    assert list(clock_corrections(state)) == [f"web{n}" for n in range(50, 150)]
    repeated = FOLD.checkpoint(state, Stamp(NIGHT.ns + 10**9))
    assert len(repeated) == len([entry for entry in repeated if entry.kind == "Clock"]) + 1 == 101
    assert clock_corrections(FOLD(FOLD.empty_state, repeated)) == clock_corrections(state)
