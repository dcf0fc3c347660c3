"""What may not be claimed of the order of lines, although their timestamps look exact."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.log_sources import BASE_NS, source_of, stamped, write_log
from threeam.core.errors import BadInput
from threeam.timeline.arguments import SourceName, SourceOptions, open_source
from threeam.timeline.files import allow_open_files
from threeam.timeline.follow import SourceFollower
from threeam.timeline.instant import Order
from threeam.timeline.live import behind
from threeam.timeline.merge import order_between
from threeam.timeline.shifts import parse_correction
from threeam.timeline.source import FIRST_KEY
from threeam.timeline.zones import parse_zone

HOUR_NS = 3600 * 10**9
SECOND = 10**9


@pytest.mark.parametrize(
    ("lines", "has_bound"),
    [
        (["2026-10-25 02:20:00 a", "2026-10-25 02:40:00 b"], False),  # in summer time, or an hour later
        (["2026-10-25 02:40:00 a", "2026-10-25 02:00:00 b"], True),  # the file shows both hours
        (["2026-10-25 01:20:00 a", "2026-10-25 03:40:00 b"], True),
    ],
)
def test_a_time_of_the_repeated_hour_has_a_bound_only_if_the_file_shows_which(
    tmp_path: Path, lines: list[str], has_bound: bool
) -> None:
    path = write_log(tmp_path / "web.log", lines)
    zones = {"web": parse_zone("Europe/Berlin")}
    source, _ = open_source(SourceName("web", str(path)), 0, SourceOptions(zones, {}, {}, {}))
    source.make_index()
    assert {placed.interval is not None for placed in source.lines_after(FIRST_KEY)} == {has_bound}


def test_lines_of_one_timestamp_have_no_known_order_in_a_file_with_late_lines(tmp_path: Path) -> None:
    in_order = source_of(write_log(tmp_path / "a.log", [stamped(BASE_NS, digits=0)] * 2))
    late = [stamped(BASE_NS + SECOND, digits=0), *[stamped(BASE_NS, digits=0)] * 2]
    buffered = source_of(write_log(tmp_path / "b.log", late))
    for source, order in ((in_order, Order.AFTER), (buffered, Order.UNKNOWN)):
        source.make_index()
        first, second, *_ = source.lines_after(FIRST_KEY)
        assert order_between(second, first) is order


def test_a_line_that_is_shown_after_a_later_one_of_its_source_came_before(tmp_path: Path) -> None:
    source = source_of(write_log(tmp_path / "a.log", [stamped(BASE_NS), stamped(BASE_NS + 5)]))
    source.make_index()
    first, second = source.lines_after(FIRST_KEY)
    assert order_between(first, second) is Order.BEFORE


def test_a_timestamp_of_a_second_is_late_only_after_all_of_that_second(tmp_path: Path) -> None:
    source = source_of(write_log(tmp_path / "a.log", [stamped(BASE_NS, digits=0)]))
    (placed,) = source.lines_after(FIRST_KEY)
    assert behind(placed, BASE_NS + SECOND - 1) == 0
    assert behind(placed, BASE_NS + SECOND) == SECOND


def test_a_shift_of_more_than_a_century_is_refused() -> None:
    with pytest.raises(BadInput, match="more than 100 years"):
        parse_correction("+99999d")


def test_a_file_that_has_become_shorter_is_known_to_be_truncated(tmp_path: Path) -> None:
    path = write_log(tmp_path / "a.log", [stamped(BASE_NS)] * 9)
    source = source_of(path)
    assert not source.is_truncated
    write_log(path, [stamped(BASE_NS)])
    assert source.is_truncated


def test_a_path_that_has_become_a_folder_is_a_problem_of_its_log(tmp_path: Path) -> None:
    path = write_log(tmp_path / "a.log", [stamped(BASE_NS)])
    follower = SourceFollower(source_of(path))
    try:
        path.unlink()
        path.mkdir()
        assert follower.read() == []
        assert follower.problem == f"{path} is not a regular file any more"
    finally:
        follower.close()


def test_the_limit_of_descriptors_is_raised_for_many_files_and_never_above_the_hard_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limits: list[tuple[int, int]] = []
    monkeypatch.setattr("threeam.timeline.files.resource.getrlimit", lambda _: (1024, 1500))
    monkeypatch.setattr("threeam.timeline.files.resource.setrlimit", lambda _, pair: limits.append(pair))
    allow_open_files(10)
    assert limits == []
    allow_open_files(200)
    allow_open_files(3000)
    assert limits == [(1256, 1500), (1500, 1500)]
