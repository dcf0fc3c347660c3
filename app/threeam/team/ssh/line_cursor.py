"""The place up to which another host has a journal, as a text that it sends to the host of the journal."""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from threeam.core.platform.folders import SAFE_OPEN_FLAGS
from threeam.core.store.journal import Journal
from threeam.team.messages.line_chain import LINK_BYTES, MAX_PIECE_BYTES, extend_chain_over
from threeam.team.messages.position import MAX_EPOCH, MAX_OFFSET, Origin, SegmentEnd, is_segment_name
from threeam.team.mirrors.mirror import read_known_links, read_mirror
from threeam.team.mirrors.mirror_part import MirrorPart

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
    if not latest.parts:
        return None
    part = latest.parts[-1]
    links = read_known_links(journal, latest.origin, part)
    fd = os.open(part.path, os.O_RDONLY | SAFE_OPEN_FLAGS)
    try:
        end = _last_line_end(fd, part)
        begin, begin_link = max(place for place in links if place[0] <= end)
        link = extend_chain_over(lambda offset, size: os.pread(fd, size, offset - part.begin), begin_link, begin, end)
    finally:
        os.close(fd)
    return None if link is None else LineCursor(latest.origin, SegmentEnd(part.segment, end), link)


def _last_line_end(fd: int, part: MirrorPart) -> int:
    """Return the offset behind the last whole line of a part: a kill may have left a half one."""
    end = part.end
    while end > part.begin:
        size = min(MAX_PIECE_BYTES, end - part.begin)
        end -= size
        newline = os.pread(fd, size, end - part.begin).rfind(b"\n")
        if newline >= 0:
            return end + newline + 1
    return part.begin
