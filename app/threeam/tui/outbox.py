"""What has been asked for and not been answered yet."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from threeam.core.draft import Draft
from threeam.core.locked_log import Block


@dataclass(eq=False)
class Ticket:
    """A draft on its way through the bridge.

    ``what`` names it in a notice; ``words``: the text in the input box that it is, which stays there until it is
    answered (None: it came from a key). Setting ``abandoned`` takes it back for as long as it waits for the lock.
    ``answered`` is set by the writer's thread, and ``landed`` before it, if the text is in the log (or may be).
    ``block``: what it became, as soon as it was put there. ``beside``: a file that it names; it goes where it is
    refused.
    """

    draft: Draft
    what: str
    words: str | None = None
    abandoned: threading.Event = field(default_factory=threading.Event)
    answered: threading.Event = field(default_factory=threading.Event)
    landed: bool = False
    block: Block | None = None
    beside: str = ""


class Outbox:
    """The tickets that have not been answered, in their order.

    ``blocked``: the first of them is seen to wait for the lock, and its person was told so.
    """

    def __init__(self, send: Callable[[Ticket], None]) -> None:
        self.blocked = False
        self._send = send
        self._tickets: list[Ticket] = []

    def __len__(self) -> int:
        return len(self._tickets)

    def submit(self, ticket: Ticket) -> bool:
        """Sends ``ticket``, unless its like waits for the lock: a key hit again meanwhile is no second wish."""
        if self.blocked and any(one.what == ticket.what for one in self._tickets):
            return False
        self._tickets.append(ticket)
        self._send(ticket)
        return True

    def answered(self, ticket: Ticket) -> bool:
        """Strikes ``ticket`` off, once. Where it was taken back, those behind it wait on for the same lock."""
        if ticket not in self._tickets:
            return False
        self._tickets.remove(ticket)
        self.blocked = self.blocked and ticket.abandoned.is_set() and bool(self._tickets)
        return True

    def take_back(self) -> bool:
        """Takes back all that still wait; gives whether there were any."""
        waiting = [ticket for ticket in self._tickets if not ticket.abandoned.is_set()]
        for ticket in waiting:
            ticket.abandoned.set()
        return bool(waiting)

    def close(self, timeout: float) -> list[Ticket]:
        """Takes all back, waits at most ``timeout`` seconds in all, and gives those that landed all the same."""
        self.take_back()
        deadline = time.monotonic() + timeout
        for ticket in self._tickets:
            ticket.answered.wait(max(0.0, deadline - time.monotonic()))
        return [ticket for ticket in self._tickets if ticket.landed]
