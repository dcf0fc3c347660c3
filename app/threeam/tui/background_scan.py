"""What is read from end to end in the background: for the count of all lines, of those that are shown and of those
that the search finds, and for the state.

It runs in the screen's own thread, a few milliseconds at a time between two keys: a thread of its own would take
as long, and the keys would wait for it all the same.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator

from threeam.core.store.filters import LineFilter
from threeam.core.store.journal import Journal, Position
from threeam.tui.histogram import ActivityIndex
from threeam.tui.line_counter import LineCounter

SLICE_S = 0.006  # s of work between two looks at what else is to be done
REPORT_INTERVAL_S = 0.15  # s between two reports


def pause_after(seconds: float) -> float:
    """Return how long to let keys and frames come first after a step of work that took ``seconds``.

    One round of the event loop is enough after a usual step. A key needs many rounds: after a long step, which some
    patterns need for a block, it would wait for as many more of them.
    """
    return seconds if seconds > 4 * SLICE_S else 0


class BackgroundScan:
    """The tallies of a screen, and one thing more (`also`) that has to read the whole log.

    ``tell`` is called when there is something new to show, on the screen's thread.
    """

    def __init__(self, journal: Journal, on_progress: Callable[[], object]) -> None:
        self._journal = journal
        self._on_progress = on_progress
        self._task: asyncio.Task[None] | None = None
        self._end: Position | None = None
        self.line_index = ActivityIndex(journal)
        self.shown_counter: LineCounter | None = None
        self.match_counter: LineCounter | None = None
        self.may_continue = asyncio.Event()  # not while a search is under way: somebody waits for that
        self.may_continue.set()
        self._extra_steps: Iterator[object] = iter(())
        self._extra_cost = 0

    def add_task(self, steps: Iterator[object], cost: int) -> None:
        """Takes ``steps`` too, once, before or after the lines: what costs less comes first, in bytes to be counted."""
        self._extra_steps, self._extra_cost = steps, cost

    def set_filters(self, shown: LineFilter | None, found: LineFilter | None) -> None:
        """Counts these as well, from the next `count_to` on (None: nothing of the kind)."""
        if shown != (self.shown_counter.line_filter if self.shown_counter else None):
            self.shown_counter = LineCounter(self._journal, shown) if shown else None
            self.stop()
        if found != (self.match_counter.line_filter if self.match_counter else None):
            self.match_counter = LineCounter(self._journal, found) if found else None
            self.stop()

    def restart(self) -> None:
        """Begins again: what was counted is not in the log any more."""
        self.stop()
        self.line_index = ActivityIndex(self._journal)
        self.shown_counter = LineCounter(self._journal, self.shown_counter.line_filter) if self.shown_counter else None
        self.match_counter = LineCounter(self._journal, self.match_counter.line_filter) if self.match_counter else None

    def scan_to(self, end: Position) -> None:
        """Counts up to ``end``, in the background."""
        self._end = end
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._scan())

    def stop(self) -> None:
        """Lets it be; what was under way goes on from where it was when `count_to` is called again."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _scan(self) -> None:
        end: Position | None = None
        while end != self._end and self._end is not None:
            if end is not None:  # more has come meanwhile: a burst is counted now and then, and not with every frame
                await asyncio.sleep(REPORT_INTERVAL_S)
            end = self._end
            for steps in self._tasks_up_to(end):
                try:
                    await self._run_steps(steps)
                except OSError:  # whoever reads the lines tells of it, and it is counted on with the next ones
                    pass
            self._on_progress()

    def _tasks_up_to(self, end: Position) -> Iterator[Iterable[object]]:
        """What is to be read up to ``end``, in steps: the search first, since somebody waits for it."""
        for tally in filter(None, (self.match_counter, self.shown_counter)):
            yield tally.count_to(end)
        if self._extra_cost < self.line_index.bytes_remaining(end):
            yield self._extra_steps
        yield self.line_index.count_to(end)
        yield self._extra_steps

    async def _run_steps(self, steps: Iterable[object]) -> None:
        began = told = time.monotonic()
        for _ in steps:
            now = time.monotonic()
            if now - told > REPORT_INTERVAL_S:
                told = now
                self._on_progress()
            if now - began > SLICE_S:
                await asyncio.sleep(pause_after(now - began))
                await self.may_continue.wait()
                began = time.monotonic()
