"""Finding lines without reading every one: filtered lines a chunk at a time, and times by bisection."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import Entry, Stamp
from threeam.core.store.clock_step_index import clock_step_offsets
from threeam.core.store.filters import LineFilter
from threeam.core.store.journal import Journal, Position, Segment
from threeam.core.store.reader import (
    Chunk,
    Line,
    chunks_backward,
    chunks_forward,
    find_line_begin_between,
    last_entry,
    last_line_end,
    line_containing,
    lines_forward,
    matching_lines_backward,
    read_line_chunk,
)

_LINEAR_SCAN_BYTES = 16 * 1024  # bytes; in a range this small, reading every line is faster than bisecting


class ChunkMatches(NamedTuple):
    """The lines that pass a filter, of the part of a file from ``start`` to ``end``, in their order; maybe none."""

    start: int
    end: int
    lines: list[Line]


def matches_forward(segment: Segment, start: int, end: int | None, line_filter: LineFilter) -> Iterator[ChunkMatches]:
    """Yield the lines that pass, from ``start`` (the beginning of a line) to ``end``, finished or not; by chunks."""
    for chunk in chunks_forward(segment, start, end):
        yield _match_chunk(segment, chunk, line_filter)


def matches_backward(
    segment: Segment, end: int, line_filter: LineFilter, min_offset: int = 0
) -> Iterator[ChunkMatches]:
    """Yield the lines that pass, from ``end`` back to ``min_offset``, finished or not; the last chunk first."""
    finished_end = max(min_offset, last_line_end(segment, end))
    if finished_end < end:
        yield _match_chunk(segment, read_line_chunk(segment, finished_end, end, finished=False), line_filter)
    for chunk in chunks_backward(segment, finished_end, min_offset):
        yield _match_chunk(segment, chunk, line_filter)


def passes_filter(line: Line, line_filter: LineFilter) -> bool:
    """Return whether ``line`` passes ``line_filter``."""
    return line_filter.matches(line.raw) and not (line_filter.skip_repeated and line.is_repeated)


def matching_offsets_in_chunk(segment: Segment, chunk: Chunk, line_filter: LineFilter) -> Iterable[int]:
    """Return the index in ``chunk.data`` of each line that passes, in their order."""
    offsets, head = line_filter.matching_line_offsets(chunk.data), segment.head if line_filter.skip_repeated else None
    if head is None or not head.is_predecessor_readable or chunk.start >= head.end:
        return offsets
    return [index for index in offsets if not head.begin <= chunk.start + index < head.end]


def _match_chunk(segment: Segment, chunk: Chunk, line_filter: LineFilter) -> ChunkMatches:
    start, data, end = chunk
    offsets = matching_offsets_in_chunk(segment, chunk, line_filter)
    if chunk.omitted_bytes or b"\r" in data:
        return ChunkMatches(start, end, [line_containing(segment, chunk, begin) for begin in offsets])
    lines = []
    for begin in offsets:
        stop = data.find(b"\n", begin)
        finished = stop >= 0
        lines.append(Line(segment, start + begin, data[begin : stop if finished else None], finished))
    return ChunkMatches(start, end, lines)


def monotonic_ranges(segment: Segment, end: int) -> list[tuple[int, int]]:
    """Return the ranges of a file, up to ``end``, in which stamps grow: between them the clock was stepped back."""
    begins = [0, *clock_step_offsets(segment, end)]
    return [(begin, stop) for begin, stop in zip(begins, [*begins[1:], end], strict=True) if begin < stop]


def ranges_between_times(
    segment: Segment, end: int, since_ns: int | None, until_ns: int | None
) -> list[tuple[int, int]]:
    """Return the ranges of a file, up to ``end``, with the lines from ``since_ns`` to ``until_ns`` (both included)."""
    if since_ns is None and until_ns is None:
        return [(0, end)]
    ranges = []
    for begin, stop in monotonic_ranges(segment, end):
        first = begin if since_ns is None else bisect_time(segment, begin, stop, since_ns)
        last = stop if until_ns is None else bisect_time(segment, begin, stop, until_ns + 1)
        if first < last:
            ranges.append((first, last))
    return ranges


def bisect_time(segment: Segment, begin: int, end: int, ns: int) -> int:
    """Return the offset of the first line between ``begin`` and ``end`` stamped ``ns`` or later; ``end`` without one.

    This bisects, so stamps must grow in the range. Lines without a stamp are skipped.
    """
    low, high, first_later = begin, end, end
    while high - low > _LINEAR_SCAN_BYTES:
        middle = (low + high) // 2
        probe = first_entry(segment, middle, high)
        if probe is None:
            high = middle
        elif probe[1].stamp.ns < ns:
            low = probe[0].end
        else:
            high, first_later = middle, probe[0].offset
    for line in lines_forward(segment, low):
        if line.offset >= high:
            break
        if (entry := line.entry) is not None and entry.stamp.ns >= ns:
            return line.offset
    return first_later


def find_time(journal: Journal, end: Position, ns: int) -> tuple[Position | None, int]:
    """Return the position of the first line stamped ``ns`` or later, up to ``end``, and how many others there are.

    There are several if the clock was stepped back over ``ns``; the last one is returned. The position is None if every
    line is earlier. Raises OSError.
    """
    inside: list[Position] = []
    after: Position | None = None
    for segment in journal.segments_forward(end.segment):
        for begin, stop in monotonic_ranges(segment, end.offset if segment == end.segment else segment.size()):
            offset = bisect_time(segment, begin, stop, ns)
            if begin < offset < stop:
                inside.append(Position(segment, offset))
            elif offset == begin and after is None:
                after = Position(segment, offset)
    return (inside[-1] if inside else after), max(0, len(inside) - 1)


def find_line(journal: Journal, stamp: Stamp) -> Line:
    """Return the line with this stamp; if there are several, since the clock was stepped back, the last one.

    Raises `PreconditionFailed` if no line has it, and OSError.
    """
    live = journal.open_live()
    for segment in journal.segments_backward(live) if live is not None else ():
        for begin, end in reversed(monotonic_ranges(segment, segment.size())):
            offset = bisect_time(segment, begin, end, stamp.ns)
            line = next(lines_forward(segment, offset), None) if offset < end else None
            if line is not None and line.finished and (entry := line.entry) and entry.stamp.ns == stamp.ns:
                return line
    if live is not None and (line := _find_line_by_scan(journal, live, stamp)) is not None:
        return line
    raise PreconditionFailed(f"there is no entry @{stamp}: {_describe_nearest(journal, live, stamp.ns)}")


def _find_line_by_scan(journal: Journal, live: Segment, stamp: Stamp) -> Line | None:
    """Return the last line with this stamp by a search of every byte, or None.

    Bisection misses a line that was written after an undeclared step of the clock: the Bash script declares none.
    """
    seconds = re.compile(re.escape(str(stamp)[16:29]).encode())  # the same in every zone, unlike the minutes
    for segment in journal.segments_backward(live):
        for line in matching_lines_backward(segment, segment.size(), seconds):
            if (entry := line.entry) is not None and entry.stamp.ns == stamp.ns:
                return line
    return None


def _describe_nearest(journal: Journal, live: Segment | None, ns: int) -> str:
    """Return a sentence that names the entry whose stamp is nearest to ``ns``."""
    if live is None:
        return "the log is empty"
    position = find_time(journal, Position(live, live.size()), ns)[0]
    after = next(lines_forward(*position), None) if position is not None else None
    before = last_entry(*(position if position is not None else (live, live.size())))
    lines = [*([before[0]] if before is not None else []), *([after] if after is not None else [])]
    entries = [line.entry for line in lines if line.entry is not None]
    nearest = min(entries, default=None, key=lambda entry: abs(entry.stamp.ns - ns))
    return f"the nearest one is @{nearest.stamp}" if nearest is not None else "the log is empty"


def journal_begins_after(journal: Journal, position: Position, ns: int) -> bool:
    """Return whether ``position``, the result of `find_time` for ``ns``, is the journal's first line, and later."""
    if position.offset or journal.predecessor(position.segment) is not None:
        return False
    first = first_entry(position.segment, 0, position.segment.size())
    return first is not None and first[1].stamp.ns > ns


def first_entry(segment: Segment, begin: int, end: int) -> tuple[Line, Entry] | None:
    """Return the first finished line from ``begin`` to ``end`` that is an entry, and the entry; None without one."""
    start = find_line_begin_between(segment, begin - 1, end) if begin > 0 else 0
    for line in lines_forward(segment, start) if start is not None else ():
        if line.offset >= end:
            return None
        if line.finished and (entry := line.entry) is not None:
            return line, entry
    return None


def search_forward(
    journal: Journal, position: Position, end: Position, line_filter: LineFilter
) -> Iterator[ChunkMatches]:
    """Yield the lines that pass, from ``position`` (the beginning of a line) to ``end``, through every file."""
    for segment in journal.chain.segments_between(position.segment, end.segment):
        start = position.offset if segment == position.segment else 0
        yield from matches_forward(segment, start, end.offset if segment == end.segment else None, line_filter)


def search_backward(journal: Journal, position: Position, line_filter: LineFilter) -> Iterator[ChunkMatches]:
    """Yield the lines that pass, from ``position`` back through every file, the last chunk first."""
    for segment in journal.segments_backward(position.segment):
        yield from matches_backward(
            segment, position.offset if segment == position.segment else segment.size(), line_filter
        )
