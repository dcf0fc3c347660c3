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
    AppendFailed,
    DiskFull,
    PartialAppend,
    RotationFailed,
    RotationSkipped,
    SyncFailed,
    Unsure,
    WriteFailed,
)
from threeam.core.format.clock import MAX_TIE_NS, Clock
from threeam.core.format.entry import (
    ACQUIRED,
    CLOCK_STEPPED_PREFIX,
    MAX_COFFEE_VALUE,
    NS_PER_S,
    RELEASING,
    Entry,
    Stamp,
    decode_utf8,
    escape_tag_value,
    escape_unprintable,
    format_batch,
    format_entry,
    parse_entry,
)
from threeam.core.platform.disk import format_bytes, free_bytes
from threeam.core.state.current_night import correct_for_future_lines
from threeam.core.state.fold import State
from threeam.core.state.state_cache import TRUNCATION_WARNING, StateCache
from threeam.core.store.journal import Journal, Position, fsync_dir
from threeam.core.write.draft import Draft, DraftLine, WriteContext
from threeam.core.write.lock import JournalLock
from threeam.core.write.log_file import LogFile
from threeam.core.write.rotate import RotationResult, check_rotatable, prune_rotated, rotate
from threeam.core.write.rotation_due import CarriedLines, no_gain_note_path

INTERRUPTED_REASON = "the program was interrupted before it could say so"
_DISK_FULL_ERRNOS = (errno.ENOSPC, errno.EDQUOT)
_DISK_WARNING_INTERVAL_NS = 15 * 60 * NS_PER_S  # so long after a warning of the disk the next one is due


class Block(NamedTuple):
    """What one submission became: its entries, in order, and the bytes that they are in the log.

    ``said``: those of its draft, without what stands around them: the ceremony, and what was to be declared.
    ``before``: the state that its draft was made from.
    """

    entries: tuple[Entry, ...]
    raw: bytes
    draft_entries: tuple[Entry, ...]
    prior_state: State


