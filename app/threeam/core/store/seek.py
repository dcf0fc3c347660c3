"""Finding lines without reading every one: the wanted ones a block at a time, and those of a time by bisection."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from threeam.core.errors import BadStamp, PreconditionFailed
from threeam.core.format.entry import Entry, Stamp
from threeam.core.store.filters import IsClockStep, LineFilter
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

_LINEAR_SCAN_BYTES = 16 * 1024  # bytes: so close to the place, reading on is cheaper than bisecting


class ChunkMatches(NamedTuple):
    """The wanted lines of a part of a file, from ``start`` to ``end``, in their order; maybe none."""

    start: int
    end: int
    lines: list[Line]


def matches_forward(segment: Segment, start: int, end: int | None, line_filter: LineFilter) -> Iterator[ChunkMatches]:
    """The wanted lines from ``start`` (the beginning of a line) to ``end``, a block at a time, finished or not."""
    for block in chunks_forward(segment, start, end):
        yield _match_chunk(segment, block, line_filter)


def matches_backward(
    segment: Segment, end: int, line_filter: LineFilter, min_offset: int = 0
) -> Iterator[ChunkMatches]:
    """The wanted lines before ``end``, finished or not, back to ``min_offset``, a block at a time, the last block first."""
    whole = max(min_offset, last_line_end(segment, end))
    if whole < end:
        yield _match_chunk(segment, read_line_chunk(segment, whole, end, finished=False), line_filter)
    for block in chunks_backward(segment, whole, min_offset):
        yield _match_chunk(segment, block, line_filter)


def passes_filter(line: Line, line_filter: LineFilter) -> bool:
    """Whether ``line`` is one of the ``line_filter``."""
    return line_filter.matches(line.raw) and not (line_filter.skip_repeated and line.is_repeated)


def matching_offsets_in_chunk(segment: Segment, chunk: Chunk, line_filter: LineFilter) -> Iterable[int]:
    """Where the wanted lines of ``chunk`` begin in its data, in their order."""
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


_CLOCK_STEP_FILTER = LineFilter((IsClockStep(),))


def monotonic_ranges(segment: Segment, end: int) -> list[tuple[int, int]]:
    """The parts of a file, up to ``end``, in which stamps grow: the clock was stepped back between."""
    begins = [0]
    for found in matches_forward(segment, 0, end, _CLOCK_STEP_FILTER):
        begins += [line.offset for line in found.lines]
    return [(begin, until) for begin, until in zip(begins, [*begins[1:], end], strict=True) if begin < until]


def ranges_between_times(
    segment: Segment, end: int, since_ns: int | None, until_ns: int | None
) -> list[tuple[int, int]]:
    """The parts of a file, up to ``end``, with the lines from ``since_ns`` to ``until_ns`` (ns, both included)."""
    if since_ns is None and until_ns is None:
        return [(0, end)]
    parts = []
    for begin, stop in monotonic_ranges(segment, end):
        first = begin if since_ns is None else bisect_time(segment, begin, stop, since_ns)
        last = stop if until_ns is None else bisect_time(segment, begin, stop, until_ns + 1)
        if first < last:
            parts.append((first, last))
    return parts


def bisect_time(segment: Segment, begin: int, end: int, ns: int) -> int:
    """Where the first line between ``begin`` and ``end`` begins that is of ``ns`` or later; ``end`` if there is none.

    By bisection, so it is true where stamps grow. Lines without a stamp are passed over.
    """
    low, high, found = begin, end, end
    while high - low > _LINEAR_SCAN_BYTES:
        middle = (low + high) // 2
        after = first_entry(segment, middle, high)
        if after is None:
            high = middle
        elif after[1].stamp.ns < ns:
            low = after[0].end
        else:
            high, found = middle, after[0].offset
    for line in lines_forward(segment, low):
        if line.offset >= high:
            break
        if (entry := line.entry) is not None and entry.stamp.ns >= ns:
            return line.offset
    return found


def find_time(journal: Journal, end: Position, ns: int) -> tuple[Position | None, int]:
    """The first line of ``ns`` or later in the journal up to ``end``, and how many other places have that time.

    Those are there where the clock was stepped back; then it is the last of them. None where every line is earlier.
    Raises OSError.
    """
    inside: list[Position] = []
    after: Position | None = None
    for segment in journal.segments_forward(end.segment):
        for begin, stop in monotonic_ranges(segment, end.offset if segment == end.segment else segment.size()):
            at = bisect_time(segment, begin, stop, ns)
            if begin < at < stop:
                inside.append(Position(segment, at))
            elif at == begin and after is None:
                after = Position(segment, at)
    return (inside[-1] if inside else after), max(0, len(inside) - 1)


def parse_stamp_ref(text: str) -> tuple[Stamp | None, str]:
    """The ``@stamp`` that ``text`` begin with, and the others; None where they do not begin with ``@``.

    Raises `BadStamp`.
    """
    first, _, rest = text.strip().partition(" ")
    if not first.startswith("@"):
        return None, text.strip()
    stamp = Stamp.parse(first[1:])
    if stamp is None:
        raise BadStamp(f"{first!r} is no stamp: write it as the log has it, @2026-11-24T03:14:07.123456789+0000")
    return stamp, rest.strip()


def find_line(journal: Journal, stamp: Stamp) -> Line:
    """The line that has this stamp; the last of them where the clock was stepped back.

    Raises `Declined` where no line has it, and OSError.
    """
    live = journal.open_live()
    for segment in journal.segments_backward(live) if live is not None else ():
        for begin, end in reversed(monotonic_ranges(segment, segment.size())):
            at = bisect_time(segment, begin, end, stamp.ns)
            line = next(lines_forward(segment, at), None) if at < end else None
            if line is not None and line.finished and (entry := line.entry) and entry.stamp.ns == stamp.ns:
                return line
    if live is not None and (line := _find_line_by_scan(journal, live, stamp)) is not None:
        return line
    raise PreconditionFailed(f"there is no entry @{stamp}: {_describe_nearest(journal, live, stamp.ns)}")


def _find_line_by_scan(journal: Journal, live: Segment, stamp: Stamp) -> Line | None:
    """The last line that has this stamp, by a search of every byte.

    Bisection misses it if it was written after the clock had been stepped back, and no line says so: the Bash script
    writes none.
    """
    seconds = re.compile(re.escape(str(stamp)[16:29]).encode())  # the same in every zone, unlike the minutes
    for segment in journal.segments_backward(live):
        for line in matching_lines_backward(segment, segment.size(), seconds):
            if (entry := line.entry) is not None and entry.stamp.ns == stamp.ns:
                return line
    return None


def _describe_nearest(journal: Journal, live: Segment | None, ns: int) -> str:
    """What has a stamp near ``ns``, in words."""
    if live is None:
        return "the log is empty"
    place = find_time(journal, Position(live, live.size()), ns)[0]
    after = next(lines_forward(*place), None) if place is not None else None
    before = last_entry(*place) if place is not None else last_entry(live, live.size())
    entries = [entry for line in (before[0] if before is not None else None, after) if line and (entry := line.entry)]
    near = min(entries, default=None, key=lambda entry: abs(entry.stamp.ns - ns))
    return f"the nearest one is @{near.stamp}" if near is not None else "the log is empty"


def journal_begins_after(journal: Journal, position: Position, ns: int) -> bool:
    """Whether ``position``, where ``ns`` was looked for, is the first line of the journal and later than that."""
    if position.offset or journal.predecessor(position.segment) is not None:
        return False
    first = first_entry(position.segment, 0, position.segment.size())
    return first is not None and first[1].stamp.ns > ns


def first_entry(segment: Segment, begin: int, end: int) -> tuple[Line, Entry] | None:
    """The first whole line that begins at ``begin`` or later, and before ``end``, and is an entry."""
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
    """The wanted lines from ``position`` (the beginning of a line) to ``end``, through every file, a block at a time."""
    for segment in journal.chain.segments_between(position.segment, end.segment):
        start = position.offset if segment == position.segment else 0
        yield from matches_forward(segment, start, end.offset if segment == end.segment else None, line_filter)


def search_backward(journal: Journal, position: Position, line_filter: LineFilter) -> Iterator[ChunkMatches]:
    """The wanted lines before ``position``, back through every file, a block at a time, the last block first."""
    for segment in journal.segments_backward(position.segment):
        yield from matches_backward(
            segment, position.offset if segment == position.segment else segment.size(), line_filter
        )
