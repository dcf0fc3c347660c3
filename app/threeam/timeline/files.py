"""The files of other programs: opened for reading, unpacked if they are compressed, or refused with a sentence."""

from __future__ import annotations

import bz2
import errno
import gzip
import lzma
import os
import resource
import shutil
import stat
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable
from typing import IO, NamedTuple, Protocol

from threeam.core.errors import FileUnusable
from threeam.core.format.entry import escape_unprintable
from threeam.core.store.journal import Journal
from threeam.core.store.segment import Segment
from threeam.timeline.instant import ClockCorrection
from threeam.timeline.spool import Spool, copy_remote_file, follow_remote_file

STDIN = "-"
_COPY_BYTES = 256 * 1024
_OTHER_DESCRIPTORS, _DESCRIPTORS_OF_A_FILE = 256, 5  # its own, inotify, a pipe, and one more while it is rotated
_MAGIC_BYTES = 6
_MAGICS: tuple[tuple[bytes, str], ...] = (
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\0", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
)
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class TooManyFiles(FileUnusable):
    """There is no descriptor left for another file."""


class MeasuredClock(Protocol):
    """The clock of another host, as it is measured from here. ``correction``: that of the last measurement."""

    @property
    def correction(self) -> ClockCorrection: ...

    def bound_at(self, ns: int) -> int | None:
        """Return how wrong the shift of the correction is at most for a stamp ``ns``; None if that is not known."""


class OpenedFile(NamedTuple):
    """A file of another program, or the journal of another host, open for reading.

    ``segment``: its lines; of a compressed file a copy. ``modified_ns``: its mtime. ``followed_path``: where new lines
    appear; "": none will. ``problem``: a sentence about bytes that could not be read, or "". ``spool``: what copies a
    stream into ``followed_path``. ``is_remote``: the lines were stamped on another host, whose clock may be wrong.
    ``followed_journal``: what is followed instead of the path. ``clock``: that of the other host, if it is measured.
    """

    segment: Segment
    modified_ns: int
    followed_path: str = ""
    problem: str = ""
    spool: Spool | None = None
    is_remote: bool = False
    followed_journal: Journal | None = None
    clock: MeasuredClock | None = None

    @property
    def default_correction(self) -> ClockCorrection:
        """The correction of its clock if nothing is said: logs of this host have one clock, and no other host has it.

        What synchronises the clocks now says nothing about the time when the lines were written.
        """
        if self.clock is not None:
            return self.clock.correction
        return ClockCorrection(0, None) if self.is_remote else ClockCorrection()