class WriteOptions(NamedTuple):
    """Who writes, and how.

    ``by``: the value of the author's ``BY`` tag. ``ceremony``: ``hypotheses``, ``always`` or
    ``never``. ``night_gap_ns``: so long without a typed entry ends a night. ``lock_timeout``:
    seconds; None waits until the lock comes. ``sync``: whether to wait for the disk. ``rotate_bytes``: a log of that
    size is rotated before the next block. ``keep``: how many rotated files stay; None: all. ``disk_floor``: with less
    room than that (bytes) on its disk, a warning goes into the log now and then.
    """

    user: str
    author_id: str
    ceremony: str = "hypotheses"
    night_gap_ns: int = 8 * 3600 * NS_PER_S
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
        self.first_stamp: Stamp | None = None  # of what was written under this hold
        self.bytes_written = 0  # bytes, under this hold
        self.carried_lines: CarriedLines | None = None  # what a rotation would carry over, if one is due
        self._lock = lock
        self._unconfirmed_reason = ""  # whether a rotation under this hold will last
        self._journal = journal
        self._path = journal.log_path
        self._new_log_mode = mode
        self._cache = cache
        self._clock = clock
        self._options = options
        self._file = LogFile.open(journal.log_path)
        self._truncated_bytes = 0 if self._file is None else cache.truncated_bytes(self._file.segment)
        self._last_stamp = self._load_state(full=False).last_stamp
        self._grant_stamp: Stamp | None = clock()  # for the first block: later ones look at the clock again

    def write(self, draft: Draft) -> Block:
        """Writes what ``draft`` gives as one block of the author's. Raises `Refused`, or the draft's `Declined`."""
        self._rotate_when_full()
        options, state = self._options, self._load_state(draft.needs_full_state)
        stamp, stepped_ns = self._next_stamp()
        state = self._correct_for_future_lines(state, stamp)
        said = draft.make_lines(state, WriteContext(options.user, options.night_gap_ns), stamp)
        ceremonial = options.ceremony == "always" or (draft.ceremonial and options.ceremony == "hypotheses")
        around = self._warning_lines(stamp, stepped_ns)
        lines = [*around, *([DraftLine(ACQUIRED)] if ceremonial else []), *said]
        typed = not draft.source and not any(key == "NIGHT" for one in said for key, _ in one.tags)
        if typed and self._is_new_night(state, stamp):
            lines[0] = lines[0]._replace(tags=(("NIGHT", "new"), *lines[0].tags))
        by = (("BY", options.author_id), *([("VIA", draft.source)] if draft.source else []))
        cups, entries = self._cups(state, stamp), []
        for text, tags, after in lines:
            cups = cups if after is None else after
            entries.append(Entry(stamp, cups, (*by, *tags), escape_unprintable(text)))
            stamp = Stamp(stamp.ns + 1, stamp.utc_offset_s)
        if ceremonial:  # stamped last of all, so that the two stamps are a lower bound of the hold
            now = self._clock()
            over = [tag for tag in lines[-1].tags if tag[0] == "NIGHT"]  # it is this line that is the author's last
            entries.append(Entry(now if now.ns > stamp.ns else stamp, cups, (*by, *over), RELEASING))
        raw = b"".join(map(format_checked_entry, entries))
        self._append(raw, entries)
        begin = len(lines) - len(said)
        return Block(tuple(entries), raw, tuple(entries[begin : len(lines)]), state)

    def write_stream(self, texts: list[str]) -> bytes:
        """Writes a line for each of ``texts``, which came through a pipe. Raises `Refused`."""
        self._rotate_when_full()
        first, stepped_ns = self._next_stamp()
        stamp = first
        cups = self._cups(self._correct_for_future_lines(self._load_state(full=False), stamp), stamp)
        tags = (("BY", self._options.author_id), ("VIA", "stdin"))
        raw = b""
        for warning in self._warning_lines(stamp, stepped_ns):
            raw += format_checked_entry(Entry(stamp, cups, (*tags, *warning.tags), warning.text))
            stamp = Stamp(stamp.ns + 1, stamp.utc_offset_s)
        last = Entry(Stamp(stamp.ns + len(texts) - 1, stamp.utc_offset_s), cups, tags, escape_unprintable(texts[-1]))
        for end in (last._replace(stamp=stamp), last):  # the lines between them differ in nothing that could be wrong
            format_checked_entry(end)
        raw += format_batch(stamp, cups, tags, texts)
        self._append(raw, [last._replace(stamp=first), last])  # those between change nothing: they have no tags
        return raw

    def write_script_line(self, text: str, cups: int) -> bytes:
        """Writes one line as the Bash script does: stamped now, and with no tag but COFFEE.

        Raises `Refused`, or `Unsure` when lines before it are written already.
        """
        self._rotate_when_full()
        stamp, stepped_ns = self._next_stamp()
        lines = [*_clock_step_warning(stepped_ns), *self._truncation_warning(), DraftLine(escape_unprintable(text))]
        entries = [Entry(Stamp(stamp.ns + i, stamp.utc_offset_s), cups, (), line.text) for i, line in enumerate(lines)]
        try:
            raw = b"".join(map(format_checked_entry, entries))
        except WriteFailed as refused:
            if self.first_stamp is None:
                raise
            raise Unsure(self.first_stamp, f"only its first lines: {refused}") from None
        self._append(raw, entries, earlier_stamp=self.first_stamp)
        return raw

    def rotate(self, *, only_if_smaller: bool = False) -> RotationResult:
        """Put a new log in the place of this one, and return the path that this one has now.

        ``gain``: only if the new one is at most half as long. Raises `NotRotated`, with the log as it was.
        """
        if self._file is None or self._file.size == 0 or self.first_stamp is not None:
            raise RotationSkipped(f"there is nothing to rotate at {self._path}")
        check_rotatable(self._file.segment, self._path)  # before the whole log is read for it
        reading, self._grant_stamp = self._clock(), None
        last = self._last_stamp or reading
        # If the clock was stepped back, the next block tells of it.
        stamp = reading if reading.ns > last.ns else Stamp(last.ns + 1, reading.utc_offset_s)
        state = self._load_state(full=True)
        if Stamp.parse(str(stamp)) is None:  # its first line could not be read back, and the old file would be lost
            raise RotationSkipped(f"{self._path} is not rotated: its last line is from the end of the year 9999")
        prepared, segment = self.carried_lines or CarriedLines(self._cache.fold, state), self._file.segment
        carried, count = prepared.format_lines(state, Stamp(stamp.ns + 1, stamp.utc_offset_s))
        rotated = rotate(
            self._journal,
            segment,
            self._options.author_id,
            stamp,
            last,
            carried,
            only_if_smaller=only_if_smaller,
            lock_lost=self._lock.was_replaced,
        )
        with suppress(OSError):  # it is about the old file, and so says nothing of the new one
            os.unlink(no_gain_note_path(self._path))
        self._file = LogFile.open(self._path)
        self._last_stamp = Stamp(stamp.ns + count, stamp.utc_offset_s)
        self._unconfirmed_reason = rotated.durability_warning
        if self._file is not None:
            self._cache.record_rotation(
                self._file.segment, rotated.new_log_bytes, state.after_rotation(self._last_stamp)
            )
        return rotated

    def confirm(self, first_stamp: Stamp) -> None:
        """Waits until what was written, ``first`` the first of it, is on the disk. Raises `Unsure`.

        A failed sync is never retried: after it the kernel takes the pages for clean, and the second try would lie.
        """
        assert self._file is not None
        if self._file.segment.is_removed():
            raise Unsure(first_stamp, "the log was removed meanwhile, and is gone with it")
        try:
            if self._options.sync:
                self._file.sync()
                if (
                    self._cache.durable_name != self._file.segment.identity
                ):  # whoever made it may have been killed before that
                    fsync_dir(os.path.dirname(self._path))
                    self._cache.durable_name = self._file.segment.identity
            intact = self._file.is_intact()
        except OSError as error:
            raise Unsure(first_stamp, f"the disk did not confirm it ({error.strerror})") from None
        if not intact:
            raise Unsure(
                first_stamp, "another program truncated or changed the log meanwhile (logrotate's copytruncate?)"
            )
        if self._options.sync and self._unconfirmed_reason:
            raise Unsure(first_stamp, self._unconfirmed_reason)

    def prune_rotated(self) -> str:
        """Deletes the rotated files that are not to be kept; says why one stays all the same."""
        return "" if self._options.keep is None else prune_rotated(self._journal, self._options.keep)

    def _rotate_when_full(self) -> None:
        log = self._file
        if (
            self.first_stamp is not None
            or self.carried_lines is None
            or log is None
            or log.size < self._options.rotate_bytes
        ):
            return
        if log.torn:  # the block that comes now ends the torn line, and the one after that finds it whole
            return
        try:
            if not self.rotate(only_if_smaller=True).durability_warning:
                self.prune_rotated()  # what cannot be deleted now can be after the next one
        except SyncFailed as failed:
            self._unconfirmed_reason = str(failed)
        except RotationFailed:  # no room for a second file, or no right to make one: the log grows on
            self._cache.failed_rotation_bytes = log.size
        except RotationSkipped:
            pass

    def _load_state(self, full: bool) -> State:
        if self._file is None:
            return self._cache.empty(full)
        return self._cache.state_at(self._file.segment, self._file.size, full)

    def _correct_for_future_lines(self, state: State, stamp: Stamp) -> State:
        if self._file is None:
            return state
        end = Position(self._file.segment, self._file.size)
        return correct_for_future_lines(state, end, self._options.user, stamp.ns, self._options.night_gap_ns)

    def _next_stamp(self) -> tuple[Stamp, int]:
        """The time, after the last stamp of the file; if the clock was stepped back, the true time and how far (ns)."""
        reading, self._grant_stamp = self._grant_stamp or self._clock(), None
        if self._last_stamp is None or reading.ns > self._last_stamp.ns:
            return reading, 0
        behind = self._last_stamp.ns - reading.ns
        if behind <= MAX_TIE_NS:
            return Stamp(self._last_stamp.ns + 1, reading.utc_offset_s), 0
        return reading, behind

    def _warning_lines(self, stamp: Stamp, stepped_ns: int) -> list[DraftLine]:
        """Return the lines that come before those of a draft: what the log has to say about itself."""
        return [*_clock_step_warning(stepped_ns), *self._truncation_warning(), *self._disk_warning(stamp)]

    def _truncation_warning(self) -> list[DraftLine]:
        """Return a line about bytes that another program has cut off, if this process knows of them."""
        if not self._truncated_bytes:
            return []
        remedy = "logrotate's copytruncate loses lines: let it use create, or leave the log to 3am"
        return [DraftLine(f"{TRUNCATION_WARNING.decode()[2:]}{self._truncated_bytes} bytes are gone. {remedy}.")]

    def _disk_warning(self, stamp: Stamp) -> list[DraftLine]:
        """A line about the room that is left, where that is little and nobody has said so lately."""
        if self._file is None or (free := free_bytes(self._file.segment.fd)) >= self._options.disk_floor:
            return []
        if self._cache.has_recent_disk_warning(
            self._file.segment, self._file.size, stamp.ns, _DISK_WARNING_INTERVAL_NS
        ):
            return []
        return [DraftLine(f"WARNING: Disk nearly full: {format_bytes(free)} left for the log.", (("DISK", str(free)),))]

    def _cups(self, state: State, stamp: Stamp) -> int:
        return state.cups(self._options.user, stamp.ns, self._options.night_gap_ns)

    def _is_new_night(self, state: State, stamp: Stamp) -> bool:
        user = self._options.user
        return user in state.people and state.current_night(user, stamp.ns, self._options.night_gap_ns) is None

    def _append(self, raw: bytes, entries: Sequence[Entry], *, earlier_stamp: Stamp | None = None) -> None:
        """Appends ``raw``; ``entries`` are the first and the last of it, and all that change the state.

        ``begun``: the first stamp of what was begun earlier, and is half done if this fails.
        """
        if self._file is None:
            self._file = LogFile.create(self._path, self._new_log_mode, self._journal.new_file_owner())
        try:
            self._file.append(raw)
        except AppendFailed as not_appended:
            why = _append_failure_reason(self._path, not_appended.error_number)
            if earlier_stamp is not None:
                raise Unsure(earlier_stamp, f"only its first lines: {why}") from None
            kind = DiskFull if not_appended.error_number in _DISK_FULL_ERRNOS else WriteFailed
            raise kind(f"nothing was written: {why}") from None
        except PartialAppend as half:
            raise Unsure(entries[0].stamp, f"only in part: {half}") from None
        self._last_stamp = entries[-1].stamp
        self.bytes_written += len(raw)
        self.first_stamp = self.first_stamp or entries[0].stamp
        self._truncated_bytes = 0
        self._cache.record_append(self._file.segment, self._file.append_begin, self._file.size, entries)


