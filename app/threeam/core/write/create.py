"""A new log from bytes that are there already: whole or not at all, and never over another one."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable
from contextlib import suppress

from threeam.core.errors import FileUnusable, PreconditionFailed
from threeam.core.platform.folders import SAFE_OPEN_FLAGS, fsync_dir_fd, list_names, open_dir
from threeam.core.platform.portability import fsync_fd
from threeam.core.store.journal import Journal, describe_open_error


def create_log(journal: Journal, mode: int, chunks: Iterable[bytes]) -> int:
    """Makes the log of ``journal`` of ``chunks``; gives its bytes once they are on the disk. Call it under its lock.

    It is made aside and then gets its name, which must be nobody's. Raises `Declined` where it is somebody's by then,
    and `Unusable` or whatever ``chunks`` raise, with nothing left behind.
    """
    folder, name = os.path.split(journal.log_path)
    try:
        with open_dir(folder) as dir_fd:
            return _create_in_dir(dir_fd, name, (mode, *journal.new_file_owner()), chunks)
    except OSError as error:
        if error.errno == errno.EEXIST:
            raise PreconditionFailed(
                f"{journal.log_path} is there by now, and stays as it is: name one that is not there"
            ) from None
        raise FileUnusable(describe_open_error(journal.log_path, error)) from None


def _create_in_dir(dir_fd: int, name: str, permissions: tuple[int, int, int], chunks: Iterable[bytes]) -> int:
    mode, uid, gid = permissions
    aside, size = f"{name}.{os.urandom(8).hex()}.creating", 0
    try:
        _remove_leftovers(dir_fd, name)
        fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | SAFE_OPEN_FLAGS, 0o600, dir_fd=dir_fd)
        try:
            if uid != os.geteuid():
                os.fchown(fd, uid, gid)
            os.fchmod(fd, mode)
            for chunk in chunks:
                view = memoryview(chunk)
                while view:
                    view = view[os.write(fd, view) :]
                size += len(chunk)
            fsync_fd(fd)
        finally:
            os.close(fd)
        # fails where somebody else was there first
        os.link(aside, name, src_dir_fd=dir_fd, dst_dir_fd=dir_fd, follow_symlinks=False)
        os.unlink(aside, dir_fd=dir_fd)
        fsync_dir_fd(dir_fd)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(aside, dir_fd=dir_fd)
    return size


def _remove_leftovers(dir_fd: int, log_name: str) -> None:
    """Removes what one that was killed has left: under the lock nobody else is at it. Raises OSError."""
    for name in list_names(dir_fd):
        if re.fullmatch(re.escape(log_name) + r"\.[0-9a-f]{16}\.creating", name):
            os.unlink(name, dir_fd=dir_fd)
