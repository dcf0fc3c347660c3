"""Questions between hosts on a real server: they are answered, or not in time, or are not allowed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from nats.aio.client import Client

from support.nats_server import DEBIAN, NEWER, Engine
from threeam.team.carrier import CarrierRefused, NoAnswer, Topic
from threeam.team.nats.nats_carrier import NatsCarrier, connect
from threeam.team.nats.nats_target import Credentials, parse_target

pytestmark = pytest.mark.slow

DB1, WEB1 = "d" * 32, "1" * 32
NOBODY = Credentials("")
SUBJECT = f"3am.night.clock.{DB1}"


@pytest.fixture(params=[DEBIAN, NEWER], ids=["debian", "newer"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    engine = Engine(tmp_path, request.param)
    yield engine
    engine.kill()


@asynccontextmanager
async def carrier_of(engine: Engine, credentials: Credentials = NOBODY) -> AsyncIterator[NatsCarrier]:
    async with connect(parse_target(engine.url), credentials, may_create=True) as carrier:
        yield carrier


@asynccontextmanager
async def answering(carrier: NatsCarrier) -> AsyncIterator[None]:
    """Answer each question to `DB1` with its bytes from behind, and ``silence`` not at all."""

    async def reply(question: bytes) -> bytes | None:
        return None if question == b"silence" else question[::-1]

    task = asyncio.create_task(carrier.answer(Topic.CLOCK, DB1, reply))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def ask(carrier: NatsCarrier, question: bytes, limit_s: float = 5) -> bytes:
    """Return the answer; a host that has just begun to answer is asked until the engine knows it."""
    async with asyncio.timeout(limit_s):
        while True:
            try:
                return await carrier.ask(Topic.CLOCK, DB1, question, limit_s)
            except NoAnswer as error:
                if "no host" not in str(error):
                    raise


async def test_a_question_is_answered(engine: Engine) -> None:
    engine.start()
    async with carrier_of(engine) as db1, carrier_of(engine) as web1:
        with pytest.raises(NoAnswer, match="no host answers"):
            await web1.ask(Topic.CLOCK, DB1, b"early", 5)
        async with answering(db1):
            assert await ask(web1, b"one") == b"eno"
            with pytest.raises(NoAnswer, match="not answered within 200ms"):
                await web1.ask(Topic.CLOCK, DB1, b"silence", 0.2)
            assert await web1.ask(Topic.CLOCK, DB1, b"two", 5) == b"owt"


async def test_an_answer_goes_to_inboxes_alone(engine: Engine) -> None:
    """The subject of the answer is chosen by the asker, who could otherwise write in the name of this host."""
    engine.start()
    async with carrier_of(engine) as db1, carrier_of(engine) as web1, answering(db1):
        await ask(web1, b"begin")
        client = Client()
        await client.connect(engine.url)
        for forged in (f"3am.night.log.{DB1}", "$JS.API.STREAM.DELETE.3am-night", f"_INBOX/{DB1}", "_INBOX"):
            await client.publish(SUBJECT, b"forged", reply=forged)
        await client.flush()
        await client.close()
        assert await web1.ask(Topic.CLOCK, DB1, b"two", 5) == b"owt"
        assert await web1.last(DB1) == (None, 0)


async def test_a_user_who_may_not_ask_or_answer_is_told(engine: Engine) -> None:
    engine.config = (
        'authorization { users: [{ user: "free", password: "a" }, { user: "shut", password: "b", permissions: '
        '{ publish: { deny: "3am.night.clock.*" }, subscribe: { deny: "3am.night.clock.*" } } }] }'
    )
    engine.start()
    async with (
        carrier_of(engine, Credentials("", "free", "a")) as db1,
        carrier_of(engine, Credentials("", "shut", "b")) as web1,
        answering(db1),
    ):
        with pytest.raises(CarrierRefused, match="does not allow"):
            await web1.ask(Topic.CLOCK, DB1, b"one", 0.5)
        with pytest.raises(CarrierRefused, match="does not allow"):
            await web1.answer(Topic.CLOCK, WEB1, lambda question: asyncio.sleep(0, question))
