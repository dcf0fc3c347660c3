"""``3am export``: the journal as a postmortem, as records, or as an archive with the files that its lines name."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from tempfile import TemporaryFile
from typing import BinaryIO, cast

from threeam.cli.console import print_err, write_bytes, write_texts
from threeam.cli.context import Context, context
from threeam.cli.exits import ExitCode
from threeam.cli.line_query import LineQuery, parse_time_range
from threeam.cli.parser import Parser
from threeam.core.config.options import parse_hypothesis_number
from threeam.core.errors import BadInput, FileUnusable, PreconditionFailed
from threeam.core.format.entry import escape_unprintable
from threeam.core.state.fold import State
from threeam.core.store.archive import (
    ARCHIVED_KINDS,
    FILES_PREFIX,
    JOURNAL_MEMBER,
    ArchiveWriter,
    archived_kind,
)
from threeam.core.store.as_of import end_at_time
from threeam.core.store.attachments import read_sealed_attachment
from threeam.core.store.filters import InHypothesis, LineFilter
from threeam.core.store.journal import Position, Segment
from threeam.core.store.reader import Line
from threeam.core.store.seek import find_line
from threeam.experiments.runs.run_log import PROJECTION as RUNS
from threeam.hypotheses.amendments import PROJECTION as TEXTS
from threeam.hypotheses.amendments import amendments
from threeam.hypotheses.drafts import require_hypothesis
from threeam.hypotheses.ledger import PROJECTION as LEDGER
from threeam.hypotheses.ledger import thread_of
from threeam.hypotheses.quotations import QuotationReader
from threeam.projections import FOLD
from threeam.reports.export_records import (
    csv_header,
    csv_rows,
    json_lines,
)
from threeam.tracing.observations import PROJECTION as OBSERVERS
from threeam.tracing.observations import observed_intervals

_CHUNK_BYTES = 1024 * 1024
_MAX_REASONS = 5  # why a file is not in an archive
_FORMATS = ("md", "html", "jsonl", "csv")


def run(_command: str, argv: Sequence[str]) -> int:
    """Run ``3am export``."""
    parser = Parser(
        "3am export",
        "Prints the journal: md is a postmortem to edit, html the same as one page to print or to send; jsonl and csv "
        "have every line for machines, with all of its bytes. The files that lines name (outputs of runs and tracers, "
        "captures, cited lines of other logs, baselines) are not in them: jsonl --with-files packs both into one tar. "
        "Exit 1 if there is no log.",
        "examples:\n  3am export md --since yesterday > postmortem.md\n  3am export html > night.html\n"
        "  3am export jsonl | jq -r 'select(.kind == \"Conclusion\") | .text'\n"
        "  3am export jsonl --with-files > night.tar",
    )
    parser.add_argument("format", choices=_FORMATS, help="output format")
    parser.add_time_argument("--since", about="from T on: 03:14, -15m, yesterday, @stamp")
    parser.add_time_argument("--until", about="up to T")
    parser.add_argument(
        "-H", "--hyp", type=_own_hypothesis_number, metavar="H7", help="only what belongs to this hypothesis"
    )
    parser.add_argument(
        "--with-files", action="store_true", help="a tar with the jsonl, and your files that its lines name"
    )
    args = parser.parse_args(argv)
    if args.with_files and args.format != "jsonl":
        parser.error("--with-files goes with jsonl: 3am export jsonl --with-files > night.tar")
    if args.with_files and os.isatty(1):
        parser.error("an archive is not for a terminal: 3am export jsonl --with-files > night.tar")
    ctx = context(args)
    since_ns, until_ns = parse_time_range(args, ctx)
    live = ctx.require_log()
    end = Position(live, live.size())
    if args.hyp is not None:
        require_hypothesis(ctx.load_state(), f"H{args.hyp}")
    conditions = (InHypothesis(args.hyp),) if args.hyp is not None else ()
    query = LineQuery(LineFilter(conditions, skip_repeated=True), since_ns, until_ns)
    lines = query.read_forward(ctx.journal, live, end.offset)
    if args.with_files:
        _write_archive(ctx, _join_segments(lines, live))
    elif args.format in ("jsonl", "csv"):
        write_texts(_records(ctx, args.format, _join_segments(lines, live)))
    else:
        report_end = end if until_ns is None else end_at_time(ctx.journal, end, until_ns)
        state = FOLD.empty_state if report_end is None else FOLD.state_at(*report_end)
        if args.hyp is not None:
            state, lines = _restrict_to_hypothesis(ctx, state, args.hyp, lines)
        postmortem = _render_postmortem(ctx, state, args.format, lines)
        write_bytes(f"{postmortem}\n".encode("utf-8", "backslashreplace"))
    return ExitCode.OK


def _own_hypothesis_number(text: str) -> int:
    host, slash, number = text.rpartition("/")
    if slash:
        raise BadInput(f"{text} is in the journal of {host}: 3am export -H {number} there, or 3am hyp show {text} here")
    return parse_hypothesis_number(text)


_own_hypothesis_number.__name__ = parse_hypothesis_number.__name__  # argparse prints it in its message


def _records(ctx: Context, output_format: str, lines: Iterator[Line]) -> Iterator[str]:
    """Yield the lines of JSONL or CSV for the lines of the log."""
    observed, quotations = observed_intervals(ctx.load_state()), QuotationReader(ctx.journal)
    if output_format == "csv":
        yield csv_header()
    for line in lines:
        yield from csv_rows(line, observed) if output_format == "csv" else json_lines(line, observed, quotations)


def _write_archive(ctx: Context, lines: Iterator[Line]) -> None:
    """Write an archive to stdout. Name on stderr the files that are not in it."""
    names: dict[str, None] = {}
    archive, missing = ArchiveWriter(write_bytes), []
    with _temporary_file() as records:
        for text in _records(ctx, "jsonl", _collect_names(lines, names)):
            records.write(text.encode("utf-8", "backslashreplace"))
        size = records.tell()
        records.seek(0)
        archive.add(JOURNAL_MEMBER, size, iter(lambda: records.read(_CHUNK_BYTES), b""))
    for name in names:
        try:
            data = read_sealed_attachment(ctx.journal, name, *ARCHIVED_KINDS)
        except FileUnusable as error:
            missing.append(str(error))
        else:
            archive.add(FILES_PREFIX + name, len(data), [data])
    archive.close()
    for reason in missing[:_MAX_REASONS]:
        print_err(f"not in the archive: {reason}")
    if len(missing) > _MAX_REASONS:
        print_err(f"not in the archive: {len(missing) - _MAX_REASONS:,} more files")


@contextmanager
def _temporary_file() -> Iterator[BinaryIO]:
    """Yield a file without a name. Raises `FileUnusable`."""
    try:
        with TemporaryFile() as file:
            yield cast(BinaryIO, file)
    except OSError as error:
        raise FileUnusable(f"a temporary file cannot be written: {error.strerror}; TMPDIR names its folder") from None


def _collect_names(lines: Iterator[Line], names: dict[str, None]) -> Iterator[Line]:
    """Yield ``lines``, and add to ``names`` the files that they name."""
    for line in lines:
        name = line.entry.tag("FILE") if line.entry is not None else None
        if name is not None and archived_kind(name) is not None:
            names[name] = None
        yield line


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

    postmortem = build_postmortem(escape_unprintable(ctx.journal.log_name), state, lines, QuotationReader(ctx.journal))
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
