"""``3am log``: a note, a hypothesis, or every line of stdin."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence

from threeam.cli.console import put, talk
from threeam.cli.context import Context, context
from threeam.cli.exits import Exit
from threeam.cli.parser import Parser
from threeam.core.draft import note
from threeam.core.entry import decode, visible
from threeam.core.journal import JournalError
from threeam.core.writer import Unsure

_READ = 64 * 1024  # bytes of stdin in one hold: large enough for one sync to carry many lines
_SPACING = 0.0002  # s away from the lock between two holds: without it a queued waiter starved for 5.5 s


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
        return _stream(context(args), args.quiet)
    text = " ".join(args.text)
    if not text.strip():
        parser.error("an empty message says nothing")
    at = context(args)
    if args.hypothesis:
        from threeam.method.drafts import claim

        draft = claim(text, at.settings.toxic_cups)
    else:
        draft = note(text)
    try:
        block = at.writer().write(draft)
    except Unsure:
        raise
    except JournalError:
        _hand_back([text])
        raise
    if not args.quiet:
        put(block.raw)
    return Exit.DONE


def _stream(at: Context, quiet: bool) -> int:
    writer = at.writer()
    for texts in _batches():
        try:
            raw = writer.write_stream(texts)
        except Unsure:
            raise
        except JournalError:
            _hand_back(texts)
            raise
        if not quiet:
            put(raw)
        time.sleep(_SPACING)
    return Exit.DONE


def _batches() -> Iterator[list[str]]:
    """The lines of stdin, as many at a time as have arrived."""
    held = b""
    while data := os.read(0, _READ):
        *whole, held = (held + data).split(b"\n")
        if whole:
            yield [decode(line.removesuffix(b"\r")) for line in whole]
    if held:
        yield [decode(held)]


def _hand_back(texts: list[str]) -> None:
    """What was refused is still the caller's."""
    for text in texts:
        talk(f"not written: {visible(text)}")
