"""Keeps the mirrors: replays what the engine has, and writes what is new."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable

from threeam.core.errors import FileUnusable, JournalError
from threeam.core.store.journal import Journal
from threeam.team.carrier import MessageSource, Place, Received
from threeam.team.messages.message import HostileMessage, Message, decode
from threeam.team.messages.position import Origin, SegmentEnd
from threeam.team.mirrors.mirror import Mirror, MirrorBusy, mirror_path, read_mirror
from threeam.team.mirrors.mirror_part import Contradiction
from threeam.team.team_status import HostStatus, TeamStatus

_LEFT_OUT_S = 5.0  # s; between looks whether a mirror that was left out can be opened


class MirrorFailed(JournalError):
    """A mirror that cannot be written; nothing is lost, since the message comes again."""


class _ReplayAgain(Exception):
    """A mirror lacks lines which the engine may have: a replay from the first message may fill it."""


class Follower:
    """The mirrors of ``journal``. It lives longer than a connection.

    ``is_own``: returns whether an id is that of this journal. ``place``: what is before it is in the mirrors.
    ``on_change`` is called with the ids of the origins that have new bytes, once these are on the disk.
    """

    def __init__(
        self,
        journal: Journal,
        is_own: Callable[[str], bool],
        status: TeamStatus,
        place: Place | None,
        on_change: Callable[[set[str]], None],
    ) -> None:
        self._journal = journal
        self._is_own = is_own
        self._status = status
        self._place = place
        self._on_change = on_change
        self._mirrors: dict[str, Mirror] = {}
        self._epochs: dict[str, int] = {}  # the latest epoch of each mirror
        self._unchecked = set[str]()  # the mirrors in which gaps have to be looked for
        self._left_out = set[str]()  # the ids of mirrors that could not be opened: they lack messages
        self._begun_with_first = False
        self._turn = threading.Lock()  # a thread still writes its batch when its session has ended

    @property
    def place(self) -> Place | None:
        """The place before which all is in the mirrors; None if a mirror may lack any message."""
        return None if self._left_out else self._place

    async def run(self, source: MessageSource) -> None:
        """Follow until the connection is lost. Raises `CarrierAway`, `CarrierRefused` or `MirrorFailed`."""
        while True:
            self._begun_with_first = self._place is None
            batches = source.replay(self._place)
            try:
                while True:
                    batch = await self._next_batch(batches)
                    changed = await asyncio.to_thread(self._write_alone, batch)
                    self._place = batch[-1].place
                    if changed:
                        self._on_change(changed)
            except _ReplayAgain:
                self._place = None

    async def _next_batch(self, batches: AsyncIterator[list[Received]]) -> list[Received]:
        """Return the next batch. Raises `_ReplayAgain` if a mirror that was left out could be opened meanwhile."""
        if not self._left_out:
            return await anext(batches)
        task = asyncio.ensure_future(anext(batches))
        try:
            while not (await asyncio.wait([task], timeout=_LEFT_OUT_S))[0]:
                await asyncio.to_thread(self._open_left_out)
            return task.result()
        finally:
            task.cancel()

    def close(self) -> None:
        """Close the mirrors."""
        for mirror in self._mirrors.values():
            mirror.close()
        self._mirrors.clear()

    def _write_alone(self, batch: list[Received]) -> set[str]:
        with self._turn:
            return self._write(batch)

    def _write(self, batch: list[Received]) -> set[str]:
        """Write messages to their mirrors, sync these, and return the ids of those that have new bytes."""
        touched: dict[str, Mirror] = {}
        changed = set[str]()
        try:
            for received in batch:
                try:
                    message = decode(received.origin_id, received.headers, received.payload)
                    if self._is_own(message.origin.id):
                        self._note_own(message)
                        continue
                    mirror = self._mirror(message.origin.id)
                    if mirror is None:
                        continue
                    touched[message.origin.id] = mirror
                    self._note_host(message, mirror)
                    if mirror.write(message):
                        changed.add(message.origin.id)
                except (HostileMessage, FileUnusable) as refused:
                    self._status.note(str(refused))
                except Contradiction as refused:
                    path = mirror_path(self._journal, Origin(received.origin_id))
                    self._status.note(
                        f"refused: {refused}; if the mirror is damaged, remove {path}: it is filled again"
                    )
            for mirror in touched.values():
                mirror.sync()
        except OSError as error:
            raise MirrorFailed(f"the mirrors cannot be written: {error.strerror}; the lines come again") from None
        for origin_id, mirror in touched.items():
            host = self._status.hosts[origin_id]
            if mirror.is_removed():
                del self._mirrors[origin_id]
                mirror.close()
                raise _ReplayAgain
            if count := mirror.pop_blanked_lines():
                lines = "line" if count == 1 else "lines"
                self._status.note(f"{host.host} has blanked {count} {lines} that it had sent")
            if mirror.pop_gaps_may_differ():
                self._unchecked.add(origin_id)
            if origin_id in self._unchecked:
                self._note_gaps(origin_id)
                self._unchecked.discard(origin_id)
        return changed

    def _mirror(self, origin_id: str) -> Mirror | None:
        """Return the mirror of an origin; None if it cannot be opened.

        Then it lacks the message, and is filled by a replay from the first message when it can be opened again. It
        must not stop the mirrors of the other hosts.
        """
        if origin_id not in self._mirrors and self._open(origin_id) and origin_id in self._left_out:
            self._left_out.remove(origin_id)
            raise _ReplayAgain
        return self._mirrors.get(origin_id)

    def _open_left_out(self) -> None:
        """Open the mirrors that were left out: the process that has written them may have ended."""
        with self._turn:
            opened = set(filter(self._open, sorted(self._left_out)))
            self._left_out -= opened
        if opened:
            raise _ReplayAgain

    def _open(self, origin_id: str) -> bool:
        """Open a mirror; return False and leave it out if that cannot be done."""
        try:
            self._mirrors[origin_id] = Mirror(self._journal, origin_id)
        except (MirrorBusy, FileUnusable) as error:
            if isinstance(error, FileUnusable):
                self._status.note(str(error))
            self._left_out.add(origin_id)
            return False
        latest = read_mirror(self._journal, origin_id)[-1]
        if latest.parts:
            self._epochs[origin_id] = latest.origin.epoch
        return True

    def _note_own(self, message: Message) -> None:
        """Note up to where the engine has the lines of this journal, if another process sends them."""
        own, sent = self._status.own, message.sent_end()
        if own is not None and not own.publishes and own.origin.epoch == sent.epoch:
            own.sent = SegmentEnd(sent.segment, sent.offset)

    def _note_host(self, message: Message, mirror: Mirror) -> None:
        origin_id, epoch = message.origin
        host = self._status.hosts.setdefault(origin_id, HostStatus(message.origin, message.host))
        known = self._epochs.setdefault(origin_id, epoch)
        if epoch > known:
            self._epochs[origin_id] = epoch
            self._status.note(f"{message.host} has lost lines that it had sent: both versions are in {mirror.path}")
        host.origin, host.host = max(host.origin, message.origin), message.host
        if not host.seen_ns and message.sent is None:  # of a host that is not here, the last message tells its bound
            host.utc_bound_ns = message.utc_bound_ns

    def _note_gaps(self, origin_id: str) -> None:
        """Report the gaps in a mirror. A replay from the first message may fill those that are new."""
        host = self._status.hosts[origin_id]
        gaps = [
            f"{gap.segment}: bytes {gap.begin} to {gap.end} are missing; if {host.host} still has them, 3am team "
            f"ssh://{host.host} can fetch them: see 3am help team"
            for files in read_mirror(self._journal, origin_id)
            for gap in files.gaps
        ]
        if not self._begun_with_first and not set(gaps) <= set(host.gaps):
            raise _ReplayAgain
        host.gaps = gaps
