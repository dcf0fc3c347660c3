"""Blanking in all files of a mirror: in its older epochs, too, and in what the log of the host does not have any more.

The host names the entry by its stamp. The mirror has the words itself, and looks for them in each of its files. So
this comes before any other message that blanks the entry, and is done as a whole: all lines are found first, then
noted as holes, then filled. After a kill the message comes again, and the notes are enough to end it.
"""

from __future__ import annotations

import os
import re
from bisect import bisect_right, insort
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from threeam.core.format.entry import Stamp, decode_utf8, escape_unprintable
from threeam.core.platform.folders import open_file
from threeam.core.platform.portability import fdatasync_fd
from threeam.core.platform.whole_write import write_all_at
from threeam.core.store.fork import BLANKED_TEXT, Blank, find_blanked_lines_in, make_blank_in
from threeam.core.store.reader import last_line_end, matching_lines_backward
from threeam.core.store.segment import RotatedSegment, Segment
from threeam.team.messages.hole import Hole, fill
from threeam.team.messages.line_chain import MAX_PIECE_BYTES, extend_chain, extend_chain_over
from threeam.team.messages.position import SegmentEnd
from threeam.team.mirrors.mirror_about import holes_of, known_links, write_about
from threeam.team.mirrors.mirror_part import MirrorPart
from threeam.team.mirrors.segment_order import read_order

_MIN_TORN_CHARS = 8  # characters of words, at the end of a line that is not complete
_TORN_BYTES = 1024  # bytes; the end of such a line, in which they are looked for


def blank_entries(
    folder: str, about: dict[str, Any], epochs: Mapping[int, Sequence[MirrorPart]], entries: Sequence[str]
) -> int:
    """Blank the words of ``entries`` in all files of the mirror in ``folder``, and return in how many lines they were.

    ``epochs``: the files of each epoch. Raises OSError or `FileUnusable`.
    """
    stamps = [stamp for entry in entries if (stamp := Stamp.parse(entry)) is not None]
    blanks = [Blank(frozenset(stamp.ns for stamp in stamps), (), False)]
    for parts in epochs.values():
        segments = [RotatedSegment(part.path) for part in parts]
        blanks += (blank for stamp in stamps for blank in _blanks(segments, stamp))
    count, order = 0, read_order(folder)
    for epoch, parts in epochs.items():
        complete = set(order.get(epoch, {}).values())
        for part in parts:
            segment = RotatedSegment(part.path)
            if SegmentEnd(part.segment, part.begin + segment.size()) not in complete:
                _cut_torn_line(part, segment, blanks)
            count += _note_lines(folder, about, epoch, part, segment, blanks)
    write_about(folder, about)
    for epoch, parts in epochs.items():
        for part in parts:
            if holes := holes_of(about, epoch, part.segment):
                _fill(part, holes)
    about["entries"] += entries
    write_about(folder, about)
    return count


def _fill(part: MirrorPart, holes: Sequence[Hole]) -> None:
    fd = open_file(part.path, os.O_RDWR)
    try:
        end = part.begin + os.fstat(fd).st_size
        is_changed = False
        for hole in holes:
            if hole.begin < end < hole.end:  # it comes again
                os.ftruncate(fd, max(0, hole.begin - part.begin))
                end, is_changed = max(part.begin, hole.begin), True
            elif part.begin <= hole.begin and hole.end <= end:
                raw = os.pread(fd, hole.end - hole.begin, hole.begin - part.begin)
                if (filled := fill(raw)) != raw:
                    write_all_at(fd, filled, hole.begin - part.begin)
                    is_changed = True
        if is_changed:
            fdatasync_fd(fd)
    finally:
        os.close(fd)


def _blanks(segments: Sequence[Segment], stamp: Stamp) -> Iterator[Blank]:
    """Yield the words of an entry, from each line that has them: its own, and its copies at a rotation."""
    pattern = re.compile(re.escape(str(stamp)).encode())
    for segment in segments:
        for line in matching_lines_backward(segment, segment.size(), pattern):
            entry = line.entry
            if entry is None or entry.body.startswith(BLANKED_TEXT):
                continue
            if stamp in (entry.stamp, entry.carried_from):
                yield make_blank_in(segments, line)


def _note_lines(
    folder: str, about: dict[str, Any], epoch: int, part: MirrorPart, segment: Segment, blanks: Sequence[Blank]
) -> int:
    """Note the lines of a part that have words, as holes, and return how many these are."""
    known = holes_of(about, epoch, part.segment)
    places = {(hole.begin, hole.end) for hole in known}
    links, holes, count = known_links(about, folder, epoch, part), list[Hole](), 0
    for first, last in find_blanked_lines_in(segment, blanks):
        new = list[Hole]()
        for begin in range(first, last, MAX_PIECE_BYTES):
            raw = segment.read(begin, min(MAX_PIECE_BYTES, last - begin))
            place = part.begin + begin, part.begin + begin + len(raw)
            if place in places or fill(raw) == raw:
                continue
            base, base_link = links[bisect_right(links, place[0], key=lambda link: link[0]) - 1]
            link = extend_chain_over(
                lambda offset, size: segment.read(offset - part.begin, size), base_link, base, place[0]
            )
            assert link is not None  # the bytes are here
            new.append(Hole(*place, extend_chain(link, raw)))
            insort(links, (new[-1].end, new[-1].link))
        holes += new
        count += bool(new)
    if holes:
        table = about["holes"].setdefault(str(epoch), {})
        table[part.segment] = [[hole.begin, hole.end, hole.link.hex()] for hole in sorted([*known, *holes])]
    return count


def _cut_torn_line(part: MirrorPart, segment: Segment, blanks: Sequence[Blank]) -> None:
    """Cut off a last line without an end that has words, or the beginning of some: a kill in a write has left it.

    It has no link of the chain. If the log has the line, it comes again, without the words.
    """
    size = segment.size()
    begin = last_line_end(segment, size)
    if begin == size:
        return
    tail = segment.read(max(begin, size - _TORN_BYTES), _TORN_BYTES)
    text = escape_unprintable(decode_utf8(tail))
    is_begun = any(
        text.endswith(words[:count])
        for blank in blanks
        for words in blank.texts
        for count in range(_MIN_TORN_CHARS, len(words))
    )
    if is_begun or any(place[0] == begin for place in find_blanked_lines_in(segment, blanks)):
        fd = open_file(part.path, os.O_RDWR)
        try:
            os.ftruncate(fd, begin)
            fdatasync_fd(fd)
        finally:
            os.close(fd)
