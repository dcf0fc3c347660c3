"""The files of a journal in their order: each names in its first line the one that it continues.

A file that is not there any more was deleted (`keep`), and the journal begins after it. One that is there and cannot
be read is another matter: the readers go on with the next older one, and say which is missing, and why.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator

from threeam.core.store.segment import RotatedSegment, Segment, is_rotated_name


class Chain:
    """The files of the journal whose log is at ``log``.

    ``unread``: the path of each file that is there and could not be read, and why. Several readers share a chain, and
    each looks there for what it has not told of yet.
    """

    def __init__(self, log: str) -> None:
        self.log_path = log
        self.unreadable: dict[str, str] = {}
        self._successor_paths: dict[str, str] = {}  # of the path of a file, the path of the one that continues it

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Chain) and other.log_path == self.log_path

    def __hash__(self) -> int:
        return hash(self.log_path)

    def predecessor(self, segment: Segment) -> Segment | None:
        """The file that ``segment`` continues, as its first line says; None if it says none, or that one is deleted.

        If it cannot be read, the newest of the older ones that can. Raises OSError if ``segment`` cannot be read.
        """
        name = segment.head.predecessor_name
        if name is None:
            return None
        folder = os.path.dirname(self.log_path)
        before = self._open_segment(os.path.join(folder, name), segment)
        if before is None and os.path.join(folder, name) in self.unreadable:
            for older in self._older_rotated_names(folder, name):
                before = before or self._open_segment(os.path.join(folder, older), segment)
        return before

    def segments_backward(self, segment: Segment) -> Iterator[Segment]:
        """``segment`` and every file before it, the newest first."""
        seen = set()
        at: Segment | None = segment
        while at is not None and at.identity not in seen:  # a link in a circle, written by hand, ends there
            seen.add(at.identity)
            yield at
            before = self.predecessor(at)
            if before is not None:
                self._successor_paths[before.path] = at.path
            at = before

    def segments_forward(self, last: Segment) -> Iterator[Segment]:
        """Every file up to ``last``, the oldest first."""
        yield from self._open_forward([segment.path for segment in self.segments_backward(last)][1:], last)

    def segments_between(self, first: Segment, last: Segment) -> Iterator[Segment]:
        """The files from ``first`` to ``last``, in their order."""
        yield first
        if first == last:
            return
        paths: list[str] = []
        for segment in self.segments_backward(last):
            if segment == first:
                yield from self._open_forward(paths[1:], last)
                return
            paths.append(segment.path)
        yield last  # nothing links the two any more

    def successor(self, segment: Segment, live: Segment) -> Segment | None:
        """The file that continues ``segment``; None for the ``live`` log, and for a file that none continues."""
        path = self._successor_paths.get(segment.path)
        known = self._open_segment(path, segment) if path is not None and path != self.log_path else None
        if known is not None and known.head.predecessor_name == os.path.basename(segment.path):
            return known
        after: Segment | None = None
        for at in self.segments_backward(live):
            if at == segment:
                return after
            after = at
        return None

    def _open_forward(self, paths: list[str], last: Segment) -> Iterator[Segment]:
        for path in reversed(paths):
            if (segment := self._open_segment(path, last)) is not None:
                yield segment
        yield last

    def _open_segment(self, path: str, successor: Segment) -> Segment | None:
        """The file at ``path``, which comes before ``after``; None if it is deleted, or there and not to be read."""
        try:
            segment = RotatedSegment(path)
            status = segment.fstat()
            if not stat.S_ISREG(status.st_mode):
                why = "it is not a file"
            elif status.st_nlink > 1 and status.st_uid != successor.fstat().st_uid:
                why = "it has another owner and a second name"  # a link to a file that is not of this journal
            else:
                return segment
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR):
                return None
            why = "it is a symlink" if error.errno == errno.ELOOP else os.strerror(error.errno or 0)
        self.unreadable.setdefault(path, why)
        return None

    def _older_rotated_names(self, folder: str, name: str) -> list[str]:
        """The names of the rotated files that are older than ``name``, the newest first."""
        try:
            names = os.listdir(folder)
        except OSError:
            return []
        return sorted(
            (other for other in names if is_rotated_name(self.log_path, other) and other < name), reverse=True
        )


class UnreadableNotices:
    """What one reader of ``chain`` tells of the files that could not be read, whichever reader has met them first."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._reported: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._chain.unreadable)

    def pop_unreported(self, up_to: Segment | None = None) -> list[str]:
        """Return a sentence for each file of which none was returned before, up to the file ``last``."""
        sentences = []
        for path, why in sorted(self._chain.unreadable.items()):
            # The names of rotated files are in their order.
            is_before = up_to is None or up_to.path == self._chain.log_path or path < up_to.path
            if is_before and path not in self._reported:
                self._reported.add(path)
                sentences.append(f"{path} cannot be read ({why}): what stands in it is missing here")
        return sentences
