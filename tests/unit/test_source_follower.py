"""Following the log of another program: appended lines, rotation, truncation, removal."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.log_sources import BASE_NS, source_of, stamped, write_log
from threeam.core.format.entry import NS_PER_S
from threeam.timeline.follow import SourceFollower
from threeam.timeline.instant import Order
from threeam.timeline.merge import merged_after, order_between
from threeam.timeline.source import PlacedLine, Source


@contextmanager
def following(source: Source) -> Iterator[SourceFollower]:
    follower = SourceFollower(source)
    try:
        yield follower
    finally:
        follower.close()


def append(path: Path, *lines: str) -> None:
    with path.open("a") as log:
        log.writelines(f"{line}\n" for line in lines)


def texts(lines: list[PlacedLine]) -> list[str]:
    return [placed.line.raw.decode() for placed in lines]


def test_appended_lines_are_read_once(tmp_path: Path) -> None:
    path = write_log(tmp_path / "web.log", [stamped(BASE_NS)])
    source = source_of(path)
    with following(source) as follower:
        assert follower.read() == []
        append(path, stamped(BASE_NS + 5), "    at frame")
        lines = follower.read()
        assert texts(lines) == [stamped(BASE_NS + 5), "    at frame"]
        assert [(placed.ns, placed.is_continuation) for placed in lines] == [(BASE_NS + 5, False), (BASE_NS + 5, True)]
        assert follower.read() == []
        assert texts(list(merged_after([source]))) == path.read_text().splitlines()


def test_a_line_without_a_newline_is_read_when_it_has_one(tmp_path: Path) -> None:
    path = tmp_path / "web.log"
    path.write_text(f"{stamped(BASE_NS)}\n{stamped(BASE_NS + 1, 'beg')}")
    with following(source_of(path)) as follower:
        assert follower.read() == []
        append(path, "in and end")
        assert texts(follower.read()) == [stamped(BASE_NS + 1, "begin and end")]


def test_a_late_line_is_marked_when_it_arrives(tmp_path: Path) -> None:
    path = write_log(tmp_path / "web.log", [stamped(BASE_NS + 100)])
    source = source_of(path)
    source.make_index()
    with following(source) as follower:
        append(path, stamped(BASE_NS + 40))
        assert [placed.lateness_ns for placed in follower.read()] == [60]


def test_a_rotated_file_is_read_to_its_end_and_then_the_next_one(tmp_path: Path) -> None:
    path = write_log(tmp_path / "web.log", [stamped(BASE_NS)])
    source = source_of(path)
    with following(source) as follower:
        append(path, stamped(BASE_NS + 1, "old"))
        path.rename(tmp_path / "web.log.1")
        write_log(path, [stamped(BASE_NS + 2, "new")])
        lines = [*follower.read(), *follower.read()]
        assert texts(lines) == [stamped(BASE_NS + 1, "old"), stamped(BASE_NS + 2, "new")]
        assert [placed.source.generation for placed in lines] == [0, 1]
        assert [placed.line.gap_reason for placed in lines] == ["", ""]  # no line is missing
        append(tmp_path / "web.log.1", stamped(BASE_NS + 3, "after the rotation"))
        lines = [*follower.read(), *follower.read()]
        assert texts(lines) == [stamped(BASE_NS + 3, "after the rotation")]
        assert lines[0].source is source
        assert len(list(merged_after([source, follower.source]))) == 4


def test_a_truncated_file_is_read_from_its_beginning(tmp_path: Path) -> None:
    path = write_log(tmp_path / "web.log", [stamped(BASE_NS, "a long line that is gone")] * 3)
    with following(source_of(path)) as follower:
        path.write_text(f"{stamped(BASE_NS + 9)}\n")
        lines = [*follower.read(), *follower.read()]
        assert texts(lines) == [stamped(BASE_NS + 9)]
        assert lines[0].line.gap_reason
        assert lines[0].source is follower.source


def test_a_file_that_is_gone_is_reported_until_it_is_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [time.monotonic()]
    monkeypatch.setattr("threeam.timeline.follow.time.monotonic", lambda: clock[-1])
    path = write_log(tmp_path / "web.log", [stamped(BASE_NS)])
    with following(source_of(path)) as follower:
        path.unlink()
        assert follower.read() == []
        assert follower.problem == ""  # as while a log is rotated
        clock.append(time.monotonic() + 2)
        assert follower.read() == []
        assert follower.problem == f"{path} is gone"
        write_log(path, [stamped(BASE_NS + 1)])
        lines = [*follower.read(), *follower.read()]
        assert texts(lines) == [stamped(BASE_NS + 1)]
        assert follower.problem == ""


def test_a_symlink_that_leads_to_another_file_is_followed(tmp_path: Path) -> None:
    first = write_log(tmp_path / "1.log", [stamped(BASE_NS)])
    second = write_log(tmp_path / "2.log", [stamped(BASE_NS + 1)])
    link = tmp_path / "current.log"
    link.symlink_to(first)
    with following(source_of(link)) as follower:
        assert follower.read() == []
        link.unlink()
        link.symlink_to(second)
        assert texts([*follower.read(), *follower.read()]) == [stamped(BASE_NS + 1)]


def test_the_format_of_an_empty_file_is_found_with_its_first_lines(tmp_path: Path) -> None:
    path = write_log(tmp_path / "web.log", [])
    source = source_of(path)
    with following(source) as follower:
        assert source.detection is None
        append(path, stamped(BASE_NS), stamped(BASE_NS + 1))
        assert [placed.ns for placed in follower.read()] == [BASE_NS, BASE_NS + 1]


def test_a_time_without_a_date_is_of_today_however_long_the_file_is_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    morning, evening = BASE_NS, BASE_NS + 15 * 3600 * 10**9
    path = write_log(
        tmp_path / "web.log", [f"{text} line" for text in ("03:14:05.100", "03:14:06.200", "03:14:07.000")]
    )
    os.utime(path, ns=(morning, morning))
    monkeypatch.setenv("TZ", "UTC")
    source = source_of(path)
    with following(source) as follower:
        monkeypatch.setattr("threeam.timeline.follow.time.time_ns", lambda: evening)
        append(path, "18:14:07.000 line")
        assert [placed.ns for placed in follower.read()] == [evening]


def test_a_late_line_of_a_rotated_file_is_in_the_order_of_the_clock(tmp_path: Path) -> None:
    """A program may write to the file that it has opened after that was renamed."""
    path = write_log(tmp_path / "web.log", [stamped(BASE_NS)])
    source = source_of(path)
    with following(source) as follower:
        path.rename(tmp_path / "web.log.1")
        write_log(path, [stamped(BASE_NS + 2, "new")])
        follower.read(), follower.read()
        append(tmp_path / "web.log.1", stamped(BASE_NS + 3, "still the old file"))
        follower.read(), follower.read()
        new, old = list(merged_after([source, follower.source]))[1:]
        assert (new.source.generation, old.source.generation) == (1, 0)
        assert order_between(old, new) is Order.AFTER


def test_stamps_that_do_not_say_which_time_they_mean_are_a_problem_of_their_file(tmp_path: Path) -> None:
    path = write_log(tmp_path / "web.log", [])
    with following(source_of(path)) as follower:
        append(path, "03/04/2026 03:14:07 one", "04/05/2026 03:14:08 two")
        assert texts(follower.read()) == ["03/04/2026 03:14:07 one", "04/05/2026 03:14:08 two"]
        follower.read()
        assert "day/month or month/day" in follower.problem


def test_a_byte_order_mark_does_not_hide_the_first_timestamp(tmp_path: Path) -> None:
    path = tmp_path / "web.log"
    path.write_bytes(b"\xef\xbb\xbf" + f"{stamped(BASE_NS + 5)}\n{stamped(BASE_NS)}\n".encode())
    source = source_of(path)
    index = source.make_index()
    assert index is not None
    assert (index.stamped, index.late_count) == (2, 1)
    assert [placed.ns for placed in merged_after([source])] == [BASE_NS, BASE_NS + 5]


def test_a_snapshot_stays_as_it_is_while_the_file_is_followed(tmp_path: Path) -> None:
    path = write_log(tmp_path / "web.log", [stamped(BASE_NS + 90 * NS_PER_S), stamped(BASE_NS + 89 * NS_PER_S, "late")])
    source = source_of(path)
    source.make_index()
    taken = source.snapshot()
    read = [placed.line.display_text for placed in merged_after([taken])]
    with following(source) as follower:
        append(path, *(stamped(BASE_NS + number * NS_PER_S) for number in range(40)))  # the clock was set back
        assert len(follower.read()) == 40
    assert source.index is not None
    assert taken.index is not None
    assert (len(source.index.steps), source.index.late_count) == (1, 1)
    assert (taken.index.steps, taken.index.late_count, taken.index.end) == ([], 1, taken.end)
    assert [placed.line.display_text for placed in merged_after([taken])] == read
