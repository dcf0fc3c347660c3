"""The state of a team, in a file: the screens and ``3am team status`` read it, and need no network.

<log>.d/team/<digest of the address>.json     written by one process, which holds the lock beside it
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from threeam.core.errors import FileUnusable, PreconditionFailed
from threeam.core.platform.folders import SAFE_OPEN_FLAGS
from threeam.core.store.attachments import attachment_dir, open_own_dir
from threeam.core.store.journal import Journal
from threeam.team.carrier import Place
from threeam.team.position import Origin, SegmentEnd


@dataclass
class OwnStatus:
    """The lines of this journal. ``unheld_sent_lines``: those that were sent, and no other host is known to hold.

    ``sent``, ``held``: the ends of what the engine and of what another host has; None if it has nothing. ``refusal``:
    why the engine takes no lines of this user, or empty.
    """

    origin: Origin
    host: str
    publishes: bool
    unsent_lines: int = 0
    unheld_sent_lines: int = 0
    sent: SegmentEnd | None = None
    held: SegmentEnd | None = None
    notice: str = ""
    refusal: str = ""

    @property
    def unheld_lines(self) -> int:
        """The number of lines that no other host is known to hold."""
        return self.unsent_lines + self.unheld_sent_lines


@dataclass
class HostStatus:
    """Another host. The numbers are what it has last announced; ``seen_ns``: when that was, by the clock of this host.

    ``gaps``: sentences about lines that are missing here.
    """

    origin: Origin
    host: str
    seen_ns: int = 0
    unsent_lines: int = 0
    unheld_lines: int = 0
    last_line_ns: int = 0
    gaps: list[str] = field(default_factory=list)


@dataclass
class TeamStatus:
    """The state of a ``3am team``. ``address``: without a password. ``away``: why there is no connection, or empty."""

    address: str
    pid: int
    written_ns: int = 0
    away: str = "not connected yet"
    own: OwnStatus | None = None
    hosts: dict[str, HostStatus] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)

    def note(self, notice: str) -> None:
        """Add a notice that the user should see; each once, and the last ten."""
        if notice not in self.notices:
            self.notices = [*self.notices[-9:], notice]


class StatusFile:
    """The status of the process that follows ``address``. Construction raises `PreconditionFailed` if another one does.

    It also holds ``place``, from which a replay continues.
    """

    def __init__(self, journal: Journal, address: str) -> None:
        self._folder = status_dir(journal)
        self._name = hashlib.sha256(address.encode()).hexdigest()[:16]
        try:
            with open_own_dir(attachment_dir(journal), make=True):
                pass
            with open_own_dir(self._folder, make=True) as dir_fd:
                flags = os.O_RDWR | os.O_CREAT | SAFE_OPEN_FLAGS
                self._lock_fd = os.open(self._name + ".lock", flags, 0o600, dir_fd=dir_fd)
        except OSError as error:
            raise FileUnusable(f"{self._folder} cannot be used: {error.strerror}") from None
        try:
            fcntl.flock(self._lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock_fd)
            raise PreconditionFailed(f"3am team {address} runs already: 3am team status shows it") from None

    def read(self) -> dict[str, Any]:
        """Return what this or an earlier process has written last; nothing if it cannot be read."""
        return _read_json(os.path.join(self._folder, self._name + ".json"))

    def write(self, status: TeamStatus, place: Place | None) -> None:
        """Replace the status. Raises OSError."""
        data = json.dumps({**asdict(status), "place": place}, indent=1).encode() + b"\n"
        with open_own_dir(self._folder) as dir_fd:
            temporary = self._name + ".new"
            fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | SAFE_OPEN_FLAGS, 0o600, dir_fd=dir_fd)
            try:
                os.write(fd, data)
            finally:
                os.close(fd)
            os.rename(temporary, self._name + ".json", src_dir_fd=dir_fd, dst_dir_fd=dir_fd)

    def close(self) -> None:
        """Let another process follow the address."""
        os.close(self._lock_fd)


def status_dir(journal: Journal) -> str:
    """Return the folder of the status files."""
    return os.path.join(attachment_dir(journal), "team")


def read_statuses(journal: Journal) -> list[tuple[TeamStatus, bool]]:
    """Return the status of each ``3am team`` of this user, and whether it runs."""
    folder = status_dir(journal)
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(".json"))
    except FileNotFoundError:
        return []
    statuses = []
    for name in names:
        path = os.path.join(folder, name)
        if (status := _parse(_read_json(path))) is not None:
            statuses.append((status, _is_locked(path.removesuffix(".json") + ".lock")))
    return statuses


def unheld_by_origin(statuses: Iterable[TeamStatus]) -> dict[str, int]:
    """Return for each journal, by its origin id, how many lines no other host is known to hold.

    A line that went to any of several engines is held by a host of that team.
    """
    found: dict[str, int] = {}
    for status in statuses:
        known = [(host.origin.id, host.unheld_lines) for host in status.hosts.values()]
        if status.own is not None and status.own.publishes:
            known.append((status.own.origin.id, status.own.unheld_lines))
        for origin_id, count in known:
            found[origin_id] = min(count, found.get(origin_id, count))
    return found


def _read_json(path: str) -> dict[str, Any]:
    try:
        with open(path, encoding="utf-8") as file:
            table = json.load(file)
    except (OSError, ValueError):  # not written yet, or by another version: it is written again in a moment
        return {}
    return table if isinstance(table, dict) else {}


def _parse(table: dict[str, Any]) -> TeamStatus | None:
    table.pop("place", None)
    try:
        status = TeamStatus(**table)
        if table["own"] is not None:
            status.own = own_status(table["own"])
        status.hosts = {
            key: HostStatus(**{**host, "origin": Origin(*host["origin"])}) for key, host in table["hosts"].items()
        }
    except (KeyError, TypeError, AttributeError):  # of another version
        return None
    return status


def own_status(table: dict[str, Any]) -> OwnStatus:
    """Return the status that a file holds as ``own``."""
    ends = {key: SegmentEnd(*table[key]) if table[key] is not None else None for key in ("sent", "held")}
    return OwnStatus(**{**table, **ends, "origin": Origin(*table["origin"])})


def _is_locked(path: str) -> bool:
    try:
        fd = os.open(path, os.O_RDONLY | SAFE_OPEN_FLAGS)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False
