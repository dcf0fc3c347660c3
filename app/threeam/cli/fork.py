"""``3am fork``: the journal up to a moment, as a new one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress

from threeam.cli.console import print_err, write_bytes
from threeam.cli.context import Context, context
from threeam.cli.exits import ExitCode
from threeam.cli.parser import Parser, protect_negative_times
from threeam.cli.submit import acknowledgement
from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import Entry
from threeam.core.store.as_of import resolve_point
from threeam.core.store.attachments import attachment_dirs, memory_dir
from threeam.core.store.fork import Blank, fork_chunks, make_blank, stamp_after
from threeam.core.store.journal import Journal, Position, Segment, resolve_journal
from threeam.core.store.seek import find_line, parse_stamp_ref
from threeam.core.write.locked_log import format_checked_entry
from threeam.core.write.writer import Writer
from threeam.projections import FOLD

_NAMED = 8  # files of a folder


def run(_command: str, argv: Sequence[str]) -> int:
    """Runs ``3am fork``."""
    parser = Parser(
        "3am fork",
        "Copies the entries before T into a new log, byte for byte and through all files of the journal, and ends it "
        "with a line that says where it comes from, with the SHA-256 of the copied bytes. The journal stays as it is.",
        "examples:\n  3am fork --at 03:14 --to /tmp/before.log\n"
        "  3am fork --blank @2026-11-24T03:14:07.123456789+0000 --to clean.log   a secret that was pasted",
    )
    parser.add_argument("--at", metavar="T", help="a time, or the @stamp of an entry: before it (all of it)")
    parser.add_argument("--to", required=True, metavar="FILE", help="the new log; it must not be there")
    parser.add_argument(
        "--blank",
        action="append",
        default=[],
        metavar="@STAMP",
        help="leave the text of this entry out; again for more",
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="do not print the last line")
    args = parser.parse_args(protect_negative_times(argv))
    at = context(args)
    live = at.require_log()
    if os.path.lexists(args.to):  # also where it is a link to nothing
        raise PreconditionFailed(f"{args.to} is there already, and stays as it is: name a file that is not there")
    end = Position(live, live.size())
    if args.at is not None:
        end = _place(at, end, args.at)
    blanks: list[Blank] = []
    for word in args.blank:
        stamp, _ = parse_stamp_ref(word if word.startswith("@") else f"@{word}")
        if stamp is not None:
            blanks.append(make_blank(at.journal, find_line(at.journal, stamp)))
    to = resolve_journal(args.to)
    line = _fork(at, to, end, blanks)
    with acknowledgement(ExitCode.OK, len(line)):
        write_bytes(b"" if args.quiet else line)
    if blanks:
        print_err(
            "the words may still stand in the files below, and with everybody else who has used this log (3am path):"
        )
        for place in _copies(at, live):
            print_err(f"  {place}")
    return ExitCode.OK


def _copies(at: Context, live: Segment) -> Iterator[str]:
    """Yield each place of this user that holds copies of what is in the log, or was typed or shown there."""
    yield from (segment.path for segment in at.journal.segments_backward(live))
    for folder in (*attachment_dirs(at.journal), memory_dir(at.journal)):
        with suppress(OSError):  # it does not exist
            if names := sorted(os.listdir(folder)):
                more = f", and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
                yield f"{folder}: {', '.join(names[:_NAMED])}{more}"


def _place(at: Context, end: Position, word: str) -> Position:
    stamp, _ = parse_stamp_ref(word)
    if stamp is None:
        return resolve_point(at.journal, end, word, at.clock(), at.zone).end
    line = find_line(at.journal, stamp)
    return Position(line.segment, line.offset)


def _fork(at: Context, to: Journal, end: Position, blanks: Sequence[Blank]) -> bytes:
    written: list[bytes] = []

    def last(before: Entry | None, sha256: str, size: int, left_out: int) -> Entry:
        stamp, user = stamp_after(before, at.clock()), at.author.user
        cups = FOLD.state_at(end.segment, end.offset).cups(user, stamp.ns, at.settings.night_gap_ns)
        if blanks and not left_out:
            print_err("no words were left out: what was to be is not among the entries that are copied")
        words = f"; {left_out} {'line' if left_out == 1 else 'lines'} with words left out" if left_out else ""
        text = f"Forked: from {end.segment.path}, offset {end.offset}: {size} bytes, SHA-256 {sha256}{words}."
        entry = Entry(stamp, cups, (("BY", str(at.author)), ("FORK", sha256)), text)
        written.append(format_checked_entry(entry))
        return entry

    def chunks() -> Iterator[bytes]:
        return fork_chunks(at.journal, end, blanks, last)

    Writer(to, FOLD, at.clock, at.write_options()).create(chunks)
    return written[0]
