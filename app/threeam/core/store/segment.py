"""One file of a journal: its bytes, and the head that a rotation writes."""

from __future__ import annotations

import errno
import os
import re
import stat
import threading
import weakref
from collections import OrderedDict
from functools import cache
from typing import NamedTuple

from threeam.core.format.entry import Stamp, parse_entry
from threeam.core.platform.folders import open_file

_MAX_FIRST_LINE_BYTES = 4096  # bytes; a first line that names the predecessor must fit in
_READ_BYTES = 256 * 1024  # bytes
_MAX_OPEN_FILES = 8  # rotated files that are open at the same time

_ROTATED_NAME = re.compile(r"(.+)\.\d{8}T\d{6}\.\d{9}Z\.log", re.DOTALL)

# A line that a rotation repeats. Every stamp that this expression accepts is valid. It does not accept the 29th of
# February, which needs `_repeated_prefix_pattern` and `Stamp.parse`.
_STAMP = (
    rb"(?!0000)\d{4}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
    rb"T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{9}[+-](?:[01]\d|2[0-3])[0-5]\d"
)
_REPEATED_LINE = rb"\[(%s)\] \[COFFEE: \d{1,9}\](?: \[BY: [^\]\n]*\])? \[AT: (%s)\](?=[ \n])"


class SegmentHead(NamedTuple):
    """The lines that a rotation has written at the beginning of a file.

    ``predecessor_name``: the name of the file that this one continues, or None. ``begin``, ``end``: the offsets between
    which the lines repeat the state of the predecessor. ``is_predecessor_readable``: whether the predecessor can be
    read, so that the repeated lines are not new. ``missing_lines``: how many of the lines that the first line announces
    are missing; None if it announces no number.
    """

    predecessor_name: str | None = None
    begin: int = 0
    end: int = 0
    is_predecessor_readable: bool = False
    missing_lines: int | None = None


class Segment:
    """One file of the journal, open for reading; bytes are read on demand and never mapped.

    Two segments are equal if they are the same file, whatever its name is. The descriptor is closed with the last
    reference, so rows on the screen can read from a file that was renamed or removed.
    """

    __slots__ = ("__weakref__", "_head", "_head_size", "fd", "identity", "path")

    def __init__(self, fd: int, path: str) -> None:
        status = os.fstat(fd)
        self.fd = fd
        self.path = path
        self.identity = (status.st_dev, status.st_ino)
        self._head: SegmentHead | None = None
        self._head_size: int | None = None  # of a file that ends with its head, which may still be being copied
        weakref.finalize(self, os.close, fd)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Segment) and other.identity == self.identity

    def __hash__(self) -> int:
        return hash(self.identity)

    @property
    def inotify_path(self) -> str:
        """The path of the file for inotify: of its descriptor, since another file may have its name."""
        return f"/proc/self/fd/{self.fd}"

    def fstat(self) -> os.stat_result:
        """Return the current status of the file. Raises OSError."""
        return os.fstat(self.fd)

    def size(self) -> int:
        """Return the current size of the file in bytes. Raises OSError."""
        return self.fstat().st_size

    def is_removed(self) -> bool:
        """Return whether the file has no name any more. Raises OSError."""
        return self.fstat().st_nlink == 0

    def read(self, offset: int, size: int) -> bytes:
        """Return up to ``size`` bytes from ``offset``; fewer at the end of the file. Raises OSError."""
        return os.pread(self.fd, size, offset)

    @property
    def head(self) -> SegmentHead:
        """The head that a rotation has written. Raises OSError."""
        if self._head is None or (self._head_size is not None and self._head_size != self.size()):
            self._head, size = _read_head(self), self.size()
            self._head_size = size if self._head.end >= size and self._head.missing_lines != 0 else None
        return self._head

    def is_in_head(self, offset: int) -> bool:
        """Return whether a rotation has written the line at ``offset``, if that line looks repeated."""
        return offset < self.head.end

    def invalidate_head(self) -> None:
        """Forget the head, since the file was truncated: it is read again when it is needed."""
        self._head = None


class RotatedSegment(Segment):
    """A rotated file, whose name is final: it can be closed while others are read, and opened again by name.

    So a journal of a thousand files needs few descriptors, even if lines of all files are held.
    """

    __slots__ = ("_key",)

    def __init__(self, path: str) -> None:
        fd = open_file(path, os.O_RDONLY)
        self._key = object()
        with _fd_cache.lock:
            _fd_cache.add(self._key, fd)
            weakref.finalize(self, _fd_cache.close, self._key)
            status = os.fstat(fd)
        self.fd = -1
        self.path = path
        self.identity = (status.st_dev, status.st_ino)
        self._head = self._head_size = None

    @property
    def inotify_path(self) -> str:
        return self.path

    def fstat(self) -> os.stat_result:
        with _fd_cache.lock:
            return os.fstat(self._open_fd())

    def read(self, offset: int, size: int) -> bytes:
        with _fd_cache.lock:  # no other thread may close it meanwhile
            return os.pread(self._open_fd(), size, offset)

    def _open_fd(self) -> int:
        fd = _fd_cache.get(self._key)
        if fd is None:
            fd = open_file(self.path, os.O_RDONLY)
            status = os.fstat(fd)
            if (status.st_dev, status.st_ino) != self.identity:
                os.close(fd)
                raise FileNotFoundError(errno.ENOENT, "it was removed, and another file has its name", self.path)
            _fd_cache.add(self._key, fd)
        return fd


