"""A thread that tells an event loop when the log may have changed."""

from __future__ import annotations

import asyncio
import threading

from threeam.core.errors import FileUnusable
from threeam.core.store.file_watcher import FileWatcher
from threeam.core.store.journal import Journal

_LONGEST_WAIT_S = 60.0  # s


class LogWatch:
    """A watch of the log of ``journal``, until `close`. `changed` is set after each change."""

    def __init__(self, journal: Journal) -> None:
        self.changed = asyncio.Event()
        self._journal = journal
        self._loop = asyncio.get_running_loop()
        self._watcher = FileWatcher(journal.log_path, poll_interval_s=0.05)
        self._closed = False
        self._thread = threading.Thread(target=self._watch, name="log watch", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._closed = True
        self._watcher.wake()
        self._thread.join()
        self._watcher.close()

    def _watch(self) -> None:
        while not self._closed:
            self._watcher.mark_seen()
            try:
                live = self._journal.open_live()
            except FileUnusable:  # the publisher meets and reports the same error
                live = None
            if live is not None:
                self._watcher.follow(live)
            self._loop.call_soon_threadsafe(self.changed.set)
            self._watcher.wait(_LONGEST_WAIT_S)
