"""How many lines there are, up to any place: counted once, a block at a time, and kept as one number a block.

That is 16 bytes for 256 KiB of log: 64 KiB for a gigabyte.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator

from threeam.core.store.filters import LineFilter
from threeam.core.store.journal import Journal, Position, Segment
from threeam.core.store.reader import CHUNK_BYTES, Chunk, chunks_forward
from threeam.core.store.seek import matching_offsets_in_chunk

_COUNT_CHUNK_BYTES = 512 * 1024  # bytes


class _FileCount:
    """The count of one file: where each block begins, and how many lines are counted before it."""

    def __init__(self, segment: Segment) -> None:
        self.identity = segment.identity
        self.path = segment.path
        self.starts = array("Q")
        self.before = array("Q")
        self.end = 0
        self.count = 0


class LineCounter:
    """Counts the lines of ``journal`` that are ``wanted``.

    ``total``: how many there are in what was counted so far. ``done``: whether that was all. ``share``: how much of
    the bytes that is, from 0 to 1.
    """

    def __init__(self, journal: Journal, wanted: LineFilter) -> None:
        self._journal = journal
        self.line_filter = wanted
        self._files: list[_FileCount] = []
        self.is_done = False
        self.progress = 0.0
        self._every = 1  # bytes that are to be counted

    @property
    def total(self) -> int:
        return sum(file.count for file in self._files)

    def count_to(self, end: Position) -> Iterator[None]:
        """Counts on up to ``end``, a block with each step. Raises OSError."""
        self.is_done = False
        files = self._files_to(end)
        self._every = every = max(1, sum(size for _, size in files))
        passed = 0
        for segment, size in files:
            file = self._file_of(segment)
            if file.end > size:  # its end was taken back
                self._files[self._files.index(file)] = file = _FileCount(segment)
            for block in self._blocks(segment, file.end, size):
                if (
                    not file.starts or block.start - file.starts[-1] >= CHUNK_BYTES // 2
                ):  # else it is counted to the one before
                    file.starts.append(block.start)
                    file.before.append(file.count)
                file.count += self._count_new_block(segment, block)
                file.end = block.end
                self.progress = min(1.0, (passed + file.end) / every)
                yield
            passed += size
        self.is_done, self.progress = True, 1.0

    def bytes_remaining(self, end: Position) -> int:
        """How many bytes are not counted yet, up to ``end``; 0 where that cannot be said."""
        try:
            files = self._files_to(end)
        except OSError:
            return 0
        counted = {file.identity: file.end for file in self._files}
        return sum(max(0, size - counted.get(segment.identity, 0)) for segment, size in files)

    def count_before(self, place: Position) -> int | None:
        """How many stand before ``place`` (the beginning of a line); None where it was not counted so far."""
        count = 0
        for file in self._files:
            if file.identity != place.segment.identity:
                count += file.count
                continue
            if place.offset > file.end:
                return None
            at = bisect_right(file.starts, place.offset) - 1
            if at < 0:
                return count
            count += file.before[at]
            for block in self._blocks(place.segment, file.starts[at], place.offset):
                count += self._count(place.segment, block)
            return count
        return None

    def _blocks(self, segment: Segment, start: int, end: int) -> Iterator[Chunk]:
        """The bytes to count. Where every line counts they need not be whole: that saves a copy."""
        if not self.line_filter:
            while start < end and (data := segment.read(start, min(_COUNT_CHUNK_BYTES, end - start))):
                yield Chunk(start, data, start + len(data))
                start += len(data)
            return
        for block in chunks_forward(segment, start, end):
            whole = block.data.rfind(b"\n") + 1
            if whole == len(block.data):
                yield block
            elif whole:  # what follows is not a line yet
                yield Chunk(block.start, block.data[:whole], block.start + whole)

    def _count_new_block(self, segment: Segment, block: Chunk) -> int:
        """Counts lines that are seen for the first time."""
        return self._count(segment, block)

    def _count(self, segment: Segment, block: Chunk) -> int:
        return (
            sum(1 for _ in matching_offsets_in_chunk(segment, block, self.line_filter))
            if self.line_filter
            else block.data.count(b"\n")
        )

    def _files_to(self, end: Position) -> list[tuple[Segment, int]]:
        """The files that are not counted to their end yet, up to ``end``, in their order, each with its size."""
        segments = self._segments_to(end.segment)
        return [(one, end.offset if one == end.segment else one.size()) for one in segments]

    def _segments_to(self, last: Segment) -> list[Segment]:
        if self._files and self._files[-1].identity == last.identity:
            if len(self._files) > 1 and (before := self._journal.predecessor(last)) is not None:
                counted = self._files[-2]
                if counted.identity == before.identity and counted.end < before.size():  # a line that came late
                    return [before, last]
            return [last]
        known = {file.identity for file in self._files[:-1]}
        segments = []
        for segment in self._journal.segments_backward(last):
            if segment.identity in known:
                break
            segments.append(segment)
        return segments[::-1]

    def _file_of(self, segment: Segment) -> _FileCount:
        for file in self._files:
            if file.identity == segment.identity:
                return file
        self._files.append(_FileCount(segment))
        return self._files[-1]
