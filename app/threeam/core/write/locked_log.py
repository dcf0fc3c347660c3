"""The log while its lock is held: look, stamp, write once; and what comes of that.

A submission ends in one of three ways: written; refused, and the log is byte for byte as it was; or unsure, and the
message names the stamp.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from threeam.core.errors import (
    CannotRotate,
    DiskFull,
    HalfAppended,
    NotAppended,
    NotRotated,
    Refused,
    SyncFailed,
    Unsure,
)
from threeam.core.format.clock import TIE_NS, Clock
from threeam.core.format.entry import (
    ACQUIRED,
    CLOCK_STEPPED,
    MOST_CUPS,
    NS,
    RELEASING,
    Entry,
    Stamp,
    decode,
    format_entry,
    format_many,
    parse,
    tag_value,
    visible,
)
from threeam.core.platform.disk import free_bytes, in_units
from threeam.core.state.current_night import as_of_now
from threeam.core.state.fold import State
from threeam.core.state.state_cache import TRUNCATED, StateCache
from threeam.core.store.journal import Journal, Position, sync_folder
from threeam.core.write.draft import Author, Draft, DraftLine
from threeam.core.write.lock import JournalLock
from threeam.core.write.log_file import LogFile
from threeam.core.write.rotate import Rotated, check_rotatable, forget_old, rotate
from threeam.core.write.rotation_due import CarriedLines, note_path

INTERRUPTED = "the program was interrupted before it could say so"
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_WARN_AGAIN_NS = 15 * 60 * NS  # so long after a warning of the disk the next one is due


class Block(NamedTuple):
    """What one submission became: its entries, in order, and the bytes that they are in the log.

    ``said``: those of its draft, without what stands around them: the ceremony, and what was to be declared.
    ``before``: the state that its draft was made from.
    """

    entries: tuple[Entry, ...]
    raw: bytes
    said: tuple[Entry, ...]
    before: State


class WriteOptions(NamedTuple):
    """Who writes, and how.

    ``by``: the value of the author's ``BY`` tag. ``ceremony``: ``hypotheses``, ``always`` or
    ``never``. ``night_gap_ns``: so long without a typed entry ends a night. ``lock_timeout``:
    seconds; None waits until the lock comes. ``sync``: whether to wait for the disk. ``rotate_bytes``: a log of that
    size is rotated before the next block. ``keep``: how many rotated files stay; None: all. ``disk_floor``: with less
    room than that (bytes) on its disk, a warning goes into the log now and then.
    """

    user: str
    by: str
    ceremony: str = "hypotheses"
    night_gap_ns: int = 8 * 3600 * NS
    lock_timeout: float | None = 10.0
    sync: bool = True
    rotate_bytes: int = 64 * 1024 * 1024
    keep: int | None = None
    disk_floor: int = 64 * 1024 * 1024


class LockedLog:
    """The log while the lock is held: as it is now, and open for appending. `Writer.locked` makes it."""

    def __init__(
        self, journal: Journal, mode: int, lock: JournalLock, cache: StateCache, clock: Clock, options: WriteOptions
    ) -> None:
        self.first: Stamp | None = None  # of what was written under this hold
        self.written = 0  # bytes, under this hold
        self.carried: CarriedLines | None = None  # what a rotation would carry over, if one is due
        self._lock = lock
        self._doubt = ""  # whether a rotation under this hold will last
        self._journal = journal
        self._path = journal.log
        self._mode = mode
        self._cache = cache
        self._clock = clock
        self._options = options
        self._file = LogFile.open(journal.log)
        self._gone = 0 if self._file is None else cache.bytes_gone(self._file.segment)
        self._last = self._state(whole=False).last
        self._granted: Stamp | None = clock()  # for the first block: later ones look at the clock again

    def write(self, draft: Draft) -> Block:
        """Writes what ``draft`` gives as one block of the author's. Raises `Refused`, or the draft's `Declined`."""
        self._rotate_when_full()
        options, state = self._options, self._state(draft.whole)
        stamp, stepped_ns = self._tick()
        state = self._as_of_now(state, stamp)
        said = draft.lines(state, Author(options.user, options.night_gap_ns), stamp)
        ceremonial = options.ceremony == "always" or (draft.ceremonial and options.ceremony == "hypotheses")
        around = self._warnings(stamp, stepped_ns)
        lines = [*around, *([DraftLine(ACQUIRED)] if ceremonial else []), *said]
        typed = not draft.via and not any(key == "NIGHT" for one in said for key, _ in one.tags)
        if typed and self._is_new_night(state, stamp):
            lines[0] = lines[0]._replace(tags=(("NIGHT", "new"), *lines[0].tags))
        by = (("BY", options.by), *([("VIA", draft.via)] if draft.via else []))
        cups, entries = self._cups(state, stamp), []
        for text, tags, after in lines:
            cups = cups if after is None else after
            entries.append(Entry(stamp, cups, (*by, *tags), visible(text)))
            stamp = Stamp(stamp.ns + 1, stamp.offset)
        if ceremonial:  # stamped last of all, so that the two stamps are a lower bound of the hold
            now = self._clock()
            over = [tag for tag in lines[-1].tags if tag[0] == "NIGHT"]  # it is this line that is the author's last
            entries.append(Entry(now if now.ns > stamp.ns else stamp, cups, (*by, *over), RELEASING))
        raw = b"".join(map(checked_line, entries))
        self._append(raw, entries)
        begin = len(lines) - len(said)
        return Block(tuple(entries), raw, tuple(entries[begin : len(lines)]), state)

    def write_stream(self, texts: list[str]) -> bytes:
        """Writes a line for each of ``texts``, which came through a pipe. Raises `Refused`."""
        self._rotate_when_full()
        first, stepped_ns = self._tick()
        stamp = first
        cups = self._cups(self._as_of_now(self._state(whole=False), stamp), stamp)
        tags = (("BY", self._options.by), ("VIA", "stdin"))
        raw = b""
        for warning in self._warnings(stamp, stepped_ns):
            raw += checked_line(Entry(stamp, cups, (*tags, *warning.tags), warning.text))
            stamp = Stamp(stamp.ns + 1, stamp.offset)
        last = Entry(Stamp(stamp.ns + len(texts) - 1, stamp.offset), cups, tags, visible(texts[-1]))
        for end in (last._replace(stamp=stamp), last):  # the lines between them differ in nothing that could be wrong
            checked_line(end)
        raw += format_many(stamp, cups, tags, texts)
        self._append(raw, [last._replace(stamp=first), last])  # those between change nothing: they have no tags
        return raw

    def write_plain(self, text: str, coffee: int) -> bytes:
        """Writes one line as the Bash script does: stamped now, and with no tag but COFFEE.

        Raises `Refused`, or `Unsure` when lines before it are written already.
        """
        self._rotate_when_full()
        stamp, stepped_ns = self._tick()
        lines = [*_declared(stepped_ns), *self._truncation_warning(), DraftLine(visible(text))]
        entries = [Entry(Stamp(stamp.ns + i, stamp.offset), coffee, (), line.text) for i, line in enumerate(lines)]
        try:
            raw = b"".join(map(checked_line, entries))
        except Refused as refused:
            if self.first is None:
                raise
            raise Unsure(self.first, f"only its first lines: {refused}") from None
        self._append(raw, entries, begun=self.first)
        return raw

    def rotate(self, *, gain: bool = False) -> Rotated:
        """Put a new log in the place of this one, and return the path that this one has now.

        ``gain``: only if the new one is at most half as long. Raises `NotRotated`, with the log as it was.
        """
        if self._file is None or self._file.size == 0 or self.first is not None:
            raise NotRotated(f"there is nothing to rotate at {self._path}")
        check_rotatable(self._file.segment, self._path)  # before the whole log is read for it
        reading, self._granted = self._clock(), None
        last = self._last or reading
        # If the clock was stepped back, the next block tells of it.
        stamp = reading if reading.ns > last.ns else Stamp(last.ns + 1, reading.offset)
        state = self._state(whole=True)
        if Stamp.parse(str(stamp)) is None:  # its first line could not be read back, and the old file would be lost
            raise NotRotated(f"{self._path} is not rotated: its last line is from the end of the year 9999")
        prepared, segment = self.carried or CarriedLines(self._cache.fold, state), self._file.segment
        carried, count = prepared.at(state, Stamp(stamp.ns + 1, stamp.offset))
        rotated = rotate(
            self._journal, segment, self._options.by, stamp, last, carried, gain=gain, lost=self._lock.lost
        )
        with suppress(OSError):  # it is about the old file, and so says nothing of the new one
            os.unlink(note_path(self._path))
        self._file = LogFile.open(self._path)
        self._last = Stamp(stamp.ns + count, stamp.offset)
        self._doubt = rotated.doubt
        if self._file is not None:
            self._cache.rotated(self._file.segment, rotated.size, state.rotated(self._last))
        return rotated

    def settle(self, first: Stamp) -> None:
        """Waits until what was written, ``first`` the first of it, is on the disk. Raises `Unsure`.

        A failed sync is never retried: after it the kernel takes the pages for clean, and the second try would lie.
        """
        assert self._file is not None
        if self._file.segment.removed():
            raise Unsure(first, "the log was removed meanwhile, and is gone with it")
        try:
            if self._options.sync:
                self._file.sync()
                if self._cache.named != self._file.segment.identity:  # whoever made it may have been killed before that
                    sync_folder(os.path.dirname(self._path))
                    self._cache.named = self._file.segment.identity
            intact = self._file.is_intact()
        except OSError as error:
            raise Unsure(first, f"the disk did not confirm it ({error.strerror})") from None
        if not intact:
            raise Unsure(first, "another program truncated or changed the log meanwhile (logrotate's copytruncate?)")
        if self._options.sync and self._doubt:
            raise Unsure(first, self._doubt)

    def forget_old(self) -> str:
        """Deletes the rotated files that are not to be kept; says why one stays all the same."""
        return "" if self._options.keep is None else forget_old(self._journal, self._options.keep)

    def _rotate_when_full(self) -> None:
        log = self._file
        if self.first is not None or self.carried is None or log is None or log.size < self._options.rotate_bytes:
            return
        if log.torn:  # the block that comes now ends the torn line, and the one after that finds it whole
            return
        try:
            if not self.rotate(gain=True).doubt:
                self.forget_old()  # what cannot be deleted now can be after the next one
        except SyncFailed as failed:
            self._doubt = str(failed)
        except CannotRotate:  # no room for a second file, or no right to make one: the log grows on
            self._cache.failed_size = log.size
        except NotRotated:
            pass

    def _state(self, whole: bool) -> State:
        if self._file is None:
            return self._cache.nothing(whole)
        return self._cache.at(self._file.segment, self._file.size, whole)

    def _as_of_now(self, state: State, stamp: Stamp) -> State:
        if self._file is None:
            return state
        end = Position(self._file.segment, self._file.size)
        return as_of_now(state, end, self._options.user, stamp.ns, self._options.night_gap_ns)

    def _tick(self) -> tuple[Stamp, int]:
        """The time, after the last stamp of the file; if the clock was stepped back, the true time and how far (ns)."""
        reading, self._granted = self._granted or self._clock(), None
        if self._last is None or reading.ns > self._last.ns:
            return reading, 0
        behind = self._last.ns - reading.ns
        if behind <= TIE_NS:
            return Stamp(self._last.ns + 1, reading.offset), 0
        return reading, behind

    def _warnings(self, stamp: Stamp, stepped_ns: int) -> list[DraftLine]:
        """Return the lines that come before those of a draft: what the log has to say about itself."""
        return [*_declared(stepped_ns), *self._truncation_warning(), *self._disk_warning(stamp)]

    def _truncation_warning(self) -> list[DraftLine]:
        """Return a line about bytes that another program has cut off, if this process knows of them."""
        if not self._gone:
            return []
        remedy = "logrotate's copytruncate loses lines: let it use create, or leave the log to 3am"
        return [DraftLine(f"{TRUNCATED.decode()[2:]}{self._gone} bytes are gone. {remedy}.")]

    def _disk_warning(self, stamp: Stamp) -> list[DraftLine]:
        """A line about the room that is left, where that is little and nobody has said so lately."""
        if self._file is None or (free := free_bytes(self._file.segment.fd)) >= self._options.disk_floor:
            return []
        if self._cache.warned_of_disk(self._file.segment, self._file.size, stamp.ns, _WARN_AGAIN_NS):
            return []
        return [DraftLine(f"WARNING: Disk nearly full: {in_units(free)} left for the log.", (("DISK", str(free)),))]

    def _cups(self, state: State, stamp: Stamp) -> int:
        return state.cups(self._options.user, stamp.ns, self._options.night_gap_ns)

    def _is_new_night(self, state: State, stamp: Stamp) -> bool:
        user = self._options.user
        return user in state.people and state.tonight(user, stamp.ns, self._options.night_gap_ns) is None

    def _append(self, raw: bytes, entries: Sequence[Entry], *, begun: Stamp | None = None) -> None:
        """Appends ``raw``; ``entries`` are the first and the last of it, and all that change the state.

        ``begun``: the first stamp of what was begun earlier, and is half done if this fails.
        """
        if self._file is None:
            self._file = LogFile.create(self._path, self._mode, self._journal.new_owner())
        try:
            self._file.append(raw)
        except NotAppended as not_appended:
            why = _why_not(self._path, not_appended.number)
            if begun is not None:
                raise Unsure(begun, f"only its first lines: {why}") from None
            kind = DiskFull if not_appended.number in _NO_ROOM else Refused
            raise kind(f"nothing was written: {why}") from None
        except HalfAppended as half:
            raise Unsure(entries[0].stamp, f"only in part: {half}") from None
        self._last = entries[-1].stamp
        self.written += len(raw)
        self.first = self.first or entries[0].stamp
        self._gone = 0
        self._cache.appended(self._file.segment, self._file.begin, self._file.size, entries)


def mode_of(journal: Journal) -> int:
    """The mode of a new log."""
    return 0o640 if journal.log.startswith("/var/log/") else 0o600


def checked_line(entry: Entry) -> bytes:
    """Return the line of ``entry``. Raises `Refused` if `parse` would not give ``entry`` back."""
    line = format_entry(entry)
    tags = tuple((key, tag_value(value)) for key, value in entry.tags)
    if parse(line[:-1]) == entry._replace(tags=tags):
        return line
    if entry.coffee > MOST_CUPS:
        why = f"{entry.coffee} cups are more than the COFFEE tag has digits for; take one back with 3am coffee --undo"
    elif Stamp.parse(str(entry.stamp)) is None:
        why = f"the time {entry.stamp} could not be read back; look at the clock and at TZ (date; echo $TZ)"
    else:
        why = f"the line could not be read back: {decode(line[:-1])}"
    raise Refused(f"nothing was written: {why}")


def _declared(stepped_ns: int) -> list[DraftLine]:
    if not stepped_ns:
        return []
    milliseconds = (stepped_ns + 500_000) // 1_000_000
    seconds = f"{milliseconds // 1000}.{milliseconds % 1000:03d}"
    return [DraftLine(f"{CLOCK_STEPPED}{seconds} s; the order of the file is the true order.")]


def _why_not(path: str, number: int) -> str:
    if number in _NO_ROOM:
        return f"the disk of {path} is full; make room and try again"
    if number == errno.EFBIG:
        return f"{path} has reached the file size limit of this process (ulimit -f)"
    return f"{path}: {os.strerror(number)}"
