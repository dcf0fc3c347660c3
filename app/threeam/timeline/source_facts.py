"""The facts about one log, as `3am sources` and the legend of the screen tell them."""

from __future__ import annotations

from collections.abc import Iterator

from threeam.core.errors import JournalError
from threeam.core.format.clock import Zone
from threeam.core.format.times import format_duration, format_exact_duration
from threeam.timeline.detect import Detection
from threeam.timeline.instant import ClockCorrection, Timestamp, format_instant
from threeam.timeline.shifts import format_correction
from threeam.timeline.source import FIRST_KEY, LAST_KEY, Source
from threeam.timeline.time_index import Gap, TimeIndex
from threeam.timeline.timestamp_format import Meaning

_SHOWN_GAPS = 3
_MEANINGS = {
    Meaning.EVENT: "the time of the event",
    Meaning.START: "the start of what the line is about, which was written at the end",
    Meaning.END: "the end of what the line is about",
    Meaning.RECEIPT: "the time at which the line was received from another program",
}


def source_facts(source: Source, index: TimeIndex | None, zone: Zone) -> Iterator[tuple[str, str]]:
    """Yield the facts about a log, each with its label. Times are those of ``zone``.

    ``index``: as far as the file was scanned. Without all of it, some facts are those of the samples.
    """
    detection = source.detection
    if detection is None:
        yield "format", "no timestamp found: its lines stand before all others, in their own order"
        return
    is_scanned = index is not None and index.end >= source.end
    yield "format", f"{detection.format.name}: {detection.format.title}"
    yield "means", _MEANINGS[detection.format.meaning]
    zone_name = detection.reader.zone_description
    if not any(zone_name in assumption for assumption in detection.assumptions):
        yield "zone", zone_name
    for assumption in detection.assumptions:
        yield "assumed", assumption
    yield "lines", _share_text(detection, index if is_scanned else None)
    yield from _end_facts(source, zone)
    is_measured = source.measured_clock is not None and source.correction.bound_ns is not None
    measured = ", as 3am team measures it; the bound of a line is that of its time" if is_measured else ""
    yield "clock", _clock_text(source.correction) + measured
    yield "late", _late_text(source, index)
    if index is not None:
        for step in index.steps:
            yield "clock step", f"back by {format_duration(step.back_ns)} at byte {step.offset:,}"
        for gap in sorted(index.gaps, key=lambda gap: -gap.length_ns)[:_SHOWN_GAPS]:
            yield "gap", _gap_text(gap, index.resolution_ns, zone)


def _share_text(detection: Detection, index: TimeIndex | None) -> str:
    if index is None or not index.lines:
        return f"{detection.share:.0%} of the sampled lines have a timestamp"
    share = "100 %" if index.stamped == index.lines else f"{100 * index.stamped / index.lines:.1f} %"
    return f"{index.lines:,}, {share} with a timestamp"


def _end_facts(source: Source, zone: Zone) -> Iterator[tuple[str, str]]:
    try:
        first, last = _end_timestamps(source)
    except (OSError, JournalError):  # the file is gone: its other facts are still true
        return
    if last is not None:
        yield "resolution", format_exact_duration(last.resolution_ns)
    for label, timestamp in (("first", first), ("last", last)):
        if timestamp is not None:
            yield label, format_instant(timestamp.ns, timestamp.resolution_ns, zone)


def _end_timestamps(source: Source) -> tuple[Timestamp | None, Timestamp | None]:
    """Return the first and the last timestamp of a file, without reading all of it."""
    first, last = next(source.lines_after(FIRST_KEY), None), next(source.lines_before(LAST_KEY), None)
    return first.timestamp if first is not None else None, last.timestamp if last is not None else None


def _clock_text(correction: ClockCorrection) -> str:
    if correction == ClockCorrection():
        return "assumed to agree with the other logs' clocks: --shift or 3am align corrects it"
    added = f"{format_correction(correction)} is added to each timestamp" if correction.shift_ns else "nothing is added"
    if correction.bound_ns is None:
        return f"{added}; its error is not known, so no order to other clocks is claimed"
    return f"{added}; wrong by {format_exact_duration(correction.bound_ns)} at most"


def _late_text(source: Source, index: TimeIndex | None) -> str:
    if index is None or index.end < source.end:
        share = 0 if index is None else index.end * 100 // max(1, source.end)
        return f"{share} % of the file is scanned for late lines"
    if not index.late_count:
        return "none: each line was written in the order of the timestamps"
    lines = "1 line" if index.late_count == 1 else f"{index.late_count:,} lines"
    return f"{lines}, by {format_duration(index.largest_lateness_ns)} at most"


def _gap_text(gap: Gap, resolution_ns: int, zone: Zone) -> str:
    begin, end = (format_instant(ns, resolution_ns, zone) for ns in gap)
    return f"{format_duration(gap.length_ns)}, from {begin} to {end}"
