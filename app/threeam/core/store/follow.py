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

from threeam.core.errors import Unusable
from threeam.core.platform.portability import nonblocking_pipe
from threeam.core.store.journal import Anchor, Journal, Position, Segment
from threeam.core.store.reader import Line, lines_forward

if TYPE_CHECKING:
    from inotify_simple import INotify

_CHUNK = 4 * 1024 * 1024  # bytes read in one go at most, so that a burst costs bounded memory
_TOLD = 512 * 1024  # bytes of lines that are remembered: more than a stream writes in one go
LOOK_ANYWAY = 2.0  # s: who waits should look so often, since network file systems tell inotify nothing

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
        self, journal: Journal, start: Anchor | None, *, poll_interval: float = 0.05, grace: float = 2.0
    ) -> None:
        self.journal = journal
        self.unfinished: Line | None = None
        self.restarts = 0
        self.taken_back = 0
        self._more = False  # whether the last read left something that no event will tell of
        self._at = start
        self._left: Anchor | None = None  # the file before: a writer that opened it by its old name may go on there
        self._left_size, self._left_at, self._grace = 0, 0.0, grace
        self._told: deque[Line] = deque()
        self._told_bytes = 0
        self._late_lines: list[Line] = []  # read of the file before, and not given out yet
        self._gap = ""  # why lines may be missing before the next one
        self._searched = 0  # up to here there is no newline, in a line longer than a chunk
        self._watch = _Watch(journal.log, poll_interval)
        if start is not None:
            self._watch.follow(start.segment)

    def read(self) -> list[Line]:
        """The lines that were finished since the last call; none is a fine answer. After an error, read again."""
        lines = self._read()
        late, self._late_lines = self._late_lines, []
        return late + lines

    def _read(self) -> list[Line]:
        at = self._at
        self._watch.looked()
        named = self._named(at)  # before the drain: what is renamed after this look is drained next time
        self._more = named is not None
        if at is None:
            return [] if named is None else self._read_from(self._move(self.journal.oldest(named)))
        self._late_lines += self._late()
        if not at.holds():
            stands = self._stands_to(at)
            if stands is not None:  # a block that had no room was cut back by its writer
                self.taken_back += 1
                self._at = at = Anchor.at(at.segment, stands)
                self.unfinished, self._searched = None, 0
            else:  # truncated, and perhaps written anew
                self.restarts += 1
                self._gap = "the log was truncated here"
                at.segment.forget_head()
                at = self._move(at.segment)
        lines = self._read_from(at)
        if lines or named is None or not at.holds():
            return lines
        after = self.journal.successor(at.segment)
        self._late_lines += self._late(last=True)
        self._left, self._left_size, self._left_at = self._at, -1, time.monotonic()
        if after is None:
            self._gap = "this file does not say that it continues the one before"
        return self._read_from(self._move(after or named))

    @property
    def position(self) -> Position | None:
        """How far the journal has been read; None where there is none yet."""
        return None if self._at is None else Position(self._at.segment, self._at.offset)

    def _read_from(self, at: Anchor) -> list[Line]:
        segment, begin = at.segment, at.offset
        if self._searched > begin and not self._ends(segment):
            return []
        lines = list(lines_forward(segment, begin, min(segment.size(), begin + _CHUNK)))  # no more room than needed
        if len(lines) == 1 and not lines[0].finished and lines[0].end - begin >= _CHUNK:
            whole = next(lines_forward(segment, begin))  # one line longer than a chunk: take it whole, or not yet
            if whole.finished:
                lines = [whole]
            else:
                self._searched = whole.end
        if lines and not at.holds():  # cut back since it was looked at: these may begin in the middle of a line
            self._more, self._searched = True, 0
            return []
        end = lines[-1].end if lines else begin
        self._more = self._more or (end - begin >= _CHUNK and self._searched <= begin)
        self.unfinished = lines.pop() if lines and not lines[-1].finished else None
        if lines:
            self._at = Anchor.at(segment, lines[-1].end)
            self._remember(lines)
            lines[0], self._gap = lines[0]._replace(gap=self._gap), ""
        return lines

    def _remember(self, lines: list[Line]) -> None:
        """Keeps the last lines that were told, at least as many as one write of ours can be."""
        self._told.extend(lines)
        self._told_bytes += sum(len(line.raw) for line in lines)
        while self._told_bytes - len(self._told[0].raw) > _TOLD:
            self._told_bytes -= len(self._told.popleft().raw)

    def _stands_to(self, at: Anchor) -> int | None:
        """Up to where what was told still stands, if only its end is gone; None if the file was truncated."""
        segment = at.segment
        if not at.mark.same_beginning(segment):
            return None
        told = [line for line in self._told if line.segment == segment]
        for line in reversed(told):
            ends = segment.read(line.end - 1, 1) == b"\n"
            if ends and segment.read(line.offset, len(line.raw)) == line.raw:
                return line.end
        first = told[0].offset if told else at.offset  # all that is remembered is gone: what came before it may not be
        if segment.size() >= first and (first == 0 or segment.read(first - 1, 1) == b"\n"):
            return first
        return None

    def _ends(self, segment: Segment) -> bool:
        """Whether the long line has its newline by now. Only what is new is looked at."""
        while data := segment.read(self._searched, _CHUNK):
            if b"\n" in data:
                self._searched = 0
                return True
            self._searched += len(data)
        return False

    def _late(self, *, last: bool = False) -> list[Line]:
        """What came into the file before after it was left; ``last``: it is let go, and its unfinished line told."""
        left = self._left
        if left is None:
            return []
        size, now = left.segment.size(), time.monotonic()
        if size != self._left_size:
            self._left_size, self._left_at = size, now
        elif now - self._left_at < self._grace and not last:
            return []
        else:
            last = True
        lines = list(lines_forward(left.segment, left.offset)) if size > left.offset else []
        if last:
            self._left = None
            return lines
        if lines and not lines[-1].finished:
            lines.pop()
        if lines:
            self._left = Anchor.at(left.segment, lines[-1].end)
        return lines

    def _named(self, at: Anchor | None) -> Segment | None:
        """The file that has the log's name now, if it is another one than that of ``at``."""
        try:
            about = os.stat(self.journal.log)
        except OSError:
            return None
        if at is not None and (about.st_dev, about.st_ino) == at.segment.identity:
            return None
        try:
            return self.journal.live()
        except Unusable:  # just made, and not readable yet: the old one is followed meanwhile
            if at is None:
                raise
            return None

    def wait(self, timeout: float) -> bool:
        """Waits until there may be something to read (True), `wake`, or ``timeout`` seconds (False)."""
        return self._more or self._watch.wait(timeout)

    def wake(self) -> None:
        """Ends a wait, from any thread."""
        self._watch.wake()

    def close(self) -> None:
        """Gives the watches back."""
        self._watch.close()

    def _move(self, segment: Segment) -> Anchor:
        self._at = at = Anchor.at(segment, 0)
        self.unfinished, self._searched = None, 0
        self._watch.follow(segment)
        return at


