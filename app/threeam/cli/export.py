"""``3am export``, ``3am import``: the journal for people and for machines, and back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import chain

from threeam.cli.console import print_err, write_bytes
from threeam.cli.context import Context, context
from threeam.cli.exits import ExitCode
from threeam.cli.parser import Parser
from threeam.cli.signals import settle_exit_code
from threeam.cli.tail import LineQuery, join_time_options, parse_hypothesis_number, parse_time_range
from threeam.core.errors import BadInput, FileUnusable, PreconditionFailed
from threeam.core.format.entry import escape_unprintable
from threeam.core.platform.disk import format_bytes
from threeam.core.state.fold import State
from threeam.core.store.as_of import end_at_time
from threeam.core.store.filters import InHypothesis, LineFilter
from threeam.core.store.journal import Position, Segment
from threeam.core.store.reader import Line
from threeam.core.store.recognize import UTF16_HINT, is_utf16
from threeam.core.store.seek import find_line
from threeam.experiments.runs import PROJECTION as RUNS
from threeam.hypotheses.amendments import PROJECTION as TEXTS
from threeam.hypotheses.amendments import amendments
from threeam.hypotheses.drafts import require_hypothesis
from threeam.hypotheses.ledger import PROJECTION as LEDGER
from threeam.hypotheses.ledger import thread_of
from threeam.projections import FOLD
from threeam.reports.export_records import (
    MAX_RECORD_BYTES,
    InvalidRecord,
    RecordDecoder,
    csv_header,
    csv_rows,
    json_lines,
)
from threeam.tracing.observations import PROJECTION as OBSERVERS
from threeam.tracing.observations import observed_intervals

_FORMATS = ("md", "html", "jsonl", "csv")
_TOGETHER = 256 * 1024  # bytes in one write


def run(command: str, argv: Sequence[str]) -> int:
    """Runs one of the two."""
    return _import(argv) if command == "import" else _export(argv)


def _export(argv: Sequence[str]) -> int:
    parser = Parser(
        "3am export",
        "The journal on stdout: md, a postmortem to go on with; html, the same as one page, to print or to send; jsonl "
        "and csv, every line for machines, with all of its bytes. Exit 1 if there is no log.",
        "examples:\n  3am export md --since yesterday > postmortem.md\n  3am export html > night.html\n"
        "  3am export jsonl | jq -r 'select(.kind == \"Conclusion\") | .text'",
    )
    parser.add_argument("format", choices=_FORMATS, help="one of these")
    parser.add_argument("--since", metavar="T", help="from T on: 03:14, -15m, yesterday, @stamp")
    parser.add_argument("--until", metavar="T", help="up to T")
    parser.add_argument(
        "--hyp", type=parse_hypothesis_number, metavar="H7", help="only what belongs to this hypothesis"
    )
    args = parser.parse_args(join_time_options(argv))
    at = context(args)
    since, until = parse_time_range(args, at)
    live = at.require_log()
    if args.hyp is not None:
        require_hypothesis(at.load_state(), f"H{args.hyp}")
    conditions = (InHypothesis(args.hyp),) if args.hyp is not None else ()
    what = LineQuery(LineFilter(conditions, skip_repeated=True), since, until)
    lines = what.read_forward(at.journal, live, live.size())
    if args.format == "jsonl":
        observed = observed_intervals(at.load_state())
        _put_all(text for line in _as_one_file(lines, live) for text in json_lines(line, observed))
    elif args.format == "csv":
        observed = observed_intervals(at.load_state())
        _put_all(
            chain([csv_header()], (text for line in _as_one_file(lines, live) for text in csv_rows(line, observed)))
        )
    else:
        end = Position(live, live.size())
        place = end if until is None else end_at_time(at.journal, end, until)
        state = FOLD.empty_state if place is None else FOLD.state_at(*place)
        write_bytes((_report(at, state, args.format, args.hyp, lines) + "\n").encode("utf-8", "backslashreplace"))
    return ExitCode.OK


def _as_one_file(lines: Iterator[Line], live: Segment) -> Iterator[Line]:
    """``lines`` as those of one file: without the links between files, and with a newline at the end of each."""
    for line in lines:
        head = line.segment.head
        if not head.is_predecessor_readable or line.offset >= head.end:
            yield line if line.segment == live else line._replace(finished=True)


def _report(at: Context, state: State, shape: str, number: int | None, lines: Iterator[Line]) -> str:
    from threeam.reports.markdown_report import postmortem_to_markdown
    from threeam.reports.postmortem import build_postmortem

    if number is not None:
        state, lines = _about(at, state, number, lines)
    told = build_postmortem(escape_unprintable(at.journal.log_name), state, lines)
    if shape == "md":
        return postmortem_to_markdown(told)
    from threeam.reports.html_report import postmortem_to_html  # a template library takes its time to import

    return postmortem_to_html(told)


def _about(at: Context, state: State, number: int, lines: Iterator[Line]) -> tuple[State, Iterator[Line]]:
    """``state`` with one hypothesis alone, and ``lines`` with those that its evidence cites."""
    one = require_hypothesis(state, f"H{number}")
    found = list(lines)
    stamps = {line.entry.stamp.ns for line in found if line.entry is not None}
    for move in thread_of(state, one).evidence:
        if move.cited is not None and move.cited.ns not in stamps:
            stamps.add(move.cited.ns)
            with suppress(PreconditionFailed):  # in a file that has been deleted
                found.append(find_line(at.journal, move.cited))
    live = at.require_log()
    files = {segment.identity: number for number, segment in enumerate(at.journal.segments_forward(live))}
    found.sort(key=lambda line: (files.get(line.segment.identity, len(files)), line.offset))
    kept = {projection.name: projection.of(state) for projection in (LEDGER, RUNS, OBSERVERS)}
    rooms = {**FOLD.empty_state.projections, **kept, TEXTS.name: amendments(state)._replace(pending_stamps={})}
    return state._replace(hypotheses={number: one}, projections=rooms), iter(found)


def _put_all(texts: Iterator[str]) -> None:
    held: list[str] = []
    size = 0
    for text in texts:
        held.append(text)
        size += len(text)
        if size > _TOGETHER:
            write_bytes("".join(held).encode("utf-8", "backslashreplace"))
            held, size = [], 0
    write_bytes("".join(held).encode("utf-8", "backslashreplace"))


def _import(argv: Sequence[str]) -> int:
    parser = Parser(
        "3am import",
        "Makes the journal, which must not be there yet, of what 3am export jsonl has written: the same log byte for "
        "byte, and no line more.",
        "examples:\n  3am import --log night.log night.jsonl\n  3am -j checkout import night.jsonl",
    )
    parser.add_argument("file", metavar="FILE", help="the JSONL; - reads stdin")
    args = parser.parse_args(argv)
    at = context(args)
    size = at.writer().create(lambda: _lines(args.file))
    settle_exit_code(ExitCode.OK)
    print_err(f"{at.journal.log_path}: {size} bytes, as they were")
    return ExitCode.OK


def _lines(path: str) -> Iterator[bytes]:
    try:
        with open(0 if path == "-" else path, "rb", closefd=path != "-") as file:
            records, number = RecordDecoder(), 0
            while raw := file.readline(MAX_RECORD_BYTES + 1):
                if records.is_at_unfinished_line:
                    raise BadInput(f"{path}, line {number}: it is unfinished, but not the last; nothing was written")
                number += 1
                try:
                    if len(raw) > MAX_RECORD_BYTES:
                        raise InvalidRecord(
                            f"it is longer than the {format_bytes(MAX_RECORD_BYTES)} that a record can have"
                        )
                    if number == 1 and is_utf16(raw):
                        raise InvalidRecord(f"it is {UTF16_HINT}")
                    yield records.decode(json.loads(raw))
                except InvalidRecord as bad:
                    raise BadInput(f"{path}, line {number}: {bad}; nothing was written") from None
                except (ValueError, RecursionError):
                    raise BadInput(f"{path}, line {number}: it is not JSON; nothing was written") from None
            try:
                records.check_complete()
            except InvalidRecord as bad:
                raise BadInput(f"{path}, line {number}: {bad}; nothing was written") from None
    except OSError as error:
        if error.filename is None:  # of the log that is being made, and not of this file
            raise
        raise FileUnusable(f"{path} cannot be read: {error.strerror}") from None
