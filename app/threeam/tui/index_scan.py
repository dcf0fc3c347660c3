"""The scan of the open logs for late lines, a few milliseconds at a time between two keys: each log gets its index."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from threeam.core.errors import FileUnusable
from threeam.timeline.time_index import TimeIndex
from threeam.tui.background_scan import SLICE_S, pause_after
from threeam.tui.services import ScreenServices

if TYPE_CHECKING:
    from threeam.timeline.open_logs import OpenLog, OpenLogs
    from threeam.timeline.source import Source


class IndexScan:
    """Scans each of ``logs`` that has timestamps, and keeps its index in its source.

    ``may_scan``: cleared while the user waits for something else. ``on_moved_lines`` is called when the index of a log
    shows that its lines have other places.
    """

    def __init__(
        self, screen: ScreenServices, logs: OpenLogs, may_scan: asyncio.Event, on_moved_lines: Callable[[], object]
    ) -> None:
        self.logs = logs
        self._screen = screen
        self._may_scan = may_scan
        self._on_moved_lines = on_moved_lines
        self._indexes: dict[Source, TimeIndex] = {}  # of files that are not scanned to their end yet
        self._unreadable: dict[Source, str] = {}  # and why
        self._is_running = False
        self._has_advanced = asyncio.Event()

    def index_of(self, source: Source) -> TimeIndex | None:
        """Return the index of a log, as far as it was scanned; None if that has not begun."""
        return self._indexes.get(source) if source.index is None else source.index

    def start(self) -> None:
        """Scan the logs that have no index. A scan that runs finds new ones by itself."""
        if not self._is_running:
            self._is_running = True
            self._screen.start_worker(self._scan_all, "late lines")

    async def wait_for_indexes(self, on_progress: Callable[[int], None]) -> None:
        """Wait until all logs with timestamps have their indexes. Raises `FileUnusable` if one cannot be read.

        ``on_progress`` is called with the number of bytes that were scanned so far, and may raise to end the wait.
        """
        self._unreadable.clear()
        self.start()
        while self._is_running:
            indexes = map(self.index_of, self.logs.sources)
            on_progress(sum(index.end for index in indexes if index is not None))
            await self._has_advanced.wait()
        for source in self.logs.sources:
            if source in self._unreadable:
                raise FileUnusable(self._unreadable[source])

    async def _scan_all(self) -> None:
        try:
            while (log := self._next_log()) is not None:
                await self._scan(log)
        finally:
            self._is_running = False
            self._advance()

    def _next_log(self) -> OpenLog | None:
        return next((log for log in self.logs.logs if log.source is not None and self._is_unscanned(log.source)), None)

    def _is_unscanned(self, source: Source) -> bool:
        return source.detection is not None and source.index is None and source not in self._unreadable

    async def _scan(self, log: OpenLog) -> None:
        """Scan a log up to its end. It may be closed meanwhile."""
        source = log.source
        assert source is not None
        assert source.detection is not None
        index = self._indexes[source] = TimeIndex(source.segment, source.detection.reader)
        began = time.monotonic()
        try:
            while index.end < source.end:
                end = index.end
                for _ in index.scan(source.end):
                    now = time.monotonic()
                    if now - began > SLICE_S:
                        self._advance()
                        await asyncio.sleep(pause_after(now - began))
                        await self._may_scan.wait()
                        began = time.monotonic()
                        if log not in self.logs.logs:
                            return
                if index.end == end:  # the file was cut off
                    break
        except OSError as error:
            log.problem = self._unreadable[source] = f"{log.path} cannot be read: {error.strerror}"
            return
        finally:
            del self._indexes[source]
        source.index = index
        if index.late_count or index.steps or index.repeated_hours:
            self._on_moved_lines()

    def _advance(self) -> None:
        """Wake those who wait for the indexes."""
        self._has_advanced.set()
        self._has_advanced = asyncio.Event()
