"""The other end of ``3am team ssh://``: the bytes of this journal into a pipe, from a cursor on, while it is read.

It runs on the host of the journal, where only 3am is installed. It writes the id of the journal, if the journal
has no id yet, and the epoch, if the log has lost bytes that another host has; and nothing else.
"""

from __future__ import annotations

import os
import re
import select
import threading
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial

from threeam.core.errors import PreconditionFailed
from threeam.core.platform.whole_write import write_all
from threeam.core.store.file_watcher import FileWatcher
from threeam.core.store.journal import Journal
from threeam.team.blanking.blank_list import BlankedLine, BlankList
from threeam.team.messages.line_chain import extend_chain_over, first_link
from threeam.team.messages.message import MAX_ENTRIES, MAX_PAYLOAD_BYTES, Message
from threeam.team.messages.position import Origin, SegmentEnd, segment_name
from threeam.team.messages.presence import ANNOUNCE_S, HEARTBEAT_S, Presence
from threeam.team.origin import OriginFile, read_origin
from threeam.team.outgoing import Batch, BytesLost, Cursor, LogBusy, Outgoing, last_line_ns
from threeam.team.ssh.frames import (
    FROM_THE_BEGINNING,
    MAX_REQUEST_CHARS,
    encode_answer,
    encode_greeting,
    encode_here,
    encode_lines,
)
from threeam.team.ssh.known_mirrors import FedMirror
from threeam.team.ssh.line_cursor import parse_cursor
from threeam.team.ssh.mirror_check import MirrorCheck
from threeam.timeline.clock_bounds import BOUND_AGE_S, own_clock_bound

_FIRST_BUSY_S, _LAST_BUSY_S = 0.001, 0.05  # s; between looks at a log that a writer has locked
_EPOCH_WAIT_S = 5.0  # s; for a process on this host that is about to notice the same loss
_READER_GONE_S = 60.0  # s; the reader answers each announcement with a line
_LIST_S = 1.0  # s; between two looks at the list of blanked lines, of whose file no change is reported
_QUESTION = re.compile(rb"clock (\d{1,9})")


