"""Pings over a carrier in memory, between hosts whose clocks differ; and peers that are silent, slow or hostile."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from support.team import DB1
from threeam.core.store.journal import Journal, resolve_journal
from threeam.team.carrier import CarrierRefused, NoAnswer, Topic
from threeam.team.clocks.clock_offset import Reading
from threeam.team.clocks.clock_pings import ClockPings
from threeam.team.clocks.host_clocks import clock_of
from threeam.team.team_status import HostStatus, StatusFile, TeamStatus, status_dir

S = 10**9
Reply = Callable[[bytes], Awaitable[bytes | None]]


class Wire:
    """A carrier that asks one host, by ``reply``; it raises ``failure`` instead if that is set."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.failure: Exception | None = None
        self.asked = 0

    async def ask(self, topic: Topic, origin_id: str, question: bytes, limit_s: float) -> bytes:
        assert (topic, origin_id) == (Topic.CLOCK, DB1.id)
        self.asked += 1
        if self.failure is not None:
            raise self.failure
        answer = await self.reply(question)
        if answer is None:
            raise NoAnswer("no answer")
        return answer

    async def answer(self, topic: Topic, origin_id: str, reply: Reply) -> None:
        self.reply = reply
        if self.failure is not None:
            raise self.failure
        await asyncio.Event().wait()


class Pinger:
    """The pings of a host, whose clock is ``ahead_ns`` ahead of that of the machine."""

    def __init__(self, journal: Journal) -> None:
        self.ahead_ns = self.later_ns = 0
        self.status = TeamStatus("memory", 1)
        self.status.hosts[DB1.id] = HostStatus(DB1, "db1")
        self.pings = ClockPings(journal, self.status, lambda: {DB1.id}, self.read)

    def read(self) -> Reading:
        return Reading(time.time_ns() + self.later_ns + self.ahead_ns, time.monotonic_ns() + self.later_ns)

    async def run(self, wire: Wire, condition: Callable[[], object]) -> None:
        """Ping over ``wire`` until ``condition`` holds."""
        task = asyncio.create_task(self.pings.run(wire))  # type: ignore[arg-type]
        try:
            async with asyncio.timeout(20):
                while not condition():
                    await asyncio.sleep(0.002)
                    assert not task.done()
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def clock_holds(self, offset_ns: int) -> bool:
        clock = self.status.hosts[DB1.id].clock
        return clock is not None and abs(clock.offset_ns - offset_ns) <= clock.bound_ns


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    journal = resolve_journal(str(tmp_path / "sanity.log"))
    StatusFile(journal, "nats://db1").close()  # it makes the folder
    return journal


@pytest.fixture
def db1(journal: Journal) -> Pinger:
    """A host that answers."""
    return Pinger(journal)


async def wire_to(host: Pinger) -> Wire:
    async def nobody(question: bytes) -> bytes | None:
        return None

    wire = Wire(nobody)
    task = asyncio.create_task(host.pings.answer(wire, DB1.id))  # type: ignore[arg-type]
    while wire.reply is nobody:
        await asyncio.sleep(0)
    task.cancel()
    return wire


async def test_the_offset_is_measured_and_a_step_is_told(db1: Pinger, journal: Journal) -> None:
    db1.ahead_ns = 3 * S
    wire, web1 = await wire_to(db1), Pinger(journal)
    await web1.run(wire, lambda: web1.status.hosts[DB1.id].clock)
    assert web1.clock_holds(3 * S)
    before_ns = time.time_ns()
    db1.ahead_ns = 0
    await web1.run(wire, lambda: web1.status.hosts[DB1.id].clock.steps)  # type: ignore[union-attr]
    assert web1.clock_holds(0)
    told = web1.status.hosts[DB1.id].clock
    assert told is not None
    assert told.measured_ns == told.stepped_ns  # at once
    web1.pings.close()
    correction = clock_of(journal, DB1.id).correction(before_ns, before_ns + 4 * S)
    assert correction.bound_ns is not None
    for offset_ns in (0, 3 * S):
        assert abs(correction.shift_ns + offset_ns) <= correction.bound_ns


@pytest.mark.parametrize(
    "answer",
    [
        None,
        b"",
        b"1",
        b"9 1",
        b"-1 5",
        b"1 2 3",
        b"0" * 70_000,
        b"1" * 20 + b" " + b"1" * 20,
        b"\xff 1",
        b"5 " + b"9" * 19,
    ],
)
async def test_an_answer_that_is_no_time_says_nothing(answer: bytes | None, db1: Pinger, journal: Journal) -> None:
    async def hostile(question: bytes) -> bytes | None:
        return answer

    wire, web1 = Wire(hostile), Pinger(journal)
    await web1.run(wire, lambda: wire.asked >= 2)
    assert web1.status.hosts[DB1.id].clock is None
    assert web1.status.notices == []


async def test_the_time_before_a_long_pause_is_kept_to_its_end(db1: Pinger, journal: Journal) -> None:
    wire, web1 = await wire_to(db1), Pinger(journal)
    await web1.run(wire, lambda: wire.asked >= 4)
    db1.later_ns = web1.later_ns = 100 * S
    await web1.run(wire, lambda: len(clock_of(journal, DB1.id).spans) == 2)
    first, second = clock_of(journal, DB1.id).spans
    assert first.begin_ns < first.end_ns < second.begin_ns


async def test_a_host_may_begin_to_answer_later(db1: Pinger, journal: Journal) -> None:
    wire, web1 = await wire_to(db1), Pinger(journal)
    wire.failure = NoAnswer("away")
    await web1.run(wire, lambda: wire.asked >= 2)
    wire.failure = None
    await web1.run(wire, lambda: web1.clock_holds(0))


async def test_a_user_who_may_not_ask_is_told_and_asks_no_more(db1: Pinger, journal: Journal) -> None:
    wire, web1 = await wire_to(db1), Pinger(journal)
    wire.failure = CarrierRefused(f"no right to night.clock.{DB1.id}")
    begin_s = time.monotonic()
    await web1.run(wire, lambda: time.monotonic() > begin_s + 0.1)
    assert web1.status.notices == ["the clocks of other hosts cannot be measured: no right to night.clock.*"]
    assert wire.asked == 1
    wire.failure = CarrierRefused("ask its administrator")
    await db1.pings.answer(wire, DB1.id)  # type: ignore[arg-type]
    assert db1.status.notices == ["other hosts cannot measure the clock of this host: ask its administrator"]


async def test_a_clock_that_cannot_be_noted_is_told_and_still_measured(db1: Pinger, journal: Journal) -> None:
    os.mkdir(Path(status_dir(journal)) / f"{DB1.id}.clock")
    wire, web1 = await wire_to(db1), Pinger(journal)
    await web1.run(wire, lambda: wire.asked >= 3)
    assert web1.status.notices == ["the clocks of other hosts cannot be noted: Is a directory"]
    assert web1.clock_holds(0)
    os.rmdir(Path(status_dir(journal)) / f"{DB1.id}.clock")
    web1.pings.close()
    assert len(clock_of(journal, DB1.id).spans) == 1


async def test_only_an_empty_question_is_about_the_time(db1: Pinger) -> None:
    wire = await wire_to(db1)
    assert await wire.reply(b"x" * 1000) is None
