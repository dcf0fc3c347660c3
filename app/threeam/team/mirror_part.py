"""A part of a mirror while it is written: bytes are compared if they are there, and appended if they are new."""

from __future__ import annotations

import errno
import os

from threeam.core.errors import JournalError
from threeam.core.platform.folders import SAFE_OPEN_FLAGS, fsync_dir_fd
from threeam.core.platform.portability import fdatasync_fd
from threeam.core.store.attachments import open_own_dir
from threeam.team.line_chain import extend_chain_over
from threeam.team.message import Message


class Contradiction(JournalError):
    """A message whose bytes, or whose bytes before it, are not those of the mirror. The mirror is as it was."""


class OpenPart:
    """A part, open for appending. ``begin_link``: of the chain, at its beginning."""

    def __init__(self, folder: str, segment: str, begin: int, next_begin: int | None, begin_link: bytes) -> None:
        self.begin, self.next_begin = begin, next_begin
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

    def write(self, message: Message) -> int:
        """Compare what is old of ``message``, append what is new, and return the number of new bytes."""
        if self._link_at(message.offset) != message.link:
            raise Contradiction(f"the lines before it are not those of the mirror: {message}")
        held = min(self.end, message.end) - message.offset
        if os.pread(self._fd, held, message.offset - self.begin) != message.payload[:held]:
            raise Contradiction(f"it has other bytes than the mirror: {message}")
        new = message.payload[held:]
        if new:
            self._dirty = True
            try:
                write_all(self._fd, new, self.end - self.begin)
            finally:
                self.end = self.begin + os.fstat(self._fd).st_size
        self._known = (message.end, message.end_link())
        return len(new)

    def _link_at(self, offset: int) -> bytes | None:
        known_offset, link = self._known if self._known[0] <= offset else (self.begin, self._begin_link)
        return extend_chain_over(
            lambda begin, size: os.pread(self._fd, size, begin - self.begin), link, known_offset, offset
        )

    def sync(self) -> None:
        """Wait until what was written is on the disk."""
        if self._dirty:
            fdatasync_fd(self._fd)
            self._dirty = False

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)


def write_all(fd: int, data: bytes, offset: int) -> None:
    """Write ``data`` at ``offset``. Raises OSError."""
    view = memoryview(data)
    while view:
        written = os.pwrite(fd, view, offset)
        if not written:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        view, offset = view[written:], offset + written


def part_name(segment: str, begin: int) -> str:
    """Return the name of the file with the bytes of a segment from ``begin`` on."""
    return f"{segment}+{begin}.log" if begin else f"{segment}.log"
