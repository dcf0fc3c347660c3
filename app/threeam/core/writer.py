"""The one door in: whatever is added to a log goes through a `Writer`, under the lock.

Lock, look, stamp, write once, release, sync, and only then say so. A submission ends in one of
three ways: written; refused, and the log is byte for byte as it was; or unsure, and the message
names the stamp.
"""

from __future__ import annotations

import errno
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from threeam.core.clock import Clock
from threeam.core.draft import Author, Draft, DraftLine
from threeam.core.entry import ACQUIRED, NS, RELEASING, Entry, Stamp, format_entry, format_many, visible
from threeam.core.fold import Fold, State
from threeam.core.journal import (
    OPEN_SAFELY,
    Anchor,
    Journal,
    JournalError,
    Segment,
    Unusable,
    check_regular,
    unusable,
)
from threeam.core.lock import Holder, LockFile, SanityLock
from threeam.core.reader import end_of_lines, last_entry, last_typed, lines_forward

TIE_NS = 1_000_000  # a reading this little behind the last stamp is a tie, not a step of the clock
_INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

OnWait = Callable[[Holder | None, float], None]
"""Told who holds the lock, and the seconds waited so far, for as long as a writer waits."""


class Refused(JournalError):
    """Nothing was written: the log is byte for byte as it was, and the text is still the caller's."""


class Unsure(JournalError):
    """The lines are in the file, but it is not certain that they will stay; ``stamp`` names the first."""

    def __init__(self, stamp: Stamp, why: str) -> None:
        super().__init__(f"unsure: written as @{stamp}, but {why}; look there before you write it again")
        self.stamp = stamp


class Block(NamedTuple):
    """What one submission became: its entries, in order, and the bytes that they are in the log."""

    entries: tuple[Entry, ...]
    raw: bytes


class WriteOptions(NamedTuple):
    """Who writes, and how.

    ``by``: the value of the author's ``BY`` tag. ``ceremony``: ``hypotheses``, ``always`` or
    ``never``. ``night_gap_ns``: so long without a typed entry ends a night. ``lock_timeout``:
    seconds; None waits until the lock comes. ``sync``: whether to wait for the disk.
    """

    user: str
    by: str
    ceremony: str = "hypotheses"
    night_gap_ns: int = 8 * 3600 * NS
    lock_timeout: float | None = 10.0
    sync: bool = True


class Writer:
    """Appends to ``journal`` as one author. For one thread at a time."""

    def __init__(self, journal: Journal, fold: Fold, clock: Clock, options: WriteOptions) -> None:
        self.journal = journal
        self.options = options
        self._clock = clock
        self._known = _StateCache(journal, fold, options.user)
        self.landed: Stamp | None = None  # the first stamp of what was last put into the file

    def write(self, draft: Draft, *, abandoned: threading.Event | None = None, on_wait: OnWait | None = None) -> Block:
        """Writes what ``draft`` gives as one block, and returns it once it is synced.

        Nothing was written if it raises `Refused`, `LockTimeout`, `LockUnusable`, `Unusable`,
        `Abandoned`, or the draft's own `Declined`. `Unsure`: it was written, and may not last.
        """
        with self.hold(whole=draft.whole, atomic=True, abandoned=abandoned, on_wait=on_wait) as hold:
            author = Author(self.options.user, self.options.night_gap_ns)
            said = draft.lines(hold.state, author, hold.granted)
            ceremony = self.options.ceremony
            return hold.append(said, ceremonial=ceremony == "always" or (draft.ceremonial and ceremony == "hypotheses"))

    def write_stream(self, texts: list[str]) -> bytes:
        """Writes a line for each of ``texts`` in one hold, and returns their bytes once synced.

        For what comes through a pipe: no person typed it, so it keeps no night going. Raises as
        `write` does.
        """
        with self.hold(whole=False, atomic=True) as hold:
            return hold.append_stream(texts)

    @contextmanager
    def hold(
        self,
        *,
        whole: bool,
        atomic: bool = False,
        abandoned: threading.Event | None = None,
        on_wait: OnWait | None = None,
    ) -> Iterator[LockedLog]:
        """The lock, with the log open behind it; what was appended is synced after the release.

        ``whole``: read the whole state, and not the author's cups alone. ``atomic``: an interrupt
        that comes after the lock was granted waits until everything is done, and then becomes
        `Unsure` if there is something in the log that was not acknowledged.
        """
        journal, self.landed = self.journal, None
        journal.make_home()
        if (why := journal.why_not_writable()) is not None:  # before a lock is left beside it
            raise Unusable(why)
        self._known.catch_up(whole)
        log_mode = 0o640 if journal.log.startswith("/var/log/") else 0o600
        lock = SanityLock(journal.lock, LockFile.for_log(journal.log, log_mode))
        lock.acquire(self.options.lock_timeout, abandoned=abandoned, on_wait=on_wait)
        with _interrupts_deferred(atomic) as interrupted:
            try:
                hold = LockedLog(journal.log, log_mode, self._known, whole, self._clock, self.options)
                try:
                    yield hold
                finally:
                    self.landed = hold.first
            finally:
                lock.release()
            if hold.first is not None:
                hold.sync()
                if interrupted():
                    raise Unsure(hold.first, "the program was interrupted before it could say so")


