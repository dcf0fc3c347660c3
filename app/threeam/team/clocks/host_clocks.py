"""The measured clocks of the other hosts, in files: the timeline takes the bound of a mirror's lines from these.

<log>.d/team/<origin>.clock     one line for each part of the measured time; the last one is replaced as it grows
"""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from threeam.core.errors import FileUnusable
from threeam.core.platform.folders import SAFE_OPEN_FLAGS
from threeam.core.platform.whole_write import write_all, write_all_at
from threeam.core.store.attachments import open_own_dir
from threeam.core.store.journal import Journal
from threeam.team.clocks.clock_offset import Offset, Span
from threeam.team.messages.position import is_origin_id
from threeam.team.team_status import status_dir
from threeam.timeline.align import correction_between
from threeam.timeline.instant import ClockCorrection

_DIGITS = 20
_LINE_BYTES = 4 * (_DIGITS + 1)
_LINE = re.compile(rb" *(-?\d{1,20})" * 4)
_MAX_READ_BYTES = 12_000 * _LINE_BYTES  # those of twelve weeks without a pause


class HostClock(NamedTuple):
    """The measurements of the clock of a host. ``spans`` are in their order."""

    spans: tuple[Span, ...]

    def correction(self, begin_ns: int, end_ns: int) -> ClockCorrection:
        """Return what brings stamps of that host, from ``begin_ns`` to ``end_ns``, to the clock of this host.

        At times at which nothing was measured, the clocks are assumed to have drifted, and not to have been stepped.
        """
        # A span by the other clock: that was between low and high ahead.
        measured = sorted((begin + offset.low_ns, end + offset.high_ns, offset) for begin, end, offset in self.spans)
        if not measured:
            return ClockCorrection(0, None)
        used = [each for each in measured if each[0] <= end_ns and begin_ns <= each[1]]
        used = used or [min(measured, key=lambda each: max(each[0] - end_ns, begin_ns - each[1]))]
        first_ns, reached_ns, offset = used[0]
        unmeasured_ns = max(1, first_ns - begin_ns)  # 1: a stamp is rounded to a nanosecond
        for next_begin_ns, next_end_ns, next_offset in used[1:]:
            unmeasured_ns = max(unmeasured_ns, next_begin_ns - reached_ns)
            reached_ns = max(reached_ns, next_end_ns)
            offset = offset.hull(next_offset)
        offset = offset.widened(max(unmeasured_ns, end_ns - reached_ns))
        return correction_between(-offset.high_ns, -offset.low_ns)


def clock_path(journal: Journal, origin_id: str) -> str:
    """Return the path of the file with what was measured of the clock of an origin."""
    return os.path.join(status_dir(journal), _name(origin_id))


def clock_of(journal: Journal, origin_id: str) -> HostClock:
    """Return what was measured of the clock of an origin; without spans if nothing was. Raises `FileUnusable`."""
    try:
        with open_own_dir(status_dir(journal)) as dir_fd:
            fd = os.open(_name(origin_id), os.O_RDONLY | SAFE_OPEN_FLAGS, dir_fd=dir_fd)
    except FileNotFoundError:
        return HostClock(())
    except OSError as error:
        raise FileUnusable(f"{clock_path(journal, origin_id)} cannot be read: {error.strerror}") from None
    try:
        size = os.fstat(fd).st_size
        lines = os.pread(fd, _MAX_READ_BYTES, max(0, size - _MAX_READ_BYTES)).splitlines()
    finally:
        os.close(fd)
    spans = []
    for line in lines[size > _MAX_READ_BYTES :]:
        if match := _LINE.fullmatch(line):
            begin_ns, end_ns, low_ns, high_ns = (int(text) for text in match.groups())
            spans.append(Span(begin_ns, end_ns, Offset(low_ns, high_ns)))
    return HostClock(tuple(spans))


class ClockFile:
    """The file with what this process measures of the clock of an origin."""

    def __init__(self, journal: Journal, origin_id: str) -> None:
        self._folder = status_dir(journal)
        self._name = _name(origin_id)
        self._begin_ns: int | None = None
        self._place = 0  # of the line of the span that begins there

    def write(self, span: Span) -> None:
        """Write ``span`` in place of the last one if it begins at the same time, else after it. Raises OSError."""
        line = b"%s\n" % b" ".join(b"%*d" % (_DIGITS, number) for number in (span.begin_ns, span.end_ns, *span.offset))
        is_new = span.begin_ns != self._begin_ns
        flags = os.O_RDWR | os.O_CREAT | SAFE_OPEN_FLAGS | (os.O_APPEND if is_new else 0)
        with open_own_dir(self._folder) as dir_fd:
            fd = os.open(self._name, flags, 0o600, dir_fd=dir_fd)
        try:
            if is_new:  # another process, of another night, may append to the same file
                write_all(fd, _end_of_torn_line(fd) + line)
                self._place, self._begin_ns = os.lseek(fd, 0, os.SEEK_CUR) - len(line), span.begin_ns
            else:
                write_all_at(fd, line, self._place)
        finally:
            os.close(fd)


def _end_of_torn_line(fd: int) -> bytes:
    """Return what ends a last line of which a full disk has only taken a part."""
    size = os.fstat(fd).st_size
    return b"\n" if size and os.pread(fd, 1, size - 1) != b"\n" else b""


def _name(origin_id: str) -> str:
    assert is_origin_id(origin_id)
    return f"{origin_id}.clock"
