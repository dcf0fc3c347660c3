"""The one place where threads meet the screen: tickets in, in order; facts out, as messages.

One daemon thread writes and one follows. Neither touches a widget; the screen never waits for
either, and quitting does not either, however long somebody holds the lock.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue

from textual.message import Message

from threeam.core.errors import DiskFull, JournalError, Unsure, WaitCancelled
from threeam.core.platform.disk import free_bytes
from threeam.core.state.fold import Fold, State
from threeam.core.store.follow import Follower, batch_start
from threeam.core.store.journal import Journal, Position, ResumePoint
from threeam.core.store.reader import Line
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

_FRAME_S = 1 / 25  # s: a burst costs a frame, not a line; the first line after a quiet time costs no wait
_QUIET_S = 1.0  # s: then a last line without its newline is called unfinished, and the lock is looked at
_MAX_BATCH_REQUESTS = 64  # tickets under one hold and one sync at the most, so that others get in between


class Bridge:
    """Follows ``journal`` from ``start``, and writes through ``writer`` (None: a read-only screen).

    What all lines up to ``start`` add up to it has to be told by `begin_with`: that takes long in a big log.
    With less than ``disk_floor`` bytes of room for the log, it says so.
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
        self.adjust_state: Callable[[State, Position], State] = lambda state, end: state  # see `as_of_now`
        self._requests: SimpleQueue[WriteRequest | None] = SimpleQueue()  # None: no more
        self._acknowledged = threading.Event()
        self._stopped = threading.Event()
        self._follower = Follower(journal, anchor)
        self._follow_thread = threading.Thread(target=self._follow_loop, name="follow", daemon=True)
        self._initial_state = None if anchor is not None else fold.empty_state  # the state as of ``start``
        self._state: State | None = None  # the state by now
        self._segment = anchor.segment if anchor is not None else None
        self._truncations = 0
        self._rollbacks = 0
        self._pending_lines: list[Line] = []  # read, and not handed over yet
        self._posted_unfinished: Line | None = None
        self._posted_lock: tuple[LockHolder | None, int] = (None, 0)
        self._disk_floor = disk_floor
        self._posted_free_bytes: int | None = None

    def start(self) -> None:
        """Begins to follow and to write."""
        self._follow_thread.start()
        if self._writer is not None:
            threading.Thread(target=self._write_loop, args=(self._writer,), name="write", daemon=True).start()

    def submit(self, request: WriteRequest) -> None:
        """Hands a ticket to the writer; the answer comes as a message."""
        self._requests.put(request)

    def set_initial_state(self, base: State) -> None:
        """Takes the state as of ``start``: from now on there is one to hand over."""
        self._initial_state = base
        if not self._stopped.is_set():  # else the wake-up could reach another file's descriptor
            self._follower.wake()

    def acknowledge(self) -> None:
        """The screen is done with the last lines: more may come."""
        self._acknowledged.set()

    def stop(self) -> None:
        """Lets the follower end, and the writer once it has nothing left; or that ends with the process."""
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
        left: list[WriteRequest] = []
        while True:
            if not left:
                if (ticket := self._requests.get()) is None:
                    return
                left = [ticket]
            left = self._write_batch(writer, left)
            if left:
                left[0].cancelled.wait(_QUIET_S)
            elif not self._requests.empty():
                time.sleep(RELOCK_DELAY_S)

    def _write_batch(self, writer: Writer, requests: list[WriteRequest]) -> list[WriteRequest]:
        """Writes ``requests``, and all that has arrived by the time that the lock is had, in one hold and one sync.

        Gives those for which there was no room on the disk: they are to be tried again.
        """
        first, landed, left = requests[0], list[tuple[WriteRequest, Block]](), list[WriteRequest]()

        def on_wait(held_by: LockHolder | None, seconds: float) -> None:
            self._post(WriteWaiting(first, held_by, seconds))

        why: str | None = None
        try:
            # Whole: a ticket that arrives meanwhile may need it, and under the lock it is too late to read it all.
            with writer.lock_log(whole=True, abandoned=first.cancelled, on_wait=on_wait) as log:
                requests += self._drain_queue()
                for number, ticket in enumerate(requests):
                    try:
                        if (block := self._write_request(log, ticket)) is not None:
                            landed.append((ticket, block))
                    except DiskFull as full:  # nobody overtakes anybody
                        left = requests[number:]
                        self._post(WriteOutOfSpace(ticket, str(full)))
                        break
        except WaitCancelled:
            why = ""
        except Unsure as unsure:
            why = unsure.reason
        except JournalError as error:
            why = str(error)
        except Exception as error:  # a ticket without an answer would hold the box for ever
            why = f"{type(error).__name__}: {error}"
        for ticket, block in landed:
            if why is None:
                self._answer(ticket, BlockWritten(ticket, block))
            else:
                entries = block.entries
                sentence = str(Unsure(entries[0].stamp, why))
                self._answer(ticket, WriteUnsure(ticket, sentence, entries[0].stamp, entries[-1].stamp))
        for ticket in requests:
            if not ticket.answered.is_set() and ticket not in left:
                self._answer(ticket, WriteRefused(ticket, why or ""))
        return left

    def _drain_queue(self) -> list[WriteRequest]:
        arrived: list[WriteRequest] = []
        try:
            while len(arrived) < _MAX_BATCH_REQUESTS - 1:
                if (ticket := self._requests.get_nowait()) is None:
                    self._requests.put(None)
                    break
                arrived.append(ticket)
        except Empty:
            pass
        return arrived

    def _write_request(self, log: LockedLog, request: WriteRequest) -> Block | None:
        """The block that a ticket became; None where it became none, and has its answer."""
        if request.cancelled.is_set():
            self._answer(request, WriteRefused(request, ""))
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
            except Exception as error:  # a folder in its place, a stale file, or a fault of ours: it may pass
                if not failed:
                    known = isinstance(error, JournalError | OSError)
                    self._post(FollowFailed(str(error) if known else f"{type(error).__name__}: {error}"))
                failed = True
                self._stopped.wait(_QUIET_S)
            else:
                if failed:
                    self._post(FollowFailed(""))
                failed = False

    def _follow_once(self) -> None:
        follower = self._follower
        self._pending_lines += follower.read()  # and kept, if the fold fails, until it has been done
        lines, end = self._pending_lines, follower.position
        restarted = follower.truncations != self._truncations
        state = self._fold_lines(lines, end, restarted)
        if lines or state is not self._state:
            self._state, self._truncations, self._rollbacks = state, follower.truncations, follower.rollbacks
            if end is not None:
                self._segment = end.segment
            self._posted_unfinished, self._pending_lines = None, []
            self._post_lines(lines, state, None, restarted)
            self._check_lock_and_disk()
        elif not follower.wait(_QUIET_S) and (state is not None or self._initial_state is None):
            self._check_lock_and_disk()
            if follower.unfinished != self._posted_unfinished:
                self._posted_unfinished = follower.unfinished
                self._post_lines([], state, self._posted_unfinished, False)

    def _fold_lines(self, lines: list[Line], end: Position | None, truncated: bool) -> State | None:
        """The state as of ``end``, now that ``lines`` have come; None while that before them is not known."""
        state = self._state
        if end is None:
            return state or self._initial_state
        since, until, segment = batch_start(lines, end), end.offset, end.segment
        if truncated or (lines and segment != self._segment):  # its lines are the truth now
            state = self._fold.empty_state
        elif self._follower.rollbacks != self._rollbacks:  # lines are gone that were folded
            state = self._fold.state_at(segment, since)
        elif state is None and self._initial_state is not None and self._anchor is not None:
            state, since = self._initial_state, self._anchor.offset
            if segment != self._anchor.segment:  # renamed meanwhile, and nothing stands in the new file yet
                segment, until = self._anchor.segment, self._anchor.segment.size()
        if state is None or since >= until:
            return state
        return self._fold.advance(state, segment, since, until)

    def _post_lines(self, lines: list[Line], state: State | None, unfinished: Line | None, truncated: bool) -> None:
        """Posts, and waits for the screen to be done and for the frame to be over."""
        began = time.monotonic()
        self._acknowledged.clear()
        if self._stopped.is_set():  # `stop` sets both; after the clear nobody would set the other again
            return
        end = self._follower.position
        if state is not None and end is not None:
            with suppress(OSError):  # the lines are shown all the same
                state = self.adjust_state(state, end)
        self._post(LinesArrived(lines, state, end, unfinished, truncated))
        self._acknowledged.wait()
        self._stopped.wait(max(0.0, _FRAME_S - (time.monotonic() - began)))

    def _check_lock_and_disk(self) -> None:
        """Tells who holds the lock, and how much room is left, where that has changed."""
        now = find_lock_holder(*self._journal.lock_paths)
        if now != self._posted_lock[0]:
            self._posted_lock = (now, time.monotonic_ns())
            self._post(LockHolderChanged(*self._posted_lock))
        try:
            free = free_bytes(os.path.dirname(self._journal.log_path))
        except FileNotFoundError:  # there is no folder yet, and so no log: nobody has written
            return
        low = free if free < self._disk_floor else None
        if low != self._posted_free_bytes:
            self._posted_free_bytes = low
            self._post(DiskSpaceChanged(low))
