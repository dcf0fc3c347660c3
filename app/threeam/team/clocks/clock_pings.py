"""Pings between the hosts of a team: each host asks each other one for the time, and knows how its clock compares."""

from __future__ import annotations

import asyncio
import itertools
import re
import time
from collections.abc import Callable, Collection

from threeam.core.store.journal import Journal
from threeam.team.carrier import Carrier, CarrierRefused, MessageSource, NoAnswer, Topic
from threeam.team.clocks.clock_offset import ClockTrack, Offset, Reading, Span, Step, measured_offset
from threeam.team.clocks.host_clocks import ClockFile
from threeam.team.team_status import ClockStatus, TeamStatus

_FIRST_PINGS = 64  # one of them meets no queue
_FIRST_PAUSE_S = 0.02  # s; between these
_PAUSE_S = 1.0  # s; the bound grows by 0.1 ms in that time
_PAUSE_FOR_EACH_HOST_S = 0.5  # s; this host sends two pings a second at most
_LIMIT_S = 1.0  # s
_LOOK_S = 1.0  # s; between looks at who is there
_NOTE_NS = 10 * 10**9  # between two notes of what is measured
_ANSWER = re.compile(rb"(\d{1,19}) (\d{1,19})")


def read_clock() -> Reading:
    """Return the time."""
    return Reading(time.time_ns(), time.monotonic_ns())


class ClockPings:
    """The pings of this host, and its answers. They live longer than a connection.

    ``connected``: returns the ids of the hosts that are there. What is measured goes into ``status``, and into a file
    for each host.
    """

    def __init__(
        self,
        journal: Journal,
        status: TeamStatus,
        connected: Callable[[], Collection[str]],
        read: Callable[[], Reading] = read_clock,
    ) -> None:
        self._journal = journal
        self._status = status
        self._connected = connected
        self._read = read
        self._clocks: dict[str, _OtherClock] = {}

    async def answer(self, carrier: Carrier, origin_id: str) -> None:
        """Answer the pings to ``origin_id``, that of this host, until the connection is lost. Raises `CarrierAway`."""
        try:
            await carrier.answer(Topic.CLOCK, origin_id, self._tell_time)
        except CarrierRefused as refused:
            self._status.note(f"other hosts cannot measure the clock of this host: {refused}")

    async def run(self, source: MessageSource) -> None:
        """Ping the hosts that are there until the connection is lost. Raises `CarrierAway`."""
        pinged: dict[str, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as group:
            while True:
                for origin_id in self._connected():
                    if origin_id not in pinged:
                        pinged[origin_id] = group.create_task(self._ping_host(source, origin_id))
                pinged = {origin_id: task for origin_id, task in pinged.items() if not task.done()}
                await asyncio.sleep(_LOOK_S)

    def close(self) -> None:
        """Write what was measured last."""
        try:
            for clock in self._clocks.values():
                clock.write()
        except OSError as error:
            self._note_failure(error)

    async def _tell_time(self, question: bytes) -> bytes | None:
        received_ns = self._read().wall_ns
        return None if question else b"%d %d" % (received_ns, self._read().wall_ns)

    async def _ping_host(self, source: MessageSource, origin_id: str) -> None:
        """Ping a host as long as it is there."""
        if origin_id not in self._clocks:
            self._clocks[origin_id] = _OtherClock(ClockFile(self._journal, origin_id))
        for count in itertools.count(1):
            hosts = self._connected()
            if origin_id not in hosts:
                return
            try:
                await self._ping(source, origin_id, must_note=count == _FIRST_PINGS)
            except NoAnswer:
                pass  # the bound grows meanwhile
            except OSError as error:
                self._note_failure(error)
            except CarrierRefused as refused:
                reason = str(refused).replace(origin_id, "*")  # the right is missing for each host
                self._status.note(f"the clocks of other hosts cannot be measured: {reason}")
                await asyncio.Event().wait()  # this connection would be refused again
            pause_s = max(_PAUSE_S, _PAUSE_FOR_EACH_HOST_S * len(hosts))
            await asyncio.sleep(_FIRST_PAUSE_S if count < _FIRST_PINGS else pause_s)

    async def _ping(self, source: MessageSource, origin_id: str, *, must_note: bool) -> None:
        begin = self._read()
        answer = await source.ask(Topic.CLOCK, origin_id, b"", _LIMIT_S)
        end = self._read()
        times = _ANSWER.fullmatch(answer)
        measured = measured_offset(begin.wall_ns, int(times[1]), int(times[2]), end.wall_ns) if times else None
        host = self._status.hosts.get(origin_id)
        if measured is not None and host is not None:
            clock = self._clocks[origin_id]
            if (news := clock.add(measured, end, must_note=must_note)) is not None:
                host.clock = news
                clock.write()

    def _note_failure(self, error: OSError) -> None:
        self._status.note(f"the clocks of other hosts cannot be noted: {error.strerror}")


class _OtherClock:
    """The clock of another host, and the file in which it is noted."""

    def __init__(self, file: ClockFile) -> None:
        self._file = file
        self._track = ClockTrack()
        self._steps = 0
        self._last_step = Step(0, 0, is_ours=False)
        self._noted_ns: int | None = None  # on the steady clock
        self._unwritten: list[Span] = []  # before the last span

    def add(self, measured: Offset, at: Reading, *, must_note: bool) -> ClockStatus | None:
        """Take what a ping says; return what is known if there is news, or the last news are old."""
        before = self._track.span
        step = self._track.add(measured, at)
        span, offset = self._track.span, self._track.offset
        assert span is not None
        assert offset is not None
        if before is not None and before.begin_ns != span.begin_ns:
            self._unwritten.append(before)
        if step is not None:
            self._steps, self._last_step = self._steps + 1, step
        is_due = self._noted_ns is None or at.steady_ns - self._noted_ns >= _NOTE_NS
        if not (is_due or must_note or step is not None):
            return None
        self._noted_ns = at.steady_ns
        return ClockStatus(offset.middle_ns, offset.bound_ns, at.wall_ns, self._steps, *self._last_step)

    def write(self) -> None:
        """Write what was measured last. Raises OSError."""
        while self._unwritten:
            self._file.write(self._unwritten[0])
            del self._unwritten[0]
        if self._track.span is not None:
            self._file.write(self._track.span)
