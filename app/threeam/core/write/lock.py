"""The sanity lock: flock(2), first tried through filelock, then waited for in the kernel's queue.

A process that polls starves beside ``flock`` processes that block in the kernel (12 s were measured). So a waiter that
does not get the lock at once blocks in the kernel, on a daemon thread that can be abandoned.
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
from threeam.core.format.entry import NS_PER_S, escape_unprintable
from threeam.core.format.times import format_duration
from threeam.core.platform.folders import SAFE_OPEN_FLAGS, is_named
from threeam.core.platform.signals import defer_interrupts
from threeam.core.store.journal import SCRIPT_LOCKS, Journal
from threeam.core.write.lock_file import LockFileSpec, open_lock_file, permission_problem, tighten_permissions

_POLL_S = 0.1  # seconds between two reports of the holder during a wait; the lock itself is not polled
_MAX_NAME_BYTES = 64


class LockHolder(NamedTuple):
    """The process that holds a lock. ``pid``: 0 if it cannot be seen from here (another pid namespace)."""

    pid: int
    name: str

    def __str__(self) -> str:
        return f"{self.name} (pid {self.pid})" if self.pid else "a process that cannot be seen from here"


OnWait = Callable[[LockHolder | None, float], None]
"""Called during a wait with the process that holds the lock, and the seconds waited so far."""


class WaitPolicy(NamedTuple):
    """The limits of a wait for a lock: ``timeout`` in seconds, or None without a limit.

    ``cancelled``: ends the wait when another thread sets it. ``on_wait``: called at the beginning of a wait, and then
    every 0.1 s.
    """

    timeout: float | None
    cancelled: threading.Event | None = None
    on_wait: OnWait | None = None


class SanityLock:
    """One hold of the lock at ``path``. It is not reentrant, and not shared by threads.

    ``spec``: the lock file to create if there is none. ``tighten_mode``: whether to close a lock file of our own to
    other users who can open it; False for one that was named with ``--lock``, which others may need.
    """

    def __init__(self, path: str, spec: LockFileSpec, *, tighten_mode: bool = False) -> None:
        self.path = path
        self.spec = spec
        self.tighten_mode = tighten_mode
        self._fd = -1

    def acquire(self, wait: WaitPolicy, *, wait_start: float | None = None) -> None:
        """Take the lock. ``wait_start``: when the wait began, on the monotonic clock in seconds; None: now.

        Raises `LockTimeout`, `WaitCancelled`, `LockUnusable` or `FileUnusable`.
        """
        from filelock import lock_descriptor  # 16 ms: reading a log, and drawing the first screen, do not wait for it

        wait_start = time.monotonic() if wait_start is None else wait_start
        while True:
            if wait.cancelled is not None and wait.cancelled.is_set():  # cancelled before its turn came
                raise WaitCancelled
            fd = open_lock_file(self.path, self.spec)
            try:
                if not lock_descriptor(fd, blocking=False):
                    ticket = _QueueTicket(fd)  # given up by closing fd, which is done on any error
                    _wait_in_queue(ticket, self, wait, wait_start)
                if is_named(fd, self.path):
                    if self.tighten_mode:
                        tighten_permissions(fd, self.spec)
                    self._fd = fd
                    return
            except BaseException:
                os.close(fd)
                raise
            os.close(fd)  # the file was replaced during the wait: that was the wrong lock

    def is_same_file(self, path: str) -> bool:
        """Return whether ``path`` is another name of the lock file that is held."""
        return is_named(self._fd, path)

    def was_replaced(self) -> bool:
        """Return whether the path names another file by now: then another process may hold the lock as well."""
        return not is_named(self._fd, self.path)

    def release(self) -> None:
        """Release the lock. The file stays, since other processes may be queued on it."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


