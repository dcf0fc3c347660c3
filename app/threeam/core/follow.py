"""Following the live log by name: every line once, through rename, re-creation and truncation.

inotify tells when to look (0.1 ms); where there is none, the file is looked at every 50 ms.
What is read is decided by the file alone, so a missed or superfluous wake-up changes nothing.
"""

from __future__ import annotations

import os
import select
import time

from threeam.core.journal import Anchor, Journal, Segment
from threeam.core.reader import Line, lines_forward

_CHUNK = 4 * 1024 * 1024  # bytes read in one go at most, so that a burst costs bounded memory
_LOOK_ANYWAY = 2.0  # seconds: network file systems tell inotify nothing of what others write


class Follower:
    """Reads what is appended to ``journal`` after ``start`` (None: from the beginning).

    `read` never blocks; `wait` does, and `wake` ends a wait from another thread. ``unfinished`` is
    the last line while it has no newline, and ``restarts`` counts the truncations seen.
    """

    def __init__(self, journal: Journal, start: Anchor | None, *, poll_interval: float = 0.05) -> None:
        self.journal = journal
        self.unfinished: Line | None = None
        self.restarts = 0
        self._at = start
        self._watch = _Watch(journal.log, poll_interval)
        if start is not None:
            self._watch.follow(start.segment)

    def read(self) -> list[Line]:
        """The lines that were finished since the last call; a bounded number, so call until empty."""
        named = self.journal.live()  # before the drain: what is renamed later is drained next time
        at = self._at
        if at is None:
            if named is None:
                return []
            at = self._move(named)
        elif not at.holds_in(at.segment):  # truncated, and perhaps written anew
            self.restarts += 1
            at = self._move(at.segment)
        lines = list(lines_forward(at.segment, at.offset, at.offset + _CHUNK))
        if not lines and named is not None and named != at.segment:
            return self._leave(named)
        self.unfinished = lines.pop() if lines and not lines[-1].finished else None
        while self.unfinished is not None and not lines and len(self.unfinished.raw) >= _CHUNK:
            self.unfinished = None  # one line longer than a chunk: take it whole
            lines = self._longer(at)
        if lines:
            self._at = Anchor.at(at.segment, lines[-1].end)
        elif named is not None and named != at.segment:
            return self._leave(named)
        return lines

    def wait(self, timeout: float) -> bool:
        """Waits until there may be something to read (True), `wake`, or ``timeout`` seconds (False)."""
        return self._watch.wait(timeout)

    def wake(self) -> None:
        """Ends a wait, from any thread."""
        self._watch.wake()

    def close(self) -> None:
        """Gives the watches back."""
        self._watch.close()

    def _move(self, segment: Segment) -> Anchor:
        self._at = at = Anchor(segment, 0, b"")
        self.unfinished = None
        self._watch.follow(segment)
        return at

    def _leave(self, named: Segment) -> list[Line]:
        """Goes on in the file that has the name now; what the old one left unfinished is shown."""
        last = [self.unfinished] if self.unfinished is not None else []
        self._move(named)
        return last or self.read()

    def _longer(self, at: Anchor) -> list[Line]:
        lines = list(lines_forward(at.segment, at.offset))
        if lines and not lines[-1].finished:
            self.unfinished = lines.pop()
        return lines


class _Watch:
    """Tells when a file, or the folder where its name is, may have changed."""

    def __init__(self, path: str, poll_interval: float) -> None:
        self._path = path
        self._poll_interval = poll_interval
        self._wake_read, self._wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._poll = select.poll()
        self._poll.register(self._wake_read, select.POLLIN)
        self._segment: Segment | None = None
        self._seen: tuple[int, ...] | None = None
        try:
            from inotify_simple import INotify, flags  # Linux only

            self._inotify: INotify | None = INotify()
            self._folder_mask = flags.CREATE | flags.MOVED_TO
            self._file_mask = flags.MODIFY | flags.ATTRIB | flags.MOVE_SELF
        except (ImportError, OSError):  # no inotify here, or no instance of it left
            self._inotify = None
        else:
            self._poll.register(self._inotify.fileno(), select.POLLIN)
        self._folder_watched = False
        self._file_watch: int | None = None

    def follow(self, segment: Segment) -> None:
        self._segment = segment
        if self._inotify is None:
            return
        if self._file_watch is not None:
            try:
                self._inotify.rm_watch(self._file_watch)
            except OSError:  # the kernel took it back with the file
                pass
        # through the descriptor: the name may mean another file by now
        self._file_watch = self._add(f"/proc/self/fd/{segment.fd}", self._file_mask)

    def wait(self, timeout: float) -> bool:
        deadline = time.monotonic() + timeout
        if not self._folder_watched:
            self._folder_watched = self._add(os.path.dirname(self._path), self._folder_mask) is not None
        told = self._folder_watched and (self._segment is None or self._file_watch is not None)
        step = _LOOK_ANYWAY if told else self._poll_interval
        while (left := deadline - time.monotonic()) > 0:
            ready = self._poll.poll(max(1, round(min(left, step) * 1000)))
            for fd, _ in ready:
                if fd == self._wake_read:
                    os.read(fd, 4096)
                    return False
            if ready and self._inotify is not None:
                self._inotify.read(timeout=0)
                return True
            if self._changed():
                return True
        return False

    def wake(self) -> None:
        try:
            os.write(self._wake_write, b"w")
        except BlockingIOError:  # full of wake-ups already
            pass

    def close(self) -> None:
        if self._inotify is not None:
            self._inotify.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _add(self, path: str, mask: int) -> int | None:
        if self._inotify is None:
            return None
        try:
            return int(self._inotify.add_watch(path, mask))
        except OSError:  # not there, or no watch left: then polling has to do
            return None

    def _changed(self) -> bool:
        """Whether the name, or the file that is followed, looks otherwise than it did last time."""
        seen = []
        for path in (self._path, f"/proc/self/fd/{self._segment.fd}" if self._segment else None):
            try:
                about = os.stat(path) if path else None
            except OSError:
                about = None
            seen += [about.st_dev, about.st_ino, about.st_size] if about else [0, 0, 0]
        before, self._seen = self._seen, tuple(seen)
        return before != self._seen
