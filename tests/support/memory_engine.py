"""An engine in memory, whose answers are late, lost or forged on purpose, and hosts that follow it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from support.journals import FakeClock, writer_of
from support.team import content
from threeam.core.store.journal import Journal, resolve_journal
from threeam.team.carrier import (
    Announcement,
    Carrier,
    CarrierAway,
    CarrierRefused,
    NoAnswer,
    OutOfTurn,
    Place,
    Received,
    Topic,
)
from threeam.team.messages.message import Message, decode, encode_headers
from threeam.team.mirrors.mirror import read_mirrors
from threeam.team.team_process import TeamProcess

Reply = Callable[[bytes], Awaitable[bytes | None]]


class MemoryEngine:
    """An engine whose store outlives its connections. ``lost_answers``: how many publishes are stored in silence;
    ``late``: those that were sent, but are stored only later."""

    def __init__(self) -> None:
        self.stored: list[Received] = []
        self.lost_answers = 0
        self.delayed = 0
        self.late: list[tuple[Message, int]] = []
        self.listeners: list[asyncio.Queue[Announcement]] = []
        self.changed = asyncio.Condition()
        self.refused = set[str]()  # the ids of origins that may not publish
        self.replies: dict[tuple[Topic, str], Reply] = {}
        self.connections = 0
        self.is_away = False
        self.closed = asyncio.Event()

    def disconnect(self) -> None:
        """End all connections."""
        self.closed.set()
        self.closed = asyncio.Event()

    async def store(self, message: Message, expected: int) -> int:
        if expected != self.last_sequence(message.origin.id):
            raise OutOfTurn("wrong last sequence")
        await self.append(message.origin.id, encode_headers(message), message.payload)
        return len(self.stored)

    async def append(self, origin_id: str, headers: Mapping[str, str], payload: bytes) -> None:
        self.stored.append(Received(origin_id, headers, payload, (len(self.stored) + 1, len(self.stored))))
        async with self.changed:
            self.changed.notify_all()

    def last_sequence(self, origin_id: str) -> int:
        return max((int(each.place[0]) for each in self.stored if each.origin_id == origin_id), default=0)

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Carrier]:
        if self.is_away:
            raise CarrierAway("the engine is away")
        self.connections += 1
        yield MemoryCarrier(self)


class MemoryCarrier:
    def __init__(self, engine: MemoryEngine) -> None:
        self.engine = engine
        self.closed = engine.closed

    async def last(self, origin_id: str) -> tuple[Message | None, int]:
        sequence = self.engine.last_sequence(origin_id)
        if not sequence:
            return None, 0
        found = self.engine.stored[sequence - 1]
        return decode(origin_id, found.headers, found.payload), sequence

    async def history(self, origin_id: str) -> AsyncIterator[list[Received]]:
        for received in [each for each in self.engine.stored if each.origin_id == origin_id]:
            yield [received]

    async def publish(self, message: Message, expected: int) -> int:
        if message.origin.id in self.engine.refused:
            raise CarrierRefused("this user may not publish")
        if self.engine.delayed:
            self.engine.delayed -= 1
            self.engine.late.append((message, expected))
            raise CarrierAway("no answer")
        sequence = await self.engine.store(message, expected)
        for late, expected_then in self.engine.late:
            if late.origin == message.origin:
                with pytest.raises(OutOfTurn):
                    await self.engine.store(late, expected_then)
        if self.engine.lost_answers:
            self.engine.lost_answers -= 1
            raise CarrierAway("no answer")
        return sequence

    async def replay(self, after: Place | None) -> AsyncIterator[list[Received]]:
        position = int(after[0]) if after is not None else 0
        while True:
            async with self.engine.changed:
                while position == len(self.engine.stored):
                    await self.engine.changed.wait()
            batch = self.engine.stored[position : position + 2]
            position += len(batch)
            if batch := [each for each in batch if each.origin_id]:
                yield batch

    async def origins(self) -> list[str]:
        return sorted({each.origin_id for each in self.engine.stored})

    async def delete(self, place: Place) -> None:
        sequence = int(place[0])
        self.engine.stored[sequence - 1] = Received("", {}, b"", place)

    async def announce(self, announcement: Announcement) -> None:
        for listener in self.engine.listeners:
            listener.put_nowait(announcement)

    async def announcements(self) -> AsyncIterator[Announcement]:
        queue: asyncio.Queue[Announcement] = asyncio.Queue()
        self.engine.listeners.append(queue)
        while True:
            yield await queue.get()

    async def ask(self, topic: Topic, origin_id: str, question: bytes, limit_s: float) -> bytes:
        reply = self.engine.replies.get((topic, origin_id))
        answer = await reply(question) if reply is not None else None
        if answer is None:
            raise NoAnswer("no answer")
        return answer

    async def answer(self, topic: Topic, origin_id: str, reply: Reply) -> None:
        self.engine.replies[topic, origin_id] = reply
        await self.wait_closed()

    async def wait_closed(self) -> None:
        await self.closed.wait()
        raise CarrierAway("the connection is lost")


def journal_of(folder: Path, name: str, count: int) -> Journal:
    journal = resolve_journal(str(folder / f"{name}.log"))
    for number in range(count):
        clock = FakeClock()
        clock.forward(number * 1_000_000)
        writer_of(name, journal, clock).write_stream([f"{name} {number}"])
    return journal


async def until(condition: object, what: str) -> None:
    assert callable(condition)
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


async def run_hosts(engine: MemoryEngine, journals: dict[str, Journal], condition: object) -> None:
    """Run a team on ``engine`` until ``condition`` holds."""
    processes = [
        TeamProcess(journal, "memory", name, engine.connect, read_only=False) for name, journal in journals.items()
    ]
    tasks = [asyncio.create_task(process.run()) for process in processes]
    try:
        await until(condition, "the condition")
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for process in processes:
            process.close()


def holds(journal: Journal, other: Journal) -> bool:
    expected = Path(other.log_path).read_bytes()
    return any(content(files) == expected for files in read_mirrors(journal))
