"""The files of other programs: opened for reading, unpacked if they are compressed, or refused with a sentence."""

from __future__ import annotations

import bz2
import errno
import gzip
import lzma
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable
from typing import IO, NamedTuple

from threeam.core.errors import FileUnusable
from threeam.core.format.entry import escape_unprintable
from threeam.core.store.segment import Segment

STDIN = "-"
_COPY_BYTES = 256 * 1024
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


class OpenedFile(NamedTuple):
    """A file of another program, open for reading.

    ``segment``: its lines; of a compressed file or of stdin a copy. ``modified_ns``: its mtime. ``is_copy``: the
    segment does not grow with the file. ``problem``: a sentence about bytes that could not be read, or "".
    """

    segment: Segment
    modified_ns: int
    is_copy: bool = False
    problem: str = ""


def open_log_file(path: str) -> OpenedFile:
    """Open the log file at ``path``, or stdin for ``-``. Raises `FileUnusable` with a sentence."""
    if path == STDIN:
        return _copy_stdin()
    fd = _open_regular_file(path)
    segment = Segment(fd, path)
    modified_ns = segment.fstat().st_mtime_ns
    head = segment.read(0, _MAGIC_BYTES)
    if head.startswith(_UTF16_MARKS):
        raise FileUnusable(f"{_shown(path)} is UTF-16: `iconv -f UTF-16 -t UTF-8` makes a file that can be read")
    packed_with = next((name for magic, name in _MAGICS if head.startswith(magic)), None)
    if packed_with is None:
        return OpenedFile(segment, modified_ns)
    unpacked, problem = _unpack(path, fd, packed_with)
    return OpenedFile(unpacked, modified_ns, is_copy=True, problem=problem)


def _open_regular_file(path: str) -> int:
    try:
        # O_NONBLOCK: to open a FIFO must not wait for its writer. It changes nothing for a regular file.
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        raise FileUnusable(f"{_shown(path)} cannot be opened: {error.strerror}") from None
    mode = os.fstat(fd).st_mode
    if not stat.S_ISREG(mode):
        os.close(fd)
        kind = next((name for test, name in _KINDS if test(mode)), "not a regular file")
        remedy = f": read it through a pipe, `cat {_shown(path)} | 3am …  -`" if stat.S_ISFIFO(mode) else ""
        raise FileUnusable(f"{_shown(path)} is {kind}, not a log file{remedy}")
    return fd


def _copy_stdin() -> OpenedFile:
    if sys.stdin.isatty():
        raise FileUnusable("- reads a pipe, and stdin is a terminal: `journalctl -o short-iso-precise | 3am merge -`")
    with tempfile.TemporaryFile() as copy:
        try:
            while data := os.read(sys.stdin.fileno(), _COPY_BYTES):
                copy.write(data)
            copy.flush()
        except OSError as error:
            raise _cannot_copy("stdin", error) from None
        segment = Segment(os.dup(copy.fileno()), STDIN)
    return OpenedFile(segment, segment.fstat().st_mtime_ns, is_copy=True)


def _unpack(path: str, fd: int, packed_with: str) -> tuple[Segment, str]:
    """Return the unpacked bytes of a compressed file, and a sentence if its end is missing or damaged."""
    problem = ""
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
    os.lseek(fd, 0, os.SEEK_SET)
    done = subprocess.run(["zstd", "-dcq"], stdin=fd, stdout=copy.fileno(), stderr=subprocess.PIPE)
    return "" if done.returncode == 0 else _damaged(path, done.stderr.decode(errors="replace").strip())


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
    return escape_unprintable(path)
