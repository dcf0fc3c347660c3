"""A line of another log as evidence: its entry is copied into the journal's attachments, without its secrets.

The file of the line will be rotated away; the copy stays. The SHA-256 of a citation is that of the copy, so everybody
who has the copy can check it. One of the original bytes would let a reader of the journal test guesses of a secret.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from typing import NamedTuple

from threeam.core.errors import BadInput, FileUnusable, PreconditionFailed
from threeam.core.format.cited_line import CitedLine
from threeam.core.format.entry import BOM, decode_utf8, escape_unprintable, utf8_boundary
from threeam.core.redact.redact import Redactor
from threeam.core.store.attachment_kinds import CITED_LINES
from threeam.core.store.attachments import write_attachment
from threeam.core.store.journal import Journal
from threeam.core.store.reader import Line, lines_backward, lines_forward, read_chunks
from threeam.core.store.segment import Segment
from threeam.timeline.arguments import SourceName, SourceOptions, open_source, source_names
from threeam.timeline.files import STDIN, open_log_file
from threeam.timeline.instant import ClockCorrection, Timestamp
from threeam.timeline.missing_date import UnclearStamps
from threeam.timeline.source import Source
from threeam.timeline.zones import AmbiguousZone

MAX_CITED_BYTES = 256 * 1024  # of one entry: a long stack trace has a tenth of it
_LOOKAHEAD_BYTES = 64 * 1024  # read after them, so that a secret at the cut is recognized
_CONTEXT_BYTES = 64 * 1024  # read before the entry: a private key may begin in a line before it
_MAX_LINES_BACK = 1000  # between a line without a timestamp and the beginning of its entry
_MAX_EXCERPT_CHARS = 160
_EXCERPT_BYTES = 4096  # of the first line: enough for an excerpt of any characters
_TIME_OF_DAY = re.compile(rb"(?<!\d)\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?!\d)")
_BEFORE_STAMP = re.compile(rb"(?:<\d{1,3}>)?[\[(]?")  # at the beginning of a line, and what follows the stamp then
_AFTER_STAMP = re.compile(rb"[\])]?[:,]?[ \t]*")
_UNCLEAR_STAMPS = "no time was read: 3am sources says why"
_SECRETS_REPLACED = "secrets replaced by ***"


class Citation(NamedTuple):
    """An entry of another log, to be quoted as evidence.

    ``line_number``: of its first line, from 1. ``timestamp``: the time that the line states, and ``stamp_text``: the
    time of day, or another stamp, as the line has it; None and empty if no time was read. ``content``: the bytes of the
    line and its continuation lines, without secrets. ``excerpt``: the beginning of the line, without a stamp in front.
    ``notes``: what was assumed, and what was left out.
    """

    source: str
    path: str
    line_number: int
    timestamp: Timestamp | None
    stamp_text: str
    content: bytes
    excerpt: str
    notes: tuple[str, ...] = ()

    @property
    def reference(self) -> str:
        """Return ``web1.log:8412``."""
        return f"{self.source}:{self.line_number}"

    def evidence_text(self, words: str) -> str:
        """Return the text of the evidence: file, line number, stamp, and ``words``, or else an excerpt of the line."""
        stamp = f" @{self.stamp_text}" if self.stamp_text else ""
        return f"{self.reference}{stamp} {words.strip() or self.excerpt}".rstrip()


class SavedCitation(NamedTuple):
    """A citation whose bytes are saved at ``path``, and what the journal says of it."""

    path: str
    line: CitedLine


def read_citation(reference: str) -> Citation:
    """Return the citation of the line that ``FILE:LINE`` or ``NAME=FILE:LINE`` names.

    Raises `BadInput`, `FileUnusable`, and `PreconditionFailed` if the file has no such line.
    """
    word, _, number = reference.rpartition(":")
    if not word or not re.fullmatch(r"[0-9]{1,18}", number):
        raise BadInput(f"{reference!r} names no line: write FILE:LINE, such as web1.log:8412")
    if int(number) < 1:
        raise BadInput(f"{number} is not the number of a line: the first one is 1")
    names = source_names([word])
    if len(names) > 1:
        raise BadInput(f"{word} names {len(names)} files: write the name of one")
    source, problem = _open_source(names[0])
    try:
        offset = _offset_of_line(source.segment, int(number))
        line = next(lines_forward(source.segment, offset), Line(source.segment, offset, b"", False))
        citation = cite_line(source, line, int(number))
        return citation._replace(notes=(problem, *citation.notes)) if problem else citation
    except OSError as error:
        raise FileUnusable(f"{escape_unprintable(names[0].path)} cannot be read: {error.strerror}") from None


def cite_line(source: Source, line: Line, line_number: int | None = None) -> Citation:
    """Return the citation of ``line``, with its continuation lines; of such a line, the citation of its entry.

    Reads all of the file before the line to count its lines, unless ``line_number`` is given: a screen calls it in a
    thread. Raises OSError, and `PreconditionFailed` if the file has other bytes there by now.
    """
    segment = source.segment
    if segment.read(line.offset, len(line.raw)) != line.raw:
        path = escape_unprintable(segment.path)
        raise PreconditionFailed(f"{path} was truncated: the line is not in it any more")
    if line_number is None:
        line_number = 1 + sum(data.count(b"\n") for data in read_chunks(segment, 0, line.offset))
    lines_back, first_line = _first_line_of_entry(source, line)
    timestamp, assumptions = _read_timestamp(source, first_line)
    raw = _without_mark(first_line)
    detection = source.detection
    span = detection.reader.span(raw) if timestamp is not None and detection is not None else (0, 0)
    stamp = raw[slice(*span)]
    time_of_day = _TIME_OF_DAY.search(stamp)
    content, omissions = _copy_entry(source, first_line)
    is_local = segment.path != STDIN and not source.file.is_remote
    return Citation(
        _cited_name(source),
        os.path.abspath(segment.path) if is_local else segment.path,
        line_number - lines_back,
        timestamp,
        escape_unprintable(decode_utf8(stamp if time_of_day is None else time_of_day[0])),
        content,
        _excerpt(content.removeprefix(BOM), *span),
        (*assumptions, *omissions),
    )


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


def save_citations(journal: Journal, citations: Sequence[Citation], now_ns: int) -> list[SavedCitation]:
    """Write the bytes of each of ``citations`` to a new attachment. Raises `FileUnusable`, without any file."""
    saved: list[SavedCitation] = []
    try:
        for number, citation in enumerate(citations):
            saved.append(save_citation(journal, citation, now_ns + number))
    except FileUnusable:
        for each in saved:
            os.unlink(each.path)
        raise
    return saved


def _open_source(name: SourceName) -> tuple[Source, str]:
    """Open a log. If its stamps do not say which time they mean, its lines are cited without one; say why."""
    try:
        source, _ = open_source(name, 0, SourceOptions({}, {}, {}, {}))
    except (UnclearStamps, AmbiguousZone):
        if name.path == STDIN:  # it cannot be read again
            raise
        return Source(name.name, 0, open_log_file(name.path), None, ClockCorrection()), _UNCLEAR_STAMPS
    if source.detection is not None and source.detection.reader.reads_local_time:
        source.make_index()  # which of two hours that the clock showed in autumn
    return source, ""


def _cited_name(source: Source) -> str:
    """Return the name of the file, or that which the user gave the source."""
    file_name = os.path.basename(source.segment.path)
    name = file_name if file_name.startswith(source.name) else source.name
    return f"./{name}" if name.startswith("@") else name  # an @ there would refer to a line of the journal


def _read_timestamp(source: Source, line: Line) -> tuple[Timestamp | None, Sequence[str]]:
    """Return the timestamp of a line, and what is assumed of it."""
    timestamp = source.read_timestamp(line)
    if timestamp is None or source.detection is None:
        return None, []
    reader = source.detection.reader
    if source.index is None and reader.reads_local_time and reader.with_fold(1).read(_without_mark(line)) != timestamp:
        return None, ["its clock showed this hour twice"]
    return timestamp, source.detection.assumptions


def _without_mark(line: Line) -> bytes:
    return line.raw if line.offset else line.raw.removeprefix(BOM)


def _excerpt(content: bytes, stamp_begin: int, stamp_end: int) -> str:
    """Return the beginning of the first line of ``content``, from the end of its stamp on if that stands in front."""
    line = content[:_EXCERPT_BYTES].partition(b"\n")[0].removesuffix(b"\r")
    if stamp_end and _BEFORE_STAMP.fullmatch(line, 0, stamp_begin):
        after = _AFTER_STAMP.match(line, stamp_end)
        line = line[after.end() if after is not None else stamp_end :]
    text = escape_unprintable(decode_utf8(line))
    return text if len(text) <= _MAX_EXCERPT_CHARS else text[: _MAX_EXCERPT_CHARS - 1] + "…"


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


def _first_line_of_entry(source: Source, line: Line) -> tuple[int, Line]:
    """Return the first line of the entry of ``line``, and how many lines it is before it.

    That is ``line`` itself if no line shortly before it has a timestamp.
    """
    if source.detection is None or source.read_timestamp(line) is not None:
        return 0, line
    for count, earlier in enumerate(lines_backward(source.segment, line.offset), 1):
        if count > _MAX_LINES_BACK:
            break
        if source.read_timestamp(earlier) is not None:
            return count, earlier
    return 0, line


def _entry_end(source: Source, first_line: Line) -> int:
    """Return the end of the entry that begins with ``first_line``; a later one than can be saved is not exact."""
    end = first_line.end
    if source.read_timestamp(first_line) is None:
        return end
    for line in lines_forward(source.segment, end):
        if source.read_timestamp(line) is not None or end - first_line.offset > MAX_CITED_BYTES:
            break
        end = line.end
    return end


def _copy_entry(source: Source, first_line: Line) -> tuple[bytes, list[str]]:
    """Return the bytes of an entry without its secrets, and notes on what is not in them."""
    segment, begin, end, notes = source.segment, first_line.offset, _entry_end(source, first_line), list[str]()
    raw = b"".join(read_chunks(segment, begin, min(end, begin + MAX_CITED_BYTES + _LOOKAHEAD_BYTES)))
    if not raw:
        raise PreconditionFailed(f"{escape_unprintable(segment.path)} was truncated: the line is not in it any more")
    content = _redact(segment, begin, raw)
    if content != raw:
        notes.append(_SECRETS_REPLACED)
    is_long = len(content) > MAX_CITED_BYTES
    if is_long or end - begin > len(raw):
        content = content[: utf8_boundary(content, MAX_CITED_BYTES)] if is_long else content
        content += b"\n[3am: the rest of the entry is left out here]\n"
        notes.append(f"only the first {MAX_CITED_BYTES // 1024} KiB")
    return content, notes


def _redact(segment: Segment, begin: int, raw: bytes) -> bytes:
    """Return ``raw``, which begins at ``begin``, without its secrets, also those that begin in a line before it."""
    context_begin = max(0, begin - _CONTEXT_BYTES)
    context = segment.read(context_begin, begin - context_begin)
    if context_begin:  # without the end of a line that begins before
        context = context.partition(b"\n")[2]
    redactor = Redactor()
    redactor(context, has_more=True)
    return redactor(raw) or b"***\n"
