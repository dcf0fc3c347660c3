"""The state of a team, in a file: the screens and ``3am team status`` read it, and need no network.

<log>.d/team/<digest of the address>.json     written by one process, which holds the lock beside it
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass, field, is_dataclass
from functools import cache
from types import UnionType
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints

from threeam.core.errors import FileUnusable, PreconditionFailed
from threeam.core.platform.folders import SAFE_OPEN_FLAGS
from threeam.core.platform.whole_write import write_all
from threeam.core.store.attachments import attachment_dir, open_own_dir
from threeam.core.store.journal import Journal
from threeam.team.carrier import Place
from threeam.team.messages.position import Origin, SegmentEnd
from threeam.team.messages.presence import SILENT_S

ENDED = "not running"  # in the last status of a process that was not killed
_STILL_NS = 30 * 10**9  # ns; a running process writes its status every 10 s
_TOLD_NS = 12 * 3600 * 10**9  # ns; for how long the death of a process is told
_KEPT_NS = 24 * 3600 * 10**9  # ns; for how long a process that has ended is told beside a later one


@dataclass
class OwnStatus:
    """The lines of this journal. ``unheld_sent_lines``: those that were sent, and no other host is known to hold.

    ``sent``, ``held``: the ends of what the engine and of what another host has; None if it has nothing. ``refusal``:
    why this process may not send the lines, or empty. ``publishes``: it sends them, or tries to; without a ``refusal``,
    False means that another process does. ``utc_bound_ns``: the error of this host's clock against UTC at most; None:
    it is not synchronised.
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
    utc_bound_ns: int | None = None

    @property
    def unheld_lines(self) -> int:
        """The number of lines that no other host is known to hold."""
        return self.unsent_lines + self.unheld_sent_lines


@dataclass
class ClockStatus:
    """The clock of another host, by pings: at ``measured_ns`` it was ahead by ``offset_ns``, give or take ``bound_ns``.

    Of ``steps`` the last one, by about ``step_ns``, was seen at ``stepped_ns``; ``is_step_ours``: this host's clock was
    stepped. All times are by the clock of this host.
    """

    offset_ns: int
    bound_ns: int
    measured_ns: int
    steps: int = 0
    stepped_ns: int = 0
    step_ns: int = 0
    is_step_ours: bool = False


@dataclass
class HostStatus:
    """Another host. The numbers are what it has last announced; ``seen_ns``: when that was, by the clock of this host.

    ``gaps``: sentences about lines that are missing here. ``utc_bound_ns``: the error of its clock against UTC at most,
    as it says itself; None: it is not synchronised. ``clock``: None until it was measured.
    """

    origin: Origin
    host: str
    seen_ns: int = 0
    unsent_lines: int = 0
    unheld_lines: int = 0
    last_line_ns: int = 0
    gaps: list[str] = field(default_factory=list)
    utc_bound_ns: int | None = None
    clock: ClockStatus | None = None

    def is_announced(self, now_ns: int) -> bool:
        """Return whether the host has announced itself lately."""
        return now_ns - self.seen_ns < SILENT_S * 1e9


@dataclass
class TeamStatus:
    """The state of a ``3am team``.

    ``address``: without a password. ``away``: why there is no connection, or empty; `ENDED` if the process has ended.
    """

    address: str
    pid: int
    written_ns: int = 0
    away: str = "not connected yet"
    own: OwnStatus | None = None
    hosts: dict[str, HostStatus] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)

    @property
    def publishes(self) -> bool:
        """True if the process sends the lines of this journal."""
        return self.own is not None and self.own.publishes

    def stands_still(self, now_ns: int) -> bool:
        """Return whether a running process has not written this for long: it is stopped, or the disk is."""
        return now_ns - self.written_ns > _STILL_NS

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
        self._name = _file_name(address)
        try:
            with open_own_dir(attachment_dir(journal), make=True):
                pass
            with open_own_dir(self._folder, make=True) as dir_fd:
                flags = os.O_RDWR | os.O_CREAT | SAFE_OPEN_FLAGS
                self._lock_fd = os.open(self._name + ".lock", flags, 0o600, dir_fd=dir_fd)
                turn_fd = os.open("begin.lock", flags, 0o600, dir_fd=dir_fd)
            try:
                fcntl.flock(turn_fd, fcntl.LOCK_EX)  # of the processes that begin, one at a time
                is_ours = _take_lock(self._lock_fd)
            finally:
                os.close(turn_fd)
        except OSError as error:
            raise FileUnusable(f"{self._folder} cannot be used: {error.strerror}") from None
        if not is_ours:
            os.close(self._lock_fd)
            raise PreconditionFailed(f"3am team {address} runs already: 3am team status shows it")

    def read(self) -> tuple[TeamStatus | None, Place | None]:
        """Return what this or an earlier process has written last; None if it cannot be read."""
        return _parse(_read_json(os.path.join(self._folder, self._name + ".json")))

    def write(self, status: TeamStatus, place: Place | None) -> None:
        """Replace the status. Raises OSError."""
        data = json.dumps({**asdict(status), "place": place}, indent=1).encode() + b"\n"
        with open_own_dir(self._folder) as dir_fd:
            temporary = self._name + ".new"
            fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | SAFE_OPEN_FLAGS, 0o600, dir_fd=dir_fd)
            try:
                write_all(fd, data)
            finally:
                os.close(fd)
            os.rename(temporary, self._name + ".json", src_dir_fd=dir_fd, dst_dir_fd=dir_fd)

    def close(self) -> None:
        """Let another process follow the address."""
        os.close(self._lock_fd)