class JournalLock:
    """One hold of all locks of a journal, taken in their order under one deadline.

    ``mode``: the mode of the log if it has to be created. It is not reentrant, and not shared by threads.
    """

    def __init__(self, journal: Journal, mode: int) -> None:
        spec = LockFileSpec.for_journal(journal, mode)
        own_paths = (journal.log_path + ".lock", *SCRIPT_LOCKS.values())
        self._locks = [SanityLock(path, spec, tighten_mode=path in own_paths) for path in journal.lock_paths]
        self._held: list[SanityLock] = []

    def acquire(self, wait: WaitPolicy) -> None:
        """Take the locks, as `SanityLock.acquire` does. On an error none of them is held."""
        wait_start = time.monotonic()
        try:
            for lock in self._locks:
                if not any(held.is_same_file(lock.path) for held in self._held):  # else it would wait for itself
                    lock.acquire(wait, wait_start=wait_start)
                    self._held.append(lock)
        except BaseException:
            self.release()
            raise

    def was_replaced(self) -> bool:
        """Return whether another process may hold one of the locks as well, because its file was replaced."""
        return any(lock.was_replaced() for lock in self._held)

    def release(self) -> None:
        """Release the locks, the last one first."""
        while self._held:
            self._held.pop().release()


def find_lock_holder(*paths: str) -> LockHolder | None:
    """Return the process that holds the first lock of ``paths`` that is held, from ``/proc/locks``.

    None if all are free, or if the holder cannot be found. About 50 µs for each path. Without /proc (macOS) the
    holder of a held lock is unknown (pid 0).
    """
    for path in paths:
        try:
            status = os.stat(path)
        except OSError:
            continue
        try:
            with open("/proc/locks", "rb") as table:
                rows = table.read().decode("ascii", "replace").splitlines()
        except OSError:
            if _is_held(path):
                return LockHolder(0, "")
            continue
        if (holder := _holder_in_rows(status, rows)) is not None:
            return holder
    return None


def _is_held(path: str) -> bool:
    """Return whether a process holds the lock at ``path``, by taking it in shared mode for a moment."""
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

    A lock that was inherited is listed under the process that took it. If that one has ended, or has closed the file,
    the holder is a process that has the file open.
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


def _wait_in_queue(ticket: _QueueTicket, lock: SanityLock, wait: WaitPolicy, wait_start: float) -> None:
    """Wait in the kernel's queue until ``lock`` is ours, or raise."""
    path, deadline = lock.path, None if wait.timeout is None else wait_start + wait.timeout
    if wait.on_wait is not None:
        wait.on_wait(find_lock_holder(path), time.monotonic() - wait_start)
    while True:
        tick_s = _POLL_S if deadline is None else max(0.0, min(_POLL_S, deadline - time.monotonic()))
        if ticket.wait(tick_s):
            break
        if wait.cancelled is not None and wait.cancelled.is_set():
            raise WaitCancelled
        if deadline is not None and time.monotonic() >= deadline:
            problem = permission_problem(path, lock.spec) if lock.tighten_mode else None
            holder = find_lock_holder(path)
            name, pid = (str(holder), holder.pid) if holder is not None else ("", 0)
            waited = format_duration(round((wait.timeout or 0.0) * NS_PER_S))
            raise LockTimeout(path, waited, name, pid, ": ".join(problem or ()))
        if wait.on_wait is not None:
            wait.on_wait(find_lock_holder(path), time.monotonic() - wait_start)
    if ticket.error is not None:
        raise LockUnusable(f"the lock {path} cannot be taken: {ticket.error.strerror}")


class _QueueTicket:
    """A place in the kernel's queue for the lock, which can be given up.

    The thread blocks on a duplicate of the waiter's descriptor. A flock(2) belongs to the open file, so a lock that is
    granted to the duplicate is the waiter's too. Then the thread closes the duplicate. If the waiter has closed its
    own descriptor by then, that was the last one, and the kernel releases the lock.
    """

    def __init__(self, fd: int) -> None:
        self.error: OSError | None = None
        self._fd = os.dup(fd)
        # A bare lock: a signal in the middle of `Event.wait` can raise "release unlocked lock".
        self._pending = threading.Lock()
        self._pending.acquire()
        with defer_interrupts(True):  # `start` waits for an event too
            threading.Thread(target=self._block, name="sanity-lock", daemon=True).start()

    def wait(self, timeout_s: float) -> bool:
        """Wait until the kernel has answered, for at most ``timeout_s`` seconds; return whether it has."""
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
    """Return whether a descriptor of a process has a lock on this inode; None if we may not look."""
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
    """Return a running process with a lock on this inode, or None."""
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        if _has_lock(pid, status):
            return LockHolder(pid, _process_name(pid))
    return None
