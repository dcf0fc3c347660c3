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
        self._ready = threading.Event()
        self._stopped = threading.Event()
        self._follower = Follower(journal, start)
        self._thread = threading.Thread(target=self._follow, name="follow", daemon=True)
        self._state: State = fold.empty
        self._segment = start.segment if start is not None else None
        self._restarts = 0
        self._told: Line | None = None
        self._held: tuple[Holder | None, int] = (None, 0)

    def start(self) -> None:
        """Begins to follow and to write."""
        self._thread.start()
        if self._writer is not None:
            threading.Thread(target=self._write, args=(self._writer,), name="write", daemon=True).start()

    def submit(self, ticket: Ticket) -> None:
        """Hands a ticket to the writer; the answer comes as a message."""
        self._tickets.put(ticket)

    def ready(self) -> None:
        """The screen is done with the last lines: more may come."""
        self._ready.set()

    def stop(self) -> None:
        """Lets the follower end. A write under way ends by itself, or with the process."""
        self._stopped.set()
        self._ready.set()
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
                writer.write(ticket.draft, abandoned=ticket.abandoned, on_wait=on_wait)
                answer: Message = BlockWritten(ticket)
            except Abandoned:
                answer = WriteRefused(ticket, "")
            except Unsure as unsure:
                answer = WriteUnsure(ticket, str(unsure), unsure.stamp)
            except (JournalError, Declined) as refused:
                answer = WriteRefused(ticket, str(refused))
            except Exception as error:  # a ticket without an answer would hold the box for ever
                sentence = f"{type(error).__name__}: {error}"
                if writer.landed is not None:
                    answer = WriteUnsure(ticket, sentence, writer.landed)
                else:
                    answer = WriteRefused(ticket, sentence)
            ticket.landed = not isinstance(answer, WriteRefused)
            ticket.answered.set()
            self._post(answer)

    def _follow(self) -> None:
        failed = False
        try:
            if self._start is not None:
                self._state = self._fold.of(self._start.segment, self._start.offset)
        except OSError as error:
            self._post(FollowFailed(str(error)))
        self._hand_over([], None, False)
        while not self._stopped.is_set():
            try:
                self._follow_once()
            except (JournalError, OSError) as error:  # a folder in its place, a file made unreadable: it may pass
                if not failed:
                    self._post(FollowFailed(str(error)))
                failed = True
                self._stopped.wait(_QUIET)
            else:
                if failed:
                    self._post(FollowFailed(""))
                failed = False

    def _follow_once(self) -> None:
        follower = self._follower
        lines = follower.read()
        if lines:
            restarted, self._restarts = follower.restarts != self._restarts, follower.restarts
            segment = lines[-1].segment
            if restarted or segment != self._segment:  # another file: its lines are the truth now
                self._segment, self._state = segment, self._fold.empty
            self._state = self._fold(self._state, self._worth_folding([one for one in lines if one.segment == segment]))
            self._told = None
            self._look_at_lock()
            self._hand_over(lines, None, restarted)
        elif not follower.wait(_QUIET):
            self._look_at_lock()
            if follower.unfinished != self._told:
                self._told = follower.unfinished
                self._hand_over([], self._told, False)

    def _hand_over(self, lines: list[Line], unfinished: Line | None, restarted: bool) -> None:
        """Posts, and waits for the screen to be done and for the frame to be over."""
        began = time.monotonic()
        self._ready.clear()
        if self._stopped.is_set():  # `stop` sets both; after the clear nobody would set the other again
            return
        self._post(LinesArrived(lines, self._state, unfinished, restarted))
        self._ready.wait()
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
