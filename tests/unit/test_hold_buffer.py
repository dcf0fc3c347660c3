"""New lines of several logs are held for a short time, and released in the order of their timestamps."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path

from support.timeline_truth import NIGHT_NS, civil
from threeam.core.format.entry import NS_PER_S
from threeam.timeline.arguments import SourceOptions, open_sources, source_names
from threeam.timeline.live import MAX_HOLD_NS, MIN_HOLD_NS, HoldBuffer
from threeam.timeline.source import PlacedLine

MS = 1_000_000


def placed_lines(name: str, *offsets_ms: int) -> list[PlacedLine]:
    """Return lines of a file, which were stamped so many ms after the begin of the night."""
    lines = []
    for offset_ms in offsets_ms:
        ns = NIGHT_NS + offset_ms * MS
        lines.append(f"{civil(ns, UTC):%Y-%m-%dT%H:%M:%S}.{ns % NS_PER_S // MS:03}Z line\n")
    Path(f"{name}.log").write_text("".join(lines))
    (source,) = open_sources(source_names([f"{name}.log"]), SourceOptions({}, {}, {}, {})).sources
    return list(source.lines_in_file_order())


def offsets_ms(lines: list[PlacedLine]) -> list[int]:
    """Return when lines were stamped, as `placed_lines` takes it."""
    return [(placed.ns - NIGHT_NS) // MS for placed in lines]


def test_lines_that_arrive_within_the_hold_are_released_in_order(tmp_path: Path) -> None:
    buffer = HoldBuffer(lambda: NIGHT_NS)
    buffer.add(placed_lines("a", 10, 30), 0)
    buffer.add(placed_lines("b", 20, 40), 50 * MS)
    assert buffer.release(99 * MS) == []
    assert buffer.next_release_ns() == MIN_HOLD_NS
    assert offsets_ms(buffer.release(MIN_HOLD_NS)) == [10, 20, 30]
    assert buffer.next_release_ns() == MIN_HOLD_NS + 50 * MS
    assert offsets_ms(buffer.release(MIN_HOLD_NS + 50 * MS)) == [40]
    assert buffer.next_release_ns() is None
    assert buffer.late_count == 0


def test_a_line_that_comes_too_late_is_released_at_once_and_the_hold_grows(tmp_path: Path) -> None:
    buffer = HoldBuffer(lambda: NIGHT_NS)
    buffer.add(placed_lines("a", 1000), 0)
    assert offsets_ms(buffer.release(MIN_HOLD_NS)) == [1000]
    buffer.add(placed_lines("b", 400), MIN_HOLD_NS)
    assert offsets_ms(buffer.release(MIN_HOLD_NS)) == [400]
    assert buffer.late_count == 1
    assert buffer.hold_ns == 600 * MS
    buffer.add(placed_lines("c", -90_000), MIN_HOLD_NS)
    assert buffer.hold_ns == MAX_HOLD_NS


def test_a_timestamp_of_the_far_future_holds_no_line_up_and_makes_none_late(tmp_path: Path) -> None:
    buffer = HoldBuffer(lambda: NIGHT_NS)
    buffer.add(placed_lines("a", 10, 10**11, 30), 0)
    buffer.add(placed_lines("b", 20), 50 * MS)
    assert offsets_ms(buffer.release(MIN_HOLD_NS)) == [10, 20, 30, 10**11]
    buffer.add(placed_lines("b", 40), MIN_HOLD_NS)
    assert buffer.release(MIN_HOLD_NS) == []
    assert buffer.late_count == 0
    assert buffer.hold_ns == MIN_HOLD_NS
    assert offsets_ms(buffer.release(2 * MIN_HOLD_NS)) == [40]


def test_only_a_line_of_the_far_future_is_released_after_its_hold(tmp_path: Path) -> None:
    buffer = HoldBuffer(lambda: NIGHT_NS)
    buffer.add(placed_lines("a", 10**11), 7)
    assert buffer.next_release_ns() == MIN_HOLD_NS + 7
    assert offsets_ms(buffer.release(MIN_HOLD_NS + 7)) == [10**11]
    assert buffer.next_release_ns() is None
