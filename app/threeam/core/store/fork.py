"""A copy of a journal up to a place, byte for byte, that says where it comes from; texts can be left out of it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
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
_MIN_BLANK_CHARS = 8  # characters: a shorter text is left out only where its entry is cited
_MAX_BLANK_CHARS = 100  # characters
_AMENDMENT = re.compile(rb"\] (?:Words|Correction): @")
_GENERATED_KINDS = (
    "Coffee",
    "Water",
    "Sleep",
    "Stamp",
    "WARNING",
    "ceremony",
    "Continued",
)  # 3am's own words are no secret


class Blank(NamedTuple):
    """A text that is not to be in the copy: the stamps of its lines (ns), and the words of each, made visible.

    ``anywhere``: whether a line that has these words, and does not cite it, is left out as well.
    """

    stamps: frozenset[int]
    texts: tuple[str, ...]
    anywhere: bool


def make_blank(journal: Journal, line: Line) -> Blank:
    """What `fork` leaves out for the entry that ``line`` is: its text, with the later lines of that and later words.

    Raises OSError.
    """
    entry = line.entry
    assert entry is not None
    said = {entry.stamp.ns: entry.body}
    for later in _continuation_entries(journal, line, entry):
        said[later.stamp.ns] = later.text.partition(" ")[2]
    live = journal.open_live()
    for segment in journal.segments_backward(live) if live is not None else ():
        for found in matching_lines_backward(segment, segment.size(), _AMENDMENT):
            words = found.entry
            if words is not None and (of := leading_stamp_ref(words.body)) is not None and of.ns in said:
                said[words.stamp.ns] = words.body.removeprefix(f"@{of}")
    # The beginning is enough: where it is quoted, the end may be cut off.
    texts = (
        escape_unprintable(part).strip().removesuffix(")")[:_MAX_BLANK_CHARS]
        for text in said.values()
        for part in text.split(" (undo: ")
    )
    return Blank(frozenset(said), tuple(text for text in texts if text), entry.kind not in _GENERATED_KINDS)


def _continuation_entries(journal: Journal, line: Line, entry: Entry) -> Iterator[Entry]:
    """The later lines of the text that begins with ``entry``; through a pipe those of others may get in between."""
    begun = False
    live = journal.open_live()
    for segment in journal.segments_forward(live) if live is not None else ():
        begun = begun or segment == line.segment
        if not begun:
            continue
        for after in lines_forward(segment, line.end if segment == line.segment else 0):
            later = after.entry
            if later is None or later.author != entry.author or after.is_repeated:
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
    """The bytes of ``journal`` up to ``end``, through all of its files, without ``blanks``; and then a last line.

    ``make_last_entry`` makes that of: the last entry copied, the SHA-256 of the bytes copied in hexadecimal, how many they are,
    and how many lines have had words left out. Raises OSError.
    """
    digest, size, left_out = hashlib.sha256(), 0, 0
    for segment in journal.segments_forward(end.segment):
        start = (
            segment.head.end if segment.head.is_predecessor_readable else 0
        )  # what the file before it says is in the copy
        for block in chunks_forward(segment, start, end.offset if segment == end.segment else None):
            copy, count = (
                _blank_long_line(segment, block, blanks) if block.omitted_bytes else _blank_lines(block.data, blanks)
            )
            left_out += count
            for data in copy:
                digest.update(data)
                size += len(data)
                yield data
    yield format_entry(make_last_entry(_last_entry(journal, end), digest.hexdigest(), size, left_out))


def _last_entry(journal: Journal, end: Position) -> Entry | None:
    """The last entry before ``end``, also one without its newline: that gets one in the copy."""
    for segment in journal.segments_backward(end.segment):
        for line in lines_backward(segment, end.offset if segment == end.segment else segment.size()):
            if (entry := line.entry) is not None:
                return entry
    return None


def _blank_lines(data: bytes, blanks: Sequence[Blank]) -> tuple[list[bytes], int]:
    """``data`` without the words of ``blanks``, each line ended, and the number of lines that this has changed."""
    if not blanks:
        return ([data] if data.endswith(b"\n") else [data, b"\n"]), 0
    *lines, rest = data.split(b"\n")
    lines += [rest] if rest else []  # a torn line at the end of a file
    copy, count = [], 0
    for raw in lines:
        says = any(_is_blanked(raw, blank) for blank in blanks)
        copy.append(_blank_line(raw) if says else raw + b"\n")
        count += says
    return copy, count


def _blank_long_line(segment: Segment, block: Chunk, blanks: Sequence[Blank]) -> tuple[Iterable[bytes], int]:
    """The same for a line of which ``block`` holds only the head: it is read in pieces, and twice if there are blanks.

    The pieces overlap, since the words may stand across the edge of two.
    """
    head = block.data.removesuffix(b"\n")
    finished = block.data.endswith(b"\n")
    overlap = 4 * max((len(word) for blank in blanks for word in blank.texts), default=0)  # bytes of a character
    texts = chain([head], _with_overlap(read_chunks(segment, block.start, block.end), overlap)) if blanks else ()
    if any(_is_blanked(text, blank) for text in texts for blank in blanks):
        return [_blank_line(head)], 1
    return chain(read_chunks(segment, block.start, block.end), () if finished else (b"\n",)), 0


def _with_overlap(pieces: Iterable[bytes], size: int) -> Iterator[bytes]:
    """``pieces``, each with the last ``size`` bytes of the one before it in front."""
    before = b""
    for piece in pieces:
        yield before + piece
        before = (before + piece)[-size:]


def _is_blanked(raw: bytes, blank: Blank) -> bool:
    """Whether a line says what ``blank`` is: it is one of its own, has words for one, cites one, or has its words."""
    text = escape_unprintable(decode_utf8(raw))
    has_words = any(word in text for word in blank.texts)
    if not has_words and "@" not in text and not any(str(ns % NS_PER_S) in text for ns in blank.stamps):
        return False
    entry = parse_entry(raw)
    if entry is not None:
        own = entry.stamp.ns in blank.stamps or (
            entry.carried_from is not None and entry.carried_from.ns in blank.stamps
        )
        cites = any(stamp.ns in blank.stamps for stamp in find_stamp_refs(entry.text))
        if own or (cites and (has_words or entry.kind in ("Correction", "Words"))):
            return True
    return blank.anywhere and any(len(word) >= _MIN_BLANK_CHARS and word in text for word in blank.texts)


def _blank_line(raw: bytes) -> bytes:
    """The line with all that counts, and without its words."""
    entry = parse_entry(raw)
    if entry is None:
        return BLANKED_TEXT.encode() + b"\n"
    words = entry.text.removesuffix(entry.body)
    if entry.text.startswith(("| ", CONTINUATION_PREFIX)):
        words = entry.text.partition(" ")[0] + " "
    if (at := leading_stamp_ref(entry.body)) is not None:
        words += f"@{at} "
    return format_entry(entry._replace(text=words + BLANKED_TEXT))


def stamp_after(last_entry: Entry | None, now: Stamp) -> Stamp:
    """A stamp for the line behind ``last_entry``: now, or right after it."""
    return (
        now if last_entry is None or now.ns > last_entry.stamp.ns else Stamp(last_entry.stamp.ns + 1, now.utc_offset_s)
    )
