"""The bytes of several files merged by their timestamps, many lines at a time.

It gives the same order as `merge.merged_after`, and makes no object for a line: about four times as fast.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import chain

from threeam.core.store.reader import Chunk, Line, chunks_forward, read_chunks
from threeam.timeline.late_entries import LateEntry
from threeam.timeline.sorted_chunks import timestamps_of
from threeam.timeline.source import FIRST_NS, LAST_NS, Source
from threeam.timeline.time_index import TimeIndex

_LATE_ENTRIES_PER_COLUMN = 1000


class Column:
    """Entries of one stream: the instant of each, in order, and its bytes without the last newline."""

    def __init__(self) -> None:
        self.ns: list[int] = []
        self.entries: list[bytes] = []

    def add(self, other: Column) -> None:
        """Add the entries of ``other``, which are later."""
        self.ns += other.ns
        self.entries += other.entries

    def cut(self, count: int) -> tuple[list[int], list[bytes]]:
        """Remove the first ``count`` entries and return them."""
        taken = self.ns[:count], self.entries[:count]
        del self.ns[:count], self.entries[:count]
        return taken


class _Stream:
    """The columns of one stream, and the one that is being merged."""

    def __init__(self, columns: Iterator[Column]) -> None:
        self._columns = columns
        self.column = Column()
        self.is_finished = False
        self.load()

    def load(self) -> None:
        """Add the next column."""
        column = next(self._columns, None)
        self.is_finished = column is None
        if column is not None:
            self.column.add(column)


def merged_bytes(sources: Sequence[Source], since_ns: int = FIRST_NS, until_ns: int = LAST_NS) -> Iterator[bytes]:
    """Yield the bytes of all entries from ``since_ns`` to ``until_ns``, both included. The sources have their indexes.

    Raises OSError.
    """
    if since_ns == FIRST_NS:
        yield from chain.from_iterable(_unplaced_bytes(source) for source in sources if source.detection is None)
    columns = chain.from_iterable(_columns_of(source, since_ns, until_ns) for source in sources)
    streams = [_Stream(column) for column in columns]
    while streams:
        # All that is earlier than the last loaded entry of each stream can be merged: nothing before it can follow. Of
        # that very instant, the entries of the first such stream can, and of those before it.
        loaded = [(each.column.ns[-1], number) for number, each in enumerate(streams) if not each.is_finished]
        bound, last_number = min(loaded, default=(None, 0))
        taken = [each.column.cut(_count(each, bound, number <= last_number)) for number, each in enumerate(streams)]
        ns = list(chain.from_iterable(part for part, _ in taken))
        entries = list(chain.from_iterable(part for _, part in taken))
        if ns:
            if sum(1 for part, _ in taken if part) > 1:  # else they are in order
                entries = list(map(entries.__getitem__, sorted(range(len(ns)), key=ns.__getitem__)))
            yield b"\n".join(entries)
            yield b"\n"
        for stream in streams:
            if not stream.is_finished and not stream.column.ns:
                stream.load()
        streams = [stream for stream in streams if stream.column.ns or not stream.is_finished]


def _count(stream: _Stream, bound: int | None, is_included: bool) -> int:
    """Return the number of loaded entries up to the instant ``bound``; of all if it is None."""
    if bound is None:
        return len(stream.column.ns)
    return (bisect_right if is_included else bisect_left)(stream.column.ns, bound)


def _columns_of(source: Source, since_ns: int, until_ns: int) -> Iterator[Iterator[Column]]:
    """Yield the streams of ``source``: of each range the entries that are not late, and those that are."""
    shift_ns, index = source.correction.shift_ns, source.index
    if index is None:
        return
    first_ns, last_ns = since_ns - shift_ns, until_ns - shift_ns
    for begin, end in source.ranges():
        in_order = _ordered_columns(source, index, source.offset_before(begin, end, first_ns), end)
        yield _between(in_order, first_ns, last_ns, shift_ns)
        late = index.late.since(first_ns, begin, end)
        yield _between(_late_columns(source, late), first_ns, last_ns, shift_ns)


def _between(columns: Iterator[Column], first_ns: int, last_ns: int, shift_ns: int) -> Iterator[Column]:
    """Yield what is left of ``columns`` from ``first_ns`` to ``last_ns``, with the instants shifted."""
    for column in columns:
        if column.ns and column.ns[0] < first_ns:
            column.cut(bisect_left(column.ns, first_ns))
        is_last = bool(column.ns) and column.ns[-1] > last_ns
        if is_last:
            end = bisect_left(column.ns, last_ns + 1)
            del column.ns[end:], column.entries[end:]
        if column.ns:
            if shift_ns:
                column.ns = [ns + shift_ns for ns in column.ns]
            yield column
        if is_last:
            return


def _ordered_columns(source: Source, index: TimeIndex, begin: int, end: int) -> Iterator[Column]:
    """Yield the entries between two offsets that are not late, a column for each chunk.

    The first lines of the file that have no timestamp belong to the first entry.
    """
    is_late = False  # whether the entry is that the lines without a timestamp continue
    last_ns = FIRST_NS if index.first_ns is None else index.first_ns
    for chunk in chunks_forward(source.segment, begin, end):
        column = _sorted_column(index, chunk)
        if column is not None:
            last_ns, is_late = column.ns[-1], False
            yield column
            continue
        column, offset = Column(), chunk.start
        for raw, ns in _stamped_lines(source, index, chunk):
            if ns is not None:
                is_late = bool(index.late_count) and index.late.lateness_at(offset) > 0
                last_ns = last_ns if is_late else ns
            if not is_late:  # a line that continues its entry has the same instant, and stays behind it
                column.ns.append(last_ns)
                column.entries.append(raw)
            offset += len(raw) + 1
        if column.ns:
            yield column


def _sorted_column(index: TimeIndex, chunk: Chunk) -> Column | None:
    """Return the lines of a chunk in which, by the index, all have timestamps that never decrease; None for others."""
    if not index.is_sorted(chunk.start, chunk.end) or chunk.omitted_bytes:
        return None
    column = Column()
    column.entries = chunk.data.removesuffix(b"\n").split(b"\n")
    ns = timestamps_of(index.reader_at(chunk.start), column.entries)
    if ns is None:  # the file was changed since it was scanned
        return None
    column.ns = ns
    return column


def _stamped_lines(source: Source, index: TimeIndex, chunk: Chunk) -> Iterator[tuple[bytes, int | None]]:
    """Yield each line of ``chunk`` with its instant (ns), or None if it has no timestamp."""
    data = b"".join(read_chunks(source.segment, chunk.start, chunk.end)) if chunk.omitted_bytes else chunk.data
    lines = data.removesuffix(b"\n").split(b"\n")
    if b"\r" in data or index.repeated_hours or not chunk.start:
        offset = chunk.start
        for raw in lines:
            stripped = raw.removesuffix(b"\r")
            timestamp = source.read_timestamp(Line(source.segment, offset, stripped))
            yield raw, None if timestamp is None else timestamp.ns
            offset += len(raw) + 1
        return
    assert source.detection is not None
    for raw, timestamp in zip(lines, map(source.detection.reader.read, lines), strict=True):
        yield raw, None if timestamp is None else timestamp.ns


def _late_columns(source: Source, entries: Iterator[LateEntry]) -> Iterator[Column]:
    column = Column()
    for late in entries:
        column.ns.append(late.ns)
        column.entries.append(_entry_bytes(source, late.offset))
        if len(column.ns) == _LATE_ENTRIES_PER_COLUMN:
            yield column
            column = Column()
    if column.ns:
        yield column


def _entry_bytes(source: Source, offset: int) -> bytes:
    """Return the bytes of the entry at ``offset``, with the lines that continue it, without the last newline."""
    return b"".join(read_chunks(source.segment, offset, source.entry_end(offset))).removesuffix(b"\n")


def _unplaced_bytes(source: Source) -> Iterator[bytes]:
    """Yield the bytes of a file without timestamps; its last line gets a newline if it has none."""
    data = b""
    for data in read_chunks(source.segment, 0, source.end):
        yield data
    if data and not data.endswith(b"\n"):
        yield b"\n"
