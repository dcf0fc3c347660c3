"""Checking a log for damage: each finding has the offset of its line. Nothing is changed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from threeam.core.errors import FileUnusable
from threeam.core.format.cited_line import parse_cited_line
from threeam.core.format.clock import MAX_TIE_NS
from threeam.core.format.entry import ACQUIRED, RELEASING, REPEATED_TAG, Entry, Stamp, escape_unprintable
from threeam.core.format.times import format_duration
from threeam.core.store.cited_files import ChangedAttachment, read_cited_attachment
from threeam.core.store.clock_steps import is_clock_step
from threeam.core.store.journal import Journal, Segment
from threeam.core.store.reader import Line, lines_forward, matching_lines_backward, read_chunks
from threeam.core.store.recognize import UTF16_HINT, is_utf16

# The beginning of a line of the Bash script. A line of 3am, which begins with its author, is never glued to another.
_SCRIPT_LINE_BEGIN = re.compile(rb"\[(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}[+-]\d{4})\] \[COFFEE: \d(?!\d*\] \[BY: )")
_CITING_OR_FORKED = re.compile(rb"\] \[(?:CITED|FORK): ")
_ENCODING_PROBE_BYTES = 1024  # bytes; enough to recognize the encoding of a file
_MAX_QUOTED_CHARS = 60  # characters of a bad line that are shown


class Finding(NamedTuple):
    """One finding: its file, byte offset and line number (from 1), the kind of damage, and a sentence."""

    file: str
    offset: int
    line: int
    what: str
    text: str


@dataclass
class _CriticalSection:
    """A critical section that has begun: its author (None: the script), its first line, and what broke into it."""

    author: str | None
    line: Line
    line_number: int
    intruder_offset: int | None = None  # of the first line inside that is not of its author


class _EmbeddedStamps(NamedTuple):
    """A script line with later stamps inside it, of glued lines or of quotations."""

    line: Line
    line_number: int
    earliest_ns: int  # of the stamps that are later than the line's own


class LogChecker:
    """A check of the files of a journal, one after the other.

    ``complete_sections``: the number of complete critical sections so far. If none of them overlaps, no process was in
    one during that of another process.
    """

    def __init__(self, *, lock_held: bool) -> None:
        self.complete_sections = 0
        self._lock_held = lock_held
        self._last_stamp: Stamp | None = None
        self._embedded: _EmbeddedStamps | None = None  # of the last entry, until the stamp of the next one is known
        self._open_sections: list[_CriticalSection] = []

    def check(self, segment: Segment, end: int) -> Iterator[Finding]:
        """Yield the findings in the first ``end`` bytes of the next file.

        A torn last line is a finding only if no process holds the lock: otherwise it may be being written.
        """
        if is_utf16(segment.read(0, min(end, _ENCODING_PROBE_BYTES))):
            first = next(lines_forward(segment, 0, end))
            yield Finding(_file_name(first), 0, 1, "utf-16", f"{UTF16_HINT}; none of its lines can be read")
            return
        for number, line in enumerate(lines_forward(segment, 0, end), 1):
            if (problem := _nul_problem(line)) is not None:
                yield _make_finding(line, number, "nul", problem)
                continue
            if not line.finished and self._lock_held:
                break
            entry = line.entry
            if not line.finished:
                yield _make_finding(line, number, "torn", "torn: the last line has no newline")
            elif line.omitted_bytes:
                size = line.end - line.offset
                yield _make_finding(
                    line, number, "long", f"a line of {size:,} bytes, of which only the beginning is read"
                )
            elif entry is None:
                yield _make_finding(line, number, "foreign", "not a line of the log (torn, or written by another tool)")
            if entry is None:
                self._drop_script_sections()
                continue
            if self._embedded is not None:
                yield from self._check_glued(entry.stamp)
            earliest_ns = _earliest_embedded_ns(line.raw, entry)
            if earliest_ns is not None:
                self._embedded = _EmbeddedStamps(line, number, earliest_ns)
            if number == 1 and (problem := _head_problem(line, entry)) is not None:
                yield _make_finding(line, number, "head", problem)
            if line.is_forged:
                yield _make_finding(
                    line, number, "forged", "forged: it has the AT tag of a repeated line, but no rotation wrote it"
                )
            last, self._last_stamp = self._last_stamp, entry.stamp
            if last is not None and entry.stamp.ns < last.ns and not _is_allowed_step_back(entry, last):
                back = last.ns - entry.stamp.ns
                yield _make_finding(
                    line, number, "backwards", f"its stamp runs backwards by {format_duration(back)}, undeclared"
                )
            elif last is not None and entry.stamp.ns == last.ns and entry.author is not None:
                yield _make_finding(
                    line, number, "double", "its stamp is that of the line before: it was written twice"
                )
            yield from self._check_overlap(line, number, entry)
        yield from self._check_glued(None)

    def _check_glued(self, next_stamp: Stamp | None) -> Iterator[Finding]:
        """Yield a finding if the last entry is the beginning of a script line with a later line glued to it.

        A full disk tears a line of the script, and the script's next line continues where it ends. A quotation looks
        the same, so only its stamp tells the two apart: that of a glued line is later than the stamp in front of it,
        and at most a tie later than ``next_stamp``, the next one in the file (None: the file ends; no limit). A
        quotation whose stamp lies between the two is reported by mistake. A glued line is missed if the next line was
        written by a clock that is behind: a miss is better than a false alarm.
        """
        embedded, self._embedded = self._embedded, None
        if embedded is None or (next_stamp is not None and embedded.earliest_ns > next_stamp.ns + MAX_TIE_NS):
            return
        self._drop_script_sections()
        yield _make_finding(embedded.line, embedded.line_number, "torn", "torn: another line begins inside it")

    def _drop_script_sections(self) -> None:
        """Forget the open sections of the Bash script: a damaged line may hide the end of one.

        Lines of the script do not name the process that wrote them.
        """
        self._open_sections = [section for section in self._open_sections if section.author is not None]

    def _check_overlap(self, line: Line, line_number: int, entry: Entry) -> Iterator[Finding]:
        """Track the open sections, and yield a finding for each that another line broke into.

        Mutual exclusion puts the lines of a section next to each other. A section that never ends is not damage: its
        process was killed, and the kernel gave the lock to the next one.
        """
        by = entry.tag("BY")
        for section in self._open_sections:
            if section.intruder_offset is None and (section.author != by or entry.text == ACQUIRED):
                section.intruder_offset = line.offset
        if entry.text == ACQUIRED:
            self._open_sections.append(_CriticalSection(by, line, line_number))
        elif entry.text == RELEASING:
            ended = next((section for section in reversed(self._open_sections) if section.author == by), None)
            if ended is None:
                return
            self._open_sections.remove(ended)
            self.complete_sections += 1
            if ended.intruder_offset is not None:
                sentence = f"a critical section that another line, at offset {ended.intruder_offset}, broke into"
                yield Finding(_file_name(ended.line), ended.line.offset, ended.line_number, "overlap", sentence)


def check_cited_files(journal: Journal, segments_backward: Iterable[Segment], user: str) -> Iterator[Finding]:
    """Yield a finding for each citation whose attachment has other bytes, or is missing though ``user`` wrote it.

    The attachments of other users cannot be read, and a fork of a journal has none of the lines that were copied.
    """
    is_copied = False
    for segment in segments_backward:
        for line in matching_lines_backward(segment, segment.size(), _CITING_OR_FORKED):
            entry = line.entry
            if entry is None or line.is_repeated:
                continue
            is_copied = is_copied or entry.kind == "Forked"
            is_own = entry.author is not None and entry.author.user == user
            if (problem := _citation_problem(journal, entry, must_exist=is_own and not is_copied)) is not None:
                yield _make_finding(line, _line_number(line), "cited", problem)


def _citation_problem(journal: Journal, entry: Entry, *, must_exist: bool) -> str | None:
    cited = parse_cited_line(entry)
    if cited is None:
        return None
    try:
        read_cited_attachment(journal, cited)
    except ChangedAttachment as error:
        return str(error)
    except FileUnusable as error:
        return f"the lines that it cites are lost: {error}" if must_exist else None
    return None


def _line_number(line: Line) -> int:
    return 1 + sum(data.count(b"\n") for data in read_chunks(line.segment, 0, line.offset))


def _earliest_embedded_ns(raw: bytes, entry: Entry) -> int | None:
    """Return the earliest stamp (ns) of a line that begins inside a script line and is later than it; None without."""
    if entry.author is not None:
        return None
    stamps = (Stamp.parse(match[1].decode()) for match in _SCRIPT_LINE_BEGIN.finditer(raw, 1))
    return min((stamp.ns for stamp in stamps if stamp is not None and stamp.ns > entry.stamp.ns), default=None)


def _head_problem(line: Line, entry: Entry) -> str | None:
    """Return a sentence if the first line of a file announces another number of repeated lines than follow, or None."""
    head, stated = line.segment.head, entry.tag(REPEATED_TAG)
    if stated is None or head.begin == 0:
        return None
    if head.missing_lines is None:
        return "its REPEATED tag is not a number"
    if head.missing_lines > 0:
        present = entry.repeated_count - head.missing_lines if entry.repeated_count is not None else 0
        return f"lines are missing: it repeats {stated} lines of the file before it, and {present} are there"
    return None


def _nul_problem(line: Line) -> str | None:
    """Return a sentence about the NUL bytes in ``line``; None if it has none. Reads all of the line."""
    rest = read_chunks(line.segment, line.offset + len(line.raw), line.end) if line.omitted_bytes else ()
    size = len(line.raw) + line.omitted_bytes
    count = line.raw.count(0) + sum(piece.count(0) for piece in rest)
    if count == 0:
        return None
    if is_utf16(line.raw):
        return UTF16_HINT
    alone = " and nothing else" if count == size else ""
    return f"{count:,} NUL bytes{alone}, as a crash of the machine or a truncation under a writer leaves them"


def _is_allowed_step_back(entry: Entry, last_stamp: Stamp) -> bool:
    # Only 3am breaks ties, so the clock reading of a script line may be a little behind the last stamp.
    return is_clock_step(entry) or (entry.author is None and last_stamp.ns - entry.stamp.ns <= MAX_TIE_NS)


def _make_finding(line: Line, line_number: int, what: str, sentence: str) -> Finding:
    shown = line.display_text
    quoted = shown if len(shown) <= _MAX_QUOTED_CHARS else shown[:_MAX_QUOTED_CHARS] + "…"
    return Finding(_file_name(line), line.offset, line_number, what, f"{sentence}: {quoted}")


def _file_name(line: Line) -> str:
    return escape_unprintable(os.path.basename(line.segment.path))
