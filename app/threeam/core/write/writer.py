"""The writer of a journal: everything that is added to a log is written by a `Writer`, under the lock.

It takes the lock, reads what is new, stamps, writes once, releases, syncs, and only then reports success.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from threeam.core.errors import FileUnusable, PreconditionFailed, Unsure, WriteFailed
from threeam.core.format.clock import Clock
from threeam.core.format.entry import Stamp
from threeam.core.platform.signals import defer_interrupts
from threeam.core.state.fold import Fold
from threeam.core.state.state_cache import StateCache
from threeam.core.store.journal import Journal
from threeam.core.write.draft import Draft
from threeam.core.write.lock import JournalLock, OnWait, WaitPolicy
from threeam.core.write.locked_log import INTERRUPTED_REASON, Block, LockedLog, WriteOptions, new_log_mode
from threeam.core.write.rotation_due import CarriedLines, is_rotation_due, write_no_gain_note
from threeam.core.write.write_stats import WriteStatsPublisher

RELOCK_DELAY_S = 0.0002  # seconds without the lock between two holds: without them a queued waiter starved for 5.5 s


class Writer:
    """A writer of ``journal`` as one author. For one thread at a time.

    ``state_cache``: the state that it has read, for another reader of this process, which may also offer its own.
    """

    def __init__(self, journal: Journal, fold: Fold, clock: Clock, options: WriteOptions) -> None:
        self.journal = journal
        self.options = options
        self.first_stamp: Stamp | None = None  # of the lines that were written last
        self.stats_publisher: WriteStatsPublisher | None = None  # None: short commands publish no statistics
        self._clock = clock
        self.state_cache = StateCache(fold, options.user)

    def write(self, draft: Draft, *, cancelled: threading.Event | None = None, on_wait: OnWait | None = None) -> Block:
        """Write the lines of ``draft`` as one block, and return the block once it is synced.

        Nothing was written if it raises `WriteFailed`, `LockTimeout`, `LockUnusable`, `FileUnusable`, `WaitCancelled`,
        or the `PreconditionFailed` of the draft. `Unsure`: it was written, and may not last.
        """
        with self.lock_log(full_state=draft.needs_full_state, cancelled=cancelled, on_wait=on_wait) as log:
            return log.write(draft)

    def write_stream(self, texts: list[str]) -> bytes:
        """Write a line for each of ``texts`` in one hold, and return their bytes once they are synced.

        For input from a pipe: no person typed it, so it does not extend a night. Raises as `write` does.
        """
        with self.lock_log(full_state=False) as log:
            return log.write_stream(texts)

    def create(self, chunks: Callable[[], Iterable[bytes]]) -> int:
        """Create the journal's log, which must not exist, from ``chunks``, called under its lock; return its size.

        Raises `PreconditionFailed`, `LockTimeout`, `LockUnusable` or `FileUnusable`, leaving only the lock file.
        """
        from threeam.core.write.create import create_log  # rarely needed

        journal, mode = self.journal, new_log_mode(self.journal)
        if os.path.lexists(journal.log_path):
            raise PreconditionFailed(
                f"{journal.log_path} is there already, and stays as it is: name another (-j, --log, --to)"
            )
        journal.ensure_state_dir()
        if (obstacle := journal.write_obstacle()) is not None:
            raise FileUnusable(obstacle)
        lock = JournalLock(journal, mode)
        lock.acquire(WaitPolicy(self.options.lock_timeout))
        try:
            return create_log(journal, mode, chunks())
        finally:
            lock.release()

    @contextmanager
    def lock_log(
        self,
        *,
        full_state: bool,
        will_rotate: bool = False,
        interruptible: bool = False,
        cancelled: threading.Event | None = None,
        on_wait: OnWait | None = None,
    ) -> Iterator[LockedLog]:
        """Yield the log with the lock held. What was written to it is synced after the release.

        ``full_state``: the caller needs the full state, not only the author's cups; it is read before the lock is
        taken. ``will_rotate``: the log will be rotated, whatever its size. Unless ``interruptible``, an interrupt
        during the hold is deferred to its end, and then raises `Unsure` if the log has lines that were not confirmed.
        """
        journal, self.first_stamp = self.journal, None
        try:
            journal.ensure_state_dir()
            if (obstacle := journal.write_obstacle()) is not None:  # before a lock file is created
                raise FileUnusable(obstacle)
            carried = self._read_ahead(full_state, will_rotate)
            mode = new_log_mode(journal)
            lock = JournalLock(journal, mode)
            lock.acquire(WaitPolicy(self.options.lock_timeout, cancelled, on_wait))
            hold_start, written = time.monotonic_ns(), 0
            with defer_interrupts(not interruptible) as interrupted:
                try:
                    log = LockedLog(journal, lock, self.state_cache, self._clock, self.options)
                    log.carried_lines = carried
                    try:
                        yield log
                    finally:
                        self.first_stamp, written = log.first_stamp, log.bytes_written
                    was_replaced = lock.was_replaced()
                finally:
                    lock.release()
                    if self.stats_publisher is not None:
                        self.stats_publisher.record_hold(time.monotonic_ns() - hold_start, written)
                if log.first_stamp is not None:
                    log.confirm(log.first_stamp)
                    if was_replaced:
                        reason = "the lock file was removed meanwhile, and others may have had it too"
                        raise Unsure(log.first_stamp, reason)
                    if interrupted():
                        raise Unsure(log.first_stamp, INTERRUPTED_REASON, interrupted=True)
        except OSError as error:  # a read that failed, under the lock or before it
            if self.first_stamp is not None:
                raise Unsure(self.first_stamp, f"then the disk failed ({error.strerror})") from None
            raise WriteFailed(f"nothing was written: {journal.log_path}: {error.strerror}") from None

    def _read_ahead(self, full_state: bool, will_rotate: bool) -> CarriedLines | None:
        """Read the log before the lock is taken, since this may take seconds.

        Return the lines that a rotation repeats, if the log is to be rotated: ``will_rotate``, or it is full and would
        shrink.
        """
        segment, cache, path = self.journal.open_live(), self.state_cache, self.journal.log_path
        if segment is None:
            return None
        size = segment.size()
        full = self.options.rotate_bytes
        # After a failure the log grows a little before the next attempt, which may write megabytes under the lock.
        retry_at = cache.failed_rotation_bytes + full // 16 if 0 < cache.failed_rotation_bytes <= size else 0
        due = size >= retry_at and is_rotation_due(segment, path, full)
        state = cache.state_at(segment, size, full_state or due or will_rotate)
        if not (due or will_rotate):
            return None
        carried = CarriedLines(cache.fold, state)
        if not will_rotate and 2 * carried.size > size:
            write_no_gain_note(segment, path, size, carried.size)
            return None
        return carried
