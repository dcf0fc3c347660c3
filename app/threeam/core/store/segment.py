"""One file of a journal: its bytes, and what a rotation has written at its head."""

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

_MAX_FIRST_LINE_BYTES = 4096  # bytes in which the line that names the file before must fit
_READ_BYTES = 256 * 1024  # bytes
_MAX_OPEN_FILES = 8  # rotated files that are open at the same time

_ROTATED_NAME = re.compile(r"(.+)\.\d{8}T\d{6}\.\d{9}Z\.log", re.DOTALL)

# A line that a rotation repeats. Every stamp that the first expression accepts is valid; it leaves out the 29th of
# February, for which the second one and `Stamp.parse` are needed.
_STAMP = (
    rb"(?!0000)\d{4}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
    rb"T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{9}[+-](?:[01]\d|2[0-3])[0-5]\d"
)
_REPEATED_LINE = rb"\[(%s)\] \[COFFEE: \d{1,9}\](?: \[BY: [^\]\n]*\])? \[AT: (%s)\](?=[ \n])"


class SegmentHead(NamedTuple):
    """What a rotation has written at the beginning of a file.

    ``predecessor``: the name of the file that this one continues, or None. ``begin``, ``end``: where the lines are that
    repeat what the file before says. ``linked``: whether that file can be read, so that they are nothing new.
    ``missing``: how many of the lines that the first line announces are not there; None if it announces no number.
    """

    predecessor_name: str | None = None
    begin: int = 0
    end: int = 0
    is_predecessor_readable: bool = False
    missing_lines: int | None = None


class Segment:
    """One file of the journal, held open for reading; bytes are read on demand and never mapped.

    Equal when it is the same file, whatever its name is by now. The descriptor is closed with the
    last reference, so rows on the screen can keep reading a file that has been renamed or removed.
    """

    __slots__ = ("__weakref__", "_head", "_head_size", "fd", "identity", "path")

    def __init__(self, fd: int, path: str) -> None:
        about = os.fstat(fd)
        self.fd = fd
        self.path = path
        self.identity = (about.st_dev, about.st_ino)
        self._head: SegmentHead | None = None
        self._head_size: int | None = None  # of a file that is nothing but a head: more of it may still be copied here
        weakref.finalize(self, os.close, fd)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Segment) and other.identity == self.identity

    def __hash__(self) -> int:
        return hash(self.identity)

    @property
    def inotify_path(self) -> str:
        """A path of the file for inotify: its name may mean another file by now."""
        return f"/proc/self/fd/{self.fd}"

    def fstat(self) -> os.stat_result:
        """What fstat(2) says of the file now."""
        return os.fstat(self.fd)

    def size(self) -> int:
        """Bytes in the file now."""
        return self.fstat().st_size

    def is_removed(self) -> bool:
        """Whether the file has no name any more."""
        return self.fstat().st_nlink == 0

    def read(self, offset: int, size: int) -> bytes:
        """Up to ``size`` bytes from ``offset``; fewer at the end of the file."""
        return os.pread(self.fd, size, offset)

    @property
    def head(self) -> SegmentHead:
        """What a rotation has written at its beginning. Raises OSError."""
        if self._head is None or (self._head_size is not None and self._head_size != self.size()):
            self._head, size = _read_head(self), self.size()
            self._head_size = size if self._head.end >= size and self._head.missing_lines != 0 else None
        return self._head

    def invalidate_head(self) -> None:
        """Looks at the head again when it is next asked for: the file was truncated."""
        self._head = None


