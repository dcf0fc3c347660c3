"""The write requests that have no answer yet."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from threeam.core.write.draft import Draft
from threeam.core.write.locked_log import Block
from threeam.tui.prompts import BoxKind

_FACT_S = 1.5  # how long quitting waits for a line about something that has happened


@dataclass(eq=False)
class Outgoing:
    """A text of the input box, from its Enter until it is written or comes back; ``kind``: of its box."""

    kind: BoxKind
    text: str


@dataclass(eq=False)
class WriteRequest:
    """A draft on its way through the bridge.

    ``title`` names it in a notice. ``outgoing`` is the text of the input box that it writes, which is kept there until
    the answer (None: a key asked for it). ``on_written`` is called on the screen with the block when that is in the
    log, or may be; ``on_refused`` if it is not. Setting ``cancelled`` takes it back while it waits for the lock.
    The writer's thread sets ``answered``, and ``written`` before it, if the text is in the log (or may be). ``block``
    is set as soon as it is appended. ``attachments``: the paths of files that the draft names, which are removed if the
    request is refused. ``is_irrevocable``: the draft reports something that has happened, so it cannot be taken back.
    """

    draft: Draft
    title: str
    outgoing: Outgoing | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)
    answered: threading.Event = field(default_factory=threading.Event)
    written: bool = False
    block: Block | None = None
    attachments: tuple[str, ...] = ()
    is_irrevocable: bool = False
    on_written: Callable[[Block], object] | None = None
    on_refused: Callable[[], object] | None = None

    def remove_attachments(self) -> None:
        """Remove the files that it names, since no line names them. Raises OSError."""
        for path in self.attachments:
            with suppress(FileNotFoundError):  # another process removed it
                os.unlink(path)


class Outbox:
    """The requests without an answer, in their order.

    ``is_blocked``: the screen shows that the first of them waits for the lock, or for room on the disk.
    ``wait_shown_s``: when that was first shown.
    """

    def __init__(self, send: Callable[[WriteRequest], None]) -> None:
        self.is_blocked = False
        self.wait_shown_s = 0.0  # on the monotonic clock
        self._send = send
        self._requests: list[WriteRequest] = []
        self._taken_back: list[WriteRequest] = []  # and not told of yet

    def __len__(self) -> int:
        return len(self._requests)

    def submit(self, request: WriteRequest) -> None:
        """Send ``request``, behind those that wait: each press of a key is one line."""
        self._requests.append(request)
        self._send(request)

    def remove(self, request: WriteRequest) -> bool:
        """Remove ``request``; return False if that was done before. If it was cancelled, those behind it still wait."""
        if request not in self._requests:
            return False
        self._requests.remove(request)
        self.is_blocked = self.is_blocked and request.cancelled.is_set() and bool(self._requests)
        return True

    def record_wait_shown(self) -> None:
        """Record that the screen shows now that the first request waits for the lock or for disk space."""
        if not self.is_blocked:
            self.is_blocked, self.wait_shown_s = True, time.monotonic()

    def cancel_waiting(self) -> bool:
        """Cancel all that still wait; return whether there were any."""
        waiting = [request for request in self._requests if not (request.cancelled.is_set() or request.is_irrevocable)]
        for request in waiting:
            request.cancelled.set()
        self._taken_back += waiting
        return bool(waiting)

    def all_taken_back(self) -> list[WriteRequest]:
        """Return what was taken back and is not written, once, when each of them has its answer."""
        if any(request in self._requests for request in self._taken_back):
            return []
        requests, self._taken_back = self._taken_back, []
        return [request for request in requests if not request.written]

    def close(self, timeout: float) -> list[WriteRequest]:
        """Take back all that can be, and wait at most ``timeout`` seconds; return all that were waiting."""
        self.cancel_waiting()
        has_fact = any(request.is_irrevocable for request in self._requests)
        deadline = time.monotonic() + (_FACT_S if has_fact else timeout)
        for request in self._requests:
            request.answered.wait(max(0.0, deadline - time.monotonic()))
        return list(self._requests)
