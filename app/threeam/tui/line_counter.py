"""The number of lines up to any position: counted once, and stored as one count per chunk of the log.

That is 16 bytes for 256 KiB of log: 64 KiB for a gigabyte.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator
from typing import Protocol

from threeam.core.store.filters import LineFilter
from threeam.core.store.journal import Journal, Position, Segment
from threeam.core.store.reader import CHUNK_BYTES, Chunk, chunks_forward
from threeam.core.store.seek import matching_offsets_in_chunk

_COUNT_CHUNK_BYTES = 512 * 1024


class Counter(Protocol):
    """A count of lines that is continued in the background."""

    @property
    def line_filter(self) -> LineFilter:
        """The filter that the counted lines pass."""

    @property
    def total(self) -> int:
        """The number of lines counted so far."""

    @property
    def is_done(self) -> bool:
        """True if all lines up to the last requested end are counted."""

    @property
    def progress(self) -> float:
        """The counted share of the bytes, from 0 to 1."""

    def count_to(self, end: Position) -> Iterator[None]:
        """Continue to count up to ``end`` of the journal, one chunk per step. Raises OSError."""

    def count_before(self, position: Position) -> int | None:
        """Return the number of lines before ``position``; None if it is not known."""


class _FileCount:
    """The count of one file: where each chunk begins, and how many lines are counted before it."""

    def __init__(self, segment: Segment) -> None:
        self.identity = segment.identity
        self.chunk_starts = array("Q")
        self.counts_before = array("Q")
        self.counted_end = 0
        self.line_count = 0

    def add_chunk(self, chunk: Chunk, line_count: int) -> None:
        """Add the count of ``chunk``, which begins where the last one ended."""
        # A short chunk gets no numbers of its own: its lines are counted to the one before.
        if not self.chunk_starts or chunk.start - self.chunk_starts[-1] >= CHUNK_BYTES // 2:
            self.chunk_starts.append(chunk.start)
            self.counts_before.append(self.line_count)
        self.line_count += line_count
        self.counted_end = chunk.end


class LineCounter:
    """Counts the lines of ``journal`` that pass ``line_filter``.

    ``is_done``: all lines up to the last requested end are counted. ``progress``: the counted share of their bytes,
    from 0 to 1.
    """

    def __init__(self, journal: Journal, line_filter: LineFilter) -> None:
        self._journal = journal
        self.line_filter = line_filter
        self._files: list[_FileCount] = []
        self.is_done = False
        self.progress = 0.0
        self._bytes_to_count = 1

    @property
    def total(self) -> int:
        """The number of lines counted so far."""
        return sum(file.line_count for file in self._files)

    def count_to(self, end: Position) -> Iterator[None]:
        """Continue to count up to ``end``, one chunk per step. Raises OSError."""
        self.is_done = False
        files = self._uncounted_files(end)
        self._bytes_to_count = bytes_to_count = max(1, sum(size for _, size in files))
        bytes_before = 0
        for segment, size in files:
            file = self._file_count(segment, size)
            for chunk in self._chunks(segment, file.counted_end, size):
                file.add_chunk(chunk, self._count_new_chunk(segment, chunk))
                self.progress = min(1.0, (bytes_before + file.counted_end) / bytes_to_count)
                yield
            bytes_before += size
        self.is_done, self.progress = True, 1.0

    def bytes_remaining(self, end: Position) -> int:
        """Return how many bytes up to ``end`` are not counted yet; 0 if the files cannot be read."""
        try:
            files = self._uncounted_files(end)
        except OSError:
            return 0
        counted_ends = {file.identity: file.counted_end for file in self._files}
        return sum(max(0, size - counted_ends.get(segment.identity, 0)) for segment, size in files)

    def count_before(self, position: Position) -> int | None:
        """Return the number of lines before ``position`` (the beginning of a line); None if it is not counted yet."""
        count = 0
        for file in self._files:
            if file.identity != position.segment.identity:
                count += file.line_count
                continue
            if position.offset > file.counted_end:
                return None
            index = bisect_right(file.chunk_starts, position.offset) - 1
            if index < 0:
                return count
            count += file.counts_before[index]
            for chunk in self._chunks(position.segment, file.chunk_starts[index], position.offset):
                count += self._count(position.segment, chunk)
            return count
        return None

    def _chunks(self, segment: Segment, start: int, end: int) -> Iterator[Chunk]:
        """Yield the chunks to count. If every line counts, they may end inside a line: that saves a copy."""
        if not self.line_filter:
            while start < end and (data := segment.read(start, min(_COUNT_CHUNK_BYTES, end - start))):
                yield Chunk(start, data, start + len(data))
                start += len(data)
            return
        for chunk in chunks_forward(segment, start, end):
            finished_bytes = chunk.data.rfind(b"\n") + 1
            if finished_bytes == len(chunk.data):
                yield chunk
            elif finished_bytes:  # the rest is not a line yet
                yield Chunk(chunk.start, chunk.data[:finished_bytes], chunk.start + finished_bytes)

    def _count_new_chunk(self, segment: Segment, chunk: Chunk) -> int:
        """Return the number of lines in a chunk that is counted for the first time."""
        return self._count(segment, chunk)

    def _count(self, segment: Segment, chunk: Chunk) -> int:
        if self.line_filter:
            return sum(1 for _ in matching_offsets_in_chunk(segment, chunk, self.line_filter))
        return chunk.data.count(b"\n")

    def _uncounted_files(self, end: Position) -> list[tuple[Segment, int]]:
        """Return the files up to ``end`` that are not counted completely, in order, each with its size."""
        segments = self._uncounted_segments(end.segment)
        return [(segment, end.offset if segment == end.segment else segment.size()) for segment in segments]

    def _uncounted_segments(self, last: Segment) -> list[Segment]:
        if self._files and self._files[-1].identity == last.identity:
            if len(self._files) > 1 and (predecessor := self._journal.predecessor(last)) is not None:
                counted = self._files[-2]
                if counted.identity == predecessor.identity and counted.counted_end < predecessor.size():
                    return [predecessor, last]  # a late line was written to a rotated file
            return [last]
        counted_identities = {file.identity for file in self._files[:-1]}
        segments = []
        for segment in self._journal.segments_backward(last):
            if segment.identity in counted_identities:
                break
            segments.append(segment)
        return segments[::-1]

    def _file_count(self, segment: Segment, size: int) -> _FileCount:
        """Return the count of ``segment``: a new one if it has none, or was counted beyond ``size`` and then cut."""
        for index, file in enumerate(self._files):
            if file.identity == segment.identity:
                if file.counted_end > size:
                    self._files[index] = _FileCount(segment)
                return self._files[index]
        self._files.append(_FileCount(segment))
        return self._files[-1]