class RotatedSegment(Segment):
    """A file that a rotation has given its last name. It is closed while others are read, and opened again by name.

    So a journal of a thousand files takes few descriptors, whoever holds on to their lines.
    """

    __slots__ = ("_key",)

    def __init__(self, path: str) -> None:
        fd = open_file(path, os.O_RDONLY)
        self._key = object()
        with _fd_cache.lock:
            _fd_cache.add(self._key, fd)
            weakref.finalize(self, _fd_cache.close, self._key)
            about = os.fstat(fd)
        self.fd = -1
        self.path = path
        self.identity = (about.st_dev, about.st_ino)
        self._head = self._head_size = None

    @property
    def inotify_path(self) -> str:
        return self.path

    def fstat(self) -> os.stat_result:
        with _fd_cache.lock:
            return os.fstat(self._open_fd())

    def read(self, offset: int, size: int) -> bytes:
        with _fd_cache.lock:  # nobody closes it meanwhile
            return os.pread(self._open_fd(), size, offset)

    def _open_fd(self) -> int:
        fd = _fd_cache.get(self._key)
        if fd is None:
            fd = open_file(self.path, os.O_RDONLY)
            about = os.fstat(fd)
            if (about.st_dev, about.st_ino) != self.identity:
                os.close(fd)
                raise FileNotFoundError(errno.ENOENT, "it was removed, and another file has its name", self.path)
            _fd_cache.add(self._key, fd)
        return fd


class _FdCache:
    """The descriptors of rotated files, the last used at the end. Use it with its ``lock`` held."""

    def __init__(self) -> None:
        self.lock = threading.RLock()  # a finalizer may run while its own thread holds it
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
    """Whether ``name`` is one that a rotation gives to the log at ``log_path``, or gave to it before it had that path."""
    match = _ROTATED_NAME.fullmatch(name)
    return match is not None and match[1] == _log_stem(os.path.basename(log_path))


def _log_stem(name: str) -> str:
    match = _ROTATED_NAME.fullmatch(name)
    return match[1] if match is not None else name.removesuffix(".log")


def _read_head(segment: Segment) -> SegmentHead:
    """The head of ``segment``: none unless the first line says in the way of a rotation which file it continues."""
    first, newline, _ = segment.read(0, _MAX_FIRST_LINE_BYTES).partition(b"\n")
    entry = parse_entry(first) if newline else None
    name = entry.predecessor_name if entry is not None else None
    if entry is None or name is None or os.path.basename(name) != name or _ROTATED_NAME.fullmatch(name) is None:
        return SegmentHead()
    begin = len(first) + 1
    announced = entry.repeated_count
    end, count = _find_repeated_end(segment, begin, announced)
    missing = None if announced is None else announced - count
    if not is_rotated_name(segment.path, name):  # the log of another name: imported, or moved
        return SegmentHead(None, begin, end, False, missing)
    return SegmentHead(name, begin, end, _is_readable_file(os.path.join(os.path.dirname(segment.path), name)), missing)


@cache  # compiled when it is needed first: a one-shot seldom comes to the head of a file
def _repeated_lines_pattern() -> re.Pattern[bytes]:
    return re.compile(rb"(?:%s[^\n]*\n)++" % (_REPEATED_LINE % (_STAMP, _STAMP)))


@cache
def _repeated_prefix_pattern() -> re.Pattern[bytes]:
    return re.compile(_REPEATED_LINE % (rb"[^\]\n]{34}", rb"[^\]\n]{34}"))


def _find_repeated_end(segment: Segment, offset: int, max_lines: int | None) -> tuple[int, int]:
    """Return where the lines end that a rotation repeats, from ``offset`` on, and how many they are.

    At most ``max_lines``: whoever appends lines that look like them must not make the head longer. None: a version that
    did not count them wrote the file, and all that look like them belong to it.
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
        elif index > 0 and len(data) == _READ_BYTES:  # the next line may go on after this block
            offset, index = offset + index, 0
            data = segment.read(offset, _READ_BYTES)
        elif (match := _repeated_prefix_pattern().match(data, index)) is None or not all(
            Stamp.parse(stamp.decode("ascii", "replace")) for stamp in match.groups()
        ):
            break
        else:
            newline = data.find(b"\n", index)
            while newline < 0:  # a line longer than a block
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
