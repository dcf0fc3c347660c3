"""A line of another log as evidence: its entry is copied into the journal's attachments, without its secrets.

The file of the line will be rotated away; the copy stays. The SHA-256 of a citation is that of the copy, so everybody
who has the copy can check it. One of the original bytes would let a reader of the journal test guesses of a secret.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from typing import NamedTuple, Protocol

from threeam.core.errors import BadInput, FileUnusable, PreconditionFailed
from threeam.core.format.cited_line import CitedLine, format_utc
from threeam.core.format.entry import NS_PER_S, decode_utf8, escape_unprintable, utf8_boundary
from threeam.core.platform.folders import open_file
from threeam.core.redact.redact import Redactor
from threeam.core.store.attachment_kinds import CITED_LINES
from threeam.core.store.attachments import write_attachment
from threeam.core.store.journal import Journal
from threeam.core.store.reader import Line, lines_backward, lines_forward, read_chunks
from threeam.core.store.segment import Segment
from threeam.timeline.instant import Timestamp

MAX_CITED_BYTES = 256 * 1024  # of one entry: a long stack trace has a tenth of it
_LOOKAHEAD_BYTES = 64 * 1024  # read after them, so that a secret at the cut is recognized
_CONTEXT_BYTES = 64 * 1024  # read before the entry: a private key may begin in a line before it
_MAX_LINES_BACK = 1000  # between a line without a timestamp and the beginning of its entry
_MAX_EXCERPT_CHARS = 160
_EXCERPT_BYTES = 4096  # of the first line: enough for an excerpt of any characters
_STAMP_BYTES = 256  # in which the time of day stands, as a rule
_TIME_OF_DAY = re.compile(r"(?<!\d)\d\d:\d\d:(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?(?!\d)", re.ASCII)
# A date before the time of day at the beginning of a line, and a zone after it: the excerpt begins behind them.
_DATE = re.compile(
    r"(?:<\d{1,3}>)?[\[(]?"
    r"(?:\d{4}[-/.]\d\d[-/.]\d\d[T ]"
    r"|(?:[A-Z][a-z]{2} )?[A-Z][a-z]{2} [ \d]\d (?:\d{4} )?"
    r"|\d\d/[A-Z][a-z]{2}/\d{4}:)?",
    re.ASCII,
)
_ZONE = re.compile(r"(?:Z| ?[+-]\d\d:?\d\d)?[\])]?[:,]?\s*", re.ASCII)
_SECRETS_REPLACED = "secrets replaced by ***"


class StampReader(Protocol):
    """The timestamp format of one log."""

    def read(self, raw: bytes) -> Timestamp | None:
        """Return the timestamp of a line without its line end; None if it has none."""


class LogFile(NamedTuple):
    """A log to cite from.

    ``source``: the name of its file, or one that the user gave it. ``segment``: its bytes, unpacked. ``reader``: reads
    its timestamps; None: it has none, so each line is an entry. ``assumptions``: sentences on what is
    assumed of its timestamps.
    """

    source: str
    segment: Segment
    reader: StampReader | None = None
    assumptions: tuple[str, ...] = ()


class Citation(NamedTuple):
    """An entry of another log, to be quoted as evidence.

    ``line_number``: of its first line, from 1. ``timestamp``: the time that the line states; None if no time was read.
    ``content``: the bytes of the line and its continuation lines,
    without secrets. ``notes``: what was assumed, and what was left out.
    """

    source: str
    path: str
    line_number: int
    timestamp: Timestamp | None
    content: bytes
    notes: tuple[str, ...] = ()

    @property
    def stamp_text(self) -> str:
        """Return the time of day as the line has it, or else in UTC; empty if no time was read."""
        if self.timestamp is None:
            return ""
        match = _time_of_day(self._first_line, self.timestamp)
        return match[0] if match is not None else format_utc(self.timestamp.ns, self.timestamp.resolution_ns)

    @property
    def excerpt(self) -> str:
        """Return the beginning of the line, without a stamp that stands at its beginning."""
        text = self._first_line
        match = _time_of_day(text, self.timestamp) if self.timestamp is not None else None
        if match is not None and _DATE.fullmatch(text, 0, match.start()):
            zone = _ZONE.match(text, match.end())
            text = text[zone.end() if zone is not None else match.end() :]
        text = escape_unprintable(text)
        return text if len(text) <= _MAX_EXCERPT_CHARS else text[: _MAX_EXCERPT_CHARS - 1] + "…"

    def evidence_text(self, words: str) -> str:
        """Return the text of the evidence: file, line number, stamp, and ``words``, or else an excerpt of the line."""
        stamp = f" @{self.stamp_text}" if self.stamp_text else ""
        return f"{self.source}:{self.line_number}{stamp} {words.strip() or self.excerpt}".rstrip()

    @property
    def _first_line(self) -> str:
        return decode_utf8(self.content[:_EXCERPT_BYTES].partition(b"\n")[0].removesuffix(b"\r"))


class SavedCitation(NamedTuple):
    """A citation whose bytes are saved at ``path``, and what the journal says of it."""

    path: str
    line: CitedLine


def read_citation(reference: str) -> Citation:
    """Return the citation of the line that ``FILE:LINE`` or ``NAME=FILE:LINE`` names.

    Raises `BadInput`, `FileUnusable`, and `PreconditionFailed` if the file has no such line.
    """
    name, _, number = reference.rpartition(":")
    if not name or not re.fullmatch(r"[0-9]{1,18}", number):
        raise BadInput(f"{reference!r} names no line: write FILE:LINE, such as web1.log:8412")
    log = _open_log(name)
    try:
        return cite_line_number(log, int(number))
    except OSError as error:
        raise FileUnusable(f"{escape_unprintable(name)} cannot be read: {error.strerror}") from None


def cite_line_number(log: LogFile, line_number: int) -> Citation:
    """Return the citation of a line by its number. A line without a timestamp is cited with its whole entry.

    Raises `PreconditionFailed` if there is no such line, and OSError.
    """
    if line_number < 1:
        raise BadInput(f"{line_number} is not the number of a line: the first one is 1")
    return cite_line_at(log, _offset_of_line(log.segment, line_number), line_number)


def cite_line_at(log: LogFile, offset: int, line_number: int | None = None) -> Citation:
    """Return the citation of the line that begins at ``offset``. ``line_number``: counted if it is None.

    Reads all of the file before the line to count its lines, so a screen calls it in a thread. Raises OSError.
    """
    if line_number is None:
        line_number = 1 + sum(data.count(b"\n") for data in read_chunks(log.segment, 0, offset))
    begin, line_number, first_line = _entry_begin(log, offset, line_number)
    end = _entry_end(log, first_line)
    raw = b"".join(read_chunks(log.segment, begin, min(end, begin + MAX_CITED_BYTES + _LOOKAHEAD_BYTES)))
    content = _redact(log.segment, begin, raw)
    notes = list(log.assumptions)
    if content != raw:
        notes.append(_SECRETS_REPLACED)
    if len(content) > MAX_CITED_BYTES or end - begin > len(raw):
        if len(content) > MAX_CITED_BYTES:
            content = content[: utf8_boundary(content, MAX_CITED_BYTES)]
        content += b"\n[3am: the rest of the entry is left out here]\n"
        notes.append(f"only the first {MAX_CITED_BYTES // 1024} KiB")
    timestamp = log.reader.read(first_line.raw) if log.reader is not None else None
    # An @ at the beginning of evidence refers to a line of the journal.
    source = f"./{log.source}" if log.source.startswith("@") else log.source
    return Citation(source, os.path.abspath(log.segment.path), line_number, timestamp, content, tuple(notes))


def save_citation(journal: Journal, citation: Citation, now_ns: int) -> SavedCitation:
    """Write the bytes of ``citation`` to a new attachment and sync it. Raises `FileUnusable`, without a file."""
    name = f"cited-{now_ns}-{os.getpid()}.out"
    path = write_attachment(journal, CITED_LINES, name, citation.content)
    timestamp = citation.timestamp
    line = CitedLine(
        citation.source,
        citation.path,
        citation.line_number,
        timestamp.ns if timestamp is not None else None,
        timestamp.resolution_ns if timestamp is not None else 0,
        hashlib.sha256(citation.content).hexdigest(),
        name,
        citation.notes,
    )
    return SavedCitation(path, line)


def _open_log(name: str) -> LogFile:
    try:
        fd = open_file(name, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as error:
        raise FileUnusable(f"{escape_unprintable(name)} cannot be opened: {error.strerror}") from None
    segment = Segment(fd, name)
    if not stat.S_ISREG(segment.fstat().st_mode):
        raise FileUnusable(f"{escape_unprintable(name)} is not a regular file")
    return LogFile(os.path.basename(name), segment)


def _time_of_day(text: str, timestamp: Timestamp) -> re.Match[str] | None:
    """Return where ``text`` has the time of ``timestamp``; hours and minutes depend on the zone."""
    for match in _TIME_OF_DAY.finditer(text, 0, _STAMP_BYTES):
        second, fraction = timestamp.ns // NS_PER_S % 60, f"{timestamp.ns % NS_PER_S:09d}"
        if int(match["second"]) == second and fraction.startswith(match["fraction"] or ""):
            return match
    return None


def _offset_of_line(segment: Segment, line_number: int) -> int:
    """Return where the line begins. Raises `PreconditionFailed` if the file has fewer lines."""
    offset, missing, size = 0, line_number - 1, segment.size()
    for data in read_chunks(segment, 0, size):
        count = data.count(b"\n")
        if count >= missing:
            index = 0
            for _ in range(missing):
                index = data.index(b"\n", index) + 1
            if offset + index < size:
                return offset + index
            missing = 0
            break
        missing -= count
        offset += len(data)
    last = segment.read(size - 1, 1) if size else b"\n"
    line_count = line_number - 1 - missing + (last != b"\n")
    lines = "1 line" if line_count == 1 else f"{line_count:,} lines"
    path = escape_unprintable(segment.path)
    raise PreconditionFailed(f"{path} has no line {line_number:,}: it has {lines if line_count else 'no lines'}")


def _entry_begin(log: LogFile, offset: int, line_number: int) -> tuple[int, int, Line]:
    """Return the offset, the number and the line at which the entry of the line at ``offset`` begins.

    That is the line itself if no line shortly before it has a timestamp.
    """
    line = next(lines_forward(log.segment, offset), None)
    if line is None:
        raise PreconditionFailed(
            f"{escape_unprintable(log.segment.path)} was truncated: the line is not in it any more"
        )
    if log.reader is None or log.reader.read(line.raw) is not None:
        return offset, line_number, line
    for count, earlier in enumerate(lines_backward(log.segment, offset), 1):
        if count > _MAX_LINES_BACK:
            break
        if log.reader.read(earlier.raw) is not None:
            return earlier.offset, line_number - count, earlier
    return offset, line_number, line


def _entry_end(log: LogFile, first_line: Line) -> int:
    """Return the end of the entry that begins with ``first_line``; a later one than can be saved is not exact."""
    end = first_line.end
    if log.reader is None or log.reader.read(first_line.raw) is None:
        return end
    for line in lines_forward(log.segment, end):
        if log.reader.read(line.raw) is not None or end - first_line.offset > MAX_CITED_BYTES:
            break
        end = line.end
    return end


def _redact(segment: Segment, begin: int, raw: bytes) -> bytes:
    """Return ``raw``, which begins at ``begin``, without its secrets, also those that begin in a line before it."""
    context_begin = max(0, begin - _CONTEXT_BYTES)
    context = segment.read(context_begin, begin - context_begin)
    if context_begin:  # without the end of a line that begins before
        context = context.partition(b"\n")[2]
    redactor = Redactor()
    redactor(context, has_more=True)
    return redactor(raw) or b"***\n"
