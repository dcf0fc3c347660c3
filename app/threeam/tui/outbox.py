"""What has been asked for and not been answered yet."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from threeam.core.draft import Draft


@dataclass(eq=False)
class Ticket:
    """A draft on its way through the bridge.

    ``what`` names it in a notice; ``from_box``: its text stands in the input box until it is answered.
    Setting ``abandoned`` takes it back for as long as it waits for the lock. ``answered`` is set by
    the writer's thread, and ``landed`` before it, if the text is in the log (or may be). ``waits``: it was seen
    to wait for the lock, and its person was told so.
    """

    draft: Draft
    what: str
    from_box: bool = False
    abandoned: threading.Event = field(default_factory=threading.Event)
    answered: threading.Event = field(default_factory=threading.Event)
    landed: bool = False
    waits: bool = False


class Outbox:
    """The tickets that have not been answered, in their order."""

    def __init__(self, send: Callable[[Ticket], None]) -> None:
        self._send = send
        self._tickets: list[Ticket] = []

    def __len__(self) -> int:
        return len(self._tickets)

    def submit(self, ticket: Ticket) -> bool:
        """Sends ``ticket``, unless its like waits: a key hit again meanwhile is no second wish."""
        if any(one.what == ticket.what and one.waits for one in self._tickets):
            return False
        self._tickets.append(ticket)
        self._send(ticket)
        return True

    def answered(self, ticket: Ticket) -> None:
        """Strikes ``ticket`` off."""
        if ticket in self._tickets:
            self._tickets.remove(ticket)

    def take_back(self) -> bool:
        """Takes back all that still wait; gives whether there were any."""
        waiting = [ticket for ticket in self._tickets if not ticket.abandoned.is_set()]
        for ticket in waiting:
            ticket.abandoned.set()
        return bool(waiting)

    def close(self, timeout: float) -> list[Ticket]:
        """Takes all back, and gives those that landed all the same, waiting at most ``timeout`` seconds for each."""
        self.take_back()
        return [ticket for ticket in self._tickets if ticket.answered.wait(timeout) and ticket.landed]
