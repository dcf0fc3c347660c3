"""Opening files by name when another user may swap the folders and links on the way.

A check by name and an open by name are two steps, and the owner of a folder can put a symlink there in between. So each
step of a path is opened first and then checked, and a symlink is read through the descriptor that was checked. A
symlink is followed only if it belongs to this user or to root.

Without O_PATH (macOS), a folder on the way must also be readable, and a symlink cannot be opened. It is read by name,
between two calls of stat(2) that must show the same link. The check and the read are then separate system calls: a
user who puts another link there between the two, and leaves the link and its times unchanged, is not noticed.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from threeam.core.errors import ForeignSymlink
from threeam.core.platform.portability import fsync_fd

SAFE_OPEN_FLAGS = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK  # O_NONBLOCK: opening a FIFO must not hang
_HAS_O_PATH = hasattr(os, "O_PATH")
if _HAS_O_PATH:
    _STEP_FLAGS = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC  # opens a symlink itself, and needs no permission to read
else:
    _STEP_FLAGS = os.O_RDONLY | os.O_DIRECTORY | SAFE_OPEN_FLAGS  # opens nothing but a folder
_MAX_SYMLINKS = 40  # on one path, as in the kernel


class _PathWalk:
    """A walk along a path, one name at a time. Construction raises OSError; the caller closes ``fd``.

    A ``..`` is resolved by the kernel, so after a symlink it leads out of the link's target.

    ``fd``: the descriptor of the last step; without O_PATH, of a file's folder. ``is_dir``: whether the last step is a
    folder. ``real_names``: the names from the root to it. ``missing_names``: the names after it, which do not exist.
    """

    def __init__(self, path: str) -> None:
        self.real_names: list[str] = []
        self.missing_names: list[str] = []
        self.is_dir = True
        self.fd = -1
        self._enter(os.open("/", _STEP_FLAGS))
        try:
            self._walk(absolute_path(path))
        except BaseException:
            os.close(self.fd)
            raise

    def _walk(self, path: str) -> None:
        remaining, links = _reversed_names(path), 0
        while remaining:
            name = remaining.pop()
            try:
                fd, status = _open_step(name, self.fd)
            except FileNotFoundError:
                self.missing_names = [name, *reversed(remaining)]
                return
            try:
                target = self._read_symlink(fd, name, status) if stat.S_ISLNK(status.st_mode) else None
            except BaseException:
                _close_if_open(fd)
                raise
            if target is None:
                if fd >= 0:
                    self._enter(fd)
                elif remaining:
                    raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
                self.is_dir = stat.S_ISDIR(status.st_mode)
                self.real_names = self.real_names[:-1] if name == ".." else [*self.real_names, name]
                continue
            _close_if_open(fd)
            links += 1
            if links > _MAX_SYMLINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
            if target.startswith("/"):
                self._enter(os.open("/", _STEP_FLAGS))
                self.real_names = []
            remaining += _reversed_names(target)

    def _enter(self, fd: int) -> None:
        if self.fd >= 0:
            os.close(self.fd)
        self.fd = fd

    def _read_symlink(self, fd: int, name: str, status: os.stat_result) -> str:
        if status.st_uid not in (0, os.geteuid()):
            raise ForeignSymlink("/" + "/".join([*self.real_names, name]), status.st_uid)
        if fd >= 0:
            return os.readlink("", dir_fd=fd)  # the link that was checked
        target = os.readlink(name, dir_fd=self.fd)
        status_after = os.stat(name, dir_fd=self.fd, follow_symlinks=False)
        # A link that was replaced is read again, by its name; the limit for links ends this as it ends a loop.
        return target if _link_version(status_after) == _link_version(status) else name


def _open_step(name: str, dir_fd: int) -> tuple[int, os.stat_result]:
    """Open ``name`` in a folder without following it; return its descriptor and its status. Raises OSError.

    Without O_PATH only a folder is opened, and the descriptor of anything else is -1.
    """
    try:
        fd = os.open(name, _STEP_FLAGS, dir_fd=dir_fd)
    except FileNotFoundError:
        raise
    except OSError:
        if _HAS_O_PATH:
            raise
        status = os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode):  # it cannot be opened, or it was put there meanwhile
            raise
        return -1, status
    try:
        return fd, os.fstat(fd)
    except BaseException:
        os.close(fd)
        raise


def _close_if_open(fd: int) -> None:
    if fd >= 0:
        os.close(fd)


def _link_version(status: os.stat_result) -> tuple[int, ...]:
    """Return values that differ between two links, and between a link and the same one renamed away and back."""
    return status.st_dev, status.st_ino, status.st_uid, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _reversed_names(path: str) -> list[str]:
    """Return the names in ``path``, the last one first."""
    return [name for name in path.split("/") if name not in ("", ".")][::-1]


def absolute_path(path: str) -> str:
    """Return ``path`` from the root. Raises OSError if the working directory was removed.

    It names the same file as ``path``: unlike `os.path.abspath`, this keeps each ``..``.
    """
    return path if os.path.isabs(path) else os.path.join(os.getcwd(), path)


def resolve_path(path: str) -> str:
    """Return the real path of ``path``, which need not exist. Raises `ForeignSymlink` or another OSError."""
    walk = _PathWalk(path)
    os.close(walk.fd)
    return "/" + "/".join([*walk.real_names, *walk.missing_names])


@contextmanager
def open_dir(path: str) -> Iterator[int]:
    """Yield a descriptor of the folder at ``path``, for use as ``dir_fd``. Raises OSError, also for a file."""
    walk = _PathWalk(path)
    try:
        if walk.missing_names:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        if not walk.is_dir:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
        yield walk.fd
    finally:
        os.close(walk.fd)


def open_file(path: str, flags: int, mode: int = 0o600) -> int:
    """Open the file at ``path`` and return its descriptor. Raises OSError, also if the file itself is a symlink."""
    folder, name = os.path.split(path)
    with open_dir(folder) as dir_fd:
        return os.open(name, flags | SAFE_OPEN_FLAGS, mode, dir_fd=dir_fd)


def safe_opener(dir_fd: int) -> Callable[[str, int], int]:
    """Return an ``opener`` for `open`, which opens a name in an opened folder.

    If `open` refuses a descriptor, of a folder for example, it closes one from its opener and leaves one from its
    caller open.
    """
    return lambda name, flags: os.open(name, flags | SAFE_OPEN_FLAGS, dir_fd=dir_fd)


def safe_lstat(path: str) -> os.stat_result:
    """Return the status of the file at ``path``, or of the symlink if its last name is one. Raises OSError."""
    folder, name = os.path.split(path)
    with open_dir(folder) as dir_fd:
        return os.stat(name, dir_fd=dir_fd, follow_symlinks=False)


def is_named(fd: int, path: str) -> bool:
    """Return whether ``path`` still is the name of the open file: it was not removed or replaced. Raises OSError."""
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path, follow_symlinks=False))
    except FileNotFoundError:
        return False


def list_names(dir_fd: int) -> list[str]:
    """Return the names in an opened folder. Raises OSError."""
    fd = _reopen_readable(dir_fd)
    try:
        return os.listdir(fd)
    finally:
        os.close(fd)


def fsync_dir_fd(dir_fd: int) -> None:
    """Wait until the names in an opened folder are on the disk. Raises OSError."""
    fd = _reopen_readable(dir_fd)
    try:
        fsync_fd(fd)
    finally:
        os.close(fd)


def _reopen_readable(dir_fd: int) -> int:
    """Open a folder again, for reading: a descriptor of O_PATH can be neither listed nor synced."""
    return os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=dir_fd)


def make_dirs(path: str) -> None:
    """Make the missing folders of ``path`` with mode 0700, and sync them. Raises OSError.

    Folders that root makes get the owner of the folder that they lie in: after a first ``sudo 3am`` the state folder
    must still be the user's.
    """
    walk = _PathWalk(path)
    try:
        for name in walk.missing_names:
            outer = os.fstat(walk.fd)
            try:
                os.mkdir(name, 0o700, dir_fd=walk.fd)
            except FileExistsError:  # another process was faster
                pass
            else:
                fsync_dir_fd(walk.fd)
            fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY | SAFE_OPEN_FLAGS, dir_fd=walk.fd)
            os.close(walk.fd)
            walk.fd = fd
            if os.geteuid() == 0 and outer.st_uid != 0 and os.fstat(fd).st_uid == 0:
                os.fchown(fd, outer.st_uid, outer.st_gid)
    finally:
        os.close(walk.fd)
