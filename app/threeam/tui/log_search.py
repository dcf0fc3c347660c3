"""A search of all open logs, on a thread beside the keys: how far it is, its result, and how it is ended."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from threading import Event
from typing import Generic, TypeVar

from threeam.core.errors import JournalError
from threeam.timeline.source import Source

T = TypeVar("T")


class _Ended(Exception):
    """The user has closed the page of the search."""


class LogSearch(Generic[T]):
    """A search that ``run`` makes. It is called on a thread with this search, begins steps, and notes how far it is.

    It gets what ``prepare`` has returned on the screen's thread: the logs as they were when the search began.
    ``result``: None until it is known. ``problem``: why there is no result. ``cursor``: the line of the report on the
    result at which its page was left.
    """

    def __init__(
        self,
        prepare: Callable[[LogSearch[T]], Awaitable[Sequence[Source]]],
        run: Callable[[LogSearch[T], Sequence[Source]], T],
    ) -> None:
        self._prepare = prepare
        self._run = run
        self._end = Event()
        self._step, self._total, self._done = "", 0, 0
        self.result: T | None = None
        self.problem = ""
        self.cursor: int | None = None

    @property
    def progress(self) -> str:
        """The step, and how much of it is done: ``searching for keys: 35 %``."""
        return f"{self._step}: {self._done * 100 // self._total} %" if self._total else self._step

    async def find(self) -> None:
        """Search, and wait for the result."""
        try:
            sources = await self._prepare(self)
            self.result = await asyncio.to_thread(self._run, self, sources)
        except _Ended:
            self.problem = "the search was ended"
        except (JournalError, OSError) as error:
            self.problem = str(error)

    def end(self) -> None:
        """Let the thread end when it notes its progress."""
        self._end.set()

    # For the functions of the search.

    def begin(self, step: str, total: int = 0) -> None:
        """Begin a step of ``total`` parts; 0: how many is not known. Raises an exception that ends the search."""
        self._step, self._total, self._done = step, total, 0
        self.note(0)

    def note(self, done: int) -> None:
        """Note how much of the step is done. Raises an exception that ends the search."""
        self._done = done
        if self._end.is_set():
            raise _Ended
