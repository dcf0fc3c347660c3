"""Writes of all bytes: write(2) may write fewer than it was given, and tells the reason only to the next call."""

from __future__ import annotations

import errno
import os


def write_all(fd: int, data: bytes) -> None:
    """Write ``data`` where ``fd`` stands. Raises OSError: then a part of it may be written."""
    view = memoryview(data)
    while view:
        view = view[_checked(os.write(fd, view)) :]


def write_all_at(fd: int, data: bytes, offset: int) -> None:
    """Write ``data`` at ``offset``. Raises OSError: then a part of it may be written."""
    view = memoryview(data)
    while view:
        written = _checked(os.pwrite(fd, view, offset))
        view, offset = view[written:], offset + written


def _checked(written: int) -> int:
    if not written:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return written
