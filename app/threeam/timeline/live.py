"""New lines of several logs, held for a short time, so that a line that is written a little late has its place."""

from __future__ import annotations

import heapq
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from threeam.core.format.entry import NS_PER_S
from threeam.core.store.follow import MAX_POLL_S
from threeam.timeline.follow import SourceFollower
from threeam.timeline.source import FIRST_KEY, FIRST_NS, Key, PlacedLine, Source

MIN_HOLD_NS, MAX_HOLD_NS = NS_PER_S // 10, 2 * NS_PER_S
_MAX_AHEAD_NS = 86_400 * NS_PER_S


def behind(placed: PlacedLine, shown_ns: int) -> int:
    """Return by how much (ns) a line has come after one of ``shown_ns`` that is later for certain; 0 if none is.

    A timestamp of a second may mean any part of it.
    """
    if placed.timestamp is None or placed.is_continuation or shown_ns == FIRST_NS:
        return 0
    return shown_ns - placed.ns if placed.ns + placed.timestamp.resolution_ns <= shown_ns else 0


class HoldBuffer:
    """Lines that have arrived and are not shown yet, in the order of their places.

    A line is held for `hold_ns`: the largest lateness so far, within limits. A line that comes later than that is
    released at once. Times of arrival are those of any clock that only goes on (ns).

    A line that is stamped more than a day after ``wall_ns``, the time by this host, has a wrong timestamp. It is
    released after its hold, and no other line is late because of it.
    """

    def __init__(self, wall_ns: Callable[[], int] = time.time_ns) -> None:
        self._wall_ns = wall_ns
        self._ahead: deque[tuple[int, PlacedLine]] = deque()
        self._heap: list[tuple[Key, PlacedLine]] = []
        self._arrivals: deque[tuple[int, Key]] = deque()  # when lines arrived, and the last place of them
        self._shown_ns = FIRST_NS  # the latest instant that was released
        self._largest_lateness_ns = 0
        self.late_count = 0  # lines that came after a later one was released

    @property
    def hold_ns(self) -> int:
        """For how long a new line is held."""
        return min(MAX_HOLD_NS, max(MIN_HOLD_NS, self._largest_lateness_ns))

    @property
    def shown_ns(self) -> int:
        """The latest instant of the lines that were released."""
        return self._shown_ns

    def add(self, lines: Sequence[PlacedLine], now_ns: int) -> None:
        """Hold ``lines``, which have arrived at ``now_ns``."""
        limit_ns = self._wall_ns() + _MAX_AHEAD_NS
        self._ahead.extend((now_ns, placed) for placed in lines if placed.ns > limit_ns)
        lines = [placed for placed in lines if placed.ns <= limit_ns]
        if lines:
            self._arrivals.append((now_ns, max(placed.key for placed in lines)))
        for placed in lines:
            heapq.heappush(self._heap, (placed.key, placed))
            if not placed.is_continuation and placed.timestamp is not None:
                behind_ns = behind(placed, self._shown_ns)
                self._largest_lateness_ns = max(self._largest_lateness_ns, placed.lateness_ns, behind_ns)
                self.late_count += behind_ns > 0

    def release(self, now_ns: int) -> list[PlacedLine]:
        """Return the lines whose hold is over at ``now_ns``, and all that are earlier on the timeline, in order."""
        arrived_before_ns = now_ns - self.hold_ns
        last = FIRST_KEY
        while self._arrivals and self._arrivals[0][0] <= arrived_before_ns:
            last = max(last, self._arrivals.popleft()[1])
        released = list[PlacedLine]()
        while self._heap and (self._heap[0][0].ns < self._shown_ns or self._heap[0][0] <= last):
            released.append(heapq.heappop(self._heap)[1])
        if released:
            self._shown_ns = max(self._shown_ns, released[-1].ns)
        while self._ahead and self._ahead[0][0] <= arrived_before_ns:
            released.append(self._ahead.popleft()[1])
        return released

    def next_release_ns(self) -> int | None:
        """Return when the hold of a line is over next, by the clock of the arrivals; None if no line is held."""
        arrivals = [self._arrivals[0][0]] if self._heap else []
        arrivals += [arrived_ns for arrived_ns, _ in self._ahead]
        return min(arrivals) + self.hold_ns if arrivals else None


class LiveSources:
    """Follows ``sources``, each in a daemon thread, and calls ``on_lines`` there with what was appended.

    ``on_lines`` gets the follower, whose ``source`` and ``problem`` are current, and its new lines in file order.
    """

    def __init__(
        self, sources: Sequence[Source], on_lines: Callable[[SourceFollower, list[PlacedLine]], object]
    ) -> None:
        self._on_lines = on_lines
        self._followers = [SourceFollower(source) for source in sources if source.file.followed_path]
        self._stopped = threading.Event()

    def start(self) -> None:
        """Start the threads."""
        for follower in self._followers:
            threading.Thread(target=self._run, args=(follower,), name="follow source", daemon=True).start()

    def stop(self) -> None:
        """End the threads. They are not waited for."""
        self._stopped.set()
        for follower in self._followers:
            follower.wake()

    def _run(self, follower: SourceFollower) -> None:
        problem = ""
        while not self._stopped.is_set():
            lines = follower.read()
            if lines or follower.problem != problem:
                problem = follower.problem
                self._on_lines(follower, lines)
            if not lines:
                follower.wait(MAX_POLL_S)
        follower.close()
