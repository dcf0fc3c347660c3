"""``3am log``: a note, a hypothesis, or every line of stdin."""

from __future__ import annotations

import os
import re
import time
from argparse import Namespace
from collections.abc import Sequence
from contextlib import suppress
from select import select
from typing import TYPE_CHECKING

from threeam.cli.console import Echo, is_open_on, print_err
from threeam.cli.context import Context, context
from threeam.cli.exits import ExitCode
from threeam.cli.parser import Parser
from threeam.cli.submit import Receipt, report_unwritten, submit
from threeam.core.config.options import parse_hypothesis_number
from threeam.core.errors import JournalError, Unsure, WriteFailed
from threeam.core.format.entry import (
    CONTINUATION_PREFIX,
    MAX_TEXT_BYTES,
    decode_utf8,
    escape_unprintable,
    split_long_text,
    utf8_boundary,
)
from threeam.core.platform.signals import defer_interrupts, signal_wakeup_fd
from threeam.core.write.draft import Draft, bound_note_draft, note_draft
from threeam.core.write.locked_log import INTERRUPTED_REASON
from threeam.core.write.write_stats import WriteStatsPublisher
from threeam.core.write.writer import RELOCK_DELAY_S

if TYPE_CHECKING:
    from threeam.core.format.remote_hypothesis import Named

_MAX_CHARS_PER_BYTE = 6  # of an escaped text: \\u2028 is six characters for three bytes, \\x1b four for one
_READ_BYTES = 512 * 1024  # of stdin at a time
_MAX_BATCH_LINES = 16384  # in one hold of the lock, about 8 ms: many lines share a sync, which takes the most time
_STDIN = 0
_HYPOTHESIS_NAME = re.compile(r"(?:[A-Za-z0-9._·-]+/)?[Hh]\d{1,9}", re.ASCII)  # H7, or of another host db1/H7


def run(_command: str, argv: Sequence[str]) -> int:
    """Run ``3am log``."""
    parser = Parser(
        "3am log",
        "Appends a note to the log and prints the line as it was written. With - as the text, every line of stdin "
        "becomes an entry, stamped under the lock.",
        "examples:\n"
        "  3am log the sweeper runs every 250ms, not every second\n"
        "  3am log -H H7 it happened with the sweeper off\n"
        "  journalctl -f -u worker | 3am log -q -",
    )
    parser.add_argument("text", nargs="*", metavar="TEXT", help="the words; - reads lines from stdin")
    parser.add_argument(
        "-H",
        "--hyp",
        type=_hypothesis_name,
        metavar="H7",
        help="link the note to H7, or to db1/H7; other words after -H are a new hypothesis, as with --hypothesis",
    )
    parser.add_argument(
        "--hypothesis", action="store_true", help="write a hypothesis instead of a note, as 3am hyp new does"
    )
    parser.add_quiet_option()
    args = parser.parse_args(_expand_bare_option(argv))
    if args.hypothesis and args.hyp is not None:
        parser.error("-H links a note, and --hypothesis writes none: take one of them")
    if not args.text:
        parser.error("there is no text: 3am log TEXT writes one, and 3am log - writes the lines of stdin")
    if args.text == ["-"]:
        if args.hypothesis or args.hyp is not None:
            parser.error("-H and --hypothesis take one text, not a stream")
        return _log_stdin(args)
    text = " ".join(args.text)
    if not text.strip():
        parser.error("the text is empty")
    return submit(lambda: context(args), lambda ctx: _make_draft(args, text, ctx), text, Receipt(quiet=args.quiet))


def _expand_bare_option(argv: Sequence[str]) -> list[str]:
    """Return ``argv`` with ``--hypothesis`` for a ``-H`` that no ``H7`` follows: the script's way to open one."""
    end = argv.index("--") if "--" in argv else len(argv)
    followers = [*argv[1:], ""]
    return [
        "--hypothesis"
        if word == "-H" and index < end and not _HYPOTHESIS_NAME.fullmatch(followers[index])
        else "--hyp"
        if word == "--hypothesis" and index < end and _HYPOTHESIS_NAME.fullmatch(followers[index])
        else word
        for index, word in enumerate(argv)
    ]


def _hypothesis_name(text: str) -> str:
    return text if "/" in text else f"H{parse_hypothesis_number(text)}"


_hypothesis_name.__name__ = parse_hypothesis_number.__name__  # argparse prints it in its message


def _make_draft(args: Namespace, text: str, ctx: Context) -> Draft:
    if args.hyp is not None:
        return bound_note_draft(text, _read_name(ctx, args.hyp))
    if not args.hypothesis:
        return note_draft(text)
    from threeam.cli.team_hosts import cups_until_toxic
    from threeam.hypotheses.drafts import hypothesis_draft

    return hypothesis_draft(text, cups_until_toxic(ctx))


def _read_name(ctx: Context, name: str) -> Named:
    if "/" not in name:
        return name
    from threeam.cli.team_hosts import read_hypothesis_name  # most notes need none of it

    return read_hypothesis_name(ctx, name)


def _log_stdin(args: Namespace) -> int:
    with signal_wakeup_fd() as signal_fd:
        return _write_stdin_lines(args, _StdinLines(signal_fd))


