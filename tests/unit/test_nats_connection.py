"""A connection to NATS whose client forgets a cancel, as nats-py does on Python 3.11."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from threeam.team.nats.nats_connection import NatsConnection
from threeam.team.nats.nats_target import parse_target


class ForgetfulClient:
    """A client whose answer comes at the moment at which its caller is cancelled."""

    async def _answer(self, *_args: object, **_options: object) -> object:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            pass
        return object()

    request = flush = next_msg = _answer


CALLS: dict[str, Callable[[NatsConnection, Any], Awaitable[object]]] = {
    "ask": lambda connection, _: connection._ask("subject", b"", 1.0),
    "flush": lambda connection, _: connection._flush(),
    "next": lambda connection, client: connection._next(client, None),
}


@pytest.mark.parametrize("call", CALLS)
async def test_a_cancel_that_the_client_forgets_ends_the_task(call: str) -> None:
    connection, client = NatsConnection(parse_target("nats://db1/night")), ForgetfulClient()
    connection._client = client  # type: ignore[assignment]
    task = asyncio.ensure_future(CALLS[call](connection, client))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
