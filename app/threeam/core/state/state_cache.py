"""The state of the log that a writer keeps between two holds of the lock."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from threeam.core.format.entry import Entry
from threeam.core.state.fold import CORE_FOLD, Fold, State
from threeam.core.store.journal import Fingerprint, Segment
from threeam.core.store.reader import CHUNK_BYTES, last_active_entry, last_entry, last_line_end, matching_lines_backward

TRUNCATION_WARNING = b"] WARNING: Log truncated by another program: "  # and the number of missing bytes
_DISK_WARNING = re.compile(rb"\] \[DISK: \d+\] WARNING: ")


class KnownState(NamedTuple):
    """The full state of a file up to an offset, and the fingerprint of the file there. Threads may share it."""

    fingerprint: Fingerprint
    state: State


class StateCache:
    """The state that a writer has read so far, so that under the lock it reads only newer lines.

    ``durable_name``: the device and inode of the file whose name is known to be on the disk. ``offered``: the full
    state that another reader of this process has; it is used if it is of a later offset than the own one.
    """

    def __init__(self, fold: Fold, user: str) -> None:
        self.fold = fold
        self.failed_rotation_bytes = 0  # the size of the log at a failed rotation; 0: none
        self._user = user
        self._fingerprint: Fingerprint | None = (
            None  # not an open file: the log may be renamed or removed between two holds
        )
        self._is_full_state = False
        self._append_fingerprint: Fingerprint | None = None  # the end of the last append
        self.durable_name: tuple[int, int] | None = None
        self._disk_warning_ns: int | None = None  # the stamp of the last warning that the disk is nearly full
        self._state = CORE_FOLD.empty_state
        self.offered: KnownState | None = None

    @property
    def known_state(self) -> KnownState | None:
        """The full state that was read last, or None if none was read."""
        if self._fingerprint is None or not self._is_full_state:
            return None
        return KnownState(self._fingerprint, self._state)

    def empty(self, full_state: bool) -> State:
        """Return the state without a log."""
        return (self.fold if full_state else CORE_FOLD).empty_state

    def state_at(self, segment: Segment, end: int, full_state: bool) -> State:
        """Return the state after the last complete line before ``end``. Raises OSError."""
        if full_state:
            self._take_offered(segment)
        mark, end = self._fingerprint, last_line_end(segment, end)
        # Captured before the lines are read: if they are cut off meanwhile and others written, it will not match.
        fingerprint = Fingerprint.capture(segment, end)
        if mark is None or not mark.matches(segment) or (full_state and not self._is_full_state):
            state = self.fold.state_at(segment, end) if full_state else self._author_state(segment, end)
            self._state, self._fingerprint, self._is_full_state = state, fingerprint, full_state
        elif end > mark.offset:
            state = self._current_fold.advance(self._state, segment, mark.offset, end)
            self._state, self._fingerprint = state, fingerprint
        return self._state

    def _take_offered(self, segment: Segment) -> None:
        """Use the offered state if it is of ``segment``, and of a later offset than the own one."""
        offered, mark = self.offered, self._fingerprint
        if offered is None:
            return
        is_later = (
            mark is None
            or not self._is_full_state
            or mark.identity != offered.fingerprint.identity
            or mark.offset < offered.fingerprint.offset
        )
        if is_later and offered.fingerprint.matches(segment):
            self._fingerprint, self._state, self._is_full_state = offered.fingerprint, offered.state, True

    def record_append(self, segment: Segment, begin: int, end: int, entries: Sequence[Entry]) -> None:
        """Add ``entries``, which we have written from ``begin`` to ``end``, so that they are not read again."""
        mark, self._fingerprint = self._fingerprint, None  # an error after this must not look like a failed write
        with suppress(OSError):  # then it is read again, and the next write reports the problem
            written = Fingerprint.capture(segment, end)
            if segment.size() < end:  # truncated meanwhile: that fingerprint would match any file
                return
            self._append_fingerprint = written
            if mark is not None and mark.identity == segment.identity and mark.offset == begin:
                self._state, self._fingerprint = self._current_fold(self._state, entries), written
            else:
                self._fingerprint = mark

    def record_rotation(self, segment: Segment, end: int, state: State) -> None:
        """Set ``state`` for a new log, ``segment``, whose first ``end`` bytes a rotation has written.

        So they are not read again under the lock, which takes long for a log with many carried lines.
        """
        self._fingerprint = None
        with suppress(OSError):
            self._state, self._is_full_state, self._fingerprint = state, True, Fingerprint.capture(segment, end)

    def truncated_bytes(self, segment: Segment) -> int:
        """Return how many bytes another program has cut off ``segment`` since the last append.

        0 if the log has a warning about it. Only a process that has appended before can know it, and only under the
        lock. Raises OSError.
        """
        written = self._append_fingerprint
        if written is None or written.identity != segment.identity or written.matches(segment):
            return 0
        size = segment.size()
        missing = written.offset - size if written.matches_head(segment) else written.offset
        if missing <= 0:  # changed in place, and not truncated
            return 0
        reported = any(
            TRUNCATION_WARNING in segment.read(start, CHUNK_BYTES) for start in {0, max(0, size - CHUNK_BYTES)}
        )
        return 0 if reported else missing

    def has_recent_disk_warning(self, segment: Segment, end: int, now_ns: int, within_ns: int) -> bool:
        """Return whether the log has a warning of the last ``within_ns`` that its disk is nearly full.

        The search is under the lock, so its result is kept. Raises OSError.
        """
        if self._disk_warning_ns is not None and 0 <= now_ns - self._disk_warning_ns < within_ns:
            return True
        for line in matching_lines_backward(segment, end, _DISK_WARNING):
            if (entry := line.entry) is not None and entry.tag("DISK") is not None:
                self._disk_warning_ns = entry.stamp.ns
                return 0 <= now_ns - self._disk_warning_ns < within_ns
        return False

    @property
    def _current_fold(self) -> Fold:
        """Return the fold of the state here: with all projections, or of the author's cups alone."""
        return self.fold if self._is_full_state else CORE_FOLD

    def _author_state(self, segment: Segment, end: int) -> State:
        """Return the part of the state that the author's cups and the next stamp need."""
        pairs = (last_active_entry(segment, end, self._user), last_entry(segment, end))
        return CORE_FOLD(CORE_FOLD.empty_state, [pair[1] for pair in pairs if pair is not None])
