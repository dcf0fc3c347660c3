"""The announcements of the hosts beside their lines: that they are there, and what is unsent and held."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from threeam.core.errors import JournalError
from threeam.team.messages.message import MAX_BOUND_NS
from threeam.team.messages.position import (
    MAX_EPOCH,
    MAX_HOST_CHARS,
    MAX_OFFSET,
    Origin,
    SegmentEnd,
    is_origin_id,
    is_segment_name,
)

ANNOUNCE_S = 1.0  # s; between announcements of something new
HEARTBEAT_S = 10.0  # s; between announcements of nothing new
SILENT_S = 30.0  # s; a host that has announced nothing for this long is not connected
MAX_ANNOUNCEMENT_BYTES = 256 * 1024
_MAX_LINES = 2**53


class HostileAnnouncement(JournalError):
    """An announcement that no 3am has made like this; nothing of it is used."""


class HeldRun(NamedTuple):
    """Bytes of an origin that a host holds on its disk, without a gap."""

    origin: Origin
    begin: SegmentEnd
    end: SegmentEnd


class Presence(NamedTuple):
    """An announcement of a host. ``origin``: its own. ``held``: of others, what has changed since its last one.

    ``utc_bound_ns``: the error of its clock against UTC at most; None: it is not synchronised.
    """

    origin: Origin
    host: str
    unsent_lines: int
    unheld_lines: int
    last_line_ns: int
    held: tuple[HeldRun, ...] = ()
    utc_bound_ns: int | None = None

    def encode(self) -> bytes:
        """Return the bytes to announce."""
        table: dict[str, Any] = {
            "epoch": self.origin.epoch,
            "host": self.host,
            "unsent": self.unsent_lines,
            "unheld": self.unheld_lines,
            "last_ns": self.last_line_ns,
            "bound": self.utc_bound_ns,
            "held": [[*run.origin, *run.begin, *run.end] for run in self.held],
        }
        return json.dumps(table).encode()


def decode_presence(origin_id: str, data: bytes) -> Presence:
    """Return the presence of ``data``, from the subject of ``origin_id``. Raises `HostileAnnouncement`."""
    try:
        if len(data) > MAX_ANNOUNCEMENT_BYTES or not is_origin_id(origin_id):
            raise ValueError
        table = json.loads(data)
        host = table["host"]
        if not isinstance(host, str) or not host.isascii() or not host.isprintable() or len(host) > MAX_HOST_CHARS:
            raise ValueError
        return Presence(
            Origin(origin_id, _number(table, "epoch", MAX_EPOCH)),
            host,
            _number(table, "unsent", _MAX_LINES),
            _number(table, "unheld", _MAX_LINES),
            _number(table, "last_ns", 2**63),
            tuple(_decode_run(row) for row in table["held"]),
            None if table["bound"] is None else _number(table, "bound", MAX_BOUND_NS),
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        raise HostileAnnouncement(f"refused an announcement of {origin_id[:8]}") from None


def _number(table: Mapping[str, Any], key: str, high: int) -> int:
    number = table[key]
    if type(number) is not int or not 0 <= number <= high:
        raise ValueError
    return number


def _decode_run(row: Any) -> HeldRun:
    origin_id, epoch, *ends = row
    begin_segment, begin, end_segment, end = ends
    are_names = all(isinstance(name, str) and is_segment_name(name) for name in (begin_segment, end_segment))
    numbers = {"epoch": epoch, "begin": begin, "end": end}
    if not are_names or not isinstance(origin_id, str) or not is_origin_id(origin_id):
        raise ValueError
    return HeldRun(
        Origin(origin_id, _number(numbers, "epoch", MAX_EPOCH)),
        SegmentEnd(begin_segment, _number(numbers, "begin", MAX_OFFSET)),
        SegmentEnd(end_segment, _number(numbers, "end", MAX_OFFSET)),
    )
