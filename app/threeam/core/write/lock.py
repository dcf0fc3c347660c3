"""The sanity lock: flock(2), first tried through filelock, then waited for in the kernel's queue.

Polling would starve beside kernel-blocked ``flock`` processes (12 s were measured), so a waiter
that does not get the lock at once blocks in the kernel, on a daemon thread that can be abandoned.
"""

from __future__ import annotations

import errno
import fcntl
import os
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from threeam.core.errors import LockTimeout, LockUnusable, WaitCancelled
from threeam.core.format.entry import escape_unprintable
from threeam.core.platform.folders import SAFE_OPEN_FLAGS
from threeam.core.platform.signals import defer_interrupts
from threeam.core.store.journal import SCRIPT_LOCKS, Journal
from threeam.core.write.lock_file import LockFileSpec, open_lock_file, permission_problem, tighten_permissions

_POLL_S = 0.1  # seconds between two looks at the holder while waiting; never between two tries
_MAX_NAME_BYTES = 64


class LockHolder(NamedTuple):
    """Who holds the lock: ``pid`` 0 when it cannot be seen from here (another pid namespace)."""

    pid: int
    name: str

    def __str__(self) -> str:
        return f"{self.name} (pid {self.pid})" if self.pid else "a process that cannot be seen from here"


class SanityLock:
    """One hold of the lock at ``path``. Not reentrant, not to be shared.

    ``like``: what to create if there is no lock file yet. ``strict``: whether a lock file of our own that other users
    can open is closed to them; False for one that was named with ``--lock``, which others may have a use for.
    """

    def __init__(self, path: str, spec: LockFileSpec, *, tighten_mode: bool = False) -> None:
        self.path = path
        self.spec = spec
        self.tighten_mode = tighten_mode
        self._fd = -1

    def acquire(
        self,
        timeout: float | None,
        *,
        wait_start: float | None = None,
        cancelled: threading.Event | None = None,
        on_wait: Callable[[LockHolder | None, float], None] | None = None,
    ) -> None:
        """Takes the lock, waiting up to ``timeout`` seconds (None: until it comes) since ``began`` (now).

        ``abandoned`` ends the wait from another thread (`Abandoned`). ``on_wait`` is told the
        holder and the seconds waited, at first and every 0.1 s. Raises `LockTimeout`,
        `LockUnusable`, or `Unusable`.
        """
        from filelock import lock_descriptor  # 16 ms: who only reads, or has to draw first, does not pay for it

        wait_start = time.monotonic() if wait_start is None else wait_start
        while True:
            if cancelled is not None and cancelled.is_set():  # taken back while something else was being written
                raise WaitCancelled
            fd = open_lock_file(self.path, self.spec)
            try:
                if not lock_descriptor(fd, blocking=False):
                    place = _QueueTicket(fd)  # left by closing fd, which is done on any error
                    _wait_in_queue(place, self, wait_start, timeout, cancelled, on_wait)
                if _is_still_named(fd, self.path):
                    if self.tighten_mode:
                        tighten_permissions(fd, self.spec)
                    self._fd = fd
                    return
            except BaseException:
                os.close(fd)
                raise
            os.close(fd)  # the file was replaced while we waited: that was the wrong lock

    def is_same_file(self, path: str) -> bool:
        """Return whether ``path`` is another name of the lock file that is held."""
        try:
            return os.path.samestat(os.fstat(self._fd), os.stat(path, follow_symlinks=False))
        except FileNotFoundError:
            return False

    def was_replaced(self) -> bool:
        """Whether the file of that name is another one by now: then somebody else may hold the lock as well."""
        return not _is_still_named(self._fd, self.path)

    def release(self) -> None:
        """Gives the lock back; the file stays, since others may be queued on it."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


class JournalLock:
    """One hold of every lock of a journal, taken in their order under one deadline.

    ``mode``: the mode of the log if it has to be created. Not reentrant, not to be shared.
    """

    def __init__(self, journal: Journal, mode: int) -> None:
        like, own = LockFileSpec.for_journal(journal, mode), (journal.log_path + ".lock", *SCRIPT_LOCKS.values())
        self._locks = [SanityLock(path, like, tighten_mode=path in own) for path in journal.lock_paths]
        self._held: list[SanityLock] = []

    def acquire(
        self,
        timeout: float | None,
        *,
        cancelled: threading.Event | None = None,
        on_wait: Callable[[LockHolder | None, float], None] | None = None,
    ) -> None:
        """Take the locks. As `SanityLock.acquire`; on an error none of them is held."""
        began = time.monotonic()
        try:
            for lock in self._locks:
                if not any(held.is_same_file(lock.path) for held in self._held):  # else it would wait for itself
                    lock.acquire(timeout, wait_start=began, cancelled=cancelled, on_wait=on_wait)
                    self._held.append(lock)
        except BaseException:
            self.release()
            raise

    def was_replaced(self) -> bool:
        """Return whether somebody else may hold one of the locks as well, because its file was replaced."""
        return any(lock.was_replaced() for lock in self._held)

    def release(self) -> None:
        """Give the locks back, the last one first."""
        while self._held:
            self._held.pop().release()


def find_lock_holder(*paths: str) -> LockHolder | None:
    """Return the process that holds the first lock of ``paths`` that is held, from ``/proc/locks``.

    None if all are free, or if it cannot be told. About 50 µs each. Without /proc (macOS) it is asked for whether
    the lock is held, and not by whom.
    """
    for path in paths:
        try:
            about = os.stat(path)
        except OSError:
            continue
        try:
            with open("/proc/locks", "rb") as table:
                rows = table.read().decode("ascii", "replace").splitlines()
        except OSError:
            if _is_held(path):
                return LockHolder(0, "")
            continue
        if (found := _holder_in_rows(about, rows)) is not None:
            return found
    return None


def _is_held(path: str) -> bool:
    """Return whether somebody holds the lock at ``path``, by taking it in shared mode for a moment."""
    try:
        fd = os.open(path, os.O_RDONLY | SAFE_OPEN_FLAGS)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in (errno.EWOULDBLOCK, errno.EAGAIN)
    finally:
        os.close(fd)
    return False


def _holder_in_rows(status: os.stat_result, rows: list[str]) -> LockHolder | None:
    """Return the holder of the lock on a file, from the rows of ``/proc/locks``.

    A process that inherited the lock stands there under the one that took it. If that one has ended, or has closed
    the file, the processes that have it open are asked.
    """
    device = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    for row in rows:
        fields = row.split()
        if "->" in fields or len(fields) < 6 or fields[1] != "FLOCK" or fields[5] != device:
            continue
        pid = int(fields[4])
        if pid > 0 and (name := _process_name(pid)) and _has_lock(pid, status) is not False:
            return LockHolder(pid, name)
        return _find_inheritor(status) or LockHolder(0, "")
    return None


def _is_still_named(fd: int, path: str) -> bool:
    about = os.fstat(fd)
    try:
        named = os.stat(path, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return (about.st_dev, about.st_ino) == (named.st_dev, named.st_ino)


def _wait_in_queue(
    ticket: _QueueTicket,
    lock: SanityLock,
    wait_start: float,
    timeout: float | None,
    cancelled: threading.Event | None,
    on_wait: Callable[[LockHolder | None, float], None] | None,
) -> None:
    """Wait at ``place`` in the kernel's queue until ``lock`` is ours, or raise."""
    path, deadline = lock.path, None if timeout is None else wait_start + timeout
    if on_wait is not None:
        on_wait(find_lock_holder(path), time.monotonic() - wait_start)
    while True:
        tick = _POLL_S if deadline is None else max(0.0, min(_POLL_S, deadline - time.monotonic()))
        if ticket.wait(tick):
            break
        if cancelled is not None and cancelled.is_set():
            raise WaitCancelled
        if deadline is not None and time.monotonic() >= deadline:
            remark = permission_problem(path, lock.spec) if lock.tighten_mode else None
            raise LockTimeout(path, timeout or 0.0, find_lock_holder(path), ": ".join(remark or ()))
        if on_wait is not None:
            on_wait(find_lock_holder(path), time.monotonic() - wait_start)
    if ticket.error is not None:
        raise LockUnusable(f"the lock {path} cannot be taken: {ticket.error.strerror}")


