"""The lines of a journal that are sent without their words: a file beside the log, which keeps them as they are.

    <log>.blanked      a line for each: segment, begin, end, stamp, and the stamp of the entry that was blanked

A line may be sent again at any time, because the engine was set back or has lost its store. So the list is kept as long
as the log is. The log may be replaced, and a rotation repeats lines: so a line is left out by its place, by its stamp
wherever it is, or because it has the words of the entry.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from threeam.core.errors import FileUnusable, PreconditionFailed
from threeam.core.format.entry import Stamp, parse_entry
from threeam.core.platform.folders import open_file
from threeam.core.platform.portability import fsync_fd
from threeam.core.platform.whole_write import write_all
from threeam.core.store.fork import Blank, is_blanked, make_blank, make_blank_of
from threeam.core.store.journal import Journal, check_regular_file, describe_open_error
from threeam.core.store.seek import find_line
from threeam.team.messages.hole import Hole, fill_holes
from threeam.team.messages.line_chain import extend_chain
from threeam.team.messages.message import MAX_ENTRIES, Message
from threeam.team.messages.position import is_segment_name
from threeam.team.origin import create_beside_log

NO_STAMP = "-"
_STAMP_CHARS = 34  # characters
_ROW = re.compile(r"(\S+) (\d{1,16}) (\d{1,16}) (\S{1,34}) (\S{34})", re.ASCII)


class BlankedLine(NamedTuple):
    """A line by its offsets in a segment. ``stamp``: its text, or `NO_STAMP`. ``entry``: of that whose words it has."""

    segment: str
    begin: int
    end: int
    stamp: str
    entry: str


class BlankList:
    """The list of ``journal``. Methods raise `FileUnusable`: then nothing may be sent."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._log_path = journal.log_path
        self._path = journal.log_path + ".blanked"
        self._read_version: tuple[int, ...] | None = None
        self._lines: list[BlankedLine] = []
        self._digest = ""
        self._blanks: dict[str, Blank] = {}  # by entry; one that the log does not have any more has none

    def lines(self) -> list[BlankedLine]:
        """Return the lines; the file is read if it has changed."""
        try:
            status = os.stat(self._path, follow_symlinks=False)
        except FileNotFoundError:
            return []
        version = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
        if version != self._read_version:
            text = self._read()
            self._lines = _parse(text, self._path)
            self._digest = hashlib.sha256(text.encode()).hexdigest()
            self._blanks = {entry: blank for entry in self.entries() if (blank := self._find(entry)) is not None}
            self._read_version = version
        return self._lines

    def entries(self) -> list[str]:
        """Return the stamps of the entries that were blanked, in the order of `lines` as it was read last."""
        return list(dict.fromkeys(line.entry for line in self._lines))

    def digest(self) -> str:
        """Return a digest of the list as it is now; "" if no line was blanked."""
        return self._digest if self.lines() else ""

    def _find(self, entry: str) -> Blank | None:
        try:
            stamp = Stamp.parse(entry)
            assert stamp is not None  # see `_parse`
            return make_blank(self._journal, find_line(self._journal, stamp))
        except PreconditionFailed:
            return None
        except OSError as error:
            raise FileUnusable(f"{self._log_path} cannot be read: {error.strerror}") from None

    def add(self, lines: Iterable[BlankedLine]) -> None:
        """Add the lines that are not in the list yet, and sync it."""
        known = set(self.lines())
        rows = "".join(" ".join(map(str, line)) + "\n" for line in lines if line not in known)
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
        return blank_lines(message, lines, self._blanks) if lines else message

    def learn(self, message: Message) -> None:
        """Take the words of blanked entries from ``message``: the log may have been replaced by one without them."""
        by_stamp = {line.stamp.encode(): line.entry for line in self.lines()}
        for raw in message.payload.split(b"\n"):
            stamp = by_stamp.get(raw[1 : 1 + _STAMP_CHARS]) if raw.startswith(b"[") else None
            line = parse_entry(raw) if stamp is not None else None
            if stamp is None or line is None:
                continue
            if line.text.startswith("| "):
                text = line.text.removeprefix("| ")
            elif str(line.stamp) == stamp:
                text = line.body
            else:  # it quotes the entry
                continue
            known, found = self._blanks.get(stamp), make_blank_of({line.stamp.ns: text}, line.kind)
            if known is not None:
                texts, anywhere = tuple(dict.fromkeys(known.texts + found.texts)), known.anywhere or found.anywhere
                found = Blank(known.stamps | found.stamps, texts, anywhere)
            self._blanks[stamp] = found

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
        if match is None or not is_segment_name(match[1]) or Stamp.parse(match[5]) is None:
            raise FileUnusable(f"{path} is damaged, so nothing is sent: remove its line {row[:60]!a}")
        lines.append(BlankedLine(match[1], int(match[2]), int(match[3]), match[4], match[5]))
    return lines


def blank_lines(message: Message, lines: Sequence[BlankedLine], blanks: Mapping[str, Blank]) -> Message:
    """Return ``message`` without the words of ``lines``, and of other lines that have the words of ``blanks``.

    ``blanks``: by the stamps of their entries. The message itself is returned if it has none of these lines.
    """
    old = {(hole.begin, hole.end): hole for hole in message.holes}
    new = {place: line.entry for line in lines if (place := _place_in(message, line)) is not None}
    new |= dict(_lines_with_words(message, lines, blanks))
    for place in old:
        new.pop(place, None)
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
    entries = sorted({*message.entries, *new.values()})[:MAX_ENTRIES]
    return message._replace(payload=payload, holes=tuple(holes), entries=tuple(entries))


def _lines_with_words(
    message: Message, lines: Sequence[BlankedLine], blanks: Mapping[str, Blank]
) -> Iterator[tuple[tuple[int, int], str]]:
    """Yield the place of each line that is blanked by its stamp or its words, and the entry whose words it has."""
    by_stamp = {line.stamp.encode(): line.entry for line in lines if line.stamp != NO_STAMP}
    begin = message.offset
    for raw in message.payload.split(b"\n"):
        end = min(begin + len(raw) + 1, message.end)
        entry = by_stamp.get(raw[1 : 1 + _STAMP_CHARS]) if raw.startswith(b"[") else None
        if entry is None:
            entry = next((stamp for stamp, blank in blanks.items() if is_blanked(raw, [blank])), None)
        if entry is not None:
            yield (begin, end), entry
        begin = end


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
