"""Following a log of another program by name: its new lines, through rotation, truncation and removal."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from itertools import islice

from threeam.core.errors import BadInput, FileUnusable
from threeam.core.format.entry import NS_PER_S, escape_unprintable
from threeam.core.store.chain import Chain
from threeam.core.store.follow import Follower
from threeam.core.store.journal import Journal, ResumePoint
from threeam.core.store.reader import Line, last_line_end
from threeam.timeline.instant import Timestamp
from threeam.timeline.source import FIRST_NS, PlacedLine, Source
from threeam.timeline.spool import Spool

_DATE_STEP_NS = 600 * NS_PER_S  # how far a missing date may lag behind the clock
_GONE_S = 1.0  # a path has no file for a moment while a log is rotated
_MAX_SAMPLES = 200  # lines in which a format is looked for as they come


class SourceFollower:
    """Reads the lines that are appended to the file of ``source`` after its end.

    `read` never blocks. Another thread may call `wake` to end a `wait`. ``source``: the one that new lines belong to.
    After a rotation or a truncation it is another one, with the same name and the next file. ``problem``: a sentence
    about a file that is gone or cannot be read, or "".
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.problem = ""
        self._gone_since_s: float | None = None  # when the path was first seen without a file
        self._refusal = ""  # why no format was found
        self._dated_ns = source.file.modified_ns  # the time from which missing dates follow
        self._previous: Source | None = None  # to its file, renamed by now, lines may still be appended
        self._path = source.segment.path
        self._real_path = source.file.followed_path
        source.end = last_line_end(source.segment, source.end)  # a line without a newline is read when it has one
        self._follower = self._follow(self._real_path, ResumePoint.capture(source.segment, source.end))
        lines = source.lines_in_file_order(0) if source.detection is None else iter(())
        self._samples = [placed.line.raw for placed in islice(lines, _MAX_SAMPLES)]  # of a file without a format
        last = next(source.lines_in_file_order_backward(source.end), None)
        self._timestamp: Timestamp | None = last.timestamp if last is not None else None  # of the entry that may go on

    def read(self) -> list[PlacedLine]:
        """Return the lines that were finished since the last call, in file order; perhaps none."""
        try:
            lines = self._follower.read()
            self.problem = self._describe_problem()
        except (OSError, FileUnusable) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            self.problem = f"{escape_unprintable(self._path)} cannot be read: {reason}"
            return []
        placed = self._place(lines)
        if not lines and self._feed is None:
            self._follow_symlink()
        return placed

    def wait(self, timeout_s: float) -> bool:
        """Wait until there may be lines to read (True), or until `wake` or the timeout (False)."""
        return self._follower.wait(timeout_s)

    def wake(self) -> None:
        """End a wait, from any thread."""
        self._follower.wake()

    def close(self) -> None:
        """Close the watches."""
        self._follower.close()

    @property
    def _feed(self) -> Spool | Journal | None:
        """The source of new lines, if that is not the file with the path."""
        file = self.source.file
        return file.spool if file.spool is not None else file.followed_journal

    def _describe_problem(self) -> str:
        if self._refusal:
            return self._refusal
        if self._feed is not None:
            return self._feed.problem
        if os.path.isfile(self._path):
            self._gone_since_s = None
            return ""
        if os.path.exists(self._path):
            return f"{escape_unprintable(self._path)} is not a regular file any more"
        now_s = time.monotonic()
        self._gone_since_s = self._gone_since_s or now_s
        is_gone = now_s - self._gone_since_s >= _GONE_S  # else it is being rotated
        return f"{escape_unprintable(self._path)} is gone" if is_gone else ""

    def _follow_symlink(self) -> None:
        """Follow another file if the path is a symlink and leads to another file by now."""
        real_path = os.path.realpath(self._path)
        if real_path != self._real_path:
            self._real_path = real_path
            self._follower.close()
            self._follower = self._follow(real_path, None)

    def _follow(self, path: str, start: ResumePoint | None) -> Follower:
        journal = self.source.file.followed_journal or Journal(path, f"{path}.lock", None, Chain(path))
        return Follower(journal, start)

    def _place(self, lines: Sequence[Line]) -> list[PlacedLine]:
        self._detect_format(lines)
        self._advance_date()
        placed = [self._place_line(line) for line in lines]
        for source in {line.source for line in placed}:
            if source.index is not None:
                for _ in source.index.scan(source.end):
                    pass
        return [self._with_lateness(line) for line in placed]

    def _detect_format(self, lines: Sequence[Line]) -> None:
        """Find the format of a file that had few lines or none when it was opened."""
        if self.source.detection is None and len(self._samples) < _MAX_SAMPLES and lines:
            self._samples += [line.raw for line in lines[:_MAX_SAMPLES]]
            try:
                self.source.detection = self.source.detector(self._samples)
            except BadInput as refused:  # it is shown without times
                self._refusal = str(refused)
            self.source.make_index()

    def _advance_date(self) -> None:
        """Let timestamps without a date be of today: the file is written now."""
        detection, now_ns = self.source.detection, time.time_ns()
        if detection is None or not detection.reader.misses_date or now_ns - self._dated_ns < _DATE_STEP_NS:
            return
        self._dated_ns = now_ns
        self.source.detection = detection._replace(reader=detection.reader.with_modified(now_ns))

    def _place_line(self, line: Line) -> PlacedLine:
        source = self._source_of(line)
        if line.gap_reason and self._previous is not None and line.segment != self._previous.segment:
            line = line._replace(gap_reason="")  # a rotation: the file before was read to its end
        own = source.read_timestamp(line)
        self._timestamp = own if own is not None else self._timestamp
        source.end = line.end
        if self._timestamp is None:
            return PlacedLine(line, source, None, FIRST_NS)
        ns = self._timestamp.ns + source.correction.shift_ns
        return PlacedLine(line, source, self._timestamp, ns, is_continuation=own is None)

    def _source_of(self, line: Line) -> Source:
        """Return the source of a new line: that of its file, or a new one for the next file."""
        for source in (self.source, self._previous):
            if source is not None and line.segment == source.segment and line.offset >= source.end:
                return source
        self._previous, self.source = self.source, self.source.continued_in(line.segment)
        return self.source

    def _with_lateness(self, placed: PlacedLine) -> PlacedLine:
        index = placed.source.index
        lateness_ns = index.late.lateness_at(placed.line.offset) if index is not None else 0
        return placed._replace(lateness_ns=lateness_ns) if lateness_ns else placed
