"""Each example of the table is read to the exact nanosecond."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from threeam.timeline.detect import detect
from threeam.timeline.format_table import FORMATS
from threeam.timeline.instant import Timestamp
from threeam.timeline.timestamp_format import Context, Example, TimestampFormat

BERLIN = ZoneInfo("Europe/Berlin")
SOON_AFTER = 1_795_490_107_000_000_000  # 2026-11-24T03:15:07Z
BOOT = 1_795_477_701_321_099_000
CONTEXT = Context(SOON_AFTER, BERLIN, boot_ns=BOOT)

EXAMPLES = [(row, example) for row in FORMATS for example in row.examples]


@pytest.mark.parametrize(("row", "example"), EXAMPLES, ids=lambda value: getattr(value, "name", None))
def test_an_example_is_read_to_the_nanosecond(row: TimestampFormat, example: Example) -> None:
    detection = detect([*example.lines_before, example.line], CONTEXT)
    assert detection is not None
    assert detection.reader.read(example.line) == Timestamp(example.ns, example.resolution_ns)
    assert detection.format.name == row.name
