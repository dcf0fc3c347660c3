"""Lines are found by time and by what they are without reading all of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import CLOCK_STEPPED_PREFIX, NS_PER_S, Entry, Stamp, format_entry
from threeam.core.store import reader, seek
from threeam.core.store.filters import LineFilter, MatchesPattern
from threeam.core.store.journal import Segment, resolve_journal
from threeam.core.store.pattern import Pattern
from threeam.core.store.seek import (
    bisect_time,
    find_line,
    matches_backward,
    matches_forward,
    monotonic_ranges,
    ranges_between_times,
)


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "CHUNK_BYTES", 128)
    monkeypatch.setattr(seek, "_LINEAR_SCAN_BYTES", 64)


def segment_of(path: Path, data: bytes) -> Segment:
    path.write_bytes(data)
    return Segment(os.open(path, os.O_RDONLY), str(path))


def line(ns: int, text: str) -> bytes:
    return format_entry(Entry(Stamp(ns), 0, (), text))


# Stamps that grow, with foreign lines between, and now and then a declared step of the clock.
STEPS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 60), st.sampled_from(["line", "foreign", "back"])), max_size=40
)


def log_of(steps: list[tuple[int, int, str]]) -> tuple[bytes, list[tuple[int, int, int]]]:
    """The bytes of a log, and (offset, stamp, stretch) of each entry."""
    data, entries, ns, stretch = b"", [], 1000, 0
    for after, length, what in steps:
        if what == "foreign":
            data += b"f" * length + b"\n"
            continue
        if what == "back":
            ns, stretch = max(0, ns - 50 * after), stretch + 1
            raw = line(ns, CLOCK_STEPPED_PREFIX + "1 s; the order of the file is the true order.")
        else:
            ns += after
            raw = line(ns, "x" * length)
        entries.append((len(data), ns, stretch))
        data += raw
    return data, entries


@given(STEPS, st.integers(700, 1200))
def test_bisection_finds_the_first_line_of_a_time_in_each_stretch(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, int, str]], ns: int
) -> None:
    data, entries = log_of(steps)
    segment = segment_of(tmp_path_factory.mktemp("log") / "log", data)
    parts = monotonic_ranges(segment, len(data))
    assert b"".join(data[begin:end] for begin, end in parts) == data
    for begin, end in parts:
        expected = next((offset for offset, stamp, _ in entries if begin <= offset < end and stamp >= ns), end)
        assert bisect_time(segment, begin, end, ns) == expected


@given(STEPS, st.integers(700, 1200), st.integers(0, 100))
def test_the_lines_of_a_time_are_all_there(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, int, str]], since: int, length: int
) -> None:
    data, entries = log_of(steps)
    segment = segment_of(tmp_path_factory.mktemp("log") / "log", data)
    parts = ranges_between_times(segment, len(data), since, since + length)
    inside = {offset for offset, stamp, _ in entries if since <= stamp <= since + length}
    assert {offset for offset, _, _ in entries if any(begin <= offset < end for begin, end in parts)} == inside


@given(st.lists(st.sampled_from([b"a", b"b", b"ab", b"", b"c" * 70, b"c" * 300 + b"a"]), max_size=30), st.booleans())
def test_wanted_lines_are_found_forwards_and_backwards(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], ended: bool
) -> None:
    data = b"\n".join(lines) + b"\n" * ended
    segment = segment_of(tmp_path_factory.mktemp("log") / "log", data)
    wanted = LineFilter((MatchesPattern(Pattern("a")),))
    every = list(matches_forward(segment, 0, None, wanted))
    assert [chunk.start for chunk in every[1:]] == [chunk.end for chunk in every[:-1]], "the blocks adjoin"
    expected = [line for line in lines if b"a" in line]
    assert [line.raw for chunk in every for line in chunk.lines] == expected
    assert all(data[line.offset : line.end - line.finished] == line.raw for chunk in every for line in chunk.lines)
    back = [line for chunk in matches_backward(segment, len(data), wanted) for line in reversed(chunk.lines)]
    assert [line.raw for line in reversed(back)] == expected


@pytest.mark.parametrize("zone", [0, 19_800])
def test_a_stamp_after_an_undeclared_step_of_the_clock_is_found(tmp_path: Path, zone: int) -> None:
    before = b"".join(line((100 + second) * NS_PER_S, "before") for second in range(50))
    stepped = b"".join(line(second * NS_PER_S, f"after {second}") for second in range(20))
    name = "sanity.20261124T031407.123456789Z.log"
    link = f"[{Stamp(NS_PER_S)}] [COFFEE: 0] [AT: {Stamp(NS_PER_S)}] Continued from {name}\n".encode()
    (tmp_path / name).write_bytes(before + stepped + before)
    (tmp_path / "sanity.log").write_bytes(link + before)
    journal = resolve_journal(str(tmp_path / "sanity.log"))
    entry = find_line(journal, Stamp(7 * NS_PER_S, zone)).entry
    assert entry is not None
    assert entry.text == "after 7"
    with pytest.raises(PreconditionFailed):
        find_line(journal, Stamp(7 * NS_PER_S + 1, zone))
