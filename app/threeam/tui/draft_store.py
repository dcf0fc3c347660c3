"""The drafts of the input box, which survive SIGKILL, and its history.

Both are files in the journal's folder, or in the user's state folder if another user owns the journal's. While the
disk is full they are written to a folder in memory, where they also outlive their screen. A separate thread writes
them, so a hung disk never delays a key.

A screen holds a flock(2) on its draft file while it lives. Other screens test that lock, because a pid proves nothing
across pid namespaces (containers).
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import stat
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from queue import SimpleQueue
from typing import NamedTuple

from threeam.core.platform.folders import SAFE_OPEN_FLAGS, list_names, safe_opener
from threeam.core.store.attachment_kinds import DRAFT, INPUT_HISTORY
from threeam.core.store.attachments import attachment_dirs, memory_dir, open_own_dir
from threeam.core.store.journal import Journal

_HISTORY = 500  # texts that a new screen reads


class SavedDraft(NamedTuple):
    """A text that was not sent, or whose write is not confirmed yet, and the kind of its box.

    ``log_end`` is the end of the journal when it was typed, as device, inode and offset; None if there was no log. A
    time would not do, because the clock may be stepped before the line is written.
    """

    kind: str
    text: str
    log_end: tuple[int, int, int] | None


class SavedDrafts(NamedTuple):
    """The drafts of one screen, the one in the box first. ``author`` is the BY tag of the screen."""

    author: str
    drafts: tuple[SavedDraft, ...]


class DraftStore:
    """The drafts and the history of one screen.

    ``on_problem`` is called on the store's thread: with a sentence when saving fails, and with an empty string when it
    works again.
    """

    def __init__(self, journal: Journal, on_problem: Callable[[str], object]) -> None:
        self._on_problem = on_problem
        self._latest: SavedDrafts | None = None
        self._problems: dict[str, str] = {}
        self._folders = (*attachment_dirs(journal), memory_dir(journal))
        self._folder = self._folders[0]
        # Processes of two pid namespaces may have the same pid and start time.
        self._name = f"draft-{os.getpid()}-{_started(os.getpid())}-{os.urandom(4).hex()}.json"
        self._held = -1  # descriptor of the locked draft file; -1: none
        self._work: SimpleQueue[tuple[str, Callable[[], None]] | None] = SimpleQueue()  # None: end of the thread
        self._thread = threading.Thread(target=self._run, name="drafts", daemon=True)
        self._thread.start()

    def restore(self) -> SavedDrafts | None:
        """Take over the newest drafts of a screen that has ended, and return them; None if there are none."""
        newest, seen = None, set[str]()
        for _, folder, name in sorted(self._left_behind(), reverse=True):
            screen = name.partition(".json")[0]
            with suppress(OSError), open_own_dir(folder) as dir_fd:  # OSError: another screen took them over first
                fd = _claim(dir_fd, name)
                if fd < 0:
                    continue
                try:
                    try:
                        kept = _read(fd)
                    except (ValueError, TypeError):
                        if name.endswith(".new"):  # killed during this write; the previous file is still valid
                            os.unlink(name, dir_fd=dir_fd)
                        continue
                    if newest is None:
                        # rename(2) keeps the draft findable at every moment; its lock now belongs to this screen.
                        os.replace(name, self._name, src_dir_fd=dir_fd, dst_dir_fd=dir_fd)
                        newest = kept
                        self._hold(fd)
                        fd = -1
                        seen.add(screen)
                        continue
                    if screen not in seen:  # else the screen was killed before its .new file replaced this one
                        for draft in kept.drafts:
                            self._append_history(draft.text)  # an older draft is one key (up) away
                    os.unlink(name, dir_fd=dir_fd)
                    seen.add(screen)
                finally:
                    if fd >= 0:
                        os.close(fd)
        return newest

    def history(self) -> list[str]:
        """Return the texts that were sent, the oldest first."""
        texts: list[str] = []
        for folder in self._folders:
            with suppress(OSError), open_own_dir(folder) as dir_fd:
                opener = safe_opener(dir_fd)
                with open(INPUT_HISTORY.name_pattern, encoding="utf-8", errors="replace", opener=opener) as file:
                    for line in file:
                        with suppress(ValueError):  # a record cut off by a full disk, or the empty line after it
                            texts.append(str(json.loads(line)))
        return texts[-_HISTORY:]

    def save(self, kept: SavedDrafts) -> None:
        """Save ``kept`` in place of the earlier drafts. Return at once; the thread does it."""
        self._latest = kept
        self._work.put(("drafts", self._write_latest))

    def add_to_history(self, text: str) -> None:
        """Add a text to the history. Return at once; the thread does it."""
        self._work.put(("the history", lambda: self._append_history(text)))

    def flush(self, timeout: float) -> None:
        """Wait until all earlier requests are done, at most ``timeout`` seconds."""
        done = threading.Event()
        self._work.put(("", done.set))
        done.wait(timeout)

    def stop(self, timeout: float) -> None:
        """End the thread after all requests, and release the draft file. Wait at most ``timeout`` seconds."""
        self._work.put(None)
        self._thread.join(timeout)

    def _run(self) -> None:
        while (asked := self._work.get()) is not None:
            (what, work), problem = asked, ""
            try:
                work()
            except OSError as error:  # the box still has the text, and the screen shows the problem
                problem = f"{what} cannot be saved in {self._folder}: {error.strerror}"
            except Exception as error:  # a bug must not end the thread
                problem = f"{what} cannot be saved: {type(error).__name__}: {error}"
            if what and problem != self._problems.get(what, ""):
                self._problems[what] = problem
                self._on_problem(problem)
        self._hold(-1)

    def _hold(self, fd: int) -> None:
        """Keep ``fd`` and its lock open, and close the previous one."""
        before, self._held = self._held, fd
        if before >= 0:
            os.close(before)

    def _write_latest(self) -> None:
        kept, self._latest = self._latest, None
        if kept is not None:  # else an earlier request has saved the latest drafts already
            self._write(kept)

    def _write(self, kept: SavedDrafts) -> None:
        lies_in = self._write_in(self._folders, kept) if kept.drafts else None
        for folder in self._folders:
            if folder != lies_in:  # older; if it cannot be removed, the newest file counts
                with suppress(OSError), open_own_dir(folder) as dir_fd:
                    os.unlink(self._name, dir_fd=dir_fd)
        if not kept.drafts:
            self._hold(-1)

    def _write_in(self, folders: Iterable[str], kept: SavedDrafts) -> str:
        """Save the drafts in the first folder that takes them, and return it. Raise the OSError of the first."""
        first, *others = folders
        try:
            with open_own_dir(first, make=True) as dir_fd:
                new = f"{self._name}.{threading.get_ident()}.new"
                fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | SAFE_OPEN_FLAGS, 0o600, dir_fd=dir_fd)
                try:
                    _lock(fd)
                    with open(fd, "w", encoding="utf-8", closefd=False) as file:
                        json.dump(kept, file)
                    os.replace(new, self._name, src_dir_fd=dir_fd, dst_dir_fd=dir_fd)
                except BaseException:  # a full disk: the previous file stays
                    with suppress(OSError):  # the first error is the one to report
                        os.unlink(new, dir_fd=dir_fd)
                    os.close(fd)
                    raise
                self._hold(fd)
        except OSError:
            if others:
                with suppress(OSError):  # the first error is the one to report
                    return self._write_in(others, kept)
            raise
        return first

    def _append_history(self, text: str) -> None:
        first, *others = self._folders
        try:
            _append(first, text)
        except OSError:  # a full disk: use memory, as for the drafts
            for folder in others:
                with suppress(OSError):
                    _append(folder, text)
                    return
            raise

    def _left_behind(self) -> list[tuple[int, str, str]]:
        """Return the draft files whose screen seems to have ended, as (time of last change in ns, folder, name)."""
        left = []
        for folder in self._folders:
            with suppress(OSError), open_own_dir(folder) as dir_fd:
                for name in list_names(dir_fd):
                    match = re.fullmatch(DRAFT.name_pattern, name, re.ASCII)
                    if match is None or name.startswith(self._name):
                        continue
                    pid, start = int(match[1]), int(match[2])
                    # An earlier screen of this process may have left it: then only its lock shows whether it ended.
                    # The same holds without /proc, where the start time of every process reads as 0.
                    if pid == os.getpid() or start == 0 or _started(pid) != start:
                        with suppress(OSError):
                            changed_ns = os.stat(name, dir_fd=dir_fd, follow_symlinks=False).st_mtime_ns
                            left.append((changed_ns, folder, name))
        return left


def _claim(dir_fd: int, name: str) -> int:
    """Open and lock a draft file; return -1 if its screen lives, or another one has taken it over. Raise OSError."""
    fd = os.open(name, os.O_RDONLY | SAFE_OPEN_FLAGS, dir_fd=dir_fd)
    try:
        about = os.fstat(fd)
        is_ours = stat.S_ISREG(about.st_mode) and about.st_uid == os.geteuid()
        # Compare again under the lock: another screen may have taken the file over before.
        if is_ours and _lock(fd) and os.path.samestat(about, os.stat(name, dir_fd=dir_fd, follow_symlinks=False)):
            return fd
    except OSError:
        os.close(fd)
        raise
    os.close(fd)
    return -1


def _lock(fd: int) -> bool:
    """Take the lock on a draft file; return False if another screen has it."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks: there only the pid shows whether the screen lives
        return True
    return True


