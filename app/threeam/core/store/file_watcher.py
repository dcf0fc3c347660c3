"""Waiting for a change of a log: inotify(7) reports it within 0.1 ms; without it, the file is polled."""

from __future__ import annotations

import os
import select
import time
from typing import TYPE_CHECKING

from threeam.core.platform.portability import make_nonblocking_pipe
from threeam.core.store.segment import Segment

if TYPE_CHECKING:
    from inotify_simple import INotify

_FILE_EVENTS = 0x2 | 0x4 | 0x800  # IN_MODIFY, IN_ATTRIB, IN_MOVE_SELF
_FOLDER_EVENTS = 0x100 | 0x80  # IN_CREATE, IN_MOVED_TO


class FileWatcher:
    """A watch that reports when a file, or the folder of its name, may have changed."""

    def __init__(self, path: str, poll_interval_s: float) -> None:
        self._path = path
        self._poll_interval_s = poll_interval_s
        self._wake_read, self._wake_write = make_nonblocking_pipe()
        self._poller = select.poll()
        self._poller.register(self._wake_read, select.POLLIN)
        self._inotify = _open_inotify()
        if self._inotify is not None:
            self._poller.register(self._inotify.fileno(), select.POLLIN)
        self._folder_watch: int | None = None
        self._file_watch: int | None = None
        self._previous_watch: int | None = None  # of the previous file
        self._segment: Segment | None = None
        self._may_have_changed = False  # whether a watch is new, so that it missed earlier changes
        self._seen_signature: tuple[int, ...] = ()

    def follow(self, segment: Segment) -> None:
        """Watch another file, by its descriptor, since another file may have its name."""
        if segment == self._segment:
            return
        if self._previous_watch is not None and self._inotify is not None:
            try:
                self._inotify.rm_watch(self._previous_watch)
            except OSError:  # the kernel removed the watch with the file
                pass
        self._segment, self._previous_watch = segment, self._file_watch
        self._file_watch = self._add_watch(segment.inotify_path, _FILE_EVENTS)

    def mark_seen(self) -> None:
        """Note that the caller reads the file next: only later changes are reported."""
        self._may_have_changed = False
        if self._folder_watch is None:
            self._folder_watch = self._add_watch(os.path.dirname(self._path), _FOLDER_EVENTS)
            self._may_have_changed = False  # the caller reads after this
        if not self._covers_all_changes():
            self._seen_signature = self._file_signature()

    def wait(self, timeout: float) -> bool:
        """Return True when something may have changed, False on `wake` or after ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        while not self._may_have_changed and (remaining_s := deadline - time.monotonic()) > 0:
            step_s = remaining_s if self._covers_all_changes() else min(remaining_s, self._poll_interval_s)
            ready = {fd for fd, _ in self._poller.poll(max(1, round(step_s * 1000)))}
            for fd in ready:
                os.read(fd, 4096)  # the events themselves do not matter, since the file is read
            if ready:
                return self._wake_read not in ready
            if not self._covers_all_changes() and self._file_signature() != self._seen_signature:
                return True
        return self._may_have_changed

    def wake(self) -> None:
        """End a wait, from any thread."""
        try:
            os.write(self._wake_write, b"w")
        except BlockingIOError:  # the pipe is full of wake-ups
            pass

    def close(self) -> None:
        """Close inotify and the pipe."""
        if self._inotify is not None:
            self._inotify.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _covers_all_changes(self) -> bool:
        """Return whether inotify reports every change."""
        return self._folder_watch is not None and (self._segment is None or self._file_watch is not None)

    def _add_watch(self, path: str, events: int) -> int | None:
        if self._inotify is None:
            return None
        try:
            watch = int(self._inotify.add_watch(path, events))
        except OSError:  # it does not exist, or the limit of watches is reached: poll instead
            return None
        self._may_have_changed = True
        return watch

    def _file_signature(self) -> tuple[int, ...]:
        """Return values that change with the named file or the watched one."""
        status_readers = [lambda: os.stat(self._path), *([self._segment.fstat] if self._segment is not None else [])]
        signature: list[int] = []
        for read_status in status_readers:
            try:
                status = read_status()
            except OSError:
                signature.append(0)
            else:
                signature += [status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns]
        return tuple(signature)


def _open_inotify() -> INotify | None:
    try:
        from inotify_simple import INotify  # Linux only

        return INotify()
    except (ImportError, OSError):  # no inotify on this system, or the limit of its instances is reached
        return None
