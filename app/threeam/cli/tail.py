"""``3am tail``: the log as plain text."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from select import poll
from typing import NamedTuple

from threeam.cli.colour import format_coloured, is_colour_enabled
from threeam.cli.console import line_json, print_err, report_unreadable_files, write_bytes
from threeam.cli.context import Context, context
from threeam.cli.exits import ExitCode
from threeam.cli.parser import Parser
from threeam.core.format.entry import NS_PER_S, escape_unprintable
from threeam.core.format.times import parse_time_bound
from threeam.core.store.filters import (
    ByAuthor,
    InHypothesis,
    IsKind,
    LineFilter,
    MatchesPattern,
    parse_condition,
    parse_kind,
)
from threeam.core.store.follow import MAX_POLL_S, Follower
from threeam.core.store.journal import Journal, Position, ResumePoint, Segment
from threeam.core.store.pattern import Pattern
from threeam.core.store.reader import Line, last_line_end, lines_backward
from threeam.core.store.seek import (
    matches_backward,
    matches_forward,
    passes_filter,
    ranges_between_times,
    search_backward,
)

_LINES = 10  # as tail(1)
_TOGETHER = 64 * 1024  # characters in one write to stdout
_EVERY = LineFilter(skip_repeated=True)


def run(_command: str, argv: Sequence[str]) -> int:
    """Runs ``3am tail``."""
    parser = Parser(
        "3am tail",
        "Prints the last lines of the journal. -f follows it by name, through rotation and truncation. Conditions are "
        "all to hold. A regular expression is searched in the whole line as it is in the log: ^ is before the stamp, "
        "and '\\] foo' finds a text that begins with foo. Exit 1 if there is no log, or if nothing is found that was "
        "asked for.",
        "examples:\n  3am tail -f --not 'kind:coffee'\n  3am tail --since -15m --grep 'H7|deadlock'\n"
        "  3am tail --hyp H7 --json | jq .text\n  3am tail -n +1 | less",
    )
    parser.add_argument(
        "-f", "-F", "--follow", action="store_true", help="go on with what is appended, up to --until if it is there"
    )
    parser.add_argument(
        "-n",
        "--lines",
        type=_count,
        metavar="N",
        help=f"the last N lines ({_LINES}; all of a search); +N: from line N of the log on",
    )
    parser.add_argument("--since", metavar="T", help="from T on: 03:14, -15m, yesterday, @stamp")
    parser.add_argument("--until", metavar="T", help="up to T")
    for name, metavar, about, to in (
        ("--grep", "RE", "lines that the regular expression finds; capitals count", str),
        ("--not", "RE", "lines that it does not find; kind:, by: and H7 too", str),
        ("--kind", "KIND", "lines of this kind: hypothesis, warning, note, foreign, …", str),
        ("--by", "USER", "lines of this person; script: those of nobody", str),
        ("--hyp", "H7", "lines that belong to this hypothesis", parse_hypothesis_number),
    ):
        parser.add_argument(name, action="append", default=[], metavar=metavar, type=to, help=about)
    parser.add_argument("--json", action="store_true", help="one object a line")
    args = parser.parse_args(join_time_options(argv))
    wanted = LineFilter(
        (
            *(MatchesPattern(Pattern(text, case_sensitive=True)) for text in args.grep),
            *map(parse_kind, args.kind),
            *map(ByAuthor, args.by),
            *map(InHypothesis, args.hyp),
        ),
        tuple(parse_condition(text, case_sensitive=True) for text in getattr(args, "not")),
        skip_repeated=True,
    )
    at = context(args)
    since, until = parse_time_range(args, at)
    asked = wanted != _EVERY or since is not None or until is not None
    first, count = args.lines or (None, None if asked else _LINES)
    what = LineQuery(wanted, since, until)
    shown = _as_json if args.json else format_coloured if is_colour_enabled() else _as_text
    printed = _tail(at, what, first, count, shown, args.follow)
    return ExitCode.NEGATIVE if printed is None or (asked and not printed) else ExitCode.OK


def print_lines_before(at: Context, end: Position) -> int:
    """Prints the last lines of the journal before ``end``."""
    lines = islice(LineQuery(_EVERY, None, None).read_backward(at.journal, *end), _LINES)
    _print(list(lines)[::-1], format_coloured if is_colour_enabled() else _as_text)
    return ExitCode.OK


def parse_time_range(args: argparse.Namespace, at: Context) -> tuple[int | None, int | None]:
    """Return the instants (ns) that ``--since`` and ``--until`` name. Raises `BadTime`.

    A clock time alone as the end is the first one after the beginning; if lines are followed, the next one. If there
    are two, since the clocks went back, say on stderr which one is taken.
    """
    now = at.clock()
    since, note = (None, "") if args.since is None else parse_time_bound(args.since, now, at.zone, latest=False)
    after_ns = now.ns if getattr(args, "follow", False) else since
    until, more = (
        (None, "") if args.until is None else parse_time_bound(args.until, now, at.zone, latest=True, after_ns=after_ns)
    )
    for sentence in filter(None, (note, more)):
        print_err(sentence)
    return since, until


class LineQuery(NamedTuple):
    """What is to be printed: which lines, and of what time (ns, both ends included)."""

    line_filter: LineFilter
    since_ns: int | None
    until_ns: int | None

    def matches(self, line: Line) -> bool:
        """Whether a line that has just come is to be printed."""
        return passes_filter(line, self.line_filter) and self._in_time(line)

    def _in_time(self, line: Line) -> bool:
        if self.since_ns is None and self.until_ns is None:
            return True
        entry = line.entry  # a line without a stamp has no place in time
        return (
            entry is not None
            and (self.since_ns is None or entry.stamp.ns >= self.since_ns)
            and (self.until_ns is None or entry.stamp.ns <= self.until_ns)
        )

    def read_forward(self, journal: Journal, live: Segment, end: int, first: int = 1) -> Iterator[Line]:
        """The lines up to ``end`` in the live log, the oldest first; from line ``first`` of the journal on."""
        skipped = 0  # lines of the journal
        for segment in journal.segments_forward(live):
            stop = end if segment == live else segment.size()
            start = 0
            if skipped < first - 1:
                start, count = _after_lines(segment, stop, first - 1 - skipped)
                skipped += count
            for begin, until in ranges_between_times(segment, stop, self.since_ns, self.until_ns):
                if until > start:
                    for found in matches_forward(segment, max(begin, start), until, self.line_filter):
                        yield from filter(self._in_time, found.lines)

    def read_backward(self, journal: Journal, live: Segment, end: int) -> Iterator[Line]:
        """The lines before ``end`` in the live log, the last one first."""
        for segment in journal.segments_backward(live):
            stop = end if segment == live else segment.size()
            if self == LineQuery(_EVERY, None, None):  # reading a block would take longer than the few lines
                yield from filter(self.matches, lines_backward(segment, stop))
                continue
            for begin, until in reversed(ranges_between_times(segment, stop, self.since_ns, self.until_ns)):
                for found in matches_backward(segment, until, self.line_filter, begin):
                    yield from filter(self._in_time, found.lines[::-1])


def _tail(
    at: Context, what: LineQuery, first: int | None, count: int | None, shown: Callable[[Line], str], follow: bool
) -> int | None:
    """How many lines were printed; None where there is no log. Does not end while it follows and is read."""
    segment = at.journal.open_live()
    if segment is None:
        begins = f"there is no log at {at.journal.log_path}: 3am log TEXT begins one, and 3am path says why that one"
        print_err(f"{begins}; waiting for it" if follow else begins)
        if not follow:
            return None
    start: ResumePoint | None = None
    printed = 0
    if segment is not None:
        size = segment.size()
        end = last_line_end(segment, size) if follow else size  # a follower holds an unfinished line back
        start = ResumePoint.capture(segment, end)
        if count is None:
            lines: Iterator[Line] = what.read_forward(at.journal, segment, end, first or 1)
        else:
            lines = iter(list(islice(what.read_backward(at.journal, segment, end), count))[::-1])
        printed = _print(lines, shown)
        if not printed:
            _talk_of_missing(what.line_filter, at.journal, segment)
    if not follow:
        return printed
    with closing(Follower(at.journal, start)) as follower:
        return printed + _followed(at, what, shown, follower)


def _talk_of_missing(wanted: LineFilter, journal: Journal, live: Segment) -> None:
    """Say which of the things that the search names have no line in the whole log: they may be misspelled."""
    for condition in wanted.include:
        match condition:
            case InHypothesis(number):
                name = f"H{number}"
            case ByAuthor("script"):
                name = "line without an author"
            case ByAuthor(user):
                name = f"line by {user}"
            case IsKind(kind):
                name = f"line of the kind {kind.lower()}"
            case _:  # a text: that no line has it is the answer
                continue
        if not any(
            found.lines for found in search_backward(journal, Position(live, live.size()), LineFilter((condition,)))
        ):
            print_err(f"the log has no {escape_unprintable(name)}")


def _followed(at: Context, what: LineQuery, shown: Callable[[Line], str], follower: Follower) -> int:
    """Print what is appended, up to the end of ``what``, while stdout is read. Return how many lines were printed."""
    printed = 0
    reader_gone = poll()  # `tail -f | head -1`: on a quiet log no write would tell
    reader_gone.register(1, 0)  # POLLERR and POLLHUP are always told
    while True:
        lines = follower.read()
        report_unreadable_files()
        for line in lines:
            if line.gap_reason:
                print_err(line.gap_reason)
        printed += _print(filter(what.matches, lines), shown)
        left = MAX_POLL_S if what.until_ns is None else _seconds_left(what.until_ns, lines, at.clock().ns)
        if left <= 0:
            return printed
        follower.wait(min(left, MAX_POLL_S))
        if reader_gone.poll(0):  # also while others write what is not printed
            return printed


def _seconds_left(until: int, lines: Sequence[Line], now_ns: int) -> float:
    """Return how long a line of ``until`` (ns) or before it may still come, now that ``lines`` have come.

    A writer stamps a line before it appends it, and may be held up by the disk in between: it has `LOOK_ANYWAY`.
    """
    if any((entry := line.entry) is not None and entry.stamp.ns > until for line in lines):
        return 0
    return (until - now_ns) / NS_PER_S + MAX_POLL_S


def _after_lines(segment: Segment, end: int, count: int) -> tuple[int, int]:
    """Return where ``count`` lines of the file, up to ``end``, end, and how many there are of them."""
    passed = 0
    for found in matches_forward(segment, 0, end, _EVERY):
        if passed + len(found.lines) > count:
            return found.lines[count - passed].offset, count
        passed += len(found.lines)
    return end, passed


def join_time_options(argv: Sequence[str]) -> list[str]:
    """``--since -15m`` as ``--since=-15m``: to argparse the time would look like an option."""
    joined: list[str] = []
    for word in argv:
        if joined and joined[-1] in ("--since", "--until") and word[:1] == "-" and word[1:2].isdigit():
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def _print(lines: Iterable[Line], shown: Callable[[Line], str]) -> int:
    texts: list[str] = []
    printed = size = 0
    for line in lines:
        texts.append(shown(line) + "\n")
        printed, size = printed + 1, size + len(texts[-1])
        if size > _TOGETHER:
            write_bytes("".join(texts).encode("utf-8", "backslashreplace"))
            texts, size = [], 0
    write_bytes("".join(texts).encode("utf-8", "backslashreplace"))
    return printed


def _as_text(line: Line) -> str:
    return line.display_text


def _as_json(line: Line) -> str:
    return json.dumps(line_json(line), ensure_ascii=False)


def _count(text: str) -> tuple[int | None, int | None]:
    """``+N`` as (N, None): from that line on; ``N`` as (None, N): so many."""
    digits = text.removeprefix("+")
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 18:
        raise ValueError(text)
    return (max(1, int(digits)), None) if text[0] == "+" else (None, int(digits))


_count.__name__ = "number of lines"


def parse_hypothesis_number(text: str) -> int:
    """The number that ``H7`` says."""
    digits = text[1:] if text[:1] in ("H", "h") else text
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 9:
        raise ValueError(text)
    return int(digits)


parse_hypothesis_number.__name__ = "hypothesis such as H7"
