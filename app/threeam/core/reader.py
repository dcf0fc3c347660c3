"""Reading a segment: lines forwards, lines backwards, and the few lines that carry state.

Everything reads bytes by offset (pread) in blocks; nothing here keeps more than a block and the
line at its edge, so the size of the log does not matter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from threeam.core.entry import Entry, decode, parse, visible
from threeam.core.journal import Segment

BLOCK = 256 * 1024  # bytes: larger gains nothing in a scan, smaller costs more calls

_FIRST_BLOCK = 8 * 1024  # bytes: backwards, most want the last few lines
_PROBE = 4 * 1024  # bytes: in so many there is the end of a line, nearly always

_AUTHOR = re.compile(rb"\] \[BY: ([^@\]]*)@[^\]]*\](?! \[VIA: )")


class Line(NamedTuple):
    """One line of a segment: where it begins, its bytes without the newline, and whether it has one.

    ``gap``: for a follower's line, why others may be missing before it; mostly empty.
    """

    segment: Segment
    offset: int
    raw: bytes
    finished: bool = True
    gap: str = ""

    @property
    def end(self) -> int:
        """The offset of the first byte after the line."""
        return self.offset + len(self.raw) + self.finished

    @property
    def entry(self) -> Entry | None:
        """The entry that the line is, or None for a foreign or torn one."""
        return parse(self.raw)

    @property
    def shown(self) -> str:
        """The line as it is, made safe to print."""
        return visible(decode(self.raw))


def blocks_forward(segment: Segment, start: int = 0, end: int | None = None) -> Iterator[tuple[int, bytes]]:
    """Blocks of whole lines from ``start`` (the beginning of a line) to ``end``, as (offset, bytes).

    The last line may be unfinished.
    """
    size = BLOCK
    while (end is None or start < end) and (
        block := segment.read(start, size if end is None else min(size, end - start))
    ):
        cut = block.rfind(b"\n") + 1
        if cut == 0 and len(block) == size:
            size *= 2  # a line of any length costs linear time
            continue
        if cut == 0 or (cut < len(block) < size):  # the end: what follows the last newline is unfinished
            yield start, block
            return
        yield start, block[:cut]
        start, size = start + cut, BLOCK


def lines_forward(segment: Segment, start: int = 0, end: int | None = None) -> Iterator[Line]:
    """Every line from ``start`` (the beginning of a line) to ``end``; the last may be unfinished."""
    for offset, data in blocks_forward(segment, start, end):
        *whole, last = data.split(b"\n")
        for raw in whole:
            yield Line(segment, offset, raw)
            offset += len(raw) + 1
        if last:
            yield Line(segment, offset, last, finished=False)


def lines_back(segment: Segment, end: int) -> Iterator[Line]:
    """Every line that begins before ``end``, the last one first; that one may be unfinished."""
    end = min(end, segment.size())  # it may have been truncated meanwhile
    held, at, finished = b"", end, False
    if end > 0 and segment.read(end - 1, 1) == b"\n":
        at, finished = end - 1, True
    elif end == 0:
        return
    stop = at  # where the line now being gathered ends
    block = min(_FIRST_BLOCK, BLOCK)
    while at > 0:
        size = min(max(block, len(held)), at)
        at, block = at - size, min(block * 4, BLOCK)
        first, *rest = (segment.read(at, size) + held).split(b"\n")
        for raw in reversed(rest):
            yield Line(segment, stop - len(raw), raw, finished)
            stop, finished = stop - len(raw) - 1, True
        held = first
    yield Line(segment, stop - len(held), held, finished)


def end_of_lines(segment: Segment, end: int) -> int:
    """The end of the last whole line before ``end``: what follows it is unfinished."""
    end = min(end, segment.size())
    if end == 0 or segment.read(end - 1, 1) == b"\n":
        return end
    last = next(lines_back(segment, end), None)
    return end if last is None else last.offset


def last_entry(segment: Segment, end: int) -> tuple[Line, Entry] | None:
    """The last whole line before ``end`` that parses, and its entry, or None."""
    for line in lines_back(segment, end):
        if line.finished and (entry := line.entry):
            return line, entry
    return None


def last_active(segment: Segment, end: int, user: str) -> tuple[Line, Entry] | None:
    """The last whole line before ``end`` that shows ``user`` active: a byte search, backwards."""
    pattern = re.compile(rb"\[BY: " + re.escape(user.encode()) + rb"@[^\]]*\](?! \[VIA: )")
    for line in matching_back(segment, end, pattern):
        entry = line.entry
        if entry and entry.active and entry.by and entry.by.user == user:
            return line, entry
    return None


def matching_back(segment: Segment, end: int, pattern: re.Pattern[bytes], since: int = 0) -> Iterator[Line]:
    """The whole lines between ``since`` (the beginning of one) and ``end`` in which ``pattern`` is found.

    The last one first; once for each find.
    """
    for start, data in blocks_back(segment, end, since):
        for at in reversed([match.start() for match in pattern.finditer(data)]):
            yield _line_at(segment, start, data, at)


def significant(segment: Segment, end: int, tags: re.Pattern[bytes], since: int = 0) -> Iterator[list[Entry]]:
    """The entries between ``since`` (the beginning of a line) and ``end`` that state is made of: those of each block.

    The last block first, in each in their order.

    Those that carry one of ``tags``, the Bash script's hypotheses, the last line that shows each
    person active, and the last line that parses. Folding these gives what folding every line gives
    (a property test), at the price of a byte search: 64 MiB in about 0.1 s.
    """
    for number, last in enumerate(lines_back(segment, end)):
        if last.offset < since:
            return
        if last.finished and (entry := last.entry):
            yield [entry]
            break
        if number % 1000 == 999:  # much of another program's
            yield []
    else:
        return
    seen: set[bytes] = set()
    for start, data in blocks_back(segment, last.end, since):
        found = {line.offset: line.entry for line in significant_in(segment, start, data, tags, seen)}
        yield [entry for at, entry in sorted(found.items()) if entry is not None and at != last.offset]


def significant_in(
    segment: Segment, start: int, data: bytes, tags: re.Pattern[bytes], seen: set[bytes]
) -> Iterator[Line]:
    """The significant lines of ``data``, whole lines that begin at ``start``; in no order.

    ``seen`` holds the people whose last line is known from later blocks, and gains those found here.
    """
    ends_at = -1
    for match in tags.finditer(data):
        if match.start() > ends_at:
            line = _line_at(segment, start, data, match.start())
            ends_at = line.end - start - 1
            yield line
    for user in set(_AUTHOR.findall(data)) - seen:
        needle, at = b"] [BY: " + user + b"@", len(data)
        while (at := data.rfind(needle, 0, at)) >= 0:
            line = _line_at(segment, start, data, at)
            entry = line.entry
            if entry and entry.active and entry.by and entry.by.user == decode(user):
                seen.add(user)
                yield line
                break


def blocks_back(segment: Segment, end: int, since: int = 0) -> Iterator[tuple[int, bytes]]:
    """Blocks of whole finished lines from ``end`` back to ``since`` (the beginning of a line), as (offset, bytes)."""
    end = end_of_lines(segment, end)
    while end > since:
        # Where a line begins is looked up before the block is read: to cut and join blocks takes as long as a search.
        start = _a_line_between(segment, max(since, end - BLOCK), end, since)
        yield start, segment.read(start, end - start)
        end = start


def _a_line_between(segment: Segment, low: int, high: int, since: int) -> int:
    """Where a line begins, not long after ``low`` and before ``high``, the end of one; if none does, further up."""
    size = BLOCK
    while low > since:
        for probe in range(low, high, _PROBE):
            at = segment.read(probe, min(_PROBE, high - 1 - probe)).find(b"\n")
            if at >= 0:
                return probe + at + 1
        size *= 2  # a line of any length costs linear time
        low, high = max(since, low - size), low + 1
    return since


def _line_at(segment: Segment, start: int, data: bytes, at: int) -> Line:
    begin = data.rfind(b"\n", 0, at) + 1
    end = data.find(b"\n", at)
    return Line(segment, start + begin, data[begin : end if end >= 0 else len(data)])
