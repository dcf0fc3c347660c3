"""The live log as a writer has it under the lock: opened by name, appended to, cut back, synced."""

from __future__ import annotations

import errno
import os

from threeam.core.errors import AppendFailed, FileUnusable, PartialAppend
from threeam.core.platform.disk import has_space
from threeam.core.platform.folders import open_file
from threeam.core.platform.portability import fdatasync_fd
from threeam.core.store.journal import Segment, check_regular_file, describe_open_error
from threeam.core.write.rotate import recover_interrupted_rotation

_VERIFIED_BYTES = 256  # bytes of an append that are compared with the file after the sync
_APPEND_FLAGS = os.O_RDWR | os.O_APPEND


class LogFile:
    """The log, open for appending. Open one under the lock, and let it go with it: it may be renamed any time after."""

    def __init__(self, segment: Segment) -> None:
        self.segment = segment
        self.size = segment.size()
        self.append_begin = self.size  # where the last append began
        self._appended_tail = b""  # the end of what was appended last
        self.torn = self.size > 0 and segment.read(self.size - 1, 1) != b"\n"

    @classmethod
    def open(cls, path: str) -> LogFile | None:
        """The log at ``path``, or None where there is none. Raises `Unusable`."""
        try:
            fd = open_file(path, _APPEND_FLAGS)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise FileUnusable(describe_open_error(path, error)) from None
        segment = Segment(fd, path)
        left = recover_interrupted_rotation(path, segment) if check_regular_file(fd, path).st_nlink > 1 else 0
        if os.fstat(fd).st_nlink - left > 1:
            raise FileUnusable(f"{path} has a second name (a hard link): remove that, or name another log with --log")
        return cls(segment)

    @classmethod
    def create(cls, path: str, mode: int, owner: tuple[int, int]) -> LogFile:
        """Create the log at ``path`` for ``owner`` (uid and gid). Raises `Unusable`."""
        try:
            fd = open_file(path, _APPEND_FLAGS | os.O_CREAT | os.O_EXCL)
        except OSError as error:
            raise FileUnusable(describe_open_error(path, error)) from None
        segment = Segment(fd, path)
        if owner[0] != os.geteuid():
            os.fchown(fd, *owner)
        os.fchmod(fd, mode)  # whatever the umask
        return cls(segment)

    def append(self, lines: bytes) -> None:
        """Appends whole lines in one write(2), ending a torn last line first.

        Raises `NotAppended`, with the file as it was, or `HalfAppended`.
        """
        fd = self.segment.fd
        data = b"\n" + lines if self.torn else lines
        if not has_space(fd, self.size, len(data)):  # so a reader never sees lines that have to be cut off again
            raise AppendFailed(errno.ENOSPC)
        done, why = 0, 0
        while done < len(data) and not why:
            try:
                written = os.write(fd, data[done:])
            except OSError as error:
                why = error.errno or errno.EIO
            else:
                done += written  # a short write: the next one says why, if it was not by chance
                why = 0 if written else errno.ENOSPC
        if why and done:
            self._undo_append(done)
        if why:
            raise AppendFailed(why)
        try:
            end = os.lseek(fd, 0, os.SEEK_CUR)  # elsewhere, if others wrote without the lock or truncated the log
        except OSError:  # it is written all the same
            end = self.size + len(data)
        self.append_begin, self.size, self.torn, self._appended_tail = (
            end - len(data),
            end,
            False,
            data[-_VERIFIED_BYTES:],
        )

    def is_intact(self) -> bool:
        """Return whether what was appended last still stands where it was written. Raises OSError."""
        return self.segment.read(self.size - len(self._appended_tail), len(self._appended_tail)) == self._appended_tail

    def sync(self) -> None:
        """Waits until what was appended is on the disk. Raises OSError."""
        fdatasync_fd(self.segment.fd)

    def _undo_append(self, size: int) -> None:
        """Takes out the last ``size`` bytes, if they are the ones that were just written."""
        try:
            end = os.lseek(self.segment.fd, 0, os.SEEK_CUR)  # where our last write ended, whoever wrote before it
            if self.segment.size() == end:
                os.ftruncate(self.segment.fd, end - size)
                return
            why = "somebody who does not ask for the lock has written behind it"
        except OSError as error:
            why = f"it cannot be cut back ({error.strerror})"
        try:
            self.size = self.segment.size()
        except OSError:  # then the next write fails as this one did
            self.size += size
        self.torn = True  # or so it must be taken: what comes next begins a line of its own
        raise PartialAppend(why)
