"""The rows of a log of another program: by their timestamps, or in the order of the file."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from itertools import chain

from threeam.core.store.filters import LineFilter
from threeam.core.store.reader import Line, last_line_end, lines_backward, lines_forward
from threeam.core.store.seek import matches_backward, matches_forward
from threeam.core.store.segment import Segment
from threeam.timeline.instant import ClockCorrection
from threeam.timeline.source import FIRST_KEY, FIRST_NS, LAST_NS, Key, PlacedLine, Source
from threeam.timeline.timestamp_format import Meaning
from threeam.timeline.timestamp_reader import TimestampReader
from threeam.tui.log_rows import Row, without_hidden
from threeam.tui.placement import Placement, RowSource
from threeam.tui.row_streams import Place, Step, descending, merged

_LATE_NS = 2 * 10**9  # how late a matching line may be to get its place; more if the file is known to have such lines
_PROBE_BYTES = 32 * 1024
_MAX_UNFINISHED_BYTES = 64 * 1024  # of a last line without a newline that is shown

_BRACKETS = (b"[]", b"()", b"<>", b'""')
_Heap = list[tuple[tuple[int, ...], Row]]


class SourceRows:
    """The rows of a source by their corrected timestamps.

    ``files``: the file that was opened, and those that the program has written after it, the oldest first. ``raw``: the
    hidden lines of a journal are rows too.
    """

    def __init__(self, source: Source) -> None:
        self.files = [source]
        self.number = source.number + 1  # 0 is the journal
        self.name = source.name
        self.line_filter = LineFilter()
        self.raw = False

    @property
    def effective_filter(self) -> LineFilter:
        """The filter that selects the lines that are rows."""
        is_journal = self.source.file.followed_journal is not None
        return without_hidden(self.line_filter) if is_journal and not self.raw else self.line_filter

    @property
    def source(self) -> Source:
        """The file that the program writes now."""
        return self.files[-1]

    def file_of(self, segment: Segment) -> Source | None:
        """Return the file with the bytes of ``segment``, or None."""
        return next((source for source in self.files if source.segment == segment), None)

    def key_of(self, row: Row) -> Key:
        ns = row.placement.ns if row.placement is not None else None
        source = self.file_of(row.line.segment) or self.source
        return Key(FIRST_NS if ns is None else ns, source.number, source.generation, row.line.offset)

    def place_of(self, row: Row) -> Place:
        return Place(self.key_of(row))

    def place_after(self, row: Row) -> Place:
        key = self.key_of(row)
        return Place(key._replace(offset=key.offset + 1))

    def forward(self, place: Place) -> Iterator[Step]:
        key = place.key
        if self.effective_filter:
            return self._filtered(key, 1)
        before = key._replace(offset=key.offset - 1)  # a place is before the row of its key
        return self._merged([self._rows_after(source, before) for source in self.files], 1)

    def backward(self, place: Place) -> Iterator[Step]:
        if self.effective_filter:
            return self._filtered(place.key, -1)
        return self._merged([self._rows_before(source, place.key) for source in self.files], -1)

    def row_at(self, line: Line) -> Row:
        """Return the row of ``line``, wherever its entry is. Raises OSError."""
        source = self.file_of(line.segment) or self.source
        if source.detection is None:
            return self.row_of(PlacedLine(line, source, None, FIRST_NS))
        return self.row_of(source.place(line))

    def row_of(self, placed: PlacedLine) -> Row:
        """Return the row of a line that has its place."""
        detection = placed.source.detection
        placement = Placement(
            RowSource(self.number, self.name),
            placed.timestamp,
            placed.correction,
            placed.lateness_ns,
            (0, 0) if placed.is_continuation or detection is None else stamp_span(detection.reader, placed.line.raw),
            ended_then=detection is not None and detection.format.meaning is Meaning.END,
            continues=placed.is_continuation,
            clock_range=placed.source.clock_range_of(placed.line),
        )
        return Row(placed.line, None, read_from=placed.line.offset, placement=placement)

    def _rows_after(self, source: Source, key: Key) -> Iterator[Step]:
        last = self._unfinished_row(source)
        rows: Iterator[Step] = map(self.row_of, source.lines_after(key))
        return rows if last is None or self.key_of(last) <= key else chain(rows, [last])

    def _rows_before(self, source: Source, key: Key) -> Iterator[Step]:
        last = self._unfinished_row(source)
        rows: Iterator[Step] = map(self.row_of, source.lines_before(key))
        return rows if last is None or self.key_of(last) >= key else chain([last], rows)

    def _unfinished_row(self, source: Source) -> Row | None:
        """Return the row of the last line of a file that has no newline, if that is not one of its lines yet."""
        size = source.segment.size()
        if source.end >= size or size - source.end > _MAX_UNFINISHED_BYTES:
            return None
        line = next(lines_forward(source.segment, source.end, size), None)
        if line is None or line.finished or not self.effective_filter.matches(line.raw):
            return None
        return self.row_at(line)

    def _merged(self, streams: Sequence[Iterator[Step]], direction: int) -> Iterator[Step]:
        return streams[0] if len(streams) == 1 else merged([(self, steps) for steps in streams], direction)

    # With a filter the lines are found by a search in the bytes, and placed one by one.

    def _filtered(self, key: Key, direction: int) -> Iterator[Step]:
        search = self._matches_forward if direction > 0 else self._matches_backward
        streams = [search(source, key, begin, end) for source in self.files for begin, end in source.ranges()]
        for step in self._merged(streams, direction):
            if isinstance(step, Key) or (self.key_of(step) >= key if direction > 0 else self.key_of(step) < key):
                yield step

    def _matches_forward(self, source: Source, key: Key, begin: int, end: int) -> Iterator[Step]:
        first, hold_ns, heap = begin, _hold_ns(source), _Heap()
        if source.detection is not None and key.ns > FIRST_NS:
            first = source.offset_before(begin, end, key.ns - source.correction.shift_ns - hold_ns)
        for chunk in matches_forward(source.segment, first, end, self.effective_filter):
            for line in chunk.lines:
                row = self.row_at(line)
                heapq.heappush(heap, (self.key_of(row), row))
            last = next(lines_backward(source.segment, chunk.end), None)
            bound = self._bound(source, last, chunk.end, -hold_ns)
            while heap and heap[0][0] < bound:
                yield heapq.heappop(heap)[1]
            yield bound
        while heap:
            yield heapq.heappop(heap)[1]

    def _matches_backward(self, source: Source, key: Key, begin: int, end: int) -> Iterator[Step]:
        stop, hold_ns, heap = end, _hold_ns(source), _Heap()
        if source.detection is not None and FIRST_NS < key.ns < LAST_NS:
            low = source.offset_before(begin, end, key.ns - source.correction.shift_ns + hold_ns + 1)
            stop = last_line_end(source.segment, min(end, low + _PROBE_BYTES))
            stop = stop if stop > low else end  # a long line
        for chunk in matches_backward(source.segment, stop, self.effective_filter, begin):
            for line in chunk.lines:
                row = self.row_at(line)
                heapq.heappush(heap, (descending(self.key_of(row)), row))
            first = next(lines_forward(source.segment, chunk.start, chunk.end), None)
            bound = self._bound(source, first, chunk.start, hold_ns)
            while heap and heap[0][0] < descending(bound):
                yield heapq.heappop(heap)[1]
            yield bound
        while heap:
            yield heapq.heappop(heap)[1]

    def _bound(self, source: Source, line: Line | None, offset: int, hold_ns: int) -> Key:
        """Return the key from which on no line is found that belongs beyond ``line``, at the edge of a chunk."""
        key = self.key_of(self.row_at(line)) if line is not None else FIRST_KEY
        if key.ns == FIRST_NS:
            return Key(FIRST_NS, source.number, source.generation, offset)
        return Key(key.ns + hold_ns, source.number, source.generation)


def _hold_ns(source: Source) -> int:
    return max(_LATE_NS, 0 if source.index is None else source.index.largest_lateness_ns)


def stamp_span(reader: TimestampReader, raw: bytes) -> tuple[int, int]:
    """Return where in a line its stamp stands, with the brackets around it; (0, 0) if it has none."""
    begin, end = reader.span(raw)
    if begin and raw[begin - 1 : begin] + raw[end : end + 1] in _BRACKETS:
        return begin - 1, end + 1
    return begin, end


class FileOrderRows:
    """The rows of one file in its order, with their timestamps as they are: nothing is shifted."""

    def __init__(self, rows: SourceRows, segment: Segment) -> None:
        self._rows = rows
        self.source = rows.file_of(segment) or rows.source
        self.number, self.name = rows.number, rows.name
        self.line_filter = rows.line_filter

    @property
    def effective_filter(self) -> LineFilter:
        """The filter that selects the lines that are rows."""
        return self.line_filter

    def key_of(self, row: Row) -> Key:
        return Key(0, self.number, offset=row.line.offset)

    def place_of(self, row: Row) -> Place:
        return Place(self.key_of(row))

    def place_after(self, row: Row) -> Place:
        return Place(Key(0, self.number, offset=row.line.end))

    def forward(self, place: Place) -> Iterator[Step]:
        source = self.source
        begin = 0 if place.key.ns < 0 else min(place.key.offset, source.end) if place.key.ns == 0 else source.end
        if not self.line_filter:
            yield from map(self.row_of, source.lines_in_file_order(begin))
            return
        for matches in matches_forward(source.segment, begin, source.end, self.line_filter):
            yield from (self._uncorrected(self._rows.row_at(line)) for line in matches.lines)
            yield Key(0, self.number, offset=matches.end)

    def backward(self, place: Place) -> Iterator[Step]:
        source = self.source
        end = 0 if place.key.ns < 0 else min(place.key.offset, source.end) if place.key.ns == 0 else source.end
        if not self.line_filter:
            yield from map(self.row_of, source.lines_in_file_order_backward(end))
            return
        for matches in matches_backward(source.segment, end, self.line_filter):
            yield from (self._uncorrected(self._rows.row_at(line)) for line in reversed(matches.lines))
            yield Key(0, self.number, offset=matches.start)

    def row_of(self, placed: PlacedLine) -> Row:
        return self._uncorrected(self._rows.row_of(placed))

    def _uncorrected(self, row: Row) -> Row:
        assert row.placement is not None
        return row._replace(placement=row.placement._replace(correction=ClockCorrection()))
