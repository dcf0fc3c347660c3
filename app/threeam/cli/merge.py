"""``3am merge``: the lines of several logs, in the order of their timestamps."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, takewhile
from queue import Empty, SimpleQueue
from select import poll
from typing import NamedTuple

from threeam.cli.console import print_err, write_bytes
from threeam.cli.context import Context, context
from threeam.cli.exits import ExitCode
from threeam.cli.line_query import parse_time_range
from threeam.cli.merge_output import BEFORE, FORMATS, LATE, UNKNOWN, RowFormatter, row_formatter
from threeam.cli.parser import Parser
from threeam.cli.source_files import open_named_files
from threeam.core.format.entry import NS_PER_S
from threeam.core.store.filters import LineFilter, MatchesPattern, parse_condition
from threeam.core.store.follow import MAX_POLL_S
from threeam.core.store.pattern import Pattern
from threeam.timeline.arguments import OpenedSources, add_source_options
from threeam.timeline.columns import merged_bytes
from threeam.timeline.follow import SourceFollower
from threeam.timeline.instant import Order
from threeam.timeline.live import HoldBuffer, LiveSources, behind
from threeam.timeline.merge import merged_after, merged_before, order_between
from threeam.timeline.source import FIRST_NS, LAST_NS, Key, PlacedLine, Source

_LINES_PER_WRITE = 4096
_BYTES_PER_WRITE = 1024 * 1024
_FOLLOWED_LINES = 10  # that -f prints of the past, as tail(1)
_STDOUT = 1


def run(_command: str, argv: Sequence[str]) -> int:
    """Run ``3am merge``."""
    parser = Parser(
        "3am merge",
        "Prints the lines of several logs in the order of their timestamps, to the nanosecond. Lines without one stay "
        f"with the entry before them. {LATE} marks a line that was written after one with a later timestamp, "
        f"{UNKNOWN} one whose order to the line above is not known: their timestamps are too coarse, or their clocks "
        f"too far apart. {BEFORE} marks one that came before the line above, since the clock was stepped back. The "
        "lines of a file without timestamps come first, in their own order.",
        "examples:\n  3am merge app.log db=/var/log/postgresql/main.log.gz\n"
        "  3am merge --since 03:14 --until 03:15 -o delta web*.log\n"
        "  3am merge --shift 'web2=+3.2ms±0.4ms' --strict web1=a.log web2=b.log\n"
        "  3am merge --since -15m db1 web2          # journals of hosts of the team",
    )
    add_source_options(parser)
    parser.add_argument("-f", "-F", "--follow", action="store_true", help="keep printing what is appended to the files")
    parser.add_argument(
        "-n",
        "--lines",
        type=_parse_count,
        metavar="N",
        help=f"only the last N lines (default: all; with -f {_FOLLOWED_LINES})",
    )
    parser.add_time_argument("--since", about="from T on: 03:14, -15m, yesterday, @stamp")
    parser.add_time_argument("--until", about="up to T")
    parser.add_argument("--grep", action="append", default=[], metavar="RE", help="lines that match (case-sensitive)")
    parser.add_argument("--not", action="append", default=[], metavar="RE", help="lines that do not match")
    parser.add_argument(
        "-o",
        "--output",
        choices=FORMATS,
        default="short",
        metavar="FORMAT",
        help="short: time, source, line; delta: with the time since the line above; raw: the bytes of each line; json",
    )
    parser.add_argument("--strict", action="store_true", help="exit 1 if a line is late, or an order is not known")
    args = parser.parse_intermixed_args(argv)  # options may stand between the files
    ctx = context(args)
    query = _Query.parse(args, ctx)
    opened = open_named_files(args, ctx, live=args.follow)
    if not opened.sources:
        return ExitCode.IO_ERROR
    late_count, unknown_count = _print_merged(opened, query, args, ctx)
    if args.strict and (late_count or unknown_count):
        print_err(f"late lines: {late_count:,}; orders that are not known: {unknown_count:,}")
    truncated = [] if args.follow else [source for source in opened.sources if source.is_truncated]
    for source in truncated:
        print_err(f"{source.name} was truncated while it was read: lines are missing")
    if opened.problems or truncated:
        return ExitCode.IO_ERROR
    return ExitCode.NEGATIVE if args.strict and (late_count or unknown_count) else ExitCode.OK


class _Query(NamedTuple):
    """The lines that are printed: those from ``since_ns`` to ``until_ns`` that pass the filter, or the last of them."""

    line_filter: LineFilter
    since_ns: int
    until_ns: int
    max_lines: int | None

    @classmethod
    def parse(cls, args: Namespace, ctx: Context) -> _Query:
        """Return the query of the options. Raises `BadInput`."""
        include = tuple(MatchesPattern(Pattern(text, case_sensitive=True)) for text in args.grep)
        exclude = tuple(parse_condition(text, case_sensitive=True) for text in getattr(args, "not"))
        since_ns, until_ns = parse_time_range(args, ctx)
        first_ns, last_ns = FIRST_NS if since_ns is None else since_ns, LAST_NS if until_ns is None else until_ns
        is_open = since_ns is None and not include and not exclude
        max_lines = _FOLLOWED_LINES if args.lines is None and args.follow and is_open else args.lines
        return cls(LineFilter(include, exclude), first_ns, last_ns, max_lines)

    def read(self, sources: Sequence[Source]) -> Iterator[PlacedLine]:
        """Yield the lines in their order. Raises OSError."""
        if self.max_lines is not None:
            lines = merged_before(sources, Key(min(self.until_ns + 1, LAST_NS)))
            in_range = takewhile(lambda placed: placed.ns >= self.since_ns, lines)
            return iter(list(islice(filter(self.passes, in_range), self.max_lines))[::-1])
        lines = merged_after(sources, Key(self.since_ns))
        return filter(self.passes, takewhile(lambda placed: placed.ns <= self.until_ns, lines))

    def passes(self, placed: PlacedLine) -> bool:
        """Return whether a line passes the filter."""
        return not self.line_filter or self.line_filter.matches(placed.line.raw)

    def matches(self, placed: PlacedLine) -> bool:
        """Return whether a line passes the filter and is in the time range."""
        return self.since_ns <= placed.ns <= self.until_ns and self.passes(placed)


def _print_merged(opened: OpenedSources, query: _Query, args: Namespace, ctx: Context) -> tuple[int, int]:
    """Print the lines; return how many were late, and of how many the order is not known, if ``--strict`` asks."""
    sources = opened.sources
    arrivals: SimpleQueue[tuple[SourceFollower, list[PlacedLine]]] = SimpleQueue()
    live = LiveSources(sources, lambda *arrival: arrivals.put(arrival)) if args.follow else None
    for source in sources:  # all of it: a late line may be anywhere
        source.make_index()
        if source.detection is None:
            print_err(f"{source.name}: no timestamp found; its lines come first, in their own order")
    printer = _Printer(row_formatter(args.output, sources, ctx.zone))
    has_huge_line = any(source.index is not None and source.index.has_huge_line for source in sources)
    is_whole = not (args.strict or query.line_filter or query.max_lines is not None)
    if args.output == "raw" and live is None and is_whole and not has_huge_line:
        for data in merged_bytes(sources, query.since_ns, query.until_ns):
            write_bytes(data)
        return 0, 0
    lines = query.read(sources)
    while batch := list(islice(lines, _LINES_PER_WRITE)):
        printer.print(batch)
    if live is not None:
        live.start()
        _follow(arrivals, query, printer)
        live.stop()
    return printer.late_count, printer.unknown_count


def _follow(arrivals: SimpleQueue[tuple[SourceFollower, list[PlacedLine]]], query: _Query, printer: _Printer) -> None:
    """Print what is appended, after a short hold; return when stdout is closed, or after the end of the time range."""
    buffer, problems = HoldBuffer(), dict[str, str]()
    reader_gone = poll()  # for `merge -f | head -1`: on quiet logs no write would fail
    reader_gone.register(_STDOUT, 0)  # POLLERR and POLLHUP are always reported
    while not reader_gone.poll(0) and time.time_ns() < query.until_ns + buffer.hold_ns:
        release_ns, now_ns = buffer.next_release_ns(), time.monotonic_ns()
        wait_s = MAX_POLL_S if release_ns is None else max(0, release_ns - now_ns) / NS_PER_S
        try:
            follower, lines = arrivals.get(timeout=min(wait_s, MAX_POLL_S))
        except Empty:
            pass
        else:
            buffer.add(lines, time.monotonic_ns())
            name = follower.source.name
            if follower.problem != problems.get(name, ""):
                problems[name] = follower.problem
                print_err(follower.problem or f"{name} is back")
        shown_ns = buffer.shown_ns
        printer.print([line for line in buffer.release(time.monotonic_ns()) if query.matches(line)], shown_ns)


class _Printer:
    """Prints lines with their order to the line before, and counts those that are late or whose order is not known."""

    def __init__(self, format_row: RowFormatter) -> None:
        self._format_row = format_row
        self._previous: PlacedLine | None = None
        self.late_count = self.unknown_count = 0

    def print(self, lines: Iterable[PlacedLine], shown_ns: int = FIRST_NS) -> None:
        """Print ``lines``; those before ``shown_ns`` are too late for their places."""
        data, size = list[bytes](), 0
        for placed in lines:
            if (behind_ns := behind(placed, shown_ns)) > 0:
                placed = placed._replace(lateness_ns=max(placed.lateness_ns, behind_ns))
            order = order_between(placed, self._previous)
            self.late_count += placed.lateness_ns > 0 and not placed.is_continuation
            self.unknown_count += order is not Order.AFTER
            for piece in self._format_row(placed, order, self._previous):
                data.append(piece)
                size += len(piece)
                if size >= _BYTES_PER_WRITE:
                    write_bytes(b"".join(data))
                    data, size = [], 0
            self._previous = placed
        write_bytes(b"".join(data))


def _parse_count(text: str) -> int:
    """Return a number of lines. Raises `ValueError`."""
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise ValueError(text)
    return int(text)


_parse_count.__name__ = "number of lines"  # argparse prints it in its message
