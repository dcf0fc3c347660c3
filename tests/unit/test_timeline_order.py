"""The lines of logs in the order of their timestamps: late lines, clock steps, entries of several lines, many sources.

The expected order is computed from the lines themselves, by a sort of everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.log_sources import BASE_NS, source_of, stamped, write_log
from threeam.timeline.columns import merged_bytes
from threeam.timeline.instant import ClockCorrection, Order
from threeam.timeline.merge import merged_after, merged_before, order_between
from threeam.timeline.source import FIRST_KEY, LAST_KEY, PlacedLine, Source

SECOND = 10**9
# An entry: its distance to the one before it (negative: it is late), and the number of lines that continue it.
ENTRY = st.tuples(st.integers(-SECOND, 3 * SECOND) | st.just(0), st.sampled_from([0, 0, 1]))
LOG = st.lists(ENTRY, max_size=30)
LOGS = st.lists(LOG, min_size=1, max_size=4)


def entries_of(log: Sequence[tuple[int, int]]) -> list[tuple[int, list[str]]]:
    """Return the entries of a log in file order: the instant and the lines of each."""
    entries, now = [], BASE_NS
    for number, (distance, continued) in enumerate(log):
        late = now + distance
        now = max(now, late)
        entries.append((late, [stamped(late, f"entry {number}"), *(f"    at {i}" for i in range(continued))]))
    return entries


def sources_of(folder: str, logs: Sequence[Sequence[tuple[int, int]]], *, indexed: bool = True) -> list[Source]:
    sources = []
    for number, log in enumerate(logs):
        lines = [line for _, lines in entries_of(log) for line in lines]
        source = source_of(write_log(Path(folder) / f"{number}.log", lines), number)
        if indexed:
            source.make_index()
        sources.append(source)
    return sources


def expected(logs: Sequence[Sequence[tuple[int, int]]]) -> list[str]:
    entries = [entry for log in logs for entry in entries_of(log)]
    return [line for _, lines in sorted(entries, key=lambda entry: entry[0]) for line in lines]


def texts(lines: Sequence[PlacedLine]) -> list[str]:
    return [placed.line.raw.decode() for placed in lines]


@given(LOGS, st.booleans())
def test_lines_come_in_the_order_of_their_timestamps(logs: list[list[tuple[int, int]]], indexed: bool) -> None:
    """Lines that are up to a second late come in their places, with an index and without one."""
    with TemporaryDirectory() as folder:
        sources = sources_of(folder, logs, indexed=indexed)
        lines = list(merged_after(sources))
        assert texts(lines) == expected(logs)
        assert list(merged_before(sources)) == lines[::-1]


@given(LOGS, st.data())
def test_reading_can_begin_at_any_line(logs: list[list[tuple[int, int]]], data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        sources = sources_of(folder, logs)
        lines = list(merged_after(sources))
        if lines:
            index = data.draw(st.integers(0, len(lines) - 1))
            assert list(merged_after(sources, lines[index].key)) == lines[index + 1 :]
            assert list(merged_before(sources, lines[index].key)) == lines[:index][::-1]


@given(LOGS)
def test_the_merged_bytes_are_those_of_the_merged_lines(logs: list[list[tuple[int, int]]]) -> None:
    with TemporaryDirectory() as folder:
        sources = sources_of(folder, logs)
        assert b"".join(merged_bytes(sources)).decode().splitlines() == expected(logs)


@given(LOGS, st.integers(0, 20), st.integers(0, 20))
def test_the_merged_bytes_of_a_time_range(logs: list[list[tuple[int, int]]], since: int, until: int) -> None:
    first_ns, last_ns = BASE_NS + since * SECOND, BASE_NS + until * SECOND
    wanted = [[entry for entry in entries_of(log) if first_ns <= entry[0] <= last_ns] for log in logs]
    in_order = sorted((entry for log in wanted for entry in log), key=lambda entry: entry[0])
    with TemporaryDirectory() as folder:
        sources = sources_of(folder, logs)
        printed = b"".join(merged_bytes(sources, first_ns, last_ns)).decode().splitlines()
    assert printed == [line for _, lines in in_order for line in lines]


def test_a_line_that_was_flushed_late_is_marked_with_its_lateness(tmp_path: Path) -> None:
    ns = [BASE_NS, BASE_NS + 900_000, BASE_NS + 400_000, BASE_NS + 950_000]
    source = source_of(write_log(tmp_path / "web.log", map(stamped, ns)))
    source.make_index()
    lines = list(source.lines_after(FIRST_KEY))
    assert [placed.ns for placed in lines] == sorted(ns)
    assert [placed.lateness_ns for placed in lines] == [0, 500_000, 0, 0]


def test_a_line_hours_late_has_its_place(tmp_path: Path) -> None:
    """The access log of a proxy has the start of a request, and is written at its end."""
    ns = [BASE_NS + second * SECOND for second in range(4000)]
    source = source_of(write_log(tmp_path / "proxy.log", [*map(stamped, ns), stamped(BASE_NS + 1, "long request")]))
    index = source.make_index()
    assert index is not None
    assert (index.late_count, index.largest_lateness_ns, index.steps) == (1, 3999 * SECOND - 1, [])
    lines = list(source.lines_after(FIRST_KEY))
    assert lines[1].line.raw.endswith(b"long request")
    assert list(source.lines_before(LAST_KEY)) == lines[::-1]


@pytest.mark.parametrize("trace_lines", [0, 1, 100, 5000])  # beyond the first read of an entry, and far beyond
def test_a_late_entry_keeps_the_lines_that_continue_it(tmp_path: Path, trace_lines: int) -> None:
    late = [stamped(BASE_NS + 1, "late"), *(f"    at frame {number}" for number in range(trace_lines))]
    dated = [stamped(BASE_NS + second * SECOND) for second in range(trace_lines + 9)]
    source = source_of(write_log(tmp_path / "web.log", [*dated, *late, stamped(BASE_NS + 10**13)]))
    source.make_index()
    expected = [dated[0], *late, *dated[1:], stamped(BASE_NS + 10**13)]
    assert texts(list(source.lines_after(FIRST_KEY))) == expected
    assert b"".join(merged_bytes([source])).decode().splitlines() == expected


def test_a_step_of_the_clock_is_no_late_line(tmp_path: Path) -> None:
    """After the step the lines are in the order of the clock again, and stand between those before it."""
    before = [BASE_NS + second * SECOND for second in range(100)]
    after = [ns - 50 * SECOND + 500_000_000 for ns in (BASE_NS + second * SECOND for second in range(100, 200))]
    source = source_of(write_log(tmp_path / "web.log", map(stamped, [*before, *after])))
    index = source.make_index()
    assert index is not None
    assert (index.late_count, index.largest_lateness_ns) == (0, 0)
    assert [step.back_ns for step in index.steps] == [48_500_000_000]
    assert [placed.ns for placed in source.lines_after(FIRST_KEY)] == sorted([*before, *after])


def test_no_order_is_claimed_between_times_that_a_clock_has_shown_twice(tmp_path: Path) -> None:
    """The true order is that of the files: the line of `b` was written after the step."""
    first = [BASE_NS + second * SECOND for second in range(100)]
    second = [ns - 50 * SECOND + 500_000_000 for ns in (BASE_NS + second * SECOND for second in range(100, 200))]
    stepped = source_of(write_log(tmp_path / "a.log", map(stamped, [*first, *second])))
    other = source_of(write_log(tmp_path / "b.log", [stamped(BASE_NS + 60 * SECOND)]), 1)
    stepped.make_index(), other.make_index()
    lines = list(merged_after([stepped, other]))
    orders = {
        (previous.line.raw[:29], placed.line.raw[:29]): order_between(placed, previous)
        for previous, placed in pairwise(lines)
    }
    by_source = {
        order
        for (previous, placed), order in zip(pairwise(lines), orders.values(), strict=True)
        if placed.source is not previous.source
    }
    assert by_source == {Order.UNKNOWN}
    for previous, placed in pairwise(lines):
        if placed.source is previous.source:
            is_after = placed.line.offset > previous.line.offset
            assert order_between(placed, previous) is (Order.AFTER if is_after else Order.BEFORE)


def test_before_a_step_back_the_clock_may_have_been_ahead_all_the_time(tmp_path: Path) -> None:
    ahead = [BASE_NS + second * SECOND for second in range(100)]
    right = [ns - 50 * SECOND for ns in (BASE_NS + second * SECOND for second in range(100, 200))]
    stepped = source_of(write_log(tmp_path / "a.log", map(stamped, [*ahead, *right])))
    stepped.make_index()
    first, *_, last = stepped.lines_after(FIRST_KEY)
    assert (first.correction.bound_ns, last.correction.bound_ns) == (49 * SECOND, 0)


def test_one_timestamp_of_the_far_future_leaves_the_others_in_order(tmp_path: Path) -> None:
    ns = [BASE_NS + second * SECOND for second in range(100)]
    ns.insert(40, BASE_NS + 10**18)
    source = source_of(write_log(tmp_path / "web.log", map(stamped, ns)))
    index = source.make_index()
    assert index is not None
    assert index.late_count == 0
    assert [placed.ns for placed in source.lines_after(FIRST_KEY)] == sorted(ns)
    assert [index.is_repeated(time) for time in ns] == [number == 40 for number in range(101)]  # it is wrong alone


def test_lines_before_the_first_timestamp_belong_to_the_first_entry(tmp_path: Path) -> None:
    header = ["# started", "# version 3"]
    lines = [*header, stamped(BASE_NS + 5, "first"), stamped(BASE_NS + 9, "second")]
    source = source_of(write_log(tmp_path / "web.log", lines))
    source.make_index()
    placed = list(source.lines_after(FIRST_KEY))
    assert texts(placed) == lines
    assert [line.ns for line in placed] == [BASE_NS + 5] * 3 + [BASE_NS + 9]
    assert list(source.lines_before(LAST_KEY)) == placed[::-1]
    assert b"".join(merged_bytes([source])).decode().splitlines() == lines


def test_a_file_without_timestamps_comes_first_in_its_own_order(tmp_path: Path) -> None:
    plain = source_of(write_log(tmp_path / "plain.log", ["b", "a", "c"]), 1)
    dated = source_of(write_log(tmp_path / "dated.log", [stamped(BASE_NS)]), 0)
    sources = [dated, plain]
    for source in sources:
        source.make_index()
    lines = list(merged_after(sources))
    assert texts(lines) == ["b", "a", "c", stamped(BASE_NS)]
    assert list(merged_before(sources)) == lines[::-1]
    assert list(merged_after(sources, lines[1].key)) == lines[2:]
    assert b"".join(merged_bytes(sources)).decode().splitlines() == texts(lines)


def test_thousands_of_lines_without_a_timestamp_follow_their_entry(tmp_path: Path) -> None:
    trace = [f"    at frame {number}" for number in range(5000)]
    lines = [stamped(BASE_NS), *trace, stamped(BASE_NS + 1)]
    source = source_of(write_log(tmp_path / "web.log", lines))
    backward = list(source.lines_before(LAST_KEY))
    assert texts(backward[::-1]) == lines
    assert {placed.ns for placed in backward[1:]} == {BASE_NS}


def test_thousands_of_lines_before_the_first_timestamp_belong_to_it(tmp_path: Path) -> None:
    lines = [*(f"# header {number}" for number in range(3000)), *(stamped(BASE_NS + i) for i in range(4000))]
    source = source_of(write_log(tmp_path / "web.log", lines))
    backward = list(source.lines_before(LAST_KEY))
    assert texts(backward[::-1]) == lines
    assert {placed.ns for placed in backward[3999:]} == {BASE_NS}


@pytest.mark.parametrize(("bound", "order"), [(24, Order.AFTER), (25, Order.UNKNOWN)])
def test_an_order_is_claimed_exactly_up_to_the_bounds(tmp_path: Path, bound: int, order: Order) -> None:
    """Two stamps 50 ns apart, with a resolution of 1 ns, and bounds that touch or overlap."""
    first = source_of(write_log(tmp_path / "a.log", [stamped(BASE_NS)]), 0, ClockCorrection(0, bound))
    second = source_of(write_log(tmp_path / "b.log", [stamped(BASE_NS + 50)]), 1, ClockCorrection(0, 25))
    one, other = merged_after([first, second])
    assert order_between(other, one) is order
    assert order_between(one, None) is Order.AFTER


def test_a_shift_moves_the_lines_of_its_source_alone(tmp_path: Path) -> None:
    first = source_of(write_log(tmp_path / "a.log", [stamped(BASE_NS + 100, "a")]), 0)
    second = source_of(write_log(tmp_path / "b.log", [stamped(BASE_NS + 150, "b")]), 1, ClockCorrection(-100, 0))
    first.make_index(), second.make_index()
    assert [placed.source.name for placed in merged_after([first, second])] == ["b", "a"]
    assert b"".join(merged_bytes([first, second])).decode().splitlines() == [
        stamped(BASE_NS + 150, "b"),
        stamped(BASE_NS + 100, "a"),
    ]


def test_equal_timestamps_keep_the_order_of_the_command_line(tmp_path: Path) -> None:
    sources = [
        source_of(write_log(tmp_path / f"{name}.log", [stamped(BASE_NS, name)] * 3), i) for i, name in enumerate("ba")
    ]
    for source in sources:
        source.make_index()
    lines = list(merged_after(sources))
    assert [placed.source.name for placed in lines] == ["b"] * 3 + ["a"] * 3
    assert all(one.key < other.key for one, other in pairwise(lines))
