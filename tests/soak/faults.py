"""What the soak does inside a `3am` process: it watches the syncs, makes some of them fail, and breaks the program.

`install` is called before `3am` starts. It imports nothing but the standard library, unless a mutant is asked for.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from threeam.core.store.journal import Journal, Segment
    from threeam.core.write.rotate import NewLog, RotationResult

LOG = "SANITY_LOG"
NOTES = "SOAK_NOTES"  # a file that takes a line for each acknowledgement without a sync
FAILING_SYNCS = "SOAK_FAILING_SYNCS"  # the share of the syncs that fail, from 0 to 1
MUTANT = "SOAK_MUTANT"  # a name of `MUTANTS`

# The log, whatever it is called by now. Not the file that a rotation makes aside: it may be given up.
_LOG_NAME = re.compile(r"sanity(\.\d+T\d+\.\d+Z)?\.log(\.\d+)?(\.\d+\.taken)?( \(deleted\))?")

_Identity = tuple[int, int]


class SyncWatch:
    """Follows what this process writes to the log and syncs.

    It notes an acknowledgement (lines of the log on stdout, or exit 0) of bytes that no sync followed, and the bytes
    for which a sync failed: the kernel drops those, and a later sync does not bring them back.
    """

    def __init__(self, log: str, notes: int) -> None:
        self._log = log
        self._folder = os.path.dirname(log)
        self._notes = notes
        self._unsynced: dict[_Identity, tuple[int, int]] = {}
        self._held: dict[_Identity, int] = {}  # descriptors of the files that were written
        self._folder_unsynced = False

    def wrote(self, fd: int, count: int) -> None:
        """Remembers that ``count`` bytes were appended to the file of ``fd``."""
        if count and self._is_log(fd):
            self._forget_removed_files(fd)
            end = os.lseek(fd, 0, os.SEEK_CUR)
            begin, _ = self._unsynced.get(_identity(fd), (end - count, end))
            self._unsynced[_identity(fd)] = begin, end

    def _forget_removed_files(self, fd: int) -> None:
        """Forgets what was written to other files that were removed: that was reported as unsure, and is gone."""
        if _identity(fd) not in self._held:
            self._held[_identity(fd)] = os.dup(fd)
        for identity, held in list(self._held.items()):
            if identity != _identity(fd) and os.fstat(held).st_nlink == 0:
                self._unsynced.pop(identity, None)
                os.close(self._held.pop(identity))

    def cut_back(self, fd: int, size: int) -> None:
        """Forgets what a truncation took out."""
        begin, _ = self._unsynced.get(_identity(fd), (size, size))
        if begin >= size:
            self._unsynced.pop(_identity(fd), None)
        else:
            self._unsynced[_identity(fd)] = begin, size

    def renamed(self, new: str) -> None:
        """Remembers that the folder has a new file under the name of the log."""
        self._folder_unsynced = self._folder_unsynced or os.path.basename(new) == os.path.basename(self._log)

    def synced(self, fd: int) -> None:
        """Forgets what is on the disk now."""
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            self._folder_unsynced = False
        else:
            self._unsynced.pop(_identity(fd), None)

    def sync_failed(self, fd: int) -> None:
        """Notes the bytes that are lost to a sync that failed."""
        device_and_inode = _identity(fd)
        if device_and_inode in self._unsynced:
            begin, end = self._unsynced.pop(device_and_inode)
            self._note(f"lost {device_and_inode[1]} {begin} {end}")

    def acknowledged(self, how: str) -> None:
        """Notes an acknowledgement of something that is not on the disk."""
        if self._unsynced or self._folder_unsynced:
            self._note(f"unsynced {how}")

    def is_watched(self, fd: int) -> bool:
        """Whether ``fd`` is a file of the journal or its folder."""
        return self._is_log(fd) or (stat.S_ISDIR(os.fstat(fd).st_mode) and self._path(fd) == self._folder)

    def _is_log(self, fd: int) -> bool:
        folder, name = os.path.split(self._path(fd))
        return folder == self._folder and _LOG_NAME.fullmatch(name) is not None

    def _path(self, fd: int) -> str:
        return os.readlink(f"/proc/self/fd/{fd}")

    def _note(self, text: str) -> None:
        _real_write(self._notes, f"{os.getpid()} {text}\n".encode())


_real_write = os.write


def install() -> None:
    """Does what the environment asks for."""
    if mutant := os.environ.get(MUTANT):
        MUTANTS[mutant]()
    if notes := os.environ.get(NOTES):
        fd = os.open(notes, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        _watch(SyncWatch(os.environ[LOG], fd), float(os.environ.get(FAILING_SYNCS, "0")))


def become(uid: int, gid: int) -> None:
    """Goes on as another user, who may not be able to read the interpreter: so all modules are imported before."""
    import difflib  # noqa: F401
    import getpass  # noqa: F401
    import grp  # noqa: F401
    import importlib
    import json  # noqa: F401
    import pkgutil
    import pwd  # noqa: F401
    import tomllib  # noqa: F401

    import inotify_simple  # noqa: F401
    from filelock import lock_descriptor  # noqa: F401

    import threeam

    for module in pkgutil.walk_packages(threeam.__path__, "threeam."):
        if not module.name.startswith("threeam.tui"):
            importlib.import_module(module.name)
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    os.umask(0o007)


def _watch(watch: SyncWatch, failing: float) -> None:
    real: dict[str, Callable[..., Any]] = {
        name: getattr(os, name) for name in ("ftruncate", "rename", "fsync", "fdatasync", "_exit")
    }

    def write(fd: int, data: bytes) -> int:
        if fd == 1 and bytes(data[:1]) == b"[":
            watch.acknowledged("on stdout")
        count = _real_write(fd, data)
        if fd > 2:
            watch.wrote(fd, count)
        return count

    def ftruncate(fd: int, size: int) -> None:
        real["ftruncate"](fd, size)
        watch.cut_back(fd, size)

    def rename(old: str, new: str, **folders: int) -> None:
        real["rename"](old, new, **folders)
        watch.renamed(new)

    def sync_with(name: str) -> Callable[[int], None]:
        def sync(fd: int) -> None:
            if watch.is_watched(fd) and _happens(failing):
                watch.sync_failed(fd)
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            real[name](fd)
            watch.synced(fd)

        return sync

    def exit_now(code: int) -> None:
        if code == 0:
            watch.acknowledged("by exit 0")
        real["_exit"](code)

    replacements: dict[str, Callable[..., Any]] = {
        "write": write,
        "ftruncate": ftruncate,
        "rename": rename,
        "fsync": sync_with("fsync"),
        "fdatasync": sync_with("fdatasync"),
        "_exit": exit_now,
    }
    for name, function in replacements.items():
        setattr(os, name, function)


def _identity(fd: int) -> _Identity:
    about = os.fstat(fd)
    return about.st_dev, about.st_ino


def _happens(share: float) -> bool:
    return int.from_bytes(os.urandom(2)) < share * 65536


def replace(owner: object, name: str, function: Callable[..., Any]) -> None:
    """Replaces what must be there: a mutant that changes nothing would be taken for one that is caught."""
    getattr(owner, name)
    setattr(owner, name, function)


def _no_lock() -> None:
    import fcntl

    replace(fcntl, "flock", lambda fd, operation: None)


def _reversed_batches() -> None:
    from threeam.core.write.locked_log import LockedLog

    real = LockedLog.write_stream
    replace(LockedLog, "write_stream", lambda self, texts: real(self, texts[::-1]))


def _nothing_repeated() -> None:
    from threeam.core.write import locked_log
    from threeam.core.write.rotate import rotate as real

    # The whole signature: mypy then reports it when the signature of `rotate` changes.
    def rotate(
        journal: Journal,
        old: Segment,
        old_size: int,
        new: NewLog,
        *,
        only_if_smaller: bool,
        lock_lost: Callable[[], bool],
    ) -> RotationResult:
        emptied = new._replace(carried=b"")
        return real(journal, old, old_size, emptied, only_if_smaller=only_if_smaller, lock_lost=lock_lost)

    replace(locked_log, "rotate", rotate)


def _no_cut_back() -> None:
    from threeam.core.write.log_file import LogFile

    replace(LogFile, "_undo_append", lambda self, size: None)


def _written_and_refused() -> None:
    from threeam.core.errors import AppendFailed
    from threeam.core.write.log_file import LogFile

    real = LogFile.append

    def append(self: LogFile, lines: bytes) -> None:
        real(self, lines)
        if _happens(0.02):
            raise AppendFailed(errno.EIO)

    replace(LogFile, "append", append)


def _no_sync() -> None:
    from threeam.core.write.log_file import LogFile

    replace(LogFile, "sync", lambda self: None)


def _failed_sync_ignored() -> None:
    from threeam.core.write.log_file import LogFile

    real = LogFile.sync

    def sync(self: LogFile) -> None:
        with suppress(OSError):
            real(self)

    replace(LogFile, "sync", sync)


def _follower_drops_a_line() -> None:
    from threeam.core.store.follow import Follower
    from threeam.core.store.reader import Line

    real = Follower.read

    def read(self: Follower) -> list[Line]:
        before = self.position
        lines = real(self)
        after = self.position
        rotated = before is not None and after is not None and before.segment != after.segment
        return lines[:-1] if rotated else lines

    replace(Follower, "read", read)


MUTANTS: dict[str, Callable[[], None]] = {
    "no lock": _no_lock,
    "each batch of a stream reversed": _reversed_batches,
    "nothing repeated after a rotation": _nothing_repeated,
    "no cut-back of a short write": _no_cut_back,
    "2 % of the batches written and refused": _written_and_refused,
    "no fdatasync": _no_sync,
    "a failed fdatasync ignored": _failed_sync_ignored,
    "a follower drops a line at a rotation": _follower_drops_a_line,
}
