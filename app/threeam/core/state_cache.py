"""What a writer knows of its log between two holds of the lock."""

from __future__ import annotations

import re
from collections.abc import Sequence

from threeam.core.entry import Entry
from threeam.core.fold import CORE, Fold, State
from threeam.core.journal import Mark, Segment
from threeam.core.reader import end_of_lines, last_active, last_entry, matching_back

_DISK = re.compile(rb"\] \[DISK: \d+\] WARNING: ")


class StateCache:
    """The state that a writer has read so far, so that under the lock only what came since is read.

    ``named``: the file whose name is known to be on the disk.
    """

    def __init__(self, fold: Fold, user: str) -> None:
        self.fold = fold
        self.failed_size = 0  # of the log when it could not be rotated; 0: it did not fail
        self._user = user
        self._mark: Mark | None = None  # and no open file: the log may be renamed or removed between two holds
        self._whole = False
        self.named: tuple[int, int] | None = None
        self._state = CORE.empty

    def nothing(self, whole: bool) -> State:
        """The state where there is no log."""
        return (self.fold if whole else CORE).empty

    def at(self, segment: Segment, end: int, whole: bool) -> State:
        """The state as of the last whole line before ``end``."""
        mark = self._mark
        if mark is None or not mark.holds_in(segment) or (whole and not self._whole):
            end = end_of_lines(segment, end)
            self._whole = whole
            self._state = self.fold.of(segment, end) if whole else self._authors(segment, end)
            self._mark = Mark.at(segment, end)
        elif (end := end_of_lines(segment, end)) > mark.offset:
            self._state = self._known.on(self._state, segment, mark.offset, end)
            self._mark = Mark.at(segment, end)
        return self._state

    def appended(self, segment: Segment, begin: int, end: int, entries: Sequence[Entry]) -> None:
        """What we wrote ourselves from ``begin`` to ``end`` need not be read again."""
        mark = self._mark
        if mark is not None and mark.identity == segment.identity and mark.offset == begin:
            self._mark = None  # it is in the file: whatever fails from here on must not be taken for a refusal
            try:
                self._state, self._mark = self._known(self._state, entries), Mark.at(segment, end)
            except OSError:  # then it is read again, and the next write says what is wrong
                pass

    def warned_of_disk(self, segment: Segment, end: int) -> int | None:
        """When the log last said that its disk is nearly full (ns), or None. Searched only while it is."""
        for line in matching_back(segment, end, _DISK):
            if (entry := line.entry) is not None and entry.tag("DISK") is not None:
                return entry.stamp.ns
        return None

    @property
    def _known(self) -> Fold:
        """The fold of what is known: of all, or of the author's cups alone."""
        return self.fold if self._whole else CORE

    def _authors(self, segment: Segment, end: int) -> State:
        """The state as far as the author's cups and the next stamp need it."""
        pair = (last_active(segment, end, self._user), last_entry(segment, end))
        return CORE(CORE.empty, [found[1] for found in pair if found is not None])
