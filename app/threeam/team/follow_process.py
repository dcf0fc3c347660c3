"""A process that follows other hosts: it connects, keeps their mirrors, notes its state, and tries again."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Generic, TypeVar

from threeam.core.errors import FileUnusable, JournalError
from threeam.core.store.journal import Journal
from threeam.team.carrier import CarrierAway, CarrierRefused, MessageSource
from threeam.team.clocks.clock_pings import ClockPings
from threeam.team.follower import Follower
from threeam.team.messages.presence import HEARTBEAT_S, HostileAnnouncement, Presence, decode_presence
from threeam.team.mirrors.mirror import mirrored_ids
from threeam.team.origin import read_origin
from threeam.team.team_status import ENDED, HostStatus, StatusFile, TeamStatus

SourceT = TypeVar("SourceT", bound=MessageSource)

_FIRST_RETRY_S, _LAST_RETRY_S = 0.1, 5.0
_FIRST_REFUSED_RETRY_S, _LAST_REFUSED_RETRY_S = 60.0, 960.0  # a host that counts failed logins must not ban this one
_TROUBLE_WAIT_S = 10.0  # s; after a full disk, for example
_STATUS_S = 1.0  # s; between two looks at what has changed


class FollowProcess(Generic[SourceT]):
    """One process that follows ``address`` for ``journal``. Construction raises `JournalError`; `close` it.

    ``connect``: opens the source. ``tell`` may be set to what takes a sentence when the connection is made or lost.
    """

    def __init__(
        self, journal: Journal, address: str, connect: Callable[[], AbstractAsyncContextManager[SourceT]]
    ) -> None:
        self.tell: Callable[[str], None] = lambda _sentence: None
        self._journal = journal
        self._own_id = _id_of(journal)
        self._connect = connect
        self._status = TeamStatus(address, os.getpid())
        self._status_file = StatusFile(journal, address)
        self._earlier, place = self._status_file.read()
        if self._earlier is not None:
            mirrored = mirrored_ids(journal)
            hosts = self._earlier.hosts
            self._status.hosts = {origin_id: hosts[origin_id] for origin_id in hosts if origin_id in mirrored}
            if len(self._status.hosts) < len(hosts):  # a mirror was removed, to be filled again
                place = None
        self._follower = Follower(journal, self._is_own, self._status, place, self._note_new)
        self._greeted = set[str]()  # the ids of the hosts that were seen in this session
        self._pings = ClockPings(journal, self._status, self._hosts_here)
        self._told: object = None

    def close(self) -> None:
        """Write the status a last time, and close all files."""
        self._pings.close()
        self._status.away = ENDED
        self._write_status()
        self._follower.close()
        self._status_file.close()

    async def run(self) -> None:
        """Work until the task is cancelled."""
        keeper, task = asyncio.create_task(self._keep_status()), asyncio.current_task()
        retry_s, refused_retry_s = _FIRST_RETRY_S, _FIRST_REFUSED_RETRY_S
        try:
            while True:
                begin_s = time.monotonic()
                error = await asyncio.create_task(self._session())  # a task group counts its own cancellations
                if task is not None and task.cancelling():  # a connection that was lost meanwhile has hidden it
                    raise asyncio.CancelledError
                self._note_connection(str(error))
                if time.monotonic() - begin_s > _LAST_RETRY_S:
                    retry_s, refused_retry_s = _FIRST_RETRY_S, _FIRST_REFUSED_RETRY_S
                if isinstance(error, CarrierRefused):
                    await asyncio.sleep(refused_retry_s)
                    refused_retry_s = min(2 * refused_retry_s, _LAST_REFUSED_RETRY_S)
                else:
                    await asyncio.sleep(retry_s)
                    retry_s = min(2 * retry_s, _LAST_RETRY_S)
        finally:
            keeper.cancel()

    async def _session(self) -> JournalError:
        """Connect, work until the connection is lost, and return why it was."""
        failure: JournalError | None = None
        try:
            async with self._connect() as source, asyncio.TaskGroup() as group:
                self._note_connection("")
                self._begin_tasks(source, group)
        except* (CarrierAway, CarrierRefused) as lost:
            failure = _first_error(lost)
        return failure or CarrierAway("the connection was closed")

    def _note_connection(self, away: str) -> None:
        """Note that there is a connection. ``away``: why it is lost, or empty."""
        if away != self._status.away:
            self._status.away = away
            address = self._status.address
            self.tell(f"{address}: {away.removeprefix(f'{address} ') or 'connected'}")

    def _begin_tasks(self, source: SourceT, group: asyncio.TaskGroup) -> None:
        """Begin the work of a session."""
        self._greeted.clear()
        group.create_task(source.wait_closed())
        group.create_task(self._listen(source))
        group.create_task(self._persist(lambda: self._follower.run(source)))
        group.create_task(self._pings.run(source))

    async def _persist(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do ``work`` until it ends, and again after trouble on this host."""
        while True:
            try:
                await work()
            except (CarrierAway, CarrierRefused):
                raise
            except JournalError as error:
                self._status.note(str(error))
            except OSError as error:
                self._status.note(f"{error.filename or self._journal.log_path}: {error.strerror}")
            else:
                return
            await asyncio.sleep(_TROUBLE_WAIT_S)

    async def _listen(self, source: SourceT) -> None:
        async for announcement in source.announcements():
            try:
                presence = decode_presence(*announcement)
            except HostileAnnouncement as refused:
                self._status.note(str(refused))
                continue
            if not self._is_own(presence.origin.id):
                self._note_host(presence)
            await self._note_presence(presence)

    def _note_host(self, presence: Presence) -> None:
        host = self._status.hosts.setdefault(presence.origin.id, HostStatus(presence.origin, presence.host))
        host.host, host.seen_ns = presence.host, time.time_ns()
        host.unsent_lines, host.unheld_lines = presence.unsent_lines, presence.unheld_lines
        host.last_line_ns, host.utc_bound_ns = presence.last_line_ns, presence.utc_bound_ns
        self._greeted.add(presence.origin.id)

    def _is_own(self, origin_id: str) -> bool:
        """Return whether this is the id of this journal, to which another process may just have given it."""
        if origin_id != self._own_id and origin_id not in self._status.hosts:
            try:
                self._own_id = _id_of(self._journal)
            except FileUnusable as error:
                self._status.note(str(error))
        return origin_id == self._own_id

    def _hosts_here(self) -> set[str]:
        """Return the ids of the hosts that are connected here."""
        hosts, now_ns = self._status.hosts, time.time_ns()
        return {origin_id for origin_id in self._greeted if hosts[origin_id].is_announced(now_ns)}

    async def _note_presence(self, presence: Presence) -> None:
        """Note what a host has announced: another one, or another process of this one."""

    def _note_new(self, origin_ids: set[str]) -> None:
        """Note that the mirrors of these origins have new bytes, on the disk."""

    async def _keep_status(self) -> None:
        while True:
            try:
                await self._refresh_status()
                self._write_status()
            except (OSError, JournalError) as error:
                self._status.note(f"the state of the team cannot be noted: {error}")
            await asyncio.sleep(_STATUS_S)

    async def _refresh_status(self) -> None:
        """Bring into the status what is only known by a look."""

    def _write_status(self) -> None:
        status, now_ns = self._status, time.time_ns()
        if status.own is not None and status.own.notice:
            status.note(status.own.notice)
            status.own.notice = ""
        told = (repr(status.own), repr(status.hosts), status.away, list(status.notices), self._follower.place)
        if told != self._told or now_ns - status.written_ns >= HEARTBEAT_S * 1e9:
            self._told, status.written_ns = told, now_ns
            self._status_file.write(status, self._follower.place)


def _id_of(journal: Journal) -> str:
    """Return the id of ``journal``, or "" if it has none yet. Raises `FileUnusable`."""
    own = read_origin(journal)
    return own.id if own is not None else ""


def _first_error(group: BaseExceptionGroup[JournalError]) -> JournalError:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, JournalError)
    return error
