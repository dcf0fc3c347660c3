"""The facts about one log, as the legend tells them."""

from __future__ import annotations

from collections.abc import Iterator

from threeam.core.errors import JournalError
from threeam.core.format.times import format_duration, format_exact_duration
from threeam.timeline.instant import ClockCorrection, Timestamp
from threeam.timeline.open_logs import OpenLog
from threeam.timeline.shifts import format_correction
from threeam.timeline.source import FIRST_KEY, LAST_KEY, Source
from threeam.timeline.time_index import TimeIndex
from threeam.tui.widgets.row_time import stated_time

_NO_STAMPS = "no timestamp found: its lines stand before all others, in their own order"


def shift_text(correction: ClockCorrection) -> str:
    """Return what is added to the timestamps of a source, as short as possible: ``-3.2ms±0.4ms``, ``±?``, or ""."""
    if correction == ClockCorrection():
        return ""
    unknown = "±?" if correction.bound_ns is None else ""
    return format_correction(correction).removeprefix("+0s") + unknown


def source_facts(log: OpenLog, index: TimeIndex | None) -> Iterator[tuple[str, str]]:
    """Yield the facts about a log that can be read, each with its label. ``index``: as far as the file was scanned."""
    source = log.source
    if source is None:
        return
    detection = source.detection
    if detection is None:
        yield "format", _NO_STAMPS
        return
    share = f"{detection.share:.0%} of the sampled lines have one"
    if index is not None and index.lines and index.end >= source.end:
        share = f"{index.stamped:,} of {index.lines:,} lines have one"
    yield "format", f"{detection.format.name}: {detection.format.title}; {share}"
    yield "means", _MEANINGS.get(detection.format.meaning.value, detection.format.meaning.value)
    for assumption in detection.assumptions:
        yield "assumed", assumption
    try:
        first, last = _ends(source)
    except (OSError, JournalError):
        first = last = None
    if last is not None:
        yield "digits", f"of {format_exact_duration(last.resolution_ns)}"
    yield "clock", _clock_text(source.correction)
    for label, timestamp in (("first", first), ("last", last)):
        if timestamp is not None:
            yield label, stated_time(timestamp)
    yield "late", _late_text(source, index)
    if index is not None:
        for step in index.steps:
            yield "clock step", f"back by {format_duration(step.back_ns)} at byte {step.offset:,}"


_MEANINGS = {
    "event": "the moment of the line",
    "start": "the start of what the line tells; it was written at the end",
    "end": "the end of what the line tells",
    "receipt": "when the line was received from another program",
}


def _ends(source: Source) -> tuple[Timestamp | None, Timestamp | None]:
    """Return the first and the last timestamp of a file, as far as they are known without reading all of it."""
    first, last = next(source.lines_after(FIRST_KEY), None), next(source.lines_before(LAST_KEY), None)
    return first.timestamp if first is not None else None, last.timestamp if last is not None else None


def _clock_text(correction: ClockCorrection) -> str:
    if correction == ClockCorrection():
        return "taken to agree with the others: --shift or 3am align says by how much it does not"
    added = f"{format_correction(correction)} is added to each stamp" if correction.shift_ns else "nothing is added"
    if correction.bound_ns is None:
        return f"{added}; its error is not known, so no order to other clocks is claimed"
    return f"{added}; wrong by {format_exact_duration(correction.bound_ns)} at most"


def _late_text(source: Source, index: TimeIndex | None) -> str:
    if index is None or index.end < source.end:
        share = 0 if index is None else index.end * 100 // max(1, source.end)
        return f"{share} % of the file is scanned for late lines"
    if not index.late_count:
        return "no line: each was written in the order of the stamps"
    lines = "1 line" if index.late_count == 1 else f"{index.late_count:,} lines"
    return f"{lines}, by {format_duration(index.largest_lateness_ns)} at most"
