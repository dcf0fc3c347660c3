"""The file ``order`` of a mirror: what comes before each segment. A new segment costs one line, however many there are.

    <epoch> <segment> <the segment before it> <the end of that one>

Of two lines about a segment the later one counts. A last line without its newline was not written whole.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping

from threeam.core.platform.folders import SAFE_OPEN_FLAGS, fsync_dir_fd
from threeam.core.platform.portability import fdatasync_fd
from threeam.core.platform.whole_write import write_all_at
from threeam.core.store.attachments import open_own_dir
from threeam.team.messages.position import SegmentEnd, is_segment_name
from threeam.team.mirrors.mirror_about import damaged_file

ORDER_NAME = "order"

Order = Mapping[int, Mapping[str, SegmentEnd]]  # by epoch, what comes before each segment


def read_order(folder: str) -> Order:
    """Return what comes before each segment of the mirror in ``folder``. Raises OSError or `FileUnusable`."""
    try:
        with open(os.path.join(folder, ORDER_NAME), "rb") as file:
            return _parse(folder, file.read())[0]
    except FileNotFoundError:
        return {}


class OrderFile:
    """The order of the mirror in ``folder``, open for appending. Construction raises OSError or `FileUnusable`."""

    def __init__(self, folder: str) -> None:
        with open_own_dir(folder) as dir_fd:
            self._fd = os.open(ORDER_NAME, os.O_RDWR | os.O_CREAT | SAFE_OPEN_FLAGS, 0o600, dir_fd=dir_fd)
            fsync_dir_fd(dir_fd)
        try:
            self._order, self._end = _parse(folder, os.pread(self._fd, os.fstat(self._fd).st_size, 0))
        except BaseException:
            os.close(self._fd)
            raise
        self._followed = {(epoch, after.segment) for epoch, afters in self._order.items() for after in afters.values()}
        self._dirty = False

    def add(self, epoch: int, segment: str, after: SegmentEnd) -> None:
        """Note what comes before a segment, if that is new. Raises OSError."""
        if self._order[epoch].get(segment) == after:
            return
        line = f"{epoch} {segment} {after.segment} {after.offset}\n".encode()
        self._dirty = True
        write_all_at(self._fd, line, self._end)  # over the part of a line that an earlier try has left
        self._end += len(line)
        self._order[epoch][segment] = after
        self._followed.add((epoch, after.segment))

    def is_followed(self, epoch: int, segment: str) -> bool:
        """Return whether another segment comes after this one."""
        return (epoch, segment) in self._followed

    def sync(self) -> None:
        """Wait until what was noted is on the disk. Raises OSError."""
        if self._dirty:
            fdatasync_fd(self._fd)
            self._dirty = False

    def is_removed(self) -> bool:
        """Return whether the file was removed."""
        return os.fstat(self._fd).st_nlink == 0

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)


def _parse(folder: str, data: bytes) -> tuple[defaultdict[int, dict[str, SegmentEnd]], int]:
    """Return the order, and the end of the last whole line. Raises `FileUnusable`."""
    order, end = defaultdict[int, dict[str, SegmentEnd]](dict), data.rfind(b"\n") + 1
    try:
        for line in data[:end].decode("ascii").splitlines():
            epoch, segment, before, offset = line.split(" ")
            if not is_segment_name(segment) or not is_segment_name(before):
                raise ValueError
            order[int(epoch)][segment] = SegmentEnd(before, int(offset))
    except ValueError:
        raise damaged_file(folder, ORDER_NAME) from None
    return order, end
