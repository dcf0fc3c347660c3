"""The process behind ``3am team nats://…``: it also publishes this journal, and tells what it holds of the others."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress

from threeam.core.errors import FileUnusable
from threeam.core.store.journal import Journal
from threeam.team.blanking.blank_question import answer_question
from threeam.team.carrier import Announcement, Carrier, CarrierRefused, Topic
from threeam.team.follow_process import FollowProcess
from threeam.team.log_watch import LogWatch
from threeam.team.messages.presence import ANNOUNCE_S, HEARTBEAT_S, HeldRun, Presence
from threeam.team.mirrors.mirror import mirrored_ids, read_mirror
from threeam.team.origin import OriginFile
from threeam.team.outgoing import last_line_ns
from threeam.team.publisher import Publisher, SecondPublisher
from threeam.team.team_status import OwnStatus
from threeam.timeline.clock_bounds import BOUND_AGE_S, own_clock_bound

Connect = Callable[[], AbstractAsyncContextManager[Carrier]]

_TURN_S = 1.0  # s; between looks whether another process still publishes this journal
_REFUSED_RETRY_S = 60.0  # s; between tries of a host that may not publish
_ALL_HELD_S = 60.0  # s; between announcements of all that is held, for a host that has missed one


class TeamProcess(FollowProcess[Carrier]):
    """One process of a team, for ``journal``. Construction raises `JournalError`; `close` it.

    ``connect``: opens the carrier. ``address``: that of the engine. ``read_only``: follow, and publish nothing.

    Of several processes for one journal, the one that holds the lock on its id publishes it. Each other one follows,
    and takes over when that one ends.
    """

    def __init__(self, journal: Journal, address: str, host: str, connect: Connect, *, read_only: bool) -> None:
        self._origin_file = None if read_only else OriginFile(journal)
        super().__init__(journal, address, connect)
        self._publisher: Publisher | None = None
        self._has_turn = asyncio.Event()  # this process holds the lock
        if self._origin_file is not None:
            own = OwnStatus(self._origin_file.origin, host, publishes=False)
            before = self._earlier.own if self._earlier is not None else None
            if before is not None and before.origin == own.origin:
                own.sent, own.held = before.sent, before.held
            self._status.own = own
            self._publisher = Publisher(journal, self._origin_file, host, own)
            self._take_turn(self._origin_file, own)
        self._watch: LogWatch | None = None
        self._new_bytes: set[str] = set()  # the ids of mirrors with bytes that were not announced as held

    @property
    def publishes(self) -> bool:
        """Return whether this process sends the lines of the journal."""
        return self._status.publishes

    def close(self) -> None:
        """Write the status a last time, and close all files."""
        super().close()
        if self._origin_file is not None:
            self._origin_file.close()

    async def run(self) -> None:
        """Work until the task is cancelled."""
        await self._measure_own_clock()
        self._watch = LogWatch(self._journal)
        tasks = [asyncio.create_task(self._keep_own_clock()), asyncio.create_task(self._persist(self._wait_for_turn))]
        try:
            await super().run()
        finally:
            for task in tasks:
                task.cancel()
            self._watch.close()

    def _begin_tasks(self, source: Carrier, group: asyncio.TaskGroup) -> None:
        super()._begin_tasks(source, group)
        group.create_task(self._persist(lambda: self._announce(source)))
        group.create_task(self._act_for_journal(source, group))

    async def _wait_for_turn(self) -> None:
        """Become the publisher of the journal, as soon as no other process is."""
        own = self._status.own
        if self._origin_file is None or own is None or self._has_turn.is_set():
            return
        while not self._take_turn(self._origin_file, own):
            await asyncio.sleep(_TURN_S)
        self.tell(f"the other 3am team has ended: this one sends the lines of {self._journal.log_path} now")

    def _take_turn(self, origin_file: OriginFile, own: OwnStatus) -> bool:
        """Become the publisher of the journal if no other process is, and return whether this one is now."""
        is_ours = origin_file.lock()
        if own.origin != origin_file.origin:  # the other process has begun an epoch, or the journal has a new id
            own.origin, own.sent, own.held = origin_file.origin, None, None
        if is_ours:
            own.publishes = True
            self._has_turn.set()
        return is_ours

    async def _act_for_journal(self, carrier: Carrier, group: asyncio.TaskGroup) -> None:
        """Begin what one process alone does for a journal, when this process is the one."""
        await self._has_turn.wait()
        own = self._status.own
        if own is not None and own.publishes:
            group.create_task(self._persist(lambda: self._publish(carrier)))
            group.create_task(self._pings.answer(carrier, own.origin.id))
            group.create_task(self._answer_about_blanked_lines(carrier, own.origin.id))

    async def _publish(self, carrier: Carrier) -> None:
        """Publish; end if another host publishes under our id.

        The lock is kept then: a process that waits for it would take turns with the other host. A host that may not
        publish any more still follows the others.
        """
        publisher, watch, own = self._publisher, self._watch, self._status.own
        assert publisher is not None
        assert watch is not None
        assert own is not None
        while True:
            try:
                await publisher.run(carrier, watch)
            except CarrierRefused as refused:
                own.refusal = str(refused)
                await asyncio.sleep(_REFUSED_RETRY_S)
            except SecondPublisher as second:
                own.refusal = str(second)
                own.publishes = False
                return

    async def _answer_about_blanked_lines(self, carrier: Carrier, origin_id: str) -> None:
        async def reply(question: bytes) -> bytes | None:
            return await asyncio.to_thread(answer_question, self._journal, question)

        try:
            await carrier.answer(Topic.BLANK, origin_id, reply)
        except CarrierRefused as refused:
            self._status.note(str(refused))

    async def _note_presence(self, presence: Presence) -> None:
        own = self._status.own
        if own is None:
            return
        if presence.origin.id == own.origin.id and not own.publishes:  # the process that does tells how far it is
            own.unsent_lines = presence.unsent_lines
            own.unheld_sent_lines = max(0, presence.unheld_lines - presence.unsent_lines)
        if self._publisher is None or presence.host == own.host:  # what it holds is on the disk of this host
            return
        for run in presence.held:
            if run.origin == own.origin:
                with suppress(FileUnusable, OSError):  # the publisher reports the same error
                    await self._publisher.note_held(run.begin, run.end)

    async def _announce(self, carrier: Carrier) -> None:
        """Announce what has changed at most once in `ANNOUNCE_S`; to a new host, and at times, everything."""
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
            presence = Presence(
                own.origin, own.host, own.unsent_lines, own.unheld_lines, last_ns, held, own.utc_bound_ns
            )
            if is_all or presence != told or now_s - told_s >= HEARTBEAT_S:
                try:
                    await carrier.announce(Announcement(own.origin.id, presence.encode()))
                except CarrierRefused as refused:
                    self._status.note(str(refused))
                    await asyncio.sleep(_REFUSED_RETRY_S)
                    continue
                told, told_s = presence._replace(held=()), now_s
                all_s = now_s if is_all else all_s
            await asyncio.sleep(ANNOUNCE_S)

    def _held_runs(self, origin_ids: set[str] | None) -> tuple[HeldRun, ...]:
        """Return what the mirrors of ``origin_ids`` hold; None: all mirrors."""
        runs = list[HeldRun]()
        for origin_id in sorted(mirrored_ids(self._journal) if origin_ids is None else origin_ids):
            with suppress(FileUnusable):  # the follower reports the same error
                epochs = read_mirror(self._journal, origin_id)
                runs += (run for files in epochs if (run := files.held_run()) is not None)
        return tuple(runs)

    def _last_line_ns(self) -> int:
        try:
            return last_line_ns(self._journal)
        except (FileUnusable, OSError):  # the publisher reports the same error
            return 0

    async def _keep_own_clock(self) -> None:
        while True:
            await asyncio.sleep(BOUND_AGE_S)
            await self._measure_own_clock()

    async def _measure_own_clock(self) -> None:
        if self._status.own is not None:
            self._status.own.utc_bound_ns = (await asyncio.to_thread(own_clock_bound)).bound_ns

    def _note_new(self, origin_ids: set[str]) -> None:
        self._new_bytes |= origin_ids

    async def _refresh_status(self) -> None:
        if self._publisher is not None and self.publishes:
            await self._publisher.count_lines()
