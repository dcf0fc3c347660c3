"""Two sources aligned: by the keys of their requests, or by two of their lines that are about one event."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from threeam.core.errors import BadInput, PreconditionFailed
from threeam.core.format.clock import Zone
from threeam.core.format.entry import NS_PER_S, Stamp
from threeam.core.format.times import parse_time
from threeam.core.store.reader import chunks_forward
from threeam.core.store.regex import CapturingRegex, escape_invalid_utf8
from threeam.timeline.align import Alignment, KeyedLog, Sightings, align, collect_sightings
from threeam.timeline.detect import Detection
from threeam.timeline.entry_stamps import EntryStamps
from threeam.timeline.instant import Timestamp
from threeam.timeline.source import Source
from threeam.timeline.time_index import TimeIndex

_CLOCK_TIME = re.compile(r"(?<!\d)\d\d?:\d\d(?P<second>:\d\d(?:\.(?P<fraction>\d{1,9}))?)?(?!\d)", re.ASCII)


def align_by_key(caller: Source, called: Source, key: CapturingRegex) -> Alignment:
    """Return the shift of the clock of ``called`` against that of ``caller``. Raises `PreconditionFailed`, OSError."""
    at_a = collect_sightings(_keyed_lines(caller, key))
    if not at_a:
        raise PreconditionFailed(f"no line of {caller.name} matches --key: look at one with 3am merge")
    at_b = collect_sightings(_keyed_lines(called, key), at_a)
    if not at_b:
        raise PreconditionFailed(
            f"no line of {called.name} matches --key with a key of {caller.name}: look at both with 3am merge"
        )
    return align(_keyed_log(caller, at_a), _keyed_log(called, at_b))


def _keyed_log(source: Source, sightings: Mapping[bytes, Sightings]) -> KeyedLog:
    """Return the sightings of ``source`` with the time in which all of its lines are."""
    index = _index(source)
    begin_ns = min(seen.begin_ns for seen in sightings.values())
    if index.first_ns is not None:
        begin_ns = min(begin_ns, index.first_ns - index.largest_lateness_ns)
    end_ns = max(seen.end_ns for seen in sightings.values())
    if index.latest_ns is not None:
        end_ns = max(end_ns, index.latest_ns)
    return KeyedLog(sightings, begin_ns, end_ns, _detection(source).format.meaning)


def _keyed_lines(source: Source, key: CapturingRegex) -> Iterator[tuple[bytes, Timestamp]]:
    """Yield the key of each line that has one, and the timestamp of its entry, as the file states it.

    A line before the first timestamp of the file has none.
    """
    _index(source)  # it knows where the clocks were set back in autumn
    stamps = EntryStamps(source)
    for chunk in chunks_forward(source.segment, 0, source.end):
        data = chunk.data
        for offset, text in _captures(data, key):
            timestamp = stamps.of_line(chunk, data.rfind(b"\n", 0, offset) + 1)
            if timestamp is not None:
                yield text, timestamp
        stamps.end_chunk(chunk)


def _captures(data: bytes, key: CapturingRegex) -> Iterator[tuple[int, bytes]]:
    """Yield an offset in each line that has a key, and the key."""
    if escape_invalid_utf8(data) is data:
        yield from key.captures_by_line(data)
        return
    offset = 0
    for raw in data.split(b"\n"):
        if text := key.capture(raw):
            yield offset, text
        offset += len(raw) + 1


def find_timestamp(source: Source, text: str, zone: Zone) -> Timestamp:
    """Return the timestamp of the line that ``text`` names by its time, or by the beginning of its time.

    A time of day without a date is the last such time in the file. Raises `BadInput`, `PreconditionFailed` and OSError.
    """
    clock = _CLOCK_TIME.search(text)
    if clock is None:
        raise BadInput(f"{text!r} is not the time of a line: write 03:14:07.123 or 2026-11-24T03:14:07.123")
    unit_ns = 60 * NS_PER_S if clock["second"] is None else 10 ** (9 - len(clock["fraction"] or ""))
    begin_ns = parse_time(text, Stamp(_index(source).latest_ns or 0), zone)
    named: set[Timestamp] = set()
    nearest: Timestamp | None = None
    for placed in source.lines_in_file_order():
        if (timestamp := placed.timestamp) is None:
            continue
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


def _index(source: Source) -> TimeIndex:
    _detection(source)
    index = source.make_index()
    assert index is not None, "a file with a format has an index"
    return index
