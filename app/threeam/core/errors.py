"""What may go wrong, in one place: the errors of the journal. `cli.exits` gives each its exit code."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from threeam.core.format.entry import Stamp
    from threeam.core.write.lock import LockHolder


class JournalError(Exception):
    """Something about the journal's files that its user must mend. The message is the whole sentence."""


class BadInput(JournalError):
    """What a person has typed or set cannot be understood; the sentence says what can."""


class FileUnusable(JournalError):
    """The log cannot be read or written as it is; the sentence names the path and the remedy."""


class PreconditionFailed(JournalError):
    """The state under the lock does not allow this draft; nothing was written. The message says why."""


class WriteFailed(JournalError):
    """Nothing was written: the log is byte for byte as it was, and the text is still the caller's."""


class DiskFull(WriteFailed):
    """Nothing was written, for want of room: it can be once there is some."""


class Unsure(JournalError):
    """The lines are in the file, but it is not certain that they will stay; ``stamp`` names the first.

    ``interrupted``: nothing is wrong with the log, but a signal asked the program to end.
    """

    def __init__(self, stamp: Stamp, reason: str, *, interrupted: bool = False) -> None:
        super().__init__(f"unsure: written as @{stamp}, but {reason}; look there before you write it again")
        self.stamp = stamp
        self.reason = reason
        self.interrupted = interrupted


class LockTimeout(JournalError):
    """The lock was not had in time; nothing was written."""

    def __init__(self, path: str, waited: float, holder: LockHolder | None, remark: str = "") -> None:
        held = f"it is held by {holder}" if holder else "nobody is seen to hold it now; try again"
        look = f"; look at it with: ps -fp {holder.pid}" if holder and holder.pid else ""
        super().__init__(f"no lock on {path} within {waited:g} s: {held}{look}{remark and '; '}{remark}")


class WaitCancelled(Exception):
    """The wait was given up from outside; nothing was written."""


class LockUnusable(JournalError):
    """The lock file must not be used as it is; nothing was written."""


class AppendFailed(Exception):
    """Nothing of it is in the file; ``number`` is the errno that says why."""

    def __init__(self, error_number: int) -> None:
        super().__init__(os.strerror(error_number))
        self.error_number = error_number


class PartialAppend(Exception):
    """A part of it is in the file and cannot be taken out any more. The message says why."""


class RotationSkipped(Exception):
    """The log is as it was. The message says why; ``remedy`` is a command that changes that, if there is one."""

    def __init__(self, reason: str, remedy: str = "") -> None:
        super().__init__(reason)
        self.remedy = remedy


class RotationFailed(RotationSkipped):
    """The log is as it was, since the disk or the folder did not allow it."""


class SyncFailed(RotationFailed):
    """The log is as it was, and the disk did not confirm what was written to it lately."""


class BadSetting(BadInput):
    """A setting, flag or settings file that cannot be used; the sentence names where it stands."""


class BadClock(JournalError):
    """The clock shows a time that cannot be read."""


class BadTime(BadInput):
    """A time that cannot be understood."""


class BadStamp(BadInput):
    """What was to name an entry is no stamp."""


class BadKind(BadInput):
    """There is no such kind of line."""


class BadPattern(BadInput):
    """A pattern that is not a regular expression, or that cannot be matched in linear time."""


class NonlinearPattern(BadPattern):
    """A pattern with an operator that cannot be matched in linear time."""


class ForeignSymlink(OSError):
    """A symlink on the way belongs to another user, who may redirect it at any moment. ``filename`` is its path."""

    def __init__(self, path: str, uid: int) -> None:
        super().__init__(errno.ELOOP, os.strerror(errno.ELOOP), path)
        self.uid = uid