def new_log_mode(journal: Journal) -> int:
    """The mode of a new log."""
    return 0o640 if journal.log_path.startswith("/var/log/") else 0o600


def format_checked_entry(entry: Entry) -> bytes:
    """Return the line of ``entry``. Raises `Refused` if `parse` would not give ``entry`` back."""
    line = format_entry(entry)
    tags = tuple((key, escape_tag_value(value)) for key, value in entry.tags)
    if parse_entry(line[:-1]) == entry._replace(tags=tags):
        return line
    if entry.cups > MAX_COFFEE_VALUE:
        why = f"{entry.cups} cups are more than the COFFEE tag has digits for; take one back with 3am coffee --undo"
    elif Stamp.parse(str(entry.stamp)) is None:
        why = f"the time {entry.stamp} could not be read back; look at the clock and at TZ (date; echo $TZ)"
    else:
        why = f"the line could not be read back: {decode_utf8(line[:-1])}"
    raise WriteFailed(f"nothing was written: {why}")


def _clock_step_warning(stepped_ns: int) -> list[DraftLine]:
    if not stepped_ns:
        return []
    milliseconds = (stepped_ns + 500_000) // 1_000_000
    seconds = f"{milliseconds // 1000}.{milliseconds % 1000:03d}"
    return [DraftLine(f"{CLOCK_STEPPED_PREFIX}{seconds} s; the order of the file is the true order.")]


def _append_failure_reason(path: str, error_number: int) -> str:
    if error_number in _DISK_FULL_ERRNOS:
        return f"the disk of {path} is full; make room and try again"
    if error_number == errno.EFBIG:
        return f"{path} has reached the file size limit of this process (ulimit -f)"
    return f"{path}: {os.strerror(error_number)}"
