"""The lock file: created with the owner and the mode that the log needs, opened safely, closed to other users."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from typing import NamedTuple

from threeam.core.errors import FileUnusable, LockUnusable
from threeam.core.platform.folders import SAFE_OPEN_FLAGS, open_dir, safe_lstat
from threeam.core.store.journal import Journal, check_regular_file, describe_open_error, user_name


class LockFileSpec(NamedTuple):
    """The permission bits and the owner of a lock file that has to be created."""

    mode: int
    uid: int
    gid: int

    @classmethod
    def for_journal(cls, journal: Journal, new_mode: int) -> LockFileSpec:
        """Return what the log of ``journal`` needs. ``new_mode``: the mode of the log if it does not exist yet.

        The lock is readable and writable for each class of users that may write the log, and closed to the others: so
        exactly the users who may write can hold the lock.
        """
        try:
            status = safe_lstat(journal.log_path)  # a symlink that another user put there must not decide
            if not stat.S_ISREG(status.st_mode):
                raise OSError(errno.EINVAL, "not a file")  # opening the log refuses it
            mode, uid, gid = status.st_mode, status.st_uid, status.st_gid
        except OSError:
            mode, (uid, gid) = new_mode, journal.new_file_owner()
        return cls(0o600 | sum(6 << shift for shift in (3, 0) if mode >> shift & 2), uid, gid)


def open_lock_file(path: str, spec: LockFileSpec) -> int:
    """Open the lock file at ``path``, or create it as ``spec`` says. Raises `LockUnusable` or `FileUnusable`."""
    folder, name = os.path.split(path)
    try:
        with open_dir(folder) as dir_fd:
            dir_status = os.fstat(dir_fd)
            try:
                fd = os.open(name, os.O_RDWR | SAFE_OPEN_FLAGS, dir_fd=dir_fd)
            except FileNotFoundError:
                fd = _create_lock_file(name, dir_fd, spec)
    except OSError as error:
        if error.errno == errno.ELOOP and error.filename == name:
            raise LockUnusable(f"the lock {path} is a symlink: remove it, or name another with --lock") from None
        raise LockUnusable("the lock " + describe_open_error(path, error).replace("--log", "--lock")) from None
    try:
        _check_owner(path, dir_status, check_regular_file(fd, path))
    except FileUnusable as error:
        os.close(fd)
        raise LockUnusable("the lock " + str(error).replace("--log", "--lock")) from None
    except BaseException:
        os.close(fd)
        raise
    return fd


def _create_lock_file(name: str, dir_fd: int, spec: LockFileSpec) -> int:
    """Create the lock file with its mode and owner, and give it its name last; return its descriptor.

    So a process that is killed leaves nothing behind. On a file system without O_TMPFILE only its owner can use the
    file for a moment. Raises OSError.
    """
    fd = -1
    try:
        try:
            fd = os.open(".", os.O_RDWR | os.O_TMPFILE | os.O_CLOEXEC, 0o600, dir_fd=dir_fd)
            _set_owner_and_mode(fd, dir_fd, spec)
            os.link(f"/proc/self/fd/{fd}", name, dst_dir_fd=dir_fd, follow_symlinks=True)
        except FileExistsError:
            raise
        except (AttributeError, OSError):
            if fd >= 0:
                os.close(fd)
                fd = -1
            fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | SAFE_OPEN_FLAGS, 0o600, dir_fd=dir_fd)
            _set_owner_and_mode(fd, dir_fd, spec)
        return fd
    except BaseException as error:
        if fd >= 0:
            os.close(fd)
        if isinstance(error, FileExistsError):  # another process was faster
            return os.open(name, os.O_RDWR | SAFE_OPEN_FLAGS, dir_fd=dir_fd)
        raise


def _set_owner_and_mode(fd: int, dir_fd: int, spec: LockFileSpec) -> None:
    """Give a new lock file the owner and the mode of ``spec``, whatever the umask."""
    mode = spec.mode
    # In a sticky folder a lock of another owner is refused, by filelock too: there it stays ours.
    give_away = os.geteuid() == 0 and not os.fstat(dir_fd).st_mode & stat.S_ISVTX
    uid = spec.uid if give_away else os.geteuid()
    if (uid, spec.gid) != (os.geteuid(), os.fstat(fd).st_gid):
        try:
            os.fchown(fd, uid, spec.gid)
        except PermissionError:  # we are not in the group of the log: the lock must not be open to another group
            mode &= ~0o070
    os.fchmod(fd, mode)  # after fchown, which may take bits away


def tighten_permissions(fd: int, spec: LockFileSpec) -> None:
    """Remove permissions that are not needed, if the lock file is ours: the Bash script's locks are open to all.

    A file with a second name is not changed: another user may have put it there.
    """
    status = os.fstat(fd)
    mode = _tightened_mode(status, spec)
    if mode != stat.S_IMODE(status.st_mode) and status.st_uid == os.geteuid() and status.st_nlink == 1:
        with suppress(OSError):  # writing goes on; `3am preflight` reports it
            os.fchmod(fd, mode)


def _tightened_mode(status: os.stat_result, spec: LockFileSpec) -> int:
    """Return the mode of a lock file without the bits for users who may not write the log."""
    needed = spec.mode if status.st_gid == spec.gid else spec.mode & ~0o070
    return stat.S_IMODE(status.st_mode) & ~(0o066 & ~needed)


def _check_owner(path: str, dir_status: os.stat_result, lock_status: os.stat_result) -> None:
    """Raise `LockUnusable` for another user's lock in a sticky folder such as /tmp: they could hold it for ever."""
    if dir_status.st_mode & stat.S_ISVTX and lock_status.st_uid not in (os.geteuid(), dir_status.st_uid):
        raise LockUnusable(
            f"the lock {path} belongs to {user_name(lock_status.st_uid)}, in a folder where any user may put one: "
            f"have them remove it, or name another with --lock"
        )


def permission_problem(path: str, spec: LockFileSpec) -> tuple[str, str] | None:
    """Return a sentence and the remedy if users who may not write the log can hold the lock at ``path``, else None.

    A user who can open a file, even only for reading, can hold its flock(2).
    """
    import shlex  # rarely needed

    try:
        status = os.stat(path, follow_symlinks=False)
    except OSError:
        return None
    mode, needed = stat.S_IMODE(status.st_mode), _tightened_mode(status, spec)
    if mode == needed:
        return None
    return f"other users can open and hold it (mode {mode:04o})", f"chmod {needed:o} {shlex.quote(path)}"
