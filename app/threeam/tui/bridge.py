"""The threads of the screen: write requests go in, in order; facts come out, as messages.

One daemon thread writes and one follows the log. Neither touches a widget, and the screen never waits for
either. Quitting does not wait either, however long another process holds the lock.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby
from queue import Empty, SimpleQueue

from textual.message import Message

from threeam.core.errors import DiskFull, JournalError, Unsure, WaitCancelled
from threeam.core.format.entry import Entry
from threeam.core.platform.disk import free_bytes
from threeam.core.state.fold import Fold, State
from threeam.core.state.state_cache import KnownState
from threeam.core.store.follow import Follower, batch_start
from threeam.core.store.journal import Journal, Position, ResumePoint
from threeam.core.store.reader import Chunk, Line, state_lines_in_chunk
from threeam.core.write.lock import LockHolder, find_lock_holder
from threeam.core.write.locked_log import Block, LockedLog
from threeam.core.write.writer import RELOCK_DELAY_S, Writer
from threeam.tui.messages import (
    BlockWritten,
    DiskSpaceChanged,
    FollowFailed,
    LinesArrived,
    LockHolderChanged,
    WriteOutOfSpace,
    WriteRefused,
    WriteUnsure,
    WriteWaiting,
)
from threeam.tui.outbox import WriteRequest

_FRAME_S = 1 / 25  # a burst costs a frame, not a line; the first line after a quiet time is posted at once
_QUIET_S = 1.0  # then a last line without a newline counts as unfinished, and the lock is checked
_MAX_PARSED_LINES = 32  # of a batch of lines; in a longer one, those that change the state are searched
_MAX_BATCH_REQUESTS = 64  # requests under one hold and one sync, so that other processes get the lock in between


@dataclass
class _Batch:
    """Requests that are written under one hold of the lock, and what became of them."""

    requests: list[WriteRequest]
    blocks: list[tuple[WriteRequest, Block]] = field(default_factory=list)  # in the log, and not synced yet
    postponed: list[WriteRequest] = field(default_factory=list)  # not written, and to be tried again
    failure: str | None = None  # why the lock was not granted, or the sync failed; None: neither did


class Bridge:
    """Follows ``journal`` from ``anchor``, and writes through ``writer`` (None: a read-only screen).

    The state as of ``anchor`` comes later, by `set_initial_state`: to compute it takes long for a large log.
    `DiskSpaceChanged` is posted when the log's disk has less than ``disk_floor`` bytes free.
    """

    def __init__(
        self,
        journal: Journal,
        anchor: ResumePoint | None,
        fold: Fold,
        writer: Writer | None,
        disk_floor: int,
        post: Callable[[Message], object],
    ) -> None:
        self._journal = journal
        self._anchor = anchor
        self._fold = fold
        self._writer = writer
        self._post = post
        self.adjust_state: Callable[[State, Position], State] = lambda state, end: state  # `LiveController` sets it
        self._requests: SimpleQueue[WriteRequest | None] = SimpleQueue()  # None: no more
        self._acknowledged = threading.Event()
        self._stopped = threading.Event()
        self._follower = Follower(journal, anchor)
        self._follow_thread = threading.Thread(target=self._follow_loop, name="follow", daemon=True)
        self._initial_state = None if anchor is not None else fold.empty_state  # the state as of the anchor
        self._state: State | None = None  # the current state
        self._state_file: tuple[int, int] | None = None  # the identity of the file whose lines give the current state
        # This state and the writer's are one: the one that is behind takes the other's, so that no line is read twice.
        self._known_state: KnownState | None = None  # the current state, if it is that of the file
        self._written_state: KnownState | None = None  # what the writer has after its last write
        self._segment = anchor.segment if anchor is not None else None
        self._truncations = 0  # of the follower, as of the last post
        self._rollbacks = 0
        self._pending_lines: list[Line] = []  # read, and not posted yet
        self._pending_since = (0, 0)  # the follower's truncations and rollbacks when they were read
        self._posted_unfinished: Line | None = None
        self._posted_lock: tuple[LockHolder | None, int] = (None, 0)
        self._disk_floor = disk_floor
        self._posted_free_bytes: int | None = None

    def start(self) -> None:
        """Start both threads."""
        self._follow_thread.start()
        if self._writer is not None:
            threading.Thread(target=self._write_loop, args=(self._writer,), name="write", daemon=True).start()

    def submit(self, request: WriteRequest) -> None:
        """Queue ``request`` for the writing thread; the answer is posted as a message."""
        self._requests.put(request)

    def set_initial_state(self, state: State) -> None:
        """Set the state as of the anchor: messages carry a state from now on."""
        self._initial_state = state
        if not self._stopped.is_set():  # else the wake-up could reach another file's descriptor
            self._follower.wake()

    def acknowledge(self) -> None:
        """Confirm that the screen has handled the last lines: the next ones may be posted."""
        self._acknowledged.set()

    def stop(self) -> None:
        """Stop following, and stop writing once all requests are answered (or the process ends)."""
        self._stopped.set()
        self._requests.put(None)
        self._acknowledged.set()
        self._follower.wake()
        if self._follow_thread.ident is not None:
            self._follow_thread.join(1.0)
        if not self._follow_thread.is_alive():  # else a wake-up could reach another file's descriptor
            self._follower.close()

    # The thread that writes.

    def _write_loop(self, writer: Writer) -> None:
        postponed: list[WriteRequest] = []
        while True:
            if not postponed:
                request = self._requests.get()
                if request is None:
                    return
                postponed = [request]
            postponed = self._write_batch(writer, postponed)
            if postponed:
                postponed[0].cancelled.wait(_QUIET_S)
            elif not self._requests.empty():
                time.sleep(RELOCK_DELAY_S)

    def _write_batch(self, writer: Writer, requests: list[WriteRequest]) -> list[WriteRequest]:
        """Write ``requests``, and those that arrive until the lock is granted, in one hold and one sync.

        Return the requests that are to be tried again: the disk has no room for them, or the wait ended before.
        """
        batch = _Batch(requests)
        self._write_under_lock(writer, batch)
        for request, block in batch.blocks:
            self._answer(request, _written_or_unsure(request, block, batch.failure))
        if batch.failure is not None:
            for request in batch.requests:
                if not request.answered.is_set() and request not in batch.postponed:
                    self._answer(request, WriteRefused(request, batch.failure))
        return [request for request in batch.postponed if not self._answer_cancelled(request)]

    def _write_under_lock(self, writer: Writer, batch: _Batch) -> None:
        """Take the lock and write ``batch``. All of it is postponed if its first request is taken back before that."""
        first = batch.requests[0]

        def on_wait(holder: LockHolder | None, seconds: float) -> None:
            self._post(WriteWaiting(first, holder, seconds))

        try:
            # The whole state: a request that arrives while we wait may need it, and under the lock it is too late
            # to read the log.
            writer.state_cache.offered = self._known_state
            with writer.lock_log(full_state=True, cancelled=first.cancelled, on_wait=on_wait) as log:
                batch.requests += self._drain_queue()
                self._write_requests(log, batch)
            self._written_state = writer.state_cache.known_state
        except WaitCancelled:
            batch.postponed = batch.requests
        except Unsure as unsure:
            batch.failure = unsure.reason
        except JournalError as error:
            batch.failure = str(error)
        except Exception as error:  # a request without an answer would block the box for ever
            batch.failure = f"{type(error).__name__}: {error}"

    def _write_requests(self, log: LockedLog, batch: _Batch) -> None:
        for index, request in enumerate(batch.requests):
            try:
                block = self._write_request(log, request)
            except DiskFull as full:  # the requests behind it wait too: their order is preserved
                batch.postponed = batch.requests[index:]
                self._post(WriteOutOfSpace(request, str(full)))
                return
            if block is not None:
                batch.blocks.append((request, block))

    def _drain_queue(self) -> list[WriteRequest]:
        requests: list[WriteRequest] = []
        try:
            while len(requests) < _MAX_BATCH_REQUESTS - 1:
                request = self._requests.get_nowait()
                if request is None:
                    self._requests.put(None)
                    break
                requests.append(request)
        except Empty:
            pass
        return requests

    def _write_request(self, log: LockedLog, request: WriteRequest) -> Block | None:
        """Write ``request`` and return its block; None if it was not written, and has its answer."""
        if self._answer_cancelled(request):
            return None
        try:
            request.block = log.write(request.draft)
            return request.block
        except DiskFull:
            raise
        except Unsure as unsure:
            self._answer(request, WriteUnsure(request, str(unsure), unsure.stamp, unsure.stamp))
        except JournalError as refused:
            self._answer(request, WriteRefused(request, str(refused)))
        return None

    def _answer_cancelled(self, request: WriteRequest) -> bool:
        """Answer ``request`` if it was taken back; return whether it was."""
        if not request.cancelled.is_set():
            return False
        self._answer(request, WriteRefused(request, ""))
        return True

    def _answer(self, request: WriteRequest, answer: Message) -> None:
        request.written = not isinstance(answer, WriteRefused)
        request.answered.set()
        self._post(answer)

    # The thread that follows.

    def _follow_loop(self) -> None:
        failed = False
        while not self._stopped.is_set():
            try:
                self._follow_once()
            except Exception as error:  # a folder under the log's name, a stale file, or a bug: it may pass
                if not failed:
                    expected = isinstance(error, JournalError | OSError)
                    self._post(FollowFailed(str(error) if expected else f"{type(error).__name__}: {error}"))
                failed = True
                self._stopped.wait(_QUIET_S)
            else:
                if failed:
                    self._post(FollowFailed(""))
                failed = False

    def _follow_once(self) -> None:
        follower = self._follower
        self._read_pending()
        lines, end = self._pending_lines, follower.position
        truncated = follower.truncations != self._truncations
        state = self._fold_lines(lines, end, truncated)
        if lines or state is not self._state:
            self._state, self._truncations, self._rollbacks = state, follower.truncations, follower.rollbacks
            self._known_state = self._know(state)
            if end is not None:
                self._segment = end.segment
            self._posted_unfinished, self._pending_lines = None, []
            self._post_lines(lines, state, None, truncated)
            self._check_lock_and_disk()
        elif not follower.wait(_QUIET_S) and (state is not None or self._initial_state is None):
            self._check_lock_and_disk()
            if follower.unfinished != self._posted_unfinished:
                self._posted_unfinished = follower.unfinished
                self._post_lines([], state, self._posted_unfinished, False)

    def _read_pending(self) -> None:
        """Read what the follower has; lines stay pending if the fold fails, until they are folded and posted."""
        lines, end = self._follower.read(), self._follower.position
        read_since = (self._follower.truncations, self._follower.rollbacks)
        if end is not None and read_since != self._pending_since:  # some pending lines are not in the log any more
            start = batch_start(lines, end)
            self._pending_lines = [
                line for line in self._pending_lines if line.segment != end.segment or line.offset < start
            ]
        self._pending_lines, self._pending_since = self._pending_lines + lines, read_since

    def _fold_lines(self, lines: list[Line], end: Position | None, truncated: bool) -> State | None:
        """Return the state as of ``end``, after ``lines``; None while the state as of the anchor is not known."""
        if end is None:
            return self._state or self._initial_state
        written = self._written_state
        if (lines or self._state is None) and written is not None and written.fingerprint == self._follower.fingerprint:
            self._state_file = written.fingerprint.identity
            return written.state
        own_lines = [line for line in lines if line.segment == end.segment]
        state = self._state
        if truncated or (lines and end.segment != self._segment):  # the lines of this file are all there is
            state, self._state_file = self._fold.empty_state, end.segment.identity
        elif self._follower.rollbacks != self._rollbacks:  # lines are gone that were folded
            self._state_file = end.segment.identity
            state = self._fold.state_at(end.segment, batch_start(lines, end))
        elif state is None:
            return self._fold_from_anchor(end)
        return self._fold(state, _state_entries(own_lines, self._fold.state_line_pattern)) if own_lines else state

    def _fold_from_anchor(self, end: Position) -> State | None:
        """Return the state as of ``end`` from the initial state, by reading the lines posted without a state again."""
        if self._initial_state is None or self._anchor is None:
            return None
        self._state_file = self._anchor.segment.identity
        segment, until = end.segment, end.offset
        if segment != self._anchor.segment:  # renamed, and the new file is still empty
            segment, until = self._anchor.segment, self._anchor.segment.size()
        if until <= self._anchor.offset:
            return self._initial_state
        return self._fold.advance(self._initial_state, segment, self._anchor.offset, until)

    def _know(self, state: State | None) -> KnownState | None:
        """Return ``state``, which is as of the follower's position, for the writer; None if it is of another file."""
        fingerprint = self._follower.fingerprint
        if state is None or fingerprint is None:
            return None
        if self._state_file != fingerprint.identity:  # the anchor's file was renamed, and the new one begins otherwise
            return None
        return KnownState(fingerprint, state)

    def _post_lines(self, lines: list[Line], state: State | None, unfinished: Line | None, truncated: bool) -> None:
        """Post ``lines``, and wait until the screen acknowledges them and the frame is over."""
        began = time.monotonic()
        self._acknowledged.clear()
        if self._stopped.is_set():  # `stop` sets both events; nothing would set the cleared one again
            return
        end = self._follower.position
        if state is not None and end is not None:
            with suppress(OSError):  # the lines are shown all the same
                state = self.adjust_state(state, end)
        self._post(LinesArrived(lines, state, end, unfinished, truncated))
        self._acknowledged.wait()
        self._stopped.wait(max(0.0, _FRAME_S - (time.monotonic() - began)))

    def _check_lock_and_disk(self) -> None:
        """Post the holder of the lock, and the free space if it is low, when they have changed."""
        holder = find_lock_holder(*self._journal.lock_paths)
        if holder != self._posted_lock[0]:
            self._posted_lock = (holder, time.monotonic_ns())
            self._post(LockHolderChanged(*self._posted_lock))
        try:
            free = free_bytes(os.path.dirname(self._journal.log_path))
        except FileNotFoundError:  # there is no folder yet, and so no log
            return
        low_bytes = free if free < self._disk_floor else None
        if low_bytes != self._posted_free_bytes:
            self._posted_free_bytes = low_bytes
            self._post(DiskSpaceChanged(low_bytes))


