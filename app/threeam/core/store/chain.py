"""The files of a journal in their order: the first line of each names the file that it continues.

If the predecessor does not exist, it was deleted (`keep`), and the journal begins after it. If it exists and cannot be
read, readers continue with the next older file, and report which one is missing and why.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator

from threeam.core.store.segment import RotatedSegment, Segment, is_rotated_name


class Chain:
    """The files of the journal whose log is at ``log_path``.

    ``unreadable``: the path of each file that exists and could not be read, and why. Several readers share a chain;
    `UnreadableNotices` remembers which of these files one of them has reported.
    """

    def __init__(self, log_path: str) -> None:
        self.log_path = log_path
        self.unreadable: dict[str, str] = {}
        self._successor_paths: dict[str, str] = {}  # from the path of a file to that of its successor

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Chain) and other.log_path == self.log_path

    def __hash__(self) -> int:
        return hash(self.log_path)

    def predecessor(self, segment: Segment) -> Segment | None:
        """Return the file that ``segment`` continues; None if its first line names none, or that one was deleted.

        If it cannot be read, return the newest of the older files that can. Raises OSError if ``segment`` cannot be
        read.
        """
        name = segment.head.predecessor_name
        if name is None:
            return None
        folder = os.path.dirname(self.log_path)
        predecessor = self._open_segment(os.path.join(folder, name), segment)
        if predecessor is None and os.path.join(folder, name) in self.unreadable:
            for older_name in self._older_rotated_names(folder, name):
                predecessor = predecessor or self._open_segment(os.path.join(folder, older_name), segment)
        return predecessor

    def segments_backward(self, segment: Segment) -> Iterator[Segment]:
        """Yield ``segment`` and every file before it, the newest first. Raises OSError."""
        seen = set()
        current: Segment | None = segment
        while current is not None and current.identity not in seen:  # links in a circle, written by hand, end here
            seen.add(current.identity)
            yield current
            predecessor = self.predecessor(current)
            if predecessor is not None:
                self._successor_paths[predecessor.path] = current.path
            current = predecessor

    def segments_forward(self, last: Segment) -> Iterator[Segment]:
        """Yield every file up to ``last``, the oldest first. Raises OSError."""
        yield from self._open_forward([segment.path for segment in self.segments_backward(last)][1:], last)

    def segments_between(self, first: Segment, last: Segment) -> Iterator[Segment]:
        """Yield the files from ``first`` to ``last``, the oldest first. Raises OSError."""
        yield first
        if first == last:
            return
        paths: list[str] = []
        for segment in self.segments_backward(last):
            if segment == first:
                yield from self._open_forward(paths[1:], last)
                return
            paths.append(segment.path)
        yield last  # the two are not linked any more

    def successor(self, segment: Segment, live: Segment) -> Segment | None:
        """Return the file that continues ``segment``; None for the ``live`` log, and for a file without a successor."""
        path = self._successor_paths.get(segment.path)
        known = self._open_segment(path, segment) if path is not None and path != self.log_path else None
        if known is not None and known.head.predecessor_name == os.path.basename(segment.path):
            return known
        successor: Segment | None = None
        for candidate in self.segments_backward(live):
            if candidate == segment:
                return successor
            successor = candidate
        return None

    def _open_forward(self, paths: list[str], last: Segment) -> Iterator[Segment]:
        for path in reversed(paths):
            if (segment := self._open_segment(path, last)) is not None:
                yield segment
        yield last

    def _open_segment(self, path: str, successor: Segment) -> Segment | None:
        """Return the file at ``path``, a predecessor of ``successor``; None if it is deleted or `unreadable`."""
        try:
            segment = RotatedSegment(path)
            status = segment.fstat()
            if not stat.S_ISREG(status.st_mode):
                why = "it is not a file"
            elif status.st_nlink > 1 and status.st_uid != successor.fstat().st_uid:
                why = "it has another owner and a second name"  # a hard link to a file outside of this journal
            else:
                return segment
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR):
                return None
            why = "it is a symlink" if error.errno == errno.ELOOP else os.strerror(error.errno or 0)
        self.unreadable.setdefault(path, why)
        return None

    def _older_rotated_names(self, folder: str, name: str) -> list[str]:
        """Return the names of the rotated files that are older than ``name``, the newest first."""
        try:
            names = os.listdir(folder)
        except OSError:
            return []
        return sorted(
            (older for older in names if is_rotated_name(self.log_path, older) and older < name), reverse=True
        )


class UnreadableNotices:
    """The unreadable files of a chain, each reported once to one reader, even if another reader has met it first."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._reported: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._chain.unreadable)

    def pop_unreported(self, up_to: Segment | None = None) -> list[str]:
        """Return a sentence for each file that was not reported yet, up to the file ``up_to`` (None: all of them)."""
        sentences = []
        for path, why in sorted(self._chain.unreadable.items()):
            # Names of rotated files sort by time.
            is_before = up_to is None or up_to.path == self._chain.log_path or path < up_to.path
            if is_before and path not in self._reported:
                self._reported.add(path)
                sentences.append(f"{path} cannot be read ({why}): its lines are missing here")
        return sentences
