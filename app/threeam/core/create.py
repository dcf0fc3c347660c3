"""A new log from bytes that are there already: whole or not at all, and never over another one."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable
from contextlib import suppress

from threeam.core.draft import Declined
from threeam.core.journal import OPEN_SAFELY, Journal, Unusable, sync_folder, unusable


def create_log(journal: Journal, mode: int, chunks: Iterable[bytes]) -> int:
    """Makes the log of ``journal`` of ``chunks``; gives its bytes once they are on the disk. Call it under its lock.

    It is made aside and then gets its name, which must be nobody's. Raises `Declined` where it is somebody's by then,
    and `Unusable` or whatever ``chunks`` raise, with nothing left behind.
    """
    aside = f"{journal.log}.{os.urandom(8).hex()}.creating"
    size = 0
    try:
        _clear(journal.log)
        fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | OPEN_SAFELY, 0o600)
        try:
            os.fchmod(fd, mode)
            for chunk in chunks:
                view = memoryview(chunk)
                while view:
                    view = view[os.write(fd, view) :]
                size += len(chunk)
            os.fsync(fd)
        finally:
            os.close(fd)
        os.link(aside, journal.log, follow_symlinks=False)  # fails where somebody else was there first
        os.unlink(aside)
        sync_folder(os.path.dirname(journal.log))
    except OSError as error:
        if error.errno == errno.EEXIST:
            raise Declined(f"{journal.log} is there by now, and stays as it is: name one that is not there") from None
        raise Unusable(unusable(journal.log, error)) from None
    finally:
        with suppress(FileNotFoundError):
            os.unlink(aside)
    return size


def _clear(log: str) -> None:
    """Removes what one that was killed has left: under the lock nobody else is at it. Raises OSError."""
    folder, base = os.path.split(log)
    for name in os.listdir(folder):
        if re.fullmatch(re.escape(base) + r"\.[0-9a-f]{16}\.creating", name):
            os.unlink(os.path.join(folder, name))
