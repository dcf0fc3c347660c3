"""The sanity lock: flock(2), first tried through filelock, then waited for in the kernel's queue.

Polling would starve beside kernel-blocked ``flock`` processes (12 s were measured), so a waiter
that does not get the lock at once blocks in the kernel, on a daemon thread that can be abandoned.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from threeam.core.entry import visible
from threeam.core.folders import OPEN_SAFELY, open_file, opened_folder
from threeam.core.journal import JournalError, Unusable, check_regular, owner_name, unusable

_TICK = 0.1  # seconds between two looks at the holder while waiting; never between two tries
_MAX_NAME = 64


class Holder(NamedTuple):
    """Who holds the lock: ``pid`` 0 when it cannot be seen from here (another pid namespace)."""

    pid: int
    name: str

    def __str__(self) -> str:
        return f"{self.name} (pid {self.pid})" if self.pid else "a process that cannot be seen from here"


class LockTimeout(JournalError):
    """The lock was not had in time; nothing was written."""

    def __init__(self, path: str, waited: float, holder: Holder | None) -> None:
        held = f"it is held by {holder}" if holder else "nobody is seen to hold it now; try again"
        look = f"; look at it with: ps -fp {holder.pid}" if holder and holder.pid else ""
        super().__init__(f"no lock on {path} within {waited:g} s: {held}{look}")


class LockUnusable(JournalError):
    """The lock file must not be used as it is; nothing was written."""


class Abandoned(Exception):
    """The wait was given up from outside; nothing was written."""


class LockFile(NamedTuple):
    """What a lock file that has to be created is like: its permission bits, and whose it is."""

    mode: int
    uid: int
    gid: int

    @classmethod
    def for_log(cls, path: str, new_mode: int, new_owner: tuple[int, int]) -> LockFile:
        """As the log at ``path`` (or one that will be created there with ``new_mode`` and ``new_owner``) needs it.

        Readable and writable for each class that may write the log, and nothing for the others:
        whoever may write may lock, and nobody else can hold the lock.
        """
        try:
            fd = open_file(path, os.O_PATH)  # not by name: a symlink that is put there would say what the lock is like
            about = os.fstat(fd)
            os.close(fd)
            if not stat.S_ISREG(about.st_mode):
                raise OSError(errno.EINVAL, "not a file")  # which opening the log refuses
            mode, uid, gid = about.st_mode, about.st_uid, about.st_gid
        except OSError:
            mode, (uid, gid) = new_mode, new_owner
        return cls(0o600 | sum(6 << shift for shift in (3, 0) if mode >> shift & 2), uid, gid)


class SanityLock:
    """One hold of the lock at ``path``. Not reentrant, not to be shared.

    ``like``: what to create where there is no lock file yet.
    """

    def __init__(self, path: str, like: LockFile) -> None:
        self.path = path
        self.like = like
        self._fd = -1

    def acquire(
        self,
        timeout: float | None,
        *,
        abandoned: threading.Event | None = None,
        on_wait: Callable[[Holder | None, float], None] | None = None,
    ) -> None:
        """Takes the lock, waiting up to ``timeout`` seconds (None: until it comes).

        ``abandoned`` ends the wait from another thread (`Abandoned`). ``on_wait`` is told the
        holder and the seconds waited, at first and every 0.1 s. Raises `LockTimeout`,
        `LockUnusable`, or `Unusable`.
        """
        from filelock import lock_descriptor  # 16 ms: who only reads, or has to draw first, does not pay for it

        began = time.monotonic()
        while True:
            if abandoned is not None and abandoned.is_set():  # taken back while something else was being written
                raise Abandoned
            fd = _open(self.path, self.like)
            try:
                if not lock_descriptor(fd, blocking=False):
                    left = None if timeout is None else timeout - (time.monotonic() - began)
                    _queue(fd, self.path, began, left, timeout, abandoned, on_wait)
                if _is_still(fd, self.path):
                    self._fd = fd
                    return
            except BaseException:
                os.close(fd)
                raise
            os.close(fd)  # the file was replaced while we waited: that was the wrong lock

    def lost(self) -> bool:
        """Whether the file of that name is another one by now: then somebody else may hold the lock as well."""
        return not _is_still(self._fd, self.path)

    def release(self) -> None:
        """Gives the lock back; the file stays, since others may be queued on it."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def holder(path: str) -> Holder | None:
    """Who holds the lock now, from ``/proc/locks``; None when it is free or there is no telling.

    About 50 µs. A process that inherited the lock stands there under the one that took it; where that
    one has gone, or has let go of the file, the processes that have it open are asked.
    """
    try:
        about = os.stat(path)
        with open("/proc/locks", "rb") as table:
            rows = table.read().decode("ascii", "replace").splitlines()
    except OSError:
        return None
    device = f"{os.major(about.st_dev):02x}:{os.minor(about.st_dev):02x}:{about.st_ino}"
    for row in rows:
        fields = row.split()
        if "->" in fields or len(fields) < 6 or fields[1] != "FLOCK" or fields[5] != device:
            continue
        pid = int(fields[4])
        if pid > 0 and (name := _process_name(pid)) and _has_lock(pid, about) is not False:
            return Holder(pid, name)
        return _inheritor(about) or Holder(0, "")
    return None


