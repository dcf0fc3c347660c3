"""The rows of several logs around the screen, merged by their corrected timestamps.

Each source is a stream, and has two edges: the places between which its rows are loaded. Rows are read from there on
demand, backwards or forwards, and dropped when they are far from the screen, so neither the time to the first screen
nor the memory depends on the size of the files.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from threeam.core.errors import BadInput
from threeam.core.store.chain import UnreadableNotices
from threeam.core.store.filters import Condition, LineFilter, MatchesPattern, parse_term
from threeam.core.store.follow import batch_start
from threeam.core.store.journal import Journal, Position, ResumePoint
from threeam.core.store.pattern import Pattern
from threeam.core.store.reader import Line, last_line_end, lines_forward
from threeam.core.store.seek import ChunkMatches, find_time, journal_begins_after
from threeam.timeline.instant import ClockCorrection
from threeam.timeline.source import Key, Source
from threeam.tui.background_scan import SLICE_S
from threeam.tui.log_rows import Row, count_rows_of, read_lines_around
from threeam.tui.log_window import MAX_ROWS, ROWS_PER_READ
from threeam.tui.merged_rows import Edges, MergedRows, source_number
from threeam.tui.placement import JOURNAL_SOURCE
from threeam.tui.row_streams import END, JOURNAL_NUMBER, START, JournalRows, Place, RowStream, Step, merged, with_filter
from threeam.tui.row_window import TimeMatch
from threeam.tui.source_filter import FromSource, split_sources, without_sources
from threeam.tui.source_rows import FileOrderRows, SourceRows

NO_CORRECTION = ClockCorrection()
_BEFORE_ALL_SOURCES = JOURNAL_NUMBER - 1
_JOURNAL = JOURNAL_SOURCE.number
_JOURNAL_NAME = JOURNAL_SOURCE.name


class TimelineWindow(MergedRows):
    """Rows of ``journal`` and of ``sources``, opened at their end. It has the interface of a `RowWindow`.

    ``is_in_file_order``: the rows are those of one source, as they were written, without corrections.
    """

    is_counted = False

    def __init__(
        self,
        journal: Journal,
        sources: Sequence[Source],
        correction: ClockCorrection = NO_CORRECTION,
    ) -> None:
        super().__init__()
        self._journal = journal
        self._missing = UnreadableNotices(journal.chain)
        self._line_filter = LineFilter()
        self._journal_rows = JournalRows(journal, correction)
        self.source_rows = [SourceRows(source) for source in sources]
        self._file_order: RowStream | None = None
        self.anchor: ResumePoint | None = None
        segment = journal.open_live()
        if segment is not None:
            self.anchor = ResumePoint.capture(segment, last_line_end(segment, segment.size()))
            self._journal_rows.end = Position(self.anchor.segment, self.anchor.offset)
        self._select_streams()
        self.go_to_end()

    @property
    def log_end(self) -> Position | None:
        """The end of the journal, as far as the follower has read it."""
        return self._journal_rows.end

    @log_end.setter
    def log_end(self, end: Position | None) -> None:
        self._journal_rows.end = end

    # The sources and their order.

    @property
    def is_in_file_order(self) -> bool:
        """True if the rows are those of one file, in its order."""
        return self._file_order is not None

    @property
    def raw(self) -> bool:
        """True if the hidden lines of the journal are rows too."""
        return self._journal_rows.raw

    @property
    def line_filter(self) -> LineFilter:
        """The filter that selects the lines that are rows. When it is set, the rows must be loaded again."""
        return self._line_filter

    @line_filter.setter
    def line_filter(self, line_filter: LineFilter) -> None:
        self._line_filter, self.is_filtered = line_filter, bool(line_filter)
        self._select_streams()

    def parse_filter(self, text: str) -> tuple[bool, Condition]:
        """Return whether a typed term excludes lines, and its condition. Raises `BadInput`."""
        is_excluding = text.startswith("!") and len(text) > 1
        field, colon, name = text[is_excluding:].partition(":")
        if field != "source" or not colon:
            return parse_term(text, skip_stamp=True)
        if name not in (names := self.source_names):
            raise BadInput(f"there is no source {name}: the sources are {', '.join(names)}")
        return is_excluding, FromSource(name)

    @property
    def source_names(self) -> list[str]:
        """The names of the sources, the journal among them."""
        return [_JOURNAL_NAME, *(rows.name for rows in self.source_rows)]

    def add_source(self, source: Source) -> None:
        """Show the lines of ``source`` too, from the next load on."""
        self.source_rows.append(SourceRows(source))
        self._reload_here()

    def remove_source(self, name: str) -> None:
        """Show the lines of the source ``name`` no more."""
        self.source_rows = [rows for rows in self.source_rows if rows.name != name]
        self._file_order = None
        self.rows = [row for row in self.rows if row.placement is None or row.placement.source.name != name]
        self._reload_here()

    def toggle_file_order(self, row: Row | None) -> str:
        """Show the file of ``row`` alone, in its order; or all sources by time again. Return the name of the file."""
        if self._file_order is not None or row is None or row.placement is None:
            self._file_order, name = None, ""
        else:
            source_rows = next(
                (rows for rows in self.source_rows if (rows.number, rows.name) == row.placement.source), None
            )
            self._file_order = (
                self._journal_rows if source_rows is None else FileOrderRows(source_rows, row.line.segment)
            )
            name = row.placement.source.name
        self._select_streams()
        return name

    def _select_streams(self) -> None:
        """Select the sources that are shown, and what is shown of them."""
        chosen, excluded = split_sources(self._line_filter)
        bytes_filter = without_sources(self._line_filter)
        all_streams: list[RowStream] = [self._journal_rows, *self.source_rows]
        for stream in all_streams:
            stream.line_filter = bytes_filter
        if isinstance(self._file_order, FileOrderRows):
            self._file_order.line_filter = bytes_filter
        streams: list[RowStream] = [self._file_order] if self._file_order is not None else []
        if self._file_order is None:
            streams = [
                stream
                for stream in all_streams
                if all(stream.name == name for name in chosen) and stream.name not in excluded
            ]
        self.streams = {stream.number: stream for stream in streams}
        self.load_at(END)

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

    def _reload_here(self) -> None:
        """Load the rows around the middle of those that are loaded again, since the sources have changed."""
        middle = self.rows[len(self.rows) // 2] if self.rows else None
        was_at_end = self.at_end
        self._select_streams()
        if middle is None or was_at_end:
            self.go_to_end()
        else:
            self.load_around(middle.position)

    def _place_at(self, position: Position) -> Place:
        """Return the place before the line at ``position``. Raises OSError."""
        row = next((row for row in self.rows if row.position == position), None)
        stream = self.stream_of(row) if row is not None else None
        if row is not None and stream is not None:
            return stream.place_of(row)
        row = self._row_at(position)
        if row is None:
            return END
        stream = self.stream_of(row) or self._stream_of_segment(position)
        return stream.place_of(row)

    def _stream_of_segment(self, position: Position) -> SourceRows | JournalRows:
        rows = (rows for rows in self.source_rows if rows.file_of(position.segment) is not None)
        return next(rows, self._journal_rows)

    def _row_at(self, position: Position) -> Row | None:
        """Return the row of the line at ``position``. Raises OSError."""
        segment, offset = position
        stream = self._stream_of_segment(position)
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
        rows = self._journal_rows.rows_of(self._select(lines))
        if not self.at_end or len(self.rows) + len(rows) > 2 * MAX_ROWS:
            self.at_end = False
            return len(rows)
        inserted = [row for row in rows if self.insert(row)]
        back, front = self._edges[_JOURNAL]
        if back.position is None and back.key >= END.key:  # no row of the journal was loaded
            back = self._journal_rows.place_of(inserted[0]) if inserted else Place(END.key, end)
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
        line_filter = self._journal_rows.effective_filter
        return [line for line in lines if not self._journal_rows.line_filter or line_filter.matches(line.raw)]

    def replace_rows(self, lines: Sequence[Line], end: Position) -> int:
        """Show the end of all sources, with the journal up to ``end``; return how many rows are loaded."""
        self.log_end = end
        self.go_to_end()
        return len(self.rows)

    def count_rows_of(self, lines: Sequence[Line], user: str) -> int:
        """Return how many of ``lines`` are rows of ``user``."""
        return count_rows_of(lines, user, self.effective_filter)

    # Finding.

    @property
    def effective_filter(self) -> LineFilter:
        """The filter that selects all lines of the journal that are rows now."""
        return self._journal_rows.effective_filter

    def effective_filter_with(self, pattern: Pattern) -> LineFilter:
        """Return the filter for the lines that are rows now and that ``pattern`` matches."""
        line_filter = self.effective_filter
        return line_filter._replace(include=(*line_filter.include, MatchesPattern(pattern)))

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
                found.append((self._journal_rows.key_of(row), position))
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
        rows = self._stream_of_segment(Position(line.segment, line.offset))
        if isinstance(rows, SourceRows):
            return read_lines_around(line, rows.source.end)
        end = self.log_end
        return read_lines_around(line, end.offset if end is not None and end.segment == line.segment else None)

    # Keeping few rows.

    def set_raw(self, raw: bool) -> None:
        """Show the hidden lines of the journal, or hide them again."""
        self._journal_rows.raw = raw
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
