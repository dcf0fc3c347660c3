"""Following the live log by name: every line once, through rename, re-creation and truncation.

inotify tells when to look (0.1 ms); where there is none, the file is looked at every 50 ms.
What is read is decided by the file alone, so a missed or superfluous wake-up changes nothing.
"""

from __future__ import annotations

import os
import select
import time
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from threeam.core.errors import FileUnusable
from threeam.core.platform.portability import make_nonblocking_pipe
from threeam.core.store.journal import Journal, Position, ResumePoint, Segment
from threeam.core.store.reader import Line, lines_forward

if TYPE_CHECKING:
    from inotify_simple import INotify

_MAX_READ_BYTES = 4 * 1024 * 1024  # bytes read in one go at most, so that a burst costs bounded memory
_REMEMBERED_BYTES = 512 * 1024  # bytes of lines that are remembered: more than a stream writes in one go
MAX_POLL_S = 2.0  # s: who waits should look so often, since network file systems tell inotify nothing

_FILE_EVENTS = 0x2 | 0x4 | 0x800  # IN_MODIFY, IN_ATTRIB, IN_MOVE_SELF
_FOLDER_EVENTS = 0x100 | 0x80  # IN_CREATE, IN_MOVED_TO


class Follower:
    """Reads what is appended to ``journal`` after ``start`` (None: from the beginning).

    Rotated files are read one after the other, as their first lines link them; where one is not linked, or was
    truncated, the first line that is read of it says that there is a gap before it.
    `read` never blocks; `wait` does, and `wake` ends a wait from another thread. ``unfinished`` is
    the last line while it has no newline, ``restarts`` counts the truncations seen, and ``taken_back`` how often
    lines were cut off again that had been told, since the disk had no room for all of their block. A file that was
    renamed is let go once nothing has come into it for ``grace`` seconds.
    """

    def __init__(
        self, journal: Journal, start: ResumePoint | None, *, poll_interval_s: float = 0.05, grace_s: float = 2.0
    ) -> None:
        self.journal = journal
        self.unfinished: Line | None = None
        self.truncations = 0
        self.rollbacks = 0
        self._has_more = False  # whether the last read left something that no event will tell of
        self._resume_point = start
        self._previous: ResumePoint | None = (
            None  # the file before: a writer that opened it by its old name may go on there
        )
        self._previous_size, self._previous_changed_s, self._grace_s = 0, 0.0, grace_s
        self._recent_lines: deque[Line] = deque()
        self._recent_bytes = 0
        self._late_lines: list[Line] = []  # read of the file before, and not given out yet
        self._gap_reason = ""  # why lines may be missing before the next one
        self._searched_to = 0  # up to here there is no newline, in a line longer than a chunk
        self._watcher = _FileWatcher(journal.log_path, poll_interval_s)
        if start is not None:
            self._watcher.follow(start.segment)

    def read(self) -> list[Line]:
        """The lines that were finished since the last call; none is a fine answer. After an error, read again."""
        lines = self._read_current()
        late, self._late_lines = self._late_lines, []
        return late + lines

    def _read_current(self) -> list[Line]:
        at = self._resume_point
        self._watcher.mark_seen()
        named = self._replacement(at)  # before the drain: what is renamed after this look is drained next time
        self._has_more = named is not None
        if at is None:
            return [] if named is None else self._read_from(self._switch_to(self.journal.oldest_segment(named)))
        self._late_lines += self._read_predecessor()
        if not at.is_valid():
            stands = self._valid_prefix_end(at)
            if stands is not None:  # a block that had no room was cut back by its writer
                self.rollbacks += 1
                self._resume_point = at = ResumePoint.capture(at.segment, stands)
                self.unfinished, self._searched_to = None, 0
            else:  # truncated, and perhaps written anew
                self.truncations += 1
                self._gap_reason = "the log was truncated here"
                at.segment.invalidate_head()
                at = self._switch_to(at.segment)
        lines = self._read_from(at)
        if lines or named is None or not at.is_valid():
            return lines
        after = self.journal.successor(at.segment)
        self._late_lines += self._read_predecessor(final=True)
        self._previous, self._previous_size, self._previous_changed_s = self._resume_point, -1, time.monotonic()
        if after is None:
            self._gap_reason = "this file does not say that it continues the one before"
        return self._read_from(self._switch_to(after or named))

    @property
    def position(self) -> Position | None:
        """How far the journal has been read; None where there is none yet."""
        return None if self._resume_point is None else Position(self._resume_point.segment, self._resume_point.offset)

    def _read_from(self, point: ResumePoint) -> list[Line]:
        segment, begin = point.segment, point.offset
        if self._searched_to > begin and not self._is_line_finished(segment):
            return []
        lines = list(
            lines_forward(segment, begin, min(segment.size(), begin + _MAX_READ_BYTES))
        )  # no more room than needed
        if len(lines) == 1 and not lines[0].finished and lines[0].end - begin >= _MAX_READ_BYTES:
            whole = next(lines_forward(segment, begin))  # one line longer than a chunk: take it whole, or not yet
            if whole.finished:
                lines = [whole]
            else:
                self._searched_to = whole.end
        if lines and not point.is_valid():  # cut back since it was looked at: these may begin in the middle of a line
            self._has_more, self._searched_to = True, 0
            return []
        end = lines[-1].end if lines else begin
        self._has_more = self._has_more or (end - begin >= _MAX_READ_BYTES and self._searched_to <= begin)
        self.unfinished = lines.pop() if lines and not lines[-1].finished else None
        if lines:
            self._resume_point = ResumePoint.capture(segment, lines[-1].end)
            self._remember(lines)
            lines[0], self._gap_reason = lines[0]._replace(gap_reason=self._gap_reason), ""
        return lines

    def _remember(self, lines: list[Line]) -> None:
        """Keeps the last lines that were told, at least as many as one write of ours can be."""
        self._recent_lines.extend(lines)
        self._recent_bytes += sum(len(line.raw) for line in lines)
        while self._recent_bytes - len(self._recent_lines[0].raw) > _REMEMBERED_BYTES:
            self._recent_bytes -= len(self._recent_lines.popleft().raw)

    def _valid_prefix_end(self, point: ResumePoint) -> int | None:
        """Up to where what was told still stands, if only its end is gone; None if the file was truncated."""
        segment = point.segment
        if not point.fingerprint.matches_head(segment):
            return None
        told = [line for line in self._recent_lines if line.segment == segment]
        for line in reversed(told):
            ends = segment.read(line.end - 1, 1) == b"\n"
            if ends and segment.read(line.offset, len(line.raw)) == line.raw:
                return line.end
        first = (
            told[0].offset if told else point.offset
        )  # all that is remembered is gone: what came before it may not be
        if segment.size() >= first and (first == 0 or segment.read(first - 1, 1) == b"\n"):
            return first
        return None

    def _is_line_finished(self, segment: Segment) -> bool:
        """Whether the long line has its newline by now. Only what is new is looked at."""
        while data := segment.read(self._searched_to, _MAX_READ_BYTES):
            if b"\n" in data:
                self._searched_to = 0
                return True
            self._searched_to += len(data)
        return False

    def _read_predecessor(self, *, final: bool = False) -> list[Line]:
        """What came into the file before after it was left; ``last``: it is let go, and its unfinished line told."""
        left = self._previous
        if left is None:
            return []
        size, now = left.segment.size(), time.monotonic()
        if size != self._previous_size:
            self._previous_size, self._previous_changed_s = size, now
        elif now - self._previous_changed_s < self._grace_s and not final:
            return []
        else:
            final = True
        lines = list(lines_forward(left.segment, left.offset)) if size > left.offset else []
        if final:
            self._previous = None
            return lines
        if lines and not lines[-1].finished:
            lines.pop()
        if lines:
            self._previous = ResumePoint.capture(left.segment, lines[-1].end)
        return lines

    def _replacement(self, point: ResumePoint | None) -> Segment | None:
        """The file that has the log's name now, if it is another one than that of ``at``."""
        try:
            about = os.stat(self.journal.log_path)
        except OSError:
            return None
        if point is not None and (about.st_dev, about.st_ino) == point.segment.identity:
            return None
        try:
            return self.journal.open_live()
        except FileUnusable:  # just made, and not readable yet: the old one is followed meanwhile
            if point is None:
                raise
            return None

    def wait(self, timeout: float) -> bool:
        """Waits until there may be something to read (True), `wake`, or ``timeout`` seconds (False)."""
        return self._has_more or self._watcher.wait(timeout)

    def wake(self) -> None:
        """Ends a wait, from any thread."""
        self._watcher.wake()

    def close(self) -> None:
        """Gives the watches back."""
        self._watcher.close()

    def _switch_to(self, segment: Segment) -> ResumePoint:
        self._resume_point = at = ResumePoint.capture(segment, 0)
        self.unfinished, self._searched_to = None, 0
        self._watcher.follow(segment)
        return at


