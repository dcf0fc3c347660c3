"""The rows of the journal that are on the screen, and some around them.

The window is anchored in bytes: it knows where in the file its rows begin and end, reads backwards or forwards from
there on demand, and drops rows that are far from the screen, so its size does not depend on the log's. It never reads
beyond the lines that the follower has read, so each line becomes a row once, and in order.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import islice

from threeam.core.errors import JournalError
from threeam.core.store.chain import UnreadableNotices
from threeam.core.store.filters import Condition, LineFilter, MatchesPattern, parse_term
from threeam.core.store.follow import batch_start
from threeam.core.store.journal import Journal, Position, ResumePoint, Segment
from threeam.core.store.pattern import Pattern
from threeam.core.store.reader import Line, last_line_end, lines_forward
from threeam.core.store.seek import (
    ChunkMatches,
    find_time,
    journal_begins_after,
    matches_backward,
    matches_forward,
    search_backward,
    search_forward,
)
from threeam.tui.background_scan import SLICE_S
from threeam.tui.line_counter import Counter, LineCounter
from threeam.tui.log_rows import (
    LockSection,
    Row,
    count_rows_of,
    fold_lines,
    lines_before,
    read_lines_around,
    select_lines,
    without_hidden,
)
from threeam.tui.row_window import TimeMatch

MAX_ROWS = 3000  # rows in memory
ROWS_PER_READ = 300


class LogWindow:
    """Rows of ``journal``, opened at its end; with ``until``, the rows of the journal when it ended there.

    ``line_filter`` selects the lines that are rows; with one, a read searches for a few milliseconds at most and may
    add no row. ``raw``: the lock's own lines and those repeated by a rotation are rows too. Otherwise a critical
    section is folded, and its first row has the hold time. ``at_end``: the last row is the last line that was read by
    the follower, so new lines can be appended. ``problem``: why the last read failed, or "". ``anchor``: where the
    journal ended when the window was opened; a follower starts there. ``log_end``: how far the follower has read.
    """

    def __init__(self, journal: Journal, *, raw: bool = False, until: Position | None = None) -> None:
        self._journal = journal
        self.raw = raw
        self.line_filter = LineFilter()
        self.rows: list[Row] = []
        self.at_end = True
        self.at_start = True
        self.pinned, self.has_waiting = range(0), False  # rows are added at the end alone
        self.problem = ""
        self._missing = UnreadableNotices(journal.chain)
        self.anchor: ResumePoint | None = None
        self.log_end: Position | None = until
        self._rows_start: Position | None = None
        self._rows_end: Position | None = None
        self._section: LockSection | None = None
        segment = journal.open_live() if until is None else None
        if segment is not None:
            self.anchor = ResumePoint.capture(segment, last_line_end(segment, segment.size()))
            self.log_end = Position(segment, self.anchor.offset)
        self.go_to_end()

    def go_to_end(self) -> None:
        """Load the last rows of the journal."""
        if self.log_end is not None:
            self._reset_to(self.log_end)
            self.at_end = True
            self.read_backward()

    def go_to_start(self) -> None:
        """Load the first rows of the journal."""
        if self._rows_start is None:
            return
        try:
            oldest = self._journal.oldest_segment(self._rows_start.segment)
        except OSError as error:
            self._report_failure(self._rows_start.segment, error)
            return
        self._reset_to(Position(oldest, 0))
        self.at_start, self.at_end = True, False
        self.read_forward()

    def load_around(self, position: Position) -> int:
        """Load the rows around ``position``; return the index of the first row at or after it."""
        self._reset_to(position)
        self.at_end = False
        self.read_forward()
        return self.read_backward()

    def read_backward(self) -> int:
        """Read rows before the first; return how many were added. 0 with `at_start` False means: call again."""
        if self._rows_start is None or self.at_start:
            return 0
        segment, offset = self._rows_start
        try:
            if offset == 0:
                predecessor = self._journal.predecessor(segment)
                if predecessor is None:
                    self.at_start = True
                    return 0
                segment, offset = predecessor, predecessor.size()
            begin, lines = self._read_before(segment, offset)
        except OSError as error:
            self._report_failure(segment, error)
            return 0
        self._rows_start = Position(segment, begin)
        if not lines:
            return 0 if self.line_filter else self.read_backward()
        rows: list[Row] = []
        section = self._fold(lines, rows, None)
        if not self.rows:  # the first rows: a section that is open after them is open at the end
            self._section = section
        elif self._section is not None:
            self._section = self._section._replace(first_row=self._section.first_row + len(rows))
        self.rows[:0] = rows
        return len(rows)

    def read_forward(self) -> int:
        """Read rows after the last; return how many were added. 0 with `at_end` False means: call again."""
        if self._rows_end is None or self.at_end:
            return 0
        segment, offset = self._rows_end
        log_end = self.log_end
        stop = log_end.offset if log_end is not None and segment == log_end.segment else None
        successor: Segment | None = None
        try:
            end, lines = self._read_after(segment, offset, stop)
            if end == offset and log_end is not None:
                successor = self._journal.successor(segment) or log_end.segment
        except (OSError, JournalError) as error:
            self._report_failure(segment, error)
            return 0
        if end == offset:
            if log_end is not None and successor is not None and log_end.segment != segment:  # rotated since
                self._rows_end, self._section = Position(successor, 0), None
                return self.read_forward()
            self.at_end = True
            return 0
        self._rows_end = Position(segment, end)
        return self._append_rows(lines)

    def append(self, lines: Sequence[Line], end: Position | None = None, *, truncated: bool = False) -> int:
        """Add lines that the follower has read, up to ``end``; return how many rows they make, shown or not.

        They are only counted if the last row is not the last line that was read, or if there would be too many rows.
        """
        if end is None and lines:
            end = Position(lines[-1].segment, lines[-1].end)
        if end is None:
            return 0
        if truncated:
            self._restart_in(end.segment)
        else:
            self._drop_from(Position(end.segment, batch_start(lines, end)))
        self.log_end = end
        if not lines:
            return 0
        rows_start = Position(lines[0].segment, lines[0].offset)
        selected = select_lines(lines, self.effective_filter) if self.line_filter else lines
        if not self.at_end or len(self.rows) + len(selected) > 2 * MAX_ROWS:
            self.at_end = False
            return len(selected if self.line_filter or self.raw else select_lines(lines, self.effective_filter))
        self._rows_end = end
        if self._rows_start is None:
            self._rows_start = rows_start
        return self._append_rows(selected)

    def count_rows_of(self, lines: Sequence[Line], user: str) -> int:
        """Return how many of ``lines`` are rows of ``user``, whichever program of theirs wrote them."""
        return count_rows_of(lines, user, self.effective_filter)

    def read_lines_around(self, line: Line) -> list[Line]:
        """Return some lines before ``line``, itself, and some after it, in order. Raises OSError."""
        end = self.log_end
        return read_lines_around(line, end.offset if end is not None and end.segment == line.segment else None)

    def parse_filter(self, text: str) -> tuple[bool, Condition]:
        """Return whether a typed term excludes lines, and its condition. Raises `BadInput`."""
        return parse_term(text, skip_stamp=True)

    def search(
        self, pattern: Pattern, from_row: Row | None, direction: int, *, wrapped: bool = False
    ) -> Iterator[ChunkMatches]:
        """Yield the shown lines that ``pattern`` matches, below ``from_row`` (``direction`` 1) or above it (-1).

        Without a row the search starts at the end of the log. ``wrapped``: search from the other end of the log up to
        and including ``from_row``, in the same direction. Raises OSError.
        """
        if self.log_end is None:
            return iter(())
        line_filter = self.effective_filter_with(pattern)
        after_row = self.log_end if from_row is None else Position(from_row.line.segment, from_row.line.end)
        if direction < 0:
            end = self.log_end if from_row is None or wrapped else from_row.position
            return search_backward(self._journal, end, line_filter)
        if wrapped:
            first = Position(self._journal.oldest_segment(self.log_end.segment), 0)
            return search_forward(self._journal, first, after_row, line_filter)
        if after_row.segment == self.log_end.segment and after_row.offset > self.log_end.offset:  # truncated since
            after_row = Position(after_row.segment, 0)
        return search_forward(self._journal, after_row, self.log_end, line_filter)

    def insert_waiting(self) -> int:
        """Return 0: no row waits."""
        return 0

    def find_time(self, ns: int) -> TimeMatch:
        """Return the first line stamped ``ns`` or later. Raises OSError."""
        if self.log_end is None:
            return TimeMatch(None)
        position, other_count = find_time(self._journal, self.log_end, ns)
        begins_later = position is not None and journal_begins_after(self._journal, position, ns)
        return TimeMatch(position, other_count, begins_later)

    def share_before(self, row: Row) -> float:
        """Return the share of the file before ``row``."""
        return row.line.offset / max(1, row.line.segment.size())

    def pop_problems(self) -> list[str]:
        """Return what could not be read and was not reported yet: the last read, and rotated files."""
        unreadable = self._missing.pop_unreported(self.log_end.segment if self.log_end else None)
        sentences = [*([self.problem] if self.problem else []), *unreadable]
        self.problem = ""
        return sentences

    def replace_rows(self, lines: Sequence[Line], end: Position) -> int:
        """Make ``lines``, the last that the follower has read, up to ``end``, all the rows; return how many they are.

        The rows before them are read on demand.
        """
        self._reset_to(Position(lines[0].segment, lines[0].offset))
        self.log_end = self._rows_end = end
        self.at_end = True
        return self._append_rows(lines)

    @property
    def effective_filter(self) -> LineFilter:
        """The filter that selects all lines that are rows now."""
        return self.line_filter if self.raw else without_hidden(self.line_filter)

    def effective_filter_with(self, pattern: Pattern) -> LineFilter:
        """Return the filter for the lines that are rows now and that ``pattern`` matches."""
        line_filter = self.effective_filter
        return line_filter._replace(include=(*line_filter.include, MatchesPattern(pattern)))

    def make_counter(self, line_filter: LineFilter) -> Counter:
        """Return a counter of the lines of the journal that pass ``line_filter``."""
        return LineCounter(self._journal, line_filter)

    def forget_before(self, index: int) -> int:
        """Drop rows far before ``index``; return how many."""
        excess = min(len(self.rows) - MAX_ROWS, index - MAX_ROWS // 2)
        while excess > 0 and self.rows[excess].read_from is None:
            excess -= 1
        if excess < ROWS_PER_READ:
            return 0
        self._rows_start, self.at_start = self._read_position(excess), False
        del self.rows[:excess]
        if self._section is not None:
            self._section = self._section._replace(first_row=self._section.first_row - excess)
        return excess

    def forget_after(self, index: int) -> None:
        """Drop rows far after ``index``."""
        count = MAX_ROWS
        while count < len(self.rows) and self.rows[count].read_from is None:
            count += 1
        if len(self.rows) - count >= ROWS_PER_READ and index < MAX_ROWS // 2:
            self._rows_end, self._section, self.at_end = self._read_position(count), None, False
            del self.rows[count:]

    def set_raw(self, raw: bool) -> None:
        """Fold or unfold the sections of the loaded rows."""
        self.raw = raw
        if self._rows_start is None or self._rows_end is None:
            return
        if self.line_filter:
            self.load_around(self.rows[0].position if self.rows else self._rows_start)
            return
        try:
            lines = [line for line in self._lines_between(self._rows_start, self._rows_end) if line.finished]
        except (OSError, JournalError) as error:
            self._report_failure(self._rows_end.segment, error)
            return
        self.rows = []
        self._section = self._fold(lines, self.rows, None)

    def _drop_from(self, position: Position) -> None:
        """Drop the rows of lines at ``position`` or after it, which were cut off the log again."""
        segment, offset = position
        if self._rows_end is None or self._rows_end.segment != segment or self._rows_end.offset <= offset:
            return
        while self.rows and self.rows[-1].line.segment == segment and self.rows[-1].line.offset >= offset:
            self.rows.pop()
        self._rows_end, self._section = position, None

    def _restart_in(self, segment: Segment) -> None:
        """Begin again at the start of a truncated file.

        The old rows can still be shown, but not be read again: they are never folded, unfolded or dropped.
        """
        self.rows = [row._replace(read_from=None) for row in self.rows]
        self._section, self.at_start = None, True
        self._rows_start = self._rows_end = Position(segment, 0)

    def _read_position(self, index: int) -> Position:
        row = self.rows[index]
        assert row.read_from is not None
        return Position(row.line.segment, row.read_from)

    def _read_before(self, segment: Segment, offset: int) -> tuple[int, list[Line]]:
        """Return a begin, and the lines from there to ``offset`` that may be rows."""
        if not self.line_filter:
            lines = lines_before(segment, offset, ROWS_PER_READ)
            return (lines[0].offset if lines else 0), lines
        deadline = time.monotonic() + SLICE_S
        for matches in matches_backward(segment, offset, self.effective_filter):
            if matches.lines or time.monotonic() > deadline:
                return matches.start, matches.lines
        return 0, []

    def _read_after(self, segment: Segment, offset: int, stop: int | None) -> tuple[int, list[Line]]:
        """Return an end, at most ``stop``, and the lines from ``offset`` to there that may be rows."""
        if not self.line_filter:
            lines = list(islice(lines_forward(segment, offset, stop), ROWS_PER_READ))
            if stop is not None and lines and not lines[-1].finished:
                lines.pop()
            return (lines[-1].end if lines else offset), lines
        end, lines, deadline = offset, list[Line](), time.monotonic() + SLICE_S
        for matches in matches_forward(segment, offset, stop, self.effective_filter):
            end, lines = matches.end, matches.lines
            if lines or time.monotonic() > deadline:
                break
        return end, lines

    def _lines_between(self, start: Position, end: Position) -> Iterator[Line]:
        for segment in self._journal.chain.segments_between(start.segment, end.segment):
            offset = start.offset if segment == start.segment else 0
            yield from lines_forward(segment, offset, end.offset if segment == end.segment else None)

    def _report_failure(self, segment: Segment, error: OSError | JournalError) -> None:
        reason = error.strerror if isinstance(error, OSError) else error
        self.problem = f"{segment.path} cannot be read: {reason}"

    def _reset_to(self, position: Position) -> None:
        self.rows, self._section = [], None
        self._rows_start = self._rows_end = position
        self.at_start = False

    def _append_rows(self, lines: Sequence[Line]) -> int:
        old_count = len(self.rows)
        self._section = self._fold(lines, self.rows, self._section)
        return len(self.rows) - old_count

    def _fold(self, lines: Sequence[Line], rows: list[Row], section: LockSection | None) -> LockSection | None:
        """Add the rows of ``lines`` to ``rows``; return the section that is open after them."""
        if not self.line_filter:
            return fold_lines(lines, rows, section, raw=self.raw)
        # The lines in between are not loaded, so no section is complete.
        rows += [Row(line, line.entry, None, line.offset) for line in lines]
        return section
