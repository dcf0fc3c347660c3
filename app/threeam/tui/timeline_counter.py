"""The number of the shown lines of several logs that pass a filter. Each file is read once, as far as it goes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from threeam.core.store.filters import LineFilter
from threeam.core.store.journal import Position
from threeam.core.store.reader import chunks_forward
from threeam.core.store.seek import matching_offsets_in_chunk
from threeam.timeline.source import Source
from threeam.tui.line_counter import LineCounter
from threeam.tui.source_rows import SourceRows


class TimelineCounter:
    """Counts the lines of ``sources`` that pass their filters, and those of ``journal_counter``, if it is given.

    It has the interface of a `LineCounter`, but gives no line a number: the order of the lines is not that of a file.
    ``line_filter``: the filter of the journal's lines, which tells one counter from another.
    """

    def __init__(
        self,
        line_filter: LineFilter,
        journal_counter: LineCounter | None,
        sources: Sequence[tuple[SourceRows, LineFilter]],
    ) -> None:
        self.line_filter = line_filter
        self._journal_counter = journal_counter
        self._sources = sources
        self._counts: dict[tuple[int, int], tuple[int, int]] = {}  # of a file: how far it is counted, and the count
        self.is_done = False

    @property
    def total(self) -> int:
        """The number of lines counted so far."""
        own = self._journal_counter.total if self._journal_counter is not None else 0
        return own + sum(count for _, count in self._counts.values())

    @property
    def progress(self) -> float:
        """The counted share of the bytes of the other logs, from 0 to 1."""
        size = sum(source.end for source in self._files())
        counted = sum(self._counts.get(_key(source), (0, 0))[0] for source in self._files())
        return min(1.0, counted / size) if size else 1.0

    def count_to(self, end: Position) -> Iterator[None]:
        """Continue to count: the journal up to ``end``, the other logs as far as they were read. Raises OSError."""
        self.is_done = False
        if self._journal_counter is not None:
            yield from self._journal_counter.count_to(end)
        for rows, line_filter in self._sources:
            for source in list(rows.files):
                counted, count = self._counts.get(_key(source), (0, 0))
                for chunk in chunks_forward(source.segment, counted, source.end):
                    count += len(list(matching_offsets_in_chunk(source.segment, chunk, line_filter)))
                    self._counts[_key(source)] = chunk.end, count
                    yield
        self.is_done = True

    def count_before(self, position: Position) -> int | None:
        """Return None: no line has a number."""
        return None

    def _files(self) -> Iterator[Source]:
        return (source for rows, _ in self._sources for source in rows.files)


def _key(source: Source) -> tuple[int, int]:
    return source.number, source.generation
