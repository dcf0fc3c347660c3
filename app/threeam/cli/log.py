"""``3am log``: a note, a hypothesis, or every line of stdin."""

from __future__ import annotations

import os
import time
from argparse import Namespace
from collections.abc import Sequence
from contextlib import suppress
from select import select

from threeam.cli.console import Echo, is_open_on, print_err
from threeam.cli.context import context
from threeam.cli.exits import ExitCode
from threeam.cli.parser import Parser
from threeam.cli.submit import report_unwritten, submit
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
from threeam.core.write.draft import note_draft
from threeam.core.write.locked_log import INTERRUPTED_REASON
from threeam.core.write.write_stats import WriteStatsPublisher
from threeam.core.write.writer import RELOCK_DELAY_S

_GROWTH = 6  # a byte is six characters at the most once it is visible: \\u2028 is three bytes
_READ = 256 * 1024  # bytes of stdin at a time
_TOGETHER = 4096  # lines in one hold: enough for one sync to carry many, and few enough to be away soon


def run(_command: str, argv: Sequence[str]) -> int:
    """Runs ``3am log``."""
    parser = Parser(
        "3am log",
        "Appends a note to the log and prints the line as it was written. With - as the text, every line of stdin "
        "becomes an entry, stamped under the lock.",
        "examples:\n"
        "  3am log the sweeper runs every 250 ms, not every second\n"
        "  3am log -H 'the TTL sweeper races the writer'\n"
        "  journalctl -f -u worker | 3am log -q -",
    )
    parser.add_argument("text", nargs="+", metavar="TEXT", help="the words; - reads lines from stdin")
    parser.add_argument("-H", "--hypothesis", action="store_true", help="a hypothesis, and not a note")
    parser.add_argument("-q", "--quiet", action="store_true", help="do not print what was written")
    args = parser.parse_args(argv)
    if args.text == ["-"]:
        if args.hypothesis:
            parser.error("-H takes one hypothesis, not a stream")
        return _stream(args)
    text = " ".join(args.text)
    if not text.strip():
        parser.error("an empty message says nothing")
    if not args.hypothesis:
        return submit(lambda: context(args), lambda at: note_draft(text), text, quiet=args.quiet)
    from threeam.hypotheses.drafts import hypothesis_draft

    return submit(
        lambda: context(args), lambda at: hypothesis_draft(text, at.settings.toxic_cups), text, quiet=args.quiet
    )


def _stream(args: Namespace) -> int:
    with signal_wakeup_fd() as signalled:
        return _write_lines(args, _Stdin(signalled))


def _write_lines(args: Namespace, stdin: _Stdin) -> int:
    batch: list[str] = []  # handed to the writer
    writer, code = None, ExitCode.OK

    def hand_back_unwritten(*, with_batch: bool) -> None:
        with defer_interrupts(True):  # a second one must not cut the list short
            report_unwritten([*(batch if with_batch else ()), *stdin.rest()])

    try:
        at = context(args)
        if is_open_on(at.journal.log_path, 0):
            raise WriteFailed("stdin is the log itself: it would never end; nothing was written")
        writer, echo = at.writer(), Echo(quiet=args.quiet or is_open_on(at.journal.log_path, 1))
        writer.stats_publisher = WriteStatsPublisher(at.journal.log_path)
        while stdin.fill():
            writer.first_stamp = None  # that of the batch before says nothing of this one
            batch, stdin.texts = stdin.texts[:_TOGETHER], stdin.texts[_TOGETHER:]
            try:
                echo(writer.write_stream(batch))
            except Unsure as unsure:  # a pipe cannot be asked to send the rest again: the next lines may be safe
                if unsure.interrupted:
                    raise
                print_err(f"{unsure} ({len(batch)} line{'' if len(batch) == 1 else 's'})")
                code = ExitCode.IO_ERROR
            batch = []
            if not writer.options.sync:  # to wait for the disk is to be away from the lock, too
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


class _Stdin:
    """The lines of stdin, as many at a time as have arrived. Memory is bounded, whatever a line's length.

    ``texts``: the lines that were read and not taken yet. An interrupt is taken only while there is nothing to read, so
    what was read is always either here or with whoever took it. ``signalled``: see `signals_readable`.
    """

    def __init__(self, signalled: int) -> None:
        self.texts: list[str] = []
        self._signalled = signalled
        self._held = b""  # of a line that has not ended
        self._ended = False
        self._goes_on = False  # whether the beginning of that line was given out already

    def fill(self) -> bool:
        """Wait until there is a line in ``texts``; return False at the end of stdin. Raises `Refused`."""
        try:
            while not self._ended and not self.texts:
                if 0 not in select([0, self._signalled], [], [])[0]:
                    os.read(self._signalled, _READ)  # its handler has been called by now
                    continue
                with defer_interrupts(True), suppress(BlockingIOError):  # another reader was faster
                    self._take(os.read(0, _READ))
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is closed"
            raise WriteFailed(f"stdin cannot be read: {reason}") from None
        return bool(self.texts)

    def rest(self) -> list[str]:
        """Return what was not taken, also in part, and what has arrived: up to 256 KiB, without waiting for more."""
        with suppress(OSError, ValueError):  # it cannot be handed back either
            if not self._ended and select([0], [], [], 0)[0]:
                self._held += os.read(0, _READ)
        return [*self.texts, *decode_utf8(self._held).split("\n")]

    def _take(self, data: bytes) -> None:
        *whole, self._held = (self._held + data).split(b"\n")
        if not data:
            self._ended = True
            whole, self._held = [self._held] if self._held else [], b""
        if whole and not self._goes_on and max(map(len, whole)) * _GROWTH <= MAX_TEXT_BYTES:
            text = decode_utf8(b"\n".join(whole))  # all at once: a stream is long
            self.texts += text.replace("\r\n", "\n").removesuffix("\r").split("\n")
        else:
            for line in whole:
                self.texts += self._texts(line.removesuffix(b"\r"))
                self._goes_on = False
        while len(self._held) > MAX_TEXT_BYTES:
            end = utf8_boundary(self._held, MAX_TEXT_BYTES)
            self.texts += self._texts(self._held[:end])
            self._held, self._goes_on = self._held[end:], True

    def _texts(self, line: bytes) -> list[str]:
        if not line and self._goes_on:  # the line was as long as a number of whole pieces
            return []
        first, *rest = split_long_text(escape_unprintable(decode_utf8(line)))
        return [
            CONTINUATION_PREFIX + first if self._goes_on else first,
            *(CONTINUATION_PREFIX + piece for piece in rest),
        ]