def _write_stdin_lines(args: Namespace, stdin: _StdinLines) -> int:
    batch: list[str] = []  # handed to the writer
    writer, code = None, ExitCode.OK

    def hand_back_unwritten(*, with_batch: bool) -> None:
        with defer_interrupts(True):  # a second interrupt must not cut the list short
            report_unwritten([*(batch if with_batch else ()), *stdin.drain()])

    try:
        ctx = context(args)
        if is_open_on(ctx.journal.log_path, _STDIN):
            raise WriteFailed("stdin is the log itself: it would never end; nothing was written")
        writer, echo = ctx.writer(), Echo(ctx.journal.log_path, quiet=args.quiet)
        writer.stats_publisher = WriteStatsPublisher(ctx.journal.log_path)
        while stdin.wait_for_lines():
            writer.first_stamp = None  # the stamp of the previous batch
            batch, stdin.pending = stdin.pending[:_MAX_BATCH_LINES], stdin.pending[_MAX_BATCH_LINES:]
            try:
                echo(writer.write_stream(batch))
            except Unsure as unsure:  # a pipe cannot send the lines again; the next ones may be safe
                if unsure.interrupted:
                    raise
                print_err(f"{unsure} ({len(batch)} line{'' if len(batch) == 1 else 's'})")
                code = ExitCode.IO_ERROR
            batch = []
            if not writer.options.sync:  # a sync also leaves the lock to other writers for a while
                time.sleep(RELOCK_DELAY_S)
    except Unsure:
        hand_back_unwritten(with_batch=False)
        raise
    except KeyboardInterrupt:
        if batch and writer is not None and writer.first_stamp is not None:
            hand_back_unwritten(with_batch=False)
            raise Unsure(writer.first_stamp, INTERRUPTED_REASON, interrupted=True) from None
        hand_back_unwritten(with_batch=True)
        raise
    except JournalError:
        hand_back_unwritten(with_batch=True)
        raise
    echo.close()
    return code


class _StdinLines:
    """The lines of stdin, read as they arrive, in bounded memory whatever the length of a line.

    ``pending``: the lines that were read and not taken by the caller yet. A read is not interrupted, only the wait for
    data is: so every line that was read is either here or with the caller. ``signal_fd``: see `signal_wakeup_fd`.
    """

    def __init__(self, signal_fd: int) -> None:
        self.pending: list[str] = []
        self._signal_fd = signal_fd
        self._partial_line = b""
        self._is_at_eof = False
        self._is_in_long_line = False  # the beginning of the partial line is in `pending`, or was taken

    def wait_for_lines(self) -> bool:
        """Wait until ``pending`` is not empty; return False at the end of stdin. Raises `WriteFailed`."""
        try:
            while not self._is_at_eof and not self.pending:
                if _STDIN not in select([_STDIN, self._signal_fd], [], [])[0]:
                    os.read(self._signal_fd, _READ_BYTES)  # the signal's handler was called before this
                    continue
                with defer_interrupts(True), suppress(BlockingIOError):  # another process read the data first
                    self._add_data(os.read(_STDIN, _READ_BYTES))
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is closed"
            raise WriteFailed(f"stdin cannot be read: {reason}") from None
        return bool(self.pending)

    def drain(self) -> list[str]:
        """Return the pending lines, the partial line, and what has arrived: up to 512 KiB, without waiting for more."""
        with suppress(OSError, ValueError):  # what cannot be read cannot be handed back
            if not self._is_at_eof and select([_STDIN], [], [], 0)[0]:
                self._partial_line += os.read(_STDIN, _READ_BYTES)
        return [*self.pending, *decode_utf8(self._partial_line).split("\n")]

    def _add_data(self, data: bytes) -> None:
        *lines, self._partial_line = (self._partial_line + data).split(b"\n")
        if not data:
            self._is_at_eof = True
            lines, self._partial_line = [self._partial_line] if self._partial_line else [], b""
        if lines and not self._is_in_long_line and max(map(len, lines)) * _MAX_CHARS_PER_BYTE <= MAX_TEXT_BYTES:
            text = decode_utf8(b"\n".join(lines))  # all lines at once, which is faster
            self.pending += text.replace("\r\n", "\n").removesuffix("\r").split("\n")
        else:
            for line in lines:
                self.pending += self._split_line(line.removesuffix(b"\r"))
                self._is_in_long_line = False
        while len(self._partial_line) > MAX_TEXT_BYTES:
            end = utf8_boundary(self._partial_line, MAX_TEXT_BYTES)
            self.pending += self._split_line(self._partial_line[:end])
            self._partial_line, self._is_in_long_line = self._partial_line[end:], True

    def _split_line(self, line: bytes) -> list[str]:
        """Return the texts of the entries for ``line``, which may be the rest of a long one."""
        if not line and self._is_in_long_line:  # the pieces before it were the whole line
            return []
        first, *rest = split_long_text(escape_unprintable(decode_utf8(line)))
        if self._is_in_long_line:
            first = CONTINUATION_PREFIX + first
        return [first, *(CONTINUATION_PREFIX + piece for piece in rest)]
