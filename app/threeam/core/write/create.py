"""Creation of a log from existing bytes: completely or not at all, and never over another file."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable
from contextlib import suppress

from threeam.core.errors import FileUnusable, PreconditionFailed
from threeam.core.platform.folders import SAFE_OPEN_FLAGS, fsync_dir_fd, list_names, open_dir
from threeam.core.platform.portability import fsync_fd
from threeam.core.platform.whole_write import write_all
from threeam.core.store.journal import Journal, describe_open_error


def create_log(journal: Journal, mode: int, chunks: Iterable[bytes]) -> int:
    """Create the log of ``journal`` from ``chunks``, and return its size once it is on the disk. Call under its lock.

    It is created under a temporary name, and then linked under its own. Raises `PreconditionFailed` if that name
    exists by then, `FileUnusable`, or an error of ``chunks``; it then leaves nothing behind.
    """
    folder, name = os.path.split(journal.log_path)
    try:
        with open_dir(folder) as dir_fd:
            return _create_in_dir(dir_fd, name, (mode, *journal.new_file_owner()), chunks)
    except OSError as error:
        if error.errno == errno.EEXIST:
            raise PreconditionFailed(
                f"{journal.log_path} exists by now, and stays as it is: name one that does not exist"
            ) from None
        raise FileUnusable(describe_open_error(journal.log_path, error)) from None


def _create_in_dir(dir_fd: int, name: str, permissions: tuple[int, int, int], chunks: Iterable[bytes]) -> int:
    mode, uid, gid = permissions
    temporary, size = f"{name}.{os.urandom(8).hex()}.creating", 0
    try:
        _remove_leftovers(dir_fd, name)
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | SAFE_OPEN_FLAGS, 0o600, dir_fd=dir_fd)
        try:
            if uid != os.geteuid():
                os.fchown(fd, uid, gid)
            os.fchmod(fd, mode)
            for chunk in chunks:
                write_all(fd, chunk)
                size += len(chunk)
            fsync_fd(fd)
        finally:
            os.close(fd)
        # fails if another process was faster
        os.link(temporary, name, src_dir_fd=dir_fd, dst_dir_fd=dir_fd, follow_symlinks=False)
        os.unlink(temporary, dir_fd=dir_fd)
        fsync_dir_fd(dir_fd)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=dir_fd)
    return size


def _remove_leftovers(dir_fd: int, log_name: str) -> None:
    """Remove the temporary files of processes that were killed: under the lock no other is in use. Raises OSError."""
    for name in list_names(dir_fd):
        if re.fullmatch(re.escape(log_name) + r"\.[0-9a-f]{16}\.creating", name):
            os.unlink(name, dir_fd=dir_fd)
