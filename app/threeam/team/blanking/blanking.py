"""Takes lines out of what the engine and the mirrors keep. The log of their host keeps them.

A message holds many lines, so it is not just deleted. In this order, and each step can be repeated after a failure:

1. The lines are in the `BlankList`, so no publisher of this log sends their words from now on.
2. All lines up to the last of them are sent, by this command if no publisher has sent them. A publisher that had read
   the words before step 1 either has sent them by then, or is out of turn and reads its lines again.
3. Each stored message that has words of these lines is stored again without them, as the last one on the subject of its
   origin. It has the same bytes but for the holes, the links behind these, and the end of what was sent: a publisher
   that reads it as the last message continues from there, and sends nothing twice.
4. The messages with the words are deleted.

The message of step 3 is the instruction for the mirrors. It is stored, so a host that is away finds it at its return. A
mirror with the words compares the chain, blanks them in place, and keeps the links. The message also names the entry:
the mirror looks for its words in all that it has, since that may be more than the log and the store have now. If no
stored message names the entry, the first line of the log is stored again, with the name. A new mirror has a gap for the
deleted message until it reads the one that replaces it. The subject proves that the origin itself blanks its lines.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import Stamp
from threeam.core.store.fork import find_blanked_lines, make_blank
from threeam.core.store.journal import Journal
from threeam.core.store.seek import find_line
from threeam.team.blanking.blank_list import BlankedLine, BlankList, stamp_text
from threeam.team.carrier import Carrier, OutOfTurn, Place, Store
from threeam.team.messages.message import HostileMessage, Message, decode
from threeam.team.messages.position import Origin, SegmentEnd, segment_name
from threeam.team.outgoing import BytesLost, LogBusy, Outgoing
from threeam.timeline.clock_bounds import own_clock_bound

_BUSY_WAIT_S = 0.005  # s; between looks at a log that a writer has locked
_STAMP_BYTES = 40  # bytes; the beginning of a line, with its stamp


def find_lines(journal: Journal, stamp: Stamp) -> list[BlankedLine]:
    """Return the lines of an entry, and those that quote it, in all files of the journal.

    Raises `PreconditionFailed` if there is no such entry, and OSError.
    """
    lines = []
    for segment, begin, end in find_blanked_lines(journal, make_blank(journal, find_line(journal, stamp))):
        if (name := segment_name(segment)) is not None:  # else nothing of the file is sent
            lines.append(BlankedLine(name, begin, end, stamp_text(segment.read(begin, _STAMP_BYTES)), str(stamp)))
    return lines


async def blank_in_store(store: Store, journal: Journal, origin: Origin, host: str, lines: list[BlankedLine]) -> int:
    """Take ``lines``, which are in the list of ``journal``, out of the store. Return how many messages had words."""
    await _send_up_to(store, journal, origin, host, max(SegmentEnd(line.segment, line.end) for line in lines))
    blank_list, named = BlankList(journal), set[str]()
    async for message, _ in _history(store, origin.id):
        blank_list.learn(message)
    with_words, replaced = list[tuple[Message, Place]](), set[tuple[Any, ...]]()
    async for message, place in _history(store, origin.id):
        if blank_list.blank(message) is not message:
            with_words.append((message, place))
        elif message.holes:
            replaced.add(_identity(message))
        named.update(message.entries)
    for message, _ in with_words:
        if _identity(message) not in replaced:
            for part in blank_list.blank(message).parts():
                await _store_again(store, part)
                named.update(part.entries)
            replaced.add(_identity(message))
    unnamed = sorted({line.entry for line in lines} - named)
    if unnamed and (first := await _first_line(journal, origin, host)) is not None:
        await _store_again(store, blank_list.blank(first)._replace(entries=tuple(unnamed)))
    for _, place in with_words:
        await store.delete(place)
    return len(with_words)


async def _first_line(journal: Journal, origin: Origin, host: str) -> Message | None:
    outgoing = Outgoing(journal)
    while True:
        try:
            return await asyncio.to_thread(outgoing.first_line, origin, host, own_clock_bound().bound_ns)
        except LogBusy:
            await asyncio.sleep(_BUSY_WAIT_S)


async def _send_up_to(carrier: Carrier, journal: Journal, origin: Origin, host: str, end: SegmentEnd) -> None:
    outgoing, blank_list = Outgoing(journal), BlankList(journal)
    while True:
        last, sequence = await carrier.last(origin.id)
        sent = last.sent_end() if last is not None else None
        try:
            if sent is None or sent.epoch < origin.epoch:
                cursor = await asyncio.to_thread(outgoing.begin)
            elif SegmentEnd(sent.segment, sent.offset) >= end:
                return
            else:
                sent_end = SegmentEnd(sent.segment, sent.offset)
                cursor = await asyncio.to_thread(outgoing.resume, sent_end, sent.link)
            batch = await asyncio.to_thread(outgoing.read, cursor) if cursor is not None else None
        except LogBusy:
            await asyncio.sleep(_BUSY_WAIT_S)
            continue
        except BytesLost as lost:
            raise PreconditionFailed(f"{lost}: start 3am team, which sends them again, then repeat this") from None
        if batch is None:
            return  # an unfinished line, which was never sent
        try:
            for part in blank_list.blank(batch.message(origin, host, own_clock_bound().bound_ns)).parts():
                sequence = await carrier.publish(part, sequence)
        except OutOfTurn:  # a publisher has sent it
            continue


async def _store_again(carrier: Carrier, message: Message) -> None:
    while True:
        last, sequence = await carrier.last(message.origin.id)
        sent = last.sent_end() if last is not None else None
        try:
            await carrier.publish(message._replace(sent=sent), sequence)
        except OutOfTurn:
            continue
        return


async def _history(carrier: Carrier, origin_id: str) -> AsyncIterator[tuple[Message, Place]]:
    async for batch in carrier.history(origin_id):
        for received in batch:
            try:
                yield decode(received.origin_id, received.headers, received.payload), received.place
            except HostileMessage:
                continue


def _identity(message: Message) -> tuple[Any, ...]:
    return message.origin, message.segment, message.offset, message.end
