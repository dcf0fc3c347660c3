"""A part of a mirror. While it is written, bytes are compared if they are there, and appended if they are new."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

from threeam.core.errors import JournalError
from threeam.core.platform.folders import SAFE_OPEN_FLAGS, fsync_dir_fd
from threeam.core.platform.portability import fdatasync_fd
from threeam.core.platform.whole_write import write_all_at
from threeam.core.store.attachments import open_own_dir
from threeam.team.messages.hole import Hole, fill_holes, mask_holes
from threeam.team.messages.line_chain import extend_chain, extend_chain_over
from threeam.team.messages.message import Message


class Contradiction(JournalError):
    """A message whose bytes, or whose bytes before it, are not those of the mirror. The mirror is as it was."""


class MirrorPart(NamedTuple):
    """A file of a mirror: the bytes of a segment from ``begin`` to ``end``.

    ``continues``: no bytes are missing between the part before and this one.
    """

    path: str
    segment: str
    begin: int
    end: int
    continues: bool = False


class PartPlace(NamedTuple):
    """A place in the segments of an epoch, and the link of the chain there."""

    segment: str
    offset: int
    link: bytes


class OpenPart:
    """A part that begins at ``place``, open for appending. ``next_begin``: of the next part of its segment.

    ``holes``: those of the segment, in their order.
    """

    def __init__(self, folder: str, place: PartPlace, next_begin: int | None, holes: Sequence[Hole]) -> None:
        segment, begin, begin_link = place
        self.begin, self.next_begin, self.holes = begin, next_begin, holes
        self._folder, self._segment = folder, segment
        self._begin_link, self._known = begin_link, (begin, begin_link)  # a place whose link is known
        self._dirty = False
        with open_own_dir(folder, make=True) as dir_fd:
            name = part_name(segment, begin)
            try:
                self._fd = os.open(name, os.O_RDWR | SAFE_OPEN_FLAGS, dir_fd=dir_fd)
            except FileNotFoundError:
                flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | SAFE_OPEN_FLAGS
                self._fd = os.open(name, flags, 0o600, dir_fd=dir_fd)
                fsync_dir_fd(dir_fd)
        self.end = begin + os.fstat(self._fd).st_size

    def holds(self, folder: str, message: Message) -> bool:
        """Return whether ``message`` begins in this part, or at its end."""
        is_same_segment = (folder, message.segment) == (self._folder, self._segment)
        return is_same_segment and self.begin <= message.offset <= self.end and self.next_begin != message.offset

    def is_before(self, folder: str, message: Message) -> bool:
        """Return whether the segment of ``message`` continues this part, as far as it is here."""
        return folder == self._folder and message.after == (self._segment, self.end)

    def check(self, message: Message) -> None:
        """Compare what is old of ``message``. Raises `Contradiction`."""
        if self._link_at(message.offset) != message.link:
            raise Contradiction(f"the lines before it are not those of the mirror: {message}")
        held = self._held(message)
        payload = message.payload[: len(held)]
        if held != payload:
            holes = [*self._holes_in(message), *message.holes]
            if mask_holes(held, message.offset, holes) != mask_holes(payload, message.offset, holes):
                raise Contradiction(f"it has other bytes than the mirror: {message}")
        self._check_holes(message, held)

    def _check_holes(self, message: Message, held: bytes) -> None:
        """Compare the links of the holes of ``message`` with the lines that are still here."""
        known = {(hole.begin, hole.end): hole.link for hole in self._holes_in(message)}
        begin, link = message.offset, message.link
        for hole in message.holes:
            if hole.end > message.offset + len(held):
                return
            found = known.get((hole.begin, hole.end))
            if found is None:
                found = extend_chain(link, held[begin - message.offset : hole.end - message.offset])
            if found != hole.link:
                raise Contradiction(f"it blanks other lines than those of the mirror: {message}")
            begin, link = hole.end, hole.link

    def write(self, message: Message) -> int:
        """Append what is new of a checked message, and return its size. Lines that `holes` has now are blanked."""
        held = self._held(message)
        holes = self._holes_in(message)
        payload = fill_holes(message.payload, message.offset, holes) if holes else message.payload
        new, end_link = payload[len(held) :], message.end_link()
        if holes:
            self._blank(held, message.offset, holes, payload)
        if new:
            self._dirty = True
            try:
                write_all_at(self._fd, new, self.end - self.begin)
            finally:
                self.end = self.begin + os.fstat(self._fd).st_size
        self._known = (message.end, end_link)
        return len(new)

    def _blank(self, held: bytes, offset: int, holes: Sequence[Hole], payload: bytes) -> None:
        """Blank ``holes`` in the bytes that are here, from ``offset`` on; the end of a torn line is in ``payload``."""
        blanked = bytearray(fill_holes(held, offset, holes))
        torn = next((hole for hole in holes if hole.begin < offset + len(held) < hole.end), None)
        if torn is not None:
            blanked[torn.begin - offset :] = payload[torn.begin - offset : len(held)]
        if blanked != held:
            self._dirty = True
            write_all_at(self._fd, bytes(blanked), offset - self.begin)

    def _held(self, message: Message) -> bytes:
        """Return the bytes of ``message`` that are here."""
        return os.pread(self._fd, min(self.end, message.end) - message.offset, message.offset - self.begin)

    def _holes_in(self, message: Message) -> list[Hole]:
        return [hole for hole in self.holes if message.offset <= hole.begin and hole.end <= message.end]

    def _link_at(self, offset: int) -> bytes | None:
        places = [(self.begin, self._begin_link), self._known, *((hole.end, hole.link) for hole in self.holes)]
        known_offset, link = max(place for place in places if self.begin <= place[0] <= offset)
        return extend_chain_over(
            lambda begin, size: os.pread(self._fd, size, begin - self.begin), link, known_offset, offset
        )

    def sync(self) -> None:
        """Wait until what was written is on the disk."""
        if self._dirty:
            fdatasync_fd(self._fd)
            self._dirty = False

    def is_removed(self) -> bool:
        """Return whether the file was removed."""
        return os.fstat(self._fd).st_nlink == 0

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)


def part_name(segment: str, begin: int) -> str:
    """Return the name of the file with the bytes of a segment from ``begin`` on."""
    return f"{segment}+{begin}.log" if begin else f"{segment}.log"
