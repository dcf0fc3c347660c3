"""The bytes of this journal that may be sent: they are on the disk, and no writer will take them back.

A writer that meets a full disk cuts off the block that it has begun. So a byte is sent only if it is below a size that
was read while no writer held the lock, and after a sync of its file.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import NamedTuple

from threeam.core.errors import FileUnusable, JournalError
from threeam.core.format.entry import Stamp
from threeam.core.platform.folders import is_named, open_file
from threeam.core.platform.portability import fdatasync_fd
from threeam.core.store.journal import Fingerprint, Journal, check_regular_file, describe_open_error
from threeam.core.store.reader import last_entry, read_chunks
from threeam.core.store.segment import Segment
from threeam.team.messages.line_chain import extend_chain, extend_chain_over, first_link
from threeam.team.messages.message import MAX_PAYLOAD_BYTES, Message
from threeam.team.messages.position import JournalOrder, Origin, SegmentEnd, segment_name

_STAMP_CHARS = 34  # characters
_NUMBER_ASIDE = re.compile(r"[.-]\d+(-\d+)?", re.ASCII)  # behind the name of a log that logrotate has put aside


class BytesLost(JournalError):
    """A log without bytes that were sent before: it was truncated, or comes from a backup."""


class LogBusy(Exception):
    """A log whose lock a writer holds: what may be sent is known in a moment."""


class Cursor(NamedTuple):
    """A place up to which the bytes were sent.

    ``name``: that of the segment. ``link``: of the chain, at the place. ``after``: see `Message`.
    """

    segment: Segment
    name: str
    fingerprint: Fingerprint
    link: bytes
    after: SegmentEnd | None = None

    @property
    def offset(self) -> int:
        """The offset in the segment."""
        return self.fingerprint.offset


class Batch(NamedTuple):
    """Bytes that may be sent, and the cursors before and behind them."""

    begin: Cursor
    payload: bytes
    end: Cursor

    def message(self, origin: Origin, host: str, utc_bound_ns: int | None) -> Message:
        """Return the message that sends the bytes. ``utc_bound_ns``: that of this host's clock."""
        begin = self.begin
        after = begin.after if begin.offset == 0 else None
        return Message(origin, host, begin.name, begin.offset, begin.link, self.payload, after, utc_bound_ns)


