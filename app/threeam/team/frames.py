"""The frames in which a journal travels through a pipe: a line that says what follows, and its bytes.

    3am-mirror 1 ID                        first: the version of this format, and the id of the journal
    lines SIZE CURSOR {"3am-segment": …}   bytes of the journal; CURSOR is the place behind them
    here SIZE                              the presence of the host

What comes before the first of these lines was printed by the shell there, and is skipped. What comes from the pipe is
untrusted: a line and a size have limits, and the rest is checked as in any other message.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import NamedTuple

from threeam.core.errors import JournalError
from threeam.team.line_chain import LINK_BYTES
from threeam.team.message import MAX_OFFSET, MAX_PAYLOAD_BYTES, Message, encode_headers
from threeam.team.origin import MAX_EPOCH
from threeam.team.position import Origin, SegmentEnd, is_segment_name
from threeam.team.presence import MAX_ANNOUNCEMENT_BYTES

FROM_THE_BEGINNING = "begin"
MAX_CURSOR_CHARS = 200

_MAX_LINE_BYTES = 4096
_MAX_SHELL_BYTES = 64 * 1024  # bytes before the greeting
_GREETING = re.compile(rb"3am-mirror (\d{1,4}) ([0-9a-f]{32})", re.ASCII)
_VERSION = b"1"
_LINES = re.compile(rf"lines (\d{{1,9}}) ([!-~]{{1,{MAX_CURSOR_CHARS}}}) (\{{.*\}})".encode(), re.ASCII)
_HERE = re.compile(rb"here (\d{1,9})", re.ASCII)
_CURSOR = re.compile(rf"([0-9a-f]{{32}}):(\d{{1,6}}):([^:]+):(\d{{1,16}}):([0-9a-f]{{{2 * LINK_BYTES}}})", re.ASCII)


class HostileStream(JournalError):
    """Bytes that no 3am has written into a pipe like this; what follows them cannot be read."""


class LineCursor(NamedTuple):
    """A place in a journal: the end of what another host has, and the link of the chain there."""

    origin: Origin
    end: SegmentEnd
    link: bytes

    def __str__(self) -> str:
        return f"{self.origin.id}:{self.origin.epoch}:{self.end.segment}:{self.end.offset}:{self.link.hex()}"


class Lines(NamedTuple):
    """Bytes of a journal, not checked yet. ``cursor``: the place behind them, as the other side will read it."""

    cursor: str
    headers: Mapping[str, str]
    payload: bytes


class Here(NamedTuple):
    """The presence of a host, not checked yet."""

    data: bytes


def parse_cursor(text: str) -> LineCursor | None:
    """Return the cursor of ``text``, or None if it is not one."""
    match = _CURSOR.fullmatch(text)
    if match is None:
        return None
    epoch, segment, offset = int(match[2]), match[3], int(match[4])
    if not 1 <= epoch < MAX_EPOCH or not is_segment_name(segment) or offset > MAX_OFFSET:
        return None
    return LineCursor(Origin(match[1], epoch), SegmentEnd(segment, offset), bytes.fromhex(match[5]))


def encode_greeting(origin_id: str) -> bytes:
    """Return the first line."""
    return b"3am-mirror %s %s\n" % (_VERSION, origin_id.encode())


def encode_lines(message: Message, cursor: LineCursor) -> bytes:
    """Return the frame of ``message``; ``cursor`` is at its end."""
    line = f"lines {len(message.payload)} {cursor} {json.dumps(encode_headers(message))}\n"
    return line.encode() + message.payload


def encode_here(data: bytes) -> bytes:
    """Return the frame of a presence."""
    return b"here %d\n%s" % (len(data), data)


class FrameReader:
    """Takes the bytes as they come, and gives the frames. ``origin_id``: that of the greeting; "" before it."""

    def __init__(self) -> None:
        self.origin_id = ""
        self._buffer = bytearray()
        self._skipped_bytes = 0
        self._line = b""  # of the frame whose bytes are not complete
        self._size = 0

    def feed(self, data: bytes) -> list[Lines | Here]:
        """Return the frames that ``data`` completes. Raises `HostileStream`."""
        self._buffer += data
        frames = list[Lines | Here]()
        begin = 0
        while True:
            if not self._line:
                end = self._buffer.find(b"\n", begin, begin + _MAX_LINE_BYTES)
                if end < 0:
                    break
                self._take_line(bytes(self._buffer[begin:end]))
                begin = end + 1
            if self._line:
                if len(self._buffer) - begin < self._size:
                    break
                frames.append(_frame(self._line, bytes(self._buffer[begin : begin + self._size])))
                begin += self._size
                self._line = b""
        del self._buffer[:begin]
        if not self._line and len(self._buffer) >= _MAX_LINE_BYTES:
            raise HostileStream("it prints a line without an end")
        return frames

    def _take_line(self, line: bytes) -> None:
        if not self.origin_id:
            self._skipped_bytes += len(line) + 1
            if (match := _GREETING.fullmatch(line)) is not None:
                if match[1] != _VERSION:
                    raise HostileStream("3am has another version there: install the same on both hosts")
                self.origin_id = match[2].decode()
            elif self._skipped_bytes > _MAX_SHELL_BYTES:
                raise HostileStream("its shell prints too much before 3am begins")
            return
        for pattern, max_size in ((_LINES, MAX_PAYLOAD_BYTES), (_HERE, MAX_ANNOUNCEMENT_BYTES)):
            if (match := pattern.fullmatch(line)) is not None and int(match[1]) <= max_size:
                self._line, self._size = line, int(match[1])
                return
        raise HostileStream("it sends what 3am would not send")


def _frame(line: bytes, payload: bytes) -> Lines | Here:
    match = _LINES.fullmatch(line)
    if match is None:
        return Here(payload)
    try:
        headers = json.loads(match[3])
    except (ValueError, RecursionError):
        headers = {}
    # A header that is not a text is like a missing one: the message is refused.
    return Lines(match[2].decode(), {key: text for key, text in headers.items() if isinstance(text, str)}, payload)
