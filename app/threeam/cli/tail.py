"""``3am tail``: the log as plain text."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from select import poll

from threeam.cli.colour import format_coloured, is_colour_enabled
from threeam.cli.console import line_json, print_err, report_unreadable_files, write_texts
from threeam.cli.context import Context, context
from threeam.cli.exits import ExitCode
from threeam.cli.line_query import ALL_LINES, LineQuery, parse_time_range
from threeam.cli.mirrors import on_host
from threeam.cli.parser import Parser
from threeam.core.config.options import parse_hypothesis_number
from threeam.core.errors import BadInput
from threeam.core.format.entry import NS_PER_S, escape_unprintable
from threeam.core.store.filters import (
    ByAuthor,
    Condition,
    InHypothesis,
    IsKind,
    LineFilter,
    MatchesPattern,
    OnHypothesis,
    parse_condition,
    parse_kind,
)
from threeam.core.store.follow import MAX_POLL_S, Follower
from threeam.core.store.journal import Journal, Position, ResumePoint, Segment
from threeam.core.store.pattern import Pattern
from threeam.core.store.reader import Line, last_line_end
from threeam.core.store.seek import search_backward

_DEFAULT_LINES = 10  # as tail(1)
_STDIN, _STDOUT = 0, 1


def run(_command: str, argv: Sequence[str]) -> int:
    """Run ``3am tail``."""
    parser = Parser(
        "3am tail",
        "Prints the last lines of the journal. -f follows it by name, through rotation and truncation. All conditions "
        "must match. A regular expression is searched in the whole line as it is in the log: ^ is before the stamp, "
        "and '\\] foo' finds a text that begins with foo. Exit 1 if there is no log, or if a search finds nothing.",
        "examples:\n  3am tail -f --not 'kind:coffee'\n  3am tail --since -15m --grep 'H7|deadlock'\n"
        "  3am tail --hyp H7 --json | jq .text\n  3am tail -n +1 | less\n  3am tail --host db1 -f",
    )
    parser.add_argument(
        "-f", "-F", "--follow", action="store_true", help="keep printing what is appended, up to --until if given"
    )
    parser.add_argument(
        "-n",
        "--lines",
        type=_parse_line_count,
        metavar="N",
        help=f"the last N lines (default: {_DEFAULT_LINES}; all in a search); +N: from line N of the log on",
    )
    parser.add_time_argument("--since", about="from T on: 03:14, -15m, yesterday, @stamp")
    parser.add_time_argument("--until", about="up to T")
    for names, metavar, about, parse in (
        (("--grep",), "RE", "lines that match the regular expression (case-sensitive)", str),
        (("--not",), "RE", "lines that do not match; kind:, by: and H7 too", str),
        (("--kind",), "KIND", "lines of this kind: hypothesis, warning, note, foreign, …", str),
        (("--by",), "USER", "lines of this person; script: lines without an author", str),
        (("-H", "--hyp"), "H7", "lines that belong to this hypothesis; db1/H7: of another host", _parse_hypothesis),
    ):
        parser.add_argument(*names, action="append", default=[], metavar=metavar, type=parse, help=about)
    parser.add_argument("--host", metavar="HOST", help="the journal of this host of the team, from its mirror here")
    parser.add_argument("--json", action="store_true", help="one object a line")
    parser.add_argument(
        "--mirror",
        action="store_true",
        help="the exact bytes, from a cursor on that is read from stdin: what 3am team ssh://HOST runs on HOST",
    )
    args = parser.parse_args(argv)
    if args.mirror:
        given = {name for name, value in vars(args).items() if value != parser.get_default(name)}
        if given - {"mirror", "log", "lock", "journal"}:
            raise BadInput("3am tail: --mirror goes with --log, --lock and -j alone")
        return _feed_mirror(args)
    line_filter = _line_filter(args)
    ctx = on_host(context(args), args.host)
    query = LineQuery(line_filter, *parse_time_range(args, ctx))
    is_search = query != LineQuery(ALL_LINES)
    first_line, max_lines = args.lines or (None, None if is_search else _DEFAULT_LINES)
    format_line = _format_json if args.json else _text_format()
    printed = _print_tail(ctx, query, first_line, max_lines, format_line, args.follow)
    if args.follow and (problem := ctx.journal.problem):
        print_err(problem)
        return ExitCode.IO_ERROR
    return ExitCode.NEGATIVE if printed is None or (is_search and not printed) else ExitCode.OK


def _feed_mirror(args: Namespace) -> int:
    """Feed the log to ``3am team`` on another host, until that ends."""
    from threeam.team.origin import host_name
    from threeam.team.ssh.log_feed import LogFeed  # no other tail needs it

    ctx = context(args)
    ctx.require_log()
    LogFeed(ctx.journal, host_name()).run(_STDIN, _STDOUT)
    return ExitCode.OK


def _parse_hypothesis(text: str) -> Condition:
    host, slash, number = text.rpartition("/")
    condition = InHypothesis(parse_hypothesis_number(number))
    return OnHypothesis(f"{host}/{condition.name}") if slash else condition


_parse_hypothesis.__name__ = parse_hypothesis_number.__name__  # argparse prints it in its message


def _line_filter(args: Namespace) -> LineFilter:
    include: tuple[Condition, ...] = (
        *(MatchesPattern(Pattern(text, case_sensitive=True)) for text in args.grep),
        *map(parse_kind, args.kind),
        *map(ByAuthor, args.by),
        *args.hyp,
    )
    exclude = tuple(parse_condition(text, case_sensitive=True) for text in getattr(args, "not"))
    return LineFilter(include, exclude, skip_repeated=True)


def print_lines_before(ctx: Context, end: Position) -> int:
    """Print the last lines of the journal before ``end``, and return the exit code."""
    lines = islice(LineQuery(ALL_LINES).read_backward(ctx.journal, *end), _DEFAULT_LINES)
    _print_lines(list(lines)[::-1], _text_format())
    return ExitCode.OK


def _print_tail(
    ctx: Context,
    query: LineQuery,
    first_line: int | None,
    max_lines: int | None,
    format_line: Callable[[Line], str],
    follow: bool,
) -> int | None:
    """Print the lines of ``query`` and return how many, or None if there is no log.

    ``max_lines``: only the last ones; None for all of them from ``first_line`` on. With ``follow`` it returns when
    stdout is closed, or at the end of the query's time range.
    """
    segment = ctx.journal.open_live()
    if segment is None:
        no_log = f"there is no log at {ctx.journal.log_path}: 3am log TEXT begins one; 3am path explains the choice"
        print_err(f"{no_log}; waiting for it" if follow else no_log)
        if not follow:
            return None
    start: ResumePoint | None = None
    printed = 0
    if segment is not None:
        size = segment.size()
        end = last_line_end(segment, size) if follow else size  # a follower waits for the end of an unfinished line
        start = ResumePoint.capture(segment, end)
        if max_lines is None:
            lines: Iterator[Line] = query.read_forward(ctx.journal, segment, end, first_line or 1)
        else:
            lines = iter(list(islice(query.read_backward(ctx.journal, segment, end), max_lines))[::-1])
        printed = _print_lines(lines, format_line)
        if not printed:
            _report_absent_terms(query.line_filter, ctx.journal, segment)
    if not follow:
        return printed
    with closing(Follower(ctx.journal, start)) as follower:
        return printed + _follow(ctx, query, format_line, follower)


def _report_absent_terms(line_filter: LineFilter, journal: Journal, live: Segment) -> None:
    """Print which terms of a search have no line in the whole log: they may be misspelled."""
    for condition in line_filter.include:
        match condition:
            case OnHypothesis(name):
                name = f"line about {name}"
            case InHypothesis(number):
                name = f"H{number}"
            case ByAuthor("script"):
                name = "line without an author"
            case ByAuthor(user):
                name = f"line by {user}"
            case IsKind(kind):
                name = f"line of the kind {kind.lower()}"
            case _:  # a text: the empty result is the answer
                continue
        blocks = search_backward(journal, Position(live, live.size()), LineFilter((condition,)))
        if not any(block.lines for block in blocks):
            print_err(f"the log has no {escape_unprintable(name)}")


def _follow(ctx: Context, query: LineQuery, format_line: Callable[[Line], str], follower: Follower) -> int:
    """Print the appended lines that match, and return how many.

    Ends when stdout is closed, at the end of the query's time range, or if the journal has a problem.
    """
    printed = 0
    reader_gone = poll()  # for `tail -f | head -1`: on a quiet log no write would fail
    reader_gone.register(_STDOUT, 0)  # POLLERR and POLLHUP are always reported
    while True:
        lines = follower.read()
        report_unreadable_files()
        for line in lines:
            if line.gap_reason:
                print_err(line.gap_reason)
        printed += _print_lines(filter(query.matches, lines), format_line)
        remaining_s = MAX_POLL_S if query.until_ns is None else _seconds_left(query.until_ns, lines, ctx.clock().ns)
        if remaining_s <= 0:
            return printed
        if reader_gone.poll(0) or ctx.journal.problem:  # checked also while the appended lines do not match
            return printed
        follower.wait(min(remaining_s, MAX_POLL_S))


def _seconds_left(until_ns: int, lines: Sequence[Line], now_ns: int) -> float:
    """Return for how long a line of ``until_ns`` or before may still be appended after ``lines``.

    A writer stamps a line before it appends it, and the disk may delay it in between, by `MAX_POLL_S` at most.
    """
    if any(line.entry is not None and line.entry.stamp.ns > until_ns for line in lines):
        return 0
    return (until_ns - now_ns) / NS_PER_S + MAX_POLL_S


def _print_lines(lines: Iterable[Line], format_line: Callable[[Line], str]) -> int:
    """Print ``lines`` and return how many."""
    return write_texts(f"{format_line(line)}\n" for line in lines)


def _text_format() -> Callable[[Line], str]:
    return format_coloured if is_colour_enabled() else _format_text


def _format_text(line: Line) -> str:
    return line.display_text


def _format_json(line: Line) -> str:
    return json.dumps(line_json(line), ensure_ascii=False)


def _parse_line_count(text: str) -> tuple[int | None, int | None]:
    """Return (N, None) for ``+N``, which is from that line on, and (None, N) for ``N``, which is the last N lines."""
    digits = text.removeprefix("+")
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 18:
        raise ValueError(text)
    return (max(1, int(digits)), None) if text[0] == "+" else (None, int(digits))


_parse_line_count.__name__ = "number of lines"  # argparse prints it in its message
