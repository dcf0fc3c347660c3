"""Reads the whole log in the background: to count all lines, the filtered lines and the matches, and to fold.

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
from threeam.tui.line_counter import Counter, LineCounter

SLICE_S = 0.006  # of work between two rounds of the event loop
REPORT_INTERVAL_S = 0.15


def pause_after(seconds: float) -> float:
    """Return how long to let keys and frames come first after a step of work that took ``seconds``.

    One round of the event loop is enough after a usual step. A key needs many rounds: after a long step, which some
    patterns need for a chunk, it would wait for another long step in each.
    """
    return seconds if seconds > 4 * SLICE_S else 0


class BackgroundScan:
    """The line counters of a screen, and one more task that reads the whole log.

    ``on_progress`` is called on the screen's thread when there is something new to show. ``make_counter`` makes the
    counters of a filter and of a search, from now on.
    """

    def __init__(self, journal: Journal, on_progress: Callable[[], object]) -> None:
        self._journal = journal
        self._on_progress = on_progress
        self._task: asyncio.Task[None] | None = None
        self._end: Position | None = None
        self.line_index = ActivityIndex(journal)
        self.shown_counter: Counter | None = None
        self.match_counter: Counter | None = None
        self.make_counter: Callable[[LineFilter], Counter] = lambda line_filter: LineCounter(journal, line_filter)
        self.may_continue = asyncio.Event()  # cleared during a search, since the user waits for its result
        self.may_continue.set()
        self._extra_steps: Iterator[object] = iter(())
        self._extra_cost = 0

    def add_task(self, steps: Iterator[object], cost: int) -> None:
        """Run ``steps`` once, before the lines are counted if ``cost``, in bytes, is less than their count costs."""
        self._extra_steps, self._extra_cost = steps, cost

    def set_filters(self, shown_filter: LineFilter | None, match_filter: LineFilter | None) -> None:
        """Count the lines that pass these too, from the next `scan_to` on; None: there is no such filter."""
        if shown_filter != _filter_of(self.shown_counter):
            self.shown_counter = self._make_counter(shown_filter)
            self.stop()
        if match_filter != _filter_of(self.match_counter):
            self.match_counter = self._make_counter(match_filter)
            self.stop()

    def restart(self) -> None:
        """Start all counts from zero, since counted lines are not in the log any more."""
        self.stop()
        self.line_index = ActivityIndex(self._journal)
        self.shown_counter = self._make_counter(_filter_of(self.shown_counter))
        self.match_counter = self._make_counter(_filter_of(self.match_counter))

    def forget_filters(self) -> None:
        """Count what passes the filters from zero, since other lines are shown by now."""
        self.stop()
        self.shown_counter = self.match_counter = None

    def scan_to(self, end: Position) -> None:
        """Count up to ``end``, in the background."""
        self._end = end
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._scan())

    def stop(self) -> None:
        """Stop; the next `scan_to` continues from here."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def _make_counter(self, line_filter: LineFilter | None) -> Counter | None:
        return self.make_counter(line_filter) if line_filter else None

    async def _scan(self) -> None:
        end: Position | None = None
        while end != self._end and self._end is not None:
            if end is not None:  # more lines have come: a burst is counted a few times a second, not with every frame
                await asyncio.sleep(REPORT_INTERVAL_S)
            end = self._end
            for steps in self._tasks_up_to(end):
                try:
                    await self._run_steps(steps)
                except OSError:  # the follower reports it; the scan continues with the next lines
                    pass
            self._on_progress()

    def _tasks_up_to(self, end: Position) -> Iterator[Iterable[object]]:
        """Yield the work up to ``end``, each task as an iterable of steps: first the counts the user waits for."""
        for counter in (self.match_counter, self.shown_counter):
            if counter is not None:
                yield counter.count_to(end)
        if self._extra_cost < self.line_index.bytes_remaining(end):
            yield self._extra_steps
        yield self.line_index.count_to(end)
        yield self._extra_steps

    async def _run_steps(self, steps: Iterable[object]) -> None:
        began = reported = time.monotonic()
        for _ in steps:
            now = time.monotonic()
            if now - reported > REPORT_INTERVAL_S:
                reported = now
                self._on_progress()
            if now - began > SLICE_S:
                await asyncio.sleep(pause_after(now - began))
                await self.may_continue.wait()
                began = time.monotonic()


def _filter_of(counter: Counter | None) -> LineFilter | None:
    return counter.line_filter if counter is not None else None