def batch_start(lines: Sequence[Line], end: Position) -> int:
    """From where on ``lines``, which a follower read up to ``end``, are those of its file: all before stands."""
    return next((line.offset for line in lines if line.segment == end.segment), end.offset)


class _FileWatcher:
    """Tells when a file, or the folder where its name is, may have changed."""

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
        self._previous_watch: int | None = None  # of the file before
        self._segment: Segment | None = None
        self._may_have_changed = False  # whether a watch was set that cannot have told what came before it
        self._seen_signature: tuple[int, ...] = ()

    def follow(self, segment: Segment) -> None:
        """Watches another file, through its descriptor: the name may mean yet another by now."""
        if segment == self._segment:
            return
        if self._previous_watch is not None and self._inotify is not None:
            try:
                self._inotify.rm_watch(self._previous_watch)
            except OSError:  # the kernel took it back with the file
                pass
        self._segment, self._previous_watch = segment, self._file_watch
        self._file_watch = self._add_watch(segment.inotify_path, _FILE_EVENTS)

    def mark_seen(self) -> None:
        """The caller is about to look: what changes after this is news."""
        self._may_have_changed = False
        if self._folder_watch is None:
            self._folder_watch = self._add_watch(os.path.dirname(self._path), _FOLDER_EVENTS)
            self._may_have_changed = False  # it is looked at after this
        if not self._covers_all_changes():
            self._seen_signature = self._file_signature()

    def wait(self, timeout: float) -> bool:
        """True when there may be news; False on `wake` or after ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        while not self._may_have_changed and (left := deadline - time.monotonic()) > 0:
            step = left if self._covers_all_changes() else min(left, self._poll_interval_s)
            ready = {fd for fd, _ in self._poller.poll(max(1, round(step * 1000)))}
            for fd in ready:
                os.read(fd, 65536)  # what the events say does not matter: the file decides
            if ready:
                return self._wake_read not in ready
            if not self._covers_all_changes() and self._file_signature() != self._seen_signature:
                return True
        return self._may_have_changed

    def wake(self) -> None:
        """Ends a wait, from any thread."""
        try:
            os.write(self._wake_write, b"w")
        except BlockingIOError:  # full of wake-ups already
            pass

    def close(self) -> None:
        """Gives everything back."""
        if self._inotify is not None:
            self._inotify.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _covers_all_changes(self) -> bool:
        """Whether inotify would tell of every change."""
        return self._folder_watch is not None and (self._segment is None or self._file_watch is not None)

    def _add_watch(self, path: str, events: int) -> int | None:
        if self._inotify is None:
            return None
        try:
            watch = int(self._inotify.add_watch(path, events))
        except OSError:  # not there, or no watch left: then polling has to do
            return None
        self._may_have_changed = True
        return watch

    def _file_signature(self) -> tuple[int, ...]:
        seen: list[int] = []
        for status in (lambda: os.stat(self._path), self._segment.fstat if self._segment is not None else None):
            try:
                about = status() if status is not None else None
            except OSError:
                about = None
            seen += [about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns] if about is not None else [0]
        return tuple(seen)


def _open_inotify() -> INotify | None:
    try:
        from inotify_simple import INotify  # Linux only

        return INotify()
    except (ImportError, OSError):  # no inotify here, or no instance of it left
        return None
