"""The lines that a command prints: which of the journal's lines, and from which time range."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import NamedTuple

from threeam.cli.console import print_err
from threeam.cli.context import Context
from threeam.core.format.times import parse_time_bound
from threeam.core.store.filters import LineFilter
from threeam.core.store.journal import Journal, Segment
from threeam.core.store.reader import Line, lines_backward
from threeam.core.store.seek import matches_backward, matches_forward, passes_filter, ranges_between_times
from threeam.core.store.stamp_ref import expand_stamp_ref

ALL_LINES = LineFilter(skip_repeated=True)
"""Every line, but those that a rotation repeated only once."""


class LineQuery(NamedTuple):
    """A filter of lines and a time range (ns, both ends included; None: open)."""

    line_filter: LineFilter
    since_ns: int | None = None
    until_ns: int | None = None

    def matches(self, line: Line) -> bool:
        """Return whether ``line`` passes the filter and is in the time range."""
        return passes_filter(line, self.line_filter) and self._is_in_time_range(line)

    def _is_in_time_range(self, line: Line) -> bool:
        if self.since_ns is None and self.until_ns is None:
            return True
        entry = line.entry
        return (
            entry is not None  # a foreign line has no time
            and (self.since_ns is None or entry.stamp.ns >= self.since_ns)
            and (self.until_ns is None or entry.stamp.ns <= self.until_ns)
        )

    def read_forward(self, journal: Journal, live: Segment, end: int, first_line: int = 1) -> Iterator[Line]:
        """Yield the matching lines, the oldest first, from line ``first_line`` of the journal to offset ``end``.

        ``end`` is an offset in ``live``, the newest file.
        """
        skipped = 0  # lines of the journal
        for segment in journal.segments_forward(live):
            stop = end if segment == live else segment.size()
            start = 0
            if skipped < first_line - 1:
                start, count = _skip_lines(segment, stop, first_line - 1 - skipped)
                skipped += count
            for range_start, range_end in ranges_between_times(segment, stop, self.since_ns, self.until_ns):
                if range_end > start:
                    for block in matches_forward(segment, max(range_start, start), range_end, self.line_filter):
                        yield from filter(self._is_in_time_range, block.lines)

    def read_backward(self, journal: Journal, live: Segment, end: int) -> Iterator[Line]:
        """Yield the matching lines before offset ``end`` of ``live``, the newest file; the last line first."""
        for segment in journal.segments_backward(live):
            stop = end if segment == live else segment.size()
            if self == LineQuery(ALL_LINES):  # to read a whole block would take longer than a few lines
                yield from filter(self.matches, lines_backward(segment, stop))
                continue
            for range_start, range_end in reversed(ranges_between_times(segment, stop, self.since_ns, self.until_ns)):
                for block in matches_backward(segment, range_end, self.line_filter, range_start):
                    yield from filter(self._is_in_time_range, block.lines[::-1])


def _skip_lines(segment: Segment, end: int, count: int) -> tuple[int, int]:
    """Return the offset after the first ``count`` lines before ``end``, and how many lines that skips.

    They are fewer if the file has fewer.
    """
    skipped = 0
    for block in matches_forward(segment, 0, end, ALL_LINES):
        if skipped + len(block.lines) > count:
            return block.lines[count - skipped].offset, count
        skipped += len(block.lines)
    return end, skipped


def parse_time_range(args: argparse.Namespace, ctx: Context) -> tuple[int | None, int | None]:
    """Return the instants (ns) that ``--since`` and ``--until`` name. Raises `BadTime`.

    An ``--until`` without a date is the first such time after the beginning; with ``--follow``, the next one. If the
    clocks went back and there are two, say on stderr which one is taken.
    """
    now = ctx.clock()
    since_ns, since_note = None, ""
    if args.since is not None:
        since_ns, since_note = parse_time_bound(expand_stamp_ref(ctx.journal, args.since), now, ctx.zone, latest=False)
    until_ns, until_note = None, ""
    if args.until is not None:
        after_ns = now.ns if getattr(args, "follow", False) else since_ns
        until_ns, until_note = parse_time_bound(
            expand_stamp_ref(ctx.journal, args.until), now, ctx.zone, latest=True, after_ns=after_ns
        )
    for note in filter(None, (since_note, until_note)):
        print_err(note)
    return since_ns, until_ns