class LogFeed:
    """The feed of ``journal`` to one reader. ``host``: the name of this host. Construction raises `FileUnusable`."""

    def __init__(self, journal: Journal, host: str) -> None:
        self._journal = journal
        self._host = host
        self._outgoing = Outgoing(journal)
        self._blank_list = BlankList(journal)
        self._blanked: list[BlankedLine] = []  # those of which the reader knows
        self._origin = _ensure_origin(journal)
        self._cursor: Cursor | None = None
        self._counted: Cursor | None = None  # up to here the lines are counted
        self._unsent_lines = 0
        self._told: Presence | None = None
        self._told_s = 0.0
        self._bound_ns, self._bound_s = own_clock_bound().bound_ns, time.monotonic()
        self._writing = threading.Lock()  # a frame is written at once: the thread of the reader writes answers

    def run(self, requests: int, output: int) -> None:
        """Feed the descriptor ``output`` while it is read; ``requests`` gives the cursor, and ends with the reader.

        Raises OSError, `FileUnusable` or `PreconditionFailed`.
        """
        self._write(output, encode_greeting(self._origin.id))
        name, _, request = _read_line(requests).partition(" ")
        if not name:
            return
        mirror = FedMirror(self._journal, name)
        check = MirrorCheck(self._blank_list, mirror, partial(self._write, output))
        watcher = FileWatcher(self._journal.log_path, poll_interval_s=0.05)
        reader = _Reader(requests, partial(self._take, output, check, watcher), watcher.wake)
        try:
            self._announce(output)  # what the reader has takes a while to read
            self._start_at(self._resume(request))
            self._feed(output, watcher, reader, check)
        finally:
            reader.close()
            watcher.close()
            mirror.close()

    def _feed(self, output: int, watcher: FileWatcher, reader: _Reader, check: MirrorCheck) -> None:
        busy_s = _FIRST_BUSY_S
        while not reader.is_gone():
            watcher.mark_seen()
            if (live := self._journal.open_live()) is not None:
                watcher.follow(live)
            wait_s = _LIST_S
            try:
                self._send_blanked(output)
                while not reader.is_gone() and (batch := self._next_batch()) is not None:
                    self._send(batch, output)
                    self._announce(output)
                busy_s = _FIRST_BUSY_S
            except LogBusy:
                wait_s, busy_s = busy_s, min(2 * busy_s, _LAST_BUSY_S)
            wait_s = min(wait_s, self._announce(output), check.ask(self._origin.id))
            if read_origin(self._journal) != self._origin:
                return  # the reader connects again, and gets the other id or epoch
            watcher.wait(wait_s)

    def _send(self, batch: Batch, output: int) -> None:
        message = self._blank_list.blank(batch.message(self._origin, self._host, self._bound_ns))
        for part in message.parts():
            self._write(output, encode_lines(part))
        self._cursor = batch.end
        self._unsent_lines -= batch.payload.count(b"\n")

    def _send_blanked(self, output: int) -> None:
        """Send the lines without their words that were blanked and that the reader may have with them.

        Raises `LogBusy`.
        """
        lines, live = self._blank_list.lines(), self._journal.open_live()
        if lines == self._blanked or live is None:
            return
        self._name_entries(output)
        self._blanked = lines
        reached = SegmentEnd(self._cursor.name, self._cursor.offset) if self._cursor is not None else SegmentEnd("", 0)
        for segment in self._journal.segments_forward(live):
            name = segment_name(segment)
            here = sorted({(line.begin, line.end) for line in lines if line.segment == name})
            if name is None or not here:
                continue
            offset, link = 0, first_link(name)
            for begin, end in here:
                found = extend_chain_over(segment.read, link, offset, begin)
                if found is None or SegmentEnd(name, end) > reached:
                    break
                offset, link = begin, found
                for piece in range(begin, end, MAX_PAYLOAD_BYTES):
                    payload = segment.read(piece, min(MAX_PAYLOAD_BYTES, end - piece))
                    if not payload:
                        break
                    message = Message(self._origin, self._host, name, piece, link, payload, None, self._bound_ns)
                    blanked = self._blank_list.blank(message)
                    if blanked is not message:
                        self._write(output, encode_lines(blanked))
                    offset, link = message.end, message.end_link()

    def _name_entries(self, output: int) -> None:
        """Name the blanked entries to the reader, before it gets their lines without the words. Raises `LogBusy`."""
        entries = self._blank_list.entries()
        first = self._outgoing.first_line(self._origin, self._host, self._bound_ns)
        for begin in range(0, len(entries), MAX_ENTRIES) if first is not None else ():
            assert first is not None
            named = tuple(entries[begin : begin + MAX_ENTRIES])
            self._write(output, encode_lines(self._blank_list.blank(first)._replace(entries=named)))

    def _next_batch(self) -> Batch | None:
        """Return what is to be sent next; None if there is nothing. Raises `LogBusy`."""
        while True:
            if self._cursor is None:
                self._start_at(self._outgoing.begin())
                if self._cursor is None:
                    return None
            try:
                return self._outgoing.read(self._cursor)
            except BytesLost as lost:
                self._begin_epoch(self._origin.epoch, str(lost))
                self._start_at(None)

    def _resume(self, request: str) -> Cursor | None:
        """Return the cursor from which on the reader wants the lines; None for the beginning."""
        text = request.removeprefix(FROM_THE_BEGINNING).strip()
        cursor = self._resume_behind(text)  # also if that is sent again: its bytes must be those that the reader has
        return cursor if text == request else None

    def _resume_behind(self, text: str) -> Cursor | None:
        place = parse_cursor(text)
        if place is None or place.origin.id != self._origin.id or place.origin.epoch < self._origin.epoch:
            return None  # the reader has nothing of this epoch
        try:
            cursor = self._outgoing.resume(place.end, place.link)
        except BytesLost as lost:
            self._begin_epoch(place.origin.epoch, str(lost))
            return None
        if place.origin.epoch > self._origin.epoch:  # the file with the id comes from a backup, but not the log
            self._begin_epoch(place.origin.epoch - 1, f"{self._journal.log_path}.origin was set back")
        return cursor

    def _begin_epoch(self, after: int, reason: str) -> None:
        """Begin the epoch behind ``after``, unless another process on this host has done so. Raises `JournalError`."""
        deadline = time.monotonic() + _EPOCH_WAIT_S
        with closing(OriginFile(self._journal)) as file:
            while not file.lock():
                noted = read_origin(self._journal)
                if noted is not None and noted.epoch > after:
                    self._origin = noted
                    return
                if time.monotonic() > deadline:
                    raise PreconditionFailed(
                        f"{reason}; a 3am team on {self._host} publishes this journal: restart it there"
                    )
                time.sleep(_LAST_BUSY_S)
            self._origin = file.origin if file.origin.epoch > after else file.begin_epoch(after + 1)

    def _start_at(self, cursor: Cursor | None) -> None:
        self._cursor = self._counted = cursor
        self._unsent_lines = 0

    def _announce(self, output: int) -> float:
        """Announce what is new, or that this host is there, if that is due; return for how long it is not."""
        age_s = time.monotonic() - self._told_s
        if self._told is not None and age_s < ANNOUNCE_S:
            return ANNOUNCE_S - age_s
        presence = self._presence()
        if presence != self._told or age_s >= HEARTBEAT_S:
            self._write(output, encode_here(presence.encode()))
            self._told, self._told_s, age_s = presence, time.monotonic(), 0.0
        return HEARTBEAT_S - age_s

    def _take(self, output: int, check: MirrorCheck, watcher: FileWatcher, line: bytes) -> None:
        """Take a line of the reader, and answer it if it is a question."""
        received_ns = time.time_ns()
        if check.take(line):
            watcher.wake()
        if (match := _QUESTION.fullmatch(line)) is not None:
            with self._writing:
                write_all(output, encode_answer(int(match[1]), b"%d %d" % (received_ns, time.time_ns())))

    def _write(self, output: int, frame: bytes) -> None:
        with self._writing:
            write_all(output, frame)

    def _presence(self) -> Presence:
        if self._counted is not None:
            lines, self._counted = self._outgoing.count_lines(self._counted)
            self._unsent_lines += lines
        unsent = max(0, self._unsent_lines)
        if time.monotonic() - self._bound_s >= BOUND_AGE_S:
            self._bound_ns, self._bound_s = own_clock_bound().bound_ns, time.monotonic()
        return Presence(
            self._origin, self._host, unsent, unsent, last_line_ns(self._journal), utc_bound_ns=self._bound_ns
        )


