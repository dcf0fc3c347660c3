"""Lock files that another descriptor holds, and writers with a lock of their own."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.journals import FakeClock
from threeam.core.store.journal import Journal
from threeam.core.write.locked_log import WriteOptions
from threeam.core.write.writer import Writer
from threeam.projections import FOLD

NOBODY = 65534


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another open file description has the lock."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def writer_on(journal: Journal, clock: FakeClock, timeout: float = 0.0) -> Writer:
    return Writer(journal, FOLD, clock, WriteOptions("root", "root@db1:1", sync=False, lock_timeout=timeout))
