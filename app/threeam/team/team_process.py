"""The process behind ``3am team``: it connects, publishes, follows, tells what it holds, and tries again."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

from threeam.core.errors import JournalError
from threeam.core.store.journal import Journal
from threeam.core.store.reader import last_entry
from threeam.team.carrier import Announcement, Carrier, CarrierAway, CarrierRefused, Place
from threeam.team.follower import Follower
from threeam.team.log_watch import LogWatch
from threeam.team.mirror import read_mirror, read_mirrors
from threeam.team.origin import OriginFile, read_origin
from threeam.team.presence import HeldRun, HostileAnnouncement, Presence, decode_presence, held_run
from threeam.team.publisher import Publisher, SecondPublisher
from threeam.team.team_status import HostStatus, OwnStatus, StatusFile, TeamStatus, own_status

Connect = Callable[[], AbstractAsyncContextManager[Carrier]]

_FIRST_RETRY_S, _LAST_RETRY_S, _REFUSED_RETRY_S = 0.1, 5.0, 60.0
_TROUBLE_WAIT_S = 10.0  # s; after a full disk, for example
_STATUS_S = 1.0  # s; between two looks at what has changed
_SIGN_OF_LIFE_S = 10.0  # s; between announcements and writes of the status if nothing changes
_ALL_HELD_S = 60.0  # s; between announcements of all that is held, for a host that has missed one


class TeamProcess:
    """One process of a team, for ``journal``. Construction raises `JournalError`; `close` it.

    ``connect``: opens the carrier. ``address``: that of the engine. ``read_only``: follow, and publish nothing.
    """

    def __init__(self, journal: Journal, address: str, host: str, connect: Connect, *, read_only: bool) -> None:
        self._journal = journal
        self._connect = connect
        self._status = TeamStatus(address, os.getpid())
        self._status_file = StatusFile(journal, address)
        earlier = self._status_file.read()
        place = earlier.get("place")
        self._origin_file = None if read_only else OriginFile(journal)
        own = self._origin_file.origin if self._origin_file is not None else read_origin(journal)
        self._publisher: Publisher | None = None
        if self._origin_file is not None and own is not None:
            publishes = self._origin_file.lock()
            status = OwnStatus(self._origin_file.origin, host, publishes)
            if earlier.get("own") and (before := own_status(earlier["own"])).origin == status.origin:
                status.sent, status.held = before.sent, before.held
            self._status.own = status
            if publishes:
                self._publisher = Publisher(journal, self._origin_file, host, status)
            else:
                self._status.note("another process publishes this journal; this one only follows")
        self._follower = Follower(
            journal, own.id if own is not None else "", self._status, Place(*place) if place else None, self._note_new
        )
        self._new_bytes: set[str] = set()  # the ids of mirrors with bytes that were not announced as held
        self._greeted = set[str]()  # the ids of the hosts that were seen in this session
        self._told: object = None

    def close(self) -> None:
        """Write the status a last time, and close all files."""
        self._status.away = "not running"
        self._write_status()
        self._follower.close()
        self._status_file.close()
        if self._origin_file is not None:
            self._origin_file.close()

    async def run(self) -> None:
        """Work until the task is cancelled."""
        watch = LogWatch(self._journal)
        keeper = asyncio.create_task(self._keep_status())
        retry_s = _FIRST_RETRY_S
        try:
            while True:
                begin_s = time.monotonic()
                error = await self._session(watch)
                self._status.away = str(error)
                if time.monotonic() - begin_s > _LAST_RETRY_S:
                    retry_s = _FIRST_RETRY_S
                await asyncio.sleep(_REFUSED_RETRY_S if isinstance(error, CarrierRefused) else retry_s)
                retry_s = min(2 * retry_s, _LAST_RETRY_S)
        finally:
            keeper.cancel()
            watch.close()

    async def _session(self, watch: LogWatch) -> JournalError:
        """Connect, work until the connection is lost, and return why it was."""
        failure: JournalError | None = None
        try:
            async with self._connect() as carrier, asyncio.TaskGroup() as group:
                self._status.away = ""
                self._greeted.clear()
                group.create_task(carrier.wait_closed())
                group.create_task(self._listen(carrier))
                group.create_task(self._announce(carrier))
                group.create_task(self._persist(lambda: self._follower.run(carrier)))
                if self._publisher is not None:
                    publisher = self._publisher
                    group.create_task(self._persist(lambda: publisher.run(carrier, watch)))
        except* (CarrierAway, CarrierRefused) as lost:
            failure = _first_error(lost)
        return failure or CarrierAway("the connection was closed")

    async def _persist(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do ``work`` again after trouble on this host; end if another process publishes under our id."""
        while True:
            try:
                await work()
            except (CarrierAway, CarrierRefused):
                raise
            except SecondPublisher as second:
                self._status.note(str(second))
                self._publisher = None
                if self._status.own is not None:
                    self._status.own.publishes = False
                return
            except JournalError as error:
                self._status.note(str(error))
            except OSError as error:
                self._status.note(f"{error.filename or self._journal.log_path}: {error.strerror}")
            await asyncio.sleep(_TROUBLE_WAIT_S)

    async def _listen(self, carrier: Carrier) -> None:
        async for announcement in carrier.announcements():
            try:
                presence = decode_presence(*announcement)
            except HostileAnnouncement as refused:
                self._status.note(str(refused))
                continue
            own = self._status.own
            if own is not None and presence.origin.id == own.origin.id:
                continue
            self._greeted.add(presence.origin.id)
            host = self._status.hosts.setdefault(presence.origin.id, HostStatus(presence.origin, presence.host))
            host.host, host.seen_ns = presence.host, time.time_ns()
            host.unsent_lines, host.unheld_lines = presence.unsent_lines, presence.unheld_lines
            host.last_line_ns = presence.last_line_ns
            if own is None or self._publisher is None or presence.host == own.host:  # its disk is ours
                continue
            for run in presence.held:
                if run.origin == own.origin:
                    await self._publisher.note_held(run.begin, run.end)

    async def _announce(self, carrier: Carrier) -> None:
        """Announce what has changed at most once in `_STATUS_S`; to a new host, and at times, everything."""
        own = self._status.own
        if own is None:  # a watcher has no subject of its own
            return
        told, told_s, all_s, told_hosts = None, 0.0, 0.0, 0
        while True:
            now_s = time.monotonic()
            is_all = now_s - all_s >= _ALL_HELD_S or len(self._greeted) > told_hosts
            told_hosts = len(self._greeted)
            new, self._new_bytes = self._new_bytes, set()
            held = await asyncio.to_thread(self._held_runs, None if is_all else new)
            last_ns = await asyncio.to_thread(self._last_line_ns)
            presence = Presence(own.origin, own.host, own.unsent_lines, own.unheld_lines, last_ns, held)
            if is_all or presence != told or now_s - told_s >= _SIGN_OF_LIFE_S:
                await carrier.announce(Announcement(own.origin.id, presence.encode()))
                told, told_s = presence._replace(held=()), now_s
                all_s = now_s if is_all else all_s
            await asyncio.sleep(_STATUS_S)

    def _held_runs(self, origin_ids: set[str] | None) -> tuple[HeldRun, ...]:
        """Return what the mirrors of ``origin_ids`` hold; None: all mirrors."""
        if origin_ids is None:
            mirrors = read_mirrors(self._journal)
        else:
            mirrors = [files for origin_id in sorted(origin_ids) for files in read_mirror(self._journal, origin_id)]
        return tuple(run for files in mirrors if (run := held_run(files)) is not None)

    def _last_line_ns(self) -> int:
        live = self._journal.open_live()
        found = last_entry(live, live.size()) if live is not None else None
        return found[1].stamp.ns if found is not None else 0

    def _note_new(self, origin_ids: set[str]) -> None:
        self._new_bytes |= origin_ids

    async def _keep_status(self) -> None:
        while True:
            try:
                if self._publisher is not None:
                    await self._publisher.count_lines()
                self._write_status()
            except (OSError, JournalError) as error:
                self._status.note(f"the state of the team cannot be noted: {error}")
            await asyncio.sleep(_STATUS_S)

    def _write_status(self) -> None:
        status, now_ns = self._status, time.time_ns()
        if status.own is not None and status.own.notice:
            status.note(status.own.notice)
            status.own.notice = ""
        told = (repr(status.own), repr(status.hosts), status.away, list(status.notices), self._follower.place)
        if told != self._told or now_ns - status.written_ns >= _SIGN_OF_LIFE_S * 1e9:
            self._told, status.written_ns = told, now_ns
            self._status_file.write(status, self._follower.place)


def _first_error(group: BaseExceptionGroup[JournalError]) -> JournalError:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, JournalError)
    return error
