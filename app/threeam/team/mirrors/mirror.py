"""The mirror of a journal of another host: its exact bytes, in files that only this user can read.

    <log>.d/remote/<id>/about.json                    the name of the host, the links behind gaps, the blanked lines
    <log>.d/remote/<id>/order                         what comes before each segment
    <log>.d/remote/<id>/<segment>.log                 the bytes from 0 on
    <log>.d/remote/<id>/<segment>+<offset>.log        the bytes behind a gap
    <log>.d/remote/<id>/epoch-2/…                     what the host sent after it had lost bytes

Bytes are only appended, and lines blanked if their origin says so, in each epoch. A message that is here already is
compared, so a message may come twice, late, or after a kill in the middle of its write. A message that contradicts the
bytes here is refused. A line that was blanked stays so, also if the message with its words comes again.
"""

from __future__ import annotations

import fcntl
import os
import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from threeam.core.errors import FileUnusable, JournalError
from threeam.core.platform.folders import SAFE_OPEN_FLAGS
from threeam.core.store.attachments import attachment_dir, open_own_dir, remote_dir
from threeam.core.store.journal import Journal
from threeam.team.messages.hole import Hole
from threeam.team.messages.line_chain import first_link
from threeam.team.messages.message import Message
from threeam.team.messages.position import Origin, SegmentEnd, is_origin_id, is_segment_name
from threeam.team.messages.presence import HeldRun
from threeam.team.mirrors.mirror_about import ABOUT_NAME, holes_of, known_links, link_at, read_about, write_about
from threeam.team.mirrors.mirror_blanking import blank_entries
from threeam.team.mirrors.mirror_part import MirrorPart, OpenPart, PartPlace
from threeam.team.mirrors.segment_order import OrderFile, read_order

_PART_NAME = re.compile(r"([^+]+?)(?:\+([1-9]\d{0,15}))?\.log", re.ASCII)
_EPOCH_DIR = re.compile(r"epoch-([1-9]\d{0,5})", re.ASCII)


class MirrorBusy(JournalError):
    """A mirror that another process of this user writes."""


class Gap(NamedTuple):
    """Bytes of a segment that are missing."""

    segment: str
    begin: int
    end: int


class MirrorFiles(NamedTuple):
    """The files of one epoch in a mirror: its parts in order, and the gaps in them.

    ``run_begin``: the place from which on nothing is missing up to the end.
    """

    origin: Origin
    host: str
    parts: list[MirrorPart]
    gaps: list[Gap]
    run_begin: SegmentEnd | None

    @property
    def end(self) -> SegmentEnd | None:
        """The end of the last part; None if there is no part."""
        return SegmentEnd(self.parts[-1].segment, self.parts[-1].end) if self.parts else None

    def held_run(self) -> HeldRun | None:
        """Return what is held without a gap up to the end; None if there is no part."""
        begin, end = self.run_begin, self.end
        return HeldRun(self.origin, begin, end) if begin is not None and end is not None else None


def read_mirrors(journal: Journal) -> list[MirrorFiles]:
    """Return the mirrors of this user, the epochs of an origin in their order. Raises OSError or `FileUnusable`."""
    return [files for origin_id in mirrored_ids(journal) for files in read_mirror(journal, origin_id)]


def mirrored_ids(journal: Journal) -> list[str]:
    """Return the ids of the origins of which this user has a mirror. Raises OSError."""
    return sorted(filter(is_origin_id, _names(remote_dir(journal))))


def read_mirror(journal: Journal, origin_id: str) -> list[MirrorFiles]:
    """Return the epochs of one mirror in their order. Raises OSError or `FileUnusable`."""
    folder = os.path.join(remote_dir(journal), origin_id)
    epochs = _parts_of_epochs(folder)  # read first: what a part continues was noted before its file was made
    host, order = read_about(folder)["host"], read_order(folder)
    return [_mirror_files(Origin(origin_id, epoch), host, epochs[epoch], order.get(epoch, {})) for epoch in epochs]


