"""The frames in which a journal travels through a pipe: a line that says what follows, and its bytes.

    3am-mirror 2 ID                        first: the version of this format, and the id of the journal
    lines SIZE {"3am-segment": …}          bytes of the journal
    here SIZE                              the presence of the host
    answer NUMBER SIZE                     the answer to a question of the reader
    ask NUMBER SIZE                        a question to the reader about blanked lines

The reader answers the first line with its name, and a cursor, the end of what it has. With "begin" before that, or in
place of it, everything is sent again. It answers each presence with an empty line, to show that it still reads. Its
question "clock NUMBER" asks for the time there. "blanked NUMBER COUNT" is its answer: of how many lines it may have the
words.

What comes before the first of these lines was printed by the shell there, and is skipped. What comes from the pipe is
untrusted: a line and a size have limits, and the rest is checked as in any other message.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import NamedTuple

from threeam.core.errors import JournalError
from threeam.team.messages.message import MAX_PAYLOAD_BYTES, Message, encode_headers
from threeam.team.messages.presence import MAX_ANNOUNCEMENT_BYTES

FROM_THE_BEGINNING = "begin"
MAX_REQUEST_CHARS = 16 * 1024  # the name of a reader has a path
MAX_QUESTION_BYTES = 512 * 1024

_MAX_LINE_BYTES = 64 * 1024  # a message can have very many blanked lines
_MAX_SHELL_BYTES = 64 * 1024  # bytes before the greeting
_GREETING = re.compile(rb"3am-mirror (\d{1,4}) ([0-9a-f]{32})")
_VERSION = b"2"
_LINES = re.compile(rb"lines (?P<size>\d{1,9}) (\{.*\})")
_HERE = re.compile(rb"here (?P<size>\d{1,9})")
_ANSWER = re.compile(rb"answer (\d{1,9}) (?P<size>\d{1,4})")
_ASK = re.compile(rb"ask (\d{1,9}) (?P<size>\d{1,6})")
_MAX_SIZES = (
    (_LINES, MAX_PAYLOAD_BYTES),
    (_HERE, MAX_ANNOUNCEMENT_BYTES),
    (_ANSWER, 1000),
    (_ASK, MAX_QUESTION_BYTES),
)


class HostileStream(JournalError):
    """Bytes that no 3am has written into a pipe like this; what follows them cannot be read."""


class Lines(NamedTuple):
    """Bytes of a journal, not checked yet."""

    headers: Mapping[str, str]
    payload: bytes


class Here(NamedTuple):
    """The presence of a host, not checked yet."""

    data: bytes


class Answer(NamedTuple):
    """The answer to the question with this number, not checked yet."""

    number: int
    data: bytes


class Ask(NamedTuple):
    """A question about blanked lines, not checked yet."""

    number: int
    data: bytes


Frame = Lines | Here | Answer | Ask


def encode_greeting(origin_id: str) -> bytes:
    """Return the first line."""
    return b"3am-mirror %s %s\n" % (_VERSION, origin_id.encode())


def encode_lines(message: Message) -> bytes:
    """Return the frame of ``message``."""
    line = f"lines {len(message.payload)} {json.dumps(encode_headers(message))}\n"
    return line.encode() + message.payload


def encode_here(data: bytes) -> bytes:
    """Return the frame of a presence."""
    return b"here %d\n%s" % (len(data), data)


def encode_answer(number: int, data: bytes) -> bytes:
    """Return the frame of an answer."""
    return b"answer %d %d\n%s" % (number, len(data), data)


def encode_ask(number: int, data: bytes) -> bytes:
    """Return the frame of a question."""
    return b"ask %d %d\n%s" % (number, len(data), data)


class FrameReader:
    """Takes the bytes as they come, and gives the frames. ``origin_id``: that of the greeting; "" before it."""

    def __init__(self) -> None:
        self.origin_id = ""
        self._buffer = bytearray()
        self._skipped_bytes = 0
        self._line = b""  # of the frame whose bytes are not complete
        self._size = 0

    def feed(self, data: bytes) -> list[Frame]:
        """Return the frames that ``data`` completes. Raises `HostileStream`."""
        self._buffer += data
        frames = list[Frame]()
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
        for pattern, max_size in _MAX_SIZES:
            if (match := pattern.fullmatch(line)) is not None and int(match["size"]) <= max_size:
                self._line, self._size = line, int(match["size"])
                return
        raise HostileStream("it sends what 3am would not send")


def _frame(line: bytes, payload: bytes) -> Frame:
    if (match := _ANSWER.fullmatch(line)) is not None:
        return Answer(int(match[1]), payload)
    if (match := _ASK.fullmatch(line)) is not None:
        return Ask(int(match[1]), payload)
    if (match := _LINES.fullmatch(line)) is None:
        return Here(payload)
    try:
        headers = json.loads(match[2])
    except (ValueError, RecursionError):
        headers = {}
    # A header that is not a text is like a missing one: the message is refused.
    return Lines({key: text for key, text in headers.items() if isinstance(text, str)}, payload)
