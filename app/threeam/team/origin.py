"""The id of a journal, made once, in a file beside the log; and the lock of the one process that publishes it.

It lies beside the log and not in the folder of attachments, which is one user's: all users of a log share one id, or
its lines would be sent twice. The users who may write the log may publish it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
from contextlib import suppress

from threeam.core.errors import FileUnusable
from threeam.core.format.escape import escape_unprintable
from threeam.core.platform.folders import SAFE_OPEN_FLAGS, fsync_dir_fd, is_named, open_dir, open_file, safe_lstat
from threeam.core.platform.portability import fsync_fd
from threeam.core.platform.whole_write import write_all
from threeam.core.store.journal import Journal, check_regular_file, describe_open_error
from threeam.team.messages.position import MAX_EPOCH, MAX_HOST_CHARS, Origin, is_origin_id


def host_name() -> str:
    """Return the short name of this host, in ASCII, as other hosts are shown it."""
    name = escape_unprintable(os.uname().nodename.partition(".")[0])
    return name.encode("ascii", "replace").decode()[:MAX_HOST_CHARS] or "localhost"


def origin_path(journal: Journal) -> str:
    """Return the path of the file that holds the id of ``journal``."""
    return journal.log_path + ".origin"


def read_origin(journal: Journal) -> Origin | None:
    """Return the origin of ``journal``; None if it has no id yet. Raises `FileUnusable`."""
    path = origin_path(journal)
    try:
        fd = open_file(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FileUnusable(_describe_open_error(path, journal, error)) from None
    try:
        return _read(fd, path)
    finally:
        os.close(fd)


def _describe_open_error(path: str, journal: Journal, error: OSError) -> str:
    if not isinstance(error, PermissionError):
        return describe_open_error(path, error)
    return (
        f"you may not use {path}, the id of this journal: its owner gives it the mode of the log, "
        f"chmod --reference={journal.log_path} {path}; who may only read it can use 3am team --read-only"
    )


class OriginFile:
    """The file that holds the id of a journal, made if it is missing. Construction and `lock` raise `FileUnusable`."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._path = origin_path(journal)
        self._fd, self.origin = self._open()

    def lock(self) -> bool:
        """Become the publisher of this journal, until `close`; return False if another process is.

        `origin` is read again: that process may have begun an epoch, and an earlier one may have taken a new id.
        """
        while (is_ours := self._try_lock()) and not is_named(self._fd, self._path):  # removed, or replaced
            replaced = self._fd
            self._fd, self.origin = self._open()
            os.close(replaced)
        self.origin = _read(self._fd, self._path)
        return is_ours

    def begin_epoch(self, epoch: int) -> Origin:
        """Note that ``epoch`` begins, and return the origin. Call it under the lock. Raises `FileUnusable`."""
        return self._replace(Origin(self.origin.id, epoch))

    def take_new_id(self) -> Origin:
        """Give the journal another id, and return the origin. Call it under the lock. Raises `FileUnusable`."""
        return self._replace(Origin(secrets.token_hex(16)))

    def close(self) -> None:
        """Release the lock, and close the file."""
        os.close(self._fd)

    def _open(self) -> tuple[int, Origin]:
        log_path = self._journal.log_path
        try:
            create_beside_log(self._path, log_path, _format(Origin(secrets.token_hex(16))))
            fd = open_file(self._path, os.O_RDWR)
        except OSError as error:
            raise FileUnusable(_describe_open_error(self._path, self._journal, error)) from None
        try:
            origin = _read(fd, self._path)
            if os.fstat(fd).st_uid == os.geteuid():  # the log may have been shared since
                _permit(fd, safe_lstat(log_path))
        except BaseException:
            os.close(fd)
            raise
        return fd, origin

    def _try_lock(self) -> bool:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _replace(self, origin: Origin) -> Origin:
        try:
            os.pwrite(self._fd, _format(origin), 0)  # of the same length: no other length is ever in the file
            fsync_fd(self._fd)
        except OSError as error:
            raise FileUnusable(f"{self._path} cannot be written: {error.strerror}") from None
        self.origin = origin
        return origin


def _format(origin: Origin) -> bytes:
    return f"{origin.id} {origin.epoch:06d}\n".encode()


def _read(fd: int, path: str) -> Origin:
    check_regular_file(fd, path)
    words = os.pread(fd, 64, 0).decode("ascii", "replace").split()
    if len(words) != 2 or not is_origin_id(words[0]) or not words[1].isdecimal() or not 1 <= int(words[1]) <= MAX_EPOCH:
        raise FileUnusable(f"{path} does not hold the id of a journal: remove it, and this journal gets a new id")
    return Origin(words[0], int(words[1]))


def create_beside_log(path: str, log_path: str, content: bytes) -> None:
    """Create a file complete, for the users who may read or write the log, unless it exists.

    Raises OSError, and `FileUnusable` if there is no log.
    """
    with open_dir(os.path.dirname(path)) as dir_fd, suppress(FileExistsError):
        try:
            log_status = os.stat(os.path.basename(log_path), dir_fd=dir_fd, follow_symlinks=False)
        except FileNotFoundError:
            raise FileUnusable(f"there is no log at {log_path}: 3am log TEXT begins one") from None
        _create(os.path.basename(path), dir_fd, log_status, content)


def _permit(fd: int, log_status: os.stat_result) -> None:
    """Let those use a file who may use the log."""
    mode = 0o600 | log_status.st_mode & 0o066
    owner = log_status.st_uid if os.geteuid() == 0 else -1
    try:
        os.fchown(fd, owner, log_status.st_gid)
    except PermissionError:  # we are not in the group of the log: another group must not use the file
        mode &= ~0o070
    os.fchmod(fd, mode)


def _create(name: str, dir_fd: int, log_status: os.stat_result, content: bytes) -> None:
    temporary = f"{name}.{os.getpid()}-{secrets.token_hex(4)}.new"
    try:
        os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name)
    except FileNotFoundError:
        pass
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | SAFE_OPEN_FLAGS, 0o600, dir_fd=dir_fd)
    try:
        _permit(fd, log_status)
        write_all(fd, content)
        fsync_fd(fd)
        os.link(temporary, name, src_dir_fd=dir_fd, dst_dir_fd=dir_fd)  # fails if another process was faster
        fsync_dir_fd(dir_fd)
    finally:
        os.close(fd)
        with suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=dir_fd)
