"""One epoch of a mirror as one file of a journal: its parts one after the other, for every reader of a journal.

What a rotation repeats is left out if the lines before it are here, as in a fork. Bytes are only appended: those that
fill a gap later come last, so an offset stays what it is while the segment is open. Opened again, all are in order.
"""

from __future__ import annotations

import os
import threading
from bisect import bisect_right
from typing import NamedTuple

from threeam.core.store.journal import Journal
from threeam.core.store.reader import last_line_end
from threeam.core.store.segment import RotatedSegment, Segment, SegmentHead
from threeam.team.messages.position import Origin
from threeam.team.mirrors.mirror import mirror_path, read_mirror
from threeam.team.mirrors.mirror_part import MirrorPart


class _Piece(NamedTuple):
    """Bytes of a part from ``offset`` on, which begin at ``begin`` here. ``newline``: it ends a torn line."""

    begin: int
    part: RotatedSegment
    offset: int
    size: int
    newline: bytes

    @property
    def end(self) -> int:
        return self.begin + self.size + len(self.newline)

    def read(self, index: int, size: int) -> bytes:
        data = self.part.read(self.offset + index, min(size, self.size - index)) if index < self.size else b""
        return data + self.newline if len(data) < size else data


class MirrorSegment(Segment):
    """The mirror of ``origin``, open for reading; it grows with the mirror. Construction raises OSError."""

    __slots__ = (
        "_end",
        "_heads",
        "_journal",
        "_left_out",
        "_lock",
        "_names",
        "_opened",
        "_origin",
        "_parts",
        "_pieces",
        "_read_to",
    )

    def __init__(self, journal: Journal, origin: Origin) -> None:
        self.path = mirror_path(journal, origin)
        status = os.stat(self.path)
        self.fd = -1  # the parts have descriptors
        self.identity = (status.st_dev, status.st_ino)
        self._head = self._head_size = None
        self._journal, self._origin = journal, origin
        self._lock = threading.Lock()
        self._names: list[str] | None = None
        self._parts: list[MirrorPart] = []  # those that may have new bytes, and the last one
        self._opened: dict[str, RotatedSegment] = {}
        self._read_to: dict[str, int] = {}  # the offset in each part up to which it is in a piece
        self._left_out = set[str]()  # the paths of the parts whose heads are left out
        self._heads: list[tuple[int, RotatedSegment]] = []  # the others, by their place here
        self._pieces: list[_Piece] = []
        self._end = 0
        self._find_new_bytes()

    @property
    def inotify_path(self) -> str:
        return self.path

    def fstat(self) -> os.stat_result:
        with self._lock:
            return self._open(self._parts[-1]).fstat() if self._parts else os.stat(self.path)

    def size(self) -> int:
        self._find_new_bytes()
        return self._end

    def read(self, offset: int, size: int) -> bytes:
        if offset + size > self._end:
            self._find_new_bytes()
        found, index = list[bytes](), bisect_right(self._pieces, offset, key=lambda piece: piece.begin) - 1
        while size > 0 and 0 <= index < len(self._pieces):
            piece = self._pieces[index]
            data = piece.read(offset - piece.begin, size)
            found.append(data)
            offset, size, index = offset + len(data), size - len(data), index + 1
            if offset < piece.end:  # all that was asked for, or the part was cut off
                break
        return b"".join(found)

    @property
    def head(self) -> SegmentHead:
        """The head of the first part; it names no predecessor, since none is a file here."""
        if not self._heads or self._heads[0][0]:
            return SegmentHead()
        return self._heads[0][1].head._replace(predecessor_name=None, is_predecessor_readable=False)

    def is_in_head(self, offset: int) -> bool:
        return any(begin <= offset < begin + part.head.end for begin, part in self._heads)

    def _find_new_bytes(self) -> None:
        with self._lock:
            names = sorted(name for name in os.listdir(self.path) if name.endswith(".log"))
            if names != self._names:
                self._read_parts()
                self._names = names
            else:
                for part in self._parts:
                    self._append_whole_lines(part)

    def _read_parts(self) -> None:
        """Append what is new of all parts, and note which of them may have new bytes later."""
        parts = next(
            (files.parts for files in read_mirror(self._journal, self._origin.id) if files.origin == self._origin), []
        )
        self._parts, has_begin = [], False
        for part, following in zip(parts, [*parts[1:], None], strict=True):
            is_repeated = part.begin == 0 and part.continues and has_begin
            has_begin = part.begin == 0 or (part.continues and has_begin)
            if part.path not in self._read_to:
                self._begin(part, is_repeated=is_repeated)
            if following is None:
                self._append_whole_lines(part)
            else:
                self._append(part, following)
            if following is None or not following.continues:
                self._parts.append(part)

    def _begin(self, part: MirrorPart, *, is_repeated: bool) -> None:
        self._read_to[part.path] = 0
        if is_repeated:
            self._left_out.add(part.path)
        elif part.begin == 0:
            self._heads.append((self._end, self._open(part)))

    def _append_whole_lines(self, part: MirrorPart) -> None:
        """Append the new lines of a part that grows; the rest follows when it has a newline, or another part begins."""
        opened = self._open(part)
        self._append_up_to(part, last_line_end(opened, opened.size()), b"")

    def _append(self, part: MirrorPart, following: MirrorPart) -> None:
        """Append all that is new of a part before the last one. ``following``: the part behind it."""
        opened = self._open(part)
        size, begin = opened.size(), self._read_to[part.path]
        if size > begin:
            is_continued = following.path not in self._read_to and following.continues and following.begin > 0
            is_torn = not is_continued and opened.read(size - 1, 1) != b"\n"
            self._append_up_to(part, size, b"\n" if is_torn else b"")

    def _append_up_to(self, part: MirrorPart, end: int, newline: bytes) -> None:
        begin, opened = self._read_to[part.path], self._open(part)
        if part.path in self._left_out:
            begin = max(begin, opened.head.end)  # it may still be arriving
        if end > begin:
            self._pieces.append(_Piece(self._end, opened, begin, end - begin, newline))
            self._read_to[part.path] = end
            self._end = self._pieces[-1].end

    def _open(self, part: MirrorPart) -> RotatedSegment:
        if part.path not in self._opened:
            self._opened[part.path] = RotatedSegment(part.path)
        return self._opened[part.path]
