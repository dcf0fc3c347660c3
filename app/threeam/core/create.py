"""A new log from bytes that are there already: whole or not at all, and never over another one."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from contextlib import suppress

from threeam.core.draft import Declined
from threeam.core.journal import OPEN_SAFELY, Journal, Unusable, sync_folder, unusable


def create_log(journal: Journal, mode: int, chunks: Iterable[bytes]) -> int:
    """Makes the log of ``journal`` of ``chunks``; gives its bytes once they are on the disk. Call it under its lock.

    It is made aside and then gets its name, which must be nobody's. Raises `Declined` where it is somebody's by then,
    and `Unusable` or whatever ``chunks`` raise, with nothing left behind.
    """
    aside = f"{journal.log}.{os.getpid()}.creating"
    size = 0
    try:
        fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | OPEN_SAFELY, 0o600)
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
            raise Declined(f"{journal.log} is there by now, and stays as it is: name a file that is not") from None
        raise Unusable(unusable(journal.log, error)) from None
    finally:
        with suppress(FileNotFoundError):
            os.unlink(aside)
    return size
