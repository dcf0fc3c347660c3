"""Forking a journal: a copy up to a position, byte for byte, that names its origin; texts can be blanked in it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from threeam.core.format.entry import (
    CONTINUATION_PREFIX,
    NS_PER_S,
    Entry,
    Stamp,
    decode_utf8,
    escape_unprintable,
    find_stamp_refs,
    format_entry,
    leading_stamp_ref,
    parse_entry,
)
from threeam.core.store.journal import Journal, Position, Segment
from threeam.core.store.reader import (
    Chunk,
    Line,
    chunks_forward,
    lines_backward,
    lines_forward,
    matching_lines_backward,
    read_chunks,
)

BLANKED_TEXT = "(left out)"
_MIN_BLANK_CHARS = 8  # characters; a shorter text is blanked only in lines that cite its entry
_MAX_BLANK_CHARS = 100  # characters
_LINE = re.compile(rb"[^\n]*\n|[^\n]+")
_AMENDMENT = re.compile(rb"\] (?:Words|Correction): @")
# The text of these is generated, so it is not a secret.
_GENERATED_KINDS = ("Coffee", "Water", "Sleep", "Stamp", "WARNING", "ceremony", "Continued")


class Blank(NamedTuple):
    """A text that is left out of a copy.

    ``stamps``: of its lines (ns). ``texts``: the words of each line, with control characters escaped. ``anywhere``:
    whether lines that have these words are blanked even if they do not cite the text.
    """

    stamps: frozenset[int]
    texts: tuple[str, ...]
    anywhere: bool


def make_blank(journal: Journal, line: Line) -> Blank:
    """Return the blank for the entry of ``line``, its continuation lines and its amendments. Raises OSError."""
    live = journal.open_live()
    return make_blank_in([*journal.segments_forward(live)] if live is not None else [], line)


def make_blank_in(segments: Sequence[Segment], line: Line) -> Blank:
    """Do as `make_blank` in the files ``segments``, the oldest first. Words that were blanked are not looked for."""
    entry = line.entry
    assert entry is not None
    texts_by_stamp = {entry.stamp.ns: entry.body}
    for continuation in _continuation_entries(segments, line, entry):
        texts_by_stamp[continuation.stamp.ns] = continuation.text.partition(" ")[2]
    for segment in reversed(segments):
        for amendment_line in matching_lines_backward(segment, segment.size(), _AMENDMENT):
            amendment = amendment_line.entry
            cited = leading_stamp_ref(amendment.body) if amendment is not None else None
            if amendment is not None and cited is not None and cited.ns in texts_by_stamp:
                texts_by_stamp[amendment.stamp.ns] = amendment.body.removeprefix(f"@{cited}")
    return make_blank_of(texts_by_stamp, entry.kind)


def make_blank_of(texts_by_stamp: Mapping[int, str], kind: str) -> Blank:
    """Return the blank for the texts of an entry's lines, by their stamps (ns). ``kind``: of the entry."""
    # The beginning of each text is enough: a quotation may be cut off at its end.
    texts = (
        escape_unprintable(part).strip().removesuffix(")")[:_MAX_BLANK_CHARS]
        for text in texts_by_stamp.values()
        for part in text.split(" (undo: ")
    )
    words = tuple(text for text in texts if text and not text.startswith(BLANKED_TEXT))
    return Blank(frozenset(texts_by_stamp), words, kind not in _GENERATED_KINDS)


def _continuation_entries(segments: Iterable[Segment], line: Line, entry: Entry) -> Iterator[Entry]:
    """Yield the continuation lines of ``entry``; lines of other authors may lie between those of a piped text."""
    has_begun = False
    for segment in segments:
        has_begun = has_begun or segment == line.segment
        if not has_begun:
            continue
        for later_line in lines_forward(segment, line.end if segment == line.segment else 0):
            later = later_line.entry
            if later is None or later.author != entry.author or later_line.is_repeated:
                continue
            if not later.text.startswith(("| ", CONTINUATION_PREFIX)):
                return
            yield later


def fork_chunks(
    journal: Journal,
    end: Position,
    blanks: Sequence[Blank],
    make_last_entry: Callable[[Entry | None, str, int, int], Entry],
) -> Iterator[bytes]:
    """Yield the bytes of ``journal`` up to ``end``, from all of its files, without ``blanks``; and then a last line.

    ``make_last_entry`` returns the entry of that line. Its arguments: the last entry copied, the SHA-256 of the bytes
    copied (hexadecimal), their number, and the number of blanked lines. Raises OSError.
    """
    digest, size, blanked_lines = hashlib.sha256(), 0, 0
    for segment in journal.segments_forward(end.segment):
        # A head repeats the predecessor, which is in the copy.
        start = segment.head.end if segment.head.is_predecessor_readable else 0
        for chunk in chunks_forward(segment, start, end.offset if segment == end.segment else None):
            if chunk.omitted_bytes:
                pieces, count = _blank_long_line(segment, chunk, blanks)
            else:
                pieces, count = _blank_lines(chunk.data, blanks)
            blanked_lines += count
            for data in pieces:
                digest.update(data)
                size += len(data)
                yield data
    yield format_entry(make_last_entry(_last_entry(journal, end), digest.hexdigest(), size, blanked_lines))


