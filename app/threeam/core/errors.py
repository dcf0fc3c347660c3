"""The exceptions of 3am. `cli.exits` maps each of them to an exit code."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from threeam.core.format.entry import Stamp


class JournalError(Exception):
    """The base of the errors that the user can fix. The message is a complete sentence for the user."""


class BadInput(JournalError):
    """Input or a setting that cannot be understood; the message says what can."""


class FileUnusable(JournalError):
    """A log that cannot be read or written as it is; the message names the path and the remedy."""


class PreconditionFailed(JournalError):
    """A request that the present state does not allow; nothing was written. The message says why."""


class WriteFailed(JournalError):
    """A failed write: the log is byte for byte as it was, and the caller still has the text."""


class DiskFull(WriteFailed):
    """A failed write for lack of disk space; it succeeds once there is some."""


class Unsure(JournalError):
    """A write whose lines are in the file, but may not stay there; ``stamp`` is that of the first.

    ``interrupted``: the log is right, but a signal ended the program before it could confirm the lines.
    """

    def __init__(self, stamp: Stamp, reason: str, *, interrupted: bool = False) -> None:
        super().__init__(f"unsure: written as @{stamp}, but {reason}; look there before you write it again")
        self.stamp = stamp
        self.reason = reason
        self.interrupted = interrupted


class LockTimeout(JournalError):
    """A lock that was not free within ``waited``, such as ``10s``; nothing was written."""

    def __init__(self, path: str, waited: str, holder: str = "", pid: int = 0, remark: str = "") -> None:
        parts = [f"it is held by {holder}"] if holder else ["no process is seen to hold it now; try again"]
        if pid:
            parts.append(f"look at it with: ps -fp {pid}")
        if remark:
            parts.append(remark)
        super().__init__(f"no lock on {path} within {waited}: {'; '.join(parts)}")


class WaitCancelled(Exception):
    """A wait for the lock that another thread has ended; nothing was written."""


class LockUnusable(JournalError):
    """A lock file that must not be used as it is; nothing was written."""


class AppendFailed(Exception):
    """An append of which nothing is in the file. ``error_number``: the errno."""

    def __init__(self, error_number: int) -> None:
        super().__init__(os.strerror(error_number))
        self.error_number = error_number


class PartialAppend(Exception):
    """An append of which a part is in the file and could not be removed. The message says why."""


class RotationSkipped(Exception):
    """A rotation that was not done; the log is as it was. ``remedy``: a command that makes it possible, or empty."""

    def __init__(self, reason: str, remedy: str = "") -> None:
        super().__init__(reason)
        self.remedy = remedy


class RotationFailed(RotationSkipped):
    """A rotation that the disk or the folder did not allow; the log is as it was."""


class SyncFailed(RotationFailed):
    """A rotation before which the disk did not confirm earlier writes to the log; the log is as it was."""


class BadSetting(BadInput):
    """A setting, option or settings file that cannot be used; the message names its place."""


class BadClock(JournalError):
    """A clock or time zone whose times a stamp cannot hold."""


class BadTime(BadInput):
    """A time that cannot be understood."""


class BadStamp(BadInput):
    """Text in place of a stamp that is not one."""


class BadKind(BadInput):
    """A kind of line that does not exist."""


class BadPattern(BadInput):
    """A pattern that is not a regular expression, or that cannot be matched in linear time."""


class NonlinearPattern(BadPattern):
    """A pattern with an operator that cannot be matched in linear time."""


class ForeignSymlink(OSError):
    """A symlink in a path that belongs to another user, who may redirect it at any time. ``filename``: its path."""

    def __init__(self, path: str, uid: int) -> None:
        super().__init__(errno.ELOOP, os.strerror(errno.ELOOP), path)
        self.uid = uid
