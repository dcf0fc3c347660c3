"""The window on several logs: its rows are a slice of all lines by time, whatever was paged, filtered or dropped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.log_sources import BASE_NS, source_of, stamped, write_log
from threeam.core.errors import BadInput
from threeam.core.format.entry import Author, Entry, Stamp, format_entry
from threeam.core.store.filters import LineFilter
from threeam.core.store.journal import Journal, Position, resolve_journal
from threeam.core.store.pattern import Pattern
from threeam.core.store.reader import lines_forward
from threeam.core.store.segment import Segment
from threeam.timeline.instant import ClockCorrection
from threeam.tui import merged_rows, row_streams
from threeam.tui.log_rows import Row
from threeam.tui.timeline_window import TimelineWindow

MS, S = 1_000_000, 1_000_000_000


def entry_line(text: str, ns: int) -> bytes:
    """A line of the journal, stamped ``ns``."""
    return format_entry(Entry(Stamp(ns, 0), 0, (("BY", str(Author("alice", "db1", 1))),), text))


def text_of(row: Row) -> str:
    """The last word of a row, which names it in these tests."""
    return (row.entry.text if row.is_of_journal and row.entry is not None else row.line.raw.decode()).split()[-1]


def texts(window: TimelineWindow) -> list[str]:
    return [text_of(row) for row in window.rows]


def three_logs(folder: Path, count: int = 200) -> tuple[Journal, list[Path], list[str]]:
    """A journal, two logs, and the words of all lines in the order of their times."""
    journal = resolve_journal(str(folder / "night.log"))
    noted = {BASE_NS + n * 70 * MS + 1: f"j{n}" for n in range(count // 4)}
    web1 = {BASE_NS + n * 20 * MS + 2: f"a{n}" for n in range(count)}
    web2 = {BASE_NS + n * 33 * MS + 3: f"b{n}" for n in range(count // 2)}
    Path(journal.log_path).write_bytes(b"".join(entry_line(text, ns) for ns, text in noted.items()))
    write_log(folder / "web1.log", (stamped(ns, text) for ns, text in web1.items()))
    write_log(folder / "web2.log", (stamped(ns, text) for ns, text in web2.items()))
    every = noted | web1 | web2
    return journal, [folder / "web1.log", folder / "web2.log"], [every[ns] for ns in sorted(every)]


@pytest.fixture
def logs(tmp_path: Path) -> tuple[Journal, list[Path], list[str]]:
    return three_logs(tmp_path)


def window_on(journal: Journal, paths: list[Path]) -> TimelineWindow:
    return TimelineWindow(journal, [source_of(path, number) for number, path in enumerate(paths)])


@pytest.fixture
def window(request: pytest.FixtureRequest, logs: tuple[Journal, list[Path], list[str]]) -> TimelineWindow:
    if "small" in request.fixturenames:
        request.getfixturevalue("small")
    return window_on(logs[0], logs[1])


@pytest.fixture
def every(logs: tuple[Journal, list[Path], list[str]]) -> list[str]:
    return logs[2]


@pytest.fixture
def small() -> Iterator[None]:
    """A window that holds little, so that its edges are everywhere."""
    with ExitStack() as patches:
        patches.enter_context(mock.patch.multiple(merged_rows, ROWS_PER_READ=7, MAX_ROWS=40))
        patches.enter_context(mock.patch.object(row_streams, "_LINES_PER_READ", 5))
        yield


def row_at(window: TimelineWindow, position: Position) -> Row:
    """The row at a position, which is loaded if it is not yet."""
    index = window.load_around(position)
    return window.rows[index]


def read_all(window: TimelineWindow) -> None:
    while not window.at_start:
        window.read_backward()
    while not window.at_end:
        window.read_forward()


def is_slice(part: list[str], whole: list[str]) -> bool:
    return not part or whole[(begin := whole.index(part[0])) : begin + len(part)] == part


@pytest.mark.usefixtures("small")
def test_it_opens_at_the_end_of_all_logs(window: TimelineWindow, every: list[str]) -> None:
    assert window.at_end
    assert texts(window) == every[-7:]


def test_all_rows_are_in_the_order_of_their_times(window: TimelineWindow, every: list[str]) -> None:
    read_all(window)
    assert texts(window) == every


def test_the_first_rows_are_the_first_of_all_logs(window: TimelineWindow, every: list[str]) -> None:
    window.go_to_start()
    assert window.at_start
    read_all(window)
    assert texts(window) == every


MOVES = st.lists(
    st.tuples(st.sampled_from(["back", "on", "start", "end", "before", "after", "around"]), st.integers(0, 60)),
    max_size=25,
)


@pytest.mark.usefixtures("small")
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(MOVES)
def test_wherever_it_was_paged_and_whatever_it_dropped_the_rows_are_a_slice_of_all(
    window: TimelineWindow, every: list[str], moves: list[tuple[str, int]]
) -> None:
    window.go_to_end()
    for move, number in moves:
        match move:
            case "back":
                window.read_backward()
            case "on":
                window.read_forward()
            case "start":
                window.go_to_start()
            case "end":
                window.go_to_end()
            case "before":
                window.forget_before(min(len(window.rows) - 1, 20 + number))
            case "after":
                window.forget_after(min(len(window.rows) - 1, number))
            case "around" if window.rows:
                row = window.rows[number % len(window.rows)]
                index = window.load_around(row.position)
                assert window.rows[index].position == row.position
        assert is_slice(texts(window), every)
    read_all(window)
    assert texts(window) == every


def test_any_line_can_be_gone_to(
    window: TimelineWindow, every: list[str], logs: tuple[Journal, list[Path], list[str]]
) -> None:
    segment = window.source_rows[1].source.segment
    lines = list(lines_forward(segment))
    index = window.load_around(Position(segment, lines[40].offset))
    assert text_of(window.rows[index]) == "b40"
    read_all(window)
    assert texts(window) == every


def test_a_time_is_found_in_whichever_log_has_it(window: TimelineWindow) -> None:
    for ns, word in (
        (BASE_NS, "j0"),
        (BASE_NS + 20 * MS + 2, "a1"),
        (BASE_NS + 33 * MS + 3, "b1"),
        (BASE_NS + 70 * MS, "j1"),
    ):
        match = window.find_time(ns)
        assert match.position is not None
        assert text_of(row_at(window, match.position)) == word
    assert window.find_time(BASE_NS - S).begins_later
    assert window.find_time(BASE_NS + 3600 * S).position is None


@pytest.mark.parametrize(
    ("term", "letters"),
    [("source:web1", "a"), ("!source:web1", "jb"), ("source:journal", "j"), ("!source:journal", "ab")],
)
def test_a_source_can_be_chosen_or_left_out(window: TimelineWindow, every: list[str], term: str, letters: str) -> None:
    excludes, condition = window.parse_filter(term)
    window.line_filter = LineFilter(exclude=(condition,)) if excludes else LineFilter((condition,))
    window.go_to_end()
    read_all(window)
    assert texts(window) == [word for word in every if word[0] in letters]


def test_a_source_that_is_not_there_is_refused_with_those_that_are(window: TimelineWindow) -> None:
    with pytest.raises(BadInput, match="there is no source web9: the sources are journal, web1, web2"):
        window.parse_filter("source:web9")


@pytest.mark.parametrize("pattern", ["7$", "a1", "nothing-at-all"])
def test_a_filter_selects_lines_of_all_logs(window: TimelineWindow, every: list[str], pattern: str) -> None:
    _, condition = window.parse_filter(pattern)
    window.line_filter = LineFilter((condition,))
    window.go_to_end()
    read_all(window)
    compiled = Pattern(pattern)
    assert texts(window) == [word for word in every if compiled.matches(word.encode())]
    window.go_to_start()
    read_all(window)
    assert texts(window) == [word for word in every if compiled.matches(word.encode())]


@pytest.mark.parametrize("direction", [1, -1])
def test_a_search_finds_each_match_of_all_logs_in_their_order(
    window: TimelineWindow, every: list[str], direction: int
) -> None:
    if direction > 0:
        window.go_to_start()
    row, pattern = window.rows[0 if direction > 0 else -1], Pattern("5$")
    found = []
    while True:
        matches = next((matches for matches in window.search(pattern, row, direction) if matches.lines), None)
        if matches is None:
            break
        (match,) = matches.lines
        row = row_at(window, Position(match.segment, match.offset))
        found.append(text_of(row))
    expected = [word for word in every if word.endswith("5")]
    assert found == expected[::direction]


def test_a_search_goes_on_at_the_other_end(window: TimelineWindow) -> None:
    window.go_to_start()
    row = window.rows[0]
    matches = next(matches for matches in window.search(Pattern("j3$"), row, -1, wrapped=True) if matches.lines)
    assert matches.lines[0].raw.endswith(b"j3")
    assert not [m for m in window.search(Pattern("j3$"), row, 1, wrapped=True) if m.lines]


def test_new_lines_of_the_journal_get_their_places(
    window: TimelineWindow, every: list[str], logs: tuple[Journal, list[Path], list[str]]
) -> None:
    journal = logs[0]
    log = Path(journal.log_path)
    size = log.stat().st_size
    last_ns = BASE_NS + 199 * 20 * MS + 2
    with log.open("ab") as file:
        file.write(entry_line("new", last_ns - 1) + entry_line("newest", last_ns + S))
    segment = journal.open_live()
    assert segment is not None
    lines = list(lines_forward(segment, size))
    assert window.append(lines) == 2
    assert texts(window)[-3:] == ["new", "a199", "newest"]
    read_all(window)
    assert texts(window) == [*every[: every.index("a199")], "new", *every[every.index("a199") :], "newest"]


@pytest.mark.usefixtures("small")
def test_rows_that_were_appended_are_read_again_after_they_were_dropped(
    window: TimelineWindow, every: list[str], logs: tuple[Journal, list[Path], list[str]]
) -> None:
    journal = logs[0]
    log = Path(journal.log_path)
    size = log.stat().st_size
    with log.open("ab") as file:
        file.write(b"".join(entry_line(f"new{n}", BASE_NS + 60 * S + n) for n in range(20)))
    segment = journal.open_live()
    assert segment is not None
    window.append(list(lines_forward(segment, size)))
    every = [*every, *(f"new{n}" for n in range(20))]
    while not window.at_start:
        window.read_backward()
        window.forget_after(0)
    assert is_slice(texts(window), every)
    read_all(window)
    assert texts(window) == every


def test_the_file_order_shows_one_file_as_it_was_written(
    tmp_path: Path, logs: tuple[Journal, list[Path], list[str]]
) -> None:
    late = write_log(tmp_path / "late.log", [stamped(BASE_NS + 9 * MS, "first"), stamped(BASE_NS + 4 * MS, "late")])
    source = source_of(late, 0, ClockCorrection(3 * MS, MS))
    source.make_index()
    window = TimelineWindow(logs[0], [source])
    window.go_to_start()
    read_all(window)
    by_time = [row for row in window.rows if not row.is_of_journal]
    assert [text_of(row) for row in by_time] == ["late", "first"]
    assert by_time[0].ns == BASE_NS + 7 * MS
    assert by_time[0].placement is not None
    assert by_time[0].placement.lateness_ns == 5 * MS
    assert window.toggle_file_order(by_time[0]) == "late"
    window.load_around(by_time[0].position)
    read_all(window)
    assert [(text_of(row), row.ns) for row in window.rows] == [("first", BASE_NS + 9 * MS), ("late", BASE_NS + 4 * MS)]
    assert window.toggle_file_order(window.rows[0]) == ""
    window.go_to_end()
    read_all(window)
    assert [text_of(row) for row in window.rows if not row.is_of_journal] == ["late", "first"]


def test_a_file_without_timestamps_stands_before_all_in_its_own_order(
    tmp_path: Path, logs: tuple[Journal, list[Path], list[str]]
) -> None:
    plain = write_log(tmp_path / "plain.log", ["zeta", "alpha", "mid"])
    window = window_on(logs[0], [*logs[1], plain])
    window.go_to_start()
    assert texts(window)[:3] == ["zeta", "alpha", "mid"]
    read_all(window)
    assert texts(window) == ["zeta", "alpha", "mid", *logs[2]]


def test_lines_without_a_timestamp_follow_their_entry(
    tmp_path: Path, logs: tuple[Journal, list[Path], list[str]]
) -> None:
    trace = write_log(
        tmp_path / "trace.log", [stamped(BASE_NS + 5, "error"), "  at-one", "  at-two", stamped(BASE_NS + 6, "after")]
    )
    window = window_on(logs[0], [logs[1][0], trace])
    read_all(window)
    assert texts(window)[:6] == ["j0", "a0", "error", "at-one", "at-two", "after"]
    assert [row.placement.continues for row in window.rows[2:6] if row.placement] == [False, True, True, False]


def test_sources_are_added_and_removed_where_the_reader_is(logs: tuple[Journal, list[Path], list[str]]) -> None:
    journal, (web1, web2), every = logs
    window = window_on(journal, [web1])
    window.add_source(source_of(web2, 1))
    window.go_to_end()
    read_all(window)
    assert texts(window) == every
    here = next(row for row in window.rows if text_of(row) == "a7")
    window.remove_source("web1")
    assert text_of(row_at(window, here.position)) == "b5"
    read_all(window)
    assert texts(window) == [word for word in every if word[0] != "a"]


def test_of_a_burst_only_the_last_rows_are_made_and_the_others_are_read_again(
    tmp_path: Path, logs: tuple[Journal, list[Path], list[str]]
) -> None:
    journal, (web1, web2), every = logs
    window = window_on(journal, [web1, web2])
    source = window.source_rows[0].source
    begin = source.end
    with web1.open("a") as file:
        file.writelines(stamped(BASE_NS + 60 * S + n * MS, f"new{n}") + "\n" for n in range(500))
    source.end = source.segment.size()
    lines = list(source.lines_in_file_order(begin))
    window.skip_to(lines[-20])
    assert window.add_lines(lines[-20:]) == 20
    assert texts(window) == [f"new{n}" for n in range(480, 500)]
    read_all(window)
    assert texts(window) == [*every, *(f"new{n}" for n in range(500))]


def test_an_unfinished_last_line_is_shown_and_gets_its_end(
    tmp_path: Path, logs: tuple[Journal, list[Path], list[str]]
) -> None:
    path = tmp_path / "open.log"
    path.write_text(stamped(BASE_NS, "first") + "\n" + stamped(BASE_NS + S, "unfini"))
    source = source_of(path)
    source.end = path.read_text().index("\n") + 1
    window = TimelineWindow(logs[0], [source])
    window.line_filter = LineFilter((window.parse_filter("source:open")[1],))
    window.go_to_end()
    assert texts(window) == ["first", "unfini"]
    with path.open("a") as file:
        file.write("shed\n")
    begin, source.end = source.end, source.segment.size()
    window.add_lines(list(source.lines_in_file_order(begin)))
    assert texts(window) == ["first", "unfinished"[:6] + "shed"]


def test_the_first_screen_reads_the_ends_of_the_files_and_few_samples(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [tmp_path / f"large{number}.log" for number in range(2)]
    for path in paths:
        with path.open("w") as file:
            for begin in (f"2026-11-24T{minute // 60:02}:{minute % 60:02}:" for minute in range(120)):  # 12 MB
                file.writelines(f"{begin}{n // 17:02}.{n:06}Z request {n} {'x' * 60}\n" for n in range(1000))
    sizes, read = list[int](), Segment.read

    def counting_read(segment: Segment, offset: int, size: int) -> bytes:
        data = read(segment, offset, size)
        sizes.append(len(data))
        return data

    monkeypatch.setattr(Segment, "read", counting_read)
    window = window_on(journal, paths)
    assert len(window.rows) == 300
    assert sum(sizes) < 2 * 1024 * 1024
    sizes.clear()
    match = window.find_time(BASE_NS // (86400 * S) * 86400 * S + 30 * 60 * S)
    assert match.position is not None
    assert b"T00:30:00" in row_at(window, match.position).line.raw
    assert sum(sizes) < 3 * 1024 * 1024
