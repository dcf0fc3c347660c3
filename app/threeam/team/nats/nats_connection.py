"""A connection to a server of NATS: requests with a time limit, and what the server has refused.

A lost connection is never restored by the client library, which would send what it has buffered.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import ssl
from contextlib import suppress
from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import AuthorizationError, NoRespondersError
from nats.errors import Error as NatsError

from threeam.core.format.escape import escape_unprintable
from threeam.team.carrier import CarrierAway, CarrierRefused
from threeam.team.nats.nats_target import Credentials, Target

_ANSWER_S = 5.0  # s; a server that has not answered by then is away
_FLUSH_S = 5  # s
_CONNECT_S = 5.0  # s
_PING_S = 5  # s; after two pings without an answer the connection is lost
_MAX_DENIED = 100
_ERRNO = re.compile(r"\[Errno (\d+)\]")  # in an error that names several addresses
_SUBJECT_TOKEN = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


class NatsConnection:
    """A connection to the server of ``target``. Its methods raise `CarrierAway` or `CarrierRefused`."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._client = Client()
        self._lost = asyncio.Event()
        self._last_error: Exception | None = None
        self._denied = set[str]()  # what the engine has forbidden on this connection

    async def open(self, credentials: Credentials) -> None:
        """Connect. Raises `CarrierAway` or `CarrierRefused`."""
        logging.getLogger("asyncio").addFilter(_is_for_the_user)
        uses_tls = self._target.tls or credentials.ca is not None or credentials.cert is not None
        address = str(self._target._replace(tls=uses_tls)).rpartition("/")[0]
        try:
            async with asyncio.timeout(_CONNECT_S):
                await self._client.connect(
                    address,
                    error_cb=self._note_error,
                    closed_cb=self._note_closed,
                    disconnected_cb=self._note_closed,
                    name="3am",
                    allow_reconnect=False,
                    connect_timeout=3,
                    max_reconnect_attempts=1,
                    reconnect_time_wait=0,
                    ping_interval=_PING_S,
                    tls=credentials.ssl_context() if uses_tls else None,
                    tls_hostname=self._target.host if uses_tls else None,
                    user=credentials.user,
                    password=credentials.password,
                    inbox_prefix=_inbox_prefix(credentials.user),
                )
            _end_if_cancelled()
        except (OSError, NatsError, TimeoutError, ssl.SSLError) as error:
            raise self._connection_error(self._last_error or error, credentials) from None

    def _connection_error(self, error: Exception, credentials: Credentials) -> CarrierAway | CarrierRefused:
        where = str(self._target)
        if isinstance(error, AuthorizationError) or "authorization violation" in str(error).lower():
            file = credentials.path or "~/.config/3am/team.toml"
            return CarrierRefused(f"{where} does not accept this user or password: correct {file}")
        if isinstance(error, ssl.SSLCertVerificationError):
            reason = error.verify_message
            return CarrierRefused(
                f"the certificate of {where} is not valid ({reason}): renew it, or correct ca in the file"
            )
        if isinstance(error, ssl.SSLError):
            return CarrierRefused(
                f"{where} and this host cannot agree on TLS ({error.reason}): compare the certificates"
            )
        return CarrierAway(f"{where} cannot be reached: {escape_unprintable(_reason(error))}")

    async def close(self) -> None:
        """Close the connection; what is still buffered is dropped or sent, and read back by the next session."""
        with suppress(OSError, NatsError, TimeoutError, asyncio.CancelledError):
            await asyncio.wait_for(self._client.close(), _ANSWER_S)

    async def wait_closed(self) -> None:
        """Wait until the connection is lost, and raise `CarrierAway`."""
        await self._lost.wait()
        raise CarrierAway(f"the connection to {self._target} is lost")

    async def _send(self, subject: str, data: bytes, *, reply: str = "") -> None:
        try:
            await self._client.publish(subject, data, reply=reply)
        except (OSError, NatsError) as error:
            raise self._away(error) from None

    def _away(self, error: Exception) -> CarrierAway:
        return CarrierAway(f"{self._target} cannot be reached: {escape_unprintable(str(error))}")

    async def _next(self, subscription: Any, limit_s: float | None) -> Msg:
        try:
            message: Msg = await subscription.next_msg(timeout=limit_s)
            _end_if_cancelled()
        except TimeoutError:
            raise CarrierAway(f"{self._target} does not answer") from None
        except (OSError, NatsError) as error:
            raise self._away(error) from None
        return message

    async def _flush(self) -> None:
        try:
            await self._client.flush(_FLUSH_S)
            _end_if_cancelled()
        except (OSError, NatsError, TimeoutError) as error:
            raise self._away(error) from None

    async def _ask(self, subject: str, payload: bytes, limit_s: float, headers: dict[str, str] | None = None) -> Msg:
        message: Msg = await self._client.request(subject, payload, timeout=limit_s, headers=headers)
        _end_if_cancelled()
        return message

    async def _request(self, subject: str, payload: bytes, headers: dict[str, str] | None) -> dict[str, Any]:
        try:
            message = await self._ask(subject, payload, _ANSWER_S, headers)
            answer: dict[str, Any] = json.loads(message.data)
        except NoRespondersError:
            raise CarrierAway(f"{self._target} has no JetStream, or has lost the store of this night") from None
        except TimeoutError:
            self._check_allowed(subject)
            raise CarrierAway(f"{self._target} does not answer") from None
        except (OSError, NatsError, ValueError) as error:
            raise self._away(error) from None
        return answer

    def _check_allowed(self, subject: str) -> None:
        """Raise `CarrierRefused` if the engine has forbidden this user to use ``subject``, or to receive answers.

        Each refusal is raised once: the right may return.
        """
        for denied in self._denied:
            if subject.lower() in denied or "_inbox" in denied:  # nats-py reports it in small letters
                self._denied.remove(denied)
                named = denied.replace(subject.lower(), subject)  # subjects are case-sensitive
                raise CarrierRefused(
                    f"{self._target} does not allow this user what 3am needs ({named}): ask its administrator"
                ) from None

    async def _note_error(self, error: Exception) -> None:
        self._last_error = error
        if "permissions violation" in str(error).lower() and len(self._denied) < _MAX_DENIED:
            self._denied.add(escape_unprintable(str(error).partition(":")[2].strip().partition(" over")[0])[:200])

    async def _note_closed(self) -> None:
        self._lost.set()


def _end_if_cancelled() -> None:
    """Raise `CancelledError` if the task was cancelled.

    `asyncio.wait_for` of Python 3.11, which nats-py uses, forgets a cancel that comes at the same moment as the answer.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _is_for_the_user(record: logging.LogRecord) -> bool:
    """Return False for a warning of asyncio at each end of a TLS connection that nats-py has opened."""
    return "eof_received() has no effect" not in str(record.msg)


def _reason(error: Exception) -> str:
    """Return why a connection failed: asyncio puts addresses in Python's form into the text of an error."""
    if isinstance(error, TimeoutError):
        return "no answer"
    number = getattr(error, "errno", None) or next(map(int, _ERRNO.findall(str(error))), 0)
    return os.strerror(number) if number > 0 else getattr(error, "strerror", None) or str(error)


def _inbox_prefix(user: str | None) -> str:
    """Return the beginning of the subjects to which answers come: a user may be allowed to hear only their own."""
    return f"_INBOX.{user}" if user is not None and _SUBJECT_TOKEN.fullmatch(user) else "_INBOX"