def _last_entry(journal: Journal, end: Position) -> Entry | None:
    """Return the last entry before ``end``, even one without a newline, which it gets in the copy."""
    for segment in journal.segments_backward(end.segment):
        for line in lines_backward(segment, end.offset if segment == end.segment else segment.size()):
            if (entry := line.entry) is not None:
                return entry
    return None


def _blank_lines(data: bytes, blanks: Sequence[Blank]) -> tuple[Iterable[bytes], int]:
    """Return the lines of ``data`` without ``blanks``, each with a newline, and the number of blanked lines."""
    if not blanks:
        return ([data] if data.endswith(b"\n") else [data, b"\n"]), 0
    *lines, rest = data.split(b"\n")
    lines += [rest] if rest else []  # a torn line at the end of a file
    copied_lines, count = [], 0
    for raw in lines:
        has_words = is_blanked(raw, blanks)
        copied_lines.append(blank_line(raw) if has_words else raw + b"\n")
        count += has_words
    return copied_lines, count


def _blank_long_line(segment: Segment, chunk: Chunk, blanks: Sequence[Blank]) -> tuple[Iterable[bytes], int]:
    """Do as `_blank_lines` for a line of which ``chunk`` holds only the beginning.

    The line is read in pieces, and twice if there are blanks. The pieces that are searched overlap, since words may
    cross the edge of two pieces.
    """
    beginning = chunk.data.removesuffix(b"\n")
    is_finished = chunk.data.endswith(b"\n")
    overlap_bytes = 4 * max((len(text) for blank in blanks for text in blank.texts), default=0)  # 4: of a character
    pieces = _with_overlap(read_chunks(segment, chunk.start, chunk.end), overlap_bytes)
    if blanks and any(is_blanked(piece, blanks) for piece in chain([beginning], pieces)):
        return [blank_line(beginning)], 1
    return chain(read_chunks(segment, chunk.start, chunk.end), () if is_finished else (b"\n",)), 0


def find_blanked_lines(journal: Journal, blank: Blank) -> Iterator[tuple[Segment, int, int]]:
    """Yield the lines that a copy would have without their words: segment, begin and end. Raises OSError.

    What a rotation repeats at the beginning of a file is among them.
    """
    live = journal.open_live()
    for segment in journal.segments_forward(live) if live is not None else ():
        for begin, end in find_blanked_lines_in(segment, [blank]):
            yield segment, begin, end


def find_blanked_lines_in(segment: Segment, blanks: Sequence[Blank]) -> Iterator[tuple[int, int]]:
    """Yield the lines of a file that a copy would have without their words: begin and end. Raises OSError."""
    for chunk in chunks_forward(segment):
        if chunk.omitted_bytes:
            if _blank_long_line(segment, chunk, blanks)[1]:
                yield chunk.start, chunk.end
            continue
        begin = chunk.start
        for raw in _LINE.findall(chunk.data):
            if is_blanked(raw.removesuffix(b"\n"), blanks):
                yield begin, begin + len(raw)
            begin += len(raw)


def _with_overlap(pieces: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Yield each of ``pieces`` with the last ``size`` bytes before it in front."""
    overlap = b""
    for piece in pieces:
        yield overlap + piece
        overlap = (overlap + piece)[-size:]


def is_blanked(raw: bytes, blanks: Iterable[Blank]) -> bool:
    """Return whether a copy would have a line without its words."""
    return any(_is_blanked(raw, blank) for blank in blanks)


def _is_blanked(raw: bytes, blank: Blank) -> bool:
    """Return whether a line is to be blanked: it is a line of ``blank``, amends or cites one, or has its words."""
    text = escape_unprintable(decode_utf8(raw))
    has_words = any(words in text for words in blank.texts)
    if not has_words and "@" not in text and not any(str(ns % NS_PER_S) in text for ns in blank.stamps):
        return False
    entry = parse_entry(raw)
    if entry is not None:
        is_own = entry.stamp.ns in blank.stamps or (
            entry.carried_from is not None and entry.carried_from.ns in blank.stamps
        )
        cites = any(stamp.ns in blank.stamps for stamp in find_stamp_refs(entry.text))
        if is_own or (cites and (has_words or entry.kind in ("Correction", "Words"))):
            return True
    return blank.anywhere and any(len(words) >= _MIN_BLANK_CHARS and words in text for words in blank.texts)


def blank_line(raw: bytes) -> bytes:
    """Return a line, with or without a newline, with its stamp, tags and kind, but without its words."""
    entry = parse_entry(raw)
    if entry is None:
        return BLANKED_TEXT.encode() + b"\n"
    prefix = entry.text.removesuffix(entry.body)
    if entry.text.startswith(("| ", CONTINUATION_PREFIX)):
        prefix = entry.text.partition(" ")[0] + " "
    if (cited := leading_stamp_ref(entry.body)) is not None:
        prefix += f"@{cited} "
    return format_entry(entry._replace(text=prefix + BLANKED_TEXT))


def stamp_after(last_entry: Entry | None, now: Stamp) -> Stamp:
    """Return a stamp for a line after ``last_entry``: ``now``, or 1 ns after the entry if that is later."""
    if last_entry is None or now.ns > last_entry.stamp.ns:
        return now
    return Stamp(last_entry.stamp.ns + 1, now.utc_offset_s)
