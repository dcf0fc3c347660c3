"""The rows of several logs around the screen, merged by their corrected timestamps.

Each source is a stream, and has two edges: the places between which its rows are loaded. Rows are read from there on
demand, backwards or forwards, and dropped when they are far from the screen, so neither the time to the first screen
nor the memory depends on the size of the files.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from threeam.core.store.chain import UnreadableNotices
from threeam.core.store.filters import LineFilter, MatchesPattern
from threeam.core.store.follow import batch_start
from threeam.core.store.journal import Journal, Position
from threeam.core.store.pattern import Pattern
from threeam.core.store.reader import Line, lines_forward
from threeam.core.store.seek import ChunkMatches, find_time, journal_begins_after, passes_filter
from threeam.timeline.source import Key, PlacedLine, Source
from threeam.tui.background_scan import SLICE_S
from threeam.tui.line_counter import Counter, LineCounter
from threeam.tui.log_rows import Row, count_rows_of, read_lines_around
from threeam.tui.log_window import MAX_ROWS, ROWS_PER_READ, LogWindow
from threeam.tui.merged_rows import Edges, source_number
from threeam.tui.placement import JOURNAL_SOURCE
from threeam.tui.row_streams import END, JOURNAL_NUMBER, START, Place, RowStream, Step, merged, with_filter
from threeam.tui.row_window import TimeMatch
from threeam.tui.source_filter import without_sources
from threeam.tui.source_rows import FileOrderRows, SourceRows
from threeam.tui.timeline_counter import TimelineCounter
from threeam.tui.timeline_sources import SelectedSources

_BEFORE_ALL_SOURCES = JOURNAL_NUMBER - 1
_JOURNAL = JOURNAL_SOURCE.number


class TimelineWindow(SelectedSources):
    """Rows of ``journal`` and of ``sources``, opened at their end. It has the interface of a `RowWindow`.

    ``before``: the window that it takes the place of.
    ``is_in_file_order``: the rows are those of one source, as they were written, without corrections.
    """

    def __init__(
        self,
        journal: Journal,
        sources: Sequence[Source],
        before: LogWindow | None = None,
    ) -> None:
        super().__init__(journal, sources)
        self._journal = journal
        self._missing = UnreadableNotices(journal.chain)
        before = before or LogWindow(journal)
        self.anchor = before.anchor
        self.journal_rows.end = before.log_end
        self.show_hidden(before.raw)
        self.go_to_end()

    @property
    def log_end(self) -> Position | None:
        """The end of the journal, as far as the follower has read it."""
        return self.journal_rows.end

    @log_end.setter
    def log_end(self, end: Position | None) -> None:
        self.journal_rows.end = end

    # Loading.

    def load_around(self, position: Position) -> int:
        """Load the rows around ``position``; return the index of the first row at or after it."""
        try:
            place = self._place_at(position)
        except OSError as error:
            self.problem = f"{position.segment.path} cannot be read: {error.strerror}"
            place = END
        self.load_at(place)
        self.read_forward()
        return self.read_backward()

    def _place_at(self, position: Position) -> Place:
        """Return the place before the line at ``position``. Raises OSError."""
        row = next((row for row in self.rows if row.position == position), None)
        stream = self.stream_of(row) if row is not None else None
        if row is not None and stream is not None:
            return stream.place_of(row)
        row = self._row_at(position)
        if row is None:
            return END
        stream = self.stream_of(row) or self.stream_of_file(position)
        return stream.place_of(row)

    def _row_at(self, position: Position) -> Row | None:
        """Return the row of the line at ``position``. Raises OSError."""
        segment, offset = position
        stream = self.stream_of_file(position)
        line = next(lines_forward(segment, offset), None)
        if line is None:
            return None
        if isinstance(stream, SourceRows):
            return stream.row_at(line)
        rows = stream.rows_of([line])
        return rows[0] if rows else None

    # The journal as it grows.

    def append(self, lines: Sequence[Line], end: Position | None = None, *, truncated: bool = False) -> int:
        """Add lines of the journal up to ``end``, each at its place; return how many rows they make, shown or not."""
        if end is None and lines:
            end = Position(lines[-1].segment, lines[-1].end)
        if end is None:
            return 0
        if truncated:
            self.rows = [row._replace(read_from=None) if row.is_of_journal else row for row in self.rows]
            self._move_journal_edges(Place(START.key, Position(end.segment, 0)))
        else:
            self._drop_from(Position(end.segment, batch_start(lines, end)))
        self.log_end = end
        if _JOURNAL not in self.streams:
            return 0
        rows = self.journal_rows.rows_of(self._select(lines))
        if not self.at_end or len(self.rows) + len(rows) > 2 * MAX_ROWS:
            self.at_end = False
            return len(rows)
        inserted = [row for row in rows if self.insert(row)]
        back, front = self._edges[_JOURNAL]
        if back == front:  # no row of the journal was loaded
            back = self.journal_rows.place_of(inserted[0]) if inserted else Place(END.key, end)
        self._edges[_JOURNAL] = Edges(back, Place(front.key, end))
        self._forward = None
        return len(rows)

    def _move_journal_edges(self, place: Place) -> None:
        if _JOURNAL in self._edges:
            self._edges[_JOURNAL] = Edges(place, place)
            self._forward = self._backward = None

    def _drop_from(self, position: Position) -> None:
        """Drop the rows of lines of the journal at ``position`` or after it, which were cut off again."""
        segment, offset = position
        end = self.log_end
        if end is not None and end.segment == segment and offset < end.offset:
            self.rows = [
                row
                for row in self.rows
                if not (row.is_of_journal and row.line.segment == segment and row.line.offset >= offset)
            ]

    def _select(self, lines: Sequence[Line]) -> list[Line]:
        line_filter = self.journal_rows.effective_filter
        return [line for line in lines if not self.journal_rows.line_filter or line_filter.matches(line.raw)]

    def replace_rows(self, lines: Sequence[Line], end: Position) -> int:
        """Show the end of all sources, with the journal up to ``end``; return how many rows are loaded."""
        self.log_end = end
        self.go_to_end()
        return len(self.rows)

    def count_rows_of(self, lines: Sequence[Line], user: str) -> int:
        """Return how many of ``lines`` are rows of ``user``."""
        return count_rows_of(lines, user, self.effective_filter)

    # Other logs as they grow.

    def add_lines(self, lines: Sequence[PlacedLine]) -> int:
        """Add new lines of the sources, each at its place; return how many rows they make, shown or not."""
        count = 0
        for placed in lines:
            source_rows = self.rows_of(placed.source)
            stream = self.streams.get(source_rows.number) if source_rows is not None else None
            if source_rows is None or stream is None or not passes_filter(placed.line, stream.effective_filter):
                continue
            if isinstance(stream, FileOrderRows):
                if stream.source is not placed.source:
                    continue
                row = stream.row_of(placed)
            else:
                row = source_rows.row_of(placed)
            count += 1
            if self.at_end and len(self.rows) <= 2 * MAX_ROWS:
                self._add(row, stream)
            else:
                self.at_end = False
        return count

    def skip_to(self, placed: PlacedLine) -> None:
        """Drop the rows before a new line, since more lines have come than a screen shows."""
        if self.at_end and not self.is_in_file_order:
            self.drop_before(placed.key)

    def _add(self, row: Row, stream: RowStream) -> None:
        """Insert a new row; what was loaded of its stream, and this row, is still all between its edges."""
        if not self.insert(row):
            return
        back, front = self._edges[stream.number]
        own_back, own_front = stream.place_of(row), stream.place_after(row)
        is_empty = back == front
        back = own_back if is_empty or own_back.key < back.key else back
        front = own_front if is_empty or own_front.key > front.key else front
        self._edges[stream.number] = Edges(back, front)
        self._forward = None

    # Finding.

    @property
    def effective_filter(self) -> LineFilter:
        """The filter that selects all lines of the journal that are rows now."""
        return self.journal_rows.effective_filter

    def effective_filter_with(self, pattern: Pattern) -> LineFilter:
        """Return the filter for the lines that are rows now and that ``pattern`` matches."""
        line_filter = self.effective_filter
        return line_filter._replace(include=(*line_filter.include, MatchesPattern(pattern)))

    def make_counter(self, line_filter: LineFilter) -> Counter:
        """Return a counter of the lines that pass ``line_filter``, that of the journal or one with a pattern too."""
        added = line_filter.include[len(self.effective_filter.include) :]
        file_filter = without_sources(self.line_filter)
        file_filter = file_filter._replace(include=(*file_filter.include, *added))
        is_journal_shown = JOURNAL_SOURCE.number in self.streams
        journal_counter = LineCounter(self._journal, line_filter) if is_journal_shown else None
        shown = [
            (rows, with_filter(rows, file_filter).effective_filter)
            for rows in self.source_rows
            if rows.number in self.streams
        ]
        return TimelineCounter(line_filter, journal_counter, shown)

    def search(
        self, pattern: Pattern, from_row: Row | None, direction: int, *, wrapped: bool = False
    ) -> Iterator[ChunkMatches]:
        """Yield the row that ``pattern`` matches next, below ``from_row`` (``direction`` 1) or above it (-1).

        What is yielded before it is empty: the search takes time. ``wrapped``: search from the other end up to and
        including ``from_row``. Raises OSError.
        """
        limit: Key | None = None
        place = END if direction < 0 else START
        if from_row is not None and (stream := self.stream_of(from_row)) is not None:
            if wrapped:
                limit = stream.key_of(from_row)
            else:
                place = stream.place_after(from_row) if direction > 0 else stream.place_of(from_row)
        elif direction > 0 and not wrapped:
            return
        began = time.monotonic()
        for step in merged(self._streams_with(pattern, place, direction), direction):
            if isinstance(step, Row):
                stream = self.streams[source_number(step)]
                key = stream.key_of(step)
                if limit is not None and (key > limit if direction > 0 else key < limit):
                    return
                yield ChunkMatches(step.line.offset, step.line.end, [step.line])
            elif time.monotonic() - began > SLICE_S:
                began = time.monotonic()
                yield ChunkMatches(0, 0, [])

    def _streams_with(self, pattern: Pattern, place: Place, direction: int) -> list[tuple[RowStream, Iterator[Step]]]:
        """Return the streams from ``place`` on, of the rows that ``pattern`` matches."""
        bytes_filter = without_sources(self._line_filter)
        line_filter = bytes_filter._replace(include=(*bytes_filter.include, MatchesPattern(pattern)))
        streams: list[tuple[RowStream, Iterator[Step]]] = []
        for stream in self.streams.values():
            matching = with_filter(stream, line_filter)
            streams.append((matching, matching.forward(place) if direction > 0 else matching.backward(place)))
        return streams

    def find_time(self, ns: int) -> TimeMatch:
        """Return the first line of all sources at ``ns`` or later. Raises OSError."""
        found = list[tuple[Key, Position]]()
        other_count, begins_later = 0, True
        if self.log_end is not None and _JOURNAL in self.streams:
            position, other_count = find_time(self._journal, self.log_end, ns)
            if position is not None and (row := self._row_at(position)) is not None:
                found.append((self.journal_rows.key_of(row), position))
                begins_later = journal_begins_after(self._journal, position, ns)
            else:
                begins_later = False
        key = Key(ns, _BEFORE_ALL_SOURCES)
        for rows in self.source_rows:
            if rows.number not in self.streams or rows.source.detection is None:
                continue
            for source in rows.files:
                if (placed := next(source.lines_after(key), None)) is not None:
                    found.append((placed.key, Position(placed.line.segment, placed.line.offset)))
                begins_later = begins_later and next(source.lines_before(key), None) is None
        if not found:
            return TimeMatch(None)
        first_key, position = min(found, key=lambda match: match[0])
        return TimeMatch(position, other_count, begins_later and first_key.ns > ns)

    def read_lines_around(self, line: Line) -> list[Line]:
        """Return some lines before ``line`` in its file, itself, and some after it. Raises OSError."""
        rows = self.stream_of_file(Position(line.segment, line.offset))
        if isinstance(rows, SourceRows):
            return read_lines_around(line, rows.source.end)
        end = self.log_end
        return read_lines_around(line, end.offset if end is not None and end.segment == line.segment else None)

    # Keeping few rows.

    def set_raw(self, raw: bool) -> None:
        """Show the hidden lines of the journal, or hide them again."""
        self.show_hidden(raw)
        first, last = (self.rows[0], self.rows[-1]) if self.rows else (None, None)
        if first is None or last is None:
            return
        self.load_around(first.position)
        while last.position not in {row.position for row in self.rows[-ROWS_PER_READ:]} and self.read_forward():
            pass

    def share_before(self, row: Row) -> float:
        """Return about which share of everything is before ``row``: by its place in its file."""
        return row.line.offset / max(1, row.line.segment.size())

    def pop_problems(self) -> list[str]:
        """Return what could not be read and was not reported yet."""
        sentences = [*([self.problem] if self.problem else []), *self._missing.pop_unreported()]
        self.problem = ""
        return sentences
