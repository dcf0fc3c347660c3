"""The place up to which another host has a journal, as a text that it sends to the host of the journal."""

from __future__ import annotations

import re
from typing import NamedTuple

from threeam.core.store.journal import Journal
from threeam.team.line_chain import LINK_BYTES
from threeam.team.message import MAX_OFFSET
from threeam.team.mirror import last_line_in, read_mirror
from threeam.team.origin import MAX_EPOCH
from threeam.team.position import Origin, SegmentEnd, is_segment_name

_CURSOR = re.compile(rf"([0-9a-f]{{32}}):(\d{{1,6}}):([^:]+):(\d{{1,16}}):([0-9a-f]{{{2 * LINK_BYTES}}})", re.ASCII)


class LineCursor(NamedTuple):
    """The end of a line, and the link of the chain there."""

    origin: Origin
    end: SegmentEnd
    link: bytes

    def __str__(self) -> str:
        return f"{self.origin.id}:{self.origin.epoch}:{self.end.segment}:{self.end.offset}:{self.link.hex()}"


def parse_cursor(text: str) -> LineCursor | None:
    """Return the cursor of ``text``, or None if it is not one."""
    match = _CURSOR.fullmatch(text)
    if match is None:
        return None
    epoch, segment, offset = int(match[2]), match[3], int(match[4])
    if not 1 <= epoch < MAX_EPOCH or not is_segment_name(segment) or offset > MAX_OFFSET:
        return None
    return LineCursor(Origin(match[1], epoch), SegmentEnd(segment, offset), bytes.fromhex(match[5]))


def mirror_cursor(journal: Journal, origin_id: str) -> LineCursor | None:
    """Return where the mirror of an origin ends; None if there is no mirror. Raises OSError or `FileUnusable`.

    It comes from the bytes and not from a note about them: after a kill a note may be older.
    """
    latest = read_mirror(journal, origin_id)[-1]
    found = last_line_in(journal, latest)
    return LineCursor(latest.origin, *found) if found is not None else None
