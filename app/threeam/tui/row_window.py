"""The rows that are loaded around the screen, as the widgets of the log use them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from threeam.core.store.filters import Condition, LineFilter
from threeam.core.store.journal import Position, ResumePoint
from threeam.core.store.pattern import Pattern
from threeam.core.store.reader import Line
from threeam.core.store.seek import ChunkMatches
from threeam.tui.line_counter import Counter
from threeam.tui.log_rows import Row


class TimeMatch(NamedTuple):
    """The first line at a time or later; ``position`` None: every line is earlier.

    ``other_count``: how many more places have this time, since the clock was stepped back. ``begins_later``: it is the
    first line of all, and later.
    """

    position: Position | None
    other_count: int = 0
    begins_later: bool = False


class RowWindow(Protocol):
    """Rows around the screen: read on demand, backwards or forwards, and dropped when they are far away.

    ``line_filter`` selects the lines that are rows. ``at_start``, ``at_end``: there is nothing before or after the
    rows. ``problem``: why the last read failed, or "". ``log_end``: how far the follower has read the journal; it
    started at ``anchor``. ``pinned``: the indexes at which no row may be inserted now: they are on a paused screen.
    """

    rows: list[Row]
    line_filter: LineFilter
    at_start: bool
    at_end: bool
    problem: str
    log_end: Position | None
    anchor: ResumePoint | None
    pinned: range

    @property
    def raw(self) -> bool:
        """True if the lines that are hidden otherwise are rows too."""

    @property
    def has_waiting(self) -> bool:
        """True if a row waits for `insert_waiting`."""

    def go_to_end(self) -> None:
        """Load the last rows."""

    def go_to_start(self) -> None:
        """Load the first rows."""

    def load_around(self, position: Position) -> int:
        """Load the rows around ``position``; return the index of the first row at or after it."""

    def read_backward(self) -> int:
        """Read rows before the first; return how many were added. 0 with `at_start` False means: call again."""

    def read_forward(self) -> int:
        """Read rows after the last; return how many were added. 0 with `at_end` False means: call again."""

    def append(self, lines: Sequence[Line], end: Position | None = None, *, truncated: bool = False) -> int:
        """Add lines of the journal up to ``end``; return how many rows they make, shown or not."""

    def insert_waiting(self) -> int:
        """Insert the rows that were not inserted because their place was pinned; return how many."""

    def replace_rows(self, lines: Sequence[Line], end: Position) -> int:
        """Show the end of the journal with ``lines``, the last that were read; return how many rows there are."""

    def count_rows_of(self, lines: Sequence[Line], user: str) -> int:
        """Return how many of ``lines`` are rows of ``user``."""

    def read_lines_around(self, line: Line) -> list[Line]:
        """Return some lines before ``line`` in its file, itself, and some after it. Raises OSError."""

    def search(
        self, pattern: Pattern, from_row: Row | None, direction: int, *, wrapped: bool = False
    ) -> Iterator[ChunkMatches]:
        """Yield the shown lines that ``pattern`` matches, below ``from_row`` (``direction`` 1) or above it (-1)."""

    def parse_filter(self, text: str) -> tuple[bool, Condition]:
        """Return whether a typed term excludes lines, and its condition. Raises `BadInput`."""

    def find_time(self, ns: int) -> TimeMatch:
        """Return the first line at ``ns`` or later; called on a thread. Raises OSError or `JournalError`."""

    @property
    def effective_filter(self) -> LineFilter:
        """The filter that selects all lines that are rows now."""

    def effective_filter_with(self, pattern: Pattern) -> LineFilter:
        """Return the filter for the lines that are rows now and that ``pattern`` matches."""

    def make_counter(self, line_filter: LineFilter) -> Counter:
        """Return a counter of the rows that pass ``line_filter``, one of the two above."""

    def forget_before(self, index: int) -> int:
        """Drop rows far before ``index``; return how many."""

    def forget_after(self, index: int) -> None:
        """Drop rows far after ``index``."""

    def set_raw(self, raw: bool) -> None:
        """Show the lines that are hidden otherwise, or hide them again."""

    def share_before(self, row: Row) -> float:
        """Return about which share of everything is before ``row``, from 0 to 1."""

    def pop_problems(self) -> list[str]:
        """Return what could not be read and was not reported yet."""
