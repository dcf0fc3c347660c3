"""System calls that only Linux has, and their substitutes on other systems, such as macOS.

Each call is looked up when it is needed. On Linux each function makes the one call that it is named after.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal

_ACL_XATTR = "system.posix_acl_access"


def fsync_fd(fd: int) -> None:
    """Wait until a file, or the names in a folder, are on the disk. Raises OSError.

    On macOS fsync(2) leaves the data in the cache of the drive, and F_FULLFSYNC does not. Some file systems there
    (SMB) do not support F_FULLFSYNC.
    """
    full_sync = getattr(fcntl, "F_FULLFSYNC", None)
    if full_sync is not None:
        try:
            fcntl.fcntl(fd, full_sync)
        except OSError as error:
            if error.errno not in (errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOTTY, errno.EINVAL):
                raise
        else:
            return
    os.fsync(fd)


def fdatasync_fd(fd: int) -> None:
    """Wait until the content of a file is on the disk: fdatasync(2), or `fsync_fd`. Raises OSError."""
    if hasattr(os, "fdatasync"):
        os.fdatasync(fd)
    else:
        fsync_fd(fd)


def make_nonblocking_pipe() -> tuple[int, int]:
    """Return the two ends of a pipe that never blocks and that no other program inherits. Raises OSError."""
    if hasattr(os, "pipe2"):
        return os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    read_fd, write_fd = os.pipe()  # Python sets close-on-exec
    os.set_blocking(read_fd, False)
    os.set_blocking(write_fd, False)
    return read_fd, write_fd


def consume_pending_signal(signum: int) -> None:
    """Consume a signal that is blocked in this thread and pending, so that it is not delivered later."""
    if hasattr(signal, "sigtimedwait"):
        signal.sigtimedwait([signum], 0)
    else:
        signal.sigwait([signum])  # it returns at once, since the signal is pending


def read_acl(file: int | str) -> bytes | None:
    """Return the POSIX ACL of a file or folder; None if it has none, or the system has none. Raises OSError.

    The ACLs of macOS are of another kind, and cannot be read from Python.
    """
    if not hasattr(os, "getxattr"):
        return None
    try:
        return os.getxattr(file, _ACL_XATTR)
    except OSError as error:
        if error.errno in (errno.ENODATA, errno.EOPNOTSUPP):
            return None
        raise


def write_acl(fd: int, acl: bytes) -> None:
    """Set the ACL of a file to one that `read_acl` has returned. Raises OSError."""
    os.setxattr(fd, _ACL_XATTR, acl)