class _Reader:
    """A thread that takes the questions of the reader, and notices that it is gone: it ends, or does not answer."""

    def __init__(self, requests: int, on_line: Callable[[bytes], None], on_gone: Callable[[], None]) -> None:
        self._gone = threading.Event()
        self._requests = requests
        self._on_line = on_line
        self._on_gone = on_gone
        self._stop_read, self._stop_write = os.pipe()
        self._thread = threading.Thread(target=self._run, name="reader")
        self._thread.start()

    def is_gone(self) -> bool:
        """Return whether the reader is gone."""
        return self._gone.is_set()

    def close(self) -> None:
        """End the thread."""
        os.close(self._stop_write)
        self._thread.join()
        os.close(self._stop_read)

    def _run(self) -> None:
        try:
            self._take_lines()
        except BrokenPipeError:
            pass
        finally:
            self._gone.set()
            self._on_gone()

    def _take_lines(self) -> None:
        poller = select.poll()
        poller.register(self._requests, select.POLLIN)
        poller.register(self._stop_read, 0)  # POLLHUP is always reported
        rest = b""
        while ready := dict(poller.poll(_READER_GONE_S * 1000)):
            if self._stop_read in ready or not (data := os.read(self._requests, 4096)):
                return
            *lines, rest = (rest[-MAX_REQUEST_CHARS:] + data).split(b"\n")
            for line in lines:
                self._on_line(line)


def _ensure_origin(journal: Journal) -> Origin:
    """Return the origin of ``journal``, and give it an id if it has none. Raises `FileUnusable`."""
    origin = read_origin(journal)
    if origin is not None:
        return origin
    with closing(OriginFile(journal)) as file:
        return file.origin


def _read_line(fd: int) -> str:
    """Return the first line of ``fd``, or "" if that ends before. Raises OSError."""
    line = b""
    while not line.endswith(b"\n") and len(line) <= MAX_REQUEST_CHARS:
        byte = os.read(fd, 1)
        if not byte:
            return ""
        line += byte
    return line.decode("ascii", "replace").strip()
