"""The log as a file that a writer has open under the lock: opened by name, appended to, cut back, synced."""

from __future__ import annotations

import errno
import os

from threeam.core.errors import AppendFailed, FileUnusable, PartialAppend
from threeam.core.platform.disk import has_space
from threeam.core.platform.folders import open_file
from threeam.core.platform.portability import fdatasync_fd
from threeam.core.store.journal import Segment, check_regular_file, describe_open_error
from threeam.core.write.rotate import recover_interrupted_rotation

_VERIFIED_BYTES = 256  # of an append: compared with the file after the sync
_APPEND_FLAGS = os.O_RDWR | os.O_APPEND


class LogFile:
    """The log, open for appending. It is valid only while the lock is held: later the log may be renamed."""

    def __init__(self, segment: Segment) -> None:
        self.segment = segment
        self.size = segment.size()
        self.append_begin = self.size  # where the last append began
        self._appended_tail = b""  # of the last append
        self.torn = self.size > 0 and segment.read(self.size - 1, 1) != b"\n"

    @classmethod
    def open(cls, path: str) -> LogFile | None:
        """Return the log at ``path``, or None if it does not exist. Raises `FileUnusable`."""
        try:
            fd = open_file(path, _APPEND_FLAGS)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise FileUnusable(describe_open_error(path, error)) from None
        segment = Segment(fd, path)
        has_links = check_regular_file(fd, path).st_nlink > 1
        rotated_names = recover_interrupted_rotation(path, segment) if has_links else 0
        if os.fstat(fd).st_nlink - rotated_names > 1:
            raise FileUnusable(f"{path} has a second name (a hard link): remove it, or name another log with --log")
        return cls(segment)

    @classmethod
    def create(cls, path: str, mode: int, owner: tuple[int, int]) -> LogFile:
        """Create the log at ``path`` for ``owner`` (uid and gid). Raises `FileUnusable`."""
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
        """Append complete lines in one write(2), after a newline if the last line is torn.

        Raises `AppendFailed`, with the file as it was, or `PartialAppend`.
        """
        fd = self.segment.fd
        data = b"\n" + lines if self.torn else lines
        if not has_space(fd, self.size, len(data)):  # so readers do not see lines that must be cut off again
            raise AppendFailed(errno.ENOSPC)
        done, error_number = 0, 0
        while done < len(data) and not error_number:
            try:
                written = os.write(fd, data[done:])
            except OSError as error:
                error_number = error.errno or errno.EIO
            else:
                done += written  # after a short write the next one fails with the reason, if there is one
                error_number = 0 if written else errno.ENOSPC
        if error_number and done:
            self._undo_append(done)
        if error_number:
            raise AppendFailed(error_number)
        try:
            end = os.lseek(fd, 0, os.SEEK_CUR)  # another offset if others wrote without the lock or truncated the log
        except OSError:  # the data is written
            end = self.size + len(data)
        self.append_begin, self.size = end - len(data), end
        self.torn, self._appended_tail = False, data[-_VERIFIED_BYTES:]

    def is_intact(self) -> bool:
        """Return whether the end of the last append is still at its offset. Raises OSError."""
        return self.segment.read(self.size - len(self._appended_tail), len(self._appended_tail)) == self._appended_tail

    def sync(self) -> None:
        """Wait until the appended data is on the disk. Raises OSError."""
        fdatasync_fd(self.segment.fd)

    def _undo_append(self, size: int) -> None:
        """Cut off the last ``size`` bytes, if we have written them. Raises `PartialAppend` otherwise."""
        try:
            end = os.lseek(self.segment.fd, 0, os.SEEK_CUR)  # the end of our last write
            if self.segment.size() == end:
                os.ftruncate(self.segment.fd, end - size)
                return
            reason = "a program that does not take the lock has written after it"
        except OSError as error:
            reason = f"it cannot be cut off ({error.strerror})"
        try:
            self.size = self.segment.size()
        except OSError:  # the next write fails in the same way
            self.size += size
        self.torn = True  # at least it may be: the next append begins a new line
        raise PartialAppend(reason)
