"""Sends the lines of this journal: one message in flight, and what the engine has stored says where to continue."""

from __future__ import annotations

import asyncio

from threeam.core.errors import JournalError
from threeam.core.store.journal import Journal
from threeam.team.blanking.blank_list import BlankList
from threeam.team.carrier import Carrier, CarrierFull, OutOfTurn
from threeam.team.log_watch import LogWatch
from threeam.team.messages.message import Message, SentEnd
from threeam.team.messages.position import SegmentEnd
from threeam.team.origin import OriginFile
from threeam.team.outgoing import Batch, BytesLost, Cursor, LogBusy, Outgoing
from threeam.team.team_status import OwnStatus

_FIRST_BUSY_S, _LAST_BUSY_S = 0.0002, 0.02  # s; between looks at a log that a writer has locked
_FULL_WAIT_S = 10.0  # s


class SecondPublisher(JournalError):
    """Another process that publishes under the id of this journal: a copy of it, or of its machine."""


class Publisher:
    """The publisher of ``journal``. It lives longer than a connection.

    While it sends, the caller holds the lock on ``origin_file``. ``status``: what it has sent, kept up to date here.
    """

    def __init__(self, journal: Journal, origin_file: OriginFile, host: str, status: OwnStatus) -> None:
        self._origin_file = origin_file
        self._host = host
        self._outgoing = Outgoing(journal)
        self._blank_list = BlankList(journal)
        self._status = status
        self._has_published = False  # in this process
        self._cursor: Cursor | None = None
        self._trying: Cursor | None = None  # the end of the bytes that were on their way last: stored or not
        self._counted: Cursor | None = None  # up to here the lines are counted
        self._counted_lines = self._sent_lines = 0  # since the cursor at which sending was resumed

    async def run(self, carrier: Carrier, watch: LogWatch) -> None:
        """Send until the connection is lost. Raises `CarrierAway`, `CarrierRefused`, `SecondPublisher` or OSError."""
        while True:
            message, sequence = await carrier.last(self._origin_file.origin.id)
            self._start_at(await asyncio.to_thread(self._resume, message))
            try:
                await self._send(carrier, watch, sequence)
            except OutOfTurn:  # another message was stored: an earlier try, or that of a second publisher
                continue

    async def _send(self, carrier: Carrier, watch: LogWatch, sequence: int) -> None:
        while True:
            watch.changed.clear()
            if self._cursor is None:  # there is no line yet
                self._start_at(await asyncio.to_thread(self._outgoing.begin))
                if self._cursor is None:
                    await watch.changed.wait()
                continue
            try:
                batch = await self._next_batch(self._cursor)
            except BytesLost as lost:
                self._start_at(await asyncio.to_thread(self._begin_epoch, str(lost)))
                continue
            if batch is None:
                self._status.refusal = ""
                await watch.changed.wait()
                continue
            self._trying = batch.end
            try:
                message = batch.message(self._origin_file.origin, self._host, self._status.utc_bound_ns)
                for part in self._blank_list.blank(message).parts():
                    sequence = await carrier.publish(part, sequence)
            except CarrierFull as full:
                self._status.notice = str(full)
                await asyncio.sleep(_FULL_WAIT_S)
                continue
            self._has_published = True
            self._status.refusal = ""
            self._cursor = batch.end
            self._sent_lines += batch.payload.count(b"\n")
            unheld = await self._count_unheld(batch)
            self._status.unheld_sent_lines += unheld
            self._status.sent = SegmentEnd(batch.end.name, batch.end.offset)
            self._show_unsent()

    async def _count_unheld(self, batch: Batch) -> int:
        """Return how many lines of a batch no other host is known to hold: an engine may get lines a second time."""
        held = self._status.held
        begin, end = (SegmentEnd(cursor.name, cursor.offset) for cursor in (batch.begin, batch.end))
        if held is not None and (held.segment != begin.segment or begin.offset < held.offset):
            order = await asyncio.to_thread(self._outgoing.order)
            if order.key(end) <= order.key(held):
                return 0
            if order.key(begin) < order.key(held):
                return await asyncio.to_thread(self._outgoing.lines_between, held, batch.end)
        return batch.payload.count(b"\n")

    async def _next_batch(self, cursor: Cursor) -> Batch | None:
        wait_s = _FIRST_BUSY_S
        while True:
            try:
                return await asyncio.to_thread(self._outgoing.read, cursor)
            except LogBusy:
                await asyncio.sleep(wait_s)
                wait_s = min(5 * wait_s, _LAST_BUSY_S)

    def _resume(self, last: Message | None) -> Cursor | None:
        """Return the cursor behind ``last``, the last message of this origin in the engine."""
        own = self._origin_file.origin
        sent = last.sent_end() if last is not None else None
        if last is None or sent is None or sent.epoch < own.epoch:  # nothing of this epoch is stored
            return self._outgoing.begin()
        opened = self._cursor.segment if self._cursor is not None else None
        try:
            cursor = self._outgoing.resume(SegmentEnd(sent.segment, sent.offset), sent.link, opened)
        except BytesLost as lost:
            if (self._has_published or last.host != self._host) and not self._is_ours(sent):
                raise SecondPublisher(
                    f"{last.host} also sends lines under the id of this journal, which are not in this log. "
                    "If one is a copy of the other, give one of them a new id: 3am team new-origin"
                ) from None
            return self._begin_epoch(str(lost), after_epoch=sent.epoch)
        if sent.epoch > own.epoch:
            self._origin_file.begin_epoch(sent.epoch)
        if cursor is not None and cursor.name != sent.segment:
            self._status.notice = (
                f"the file that begins at {sent.segment} was removed or compressed: what was not sent of it, behind "
                f"byte {sent.offset}, is on no other host"
            )
        return cursor

    def _is_ours(self, sent: SentEnd) -> bool:
        """Return whether this process has sent the bytes before ``sent`` last."""
        ends = [(end.name, end.offset, end.link) for end in (self._cursor, self._trying) if end is not None]
        return sent.epoch == self._origin_file.origin.epoch and (sent.segment, sent.offset, sent.link) in ends

    def _begin_epoch(self, reason: str, after_epoch: int = 0) -> Cursor | None:
        epoch = max(after_epoch, self._origin_file.origin.epoch) + 1
        origin = self._origin_file.begin_epoch(epoch)
        self._status.origin = origin
        self._status.held = None
        self._status.notice = (
            f"{reason}. All lines are sent again, as epoch {epoch} of this journal; the other hosts keep both. "
            "If this host is a copy of another, give it a new id: 3am team new-origin"
        )
        return self._outgoing.begin()

    def _start_at(self, cursor: Cursor | None) -> None:
        self._cursor = self._counted = cursor
        self._counted_lines = self._sent_lines = 0
        self._status.origin = self._origin_file.origin
        if cursor is not None:
            self._status.sent = SegmentEnd(cursor.name, cursor.offset)
            self._status.unheld_sent_lines = self._outgoing.lines_between(self._status.held, cursor)

    async def count_lines(self) -> None:
        """Count the lines that were written since the last count, also if there is no connection."""
        begin = self._counted
        if begin is None:  # never connected: an earlier process may have noted up to where it had sent
            begin = await asyncio.to_thread(self._outgoing.begin)
            if begin is None or self._counted is not None:
                return
            self._counted = begin
            self._sent_lines = 0
            if self._status.sent is not None:
                self._sent_lines = await asyncio.to_thread(self._outgoing.lines_up_to, self._status.sent)
        lines, end = await asyncio.to_thread(self._outgoing.count_lines, begin)
        if self._counted is begin:  # and sending was not resumed elsewhere meanwhile
            self._counted = end
            self._counted_lines += lines
            self._show_unsent()

    def _show_unsent(self) -> None:
        self._status.unsent_lines = max(0, self._counted_lines - self._sent_lines)

    async def note_held(self, begin: SegmentEnd, end: SegmentEnd) -> None:
        """Note that another host holds the bytes of this journal from ``begin`` to ``end``."""
        order = await asyncio.to_thread(self._outgoing.order)
        oldest, sent, held = order.begin(), self._status.sent, self._status.held
        if oldest is None or sent is None:
            return
        reached = max(held or oldest, oldest, key=order.key)  # what is older was removed here
        if order.key(begin) <= order.key(reached) < order.key(end) <= order.key(sent):
            self._status.held = end
            if self._cursor is not None:  # else another process sends, and tells how many lines these are
                lines = await asyncio.to_thread(self._outgoing.lines_between, end, self._cursor)
                self._status.unheld_sent_lines = lines
