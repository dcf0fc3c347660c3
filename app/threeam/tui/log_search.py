"""A search of all open logs, on a thread beside the keys: how far it is, its result, and how it is ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from threading import Event
from typing import Generic, TypeVar

from threeam.core.errors import JournalError

T = TypeVar("T")


class _Ended(Exception):
    """The user has closed the page of the search."""


class LogSearch(Generic[T]):
    """A search that ``run`` makes. It is called on a thread, with a function for the bytes that were read so far.

    ``total_bytes``: how many there are. ``result``: None until it is known. ``problem``: why there is no result.
    ``cursor``: the line of the report on the result at which its page was left.
    """

    def __init__(self, run: Callable[[Callable[[int], None]], T], total_bytes: int) -> None:
        self._run = run
        self._end = Event()
        self.total_bytes = total_bytes
        self.bytes_read = 0
        self.result: T | None = None
        self.problem = ""
        self.cursor: int | None = None

    async def find(self) -> None:
        """Search, and wait for the result."""
        try:
            self.result = await asyncio.to_thread(self._run, self._note_progress)
        except _Ended:
            self.problem = "the search was ended"
        except (JournalError, OSError) as error:
            self.problem = str(error)

    def end(self) -> None:
        """Let the thread end at its next step."""
        self._end.set()

    def _note_progress(self, bytes_read: int) -> None:
        self.bytes_read = bytes_read
        if self._end.is_set():
            raise _Ended
