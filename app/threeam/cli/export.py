"""``3am export``, ``3am import``: the journal as a postmortem or as records, and back from records."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress

from threeam.cli.console import print_err, write_bytes, write_texts
from threeam.cli.context import Context, context
from threeam.cli.exits import ExitCode
from threeam.cli.line_query import LineQuery, parse_hypothesis_number, parse_time_range
from threeam.cli.parser import Parser
from threeam.cli.signals import settle_exit_code
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


def run(command: str, argv: Sequence[str]) -> int:
    """Run ``3am export`` or ``3am import``."""
    return _import(argv) if command == "import" else _export(argv)


def _export(argv: Sequence[str]) -> int:
    parser = Parser(
        "3am export",
        "Prints the journal: md is a postmortem to edit, html the same as one page to print or to send; jsonl and csv "
        "have every line for machines, with all of its bytes. Exit 1 if there is no log.",
        "examples:\n  3am export md --since yesterday > postmortem.md\n  3am export html > night.html\n"
        "  3am export jsonl | jq -r 'select(.kind == \"Conclusion\") | .text'",
    )
    parser.add_argument("format", choices=_FORMATS, help="output format")
    parser.add_time_argument("--since", about="from T on: 03:14, -15m, yesterday, @stamp")
    parser.add_time_argument("--until", about="up to T")
    parser.add_argument(
        "-H", "--hyp", type=parse_hypothesis_number, metavar="H7", help="only what belongs to this hypothesis"
    )
    args = parser.parse_args(argv)
    ctx = context(args)
    since_ns, until_ns = parse_time_range(args, ctx)
    live = ctx.require_log()
    end = Position(live, live.size())
    if args.hyp is not None:
        require_hypothesis(ctx.load_state(), f"H{args.hyp}")
    conditions = (InHypothesis(args.hyp),) if args.hyp is not None else ()
    query = LineQuery(LineFilter(conditions, skip_repeated=True), since_ns, until_ns)
    lines = query.read_forward(ctx.journal, live, end.offset)
    if args.format in ("jsonl", "csv"):
        write_texts(_records(ctx, args.format, _join_segments(lines, live)))
    else:
        report_end = end if until_ns is None else end_at_time(ctx.journal, end, until_ns)
        state = FOLD.empty_state if report_end is None else FOLD.state_at(*report_end)
        if args.hyp is not None:
            state, lines = _restrict_to_hypothesis(ctx, state, args.hyp, lines)
        postmortem = _render_postmortem(ctx, state, args.format, lines)
        write_bytes(f"{postmortem}\n".encode("utf-8", "backslashreplace"))
    return ExitCode.OK


def _records(ctx: Context, output_format: str, lines: Iterator[Line]) -> Iterator[str]:
    """Yield the lines of JSONL or CSV for the lines of the log."""
    observed = observed_intervals(ctx.load_state())
    if output_format == "csv":
        yield csv_header()
    for line in lines:
        yield from csv_rows(line, observed) if output_format == "csv" else json_lines(line, observed)


def _join_segments(lines: Iterator[Line], live: Segment) -> Iterator[Line]:
    """Yield ``lines`` as if they were in one file.

    The links between files are left out, and a newline ends the last line of each file but the newest.
    """
    for line in lines:
        head = line.segment.head
        if not head.is_predecessor_readable or line.offset >= head.end:
            yield line if line.segment == live else line._replace(finished=True)


def _render_postmortem(ctx: Context, state: State, output_format: str, lines: Iterator[Line]) -> str:
    from threeam.reports.markdown_report import postmortem_to_markdown
    from threeam.reports.postmortem import build_postmortem

    postmortem = build_postmortem(escape_unprintable(ctx.journal.log_name), state, lines)
    if output_format == "md":
        return postmortem_to_markdown(postmortem)
    from threeam.reports.html_report import postmortem_to_html  # its template library is slow to import

    return postmortem_to_html(postmortem)


def _restrict_to_hypothesis(
    ctx: Context, state: State, number: int, lines: Iterator[Line]
) -> tuple[State, Iterator[Line]]:
    """Return ``state`` with only one hypothesis, and ``lines`` together with those that its evidence cites."""
    hypothesis = require_hypothesis(state, f"H{number}")
    selected = list(lines)
    stamps = {line.entry.stamp.ns for line in selected if line.entry is not None}
    for event in thread_of(state, hypothesis).evidence:
        if event.cited is not None and event.cited.ns not in stamps:
            stamps.add(event.cited.ns)
            with suppress(PreconditionFailed):  # its file was deleted
                selected.append(find_line(ctx.journal, event.cited))
    segments = ctx.journal.segments_forward(ctx.require_log())
    file_numbers = {segment.identity: index for index, segment in enumerate(segments)}
    selected.sort(key=lambda line: (file_numbers.get(line.segment.identity, len(file_numbers)), line.offset))
    projections = {
        **FOLD.empty_state.projections,
        **{projection.name: projection.of(state) for projection in (LEDGER, RUNS, OBSERVERS)},
        TEXTS.name: amendments(state)._replace(pending_stamps={}),
    }
    return state._replace(hypotheses={number: hypothesis}, projections=projections), iter(selected)


def _import(argv: Sequence[str]) -> int:
    parser = Parser(
        "3am import",
        "Makes a new journal from the output of 3am export jsonl: the same log, byte for byte. "
        "The log must not exist yet.",
        "examples:\n  3am import --log night.log night.jsonl\n  3am -j checkout import night.jsonl",
    )
    parser.add_argument("file", metavar="FILE", help="the JSONL; - reads stdin")
    args = parser.parse_args(argv)
    ctx = context(args)
    size = ctx.writer().create(lambda: _decode_records(args.file))
    settle_exit_code(ExitCode.OK)
    print_err(f"{ctx.journal.log_path}: {size} bytes, the same as in the original")
    return ExitCode.OK


def _decode_records(path: str) -> Iterator[bytes]:
    """Yield the bytes of the log that the JSONL at ``path`` (``-``: stdin) holds. Raises `BadInput`."""
    try:
        with open(0 if path == "-" else path, "rb", closefd=path != "-") as file:
            records, number = RecordDecoder(), 0
            while raw := file.readline(MAX_RECORD_BYTES + 1):
                if records.is_at_unfinished_line:
                    raise BadInput(f"{path}, line {number}: it is unfinished, but not the last; nothing was written")
                number += 1
                yield _decode_record(records, raw, path, number)
            try:
                records.check_complete()
            except InvalidRecord as error:
                raise BadInput(f"{path}, line {number}: {error}; nothing was written") from None
    except OSError as error:
        if error.filename is None:  # about the new log, not about this file
            raise
        raise FileUnusable(f"{path} cannot be read: {error.strerror}") from None


def _decode_record(records: RecordDecoder, raw: bytes, path: str, number: int) -> bytes:
    """Return the bytes of the log for line ``number`` of the JSONL. Raises `BadInput`."""
    try:
        if len(raw) > MAX_RECORD_BYTES:
            raise InvalidRecord(f"it is longer than the limit of {format_bytes(MAX_RECORD_BYTES)}")
        if number == 1 and is_utf16(raw):
            raise InvalidRecord(f"it is {UTF16_HINT}")
        return records.decode(json.loads(raw))
    except InvalidRecord as error:
        raise BadInput(f"{path}, line {number}: {error}; nothing was written") from None
    except (ValueError, RecursionError):
        raise BadInput(f"{path}, line {number}: it is not JSON; nothing was written") from None