def _read(fd: int) -> SavedDrafts:
    with open(fd, encoding="utf-8", closefd=False) as file:
        by, drafts = json.load(file)
    return SavedDrafts(str(by), tuple(SavedDraft(str(kind), str(text), _place(since)) for kind, text, since in drafts))


def _place(value: object) -> tuple[int, int, int] | None:
    match value:
        case [int(device), int(inode), int(offset)]:
            return device, inode, offset
    return None


def _append(folder: str, text: str) -> None:
    """Append a whole record to the history in ``folder``. Raise OSError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | SAFE_OPEN_FLAGS
    with open_own_dir(folder, make=True) as dir_fd:
        fd = os.open(INPUT_HISTORY.name_pattern, flags, 0o600, dir_fd=dir_fd)
        try:
            record = ("\n" + json.dumps(text) + "\n").encode()  # the first newline ends a record that was cut off
            if os.write(fd, record) < len(record):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            os.close(fd)


def _started(pid: int) -> int:
    """Return when a process started, in clock ticks since boot. With the pid it is unique.

    Return 0 for no such process, and for one that has ended and that its parent has not waited for.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            state, *facts = file.read().rpartition(b")")[2].split()
            return 0 if state in (b"Z", b"X") else int(facts[18])
    except OSError:
        return 0
