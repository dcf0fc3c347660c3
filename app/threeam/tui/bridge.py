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

_FRAME = 1 / 25  # s: a burst costs a frame, not a line; the first line after a quiet time costs no wait
_QUIET = 1.0  # s: then a last line without its newline is called unfinished, and the lock is looked at
_TOGETHER = 64  # tickets under one hold and one sync at the most, so that others get in between


class Bridge:
    """Follows ``journal`` from ``start``, and writes through ``writer`` (None: a read-only screen).

    What all lines up to ``start`` add up to it has to be told by `begin_with`: that takes long in a big log.
    With less than ``disk_floor`` bytes of room for the log, it says so.
    """

    def __init__(
        self,
        journal: Journal,
        start: ResumePoint | None,
        fold: Fold,
        writer: Writer | None,
        disk_floor: int,
        post: Callable[[Message], object],
    ) -> None:
        self._journal = journal
        self._start = start
        self._fold = fold
        self._writer = writer
        self._post = post
        self.adjust_state: Callable[[State, Position], State] = lambda state, end: state  # see `as_of_now`
        self._tickets: SimpleQueue[WriteRequest | None] = SimpleQueue()  # None: no more
        self._ready = threading.Event()
        self._stopped = threading.Event()
        self._follower = Follower(journal, start)
        self._thread = threading.Thread(target=self._follow, name="follow", daemon=True)
        self._base = None if start is not None else fold.empty_state  # the state as of ``start``
        self._state: State | None = None  # the state by now
        self._segment = start.segment if start is not None else None
        self._restarts = 0
        self._taken_back = 0
        self._lines: list[Line] = []  # read, and not handed over yet
        self._told: Line | None = None
        self._held: tuple[LockHolder | None, int] = (None, 0)
        self._disk_floor = disk_floor
        self._low: int | None = None

    def start(self) -> None:
        """Begins to follow and to write."""
        self._thread.start()
        if self._writer is not None:
            threading.Thread(target=self._write, args=(self._writer,), name="write", daemon=True).start()

    def submit(self, ticket: WriteRequest) -> None:
        """Hands a ticket to the writer; the answer comes as a message."""
        self._tickets.put(ticket)

    def set_initial_state(self, base: State) -> None:
        """Takes the state as of ``start``: from now on there is one to hand over."""
        self._base = base
        if not self._stopped.is_set():  # else the wake-up could reach another file's descriptor
            self._follower.wake()

    def acknowledge(self) -> None:
        """The screen is done with the last lines: more may come."""
        self._ready.set()

    def stop(self) -> None:
        """Lets the follower end, and the writer once it has nothing left; or that ends with the process."""
        self._stopped.set()
        self._tickets.put(None)
        self._ready.set()
        self._follower.wake()
        if self._thread.ident is not None:
            self._thread.join(1.0)
        if not self._thread.is_alive():  # else a wake-up could reach another file's descriptor
            self._follower.close()

    # The thread that writes.

    def _write(self, writer: Writer) -> None:
        left: list[WriteRequest] = []
        while True:
            if not left:
                if (ticket := self._tickets.get()) is None:
                    return
                left = [ticket]
            left = self._commit(writer, left)
            if left:
                left[0].cancelled.wait(_QUIET)
            elif not self._tickets.empty():
                time.sleep(RELOCK_DELAY_S)

    def _commit(self, writer: Writer, taken: list[WriteRequest]) -> list[WriteRequest]:
        """Writes ``taken``, and all that has arrived by the time that the lock is had, in one hold and one sync.

        Gives those for which there was no room on the disk: they are to be tried again.
        """
        first, landed, left = taken[0], list[tuple[WriteRequest, Block]](), list[WriteRequest]()

        def on_wait(held_by: LockHolder | None, seconds: float) -> None:
            self._post(WriteWaiting(first, held_by, seconds))

        why: str | None = None
        try:
            # Whole: a ticket that arrives meanwhile may need it, and under the lock it is too late to read it all.
            with writer.lock_log(full_state=True, cancelled=first.cancelled, on_wait=on_wait) as log:
                taken += self._arrived()
                for number, ticket in enumerate(taken):
                    try:
                        if (block := self._write_one(log, ticket)) is not None:
                            landed.append((ticket, block))
                    except DiskFull as full:  # nobody overtakes anybody
                        left = taken[number:]
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
        for ticket in taken:
            if not ticket.answered.is_set() and ticket not in left:
                self._answer(ticket, WriteRefused(ticket, why or ""))
        return left

    def _arrived(self) -> list[WriteRequest]:
        arrived: list[WriteRequest] = []
        try:
            while len(arrived) < _TOGETHER - 1:
                if (ticket := self._tickets.get_nowait()) is None:
                    self._tickets.put(None)
                    break
                arrived.append(ticket)
        except Empty:
            pass
        return arrived

    def _write_one(self, log: LockedLog, ticket: WriteRequest) -> Block | None:
        """The block that a ticket became; None where it became none, and has its answer."""
        if ticket.cancelled.is_set():
            self._answer(ticket, WriteRefused(ticket, ""))
            return None
        try:
            ticket.block = log.write(ticket.draft)
            return ticket.block
        except DiskFull:
            raise
        except Unsure as unsure:
            self._answer(ticket, WriteUnsure(ticket, str(unsure), unsure.stamp, unsure.stamp))
        except JournalError as refused:
            self._answer(ticket, WriteRefused(ticket, str(refused)))
        return None

    def _answer(self, ticket: WriteRequest, answer: Message) -> None:
        ticket.written = not isinstance(answer, WriteRefused)
        ticket.answered.set()
        self._post(answer)

    # The thread that follows.

    def _follow(self) -> None:
        failed = False
        while not self._stopped.is_set():
            try:
                self._follow_once()
            except Exception as error:  # a folder in its place, a stale file, or a fault of ours: it may pass
                if not failed:
                    known = isinstance(error, JournalError | OSError)
                    self._post(FollowFailed(str(error) if known else f"{type(error).__name__}: {error}"))
                failed = True
                self._stopped.wait(_QUIET)
            else:
                if failed:
                    self._post(FollowFailed(""))
                failed = False

    def _follow_once(self) -> None:
        follower = self._follower
        self._lines += follower.read()  # and kept, if the fold fails, until it has been done
        lines, end = self._lines, follower.position
        restarted = follower.truncations != self._restarts
        state = self._folded(lines, end, restarted)
        if lines or state is not self._state:
            self._state, self._restarts, self._taken_back = state, follower.truncations, follower.rollbacks
            if end is not None:
                self._segment = end.segment
            self._told, self._lines = None, []
            self._hand_over(lines, state, None, restarted)
            self._look_around()
        elif not follower.wait(_QUIET) and (state is not None or self._base is None):
            self._look_around()
            if follower.unfinished != self._told:
                self._told = follower.unfinished
                self._hand_over([], state, self._told, False)

    def _folded(self, lines: list[Line], end: Position | None, restarted: bool) -> State | None:
        """The state as of ``end``, now that ``lines`` have come; None while that before them is not known."""
        state = self._state
        if end is None:
            return state or self._base
        since, until, segment = batch_start(lines, end), end.offset, end.segment
        if restarted or (lines and segment != self._segment):  # its lines are the truth now
            state = self._fold.empty_state
        elif self._follower.rollbacks != self._taken_back:  # lines are gone that were folded
            state = self._fold.state_at(segment, since)
        elif state is None and self._base is not None and self._start is not None:
            state, since = self._base, self._start.offset
            if segment != self._start.segment:  # renamed meanwhile, and nothing stands in the new file yet
                segment, until = self._start.segment, self._start.segment.size()
        if state is None or since >= until:
            return state
        return self._fold.advance(state, segment, since, until)

    def _hand_over(self, lines: list[Line], state: State | None, unfinished: Line | None, restarted: bool) -> None:
        """Posts, and waits for the screen to be done and for the frame to be over."""
        began = time.monotonic()
        self._ready.clear()
        if self._stopped.is_set():  # `stop` sets both; after the clear nobody would set the other again
            return
        end = self._follower.position
        if state is not None and end is not None:
            with suppress(OSError):  # the lines are shown all the same
                state = self.adjust_state(state, end)
        self._post(LinesArrived(lines, state, end, unfinished, restarted))
        self._ready.wait()
        self._stopped.wait(max(0.0, _FRAME - (time.monotonic() - began)))

    def _look_around(self) -> None:
        """Tells who holds the lock, and how much room is left, where that has changed."""
        now = find_lock_holder(*self._journal.lock_paths)
        if now != self._held[0]:
            self._held = (now, time.monotonic_ns())
            self._post(LockHolderChanged(*self._held))
        try:
            free = free_bytes(os.path.dirname(self._journal.log_path))
        except FileNotFoundError:  # there is no folder yet, and so no log: nobody has written
            return
        low = free if free < self._disk_floor else None
        if low != self._low:
            self._low = low
            self._post(DiskSpaceChanged(low))