class Outgoing:
    """The bytes of ``journal`` from a cursor on. Methods raise OSError if the log cannot be read."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._safe_ends: dict[Segment, int] = {}  # of each segment that was read, the size that is synced
        self._order = JournalOrder({})
        self._ordered_up_to: object = None  # the last file in it

    def begin(self, after: SegmentEnd | None = None) -> Cursor | None:
        """Return the beginning of the oldest segment; None if there is no line with a stamp yet."""
        live = self._journal.open_live()
        return None if live is None else _cursor_at_begin(self._journal.oldest_segment(live), after)

    def resume(self, sent: SegmentEnd, link: bytes, opened: Segment | None = None) -> Cursor | None:
        """Return the cursor at the end of what was ``sent``, where ``link`` stands.

        If that segment is not here any more, return the beginning of the next one; None if there is no line yet.
        ``opened``: the file that was sent last, if this process has it open; another program may have moved or removed
        it. Raises `BytesLost` if the log does not have the bytes that were sent.
        """
        if opened is not None and segment_name(opened) == sent.segment:
            with suppress(BytesLost):
                return self._resume_in(opened, sent, link)
        live = self._journal.open_live()
        if live is None and (cursor := self._resume_aside(sent, link)) is not None:
            return cursor
        if live is None:
            raise BytesLost(f"{self._journal.log_path} does not exist, and lines of it were sent")
        newer: Segment | None = None
        for segment in self._journal.segments_backward(live):
            name = segment_name(segment)
            if name == sent.segment:
                return self._resume_in(segment, sent, link)
            if name is None or name > sent.segment:
                newer = segment
        if (cursor := self._resume_aside(sent, link)) is not None:
            return cursor
        if newer is None:
            raise BytesLost(f"{self._journal.log_path} is older than what was sent, up to {sent.segment}")
        return _cursor_at_begin(newer, None)

    def _resume_in(self, segment: Segment, sent: SegmentEnd, link: bytes) -> Cursor:
        found = extend_chain_over(segment.read, first_link(sent.segment), 0, sent.offset)
        if found is None:
            lost = sent.offset - segment.size()
            raise BytesLost(f"{segment.path} has lost its last {lost} bytes: they were sent up to byte {sent.offset}")
        if found != link:
            raise BytesLost(f"{segment.path} has other lines than were sent, up to byte {sent.offset}")
        return Cursor(segment, sent.segment, Fingerprint.capture(segment, sent.offset), link)

    def _resume_aside(self, sent: SegmentEnd, link: bytes) -> Cursor | None:
        """Return the cursor in a file that another program has put aside, as logrotate does; None without one."""
        for segment in self._files_aside():
            if segment_name(segment) == sent.segment:
                with suppress(BytesLost):
                    return self._resume_in(segment, sent, link)
        return None

    def _files_aside(self) -> Iterator[Segment]:
        """Yield the files to which another program has renamed or copied the log."""
        folder, log_name = os.path.split(self._journal.log_path)
        for name in sorted(os.listdir(folder)):
            if not name.startswith(log_name) or not _NUMBER_ASIDE.fullmatch(name, len(log_name)):
                continue
            path = os.path.join(folder, name)
            with suppress(OSError, FileUnusable):  # another program's business: compressed, or of another user
                segment = Segment(open_file(path, os.O_RDONLY), path)
                check_regular_file(segment.fd, path)
                yield segment

    def read(self, cursor: Cursor) -> Batch | None:
        """Return the next bytes to send; None if there are none.

        Raises `LogBusy` while a writer holds the lock, and `BytesLost` if the log was truncated or rewritten before the
        cursor.
        """
        while True:
            segment = cursor.segment
            if not cursor.fingerprint.matches(segment):
                self._safe_ends = {}
                sent = SegmentEnd(cursor.name, cursor.offset)
                following = _cursor_at_begin(segment, sent)
                if following is not None and following.name == cursor.name:
                    raise BytesLost(f"{segment.path} was truncated or rewritten before byte {cursor.offset}")
                # Another program has emptied the log. It may have copied the lines that were not sent.
                following = self._resume_aside(sent, cursor.link) or following
                if following is None:
                    return None
                cursor = following
                continue
            is_closed = not self._is_live(segment)  # before the size is read
            payload = self._safe_lines(segment, cursor.offset, is_closed=is_closed)
            if payload:
                fingerprint = Fingerprint.capture(segment, cursor.offset + len(payload))
                if not cursor.fingerprint.matches(segment) or not fingerprint.ends_with(payload):
                    continue  # another program has truncated it meanwhile
                link = extend_chain(cursor.link, payload)
                return Batch(cursor, payload, Cursor(segment, cursor.name, fingerprint, link))
            following = self._successor(cursor) if is_closed else None
            if following is None:
                return None
            cursor = following

    def first_line(self, origin: Origin, host: str, utc_bound_ns: int | None) -> Message | None:
        """Return a message with the first line of the journal; None if it has no line. Raises `LogBusy`."""
        cursor = self.begin()
        batch = self.read(cursor) if cursor is not None else None
        if batch is None:
            return None
        line = batch.payload[: batch.payload.find(b"\n") + 1 or None]
        return batch._replace(payload=line).message(origin, host, utc_bound_ns)

    def count_lines(self, cursor: Cursor) -> tuple[int, Cursor]:
        """Return how many lines follow ``cursor``, sendable or not, and the cursor behind the last of them.

        The chain of that cursor is not computed.
        """
        count = 0
        while True:
            segment, is_closed = cursor.segment, not self._is_live(cursor.segment)
            if not cursor.fingerprint.matches(segment):  # another program has emptied the log
                following = _cursor_at_begin(segment, None)
                if following is None:
                    return count, cursor
                cursor = following
            end = cursor.offset
            counted, counted_cursor = count, cursor
            for data in read_chunks(segment, cursor.offset, segment.size()):
                count += data.count(b"\n")
                end += len(data)
            cursor = cursor._replace(fingerprint=Fingerprint.capture(segment, end))
            try:
                following = self._successor(cursor) if is_closed else None
            except BytesLost:  # another file is in its place; the next read says so
                return counted, counted_cursor
            if following is None:
                return count, cursor
            cursor = following

    def lines_between(self, begin: SegmentEnd | None, end: Cursor) -> int:
        """Return how many lines are between ``begin`` (None: the beginning of the journal) and ``end``."""
        count = 0
        for segment in self._journal.segments_backward(end.segment):
            name = segment_name(segment)
            low = begin.offset if begin is not None and name == begin.segment else 0
            high = end.offset if segment == end.segment else segment.size()
            count += sum(data.count(b"\n") for data in read_chunks(segment, low, high)) if low < high else 0
            if begin is not None and name == begin.segment:
                break
        return count

    def lines_up_to(self, end: SegmentEnd) -> int:
        """Return how many lines are before ``end``, in the files that are still here."""
        live = self._journal.open_live()
        sizes = list[tuple[Segment, int]]()  # of the files up to ``end``
        for segment in self._journal.segments_backward(live) if live is not None else ():
            if segment_name(segment) == end.segment:
                sizes = [(segment, end.offset)]
            elif sizes:
                sizes.append((segment, segment.size()))
        return sum(data.count(b"\n") for segment, size in sizes for data in read_chunks(segment, 0, size))

    def order(self) -> JournalOrder:
        """Return the order of the places in the files that are here; all are read again only after a rotation."""
        live = self._journal.open_live()
        if live is None:
            return JournalOrder({})
        last_file = (live.identity, segment_name(live))
        if last_file != self._ordered_up_to:
            names = [segment_name(segment) for segment in self._journal.segments_forward(live)]
            self._order = JournalOrder({name: number for number, name in enumerate(names, 1) if name is not None})
            self._ordered_up_to = last_file
        return self._order

    def _successor(self, cursor: Cursor) -> Cursor | None:
        """Return the beginning of the segment after that of ``cursor``.

        If another program has put a file in the place of the log that begins as it did, as an editor or ``mv`` of a
        backup does, return the place of ``cursor`` in that file. Raises `BytesLost` if it does not have what was sent.
        """
        live = self._journal.open_live()
        if live is None or live == cursor.segment:
            return None
        sent = SegmentEnd(cursor.name, cursor.offset)
        if segment_name(live) == cursor.name:
            return self._resume_in(live, sent, cursor.link)
        if (linked := self._journal.successor(cursor.segment)) is not None:
            return _cursor_at_begin(linked, sent)
        # logrotate's new file does not name its predecessor: the journal continues with the oldest file behind it.
        following = [self._journal.oldest_segment(live), *self._files_aside()]
        named = [(name, segment) for segment in following if (name := segment_name(segment)) is not None]
        later = min((pair for pair in named if pair[0] > cursor.name), key=lambda pair: pair[0], default=None)
        # The clock may have been stepped back: then the new file has a lower name.
        return _cursor_at_begin(live if later is None else later[1], sent)

    def _is_live(self, segment: Segment) -> bool:
        try:
            status = os.stat(self._journal.log_path)
        except FileNotFoundError:
            return True  # in the middle of a rotation by another program
        return (status.st_dev, status.st_ino) == segment.identity

    def _safe_lines(self, segment: Segment, offset: int, *, is_closed: bool) -> bytes:
        """Return the next lines that are synced and will not be taken back; empty if there are none. Raises `LogBusy`.

        ``is_closed``: see `_whole_lines`.
        """
        known = self._safe_ends.get(segment, 0)
        if offset < known <= segment.size():
            # The known end may be in the middle of a line that a program without our lock was writing.
            payload = _whole_lines(segment, offset, known, is_closed=False)
            if payload:
                return payload
        size = self._size_without_writer(segment)
        if size != known:
            _sync(segment)
            self._safe_ends = {segment: size}
        return _whole_lines(segment, offset, size, is_closed=is_closed)

    def _size_without_writer(self, segment: Segment) -> int:
        with ExitStack() as stack:
            for path in self._journal.lock_paths:
                try:
                    fd = open_file(path, os.O_RDONLY)
                except FileNotFoundError:  # no writer has been here yet
                    continue
                except OSError as error:
                    raise FileUnusable("the lock " + describe_open_error(path, error)) from None
                stack.callback(os.close, fd)
                try:
                    fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise LogBusy from None
                if not is_named(fd, path):
                    raise LogBusy
            return segment.size()


def last_line_ns(journal: Journal) -> int:
    """Return the time of the last entry of ``journal``; 0 if it has no entry. Raises OSError or `FileUnusable`."""
    live = journal.open_live()
    found = last_entry(live, live.size()) if live is not None else None
    return found[1].stamp.ns if found is not None else 0


def _cursor_at_begin(segment: Segment, after: SegmentEnd | None) -> Cursor | None:
    name = segment_name(segment)
    if name is None:
        return None
    return Cursor(segment, name, Fingerprint.capture(segment, 0), first_link(name), after)


def _sync(segment: Segment) -> None:
    fd = open_file(segment.path, os.O_RDONLY) if segment.fd < 0 else os.dup(segment.fd)
    try:
        fdatasync_fd(fd)
    finally:
        os.close(fd)


def _whole_lines(segment: Segment, offset: int, end: int, *, is_closed: bool) -> bytes:
    """Return whole lines between ``offset`` and ``end``, at most `MAX_PAYLOAD_BYTES`.

    A block is split only if it is longer, and so is a line. ``is_closed``: a last line without a newline will not be
    continued.
    """
    size = max(0, end - offset)  # another program may have truncated the log meanwhile
    data = segment.read(offset, min(MAX_PAYLOAD_BYTES + _STAMP_CHARS + 2, size))
    if len(data) <= MAX_PAYLOAD_BYTES:
        return data if is_closed else data[: data.rfind(b"\n") + 1]
    cut = data.rfind(b"\n", 0, MAX_PAYLOAD_BYTES) + 1
    if cut == 0:  # a part of a line
        is_whole = is_closed or any(b"\n" in chunk for chunk in read_chunks(segment, offset, end))
        return data[:MAX_PAYLOAD_BYTES] if is_whole else b""
    for begin in _line_begins_backward(data, cut):
        if not _continues_block(data, begin):
            return data[:begin]
    return data[:cut]


def _line_begins_backward(data: bytes, begin: int) -> Iterator[int]:
    """Yield ``begin``, and the beginning of each line before it but the first, backwards."""
    while begin > 0:
        yield begin
        begin = data.rfind(b"\n", 0, begin - 1) + 1


def _continues_block(data: bytes, begin: int) -> bool:
    """Return whether the line at ``begin`` is of one block with the line before it: its stamp is 1 ns later."""
    before = data.rfind(b"\n", 0, begin - 1) + 1
    stamps = [_stamp_at(data, before), _stamp_at(data, begin)]
    return stamps[0] is not None and stamps[1] is not None and stamps[1].ns == stamps[0].ns + 1


def _stamp_at(data: bytes, begin: int) -> Stamp | None:
    return Stamp.parse(data[begin + 1 : begin + 1 + _STAMP_CHARS].decode("ascii", "replace"))
