"""A copy of a journal up to a place, byte for byte, that says where it comes from; texts can be left out of it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from threeam.core.entry import GOES_ON, NS, Entry, Stamp, cited, decode, format_entry, parse, references, visible
from threeam.core.journal import Journal, Position
from threeam.core.reader import Line, blocks_forward, lines_forward, matching_back

LEFT_OUT = "(left out)"
_LONG_ENOUGH = 8  # characters: a shorter text is left out only where its entry is cited
_BEGINNING = 100  # characters
_LATER_WORDS = re.compile(rb"\] (?:Words|Correction): @")
_OURS = ("Coffee", "Water", "Sleep", "Stamp", "WARNING", "ceremony", "Continued")  # 3am's own words are no secret


class Blank(NamedTuple):
    """A text that is not to be in the copy: the stamps of its lines (ns), and the words of each, made visible.

    ``anywhere``: whether a line that has these words, and does not cite it, is left out as well.
    """

    stamps: frozenset[int]
    words: tuple[str, ...]
    anywhere: bool


def blank_of(journal: Journal, line: Line) -> Blank:
    """What `fork` leaves out for the entry that ``line`` is: its text, with the later lines of that and later words.

    Raises OSError.
    """
    entry = line.entry
    assert entry is not None
    said = {entry.stamp.ns: entry.body}
    for later in _goes_on(journal, line, entry):
        said[later.stamp.ns] = later.text.partition(" ")[2]
    live = journal.live()
    for segment in journal.back_from(live) if live is not None else ():
        for found in matching_back(segment, segment.size(), _LATER_WORDS):
            words = found.entry
            if words is not None and (of := cited(words.body)) is not None and of.ns in said:
                said[words.stamp.ns] = words.body.removeprefix(f"@{of}")
    # The beginning is enough: where it is quoted, the end may be cut off.
    texts = (
        visible(part).strip().removesuffix(")")[:_BEGINNING]
        for text in said.values()
        for part in text.split(" (undo: ")
    )
    return Blank(frozenset(said), tuple(text for text in texts if text), entry.kind not in _OURS)


def _goes_on(journal: Journal, line: Line, entry: Entry) -> Iterator[Entry]:
    """The later lines of the text that begins with ``entry``; through a pipe those of others may get in between."""
    begun = False
    live = journal.live()
    for segment in journal.segments(live) if live is not None else ():
        begun = begun or segment == line.segment
        if not begun:
            continue
        for after in lines_forward(segment, line.end if segment == line.segment else 0):
            later = after.entry
            if later is None or later.by != entry.by or later.carried is not None:
                continue
            if not later.text.startswith(("| ", GOES_ON)):
                return
            yield later


def fork(
    journal: Journal, end: Position, blanks: Sequence[Blank], last: Callable[[Entry | None, str, int, int], Entry]
) -> Iterator[bytes]:
    """The bytes of ``journal`` up to ``end``, through all of its files, without ``blanks``; and then a last line.

    ``last`` makes that of: the last entry copied, the SHA-256 of the bytes copied in hexadecimal, how many they are,
    and how many lines have had words left out. Raises OSError.
    """
    digest, size, left_out, final = hashlib.sha256(), 0, 0, b""
    for segment in journal.segments(end.segment):
        for _, block in blocks_forward(segment, 0, end.offset if segment == end.segment else None):
            data, count = _without(block, blanks)
            left_out += count
            if not data.endswith(b"\n"):  # a torn line at the end of a file
                data += b"\n"
            digest.update(data)
            size += len(data)
            final = data
            yield data
    entries = (entry for raw in reversed(final.splitlines()) if (entry := parse(raw)) is not None)
    yield format_entry(last(next(entries, None), digest.hexdigest(), size, left_out))


def _without(block: bytes, blanks: Sequence[Blank]) -> tuple[bytes, int]:
    """``block`` without the words of ``blanks``, and how many lines that has changed."""
    if not blanks:
        return block, 0
    *lines, rest = block.split(b"\n")
    lines += [rest] if rest else []
    out, count = [], 0
    for raw in lines:
        says = any(_says(raw, blank) for blank in blanks)
        out.append(_left_out(raw) if says else raw + b"\n")
        count += says
    data = b"".join(out)
    return (data if not rest else data.removesuffix(b"\n")), count


def _says(raw: bytes, blank: Blank) -> bool:
    """Whether a line says what ``blank`` is: it is one of its own, has words for one, cites one, or has its words."""
    text = visible(decode(raw))
    has_words = any(word in text for word in blank.words)
    if not has_words and "@" not in text and not any(str(ns % NS) in text for ns in blank.stamps):
        return False
    entry = parse(raw)
    if entry is not None:
        own = entry.stamp.ns in blank.stamps or (entry.carried is not None and entry.carried.ns in blank.stamps)
        cites = any(stamp.ns in blank.stamps for stamp in references(entry.text))
        if own or (cites and (has_words or entry.kind in ("Correction", "Words"))):
            return True
    return blank.anywhere and any(len(word) >= _LONG_ENOUGH and word in text for word in blank.words)


def _left_out(raw: bytes) -> bytes:
    """The line with all that counts, and without its words."""
    entry = parse(raw)
    if entry is None:
        return LEFT_OUT.encode() + b"\n"
    words = entry.text.removesuffix(entry.body)
    if entry.text.startswith(("| ", GOES_ON)):
        words = entry.text.partition(" ")[0] + " "
    if (at := cited(entry.body)) is not None:
        words += f"@{at} "
    return format_entry(entry._replace(text=words + LEFT_OUT))


def after(last: Entry | None, now: Stamp) -> Stamp:
    """A stamp for the line behind ``last``: now, or right after it."""
    return now if last is None or now.ns > last.stamp.ns else Stamp(last.stamp.ns + 1, now.offset)