def told_from(lines: Sequence[Line], end: Position) -> int:
    """From where on ``lines``, which a follower read up to ``end``, are those of its file: all before stands."""
    return next((line.offset for line in lines if line.segment == end.segment), end.offset)


class _Watch:
    """Tells when a file, or the folder where its name is, may have changed."""

    def __init__(self, path: str, poll_interval: float) -> None:
        self._path = path
        self._poll_interval = poll_interval
        self._wake_read, self._wake_write = nonblocking_pipe()
        self._poll = select.poll()
        self._poll.register(self._wake_read, select.POLLIN)
        self._inotify = _inotify()
        if self._inotify is not None:
            self._poll.register(self._inotify.fileno(), select.POLLIN)
        self._folder_watch: int | None = None
        self._file_watch: int | None = None
        self._left_watch: int | None = None  # of the file before
        self._segment: Segment | None = None
        self._news = False  # whether a watch was set that cannot have told what came before it
        self._looked_at: tuple[int, ...] = ()

    def follow(self, segment: Segment) -> None:
        """Watches another file, through its descriptor: the name may mean yet another by now."""
        if segment == self._segment:
            return
        if self._left_watch is not None and self._inotify is not None:
            try:
                self._inotify.rm_watch(self._left_watch)
            except OSError:  # the kernel took it back with the file
                pass
        self._segment, self._left_watch = segment, self._file_watch
        self._file_watch = self._add(segment.watchable, _FILE_EVENTS)

    def looked(self) -> None:
        """The caller is about to look: what changes after this is news."""
        self._news = False
        if self._folder_watch is None:
            self._folder_watch = self._add(os.path.dirname(self._path), _FOLDER_EVENTS)
            self._news = False  # it is looked at after this
        if not self._tells():
            self._looked_at = self._look()

    def wait(self, timeout: float) -> bool:
        """True when there may be news; False on `wake` or after ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        while not self._news and (left := deadline - time.monotonic()) > 0:
            step = left if self._tells() else min(left, self._poll_interval)
            ready = {fd for fd, _ in self._poll.poll(max(1, round(step * 1000)))}
            for fd in ready:
                os.read(fd, 65536)  # what the events say does not matter: the file decides
            if ready:
                return self._wake_read not in ready
            if not self._tells() and self._look() != self._looked_at:
                return True
        return self._news

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

    def _tells(self) -> bool:
        """Whether inotify would tell of every change."""
        return self._folder_watch is not None and (self._segment is None or self._file_watch is not None)

    def _add(self, path: str, events: int) -> int | None:
        if self._inotify is None:
            return None
        try:
            watch = int(self._inotify.add_watch(path, events))
        except OSError:  # not there, or no watch left: then polling has to do
            return None
        self._news = True
        return watch

    def _look(self) -> tuple[int, ...]:
        seen: list[int] = []
        for status in (lambda: os.stat(self._path), self._segment.status if self._segment is not None else None):
            try:
                about = status() if status is not None else None
            except OSError:
                about = None
            seen += [about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns] if about is not None else [0]
        return tuple(seen)


def _inotify() -> INotify | None:
    try:
        from inotify_simple import INotify  # Linux only

        return INotify()
    except (ImportError, OSError):  # no inotify here, or no instance of it left
        return None