class _FdCache:
    """The open descriptors of rotated files, in the order of their last use. The caller must hold ``lock``."""

    def __init__(self) -> None:
        self.lock = threading.RLock()  # reentrant: a finalizer may run in a thread that holds it
        self._fds: OrderedDict[object, int] = OrderedDict()

    def get(self, key: object) -> int | None:
        fd = self._fds.get(key)
        if fd is not None:
            self._fds.move_to_end(key)
        return fd

    def add(self, key: object, fd: int) -> None:
        self._fds[key] = fd
        while len(self._fds) > _MAX_OPEN_FILES:
            os.close(self._fds.popitem(last=False)[1])

    def close(self, key: object) -> None:
        with self.lock:
            fd = self._fds.pop(key, None)
            if fd is not None:
                os.close(fd)


_fd_cache = _FdCache()


def is_rotated_name(log_path: str, name: str) -> bool:
    """Return whether a rotation of the log at ``log_path`` could have made the file name ``name``.

    The log itself may have a name that a rotation has made.
    """
    match = _ROTATED_NAME.fullmatch(name)
    return match is not None and match[1] == _log_stem(os.path.basename(log_path))


def _log_stem(name: str) -> str:
    match = _ROTATED_NAME.fullmatch(name)
    return match[1] if match is not None else name.removesuffix(".log")


def _read_head(segment: Segment) -> SegmentHead:
    """Return the head of ``segment``; an empty one if its first line does not name a predecessor as a rotation does."""
    first_line, newline, _ = segment.read(0, _MAX_FIRST_LINE_BYTES).partition(b"\n")
    entry = parse_entry(first_line) if newline else None
    name = entry.predecessor_name if entry is not None else None
    if entry is None or name is None or os.path.basename(name) != name or _ROTATED_NAME.fullmatch(name) is None:
        return SegmentHead()
    begin = len(first_line) + 1
    announced = entry.repeated_count
    end, count = _find_repeated_end(segment, begin, announced)
    missing = None if announced is None else announced - count
    if not is_rotated_name(segment.path, name):  # of a log with another name: this one was imported or moved
        return SegmentHead(None, begin, end, False, missing)
    return SegmentHead(name, begin, end, _is_readable_file(os.path.join(os.path.dirname(segment.path), name)), missing)


@cache  # compiled on the first use: a short command seldom reads a head
def _repeated_lines_pattern() -> re.Pattern[bytes]:
    return re.compile(rb"(?:%s[^\n]*\n)++" % (_REPEATED_LINE % (_STAMP, _STAMP)))


@cache
def _repeated_prefix_pattern() -> re.Pattern[bytes]:
    return re.compile(_REPEATED_LINE % (rb"[^\]\n]{34}", rb"[^\]\n]{34}"))


def _find_repeated_end(segment: Segment, offset: int, max_lines: int | None) -> tuple[int, int]:
    """Return where the repeated lines that begin at ``offset`` end, and how many there are.

    ``max_lines``: the announced number; lines after these that only look repeated are not part of the head. None: an
    older version, which announced no number, wrote the file, and all lines that look repeated are part of the head.
    """
    data, index, count = segment.read(offset, _READ_BYTES), 0, 0
    while max_lines is None or count < max_lines:
        match = _repeated_lines_pattern().match(data, index)
        if match is not None:
            lines = data.count(b"\n", index, match.end())
            if max_lines is not None and count + lines > max_lines:
                for _ in range(max_lines - count):
                    index = data.index(b"\n", index) + 1
                return offset + index, max_lines
            index, count = match.end(), count + lines
        elif index > 0 and len(data) == _READ_BYTES:  # the next line may continue after these bytes
            offset, index = offset + index, 0
            data = segment.read(offset, _READ_BYTES)
        elif (match := _repeated_prefix_pattern().match(data, index)) is None or not all(
            Stamp.parse(stamp.decode("ascii", "replace")) for stamp in match.groups()
        ):
            break
        else:
            newline = data.find(b"\n", index)
            while newline < 0:  # the line is longer than one read
                offset, index = offset + len(data), 0
                if not (data := segment.read(offset, _READ_BYTES)):
                    return offset, count
                newline = data.find(b"\n")
            index, count = newline + 1, count + 1
    return offset + index, count


def _is_readable_file(path: str) -> bool:
    try:
        fd = open_file(path, os.O_RDONLY)
    except OSError:
        return False
    regular = stat.S_ISREG(os.fstat(fd).st_mode)
    os.close(fd)
    return regular