def status_path(journal: Journal, address: str) -> str:
    """Return the path of the status of the process that follows ``address``."""
    return os.path.join(status_dir(journal), _file_name(address) + ".json")


def _file_name(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()[:16]


def status_dir(journal: Journal) -> str:
    """Return the folder of the status files."""
    return os.path.join(attachment_dir(journal), "team")


def read_statuses(journal: Journal) -> list[tuple[TeamStatus, bool]]:
    """Return the status of each ``3am team`` of this user, and whether it runs.

    An address that was last used a day before another one is left out: the user need not remove its file.
    """
    found = read_all_statuses(journal)
    latest_ns = max((status.written_ns for status, _ in found), default=0)
    return [(status, runs) for status, runs in found if runs or latest_ns - status.written_ns < _KEPT_NS]


def read_all_statuses(journal: Journal) -> list[tuple[TeamStatus, bool]]:
    """Return what `read_statuses` does, and those that were last used long ago."""
    folder = status_dir(journal)
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(".json"))
    except FileNotFoundError:
        return []
    statuses = []
    for name in names:
        path = os.path.join(folder, name)
        if (status := _parse(_read_json(path))[0]) is not None:
            statuses.append((status, _is_locked(path.removesuffix(".json") + ".lock")))
    return statuses


class UnheldLines(NamedTuple):
    """The number of lines of each journal, by origin id, that no other host is known to hold.

    ``is_running``: whether a ``3am team`` runs, so that this is so now; one that leaves the sending to another process
    does not count.
    """

    by_origin: dict[str, int]
    is_running: bool


def read_unheld_lines(journal: Journal) -> UnheldLines:
    """Return how many lines no other host holds, by what was known last of each journal."""
    known: dict[str, tuple[int, int]] = {}
    statuses = read_statuses(journal)
    for status, _ in statuses:
        told = [(host.origin.id, (host.seen_ns, host.unheld_lines)) for host in status.hosts.values()]
        if status.own is not None and status.publishes:
            told.append((status.own.origin.id, (status.written_ns, status.own.unheld_lines)))
        for origin_id, count in told:
            known[origin_id] = max(count, known.get(origin_id, count))
    is_running = any(runs and (status.own is None or status.publishes) for status, runs in statuses)
    return UnheldLines({origin_id: count for origin_id, (_, count) in known.items()}, is_running)


def read_trouble(journal: Journal, now_ns: int) -> str:
    """Return what a user should know without asking: ``team away, 12 unsent``; empty if all is well, or was ended.

    A process that was killed is not told if another one does its work, or on another day: the team may be over.
    """
    statuses = read_statuses(journal)
    running = [status for status, runs in statuses if runs]
    for status, runs in sorted(statuses, key=lambda pair: not pair[0].publishes):
        is_replaced = any(other.publishes or not status.publishes for other in running)
        if runs and (status.away or status.stands_still(now_ns)):
            trouble = "team away"
        elif not runs and status.away != ENDED and not is_replaced and now_ns - status.written_ns < _TOLD_NS:
            trouble = "team ended"
        else:
            continue
        unsent = status.own.unsent_lines if status.own is not None else 0
        return f"{trouble}, {unsent:,} unsent" if unsent else trouble
    return ""


def _read_json(path: str) -> dict[str, Any]:
    try:
        with open(path, encoding="utf-8") as file:
            table = json.load(file)
    except (
        OSError,
        ValueError,
        RecursionError,
    ):  # not written yet, or by another version: it is written again in a moment
        return {}
    return table if isinstance(table, dict) else {}


def _parse(table: dict[str, Any]) -> tuple[TeamStatus | None, Place | None]:
    """Return the status and the place that a file holds; None if another version has written it, or it is damaged."""
    place = table.pop("place", None)
    try:
        status: TeamStatus = _decode(TeamStatus, table)
        return status, None if place is None else tuple(_decode(list[int | str], place))
    except (TypeError, KeyError, AttributeError, ValueError):
        return None, None


def _decode(kind: Any, value: Any) -> Any:
    """Return ``value``, as JSON holds it, as a ``kind``. Raises TypeError, ValueError, KeyError or AttributeError."""
    if isinstance(kind, UnionType):
        choice = next((each for each in get_args(kind) if type(value) is each), None)
        return value if choice is not None or value is None else _decode(get_args(kind)[0], value)
    if get_origin(kind) is list and isinstance(value, list):
        return [_decode(get_args(kind)[0], each) for each in value]
    if get_origin(kind) is dict:
        return {key: _decode(get_args(kind)[1], each) for key, each in value.items()}
    hints = _hints(kind) if is_dataclass(kind) or issubclass(kind, tuple) else {}
    if not hints and type(value) is kind:
        return value
    items = value if is_dataclass(kind) else dict(zip(hints, value, strict=True))
    if not hints or items.keys() != hints.keys():
        raise TypeError
    return kind(**{name: _decode(hint, items[name]) for name, hint in hints.items()})


_hints = cache(get_type_hints)


def _take_lock(fd: int) -> bool:
    """Lock a file; return False if a process has done so that runs. Call it in one process at a time."""
    with suppress(BlockingIOError):
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    fcntl.flock(fd, fcntl.LOCK_EX)  # only `_is_locked` has it, for a moment
    return True


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
