"""Reading a segment: lines forwards, lines backwards, and the few lines that carry state.

Bytes are read by offset (pread) in chunks. At most `MAX_HELD_LINE_BYTES` of a line are held. So memory depends neither
on the size of the log nor on the length of a line, and every scan takes linear time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property, partial
from typing import NamedTuple

from threeam.core.format.entry import BOM, Entry, decode_utf8, escape_unprintable, parse_entry, utf8_boundary
from threeam.core.store.segment import Segment

CHUNK_BYTES = 256 * 1024  # bytes; larger makes a scan no faster, smaller costs more calls
MAX_HELD_LINE_BYTES = 1024 * 1024  # bytes of one line; the lines of 3am have at most 64 KiB

_FIRST_CHUNK_BYTES = 8 * 1024  # bytes; most readers backwards want the last few lines
_PROBE_BYTES = 4 * 1024  # bytes; a read of this size nearly always contains the end of a line
_MAX_USERS_PER_CHUNK = 50  # more names in a chunk are probably quoted
_MAX_SHOWN_NULS = 16  # NULs in a row; more are shown as a count

_NEWLINE = re.compile(b"\n")
_AT_TAG = b" [AT: "
# After an author: not of a line that came through a pipe (VIA), nor of one that a rotation repeated, which shows its
# author active only if it is a `Carried:`.
_ACTIVE_LOOKAHEAD = rb"(?! \[VIA: )(?! \[AT: [^\]\n]*\] (?!(?:\[[A-Z0-9]+: [^\]\n]*\] ){0,20}Carried: ))"
_ACTIVE_BY_TAG = re.compile(rb"\] \[BY: ([^@\]]*)@[^\]]*\](?! \[VIA: )")
_LONG_NUL_RUN = re.compile(b"\0{%d,}" % (_MAX_SHOWN_NULS + 1))


class Chunk(NamedTuple):
    """Whole lines of a segment from ``start`` to ``end``; the last may be unfinished.

    A line longer than `MAX_HELD_LINE_BYTES` is a chunk by itself. ``data`` is then the beginning of the line, with a
    newline if the line has one.
    """

    start: int
    data: bytes
    end: int

    @property
    def omitted_bytes(self) -> int:
        """The number of bytes that ``data`` leaves out."""
        return self.end - self.start - len(self.data)


class _LineFields(NamedTuple):
    """The fields of a `Line`: a tuple, since a scan makes millions of them."""

    segment: Segment
    offset: int
    raw: bytes
    finished: bool = True
    gap_reason: str = ""
    omitted_bytes: int = 0
    line_end: bytes = b"\n"


class Line(_LineFields):
    """One line of a segment.

    ``offset``: where it begins. ``raw``: its bytes without the line end; of a line longer than `MAX_HELD_LINE_BYTES`
    its beginning, which ``omitted_bytes`` follow. ``finished``: whether it has a line end. ``gap_reason``: in a line
    from a follower, why lines may be missing before it; mostly empty. ``line_end``: it includes a carriage return
    before the newline.

    A line is parsed once, at the first use of `entry`. All that handle the line, in any thread, share the result.
    """

    @property
    def end(self) -> int:
        """The offset of the first byte after the line."""
        return self.offset + len(self.raw) + self.omitted_bytes + (len(self.line_end) if self.finished else 0)

    @cached_property
    def entry(self) -> Entry | None:
        """The entry of the line, or None for a foreign or torn one. The text of a truncated line ends with a mark."""
        entry = parse_entry(self.raw)
        return (
            entry
            if not self.omitted_bytes or entry is None
            else entry._replace(text=entry.text + self._truncation_mark)
        )

    @property
    def is_repeated(self) -> bool:
        """True for a line with which a rotation repeats the state of a readable predecessor."""
        head = self.segment.head if _AT_TAG in self.raw else None
        return head is not None and head.is_predecessor_readable and head.begin <= self.offset < head.end

    @property
    def is_forged(self) -> bool:
        """True for a line with the tag of repeated lines that is not where a rotation writes them."""
        return (
            _AT_TAG in self.raw
            and not self.segment.is_in_head(self.offset)
            and (entry := self.entry) is not None
            and (entry.tag("AT") is not None)
        )

    @property
    def state_entry(self) -> Entry | None:
        """The entry of the line as the state sees it: of a forged line, only the stamp."""
        entry = self.entry
        if _AT_TAG not in self.raw or entry is None or not self.is_forged:
            return entry
        return Entry(entry.stamp, 0, (), "")

    @property
    def display_text(self) -> str:
        """The line, made safe to print: a long run of NULs becomes a count, and a truncated line ends with a mark."""
        raw = self.raw if self.offset else self.raw.removeprefix(BOM)
        if b"\0" not in raw:
            return escape_unprintable(decode_utf8(raw)) + self._truncation_mark
        texts = [escape_unprintable(decode_utf8(text)) for text in _LONG_NUL_RUN.split(raw)]
        counts = [f"\\x00 ({len(run):,} times)" for run in _LONG_NUL_RUN.findall(raw)]
        return "".join([text for pair in zip(texts, [*counts, self._truncation_mark], strict=True) for text in pair])

    @property
    def _truncation_mark(self) -> str:
        return f"… {self.omitted_bytes:,} bytes more" if self.omitted_bytes else ""


def chunks_forward(segment: Segment, start: int = 0, end: int | None = None) -> Iterator[Chunk]:
    """Yield chunks of whole lines from ``start`` (the beginning of a line) to ``end``. The last may be unfinished."""
    while end is None or start < end:
        size = CHUNK_BYTES if end is None else min(CHUNK_BYTES, end - start)
        data = segment.read(start, size)
        cut = data.rfind(b"\n") + 1
        if len(data) < size:  # the end of the file: a line after the last newline is unfinished
            if data:
                yield Chunk(start, data, start + len(data))
            return
        if cut == 0:
            newline, finished = _find_newline(segment, start + size, end)
            chunk = read_line_chunk(segment, start, newline, finished=finished)
        else:
            chunk = Chunk(start, data[:cut], start + cut)
        yield chunk
        start = chunk.end


def lines_forward(segment: Segment, start: int = 0, end: int | None = None) -> Iterator[Line]:
    """Yield every line from ``start`` (the beginning of a line) to ``end``; the last may be unfinished."""
    for chunk in chunks_forward(segment, start, end):
        if chunk.omitted_bytes or b"\r" in chunk.data:
            yield from map(partial(line_containing, segment, chunk), _line_begins(chunk.data))
            continue
        offset, data, _ = chunk
        *finished_lines, last = data.split(b"\n")
        for raw in finished_lines:
            yield Line(segment, offset, raw)
            offset += len(raw) + 1
        if last:
            yield Line(segment, offset, last, False)


def lines_backward(segment: Segment, end: int) -> Iterator[Line]:
    """Yield every line that begins before ``end``, the last one first; that one may be unfinished."""
    end = min(end, segment.size())  # it may have been truncated meanwhile
    finished_end = last_line_end(segment, end)
    if finished_end < end:
        yield line_containing(segment, read_line_chunk(segment, finished_end, end, finished=False), 0)
    for chunk in chunks_backward(segment, finished_end, first_bytes=_FIRST_CHUNK_BYTES):
        if chunk.omitted_bytes or b"\r" in chunk.data:
            yield from map(partial(line_containing, segment, chunk), reversed(_line_begins(chunk.data)))
            continue
        offset = chunk.end
        for raw in reversed(chunk.data[:-1].split(b"\n")):
            offset -= len(raw) + 1
            yield Line(segment, offset, raw)


def last_line_end(segment: Segment, end: int) -> int:
    """Return the end of the last finished line before ``end``."""
    return _find_line_begin(segment, min(end, segment.size()))


def read_line_chunk(segment: Segment, start: int, end: int, *, finished: bool) -> Chunk:
    """Return the chunk of the line from ``start`` to ``end``, the offset of its newline if it is ``finished``."""
    if end - start <= MAX_HELD_LINE_BYTES:
        data = segment.read(start, end - start + finished)
    else:
        head = segment.read(start, MAX_HELD_LINE_BYTES)
        data = head[: utf8_boundary(head, len(head) - 1)] + (b"\n" if finished else b"")
    return Chunk(start, data, end + finished)


def read_chunks(segment: Segment, start: int, end: int) -> Iterator[bytes]:
    """Yield all bytes from ``start`` to ``end``, in pieces of at most `CHUNK_BYTES`."""
    while start < end and (data := segment.read(start, min(CHUNK_BYTES, end - start))):
        yield data
        start += len(data)


def last_entry(segment: Segment, end: int) -> tuple[Line, Entry] | None:
    """Return the last finished line before ``end`` that is an entry, and the entry; None without one."""
    for line in lines_backward(segment, end):
        if line.finished and (entry := line.state_entry):
            return line, entry
    return None


def last_active_entry(segment: Segment, end: int, user: str) -> tuple[Line, Entry] | None:
    """Return the last finished line before ``end`` that shows ``user`` active, by a byte search backwards."""
    return next(_active_lines_backward(segment, end, user), None)


def active_entries_backward(segment: Segment, end: int, user: str) -> Iterator[Entry]:
    """Yield the entries before ``end`` that show ``user`` active, the last one first."""
    return (entry for _, entry in _active_lines_backward(segment, end, user))


def _active_lines_backward(segment: Segment, end: int, user: str) -> Iterator[tuple[Line, Entry]]:
    pattern = re.compile(rb"\[BY: " + re.escape(user.encode()) + rb"@[^\[\]]*\]" + _ACTIVE_LOOKAHEAD)
    for line in matching_lines_backward(segment, end, pattern):
        entry = line.state_entry
        if entry and entry.activity_stamp and entry.author and entry.author.user == user:
            yield line, entry


def matching_lines_backward(
    segment: Segment, end: int, pattern: re.Pattern[bytes], min_offset: int = 0
) -> Iterator[Line]:
    """Yield the finished lines between ``min_offset`` (the beginning of a line) and ``end`` that match ``pattern``.

    The last line comes first. A line with several matches comes once.
    """
    for chunk in chunks_backward(segment, end, min_offset):
        begin = len(chunk.data)  # of the last line that was yielded
        for index in reversed([match.start() for match in pattern.finditer(chunk.data)]):
            if index < begin:
                line = line_containing(segment, chunk, index)
                begin = line.offset - chunk.start
                yield line


def state_entries_backward(
    segment: Segment, end: int, tags: re.Pattern[bytes], min_offset: int = 0
) -> Iterator[list[Entry]]:
    """Yield the entries of `state_lines_backward`, as the state sees them."""
    for lines in state_lines_backward(segment, end, tags, min_offset):
        yield [entry for line in lines if (entry := line.state_entry) is not None]


def state_lines_backward(
    segment: Segment, end: int, tags: re.Pattern[bytes], min_offset: int = 0
) -> Iterator[list[Line]]:
    """Yield the lines between ``min_offset`` (the beginning of a line) and ``end`` that the state is made of.

    They come chunk by chunk, the last chunk first; those of a chunk are in their order. All are entries.

    They are the last line that parses, the last line that shows each user active, and the lines that match ``tags``:
    those with certain tags, and the Bash script's hypotheses. Folding these gives the same state as folding every line
    (a property test verifies this), and takes no longer than a byte search: about 0.1 s for 64 MiB.
    """
    for number, last in enumerate(lines_backward(segment, end)):
        if last.offset < min_offset:
            return
        if last.finished and last.state_entry:
            yield [last]
            break
        if number % 1000 == 999:  # many lines of another program: let the caller do other work
            yield []
    else:
        return
    seen_users: set[bytes] = set()
    for chunk in chunks_backward(segment, last.end, min_offset):
        lines = {line.offset: line for line in state_lines_in_chunk(segment, chunk, tags, seen_users)}
        yield [lines[offset] for offset in sorted(lines) if offset != last.offset and lines[offset].state_entry]


def state_lines_in_chunk(
    segment: Segment, chunk: Chunk, tags: re.Pattern[bytes], seen_users: set[bytes]
) -> Iterator[Line]:
    """Yield the lines of ``chunk`` that the state is made of, in no particular order.

    ``seen_users``: the users whose last active line is in a later chunk. Those whose line is in this chunk are added.
    """
    data, line_end = chunk.data, -1
    for match in tags.finditer(data):
        if match.start() > line_end:
            line = line_containing(segment, chunk, match.start())
            line_end = line.end - chunk.start - 1
            yield line
    users = set(_ACTIVE_BY_TAG.findall(data)) - seen_users
    if len(users) > _MAX_USERS_PER_CHUNK:  # quoted tags, perhaps; and each name needs a search of the chunk
        users = set(_first_authors(data)) - seen_users
    for user in users:
        needle, index = b"] [BY: " + user + b"@", len(data)
        while (index := data.rfind(needle, 0, index)) >= 0:
            line = line_containing(segment, chunk, index)
            entry = line.state_entry
            if entry and entry.activity_stamp and entry.author and entry.author.user == decode_utf8(user):
                seen_users.add(user)
                yield line
                break
            index = line.offset - chunk.start  # any other match in this line is in its text


def _first_authors(data: bytes) -> Iterator[bytes]:
    """Yield the first author that each line of ``data`` names; any other is in its text."""
    begin = 0
    while (match := _ACTIVE_BY_TAG.search(data, begin)) is not None:
        yield match[1]
        begin = data.find(b"\n", match.end()) + 1
        if not begin:
            return


def chunks_backward(segment: Segment, end: int, min_offset: int = 0, first_bytes: int | None = None) -> Iterator[Chunk]:
    """Yield chunks of finished lines from ``end`` back to ``min_offset`` (the beginning of a line).

    ``first_bytes``: the size of the first chunk. Each of the next ones is four times as large, up to `CHUNK_BYTES`.
    """
    end, size = last_line_end(segment, end), CHUNK_BYTES if first_bytes is None else min(first_bytes, CHUNK_BYTES)
    while end > min_offset:
        # The line begin is looked up before the chunk is read: cutting and joining chunks takes as long as a search.
        low = max(min_offset, end - size)
        start = min_offset if low == min_offset else find_line_begin_between(segment, low, end)
        if start is None:
            start = _find_line_begin(segment, low, min_offset)
            yield read_line_chunk(segment, start, end - 1, finished=True)
        else:
            yield Chunk(start, segment.read(start, end - start), end)
        end, size = start, min(size * 4, CHUNK_BYTES)


def find_line_begin_between(segment: Segment, low: int, high: int) -> int | None:
    """Return the offset of the first line that begins after ``low`` and before ``high``, or None."""
    for probe in range(low, high - 1, _PROBE_BYTES):
        index = segment.read(probe, min(_PROBE_BYTES, high - 1 - probe)).find(b"\n")
        if index >= 0:
            return probe + index + 1
    return None


def line_containing(segment: Segment, chunk: Chunk, index: int) -> Line:
    """Return the line of ``chunk`` that contains the byte at ``index`` of its data."""
    data = chunk.data
    begin, end = data.rfind(b"\n", 0, index) + 1, data.find(b"\n", index)
    raw = data[begin : end if end >= 0 else None]
    if end >= 0 and raw[-1:] == b"\r" and not chunk.omitted_bytes:
        return Line(segment, chunk.start + begin, raw[:-1], line_end=b"\r\n")
    return Line(segment, chunk.start + begin, raw, end >= 0, "", chunk.omitted_bytes)


def _line_begins(data: bytes) -> list[int]:
    """Return the index at which each line of ``data`` begins."""
    return [0, *(match.end() for match in _NEWLINE.finditer(data, 0, len(data) - 1))]


def _find_newline(segment: Segment, start: int, end: int | None) -> tuple[int, bool]:
    """Return the offset of the first newline from ``start`` to ``end`` and True; else where the bytes end and False."""
    while data := segment.read(start, CHUNK_BYTES if end is None else min(CHUNK_BYTES, end - start)):
        index = data.find(b"\n")
        if index >= 0:
            return start + index, True
        start += len(data)
    return start, False


def _find_line_begin(segment: Segment, end: int, min_offset: int = 0) -> int:
    """Return the offset after the last newline before ``end``; ``min_offset`` if no later line begins."""
    size = min(_PROBE_BYTES, CHUNK_BYTES)
    while end > min_offset:
        begin = max(min_offset, end - size)
        index = segment.read(begin, end - begin).rfind(b"\n")
        if index >= 0:
            return begin + index + 1
        end, size = begin, min(size * 4, CHUNK_BYTES)
    return min_offset
