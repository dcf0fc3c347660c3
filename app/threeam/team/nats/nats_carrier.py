"""NATS JetStream as the carrier: one stream for a night, and one subject in it for each origin.

A connection that is lost stays so: the caller connects again, and reads back what is stored.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from nats.errors import Error as NatsError
from nats.errors import NoRespondersError

from threeam.core.format.escape import escape_unprintable
from threeam.core.format.times import format_duration
from threeam.team.carrier import (
    Announcement,
    CarrierAway,
    CarrierFull,
    CarrierRefused,
    NoAnswer,
    OutOfTurn,
    Place,
    Received,
    Topic,
)
from threeam.team.messages.message import MAX_PAYLOAD_BYTES, HostileMessage, Message, decode, encode_headers
from threeam.team.messages.position import is_origin_id
from threeam.team.nats.nats_connection import NatsConnection
from threeam.team.nats.nats_target import Credentials, Target
from threeam.team.nats.nats_wire import (
    decode_base64,
    error_code,
    is_delivery,
    parse_delivery,
    parse_headers,
    parse_time,
)

_PULL_MESSAGES = 128
_PULL_S = 30.0  # s; a pull without a message ends by then
_HEARTBEAT_S = 5.0  # s; between signs of life of a pull that waits
_INACTIVE_S = 60.0  # s; after that without a pull the engine forgets the consumer
_MAX_AGE_S = 90 * 24 * 3600.0  # s; the engine keeps a message for that long
_NS = 1_000_000_000

_WRONG_LAST_SEQUENCE, _NO_STREAM, _NO_MESSAGE, _STREAM_EXISTS = 10071, 10059, 10037, 10058
_FULL = (10077, 10047, 10023, 10122)  # limits of the stream, of the account, of the engine
_MESSAGE_BYTES = MAX_PAYLOAD_BYTES + 64 * 1024  # with its headers
_PLACE = re.compile(r"\d{1,19} \d{1,19}", re.ASCII)
_INBOX = re.compile(r"_INBOX[\w-]*(?:\.[\w-]+)+", re.ASCII)  # a subject on which an answer comes


@asynccontextmanager
async def connect(target: Target, credentials: Credentials, *, may_create: bool) -> AsyncIterator[NatsCarrier]:
    """Yield an open carrier, and close it. ``may_create``: for lines of this host, make the store if it is missing.

    Raises `CarrierAway` or `CarrierRefused`.
    """
    carrier = NatsCarrier(target)
    try:
        await carrier.open(credentials)
        if may_create:
            carrier.check_message_size()
        await carrier.ensure_stream(may_create=may_create)
        yield carrier
    finally:
        await carrier.close()


class NatsCarrier(NatsConnection):
    """A connection to an engine of NATS. See `Carrier`."""

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self._stream = f"3am-{target.night}"

    def check_message_size(self) -> None:
        """Raise `CarrierRefused` if the engine takes no message of the size of ours."""
        limit = self._client.max_payload
        if limit < _MESSAGE_BYTES:
            raise CarrierRefused(
                f"{self._target} takes messages of {limit:,} bytes at most, and 3am sends up to {_MESSAGE_BYTES:,}: "
                "its administrator removes max_payload from its configuration"
            )

    async def ensure_stream(self, *, may_create: bool) -> None:
        """Make the stream of the night if it does not exist."""
        info = await self._api(f"STREAM.INFO.{self._stream}")
        if error_code(info) != _NO_STREAM:
            self._check(info)
            return
        if not may_create:
            raise CarrierAway(f"{self._target} has no lines yet: the first 3am team without --read-only begins it")
        config = {
            "name": self._stream,
            "subjects": [self._subject("*")],
            "storage": "file",
            "retention": "limits",
            "discard": "new",  # never drop the oldest message to make room
            "max_age": int(_MAX_AGE_S * _NS),
            "num_replicas": 1,
            "allow_direct": False,  # a direct answer has the bytes of a message, and can be stored under another origin
            "deny_purge": True,
        }
        try:
            created = await self._api(f"STREAM.CREATE.{self._stream}", config)
        except CarrierRefused:
            raise CarrierRefused(
                f"{self._target} has no store for this night, and this user may not make it: its administrator runs "
                f"3am team create {self._target}, once"
            ) from None
        if error_code(created) != _STREAM_EXISTS:  # another host was faster
            self._check(created)

    async def last(self, origin_id: str) -> tuple[Message | None, int]:
        """Return the last message of an origin and its sequence. See `Carrier`."""
        answer = await self._api(f"STREAM.MSG.GET.{self._stream}", {"last_by_subj": self._subject(origin_id)})
        if error_code(answer) == _NO_MESSAGE:
            return None, 0
        self._check(answer)
        stored = answer["message"]
        headers = parse_headers(decode_base64(stored.get("hdrs", "")))
        try:
            last: Message | None = decode(origin_id, headers, decode_base64(stored.get("data", "")))
        except HostileMessage:
            last = await self._last_sound(origin_id)
        return last, int(stored["seq"])

    async def _last_sound(self, origin_id: str) -> Message | None:
        last = None
        async for batch in self.history(origin_id):
            for received in batch:
                with suppress(HostileMessage):
                    last = decode(received.origin_id, received.headers, received.payload)
        return last

    async def publish(self, message: Message, expected: int) -> int:
        """Store ``message`` after the one with the sequence ``expected``. See `Carrier`."""
        headers = {**encode_headers(message), "Nats-Expected-Last-Subject-Sequence": str(expected)}
        answer = await self._request(self._subject(message.origin.id), message.payload, headers)
        self._check(answer)
        return int(answer["seq"])

    async def replay(self, after: Place | None) -> AsyncIterator[list[Received]]:
        """Yield stored and new messages. See `Carrier`."""
        start = 1
        if after is not None and _PLACE.fullmatch(" ".join(map(str, after))):  # not of a damaged file
            sequence, stored_ns = map(int, after)
            if await self._stored_ns(sequence) == stored_ns:
                start = sequence + 1
        async for batch in self._deliver(self._subject("*"), start, for_ever=True):
            yield batch

    async def history(self, origin_id: str) -> AsyncIterator[list[Received]]:
        """Yield what is stored of one origin. See `Carrier`."""
        async for batch in self._deliver(self._subject(origin_id), 1, for_ever=False):
            yield batch

    async def _deliver(self, subject: str, start: int, *, for_ever: bool) -> AsyncIterator[list[Received]]:
        """Yield the messages on ``subject`` from the sequence ``start`` on: those that are stored now, or for ever."""
        config = {
            "deliver_policy": "by_start_sequence",
            "opt_start_seq": start,
            "ack_policy": "none",
            "replay_policy": "instant",
            "filter_subject": subject,
            "inactive_threshold": int(_INACTIVE_S * _NS),
            "mem_storage": True,
        }
        created = await self._api(f"CONSUMER.CREATE.{self._stream}", {"stream_name": self._stream, "config": config})
        self._check(created)
        count = math.inf if for_ever else int(created["num_pending"])
        pull_subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{created['name']}"
        pull = {"batch": _PULL_MESSAGES, "expires": int(_PULL_S * _NS), "idle_heartbeat": int(_HEARTBEAT_S * _NS)}
        inbox = self._client.new_inbox()
        try:
            subscription = await self._client.subscribe(inbox, pending_msgs_limit=0, pending_bytes_limit=0)
        except (OSError, NatsError) as error:
            raise self._away(error) from None
        wanted, delivered = 0, 0
        try:
            while delivered < count:
                if wanted == 0:
                    await self._send(pull_subject, json.dumps(pull).encode(), reply=inbox)
                    wanted = _PULL_MESSAGES
                batch = list[Received]()
                while delivered < count and (not batch or subscription.pending_msgs):
                    message = await self._next(subscription, 2.5 * _HEARTBEAT_S)
                    status = (message.headers or {}).get("Status")
                    if is_delivery(message):  # a host may store a message with any status
                        received, number = parse_delivery(message)
                        if number != delivered + 1:
                            raise CarrierAway(f"{self._target} has left out messages")
                        delivered, wanted = number, wanted - 1
                        batch.append(received)
                    elif status in ("404", "408"):  # this pull has ended
                        wanted = 0
                        count = count if for_ever else delivered  # the rest was deleted meanwhile
                        break
                    elif status != "100":  # a heartbeat
                        raise CarrierAway(f"{self._target} has ended the delivery ({status})")
                if batch:
                    yield batch
        finally:
            with suppress(NatsError, OSError):
                await subscription.unsubscribe()

    async def announce(self, announcement: Announcement) -> None:
        """Tell all hosts that listen. See `Carrier`."""
        self._check_allowed(self._here(announcement.origin_id))
        await self._send(self._here(announcement.origin_id), announcement.data)

    async def announcements(self) -> AsyncIterator[Announcement]:
        """Yield what the hosts announce."""
        try:
            subscription = await self._client.subscribe(self._here("*"))
            async for message in subscription.messages:
                origin_id = message.subject.rpartition(".")[2]
                if is_origin_id(origin_id):
                    yield Announcement(origin_id, message.data)
        except (OSError, NatsError) as error:
            raise self._away(error) from None

    async def ask(self, topic: Topic, origin_id: str, question: bytes, limit_s: float) -> bytes:
        """Ask the host of an origin. See `Carrier`."""
        subject = self._asked(topic, origin_id)
        try:
            message = await self._ask(subject, question, limit_s)
        except NoRespondersError:
            raise NoAnswer(f"no host answers for {origin_id[:8]}") from None
        except TimeoutError:
            self._check_allowed(subject)
            limit = format_duration(round(limit_s * _NS))
            raise NoAnswer(f"{origin_id[:8]} has not answered within {limit}") from None
        except (OSError, NatsError) as error:
            raise self._away(error) from None
        return message.data

    async def answer(self, topic: Topic, origin_id: str, reply: Callable[[bytes], Awaitable[bytes | None]]) -> None:
        """Answer what hosts ask this origin. See `Carrier`."""
        subject = self._asked(topic, origin_id)
        try:
            subscription = await self._client.subscribe(subject)
        except (OSError, NatsError) as error:
            raise self._away(error) from None
        await self._flush()  # its ping may overtake the subscription,
        await self._flush()  # but after this one the engine has refused it, or never does
        self._check_allowed(subject)
        while True:
            message = await self._next(subscription, None)
            if _INBOX.fullmatch(message.reply):  # or who asks could have us write to a subject that is closed to them
                answer = await reply(message.data)
                if answer is not None:
                    await self._send(message.reply, answer)

    async def origins(self) -> list[str]:
        """Return the ids of the origins of which something is stored."""
        info = await self._api(f"STREAM.INFO.{self._stream}", {"subjects_filter": self._subject("*")})
        self._check(info)
        ids = (subject.rpartition(".")[2] for subject in info["state"].get("subjects") or {})
        return sorted(filter(is_origin_id, ids))

    async def delete(self, place: Place) -> None:
        """Delete a message. See `Store`."""
        sequence, stored_ns = map(int, place)
        if await self._stored_ns(sequence) == stored_ns:  # the store was not set back meanwhile
            self._check(await self._api(f"STREAM.MSG.DELETE.{self._stream}", {"seq": sequence}))

    def _subject(self, origin_id: str) -> str:
        return f"3am.{self._target.night}.log.{origin_id}"

    def _here(self, origin_id: str) -> str:
        return f"3am.{self._target.night}.here.{origin_id}"

    def _asked(self, topic: Topic, origin_id: str) -> str:
        return f"3am.{self._target.night}.{topic}.{origin_id}"

    async def _stored_ns(self, sequence: int) -> int | None:
        """Return when the engine has stored the message with this sequence; None if it has no such message."""
        answer = await self._api(f"STREAM.MSG.GET.{self._stream}", {"seq": sequence})
        return None if "message" not in answer else parse_time(answer["message"]["time"])

    async def _api(self, name: str, body: object = None) -> dict[str, Any]:
        return await self._request(f"$JS.API.{name}", b"" if body is None else json.dumps(body).encode(), None)

    def _check(self, answer: dict[str, Any]) -> None:
        """Raise the error that an answer holds."""
        code = error_code(answer)
        if code is None:
            return
        description = escape_unprintable(str(answer["error"].get("description", "")))[:200]
        if code == _WRONG_LAST_SEQUENCE:
            raise OutOfTurn(f"{self._target}: {description}")
        if code in _FULL:
            raise CarrierFull(f"{self._target} has no room for more lines ({description}): raise its limits")
        raise CarrierAway(f"{self._target} reports: {description}")
