"""The identity of a line among all hosts: its origin, its segment, and its byte offset.

An engine that lost a message may store it again under another sequence, so no identity is taken from the engine.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from threeam.core.format.entry import Stamp, parse_entry
from threeam.core.store.segment import Segment

MAX_EPOCH = 999_999
MAX_HOST_CHARS = 64  # characters of the name of a host
MAX_OFFSET = 2**53  # bytes
_ORIGIN_ID = re.compile(r"[0-9a-f]{32}")
_SEGMENT_NAME = re.compile(r"\d{8}T\d{6}\.\d{9}Z", re.ASCII)
_FIRST_BYTES = 4 * 1024  # bytes; as a rule the first line, and with it the first stamp, is in these
_SEARCHED_BYTES = 64 * 1024  # bytes at the beginning of a file that are searched for a stamp


class Origin(NamedTuple):
    """A journal as other hosts know it: its id, and an epoch that grows if published bytes were lost.

    A log that comes back from a crash or a backup without bytes that others hold is a new epoch of the same id.
    """

    id: str
    epoch: int = 1


class SegmentEnd(NamedTuple):
    """The name of a segment, and the offset behind its last byte. A segment is named by the first stamp in it.

    A rotation renames the file, but not that.
    """

    segment: str
    offset: int


class JournalOrder(NamedTuple):
    """The order of the places in a journal. ``numbers``: of its files by their names, the oldest 1.

    The names alone do not tell it: a clock that is stepped back gives a later file a lower name.
    """

    numbers: dict[str, int]

    def begin(self) -> SegmentEnd | None:
        """Return the beginning of the oldest file; None if there is no file."""
        return next((SegmentEnd(name, 0) for name in self.numbers), None)

    def key(self, place: SegmentEnd) -> tuple[int, str, int]:
        """Return what sorts a place among the others; a file that is not here any more is older than the others."""
        return self.numbers.get(place.segment, 0), *place


def is_origin_id(text: str) -> bool:
    """Return whether ``text`` is the id of an origin: 32 hexadecimal digits."""
    return _ORIGIN_ID.fullmatch(text) is not None


def is_segment_name(text: str) -> bool:
    """Return whether ``text`` is the name of a segment, such as ``20261124T031407.123456789Z``."""
    return _SEGMENT_NAME.fullmatch(text) is not None


def segment_name(segment: Segment) -> str | None:
    """Return the name of ``segment``, or None if there is no stamp at its beginning. Raises OSError."""
    for size in (_FIRST_BYTES, _SEARCHED_BYTES):
        for line in segment.read(0, size).split(b"\n"):
            if line[:1] == b"[" and (entry := parse_entry(line)) is not None:
                return stamp_name(entry.stamp)
    return None


def stamp_name(stamp: Stamp) -> str:
    """Return the name of a segment whose first stamp is ``stamp``."""
    return stamp.rfc3339().replace("-", "").replace(":", "")
