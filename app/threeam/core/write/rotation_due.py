"""The decision to rotate a full log: it is not rotated if more than half of it would be carried over.

The decision needs the full state, which takes seconds for a full log whose lines all change the state. So it is made
before the lock is taken, and a log that would not shrink gets a small note beside it. The next attempt is made when the
log has doubled. Without the note each short command would read the full log again.
"""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress

from threeam.core.errors import RotationSkipped
from threeam.core.format.entry import Entry, Stamp, format_stamped_lines, format_tail
from threeam.core.platform.folders import SAFE_OPEN_FLAGS, open_dir, open_file
from threeam.core.state.fold import Fold, State, carry_entry
from threeam.core.store.journal import Segment
from threeam.core.write.rotate import check_rotatable

_STAMP_OVERHEAD_BYTES = 37  # of each line: the stamp, its brackets, and the newline
_NOTE_LINE = re.compile(r"(\d+):(\d+) was not rotated at (\d{1,18}) bytes")
_MAX_NOTE_BYTES = 4096  # read of a note


class CarriedLines:
    """The lines that a rotation repeats in the new log, formatted before the lock is taken, but for their stamps.

    ``size``: in bytes. Under the lock only the parts of the state that have changed since are formatted again.
    """

    def __init__(self, fold: Fold, state: State) -> None:
        self._fold = fold
        self._formatted_parts = [
            (part, list(map(_format_without_stamp, entries))) for part, entries in fold.checkpoint_parts(state)
        ]
        self.size = sum(
            len(tail.encode()) + _STAMP_OVERHEAD_BYTES for _, tails in self._formatted_parts for tail in tails
        )

    def format_lines(self, state: State, stamp: Stamp) -> bytes:
        """Return the lines that repeat ``state``, at ``stamp`` and then + 1 ns a line."""
        lines: list[str] = []
        for (part, entries), (formatted_part, tails) in zip(
            self._fold.checkpoint_parts(state), self._formatted_parts, strict=True
        ):
            lines += tails if part == formatted_part else map(_format_without_stamp, entries)
        return format_stamped_lines(stamp, "", lines)


def is_rotation_due(log: Segment, path: str, rotate_bytes: int) -> bool:
    """Return whether ``log`` at ``path`` is full, ours to rotate, and not noted as one that would not shrink.

    It makes a few system calls. Raises OSError.
    """
    size = log.size()
    if size < rotate_bytes or size < 2 * _read_noted_size(log, path):
        return False
    try:
        check_rotatable(log, path)
    except RotationSkipped:
        return False
    return True


def write_no_gain_note(log: Segment, path: str, size: int, carried_bytes: int) -> None:
    """Note beside ``log`` at ``path`` that at ``size`` bytes it would not shrink, with ``carried_bytes`` to carry over.

    If the note cannot be written, the next writer decides again.
    """
    device, inode = log.identity
    note = (
        f"{device}:{inode} was not rotated at {size} bytes\n"
        f"{os.path.basename(path)} stays in use: {carried_bytes} of its bytes would be carried over into a new log.\n"
        f"3am tries again at {2 * size} bytes.\n"
    )
    folder, name = os.path.split(no_gain_note_path(path))
    with suppress(OSError), open_dir(folder) as dir_fd:
        status = os.fstat(log.fd)
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=dir_fd)  # another user may have put a second name of some file there
        fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | SAFE_OPEN_FLAGS, 0o600, dir_fd=dir_fd)
        try:
            os.write(fd, note.encode())
            if (status.st_uid, status.st_gid) != (os.geteuid(), os.fstat(fd).st_gid):
                os.fchown(fd, status.st_uid if os.geteuid() == 0 else -1, status.st_gid)
            os.fchmod(fd, status.st_mode & 0o666)  # all users who may write the log need to read it
        finally:
            os.close(fd)


def no_gain_note_path(path: str) -> str:
    """Return the path of the note beside the log at ``path``."""
    return path + ".not-rotated"


def _read_noted_size(log: Segment, path: str) -> int:
    """Return the noted size at which ``log`` would not shrink, or 0 without a valid note."""
    try:
        fd = open_file(no_gain_note_path(path), os.O_RDONLY)
    except OSError:
        return 0
    try:
        status, dir_status = os.fstat(fd), os.stat(os.path.dirname(path))
        # In a folder such as /tmp any user may put a note there, which must not keep the log from being rotated.
        if not stat.S_ISREG(status.st_mode) or (
            dir_status.st_mode & stat.S_ISVTX and status.st_uid not in (0, os.geteuid(), os.fstat(log.fd).st_uid)
        ):
            return 0
        match = _NOTE_LINE.match(os.read(fd, _MAX_NOTE_BYTES).decode("ascii", "replace"))
    except OSError:
        return 0
    finally:
        os.close(fd)
    if match is None or (int(match[1]), int(match[2])) != log.identity:
        return 0
    size = int(match[3])
    return size if size <= log.size() else 0  # if it is larger, the log was truncated since


def _format_without_stamp(entry: Entry) -> str:
    """Return the line that repeats ``entry``, without its stamp."""
    line = carry_entry(entry, entry.stamp)
    return format_tail(line.cups, line.tags, line.text)
