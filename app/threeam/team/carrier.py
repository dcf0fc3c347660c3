"""The contract of what carries messages between hosts, and how it fails."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from enum import StrEnum
from typing import NamedTuple, Protocol

from threeam.core.errors import JournalError
from threeam.team.messages.message import Message


class CarrierAway(JournalError):
    """An engine that cannot be reached, or has not answered in time: a message may be stored or not. Try again."""


class CarrierRefused(JournalError):
    """A request that this user has no right to make. The message says what to change; trying soon again fails too."""


class CarrierFull(JournalError):
    """An engine that has no room for the message. The message is not stored."""


class OutOfTurn(JournalError):
    """A message that is not stored, since another one was stored after the expected one."""


Place = tuple[int | str, ...]
"""A place in the order of the messages of a source, which alone can read it; JSON can hold it."""


class NoAnswer(JournalError):
    """A question that the other host has not answered in time: it is away, stands still, or knows no such question."""


class Topic(StrEnum):
    """A kind of question. Each has subjects of its own, so that an engine can allow it by itself."""

    CLOCK = "clock"
    BLANK = "blank"


class Received(NamedTuple):
    """A message as it came, not checked yet. ``place``: the place behind it."""

    origin_id: str
    headers: Mapping[str, str]
    payload: bytes
    place: Place


class Announcement(NamedTuple):
    """Bytes that the origin with this id has told all hosts that listened; not stored, not checked yet."""

    origin_id: str
    data: bytes


class MessageSource(Protocol):
    """An open connection from which messages come. Each method raises `CarrierAway` or `CarrierRefused`."""

    def replay(self, after: Place | None) -> AsyncIterator[list[Received]]:
        """Yield the stored messages of all origins in their order, and then each new one, for ever.

        ``after``: begin after this one, if the source still has it; otherwise begin with the first.
        """

    def announcements(self) -> AsyncIterator[Announcement]:
        """Yield what the hosts announce from now on."""

    async def ask(self, topic: Topic, origin_id: str, question: bytes, limit_s: float) -> bytes:
        """Return what the host of this origin answers to ``question``, as it came. Raises `NoAnswer` after ``limit_s``.

        `CarrierRefused`: this user may not ask about ``topic``.
        """

    async def wait_closed(self) -> None:
        """Wait until the connection is lost, and raise `CarrierAway`."""


class Carrier(MessageSource, Protocol):
    """An open connection to an engine, which also takes the messages of this host."""

    async def last(self, origin_id: str) -> tuple[Message | None, int]:
        """Return the last message of an origin, and the sequence of what is last on its subject; else None and 0.

        The sequence is a later one if something else than a message of 3am was stored there.
        """

    def history(self, origin_id: str) -> AsyncIterator[list[Received]]:
        """Yield what is stored of one origin, in its order, and end with what is last now."""

    async def publish(self, message: Message, expected: int) -> int:
        """Store ``message`` if ``expected`` is the sequence of the last of its origin, and return its own sequence.

        Raises `OutOfTurn` or `CarrierFull`.
        """

    async def announce(self, announcement: Announcement) -> None:
        """Tell all hosts that listen. `CarrierRefused`: the engine did not allow the last one."""

    async def answer(self, topic: Topic, origin_id: str, reply: Callable[[bytes], Awaitable[bytes | None]]) -> None:
        """Answer with ``reply`` what hosts ask this origin, for ever, one question after the other.

        A question comes as it is sent, and is not checked. To one of which ``reply`` returns None there is no answer.
        `CarrierRefused`: this user may not answer about ``topic``.
        """


class Store(Carrier, Protocol):
    """A connection of the administrator of an engine."""

    async def origins(self) -> list[str]:
        """Return the ids of the origins of which something is stored."""

    async def delete(self, place: Place) -> None:
        """Delete the message that ends at ``place``, so that its bytes are nowhere in the store."""
