"""Following the live log by name: every line once, through rename, re-creation and truncation.

A wake-up only starts a read of the file, so a missed or superfluous one changes no result.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Sequence

from threeam.core.errors import FileUnusable
from threeam.core.store.file_watcher import FileWatcher
from threeam.core.store.journal import Fingerprint, Journal, Position, ResumePoint, Segment
from threeam.core.store.reader import Line, lines_forward

_MAX_READ_BYTES = 4 * 1024 * 1024  # bytes of one read, so that a burst needs bounded memory
_FEW_BYTES = 8 * 1024  # bytes of a read that nearly always contains the few lines that were appended
_REMEMBERED_BYTES = 2 * 1024 * 1024  # bytes of recent lines; more than one write of a stream
MAX_POLL_S = 2.0  # s; the caller should read at least this often: inotify misses changes on network file systems


class Follower:
    """A reader of the lines that are appended to ``journal`` after ``start`` (None: from the beginning).

    Rotated files are read one after the other, as their first lines link them. The first line of a file that is not
    linked or was truncated has a ``gap_reason``. `read` never blocks; `wait` does, and `wake` ends a wait from another
    thread. A renamed file is released once nothing was appended to it for ``grace_s`` seconds.

    ``unfinished``: the last line while it has no newline. ``truncations``: those that were seen. ``rollbacks``: how
    often a writer removed lines that were already read, since the disk filled up within their block.
    """

    def __init__(
        self, journal: Journal, start: ResumePoint | None, *, poll_interval_s: float = 0.05, grace_s: float = 2.0
    ) -> None:
        self.journal = journal
        self.unfinished: Line | None = None
        self.truncations = 0
        self.rollbacks = 0
        self._has_more = False  # whether unread bytes remain that no event will report
        self._resume_point = start
        # In the file before the current one, to which a writer that opened it by its old name may still append.
        self._previous: ResumePoint | None = None
        self._previous_size, self._previous_changed_s, self._grace_s = 0, 0.0, grace_s
        self._recent_lines: deque[Line] = deque()
        self._recent_bytes = 0
        self._late_lines: list[Line] = []  # read from the previous file, and not returned yet
        self._gap_reason = ""  # why lines may be missing before the next one
        self._searched_to = 0  # in a line longer than one read: there is no newline up to here
        self._watcher = FileWatcher(journal.log_path, poll_interval_s)
        if start is not None:
            self._watcher.follow(start.segment)

    def read(self) -> list[Line]:
        """Return the lines that were finished since the last call, perhaps none. After an error, call it again."""
        lines = self._read_current()
        late_lines, self._late_lines = self._late_lines, []
        return late_lines + lines

    def _read_current(self) -> list[Line]:
        point = self._resume_point
        self._watcher.mark_seen()
        replacement = self._replacement(point)  # before reading: a file renamed after this is read to its end next time
        self._has_more = replacement is not None
        if point is None:
            if replacement is None:
                return []
            return self._read_from(self._switch_to(self.journal.oldest_segment(replacement)))
        if replacement is None and self._previous is None and (few_lines := self._read_few(point)):
            return few_lines
        self._late_lines += self._read_predecessor()
        if not point.is_valid():
            valid_end = self._valid_prefix_end(point)
            if valid_end is not None:  # the writer removed a block for which there was no space
                self.rollbacks += 1
                self._resume_point = point = ResumePoint.capture(point.segment, valid_end)
                self.unfinished, self._searched_to = None, 0
            else:  # truncated, and perhaps rewritten
                self.truncations += 1
                self._gap_reason = "the log was truncated here"
                point.segment.invalidate_head()
                point = self._switch_to(point.segment)
        lines = self._read_from(point)
        if lines or replacement is None or not point.is_valid():
            return lines
        successor = self.journal.successor(point.segment)
        self._late_lines += self._read_predecessor(final=True)
        self._previous, self._previous_size, self._previous_changed_s = self._resume_point, -1, time.monotonic()
        if successor is None:
            self._gap_reason = "this file does not say that it continues the one before"
        return self._read_from(self._switch_to(successor or replacement))

    @property
    def position(self) -> Position | None:
        """The position up to which the journal was read; None if there is no log yet."""
        return None if self._resume_point is None else Position(self._resume_point.segment, self._resume_point.offset)

    @property
    def fingerprint(self) -> Fingerprint | None:
        """The fingerprint of the file at `position`; None if there is no log yet."""
        return None if self._resume_point is None else self._resume_point.fingerprint

    def _read_few(self, point: ResumePoint) -> list[Line]:
        """Return the lines after ``point`` if they are few and whole, the usual case; else [], which says nothing.

        This needs half as many system calls as `_read_from`. The file is checked after the read: if it has the bytes
        before ``point`` then, it had them during the read.
        """
        segment, begin = point.segment, point.offset
        data = segment.read(begin, _FEW_BYTES)
        if not begin or len(data) == _FEW_BYTES or data[-1:] != b"\n" or b"\r" in data or not point.is_valid():
            return []
        lines, offset = list[Line](), begin
        for raw in data[:-1].split(b"\n"):
            lines.append(Line(segment, offset, raw, gap_reason="" if lines else self._gap_reason))
            offset += len(raw) + 1
        self._resume_point = ResumePoint(segment, point.fingerprint.extend(data))
        self._gap_reason, self.unfinished, self._searched_to = "", None, 0
        self._remember(lines)
        return lines

    def _read_from(self, point: ResumePoint) -> list[Line]:
        segment, begin = point.segment, point.offset
        if self._searched_to > begin and not self._is_line_finished(segment):
            return []
        read_end = min(segment.size(), begin + _MAX_READ_BYTES)  # the size: it saves memory if there is little to read
        lines = list(lines_forward(segment, begin, read_end))
        if len(lines) == 1 and not lines[0].finished and lines[0].end - begin >= _MAX_READ_BYTES:
            long_line = next(lines_forward(segment, begin))  # longer than one read: it is returned once it is finished
            if long_line.finished:
                lines = [long_line]
            else:
                self._searched_to = long_line.end
        if lines and not point.is_valid():  # truncated meanwhile: these may begin in the middle of a line
            self._has_more, self._searched_to = True, 0
            return []
        end = lines[-1].end if lines else begin
        self._has_more = self._has_more or (end - begin >= _MAX_READ_BYTES and self._searched_to <= begin)
        self.unfinished = lines.pop() if lines and not lines[-1].finished else None
        if lines:
            read_to, last = ResumePoint.capture(segment, lines[-1].end), lines[-1]
            if not last.omitted_bytes and not read_to.fingerprint.ends_with(last.raw + last.line_end):
                self._has_more, self.unfinished, self._searched_to = True, None, 0  # cut off, and replaced by others
                return []
            self._resume_point = read_to
            self._remember(lines)
            lines[0], self._gap_reason = lines[0]._replace(gap_reason=self._gap_reason), ""
        return lines

    def _remember(self, lines: list[Line]) -> None:
        """Remember the last lines that were returned: at least as many bytes as one write of a writer."""
        self._recent_lines.extend(lines)
        self._recent_bytes += sum(len(line.raw) for line in lines)
        while self._recent_bytes - len(self._recent_lines[0].raw) > _REMEMBERED_BYTES:
            self._recent_bytes -= len(self._recent_lines.popleft().raw)

    def _valid_prefix_end(self, point: ResumePoint) -> int | None:
        """Return the end of the lines that are still in the file, if only the last ones were removed, else None."""
        segment = point.segment
        if not point.fingerprint.matches_head(segment):
            return None
        recent_lines = [line for line in self._recent_lines if line.segment == segment]
        for line in reversed(recent_lines):
            is_finished = segment.read(line.end - 1, 1) == b"\n"
            if is_finished and segment.read(line.offset, len(line.raw)) == line.raw:
                return line.end
        # All remembered lines are gone; the ones before them may still be in the file.
        first = recent_lines[0].offset if recent_lines else point.offset
        if segment.size() >= first and (first == 0 or segment.read(first - 1, 1) == b"\n"):
            return first
        return None

    def _is_line_finished(self, segment: Segment) -> bool:
        """Return whether the long line has its newline by now. Only new bytes are searched."""
        while data := segment.read(self._searched_to, _MAX_READ_BYTES):
            if b"\n" in data:
                self._searched_to = 0
                return True
            self._searched_to += len(data)
        return False

    def _read_predecessor(self, *, final: bool = False) -> list[Line]:
        """Return the lines that were appended to the previous file after it was renamed.

        ``final``: release the file, and include its unfinished line.
        """
        point = self._previous
        if point is None:
            return []
        size, now = point.segment.size(), time.monotonic()
        if size != self._previous_size:
            self._previous_size, self._previous_changed_s = size, now
        elif now - self._previous_changed_s < self._grace_s and not final:
            return []
        else:
            final = True
        lines = list(lines_forward(point.segment, point.offset)) if size > point.offset else []
        if final:
            self._previous = None
            return lines
        if lines and not lines[-1].finished:
            lines.pop()
        if lines:
            self._previous = ResumePoint.capture(point.segment, lines[-1].end)
        return lines

    def _replacement(self, point: ResumePoint | None) -> Segment | None:
        """Return the file with the log's name if it is not that of ``point``; None also if no file has the name."""
        try:
            status = os.stat(self.journal.log_path)
        except OSError:
            return None
        if point is not None and (status.st_dev, status.st_ino) == point.segment.identity:
            return None
        try:
            return self.journal.open_live()
        except FileUnusable:  # just created, and not readable yet: follow the old one meanwhile
            if point is None:
                raise
            return None

    def wait(self, timeout: float) -> bool:
        """Wait until there may be lines to read (True), or until `wake` or ``timeout`` seconds (False)."""
        return self._has_more or self._watcher.wait(timeout)

    def wake(self) -> None:
        """End a wait, from any thread."""
        self._watcher.wake()

    def close(self) -> None:
        """Close the watches. The follower must not be used after this."""
        self._watcher.close()

    def _switch_to(self, segment: Segment) -> ResumePoint:
        self._resume_point = point = ResumePoint.capture(segment, 0)
        self.unfinished, self._searched_to = None, 0
        self._watcher.follow(segment)
        return point


def batch_start(lines: Sequence[Line], end: Position) -> int:
    """Return the offset of the first of ``lines`` in the file of ``end``, up to which a follower has read them."""
    return next((line.offset for line in lines if line.segment == end.segment), end.offset)