def allow_open_files(count: int) -> None:
    """Raise the limit of open descriptors of this process, as far as it may, for ``count`` more followed files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = _OTHER_DESCRIPTORS + _DESCRIPTORS_OF_A_FILE * count
    if soft != resource.RLIM_INFINITY and soft < needed:
        limit = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, limit), hard))


def open_log_file(path: str, *, live: bool = False) -> OpenedFile:
    """Open the log file at ``path``: a file, ``-`` for stdin, or ``HOST:/FILE``, which ssh reads.

    ``live``: the file will be followed. Raises `FileUnusable` with a sentence.
    """
    if path == STDIN:
        return _open_stream(Spool(_stdin()), path) if live else _as_text(_copy_of(path, _read_stdin))
    if remote := remote_parts(path):
        if live:
            return _open_stream(follow_remote_file(*remote), path)._replace(is_remote=True)
        copy = _copy_of(path, lambda copy: copy_remote_file(*remote, copy.fileno()))
        return _as_text(copy)._replace(is_remote=True)
    segment = Segment(_open_regular_file(path), path)
    return _as_text(OpenedFile(segment, segment.fstat().st_mtime_ns, os.path.realpath(path)))


def _as_text(file: OpenedFile) -> OpenedFile:
    """Return ``file``, or the unpacked copy of a compressed one. Raises `FileUnusable` if it is UTF-16."""
    segment, path = file.segment, file.segment.path
    head = segment.read(0, _MAGIC_BYTES)
    if encoding := _utf16(head):
        raise FileUnusable(f"{_shown(path)} is UTF-16: `iconv -f {encoding} -t UTF-8` makes a file that can be read")
    packed_with = next((name for magic, name in _MAGICS if head.startswith(magic)), None)
    if packed_with is None:
        return file
    unpacked, problem = _unpack(path, segment.fd, packed_with)
    return OpenedFile(unpacked, file.modified_ns, problem=problem)


def remote_parts(path: str) -> tuple[str, str] | None:
    """Return the host and the path of ``HOST:/FILE``; None for the path of a file on this host."""
    host, colon, file = path.partition(":")
    if not colon or not file.startswith(("/", "~")) or not host or "/" in host or os.path.exists(path):
        return None
    return host, file


def _open_stream(spool: Spool, path: str) -> OpenedFile:
    spool.wait_for_first_lines()
    segment = Segment(os.open(spool.path, os.O_RDONLY | os.O_CLOEXEC), path)
    if spool.problem and not segment.size():
        raise FileUnusable(spool.problem)
    return OpenedFile(segment, segment.fstat().st_mtime_ns, spool.path, spool.problem, spool)


def _copy_of(path: str, write: Callable[[IO[bytes]], object]) -> OpenedFile:
    """Return the bytes that ``write`` writes into a file without a name."""
    with tempfile.TemporaryFile() as copy:
        try:
            write(copy)
            copy.flush()
        except OSError as error:
            raise _cannot_copy(path, error) from None
        segment = Segment(os.dup(copy.fileno()), path)
    return OpenedFile(segment, segment.fstat().st_mtime_ns)


def _stdin() -> int:
    """Return a descriptor of stdin, which is a pipe or a file."""
    if sys.stdin.isatty():
        raise FileUnusable("- reads a pipe, and stdin is a terminal: `journalctl -o short-iso-precise | 3am merge -`")
    return os.dup(sys.stdin.fileno())


def _read_stdin(copy: IO[bytes]) -> None:
    with open(_stdin(), "rb", buffering=0) as stdin:
        shutil.copyfileobj(stdin, copy, _COPY_BYTES)


def _utf16(head: bytes) -> str:
    """Return the name of the encoding of a file in UTF-16, with a byte order mark or without, or ""."""
    if head.startswith(_UTF16_MARKS):
        return "UTF-16"
    even, odd = head[::2], head[1::2]
    if len(head) == _MAGIC_BYTES and any(head):
        if not any(odd) and all(even):
            return "UTF-16LE"
        if not any(even) and all(odd):
            return "UTF-16BE"
    return ""


def _open_regular_file(path: str) -> int:
    try:
        # O_NONBLOCK: to open a FIFO must not wait for its writer. It changes nothing for a regular file.
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        refusal = TooManyFiles if error.errno in (errno.EMFILE, errno.ENFILE) else FileUnusable
        raise refusal(f"{_shown(path)} cannot be opened: {error.strerror}") from None
    mode = os.fstat(fd).st_mode
    if not stat.S_ISREG(mode):
        os.close(fd)
        kind = next((name for test, name in _KINDS if test(mode)), "not a regular file")
        remedy = f": read it through a pipe, `cat {_shown(path)} | 3am …  -`" if stat.S_ISFIFO(mode) else ""
        raise FileUnusable(f"{_shown(path)} is {kind}, not a log file{remedy}")
    return fd


def _unpack(path: str, fd: int, packed_with: str) -> tuple[Segment, str]:
    """Return the unpacked bytes of a compressed file, and a sentence if its end is missing or damaged."""
    problem = ""
    os.lseek(fd, 0, os.SEEK_SET)  # a copy of stdin was written through it
    with tempfile.TemporaryFile() as copy:
        try:
            problem = _UNPACKERS[packed_with](path, fd, copy)
            copy.flush()
        except OSError as error:
            raise _cannot_copy(path, error) from None
        return Segment(os.dup(copy.fileno()), path), problem


_PackedFile = gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile


def _unpack_in_process(open_packed: Callable[[IO[bytes]], _PackedFile]) -> Callable[[str, int, IO[bytes]], str]:
    def unpack(path: str, fd: int, copy: IO[bytes]) -> str:
        with open(os.dup(fd), "rb") as packed, open_packed(packed) as unpacked:
            while True:
                try:
                    data = unpacked.read(_COPY_BYTES)
                except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
                    return _damaged(path, str(error))
                except OSError as error:
                    if error.errno is not None:
                        raise
                    return _damaged(path, str(error))  # bz2 raises one without a number
                if not data:
                    return ""
                copy.write(data)

    return unpack


def _unpack_zstd(path: str, fd: int, copy: IO[bytes]) -> str:
    if shutil.which("zstd") is None:
        raise FileUnusable(f"{_shown(path)} is packed with zstd, which needs the program zstd: install it")
    done = subprocess.run(["zstd", "-dcq"], stdin=fd, stdout=copy.fileno(), stderr=subprocess.PIPE)
    return (
        ""
        if done.returncode == 0
        else _damaged(path, done.stderr.decode(errors="replace").strip().rpartition(" : ")[2])
    )


_UNPACKERS: dict[str, Callable[[str, int, IO[bytes]], str]] = {
    "gzip": _unpack_in_process(lambda packed: gzip.GzipFile(fileobj=packed)),
    "bzip2": _unpack_in_process(bz2.BZ2File),
    "xz": _unpack_in_process(lzma.LZMAFile),
    "zstd": _unpack_zstd,
}


def _damaged(path: str, reason: str) -> str:
    return f"{_shown(path)} is damaged or cut off: only its beginning can be read ({escape_unprintable(reason)})"


def _cannot_copy(path: str, error: OSError) -> FileUnusable:
    where = f" in {tempfile.gettempdir()}" if error.errno == errno.ENOSPC else ""
    return FileUnusable(f"{_shown(path)} cannot be unpacked{where}: {error.strerror}")


def _shown(path: str) -> str:
    return "stdin" if path == STDIN else escape_unprintable(path)
