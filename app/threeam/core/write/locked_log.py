"""The log while its lock is held: it reads what is new, stamps, and writes once.

A submission ends in one of three ways: written; refused, with the log byte for byte as it was; or unsure, with a
message that names the stamp.
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
from threeam.core.write.rotate import NewLog, RotationResult, check_rotatable, prune_rotated, rotate
from threeam.core.write.rotation_due import CarriedLines, no_gain_note_path

INTERRUPTED_REASON = "the program was interrupted before it could confirm it"
_DISK_FULL_ERRNOS = (errno.ENOSPC, errno.EDQUOT)
_DISK_WARNING_INTERVAL_NS = 15 * 60 * NS_PER_S  # between two warnings about the disk


class Block(NamedTuple):
    """The result of one submission: its entries in order, and their bytes in the log.

    ``draft_entries``: those of its draft, without the ceremony and the warnings around them. ``prior_state``: the
    state from which the draft made its lines.
    """

    entries: tuple[Entry, ...]
    raw: bytes
    draft_entries: tuple[Entry, ...]
    prior_state: State


class WriteOptions(NamedTuple):
    """The author, and how to write.

    ``author_id``: the value of the ``BY`` tag. ``ceremony``: ``hypotheses``, ``always`` or ``never``.
    ``night_gap_ns``: a night ends after this time without a typed entry. ``lock_timeout``: seconds; None waits without
    a limit. ``sync``: whether to wait for the disk. ``rotate_bytes``: a log of this size is rotated before the next
    block. ``keep``: the number of rotated files to keep; None: all. ``disk_floor``: with fewer free bytes on its disk,
    the log gets a warning from time to time.
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
    """The log while the lock is held, open for appending. `Writer.lock_log` makes it."""

    def __init__(
        self, journal: Journal, lock: JournalLock, cache: StateCache, clock: Clock, options: WriteOptions
    ) -> None:
        self.first_stamp: Stamp | None = None  # of what was written under this hold
        self.bytes_written = 0  # bytes, under this hold
        self.carried_lines: CarriedLines | None = None  # what a rotation would carry over, if one is due
        self._lock = lock
        self._unconfirmed_reason = ""  # why a rotation under this hold may not last
        self._journal = journal
        self._path = journal.log_path
        self._cache = cache
        self._clock = clock
        self._options = options
        self._file = LogFile.open(journal.log_path)
        self._truncated_bytes = 0 if self._file is None else cache.truncated_bytes(self._file.segment)
        self._last_stamp = self._load_state(full=False).last_stamp
        self._grant_stamp: Stamp | None = clock()  # for the first block: later ones look at the clock again

    def write(self, draft: Draft) -> Block:
        """Write the lines of ``draft`` as one block. Raises `WriteFailed`, or the `PreconditionFailed` of the draft."""
        self._rotate_when_full()
        options, state = self._options, self._load_state(draft.needs_full_state)
        stamp, stepped_ns = self._next_stamp()
        state = self._correct_for_future_lines(state, stamp)
        draft_lines = draft.make_lines(state, WriteContext(options.user, options.night_gap_ns), stamp)
        ceremonial = options.ceremony == "always" or (draft.ceremonial and options.ceremony == "hypotheses")
        warnings = self._warning_lines(stamp, stepped_ns)
        lines = [*warnings, *([DraftLine(ACQUIRED)] if ceremonial else []), *draft_lines]
        has_night_tag = any(key == "NIGHT" for line in draft_lines for key, _ in line.tags)
        if not draft.source and not has_night_tag and self._is_new_night(state, stamp):
            lines[0] = lines[0]._replace(tags=(("NIGHT", "new"), *lines[0].tags))
        author_tags = (("BY", options.author_id), *([("VIA", draft.source)] if draft.source else []))
        cups, entries = self._cups(state, stamp), []
        for text, tags, cups_after in lines:
            cups = cups if cups_after is None else cups_after
            entries.append(Entry(stamp, cups, (*author_tags, *tags), escape_unprintable(text)))
            stamp = Stamp(stamp.ns + 1, stamp.utc_offset_s)
        if ceremonial:  # stamped last of all, so that the two stamps are a lower bound of the hold
            now = self._clock()
            night = [tag for tag in lines[-1].tags if tag[0] == "NIGHT"]  # this is the last line of the author now
            entries.append(Entry(now if now.ns > stamp.ns else stamp, cups, (*author_tags, *night), RELEASING))
        raw = b"".join(map(format_checked_entry, entries))
        self._append(raw, entries)
        begin = len(lines) - len(draft_lines)
        return Block(tuple(entries), raw, tuple(entries[begin : len(lines)]), state)

    def write_stream(self, texts: list[str]) -> bytes:
        """Write a line for each of ``texts``, which came through a pipe; return their bytes. Raises `WriteFailed`."""
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
        for entry in (last._replace(stamp=stamp), last):  # the lines between them differ only in stamp and text
            format_checked_entry(entry)
        raw += format_batch(stamp, cups, tags, texts)
        self._append(raw, [last._replace(stamp=first), last])  # those between do not change the state: no tags
        return raw

    def write_script_line(self, text: str, cups: int) -> bytes:
        """Write one line as the Bash script does, stamped now, without tags but COFFEE; return its bytes.

        Raises `WriteFailed`, or `Unsure` if lines before it are written already.
        """
        self._rotate_when_full()
        stamp, stepped_ns = self._next_stamp()
        lines = [*_clock_step_warning(stepped_ns), *self._truncation_warning(), DraftLine(escape_unprintable(text))]
        entries = [
            Entry(Stamp(stamp.ns + index, stamp.utc_offset_s), cups, (), line.text) for index, line in enumerate(lines)
        ]
        try:
            raw = b"".join(map(format_checked_entry, entries))
        except WriteFailed as error:
            if self.first_stamp is None:
                raise
            raise Unsure(self.first_stamp, f"only its first lines: {error}") from None
        self._append(raw, entries, earlier_stamp=self.first_stamp)
        return raw

    def rotate(self, *, only_if_smaller: bool = False) -> RotationResult:
        """Put a new log in the place of this one, and return the path that this one has now.

        ``only_if_smaller``: only if the new one is at most half as long. Raises `RotationSkipped`, with the log as it
        was.
        """
        if self._file is None or self._file.size == 0 or self.first_stamp is not None:
            raise RotationSkipped(f"there is nothing to rotate at {self._path}")
        check_rotatable(self._file.segment, self._path)  # before the full state is read
        reading, self._grant_stamp = self._clock(), None
        last_stamp = self._last_stamp or reading
        # If the clock was stepped back, the next block has the warning.
        stamp = reading if reading.ns > last_stamp.ns else Stamp(last_stamp.ns + 1, reading.utc_offset_s)
        state = self._load_state(full=True)
        if Stamp.parse(str(stamp)) is None:  # its first line could not be read back, and the old file would be lost
            raise RotationSkipped(f"{self._path} is not rotated: its last line is from the end of the year 9999")
        prepared, old = self.carried_lines or CarriedLines(self._cache.fold, state), self._file
        carried = prepared.format_lines(state, Stamp(stamp.ns + 1, stamp.utc_offset_s))
        new_log = NewLog(self._options.author_id, self._cups(state, stamp), stamp, last_stamp, carried)
        lock_lost = self._lock.was_replaced
        result = rotate(
            self._journal, old.segment, old.size, new_log, only_if_smaller=only_if_smaller, lock_lost=lock_lost
        )
        with suppress(OSError):  # the note is about the old file
            os.unlink(no_gain_note_path(self._path))
        self._file = LogFile.open(self._path)
        self._last_stamp = Stamp(stamp.ns + new_log.carried_count, stamp.utc_offset_s)
        self._unconfirmed_reason = result.durability_warning
        if self._file is not None:
            state = state.after_rotation(self._last_stamp)
            self._cache.record_rotation(self._file.segment, result.new_log_bytes, state)
        return result

    def confirm(self, first_stamp: Stamp) -> None:
        """Wait until the lines that were written, from ``first_stamp`` on, are on the disk. Raises `Unsure`.

        A failed sync is never retried: after it the kernel takes the pages for clean, and a second try would succeed
        without writing them.
        """
        assert self._file is not None
        if self._file.segment.is_removed():
            raise Unsure(first_stamp, "the log was removed meanwhile, and is gone with it")
        try:
            if self._options.sync:
                self._file.sync()
                if self._cache.durable_name != self._file.segment.identity:  # its creator may have been killed before
                    fsync_dir(os.path.dirname(self._path))
                    self._cache.durable_name = self._file.segment.identity
            intact = self._file.is_intact()
        except OSError as error:
            raise Unsure(first_stamp, f"the disk did not confirm it ({error.strerror})") from None
        if not intact:
            reason = "another program truncated or changed the log meanwhile (logrotate's copytruncate?)"
            raise Unsure(first_stamp, reason)
        if self._options.sync and self._unconfirmed_reason:
            raise Unsure(first_stamp, self._unconfirmed_reason)

    def prune_rotated(self) -> str:
        """Delete the rotated files beyond ``keep``; return why one of them stays, or nothing."""
        return "" if self._options.keep is None else prune_rotated(self._journal, self._options.keep)

    def _rotate_when_full(self) -> None:
        log = self._file
        if log is None or log.size < self._options.rotate_bytes:
            return
        if self.first_stamp is not None or self.carried_lines is None:
            return
        if log.torn:  # this block ends the torn line; the next one rotates
            return
        try:
            if not self.rotate(only_if_smaller=True).durability_warning:
                self.prune_rotated()  # a file that cannot be deleted now is tried again after the next rotation
        except SyncFailed as error:
            self._unconfirmed_reason = str(error)
        except RotationFailed:  # no space for a second file, or no right to create one: the log grows
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
        """Return a stamp after the last one of the file, and 0; after a step of the clock, now and the step (ns)."""
        reading, self._grant_stamp = self._grant_stamp or self._clock(), None
        if self._last_stamp is None or reading.ns > self._last_stamp.ns:
            return reading, 0
        behind_ns = self._last_stamp.ns - reading.ns
        if behind_ns <= MAX_TIE_NS:
            return Stamp(self._last_stamp.ns + 1, reading.utc_offset_s), 0
        return reading, behind_ns

    def _warning_lines(self, stamp: Stamp, stepped_ns: int) -> list[DraftLine]:
        """Return the warnings about the log itself, which come before the lines of a draft."""
        return [*_clock_step_warning(stepped_ns), *self._truncation_warning(), *self._disk_warning(stamp)]

    def _truncation_warning(self) -> list[DraftLine]:
        """Return a warning about bytes that another program has cut off, if this process knows of them."""
        if not self._truncated_bytes:
            return []
        remedy = "logrotate's copytruncate loses lines: let it use create, or leave the log to 3am"
        return [DraftLine(f"{TRUNCATION_WARNING.decode()[2:]}{self._truncated_bytes} bytes are gone. {remedy}.")]

    def _disk_warning(self, stamp: Stamp) -> list[DraftLine]:
        """Return a warning about the free space, if that is little and the log has no recent warning."""
        if self._file is None or (free := free_bytes(self._file.segment.fd)) >= self._options.disk_floor:
            return []
        segment, size = self._file.segment, self._file.size
        if self._cache.has_recent_disk_warning(segment, size, stamp.ns, _DISK_WARNING_INTERVAL_NS):
            return []
        return [DraftLine(f"WARNING: Disk nearly full: {format_bytes(free)} left for the log.", (("DISK", str(free)),))]

    def _cups(self, state: State, stamp: Stamp) -> int:
        return state.cups(self._options.user, stamp.ns, self._options.night_gap_ns)

    def _is_new_night(self, state: State, stamp: Stamp) -> bool:
        user = self._options.user
        return user in state.people and state.current_night(user, stamp.ns, self._options.night_gap_ns) is None

    def _append(self, raw: bytes, entries: Sequence[Entry], *, earlier_stamp: Stamp | None = None) -> None:
        """Append ``raw``. ``entries``: its first and its last entry, and all that change the state.

        ``earlier_stamp``: the first stamp of lines that were written before and belong to these. Raises `WriteFailed`,
        or `Unsure`.
        """
        if self._file is None:
            self._file = LogFile.create(self._path, new_log_mode(self._journal), self._journal.new_file_owner())
        try:
            self._file.append(raw)
        except AppendFailed as error:
            reason = _append_failure_reason(self._path, error.error_number)
            if earlier_stamp is not None:
                raise Unsure(earlier_stamp, f"only its first lines: {reason}") from None
            kind = DiskFull if error.error_number in _DISK_FULL_ERRNOS else WriteFailed
            raise kind(f"nothing was written: {reason}") from None
        except PartialAppend as error:
            raise Unsure(entries[0].stamp, f"only in part: {error}") from None
        self._last_stamp = entries[-1].stamp
        self.bytes_written += len(raw)
        self.first_stamp = self.first_stamp or entries[0].stamp
        self._truncated_bytes = 0
        self._cache.record_append(self._file.segment, self._file.append_begin, self._file.size, entries)


def new_log_mode(journal: Journal) -> int:
    """Return the mode of a new log: readable for its group in /var/log."""
    return 0o640 if journal.log_path.startswith("/var/log/") else 0o600


def format_checked_entry(entry: Entry) -> bytes:
    """Return the line of ``entry``. Raises `WriteFailed` if `parse_entry` would not return ``entry`` for it."""
    line = format_entry(entry)
    tags = tuple((key, escape_tag_value(value)) for key, value in entry.tags)
    if parse_entry(line[:-1]) == entry._replace(tags=tags):
        return line
    if entry.cups > MAX_COFFEE_VALUE:
        reason = f"{entry.cups} cups are more than the COFFEE tag has digits for; take one back with 3am coffee --undo"
    elif Stamp.parse(str(entry.stamp)) is None:
        reason = f"the time {entry.stamp} could not be read back; look at the clock and at TZ (date; echo $TZ)"
    else:
        reason = f"the line could not be read back: {decode_utf8(line[:-1])}"
    raise WriteFailed(f"nothing was written: {reason}")


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