def read_searched_entries(journal: Journal, origin_id: str) -> list[str]:
    """Return the stamps of the entries whose words were blanked in all files of a mirror. Raises `FileUnusable`."""
    entries: list[str] = read_about(os.path.join(remote_dir(journal), origin_id))["entries"]
    return entries


def mirror_path(journal: Journal, origin: Origin) -> str:
    """Return the folder of an epoch in the mirror of an origin."""
    return _epoch_dir(os.path.join(remote_dir(journal), origin.id), origin.epoch)


def about_path(journal: Journal, origin_id: str) -> str:
    """Return the path of the file with what is known of a mirror, its blanked lines among it."""
    return os.path.join(remote_dir(journal), origin_id, ABOUT_NAME)


def latest_epoch(journal: Journal, origin_id: str) -> int:
    """Return the last epoch in the mirror of an origin."""
    return max(_later_epochs(os.path.join(remote_dir(journal), origin_id)), default=1)


def read_known_links(journal: Journal, origin: Origin, part: MirrorPart) -> list[tuple[int, bytes]]:
    """Return what `known_links` does, of a part of the mirror of an origin. Raises OSError or `FileUnusable`."""
    folder = os.path.join(remote_dir(journal), origin.id)
    return known_links(read_about(folder), folder, origin.epoch, part)


def _mirror_files(origin: Origin, host: str, found: list[MirrorPart], afters: Mapping[str, SegmentEnd]) -> MirrorFiles:
    afters = {part.segment: afters[part.segment] for part in found if part.segment in afters}
    found = _in_order(found, afters)
    parts, gaps = list[MirrorPart](), list[Gap]()
    run_begin: SegmentEnd | None = None
    before: SegmentEnd | None = None
    for part in found:
        expected = SegmentEnd(part.segment, part.begin) if part.begin else afters.get(part.segment)
        continues = run_begin is not None and before == expected
        parts.append(part._replace(continues=continues))
        if not continues:
            run_begin = SegmentEnd(part.segment, part.begin)
        if part.begin and before != expected:
            gap_begin = before.offset if before is not None and before.segment == part.segment else 0
            gaps.append(Gap(part.segment, gap_begin, part.begin))
        before = SegmentEnd(part.segment, part.end)
    ends = {part.segment: part.end for part in parts}
    gaps += [Gap(name, ends.get(name, 0), end) for name, end in afters.values() if ends.get(name, 0) < end]
    return MirrorFiles(origin, host, parts, sorted(gaps), run_begin)


def _in_order(parts: list[MirrorPart], afters: Mapping[str, SegmentEnd]) -> list[MirrorPart]:
    """Return ``parts`` in the order of the journal: a clock that is stepped back gives a later segment a lower name.

    ``afters``: what comes before each segment. A segment for which this is not known, or not here, is put by its name.
    """
    by_segment, following, begins = dict[str, list[MirrorPart]](), defaultdict[str, list[str]](list), list[str]()
    for part in parts:
        by_segment.setdefault(part.segment, []).append(part)
    for name in by_segment:
        before = afters.get(name)
        (following[before.segment] if before is not None and before.segment in by_segment else begins).append(name)
    # Segments that name each other in a circle, which no journal does, have no begin: they come last.
    ordered, waiting = list[MirrorPart](), [*by_segment, *reversed(begins)]
    while waiting:
        name = waiting.pop()
        ordered += by_segment.pop(name, ())
        waiting += reversed(following.pop(name, []))
    return ordered


