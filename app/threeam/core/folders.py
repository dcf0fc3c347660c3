"""Opening files by name where somebody else may swap the folders and links on the way.

A check by name and an open by name are two steps, and the owner of a folder can put a symlink there in between. Here
each step of a path is opened first and checked then, and a symlink is read through the descriptor that was checked.
A symlink is followed only if it belongs to this user or to root.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager

OPEN_SAFELY = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK  # O_NONBLOCK: opening a FIFO must not hang
_STEP = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC  # opens a symlink itself, and needs no permission to read
_MOST_LINKS = 40  # on one path, as in the kernel


class ForeignLink(OSError):
    """A symlink on the way belongs to another user, who may redirect it at any moment. ``filename`` is its path."""

    def __init__(self, path: str, uid: int) -> None:
        super().__init__(errno.ELOOP, os.strerror(errno.ELOOP), path)
        self.uid = uid


class _Walk:
    """A walk along ``path``: the descriptor of the last step, its real names, and the missing names.

    The walk itself steps back at a ``..``: behind a symlink that leads out of what the link points to.
    """

    def __init__(self, path: str) -> None:
        self.names: list[str] = []
        self.missing: list[str] = []
        self.fd = -1
        self._enter(os.open("/", _STEP))
        try:
            self._follow(absolute(path))
        except BaseException:
            os.close(self.fd)
            raise

    def _follow(self, path: str) -> None:
        todo, links = _names(path), 0
        while todo:
            name = todo.pop()
            try:
                fd = os.open(name, _STEP, dir_fd=self.fd)
            except FileNotFoundError:
                self.missing = [name, *reversed(todo)]
                return
            try:
                about = os.fstat(fd)
                target = self._target(fd, name, about.st_uid) if stat.S_ISLNK(about.st_mode) else None
            except BaseException:
                os.close(fd)
                raise
            if target is None:
                self._enter(fd)
                self.names = self.names[:-1] if name == ".." else [*self.names, name]
                continue
            os.close(fd)
            if (links := links + 1) > _MOST_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
            if target.startswith("/"):
                self._enter(os.open("/", _STEP))
                self.names = []
            todo += _names(target)

    def _enter(self, fd: int) -> None:
        if self.fd >= 0:
            os.close(self.fd)
        self.fd = fd

    def _target(self, fd: int, name: str, uid: int) -> str:
        if uid not in (0, os.geteuid()):
            raise ForeignLink("/" + "/".join([*self.names, name]), uid)
        return os.readlink("", dir_fd=fd)  # of the very link that was checked


def _names(path: str) -> list[str]:
    """The names in ``path``, the last one first."""
    return [name for name in path.split("/") if name not in ("", ".")][::-1]


def absolute(path: str) -> str:
    """Return ``path`` from the root. What it names stays the same: a ``..`` is not removed, as `os.path.abspath` does.

    Raises OSError if the working directory was removed.
    """
    return path if os.path.isabs(path) else os.path.join(os.getcwd(), path)


def resolve(path: str) -> str:
    """Return the real path of ``path``, which need not exist. Raises `ForeignLink`, or another OSError."""
    walk = _Walk(path)
    os.close(walk.fd)
    return "/" + "/".join([*walk.names, *walk.missing])


@contextmanager
def opened_folder(path: str) -> Iterator[int]:
    """Yield a descriptor of the folder at ``path``, to be used as ``dir_fd``. Raises OSError, also for a non-folder."""
    walk = _Walk(path)
    try:
        if walk.missing:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        if not stat.S_ISDIR(os.fstat(walk.fd).st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
        yield walk.fd
    finally:
        os.close(walk.fd)


def open_file(path: str, flags: int, mode: int = 0o600) -> int:
    """Open the file at ``path``. Its last name is not followed if it is a symlink. Raises OSError."""
    folder, name = os.path.split(path)
    with opened_folder(folder) as dir_fd:
        return os.open(name, flags | OPEN_SAFELY, mode, dir_fd=dir_fd)


def safe_opener(dir_fd: int) -> Callable[[str, int], int]:
    """Return an ``opener`` for `open`, which opens a name in an opened folder.

    `open` closes a descriptor that its opener has opened if it refuses it, a folder for example. It would leave one
    open that it is given.
    """
    return lambda name, flags: os.open(name, flags | OPEN_SAFELY, dir_fd=dir_fd)


def names_in(dir_fd: int) -> list[str]:
    """Return the names in an opened folder. Raises OSError."""
    fd = _readable(dir_fd)
    try:
        return os.listdir(fd)
    finally:
        os.close(fd)


def sync_opened(dir_fd: int) -> None:
    """Wait until the names in an opened folder are on the disk. Raises OSError."""
    fd = _readable(dir_fd)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _readable(dir_fd: int) -> int:
    """Open a folder once more: a descriptor that only names it can be neither listed nor synced."""
    return os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=dir_fd)


def make_folders(path: str) -> None:
    """Make the missing folders of ``path``, 0700 and on the disk. Raises OSError.

    Root makes them for the owner of the folder that they lie in: a first ``sudo 3am`` must not take the user's state
    folder away from them.
    """
    walk = _Walk(path)
    try:
        for name in walk.missing:
            outer = os.fstat(walk.fd)
            try:
                os.mkdir(name, 0o700, dir_fd=walk.fd)
            except FileExistsError:  # another process was faster
                pass
            else:
                sync_opened(walk.fd)
            fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY | OPEN_SAFELY, dir_fd=walk.fd)
            os.close(walk.fd)
            walk.fd = fd
            if os.geteuid() == 0 and outer.st_uid != 0 and os.fstat(fd).st_uid == 0:
                os.fchown(fd, outer.st_uid, outer.st_gid)
    finally:
        os.close(walk.fd)