class LockedLog:
    """One hold of the lock: the log as it is, open, and the state as of now. `Writer.hold` makes it."""

    def __init__(
        self, path: str, mode: int, known: _StateCache, whole: bool, clock: Clock, options: WriteOptions
    ) -> None:
        self._path = path
        self._mode = mode
        self._clock = clock
        self._options = options
        self._segment = _open_log(path)
        self._created = False
        self._size, self._torn, self.state = 0, False, known.nothing
        if self._segment is not None:
            self._size = self._segment.size()
            self._torn = self._size > 0 and self._segment.read(self._size - 1, 1) != b"\n"
            self.state = known.at(self._segment, self._size, whole)
        self._last = self.state.last
        self.first: Stamp | None = None  # of what this hold has written
        self.stepped_ns = 0
        self.granted = self.tick()

    def tick(self) -> Stamp:
        """The true time, after the last stamp of the file unless the clock was stepped back."""
        reading = self._clock()
        self.stepped_ns = 0
        if self._last is None or reading.ns > self._last.ns:
            return reading
        behind = self._last.ns - reading.ns
        if behind <= TIE_NS:
            return Stamp(self._last.ns + 1, reading.offset)
        self.stepped_ns = behind
        return reading

    def append(self, said: Sequence[DraftLine], *, ceremonial: bool = False) -> Block:
        """Writes ``said`` as one block of the author's, with the ceremony if ``ceremonial``."""
        cups = self._cups()
        lines = [*_step(self.stepped_ns), *([DraftLine(ACQUIRED)] if ceremonial else []), *said]
        entries = []
        stamp = self.granted
        if self._is_new_night() and not any(key == "NIGHT" for one in said for key, _ in one.tags):
            lines[0] = lines[0]._replace(tags=(("NIGHT", "new"), *lines[0].tags))
        for text, tags, after in lines:
            cups = cups if after is None else after
            entries.append(Entry(stamp, cups, (("BY", self._options.by), *tags), visible(text)))
            stamp = Stamp(stamp.ns + 1, stamp.offset)
        if ceremonial:  # stamped last of all, so that the two stamps are a lower bound of the hold
            now = self._clock()
            stamp = now if now.ns > stamp.ns else stamp
            entries.append(Entry(stamp, cups, (("BY", self._options.by),), RELEASING))
        raw = b"".join(map(format_entry, entries))
        self._put(raw, entries[0].stamp, entries[-1].stamp)
        return Block(tuple(entries), raw)

    def append_stream(self, texts: list[str]) -> bytes:
        """Writes a line for each of ``texts``, which came through a pipe."""
        tags = (("BY", self._options.by), ("VIA", "stdin"))
        texts = [*(one.text for one in _step(self.stepped_ns)), *texts]
        raw = format_many(self.granted, self._cups(), tags, texts)
        self._put(raw, self.granted, Stamp(self.granted.ns + len(texts) - 1, self.granted.offset))
        return raw

    def append_plain(self, text: str, coffee: int) -> bytes:
        """Writes one line as the Bash script does: stamped now, and with no tag but COFFEE."""
        stamp = self.tick()
        lines = [*(one.text for one in _step(self.stepped_ns)), visible(text)]
        entries = [Entry(Stamp(stamp.ns + i, stamp.offset), coffee, (), line) for i, line in enumerate(lines)]
        raw = b"".join(map(format_entry, entries))
        self._put(raw, stamp, entries[-1].stamp)
        return raw

    def sync(self) -> None:
        """Waits until what was written is on the disk. Raises `Unsure`; a failed sync is never retried,
        since after it the kernel takes the pages for clean, and the second try would lie.
        """
        if not self._options.sync or self.first is None or self._segment is None:
            return
        try:
            os.fdatasync(self._segment.fd)
            if self._created:
                sync_folder(os.path.dirname(self._path))
        except OSError as error:
            raise Unsure(self.first, f"the disk did not confirm it ({error.strerror})") from None

    def _cups(self) -> int:
        return self.state.cups(self._options.user, self.granted.ns, self._options.night_gap_ns)

    def _is_new_night(self) -> bool:
        user = self._options.user
        tonight = self.state.tonight(user, self.granted.ns, self._options.night_gap_ns)
        return user in self.state.people and tonight is None

    def _put(self, raw: bytes, first: Stamp, last: Stamp) -> None:
        """One write(2) of whole lines, which ends a torn last line first."""
        if self._segment is None:
            self._segment, self._created = _create_log(self._path, self._mode), True
        data = b"\n" + raw if self._torn else raw
        try:
            done = os.write(self._segment.fd, data)
            why = None if done == len(data) else errno.ENOSPC
        except OSError as error:
            why = error.errno or errno.EIO
        if why is not None:
            self._cut_back(self._segment, first)
            if self.first is not None:
                raise Unsure(self.first, f"only its first lines: {_refusal(self._path, why)}")
            raise Refused(f"nothing was written: {_refusal(self._path, why)}")
        self._size += len(data)
        self._torn = False
        self._last = last
        self.first = self.first or first

    def _cut_back(self, segment: Segment, stamp: Stamp) -> None:
        if segment.size() == self._size:
            return
        try:
            os.ftruncate(segment.fd, self._size)
        except OSError as error:
            raise Unsure(stamp, f"only in part, and it cannot be cut back ({error.strerror})") from None


