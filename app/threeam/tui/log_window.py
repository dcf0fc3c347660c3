"""The part of the journal that is on the screen, and some around it, as rows.

Anchored in bytes: the window knows where in the file it begins and ends, reads backwards or forwards
from there on demand, and forgets what is far away, so its size does not depend on the log's. It never
reads beyond what the follower has told of, so no line can come to it twice, or before another.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, islice
from typing import NamedTuple

from threeam.core.errors import JournalError
from threeam.core.format.entry import ACQUIRED, CEREMONY_TEXTS, RELEASING, Author, Entry
from threeam.core.store.chain import UnreadableNotices
from threeam.core.store.filters import IsCeremony, LineFilter, MatchesPattern
from threeam.core.store.follow import batch_start
from threeam.core.store.journal import Journal, Position, ResumePoint, Segment
from threeam.core.store.pattern import Pattern
from threeam.core.store.reader import Line, last_line_end, lines_backward, lines_forward
from threeam.core.store.seek import ChunkMatches, matches_backward, matches_forward, search_backward, search_forward
from threeam.experiments.run_rows import IsExperimentRun
from threeam.tui.background_scan import SLICE_S

MAX_ROWS = 3000  # rows in memory
ROWS_PER_READ = 300  # rows read at a time
_MAX_SECTION_LINES = 64  # lines: a longer one that is cut by an edge loses its hold time
_HIDDEN_UNLESS_RAW = (IsCeremony(), IsExperimentRun())  # what is a row only when the log is shown raw
_CEREMONY_BYTES = (ACQUIRED.encode(), RELEASING.encode())


class Row(NamedTuple):
    """One row: a line, its entry if it is one, and how long the lock was held around it (ns)."""

    line: Line
    entry: Entry | None
    lock_held_ns: int | None = None
    read_from: int | None = None  # where to read from to have this row and its section whole; None: inside one

    @property
    def position(self) -> Position:
        """Where the line is: the identity of the row."""
        return Position(self.line.segment, self.line.offset)


class _LockSection(NamedTuple):
    """A critical section that has begun: its first line, and the index of the first row after it."""

    acquired: Entry
    first: int
    begin: int


class LogWindow:
    """Rows of ``journal``, opened at its end; with ``until``, as it was when it ended there.

    ``wanted``: the lines that are rows, where not all are; then a read looks for a few milliseconds and no more, and
    may come back with nothing. ``raw``: whether the lock's own lines, and those that a rotation has carried over, are
    rows too; otherwise a critical section is folded, and its first row has the time that the lock was held.
    ``at_end``: whether the last row is the last that is known of, so that new lines can be appended. ``problem``: why
    the last read failed, or nothing. ``missing``: the rotated files that cannot be read, of which it has to tell.
    """

    def __init__(self, journal: Journal, *, raw: bool = False, until: Position | None = None) -> None:
        self._journal = journal
        self.raw = raw
        self.line_filter = LineFilter()
        self.rows: list[Row] = []
        self.at_end = True
        self.at_start = True
        self.problem = ""
        self.missing = UnreadableNotices(journal.chain)
        self.anchor: ResumePoint | None = (
            None  # where the journal ended when it was opened: a follower goes on from here
        )
        self._rows_start: Position | None = None
        self._rows_end: Position | None = None
        self.log_end: Position | None = None  # how far the follower has told
        self._section: _LockSection | None = None
        segment = journal.open_live() if until is None else None
        if until is not None:
            self.log_end = until
            self.go_to_end()
        if segment is not None:
            self.anchor = ResumePoint.capture(segment, last_line_end(segment, segment.size()))
            self.log_end = Position(segment, self.anchor.offset)
            self.go_to_end()

    def go_to_end(self) -> None:
        """The last rows of the journal."""
        if self.log_end is not None:
            self._reset_to(self.log_end)
            self.at_end = True
            self.read_backward()

    def go_to_start(self) -> None:
        """The first rows of the journal."""
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

    def load_around(self, place: Position) -> int:
        """The rows around ``place``; gives the index of the first that is there or after it."""
        self._reset_to(place)
        self.at_end = False
        self.read_forward()
        return self.read_backward()

    def read_backward(self) -> int:
        """Reads rows before the first; gives how many came. None while `at_start` is not so: there may be more."""
        if self._rows_start is None or self.at_start:
            return 0
        segment, offset = self._rows_start
        try:
            if offset == 0:
                before = self._journal.predecessor(segment)
                if before is None:
                    self.at_start = True
                    return 0
                segment, offset = before, before.size()
            begin, lines = self._read_before(segment, offset)
        except OSError as error:
            self._report_failure(segment, error)
            return 0
        self._rows_start = Position(segment, begin)
        if not lines:
            return 0 if self.line_filter else self.read_backward()
        rows: list[Row] = []
        section = self._add_rows(lines, rows, None)
        if not self.rows:  # the first ones: what they leave open is open at the end
            self._section = section
        elif self._section is not None:
            self._section = self._section._replace(first=self._section.first + len(rows))
        self.rows[:0] = rows
        return len(rows)

    def read_forward(self) -> int:
        """Reads rows after the last; gives how many came. None while `at_end` is not so: there may be more."""
        if self._rows_end is None or self.at_end:
            return 0
        segment, offset = self._rows_end
        known = self.log_end
        stop = known.offset if known is not None and segment == known.segment else None
        try:
            until, lines = self._read_after(segment, offset, stop)
            after = None if until > offset or known is None else self._journal.successor(segment) or known.segment
        except (OSError, JournalError) as error:
            self._report_failure(segment, error)
            return 0
        if until == offset:
            if known is not None and after is not None and known.segment != segment:  # rotated since
                self._rows_end, self._section = Position(after, 0), None
                return self.read_forward()
            self.at_end = True
            return 0
        self._rows_end = Position(segment, until)
        return self._append_rows(lines)

    def append(self, lines: Sequence[Line], end: Position | None = None, *, truncated: bool = False) -> int:
        """Adds lines that the follower has told of, up to ``end``; gives how many rows they are, shown or not.

        While the last row is not the last that is known of, or there would be too many, they are only counted.
        """
        end = end or (Position(lines[-1].segment, lines[-1].end) if lines else None)
        if end is None:
            return 0
        if not truncated:
            self._drop_from(Position(end.segment, batch_start(lines, end)))
        self.log_end = end
        if truncated:  # what stood above is nowhere to be read again: it can be shown, and not cut or unfolded
            self.rows = [row._replace(read_from=None) for row in self.rows]
            self._section, self.at_start = None, True
            self._rows_start = self._rows_end = Position(self.log_end.segment, 0)
        if not lines:
            return 0
        begin = Position(lines[0].segment, lines[0].offset)
        if self.line_filter:
            lines = _select_lines(lines, self.effective_filter)
        if not self.at_end or len(self.rows) + len(lines) > 2 * MAX_ROWS:
            self.at_end = False
            return len(lines if self.line_filter or self.raw else _select_lines(lines, self.effective_filter))
        self._rows_end = self.log_end
        if self._rows_start is None:
            self._rows_start = begin
        return self._append_rows(lines)

    def count_rows_of(self, lines: Sequence[Line], author: Author | None) -> int:
        """Return how many of ``lines`` are rows of ``author``."""
        needle = str(author).encode()
        own = [line for line in lines if needle in line.raw and line.entry is not None and line.entry.author == author]
        return len(_select_lines(own, self.effective_filter)) if author is not None else 0

    def read_lines_around(self, line: Line) -> list[Line]:
        """Some lines before ``line``, itself, and some after it, in their order. Raises OSError."""
        segment, known = line.segment, self.log_end
        if segment.size() < line.end:  # it was truncated: nothing is beside it any more
            return [line]
        end = known.offset if known is not None and known.segment == segment else None
        before = list(islice(lines_backward(segment, line.offset), _MAX_SECTION_LINES))[::-1] if line.offset else []
        return [*before, line, *islice(lines_forward(segment, line.end, end), _MAX_SECTION_LINES)]

    def search(
        self, pattern: Pattern, from_row: Row | None, direction: int, *, wrapped: bool = False
    ) -> Iterator[ChunkMatches]:
        """The shown lines that ``pattern`` finds, below the row ``from_row`` (``direction`` 1) or above it (-1).

        ``wrapped``: those on its other side and itself, in the same direction. Raises OSError.
        """
        if self.log_end is None:
            return iter(())
        wanted = self.effective_filter_with(pattern)
        if wrapped:
            if direction < 0:
                return search_backward(self._journal, self.log_end, wanted)
            first = Position(self._journal.oldest_segment(self.log_end.segment), 0)
            end = self.log_end if from_row is None else Position(from_row.line.segment, from_row.line.end)
            return search_forward(self._journal, first, end, wanted)
        if direction < 0:
            return search_backward(self._journal, self.log_end if from_row is None else from_row.position, wanted)
        after = self.log_end if from_row is None else Position(from_row.line.segment, from_row.line.end)
        if after.segment == self.log_end.segment and after.offset > self.log_end.offset:  # it was truncated since
            after = Position(after.segment, 0)
        return search_forward(self._journal, after, self.log_end, wanted)

    def replace_rows(self, lines: Sequence[Line], end: Position) -> int:
        """Makes the last lines that the follower has told of, up to ``end``, all rows there are; gives how many.

        Those before them are read when they are asked for.
        """
        self._reset_to(Position(lines[0].segment, lines[0].offset))
        self.log_end = self._rows_end = end
        self.at_end = True
        return self._append_rows(lines)

    @property
    def effective_filter(self) -> LineFilter:
        """The lines that are rows now."""
        return (
            self.line_filter
            if self.raw
            else LineFilter(
                self.line_filter.include, (*self.line_filter.exclude, *_HIDDEN_UNLESS_RAW), skip_repeated=True
            )
        )

    def effective_filter_with(self, pattern: Pattern) -> LineFilter:
        """The lines that are rows now and that ``pattern`` finds."""
        return self.effective_filter._replace(include=(*self.effective_filter.include, MatchesPattern(pattern)))

    def _drop_from(self, position: Position) -> None:
        """Drops the rows of lines that stood at ``position`` or after it, and were taken back."""
        if (
            self._rows_end is None
            or self._rows_end.segment != position.segment
            or self._rows_end.offset <= position.offset
        ):
            return
        while (
            self.rows
            and self.rows[-1].line.segment == position.segment
            and self.rows[-1].line.offset >= position.offset
        ):
            self.rows.pop()
        self._rows_end, self._section = position, None

    def forget_before(self, index: int) -> int:
        """Drops rows far before ``index``; gives how many."""
        excess = min(len(self.rows) - MAX_ROWS, index - MAX_ROWS // 2)
        while excess > 0 and self.rows[excess].read_from is None:
            excess -= 1
        if excess < ROWS_PER_READ:
            return 0
        segment, begin = self.rows[excess].line.segment, self.rows[excess].read_from
        assert begin is not None
        del self.rows[:excess]
        if self._section is not None:
            self._section = self._section._replace(first=self._section.first - excess)
        self._rows_start, self.at_start = Position(segment, begin), False
        return excess

    def forget_after(self, index: int) -> None:
        """Drops rows far after ``index``."""
        keep = MAX_ROWS
        while keep < len(self.rows) and self.rows[keep].read_from is None:
            keep += 1
        if len(self.rows) - keep >= ROWS_PER_READ and index < MAX_ROWS // 2:
            segment, begin = self.rows[keep].line.segment, self.rows[keep].read_from
            assert begin is not None
            self._rows_end, self._section, self.at_end = Position(segment, begin), None, False
            del self.rows[keep:]

    def set_raw(self, raw: bool) -> None:
        """Folds or unfolds the sections of the rows that are here."""
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
        self._section = self._add_rows(lines, self.rows, None)

    def _read_before(self, segment: Segment, offset: int) -> tuple[int, list[Line]]:
        """Lines before ``offset`` that may be rows, and from where on they are all that there are."""
        if not self.line_filter:
            lines = _lines_before(segment, offset)
            return (lines[0].offset if lines else 0), lines
        until = time.monotonic() + SLICE_S
        for found in matches_backward(segment, offset, self.effective_filter):
            if found.lines or time.monotonic() > until:
                return found.start, found.lines
        return 0, []

    def _read_after(self, segment: Segment, offset: int, stop: int | None) -> tuple[int, list[Line]]:
        """Lines after ``offset`` that may be rows, and up to where they are all that there are."""
        if not self.line_filter:
            lines = list(islice(lines_forward(segment, offset, stop), ROWS_PER_READ))
            if stop is not None and lines and not lines[-1].finished:
                lines.pop()
            return (lines[-1].end if lines else offset), lines
        end, lines, until = offset, list[Line](), time.monotonic() + SLICE_S
        for found in matches_forward(segment, offset, stop, self.effective_filter):
            end, lines = found.end, found.lines
            if lines or time.monotonic() > until:
                break
        return end, lines

    def _lines_between(self, start: Position, end: Position) -> Iterator[Line]:
        for segment in self._journal.chain.segments_between(start.segment, end.segment):
            offset = start.offset if segment == start.segment else 0
            yield from lines_forward(segment, offset, end.offset if segment == end.segment else None)

    def _report_failure(self, segment: Segment, error: OSError | JournalError) -> None:
        why = error.strerror if isinstance(error, OSError) else error
        self.problem = f"{segment.path} cannot be read: {why}"

    def _reset_to(self, position: Position) -> None:
        self.rows, self._section = [], None
        self._rows_start = self._rows_end = position
        self.at_start = False

    def _append_rows(self, lines: Sequence[Line]) -> int:
        before = len(self.rows)
        self._section = self._add_rows(lines, self.rows, self._section)
        return len(self.rows) - before

    def _add_rows(self, lines: Iterable[Line], rows: list[Row], section: _LockSection | None) -> _LockSection | None:
        """Adds the rows of ``lines`` to ``rows``; gives the section that is still open after them."""
        for line in lines:
            entry = line.entry
            begin: int | None = line.offset
            if self.line_filter:  # the lines between are not here, and so no section is whole
                rows.append(Row(line, entry, None, begin))
                continue
            if section is not None:
                begin = section.begin if section.first == len(rows) else None
            if (
                self.raw
                or entry is None
                or not (line.is_repeated or any(one.matches(line.raw) for one in _HIDDEN_UNLESS_RAW))
            ):
                rows.append(Row(line, entry, None, begin))
            if entry is None or entry.text not in CEREMONY_TEXTS:
                continue
            if entry.text == ACQUIRED:
                section = _LockSection(entry, len(rows), line.offset)
            elif section is not None:
                if not self.raw and section.acquired.tag("BY") == entry.tag("BY") and 0 <= section.first < len(rows):
                    held = entry.stamp.ns - section.acquired.stamp.ns
                    rows[section.first] = rows[section.first]._replace(lock_held_ns=held)
                section = None
        return section


def _select_lines(lines: Sequence[Line], line_filter: LineFilter) -> list[Line]:
    """Those of ``lines`` that are ``line_filter``: found all at once."""
    begins = list(accumulate((len(line.raw) + 1 for line in lines), initial=0))
    found = set(line_filter.matching_line_offsets(b"".join(line.raw + b"\n" for line in lines)))
    among = (line for line, begin in zip(lines, begins, strict=False) if begin in found)
    return [line for line in among if not (line_filter.skip_repeated and line.is_repeated)]


def _lines_before(segment: Segment, offset: int) -> list[Line]:
    """Some lines before ``offset``, in their order; a section that would be cut and lose its hold time comes whole."""
    earlier = lines_backward(segment, offset)
    lines = list(islice(earlier, ROWS_PER_READ))
    if _is_inside_section(lines):
        for line in islice(earlier, _MAX_SECTION_LINES):
            lines.append(line)
            if line.raw.endswith(_CEREMONY_BYTES[0]):
                break
    lines.reverse()
    return lines


def _is_inside_section(lines: Sequence[Line]) -> bool:
    """Whether the earliest of ``lines`` (the last first) is inside a section."""
    for line in reversed(lines):
        if line.raw.endswith(_CEREMONY_BYTES[1]):
            return True
        if line.raw.endswith(_CEREMONY_BYTES[0]):
            return False
    return False
