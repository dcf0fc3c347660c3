"""``3am fork``: a copy of the journal up to a moment, as a new journal."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress

from threeam.cli.console import print_err, write_bytes
from threeam.cli.context import Context, context
from threeam.cli.exits import ExitCode
from threeam.cli.parser import Parser
from threeam.cli.submit import acknowledgement
from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import Entry
from threeam.core.store.as_of import resolve_point
from threeam.core.store.attachments import attachment_dirs, memory_dir
from threeam.core.store.fork import Blank, fork_chunks, make_blank, stamp_after
from threeam.core.store.journal import Journal, Position, Segment, resolve_journal
from threeam.core.store.seek import find_line
from threeam.core.store.stamp_ref import read_stamp_ref
from threeam.core.write.locked_log import format_checked_entry
from threeam.core.write.writer import Writer
from threeam.projections import FOLD

_MAX_NAMES = 8  # of files in a folder


def run(_command: str, argv: Sequence[str]) -> int:
    """Run ``3am fork``."""
    parser = Parser(
        "3am fork",
        "Copies the entries before T into a new log, byte for byte and through all files of the journal. Its last line "
        "names the source and has the SHA-256 of the copied bytes. The journal does not change.",
        "examples:\n  3am fork --at 03:14 --to /tmp/before.log\n"
        "  3am fork --blank @2026-11-24T03:14:07.123456789+0000 --to clean.log   a secret that was pasted",
    )
    parser.add_time_argument("--at", about="a time, or the @stamp of an entry: before it (default: all)")
    parser.add_argument("--to", required=True, metavar="FILE", help="the new log; it must not exist")
    parser.add_argument(
        "--blank", action="append", default=[], metavar="@STAMP", help="blank this entry's text (repeatable)"
    )
    parser.add_quiet_option()
    args = parser.parse_args(argv)
    ctx = context(args)
    live = ctx.require_log()
    if os.path.lexists(args.to):  # also if it is a broken link
        raise PreconditionFailed(f"{args.to} exists already, and stays as it is: name a file that does not exist")
    end = Position(live, live.size())
    if args.at is not None:
        end = _resolve_end(ctx, end, args.at)
    blanks: list[Blank] = []
    for text in args.blank:
        stamp, _ = read_stamp_ref(ctx.journal, text if text.startswith("@") else f"@{text}")
        if stamp is not None:
            blanks.append(make_blank(ctx.journal, find_line(ctx.journal, stamp)))
    line = _write_fork(ctx, resolve_journal(args.to), end, blanks)
    with acknowledgement(ExitCode.OK, len(line)):
        write_bytes(b"" if args.quiet else line)
    if blanks:
        print_err("the words may still be in the files below, and with everyone who has used this log (3am path):")
        for place in _places_with_copies(ctx, live):
            print_err(f"  {place}")
    return ExitCode.OK


def _places_with_copies(ctx: Context, live: Segment) -> Iterator[str]:
    """Yield each place of this user that may hold copies of text that was logged, typed or shown."""
    yield from (segment.path for segment in ctx.journal.segments_backward(live))
    for folder in (*attachment_dirs(ctx.journal), memory_dir(ctx.journal)):
        with suppress(OSError):  # it does not exist
            if names := sorted(os.listdir(folder)):
                more = f", and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
                yield f"{folder}: {', '.join(names[:_MAX_NAMES])}{more}"


def _resolve_end(ctx: Context, end: Position, text: str) -> Position:
    """Return the position of the entry or time that ``text`` names, in the journal before ``end``."""
    stamp, _ = read_stamp_ref(ctx.journal, text) if text.startswith("@") else (None, "")
    if stamp is None:
        return resolve_point(ctx.journal, end, text, ctx.clock(), ctx.zone).end
    line = find_line(ctx.journal, stamp)
    return Position(line.segment, line.offset)


def _write_fork(ctx: Context, target: Journal, end: Position, blanks: Sequence[Blank]) -> bytes:
    """Create the log of ``target`` with the lines before ``end``, and return its last line."""
    last_line = b""

    def make_last_entry(previous: Entry | None, sha256: str, size: int, blanked_count: int) -> Entry:
        nonlocal last_line
        stamp, user = stamp_after(previous, ctx.clock()), ctx.author.user
        cups = FOLD.state_at(end.segment, end.offset).cups(user, stamp.ns, ctx.settings.night_gap_ns)
        if blanks and not blanked_count:
            print_err("no words were left out: the entries to blank are not among those that are copied")
        unit = "line" if blanked_count == 1 else "lines"
        blanked = f"; {blanked_count} {unit} with words left out" if blanked_count else ""
        text = f"Forked: from {end.segment.path}, offset {end.offset}: {size} bytes, SHA-256 {sha256}{blanked}."
        entry = Entry(stamp, cups, (("BY", str(ctx.author)), ("FORK", sha256)), text)
        last_line = format_checked_entry(entry)
        return entry

    def chunks() -> Iterator[bytes]:
        return fork_chunks(ctx.journal, end, blanks, make_last_entry)

    Writer(target, FOLD, ctx.clock, ctx.write_options()).create(chunks)
    return last_line