class Mirror:
    """The mirror of the origin with ``origin_id``, open for writing by this process alone, until `close`.

    Construction raises `MirrorBusy` or `FileUnusable`. Methods raise OSError: what was written of a message before is
    completed when the message comes again.
    """

    def __init__(self, journal: Journal, origin_id: str) -> None:
        assert is_origin_id(origin_id)
        self.path = os.path.join(remote_dir(journal), origin_id)
        self._origin_id = origin_id
        try:
            for folder in (attachment_dir(journal), remote_dir(journal), self.path):
                with open_own_dir(folder, make=True):
                    pass
            self._lock_fd = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | SAFE_OPEN_FLAGS)
        except OSError as error:
            raise FileUnusable(f"{self.path} cannot be made: {error.strerror}") from None
        try:
            fcntl.flock(self._lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock_fd)
            raise MirrorBusy(f"{self.path} is written by another process") from None
        try:
            self._about = read_about(self.path)
            self._order = OrderFile(self.path)
        except OSError as error:
            os.close(self._lock_fd)
            raise FileUnusable(f"{self.path} cannot be written: {error.strerror}") from None
        except BaseException:
            os.close(self._lock_fd)
            raise
        self._open_part: OpenPart | None = None
        self._begins = dict[str, dict[str, list[int]]]()  # by folder and segment, where the parts begin
        self._gaps_may_differ = True  # an earlier process may have made or filled some
        self._blanked_lines = 0  # since `pop_blanked_lines`

    def write(self, message: Message) -> int:
        """Write what is new of ``message``, and return how many bytes that was. Raises `Contradiction`."""
        assert message.origin.id == self._origin_id
        if entries := [entry for entry in message.entries if entry not in self._about["entries"]]:
            self._close_part()
            self._blanked_lines += blank_entries(self.path, self._about, _parts_of_epochs(self.path), entries)
            self._gaps_may_differ = True  # a line without an end may have been cut off
        written, rest = 0, message
        while True:
            part, limit = self._part_for(rest)
            if limit is None or limit >= rest.end:
                break
            first, rest = rest.split(limit)  # it runs into a part behind a gap
            written += self._write_to(part, first)
        written += self._write_to(part, rest)
        self._note_about(message)
        if written and (part.next_begin is not None or self._order.is_followed(message.origin.epoch, message.segment)):
            self._gaps_may_differ = True
        return written

    def _write_to(self, part: OpenPart, message: Message) -> int:
        part.check(message)
        if message.holes:
            part.holes = self._note_holes(message)  # before the bytes: the chain of a line without its words is lost
        return part.write(message)

    def pop_gaps_may_differ(self) -> bool:
        """Return whether a gap may have come or gone since the last call. Segments that come in order make none."""
        may_differ, self._gaps_may_differ = self._gaps_may_differ, False
        return may_differ

    def pop_blanked_lines(self) -> int:
        """Return how many lines were blanked since the last call."""
        count, self._blanked_lines = self._blanked_lines, 0
        return count

    def sync(self) -> None:
        """Wait until what was written is on the disk."""
        self._order.sync()
        if self._open_part is not None:
            self._open_part.sync()

    def is_removed(self) -> bool:
        """Return whether the files that are open here are not those of the mirror any more."""
        try:
            is_same = os.path.samestat(os.fstat(self._lock_fd), os.stat(self.path, follow_symlinks=False))
        except FileNotFoundError:
            return True
        is_part_removed = self._open_part is not None and self._open_part.is_removed()
        return not is_same or self._order.is_removed() or is_part_removed

    def close(self) -> None:
        """Close the files, and let another process write the mirror."""
        self._close_part()
        self._order.close()
        os.close(self._lock_fd)

    def _part_for(self, message: Message) -> tuple[OpenPart, int | None]:
        """Return the part that ``message`` begins in, and where the next one begins; None if there is no next one."""
        folder = _epoch_dir(self.path, message.origin.epoch)
        current = self._open_part
        if current is not None and current.holds(folder, message):
            return current, current.next_begin
        begins = self._begins_in(folder).setdefault(message.segment, [])
        index = bisect_right(begins, message.offset)
        next_begin = begins[index] if index < len(begins) else None
        if index:
            part = self._switch_to(folder, message, begins[index - 1], next_begin)
            if message.offset <= part.end:
                return part, next_begin
        if message.offset:
            self._links(message)[f"{message.segment}+{message.offset}"] = message.link.hex()
            write_about(self.path, self._about)
        self._note_about(message)  # before its file is there: who finds the file reads what it continues
        if current is None or message.offset or not current.is_before(folder, message):
            self._gaps_may_differ = True
        part = self._switch_to(folder, message, message.offset, next_begin)
        begins.insert(index, message.offset)
        return part, next_begin

    def _begins_in(self, folder: str) -> dict[str, list[int]]:
        """Return where the parts of each segment in a folder begin; it is read once, since nobody else adds parts."""
        if folder not in self._begins:
            begins = self._begins[folder] = dict[str, list[int]]()
            for name, begin in sorted(filter(None, map(_parse_part_name, _names(folder)))):
                begins.setdefault(name, []).append(begin)
        return self._begins[folder]

    def _switch_to(self, folder: str, message: Message, begin: int, next_begin: int | None) -> OpenPart:
        self._close_part()
        if begin == 0:
            link = first_link(message.segment)
        else:
            link = link_at(self._about, self.path, message.origin.epoch, SegmentEnd(message.segment, begin))
        holes = holes_of(self._about, message.origin.epoch, message.segment)
        self._open_part = OpenPart(folder, PartPlace(message.segment, begin, link), next_begin, holes)
        return self._open_part

    def _close_part(self) -> None:
        if self._open_part is not None:
            part, self._open_part = self._open_part, None
            try:
                part.sync()
            finally:
                part.close()

    def _links(self, message: Message) -> dict[str, str]:
        """Return the links at the beginnings of the parts of an epoch."""
        links: dict[str, str] = self._about["links"].setdefault(str(message.origin.epoch), {})
        return links

    def _note_holes(self, message: Message) -> list[Hole]:
        """Note the holes of ``message``, and return those of its segment."""
        holes = holes_of(self._about, message.origin.epoch, message.segment)
        known = {(hole.begin, hole.end) for hole in holes}
        new = [hole for hole in message.holes if (hole.begin, hole.end) not in known]
        if new:
            holes = sorted([*holes, *new])
            self._blanked_lines += len(new)
            table = self._about["holes"].setdefault(str(message.origin.epoch), {})
            table[message.segment] = [[hole.begin, hole.end, hole.link.hex()] for hole in holes]
            write_about(self.path, self._about)
        return holes

    def _note_about(self, message: Message) -> None:
        """Note the name of the host, and what comes before the segment."""
        if self._about["host"] != message.host:
            self._about["host"] = message.host
            write_about(self.path, self._about)
        if message.after is not None:
            self._order.add(message.origin.epoch, message.segment, message.after)


