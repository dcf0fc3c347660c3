"""The contract of what carries messages between hosts, and how it fails."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import NamedTuple, Protocol

from threeam.core.errors import JournalError
from threeam.team.message import Message


class CarrierAway(JournalError):
    """An engine that cannot be reached, or has not answered in time: a message may be stored or not. Try again."""


class CarrierRefused(JournalError):
    """An engine that this user may not use so. The message says what to change; trying again soon does not help."""


class CarrierFull(JournalError):
    """An engine that has no room for the message. The message is not stored."""


class OutOfTurn(JournalError):
    """A message that is not stored, since another one was stored after the expected one."""


Place = tuple[int | str, ...]
"""A place in the order of the messages of a source, which alone can read it; JSON can hold it."""


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


class Source(Protocol):
    """An open connection from which messages come. Each method raises `CarrierAway` or `CarrierRefused`."""

    def replay(self, after: Place | None) -> AsyncIterator[list[Received]]:
        """Yield the stored messages of all origins in their order, and then each new one, for ever.

        ``after``: begin after this one, if the source still has it; otherwise begin with the first.
        """

    def announcements(self) -> AsyncIterator[Announcement]:
        """Yield what the hosts announce from now on."""

    async def wait_closed(self) -> None:
        """Wait until the connection is lost, and raise `CarrierAway`."""


class Carrier(Source, Protocol):
    """An open connection to an engine, which also takes the messages of this host."""

    async def last(self, origin_id: str) -> tuple[Message | None, int]:
        """Return the last message of an origin, and the sequence of what is last on its subject; else None and 0.

        The two differ if something was stored there that is no message of 3am.
        """

    def history(self, origin_id: str) -> AsyncIterator[list[Received]]:
        """Yield what is stored of one origin, in its order, and end with what is last now."""

    async def publish(self, message: Message, expected: int) -> int:
        """Store ``message`` if ``expected`` is the sequence of the last of its origin, and return its own sequence.

        Raises `OutOfTurn` or `CarrierFull`.
        """

    async def announce(self, announcement: Announcement) -> None:
        """Tell all hosts that listen. `CarrierRefused`: the engine did not allow the last one."""
