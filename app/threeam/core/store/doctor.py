"""What is wrong with a log: every finding with the offset of its line. Reads, and changes nothing."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from threeam.core.format.clock import TIE_NS
from threeam.core.format.entry import ACQUIRED, RELEASING, REPEATED, Entry, Stamp, decode, visible
from threeam.core.store.filters import steps_back
from threeam.core.store.journal import Segment
from threeam.core.store.reader import Line, lines_forward, pieces_of
from threeam.core.store.recognize import UTF16, is_utf16

_LINE_INSIDE = re.compile(rb"(?<!^)\[([^\]]{29,40})\] \[COFFEE: \d")
_ENOUGH = 1024  # bytes: they tell the encoding of a file
_QUOTED = 60  # characters of a bad line that are shown


class Finding(NamedTuple):
    """One finding: where (file, byte offset and line number, from 1), what kind of damage, and a sentence."""

    file: str
    offset: int
    line: int
    what: str
    text: str


@dataclass
class _Section:
    """A critical section that has begun: whose (None: the script's), where, and who broke into it."""

    by: str | None
    line: Line
    number: int
    intruder: int | None = None  # the offset of the first line inside that is not its author's


class Examination:
    """Reads the files of a journal, in their order, and finds what is wrong.

    ``sections``: the critical sections that were seen whole. While none of them overlaps, their order proves that
    nobody was in one while somebody else was.
    """

    def __init__(self, *, lock_held: bool) -> None:
        self.sections = 0
        self._lock_held = lock_held
        self._last: Stamp | None = None
        self._open: list[_Section] = []

    def of(self, segment: Segment, end: int) -> Iterator[Finding]:
        """The findings in the first ``end`` bytes of the next file.

        A torn last line counts only while nobody holds the lock: otherwise it may be being written.
        """
        if is_utf16(segment.read(0, min(end, _ENOUGH))):
            first = next(lines_forward(segment, 0, end))
            yield Finding(_name(first), 0, 1, "utf-16", f"{UTF16}; none of its lines can be read")
            return
        for number, line in enumerate(lines_forward(segment, 0, end), 1):
            if (nuls := _nuls_in(line)) is not None:
                yield _found(line, number, "nul", nuls)
                continue
            if not line.finished and self._lock_held:
                return
            entry = line.entry
            if not line.finished:
                yield _found(line, number, "torn", "torn: the last line has no newline")
            elif line.more:
                size = line.end - line.offset
                yield _found(line, number, "long", f"a line of {size:,} bytes, of which only the beginning is read")
            elif entry is None:
                yield _found(line, number, "foreign", "not a line of the log (torn, or written by another tool)")
            glued = entry is not None and _is_glued(line.raw, entry)
            if glued:
                yield _found(line, number, "torn", "torn: another line begins inside it")
            if glued or entry is None:
                # It may be the end of a section of the Bash script, whose lines do not say which process wrote them.
                self._open = [section for section in self._open if section.by is not None]
            if entry is None:
                continue
            if number == 1 and (why := _wrong_with_head(line, entry)) is not None:
                yield _found(line, number, "head", why)
            if line.forged:
                yield _found(line, number, "forged", "forged: it has the AT tag of what a rotation repeats elsewhere")
            last, self._last = self._last, entry.stamp
            if last is not None and entry.stamp.ns < last.ns and not _allowed(entry, last):
                back = last.ns - entry.stamp.ns
                yield _found(line, number, "backwards", f"its stamp runs backwards by {back} ns, undeclared")
            elif last is not None and entry.stamp.ns == last.ns and entry.by is not None:
                yield _found(line, number, "double", "its stamp is that of the line before: it is there twice")
            yield from self._overlap(line, number, entry)

    def _overlap(self, line: Line, number: int, entry: Entry) -> Iterator[Finding]:
        """Follows the sections that have begun and not ended; finds the ones that somebody broke into.

        Mutual exclusion puts the lines of a section next to each other. One that never ends is no
        damage: its process was killed, and the kernel gave the lock to the next.
        """
        by = entry.tag("BY")
        for section in self._open:
            if section.intruder is None and (section.by != by or entry.text == ACQUIRED):
                section.intruder = line.offset
        if entry.text == ACQUIRED:
            self._open.append(_Section(by, line, number))
        elif entry.text == RELEASING:
            mine = next((section for section in reversed(self._open) if section.by == by), None)
            if mine is None:
                return
            self._open.remove(mine)
            self.sections += 1
            if mine.intruder is not None:
                sentence = f"a critical section that another line, at offset {mine.intruder}, broke into"
                yield Finding(_name(mine.line), mine.line.offset, mine.number, "overlap", sentence)


def _is_glued(raw: bytes, entry: Entry) -> bool:
    """Return whether ``raw`` is the beginning of a line of the Bash script, with a later line behind it.

    A full disk tears a line of the script, and the script's next line goes on where it ends. A line that quotes another
    one has the later stamp of the two.
    """
    if entry.by is not None:
        return False
    stamps = (Stamp.parse(decode(match[1])) for match in _LINE_INSIDE.finditer(raw))
    return any(stamp is not None and stamp.ns > entry.stamp.ns for stamp in stamps)


def _wrong_with_head(line: Line, entry: Entry) -> str | None:
    """Return what is wrong with the number of repeated lines that the first line of a file states; None if nothing."""
    head, stated = line.segment.head, entry.tag(REPEATED)
    if stated is None or head.begin == 0:
        return None
    if head.missing is None:
        return "its REPEATED tag is no number"
    if head.missing > 0:
        there = entry.repeats - head.missing if entry.repeats is not None else 0
        return f"lines are missing: it repeats {stated} lines of the file before it, and {there} are there"
    return None


def _nuls_in(line: Line) -> str | None:
    """What to say of the NUL bytes in ``line``; None if it has none. Reads all of it."""
    rest = pieces_of(line.segment, line.offset + len(line.raw), line.end) if line.more else ()
    size = len(line.raw) + line.more
    count = line.raw.count(0) + sum(piece.count(0) for piece in rest)
    if count == 0:
        return None
    if is_utf16(line.raw):
        return UTF16
    alone = " and nothing else" if count == size else ""
    return f"{count:,} NUL bytes{alone}, as a crash of the machine or a truncation under a writer leaves them"


def _allowed(entry: Entry, last: Stamp) -> bool:
    # Only 3am breaks ties, so a line of the script may carry a reading a little behind the last stamp.
    return steps_back(entry) or (entry.by is None and last.ns - entry.stamp.ns <= TIE_NS)


def _found(line: Line, number: int, what: str, sentence: str) -> Finding:
    shown = line.shown
    quoted = shown if len(shown) <= _QUOTED else shown[:_QUOTED] + "…"
    return Finding(_name(line), line.offset, number, what, f"{sentence}: {quoted}")


def _name(line: Line) -> str:
    return visible(os.path.basename(line.segment.path))