def _epoch_dir(folder: str, epoch: int) -> str:
    return folder if epoch == 1 else os.path.join(folder, f"epoch-{epoch}")


def _later_epochs(folder: str) -> Iterator[int]:
    for name in _names(folder):
        if (match := _EPOCH_DIR.fullmatch(name)) is not None and int(match[1]) > 1:
            yield int(match[1])


def _parts_of_epochs(folder: str) -> dict[int, list[MirrorPart]]:
    """Return the parts of each epoch in the folder of a mirror, the epochs in their order. Raises OSError."""
    return {epoch: _parts_in(_epoch_dir(folder, epoch)) for epoch in sorted([1, *_later_epochs(folder)])}


def _parts_in(folder: str) -> list[MirrorPart]:
    """Return the parts in a folder, in the order of their segments and beginnings. Raises OSError."""
    parts = []
    for name in _names(folder):
        if (parsed := _parse_part_name(name)) is not None:
            path, (segment, begin) = os.path.join(folder, name), parsed
            parts.append(MirrorPart(path, segment, begin, begin + os.stat(path, follow_symlinks=False).st_size))
    return sorted(parts, key=lambda part: (part.segment, part.begin))


def _parse_part_name(name: str) -> tuple[str, int] | None:
    """Return the segment and the beginning of a part by the name of its file; None if that is another file."""
    match = _PART_NAME.fullmatch(name)
    return (match[1], int(match[2] or 0)) if match is not None and is_segment_name(match[1]) else None


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []
