"""The one place where threads meet the screen: tickets in, in order; facts out, as messages.

One daemon thread writes and one follows. Neither touches a widget; the screen never waits for
either, and quitting does not either, however long somebody holds the lock.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import SimpleQueue

from textual.message import Message

from threeam.core.draft import Declined
from threeam.core.entry import Entry
from threeam.core.fold import Fold, State
from threeam.core.follow import Follower
from threeam.core.journal import Anchor, Journal, JournalError
from threeam.core.lock import Abandoned, Holder, holder
from threeam.core.reader import Line
from threeam.core.writer import Unsure, Writer
from threeam.tui.messages import (
    BlockWritten,
    FollowFailed,
    LinesArrived,
    LockSeen,
    WriteRefused,
    WriteUnsure,
    WriteWaits,
)
from threeam.tui.outbox import Ticket

_FRAME = 1 / 30  # s: a burst costs a frame, not a line; the first line after a quiet time costs no wait
_QUIET = 1.0  # s: then a last line without its newline is called unfinished, and the lock is looked at


class Bridge:
    """Follows ``journal`` from ``start``, and writes through ``writer`` (None: a read-only screen)."""

    def __init__(
        self,
        journal: Journal,
        start: Anchor | None,
        fold: Fold,
        writer: Writer | None,
        post: Callable[[Message], object],
    ) -> None:
        self._journal = journal
        self._start = start
        self._fold = fold
        self._writer = writer
        self._post = post
        self._tickets: SimpleQueue[Ticket] = SimpleQueue()
        self._taken = threading.Event()
        self._stopped = threading.Event()
        self._follower = Follower(journal, start)
        self._thread = threading.Thread(target=self._follow, name="follow", daemon=True)
        self._held: tuple[Holder | None, int] = (None, 0)

    def start(self) -> None:
        """Begins to follow and to write."""
        self._thread.start()
        if self._writer is not None:
            threading.Thread(target=self._write, args=(self._writer,), name="write", daemon=True).start()

    def submit(self, ticket: Ticket) -> None:
        """Hands a ticket to the writer; the answer comes as a message."""
        self._tickets.put(ticket)

    def taken(self) -> None:
        """The screen is done with the last lines: more may come."""
        self._taken.set()

    def stop(self) -> None:
        """Lets the follower end. A write under way ends by itself, or with the process."""
        self._stopped.set()
        self._taken.set()
        self._follower.wake()
        if self._thread.ident is not None:
            self._thread.join(1.0)
        if not self._thread.is_alive():  # else a wake-up could reach another file's descriptor
            self._follower.close()

    def _write(self, writer: Writer) -> None:
        while True:
            ticket = self._tickets.get()

            def on_wait(held_by: Holder | None, seconds: float, ticket: Ticket = ticket) -> None:
                self._post(WriteWaits(ticket, held_by, seconds))

            try:
                block = writer.write(ticket.draft, abandoned=ticket.abandoned, on_wait=on_wait)
            except Abandoned:
                answer: Message = WriteRefused(ticket, "")
            except Unsure as unsure:
                ticket.landed = True
                answer = WriteUnsure(ticket, str(unsure))
            except (JournalError, Declined, OSError) as refused:
                answer = WriteRefused(ticket, str(refused))
            else:
                ticket.landed = True
                answer = BlockWritten(ticket, block)
            ticket.answered.set()
            self._post(answer)

    def _follow(self) -> None:
        try:
            state = self._fold.empty
            if self._start is not None:
                state = self._fold.of(self._start.segment, self._start.offset)
            self._hand_over([], state, None, False)
            self._follow_from(state)
        except (JournalError, OSError) as error:
            self._post(FollowFailed(str(error)))

    def _follow_from(self, state: State) -> None:
        follower = self._follower
        segment = self._start.segment if self._start is not None else None
        restarts, told = 0, None
        while not self._stopped.is_set():
            lines = follower.read()
            if lines:
                restarted, restarts = follower.restarts != restarts, follower.restarts
                if restarted or lines[0].segment != segment:  # another file: its lines are the truth now
                    segment, state = lines[-1].segment, self._fold.empty
                state = self._fold(state, self._worth_folding(lines))
                told = None
                self._look_at_lock()
                self._hand_over(lines, state, None, restarted)
            elif not follower.wait(_QUIET):
                self._look_at_lock()
                if follower.unfinished != told:
                    told = follower.unfinished
                    self._hand_over([], state, told, False)

    def _hand_over(self, lines: list[Line], state: State, unfinished: Line | None, restarted: bool) -> None:
        """Posts, and waits for the screen to be done and for the frame to be over."""
        began = time.monotonic()
        self._taken.clear()
        self._post(LinesArrived(lines, state, unfinished, restarted))
        self._taken.wait()
        self._stopped.wait(max(0.0, _FRAME - (time.monotonic() - began)))

    @staticmethod
    def _worth_folding(lines: list[Line]) -> list[Entry]:
        """The entries that can change the state: of what came through a pipe, only the last one's stamp."""
        entries = [entry for line in lines if line.finished and (entry := line.entry)]
        return [entry for entry in entries[:-1] if entry.tag("VIA") is None] + entries[-1:]

    def _look_at_lock(self) -> None:
        now = holder(self._journal.lock)
        if now != self._held[0]:
            self._held = (now, time.monotonic_ns())
            self._post(LockSeen(*self._held))
