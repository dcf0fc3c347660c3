"""``3am tail``: the log as plain text."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from select import poll

from threeam.cli.console import line_json, put, talk
from threeam.cli.context import Context, context
from threeam.cli.exits import Exit
from threeam.cli.parser import Parser
from threeam.core.follow import LOOK_ANYWAY, Follower
from threeam.core.journal import Anchor, Journal, Segment
from threeam.core.reader import Line, end_of_lines, lines_back, lines_forward
from threeam.core.when import parse_when

_LINES = 10  # as tail(1)
_TOGETHER = 500  # lines in one write to stdout

Wanted = Callable[[Line], bool]


def run(_command: str, argv: Sequence[str]) -> int:
    """Runs ``3am tail``."""
    parser = Parser(
        "3am tail",
        "Prints the last lines of the log. -f follows it by name, through rotation and truncation. Exit 1 "
        "if there is no log, or if --grep finds nothing.",
        "examples:\n  3am tail -f\n  3am tail --since -15m --grep 'H7|deadlock'\n  3am tail -n 100 --json | jq .text",
    )
    parser.add_argument("-f", "--follow", action="store_true", help="go on with what is appended")
    parser.add_argument(
        "-n",
        "--lines",
        type=_count,
        metavar="N",
        help=f"the last N lines ({_LINES}; all of a search)",
    )
    parser.add_argument("--since", metavar="T", help="from T on: 03:14, -15m, yesterday, @stamp")
    parser.add_argument("--until", metavar="T", help="up to T")
    parser.add_argument("--grep", metavar="RE", help="only lines that the regular expression finds")
    parser.add_argument("--json", action="store_true", help="one object a line")
    args = parser.parse_args(_times_joined(argv))
    at = context(args)
    now = at.clock()
    try:
        pattern = re.compile(args.grep) if args.grep is not None else None
    except re.error as error:
        parser.error(f"--grep: {error}")
    since = parse_when(args.since, now) if args.since is not None else None
    until = parse_when(args.until, now) if args.until is not None else None
    filtered = pattern is not None or since is not None or until is not None
    count = args.lines if args.lines is not None else None if filtered else _LINES
    shown = _as_json if args.json else _as_text
    printed = _tail(at, _wanted(pattern, since, until) if filtered else _any, count, shown, args.follow)
    return Exit.NO if printed is None or (pattern is not None and not printed) else Exit.DONE


def _tail(at: Context, wanted: Wanted, count: int | None, shown: Callable[[Line], str], follow: bool) -> int | None:
    """How many lines were printed; None where there is no log. Does not end while it follows and is read."""
    segment = at.journal.live()
    if segment is None and not follow:
        talk(f"there is no log at {at.journal.log}: 3am log TEXT begins one, and 3am path says why that one")
        return None
    start: Anchor | None = None
    printed = 0
    if segment is not None:
        size = segment.size()
        end = end_of_lines(segment, size) if follow else size  # a follower holds an unfinished line back
        start = Anchor.at(segment, end)
        if count is None:
            printed = _print(filter(wanted, _every_line(at.journal, segment, end)), shown)
        else:
            printed = _print(_last(_every_line_back(at.journal, segment, end), wanted, count), shown)
    if not follow:
        return printed
    follower = Follower(at.journal, start)
    reader_gone = poll()  # `tail -f | head -1`: on a quiet log no write would tell
    reader_gone.register(1, 0)  # POLLERR and POLLHUP are always told
    while True:
        lines = follower.read()
        for line in lines:
            if line.gap:
                talk(line.gap)
        printed += _print(filter(wanted, lines), shown)
        if not follower.wait(LOOK_ANYWAY) and reader_gone.poll(0):
            return printed


def _every_line(journal: Journal, live: Segment, end: int) -> Iterator[Line]:
    """Every line of the journal up to ``end`` in its live log, the oldest first."""
    for segment in journal.segments(live):
        yield from lines_forward(segment, 0, end if segment == live else None)


def _every_line_back(journal: Journal, live: Segment, end: int) -> Iterator[Line]:
    """Every line of the journal before ``end`` in its live log, the last one first."""
    for segment in journal.back_from(live):
        yield from lines_back(segment, end if segment == live else segment.size())


def _times_joined(argv: Sequence[str]) -> list[str]:
    """``--since -15m`` as ``--since=-15m``: to argparse the time would look like an option."""
    joined: list[str] = []
    for word in argv:
        if joined and joined[-1] in ("--since", "--until") and word[:1] == "-" and word[1:2].isdigit():
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def _last(back: Iterator[Line], wanted: Wanted, count: int) -> Sequence[Line]:
    found: deque[Line] = deque()
    for line in islice(filter(wanted, back), count):
        found.appendleft(line)
    return found


def _wanted(pattern: re.Pattern[str] | None, since: int | None, until: int | None) -> Wanted:
    def wanted(line: Line) -> bool:
        if pattern is not None and not pattern.search(line.shown):
            return False
        if since is None and until is None:
            return True
        entry = line.entry  # a line without a stamp has no place in time
        return (
            entry is not None
            and (since is None or entry.stamp.ns >= since)
            and (until is None or entry.stamp.ns <= until)
        )

    return wanted


def _any(_line: Line) -> bool:
    return True


def _print(lines: Iterable[Line], shown: Callable[[Line], str]) -> int:
    lines, printed = iter(lines), 0
    while some := list(islice(lines, _TOGETHER)):
        put("".join([shown(line) + "\n" for line in some]).encode("utf-8", "backslashreplace"))
        printed += len(some)
    return printed


def _as_text(line: Line) -> str:
    return line.shown


def _as_json(line: Line) -> str:
    return json.dumps(line_json(line), ensure_ascii=False)


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise ValueError(text)
    return int(text)


_count.__name__ = "number of lines"