def _open(path: str, like: LockFile) -> int:
    folder, name = os.path.split(path)
    try:
        with opened_folder(folder) as dir_fd:
            about_folder = os.fstat(dir_fd)
            try:
                fd = os.open(name, os.O_RDWR | OPEN_SAFELY, dir_fd=dir_fd)
            except FileNotFoundError:
                fd = _create(name, dir_fd, like)
    except OSError as error:
        if error.errno == errno.ELOOP and error.filename == name:
            raise LockUnusable(f"the lock {path} is a symlink: remove it, or name another with --lock") from None
        raise LockUnusable("the lock " + unusable(path, error).replace("--log", "--lock")) from None
    try:
        _refuse_foreign(path, about_folder, check_regular(fd, path))
    except Unusable as error:
        os.close(fd)
        raise LockUnusable("the lock " + str(error).replace("--log", "--lock")) from None
    except BaseException:
        os.close(fd)
        raise
    return fd


def _create(name: str, dir_fd: int, like: LockFile) -> int:
    """The new lock file, with its mode and owner from its first moment: it is made aside and linked."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | OPEN_SAFELY
    aside = f"{name}.{os.getpid()}.{threading.get_ident()}"
    fd = os.open(aside, flags, 0o600, dir_fd=dir_fd)
    try:
        _fit(fd, dir_fd, like)
        os.link(aside, name, src_dir_fd=dir_fd, dst_dir_fd=dir_fd, follow_symlinks=False)
        return fd
    except FileExistsError:  # somebody was faster
        os.close(fd)
        return os.open(name, os.O_RDWR | OPEN_SAFELY, dir_fd=dir_fd)
    except OSError as error:
        os.close(fd)
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS):
            raise
        fd = os.open(name, flags, 0o600, dir_fd=dir_fd)  # a file system without hard links: its maker's for a moment
        _fit(fd, dir_fd, like)
        return fd
    finally:
        os.unlink(aside, dir_fd=dir_fd)


def _fit(fd: int, dir_fd: int, like: LockFile) -> None:
    """Gives a new lock file the owner and the mode that ``like`` says, whatever the umask."""
    mode = like.mode
    # In a sticky folder a lock that is not its maker's is refused, by filelock too: there it stays ours.
    give_away = os.geteuid() == 0 and not os.fstat(dir_fd).st_mode & stat.S_ISVTX
    uid = like.uid if give_away else os.geteuid()
    if (uid, like.gid) != (os.geteuid(), os.fstat(fd).st_gid):
        try:
            os.fchown(fd, uid, like.gid)
        except PermissionError:  # not of the log's group: then it must not be opened to another one
            mode &= ~0o070
    os.fchmod(fd, mode)  # after fchown, which may take bits away


def _refuse_foreign(path: str, folder: os.stat_result, about: os.stat_result) -> None:
    """In a sticky folder such as /tmp a stranger could plant the lock and hold it for ever."""
    if folder.st_mode & stat.S_ISVTX and about.st_uid not in (os.geteuid(), folder.st_uid):
        raise LockUnusable(
            f"the lock {path} belongs to {owner_name(about.st_uid)}, in a folder where anybody may put one: "
            f"have them remove it, or name another with --lock"
        )


def _is_still(fd: int, path: str) -> bool:
    about = os.fstat(fd)
    try:
        named = os.stat(path, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return (about.st_dev, about.st_ino) == (named.st_dev, named.st_ino)


def _queue(
    fd: int,
    path: str,
    began: float,
    left: float | None,
    timeout: float | None,
    abandoned: threading.Event | None,
    on_wait: Callable[[Holder | None, float], None] | None,
) -> None:
    """Waits in the kernel's queue until the lock on ``fd`` is ours, or raises and leaves the queue."""
    place = _Place(fd)  # left by closing fd, which whoever opened it does on any error
    deadline = None if left is None else time.monotonic() + left
    if on_wait is not None:
        on_wait(holder(path), time.monotonic() - began)
    while True:
        tick = _TICK if deadline is None else max(0.0, min(_TICK, deadline - time.monotonic()))
        if place.granted.wait(tick):
            break
        if abandoned is not None and abandoned.is_set():
            raise Abandoned
        if deadline is not None and time.monotonic() >= deadline:
            raise LockTimeout(path, timeout or 0.0, holder(path))
        if on_wait is not None:
            on_wait(holder(path), time.monotonic() - began)
    if place.error is not None:
        raise LockUnusable(f"the lock {path} cannot be taken: {place.error.strerror}")


class _Place:
    """A place in the kernel's queue for the lock, which can be left.

    The thread blocks on a duplicate of the waiter's descriptor: flock(2) belongs to the open file,
    so what the duplicate is granted the waiter has too. Then the duplicate is closed. If the
    waiter has closed its own by then, that was the last one, and the kernel lets the lock go.
    """

    def __init__(self, fd: int) -> None:
        self.granted = threading.Event()
        self.error: OSError | None = None
        self._fd = os.dup(fd)
        threading.Thread(target=self._block, name="sanity-lock", daemon=True).start()

    def _block(self) -> None:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX)
        except OSError as error:
            self.error = error
        os.close(self._fd)
        self.granted.set()


def _process_name(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/comm", "rb") as file:
            return visible(file.read(_MAX_NAME).decode("utf-8", "replace").strip())
    except OSError:
        return ""


def _has_lock(pid: int, about: os.stat_result) -> bool | None:
    """Whether a process has a lock on this inode among its descriptors; None where we may not look."""
    try:
        for fd in os.listdir(f"/proc/{pid}/fd"):
            try:
                opened = os.stat(f"/proc/{pid}/fd/{fd}")
                if (opened.st_dev, opened.st_ino) == (about.st_dev, about.st_ino):
                    with open(f"/proc/{pid}/fdinfo/{fd}") as info:
                        if "lock:" in info.read():
                            return True
            except FileNotFoundError:  # closed meanwhile
                continue
    except OSError:
        return None
    return False


def _inheritor(about: os.stat_result) -> Holder | None:
    """A living process with a lock on this inode."""
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        if _has_lock(pid, about):
            return Holder(pid, _process_name(pid))
    return None
