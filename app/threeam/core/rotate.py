"""Rotation, under the lock: the live log gets a name of its own, and a new one takes its place and stands alone.

At every moment the name of the log means a whole file: the old one is linked under its second name, the
new one is made aside, and then renamed over the first name. A rotation that was cut off between the two is undone
by the next writer.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence

from threeam.core.entry import CONTINUED, Entry, Stamp, format_entry
from threeam.core.journal import OPEN_SAFELY, Journal, Segment, sync_folder


class NotRotated(Exception):
    """The log is as it was. The message says why."""


def rotate(
    journal: Journal, old: Segment, by: str, stamp: Stamp, last: Stamp, carried: Sequence[Entry], *, gain: bool
) -> str:
    """Puts a new log in the place of ``old``, and gives the path that ``old`` has now. Call it under the lock.

    The new one begins at ``stamp`` with a line that names the old one, whose last stamp is ``last``, and goes on
    with ``carried``. It has the old one's mode and owner. With ``gain`` it is done only where the new one is much
    smaller: else a log that carries much would be rotated for every block. Raises `NotRotated`.
    """
    aside = f"{journal.log}.{os.getpid()}.new"
    try:
        rotated = _link(journal.log, stamp)
    except OSError as error:
        raise NotRotated(f"{journal.log} cannot be given a second name: {error.strerror}") from None
    try:
        first = Entry(stamp, 0, (("BY", by), ("AT", str(last))), CONTINUED + os.path.basename(rotated))
        data = b"".join(map(format_entry, [first, *carried]))
        if gain and 2 * len(data) > old.size():
            raise NotRotated("what the new log would have to carry over is as long as the log")
        _make(aside, data, os.fstat(old.fd))
        os.fdatasync(old.fd)
        if not os.path.samestat(os.stat(journal.log), os.fstat(old.fd)):
            raise NotRotated(f"{journal.log} is another file by now")
        os.rename(aside, journal.log)
    except BaseException as error:
        _remove(aside)
        _remove(rotated)
        if isinstance(error, OSError):
            raise NotRotated(f"a new log cannot be put in the place of {journal.log}: {error.strerror}") from None
        raise
    sync_folder(os.path.dirname(journal.log))
    return rotated


def undo_half_rotation(path: str, log: Segment) -> None:
    """Takes back what a rotation of ``log`` at ``path`` left when it was cut off: its second name. Under the lock."""
    folder, base = os.path.split(path)
    for name in os.listdir(folder):
        other = os.path.join(folder, name)
        second = is_rotated(path, name) and os.path.samestat(os.lstat(other), os.fstat(log.fd))
        if second or (name.startswith(base + ".") and name.endswith(".new")):
            os.unlink(other)


def is_rotated(path: str, name: str) -> bool:
    """Whether ``name`` is one that a rotation of the log at ``path`` gives."""
    stem = os.path.basename(path).removesuffix(".log")
    middle = name.removeprefix(stem + ".").removesuffix(".log")
    return name == f"{stem}.{middle}.log" and len(middle) == 26 and middle[8] == "T" and middle.endswith("Z")


def forget_old(journal: Journal, keep: int) -> None:
    """Deletes the oldest files of the chain, so that ``keep`` rotated ones stay. Under the lock."""
    live = journal.live()
    if live is None:
        return
    for number, segment in enumerate(journal.back_from(live)):
        if number > keep and is_rotated(journal.log, os.path.basename(segment.path)):
            os.unlink(segment.path)


def _link(path: str, stamp: Stamp) -> str:
    """Gives the log its second name, which was nobody's before; gives that path."""
    stem = path.removesuffix(".log")
    ns = stamp.ns
    while True:
        utc = Stamp(ns).rfc3339().replace("-", "").replace(":", "")
        rotated = f"{stem}.{utc}.log"
        try:
            os.link(path, rotated, follow_symlinks=False)
        except FileExistsError:
            ns += 1
        else:
            return rotated


def _make(path: str, data: bytes, like: os.stat_result) -> None:
    """A synced file with ``data`` in it, and the mode and owner of ``like``. Raises OSError."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | OPEN_SAFELY, 0o600)
    try:
        made = os.fstat(fd)
        if (made.st_uid, made.st_gid) != (like.st_uid, like.st_gid):
            os.fchown(fd, like.st_uid if os.geteuid() == 0 else -1, like.st_gid)
        os.fchmod(fd, stat.S_IMODE(like.st_mode))
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]
        os.fsync(fd)
    finally:
        os.close(fd)


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
