"""The timestamps of the entries to which lines belong, while a file is read from its beginning."""

from __future__ import annotations

from threeam.core.store.reader import Chunk, Line
from threeam.timeline.instant import Timestamp
from threeam.timeline.source import Source


class EntryStamps:
    """The timestamps of the entries of ``source``, whose chunks are read in their order.

    Only the lines that are needed are read: those between the line that is asked for and the beginning of its entry.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._timestamp: Timestamp | None = None  # of the entry that the line at `_known_at` belongs to
        self._known_at = 0

    def of_line(self, chunk: Chunk, begin: int) -> Timestamp | None:
        """Return the timestamp of the entry that the line at ``begin`` of ``chunk`` belongs to.

        Lines before the first timestamp of the file have none. Lines are asked for in their order.
        """
        self._timestamp = self._read_back(chunk, begin) or self._timestamp
        self._known_at = begin
        return self._timestamp

    def end_chunk(self, chunk: Chunk) -> None:
        """Read the timestamp of the last entry of ``chunk``; the next chunk may continue it."""
        self.of_line(chunk, chunk.data.rfind(b"\n", 0, len(chunk.data) - 1) + 1)
        self._known_at = 0

    def _read_back(self, chunk: Chunk, begin: int) -> Timestamp | None:
        """Return the timestamp of the line at ``begin`` or of the last line before it that has one; None if none has.

        Only lines after the one whose timestamp is known are read; and that one if it is the first.
        """
        data = chunk.data
        while begin > self._known_at or begin == 0:
            end = data.find(b"\n", begin)
            raw = data[begin : end if end >= 0 else None].removesuffix(b"\r")
            line = Line(self._source.segment, chunk.start + begin, raw)
            if (timestamp := self._source.read_timestamp(line)) is not None:
                return timestamp
            if begin == 0:
                return None
            begin = data.rfind(b"\n", 0, begin - 1) + 1
        return None
