"""Two sources aligned: by the keys of their requests, or by two of their lines that are about one event."""

from __future__ import annotations

import re
from collections.abc import Iterator

from threeam.core.errors import BadInput, PreconditionFailed
from threeam.core.format.clock import Zone
from threeam.core.format.entry import NS_PER_S, Stamp
from threeam.core.format.times import parse_time
from threeam.core.store.regex import CapturingRegex
from threeam.timeline.align import Alignment, TimestampedLine, align, collect_sightings
from threeam.timeline.detect import Detection
from threeam.timeline.instant import Timestamp
from threeam.timeline.source import Source

_MAX_KEY_BYTES = 64 * 1024  # of a line in which a key is looked for
_CLOCK_TIME = re.compile(r"(?<!\d)\d\d?:\d\d(?P<second>:\d\d(?:\.(?P<fraction>\d{1,9}))?)?(?!\d)", re.ASCII)


def align_by_key(caller: Source, called: Source, key: CapturingRegex) -> Alignment:
    """Return the shift of the clock of ``called`` against that of ``caller``. Raises `PreconditionFailed`, OSError."""

    def key_of(raw: bytes) -> bytes | None:
        return key.capture(raw[:_MAX_KEY_BYTES])

    at_a = collect_sightings(_timestamped_lines(caller), key_of, meaning=_detection(caller).format.meaning)
    meaning = _detection(called).format.meaning
    at_b = collect_sightings(_timestamped_lines(called), key_of, at_a.sightings, meaning)
    for source, log in ((caller, at_a), (called, at_b)):
        if not log.sightings:
            where = "" if source is caller else f" with a key of {caller.name}"
            raise PreconditionFailed(f"no line of {source.name} matches --key{where}: look at one with 3am merge")
    return align(at_a, at_b)


def find_timestamp(source: Source, text: str, zone: Zone) -> Timestamp:
    """Return the timestamp of the line that ``text`` names by its time, or by the beginning of its time.

    A clock time alone is the last one in the file. Raises `BadInput`, `PreconditionFailed` and OSError.
    """
    clock = _CLOCK_TIME.search(text)
    if clock is None:
        raise BadInput(f"{text!r} is not the time of a line: write 03:14:07.123 or 2026-11-24T03:14:07.123")
    unit_ns = 60 * NS_PER_S if clock["second"] is None else 10 ** (9 - len(clock["fraction"] or ""))
    begin_ns = parse_time(text, Stamp(_latest_ns(source)), zone)
    named: set[Timestamp] = set()
    nearest: Timestamp | None = None
    for _, timestamp in _timestamped_lines(source):
        if begin_ns <= timestamp.ns < begin_ns + unit_ns:
            named.add(timestamp)
        if nearest is None or abs(timestamp.ns - begin_ns) < abs(nearest.ns - begin_ns):
            nearest = timestamp
    if len(named) == 1:
        return named.pop()
    if named:
        times = " and ".join(format_instant(timestamp.ns, zone) for timestamp in sorted(named)[:2])
        raise BadInput(f"{text!r} names {len(named)} times in {source.name}, such as {times}: write more digits")
    where = "" if nearest is None else f"; the nearest is at {format_instant(nearest.ns, zone)}"
    raise PreconditionFailed(f"{source.name} has no line at {text}{where}")


def _latest_ns(source: Source) -> int:
    _detection(source)
    index = source.make_index()
    assert index is not None, "a file with a format has an index"
    return index.latest_ns or 0


def format_instant(ns: int, zone: Zone) -> str:
    """Return the local time of ``ns``, as far as it has digits: ``2026-11-24 03:14:07.1002``."""
    text = str(Stamp(ns, zone(ns)))[:29].replace("T", " ")
    return text.rstrip("0").rstrip(".") if ns % NS_PER_S else text[:19]


def _detection(source: Source) -> Detection:
    if source.detection is None:
        raise PreconditionFailed(
            f"{source.name} has no timestamps that were found: --format or --stamp says where they stand"
        )
    return source.detection


def _timestamped_lines(source: Source) -> Iterator[TimestampedLine]:
    """Yield the lines with the timestamps of their entries, as the file states them: without any shift."""
    source.make_index()  # it knows where the clocks were set back in autumn
    for placed in source.lines_in_file_order():
        if placed.timestamp is not None:
            yield placed.line.raw, placed.timestamp
