"""The sources of a timeline: which of them are shown, and in which order."""

from __future__ import annotations

from collections.abc import Sequence

from threeam.core.errors import BadInput
from threeam.core.store.filters import Condition, LineFilter, parse_term
from threeam.core.store.journal import Journal, Position
from threeam.timeline.source import FIRST_NS, Key, Source
from threeam.tui.log_rows import Row
from threeam.tui.merged_rows import Edges, MergedRows, source_number
from threeam.tui.placement import JOURNAL_SOURCE
from threeam.tui.row_streams import END, JournalRows, Place, RowStream
from threeam.tui.source_filter import FromSource, split_sources, without_sources
from threeam.tui.source_rows import FileOrderRows, SourceRows

_JOURNAL_NAME = JOURNAL_SOURCE.name


class SelectedSources(MergedRows):
    """Rows of ``journal`` and ``sources``, those that the filter selects; or of one file in its order.

    When the selection has changed, the rows must be loaded again.
    """

    def __init__(self, journal: Journal, sources: Sequence[Source]) -> None:
        super().__init__()
        self.journal_rows = JournalRows(journal)
        self.source_rows = [SourceRows(source) for source in sources]
        self._closed_rows: list[SourceRows] = []  # the screen may still be at one of their lines
        self._line_filter = LineFilter()
        self._file_order: RowStream | None = None
        self._select_streams()

    @property
    def is_in_file_order(self) -> bool:
        """True if the rows are those of one file, in its order."""
        return self._file_order is not None

    @property
    def raw(self) -> bool:
        """True if the hidden lines of the journal are rows too."""
        return self.journal_rows.raw

    def show_hidden(self, raw: bool) -> None:
        """Let the hidden lines of the journals be rows too, or not, from the next load on."""
        self.journal_rows.raw = raw
        for rows in self.source_rows:
            rows.raw = raw

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
        self.show_hidden(self.raw)
        self._select_streams()

    def remove_source(self, name: str) -> None:
        """Show the lines of the source ``name`` no more."""
        self._closed_rows += [rows for rows in self.source_rows if rows.name == name]
        self.source_rows = [rows for rows in self.source_rows if rows.name != name]
        self._file_order = None
        self._select_streams()

    def toggle_file_order(self, row: Row | None) -> str:
        """Show the file of ``row`` alone, in its order; or all sources by time again. Return the name of the file."""
        if self._file_order is not None or row is None or row.placement is None:
            self._file_order, name = None, ""
        else:
            source_rows = next(
                (rows for rows in self.source_rows if (rows.number, rows.name) == row.placement.source), None
            )
            self._file_order = (
                self.journal_rows if source_rows is None else FileOrderRows(source_rows, row.line.segment)
            )
            name = row.placement.source.name
        self._select_streams()
        return name

    def _select_streams(self) -> None:
        """Select the sources that are shown, and what is shown of them."""
        chosen, excluded = split_sources(self._line_filter)
        bytes_filter = without_sources(self._line_filter)
        all_streams: list[RowStream] = [self.journal_rows, *self.source_rows]
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

    def stream_of_file(self, position: Position) -> SourceRows | JournalRows:
        """Return the rows of the file of ``position``; those of the journal, if it is of no other log."""
        all_rows = (*self.source_rows, *self._closed_rows)
        return next((rows for rows in all_rows if rows.file_of(position.segment) is not None), self.journal_rows)

    def _add_file(self, rows: SourceRows, source: Source) -> None:
        """Add the file that a program writes now. If it was truncated, its old lines are only on this screen."""
        if rows.file_of(source.segment) is not None:
            rows.files = [file for file in rows.files if file.segment != source.segment]
            self.rows = [
                row._replace(read_from=None) if row.line.segment == source.segment else row for row in self.rows
            ]
            if rows.number in self._edges:
                start = Place(Key(FIRST_NS, source.number, source.generation))
                self._edges[rows.number] = Edges(start, start)
                self._forward = self._backward = None
        rows.files.append(source)

    def file_of(self, row: Row) -> Source | None:
        """Return the file of a row of another log; None if it is closed."""
        rows = next((rows for rows in self.source_rows if rows.number == source_number(row)), None)
        return rows.file_of(row.line.segment) if rows is not None else None

    def rows_of(self, source: Source) -> SourceRows | None:
        """Return the rows that ``source`` is a file of; None if they are not shown any more."""
        for rows in self.source_rows:
            if source in rows.files:
                return rows
            if rows.source.name == source.name and source.number == rows.source.number:
                self._add_file(rows, source)
                return rows
        return None