class _QueueTicket:
    """A place in the kernel's queue for the lock, which can be left.

    The thread blocks on a duplicate of the waiter's descriptor: flock(2) belongs to the open file,
    so what the duplicate is granted the waiter has too. Then the duplicate is closed. If the
    waiter has closed its own by then, that was the last one, and the kernel lets the lock go.
    """

    def __init__(self, fd: int) -> None:
        self.error: OSError | None = None
        self._fd = os.dup(fd)
        # A bare lock: a signal in the middle of `Event.wait` can end in "release unlocked lock", and not in itself.
        self._pending = threading.Lock()
        self._pending.acquire()
        with defer_interrupts(True):  # `start` waits for an event too
            threading.Thread(target=self._block, name="sanity-lock", daemon=True).start()

    def wait(self, timeout_s: float) -> bool:
        """Wait until the kernel has answered, for at most ``seconds``; return whether it has."""
        return self._pending.acquire(timeout=timeout_s)

    def _block(self) -> None:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX)
        except OSError as error:
            self.error = error
        os.close(self._fd)
        self._pending.release()


def _process_name(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/comm", "rb") as file:
            return escape_unprintable(file.read(_MAX_NAME_BYTES).decode("utf-8", "replace").strip())
    except OSError:
        return ""


def _has_lock(pid: int, status: os.stat_result) -> bool | None:
    """Whether a process has a lock on this inode among its descriptors; None where we may not look."""
    try:
        for fd in os.listdir(f"/proc/{pid}/fd"):
            try:
                opened = os.stat(f"/proc/{pid}/fd/{fd}")
                if (opened.st_dev, opened.st_ino) == (status.st_dev, status.st_ino):
                    with open(f"/proc/{pid}/fdinfo/{fd}") as info:
                        if "lock:" in info.read():
                            return True
            except FileNotFoundError:  # closed meanwhile
                continue
    except OSError:
        return None
    return False


def _find_inheritor(status: os.stat_result) -> LockHolder | None:
    """A living process with a lock on this inode."""
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        if _has_lock(pid, status):
            return LockHolder(pid, _process_name(pid))
    return None
