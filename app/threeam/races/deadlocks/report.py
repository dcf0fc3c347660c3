"""A deadlock as a server has reported it: who held what, who wanted what, and whom the server stopped."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from threeam.core.store.reader import Line
from threeam.timeline.source import Source

MAX_REPORT_BYTES = 2 * 1024 * 1024  # of the texts of one report that are held
MAX_REPORT_LINES = 20_000


class Server(StrEnum):
    """The program that detected the deadlock."""

    POSTGRESQL = "PostgreSQL"
    INNODB = "InnoDB"


class Lock(NamedTuple):
    """A lock, as the server names it. ``mode``: such as ``ShareLock``. ``kind``: ``target`` without its numbers."""

    mode: str
    target: str
    kind: str

    @property
    def text(self) -> str:
        """The lock in words."""
        return f"{self.mode} on {self.target}"


class Participant(NamedTuple):
    """One of those who waited for each other.

    ``name``: such as ``process 812`` or ``transaction 40``. ``session``: the thread of its client, if the report names
    one. ``statement``: what it ran while it waited; None: the report does not have it. ``waits_for``: None: the report
    does not have it. ``blocked_by``: the names of the participants that the server says it waited for. ``holds``: the
    locks that the server says it held.
    """

    name: str
    session: str = ""
    statement: str | None = None
    waits_for: Lock | None = None
    blocked_by: tuple[str, ...] = ()
    holds: tuple[Lock, ...] = ()


class DeadlockReport(NamedTuple):
    """One report of a deadlock.

    ``offset``, ``line_number``: of its first line, from 1. ``ns``: the corrected instant of the report, and
    ``resolution_ns`` the unit of its last digit; None: not known. ``participants``: in the order of the report.
    ``victim``: the index of the one that the server stopped; None: the report does not say it. ``places``: what the
    victim did then, such as the relation. ``missing``: a sentence for each part that the report should have and does
    not. ``stated_time``: the time that the report has in its text; "": it has none.
    """

    server: Server
    source: Source
    offset: int
    line_number: int
    ns: int | None
    resolution_ns: int
    participants: tuple[Participant, ...]
    victim: int | None
    places: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    stated_time: str = ""


class LogLine(NamedTuple):
    """A line of a log that may belong to a report: ``text`` is without what a container runtime has put around it.

    ``number``: of the line, from 1. ``finished``: whether the whole line is there.
    """

    source: Source
    offset: int
    number: int
    raw: bytes
    text: bytes
    finished: bool = True

    def report(
        self,
        server: Server,
        participants: tuple[Participant, ...],
        victim: int | None,
        places: tuple[str, ...],
        missing: tuple[str, ...],
    ) -> DeadlockReport:
        """Return the report that begins in this line, at the time of this line."""
        timestamp = self.source.read_timestamp(Line(self.source.segment, self.offset, self.raw))
        ns, resolution_ns = None, 0
        if timestamp is not None:
            ns, resolution_ns = timestamp.ns + self.source.correction.shift_ns, timestamp.resolution_ns
        return DeadlockReport(
            server,
            self.source,
            self.offset,
            self.number,
            ns,
            resolution_ns,
            participants,
            victim,
            places,
            missing,
        )
