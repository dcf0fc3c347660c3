"""The lines of a journal that are sent without their words: a file beside the log, which keeps them as they are.

    <log>.blanked      a line for each: segment, begin, end, stamp

A line may be sent again at any time, because the engine was set back or has lost its store. So the list is kept as long
as the log is. A log that was replaced has another line at such a place, or none; the stamp tells.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from threeam.core.errors import FileUnusable
from threeam.core.format.entry import Stamp
from threeam.core.platform.folders import open_file
from threeam.core.platform.portability import fsync_fd
from threeam.core.platform.whole_write import write_all
from threeam.core.store.journal import Journal, check_regular_file, describe_open_error
from threeam.team.messages.hole import Hole, fill_holes
from threeam.team.messages.line_chain import extend_chain
from threeam.team.messages.message import Message
from threeam.team.messages.position import is_segment_name
from threeam.team.origin import create_beside_log

NO_STAMP = "-"
_STAMP_CHARS = 34  # characters
_ROW = re.compile(r"(\S+) (\d{1,16}) (\d{1,16}) (\S{1,34})", re.ASCII)


class BlankedLine(NamedTuple):
    """A line by its offsets in a segment. ``stamp``: its text, or `NO_STAMP`."""

    segment: str
    begin: int
    end: int
    stamp: str


class BlankList:
    """The list of ``journal``. Methods raise `FileUnusable`: then nothing may be sent."""

    def __init__(self, journal: Journal) -> None:
        self._log_path = journal.log_path
        self._path = journal.log_path + ".blanked"
        self._read_version: tuple[int, ...] | None = None
        self._lines: list[BlankedLine] = []

    def lines(self) -> list[BlankedLine]:
        """Return the lines; the file is read if it has changed."""
        try:
            status = os.stat(self._path, follow_symlinks=False)
        except FileNotFoundError:
            return []
        version = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
        if version != self._read_version:
            self._lines = _parse(self._read(), self._path)
            self._read_version = version
        return self._lines

    def add(self, lines: Iterable[BlankedLine]) -> None:
        """Add the lines that are not in the list yet, and sync it."""
        known = set(self.lines())
        rows = "".join(f"{line.segment} {line.begin} {line.end} {line.stamp}\n" for line in lines if line not in known)
        try:
            create_beside_log(self._path, self._log_path, b"")
            fd = open_file(self._path, os.O_WRONLY | os.O_APPEND)
        except OSError as error:
            raise FileUnusable(describe_open_error(self._path, error)) from None
        try:
            check_regular_file(fd, self._path)
            write_all(fd, rows.encode())
            fsync_fd(fd)
        except OSError as error:
            raise FileUnusable(f"{self._path} cannot be written: {error.strerror}") from None
        finally:
            os.close(fd)

    def blank(self, message: Message) -> Message:
        """Return ``message`` without the words of the lines of the list."""
        lines = self.lines()
        return blank_lines(message, lines) if lines else message

    def _read(self) -> str:
        try:
            fd = open_file(self._path, os.O_RDONLY)
        except OSError as error:
            raise FileUnusable(describe_open_error(self._path, error)) from None
        with open(fd, encoding="ascii", errors="replace") as file:
            check_regular_file(fd, self._path)
            return file.read()


def _parse(text: str, path: str) -> list[BlankedLine]:
    lines = []
    for row in text.splitlines():
        match = _ROW.fullmatch(row)
        if match is None or not is_segment_name(match[1]):
            raise FileUnusable(f"{path} is damaged, so nothing is sent: remove its line {row[:60]!a}")
        lines.append(BlankedLine(match[1], int(match[2]), int(match[3]), match[4]))
    return lines


def blank_lines(message: Message, lines: Sequence[BlankedLine]) -> Message:
    """Return ``message`` without the words of ``lines``; the same message if it has none of them."""
    old = {(hole.begin, hole.end): hole for hole in message.holes}
    new = {place for line in lines if (place := _place_in(message, line)) is not None and place not in old}
    if not new:
        return message
    holes, link, reached = list[Hole](), message.link, message.offset
    for begin, end in sorted([*old, *new]):
        hole = old.get((begin, end))
        if hole is None:
            data = message.payload[reached - message.offset : end - message.offset]
            hole = Hole(begin, end, extend_chain(link, data))
        holes.append(hole)
        link, reached = hole.link, end
    payload = fill_holes(message.payload, message.offset, holes)
    return message._replace(payload=payload, holes=tuple(holes))


def _place_in(message: Message, line: BlankedLine) -> tuple[int, int] | None:
    """Return the begin and end of ``line`` in ``message``; None if another line is there."""
    begin, end = max(line.begin, message.offset), min(line.end, message.end)
    if message.segment != line.segment or begin >= end:
        return None
    first = line.begin - message.offset
    if first >= 0 and stamp_text(message.payload[first : first + _STAMP_CHARS + 1]) != line.stamp:
        return None
    if first > 0 and message.payload[first - 1 : first] != b"\n":
        return None
    if line.end < message.end and message.payload[line.end - message.offset - 1 : line.end - message.offset] != b"\n":
        return None
    return begin, end


def stamp_text(raw: bytes) -> str:
    """Return the text of the stamp at the beginning of a line, or `NO_STAMP`."""
    text = raw[1 : 1 + _STAMP_CHARS].decode("ascii", "replace")
    return text if raw.startswith(b"[") and Stamp.parse(text) is not None else NO_STAMP