class _StateCache:
    """The state that a writer has read so far, so that under the lock only what came since is read."""

    def __init__(self, journal: Journal, fold: Fold, user: str) -> None:
        self._journal = journal
        self._fold = fold
        self._user = user
        self._anchor: Anchor | None = None
        self._whole = False
        self._state = self.nothing = fold.empty

    def catch_up(self, whole: bool) -> None:
        """Reads what there is, without the lock: it may take as long as it likes."""
        segment = self._journal.live()
        if segment is not None:
            self.at(segment, segment.size(), whole)

    def at(self, segment: Segment, end: int, whole: bool) -> State:
        """The state as of the last whole line before ``end``."""
        anchor = self._anchor
        if anchor is None or not anchor.holds_in(segment) or (whole and not self._whole):
            end = end_of_lines(segment, end)
            self._whole = whole
            self._state = self._fold.of(segment, end) if whole else self._authors(segment, end)
            self._anchor = Anchor.at(segment, end)
        elif end > anchor.offset:
            new = [line for line in lines_forward(segment, anchor.offset, end) if line.finished]
            if new:
                entries = (entry for line in new if (entry := line.entry))
                self._state = self._fold(self._state, entries)
                self._anchor = Anchor.at(segment, new[-1].end)
        return self._state

    def _authors(self, segment: Segment, end: int) -> State:
        """The state as far as the author's cups and the next stamp need it."""
        pair = (last_typed(segment, end, self._user), last_entry(segment, end))
        return self._fold(self._fold.empty, [found[1] for found in pair if found is not None])


def sync_folder(path: str) -> None:
    """Waits until the names in a folder are on the disk. Raises OSError."""
    fd = os.open(path or "/", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _step(stepped_ns: int) -> list[DraftLine]:
    if not stepped_ns:
        return []
    milliseconds = (stepped_ns + 500_000) // 1_000_000
    seconds = f"{milliseconds // 1000}.{milliseconds % 1000:03d}"
    return [DraftLine(f"WARNING: Clock stepped back {seconds} s; the order of the file is the true order.")]


_APPEND = os.O_RDWR | os.O_APPEND | OPEN_SAFELY


def _open_log(path: str) -> Segment | None:
    """The log open for appending, or None where there is none. Raises `Unusable`."""
    try:
        fd = os.open(path, _APPEND)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unusable(unusable(path, error)) from None
    segment = Segment(fd, path)
    if check_regular(fd, path).st_nlink > 1:
        raise Unusable(f"{path} has a second name (a hard link): remove that, or name another log with --log")
    return segment


def _create_log(path: str, mode: int) -> Segment:
    """A new log, open for appending. Raises `Unusable`."""
    try:
        fd = os.open(path, _APPEND | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise Unusable(unusable(path, error)) from None
    os.fchmod(fd, mode)  # whatever the umask
    return Segment(fd, path)


def _refusal(path: str, number: int) -> str:
    if number in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk of {path} is full; make room and try again"
    if number == errno.EFBIG:
        return f"{path} has reached the file size limit of this process (ulimit -f)"
    return f"{path}: {os.strerror(number)}"


@contextmanager
def _interrupts_deferred(wanted: bool) -> Iterator[Callable[[], bool]]:
    """Holds SIGINT, SIGTERM and SIGHUP back from this thread; gives a way to take one that came."""

    def interrupted() -> bool:
        pending = signal.sigpending() & set(_INTERRUPTIONS)
        for number in pending:
            signal.sigtimedwait([number], 0)
        return bool(pending)

    if not wanted:
        yield lambda: False
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _INTERRUPTIONS)
    try:
        yield interrupted
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