def _written_or_unsure(request: WriteRequest, block: Block, failure: str | None) -> Message:
    """Return the answer to a request that is in the log as ``block``; ``failure``: why the sync failed, or None."""
    if failure is None:
        return BlockWritten(request, block)
    first, last = block.entries[0].stamp, block.entries[-1].stamp
    return WriteUnsure(request, str(Unsure(first, failure)), first, last)


def _state_entries(lines: Sequence[Line], tags: re.Pattern[bytes]) -> list[Entry]:
    """Return the entries of ``lines`` (consecutive and finished) that change the state, in order.

    Folding every line gives the same state, and the screen parses the lines that it shows anyway. Of a burst it shows
    only the last ones: then a byte search, as in `state_entries_backward`, takes a 30th of the time of parsing.
    """
    if len(lines) <= _MAX_PARSED_LINES:
        return [entry for line in lines if (entry := line.state_entry) is not None]
    last = next((line for line in reversed(lines) if line.state_entry is not None), None)
    if last is None:
        return []
    entries, seen = {last.offset: last.state_entry}, set[bytes]()
    for chunk in reversed(_chunks_of(lines)):
        for line in state_lines_in_chunk(last.segment, chunk, tags, seen):
            entries[line.offset] = line.state_entry
    return [entry for _, entry in sorted(entries.items()) if entry is not None]


def _chunks_of(lines: Sequence[Line]) -> list[Chunk]:
    """Return the bytes of ``lines`` as they are in the file; a line with omitted bytes is a chunk by itself."""
    chunks = []
    for _, group in groupby(lines, key=lambda line: line.offset if line.omitted_bytes else None):
        members = list(group)
        data = b"".join(line.raw + line.line_end for line in members)
        chunks.append(Chunk(members[0].offset, data, members[-1].end))
    return chunks
