"""A chunk is taken as sorted only if reading each of its lines would say so too."""

from __future__ import annotations

import random
from datetime import UTC
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from support.commands import Run
from support.timeline_truth import NIGHT_NS, civil, merged_rows, table_writers
from threeam.core.format.entry import NS_PER_S
from threeam.core.store.reader import Chunk
from threeam.timeline.detect import detect
from threeam.timeline.sorted_chunks import sorted_lines, timestamps_of
from threeam.timeline.timestamp_format import Context
from threeam.timeline.timestamp_reader import TimestampReader

CONTEXT = Context(NIGHT_NS + 3600 * NS_PER_S, ZoneInfo("Europe/Berlin"))


def reader_for(lines: list[bytes]) -> TimestampReader:
    """Return the reader of a file with these lines."""
    detection = detect(lines, CONTEXT)
    assert detection is not None
    return detection.reader


def chunk_of(lines: list[bytes]) -> Chunk:
    """Return a chunk of lines."""
    data = b"".join(line + b"\n" for line in lines)
    return Chunk(0, data, len(data))


@pytest.mark.parametrize("writer", table_writers(), ids=lambda writer: f"{writer.name}-{writer.resolution_ns}")
def test_the_instants_of_a_sorted_chunk_are_those_that_are_read(writer) -> None:  # type: ignore[no-untyped-def]
    rng = random.Random(1)
    ns = NIGHT_NS
    lines: list[bytes] = []
    for number in range(300):
        ns += rng.choice((0, writer.resolution_ns, 333_333_333))
        lines.append(writer.line(ns, f"event {number}"))
    reader = reader_for(lines)
    found = sorted_lines(reader, chunk_of(lines))
    if found is None:
        assert reader.fixed_column_prefix is None or reader.place.columns is None or writer.stamps.zone_style == " %Z"
        return
    assert found == lines
    stamps = [reader.read(line) for line in lines]
    assert timestamps_of(reader, lines) == [stamp.ns for stamp in stamps if stamp is not None]


NIGHT = b"2026-11-24 03:14:"
LINES = [NIGHT + b"%02d,123 INFO x" % second for second in range(50)]
ZONED = [NIGHT + b"%02d,123+01:00 INFO x" % second for second in range(50)]
BRACKETS = [b"[" + line.replace(b",123", b",123]") for line in LINES]


@pytest.mark.parametrize("lines", [LINES, ZONED, BRACKETS], ids=["no zone", "a zone", "brackets"])
def test_lines_of_one_layout_are_sorted(lines: list[bytes]) -> None:
    assert sorted_lines(reader_for(lines), chunk_of(lines)) == lines


ODD = {
    "a zone that the others have not": (LINES, NIGHT + b"20,500 CET INFO x"),
    "an offset that the others have not": (LINES, NIGHT + b"20,500+02:00 INFO x"),
    "an offset after a blank": (LINES, NIGHT + b"20,500 +0200 INFO x"),
    "a longer fraction": (LINES, NIGHT + b"20,5001 INFO x"),
    "a shorter fraction": (LINES, NIGHT + b"20,50 INFO x"),
    "another offset": (ZONED, NIGHT + b"20,500+02:00 INFO x"),
    "an offset with other minutes": (ZONED, NIGHT + b"20,500+01:30 INFO x"),
    "no offset": (ZONED, NIGHT + b"20,500 INFO x and more"),
    "a letter in the fraction": (ZONED, NIGHT + b"20,5x0+01:00 INFO x"),
    "another offset before it": (ZONED, NIGHT + b"20,500-01:00 INFO x"),
    "another begin of the line": (BRACKETS, b"x" + NIGHT + b"20,500] INFO x"),
    "no stamp": (LINES, b"   at frame 7 of the trace, where it was thrown"),
    "a short line": (LINES, b""),
    "an earlier stamp": (LINES, NIGHT + b"19,000 INFO x"),
}


@pytest.mark.parametrize(("lines", "odd"), ODD.values(), ids=ODD)
def test_a_line_that_is_read_in_another_way_is_not_overlooked(lines: list[bytes], odd: bytes) -> None:
    mixed = [*lines[:21], odd, *lines[21:]]
    assert sorted_lines(reader_for(lines), chunk_of(mixed)) is None


def test_lines_of_two_zones_whose_bytes_are_sorted_are_placed_by_their_times(run_here: Run) -> None:
    """The bytes never decrease over hours, and the second zone is in no sample."""
    lines: list[str] = []
    for second in range(4 * 3600):
        day = civil(NIGHT_NS + second * NS_PER_S, UTC)
        zone = "+00:00" if second in (3000, 3001) else "+01:00"
        lines.append(f"{day:%Y-%m-%dT%H:%M:%S}{zone} line {second}")
    Path("a.log").write_text("".join(f"{line}\n" for line in lines))
    rows = merged_rows(run_here, "a.log")
    assert all(above["ns"] <= row["ns"] for above, row in pairwise(rows))
    numbers = [int(row["text"].rpartition(" ")[2]) for row in rows]
    assert numbers.index(3000) == numbers.index(3000 + 3600) - 1 or numbers.index(3000) == numbers.index(6600) + 1
