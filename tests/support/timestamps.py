"""What tests of timestamps share: a context, and a file of a few lines that is detected and read."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from threeam.timeline.detect import Detection, detect
from threeam.timeline.timestamp_format import Context

S = 1_000_000_000
BERLIN = ZoneInfo("Europe/Berlin")
NOON = 1_795_518_000 * S  # 2026-11-24T11:00:00Z
CONTEXT = Context(NOON, BERLIN)
DAY = 86_400 * S


def found(lines: list[bytes], context: Context = CONTEXT) -> Detection:
    detection = detect(lines, context)
    assert detection is not None
    return detection


def seconds(detection: Detection, lines: list[bytes]) -> list[int | None]:
    """Return the seconds since 2026-11-24T00:00:00Z of each line, or None."""
    stamps = [detection.reader.read(line) for line in lines]
    return [None if stamp is None else stamp.ns // S - 1_795_478_400 for stamp in stamps]
