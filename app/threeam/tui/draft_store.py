"""What the input box must not lose: the drafts, through SIGKILL, and the history.

Both lie in the journal's folder, or in the user's own state folder where that one belongs to
somebody else; a draft that cannot be written there, the disk being full, lies in memory meanwhile, and
so outlives its screen there too. They are written by a thread of their own, so a hung disk never hangs a key.
"""

from __future__ import annotations

import errno
import json
import os
import re
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from queue import SimpleQueue
from typing import NamedTuple

from threeam.core.beside import make_folder, one_name, own_folder, refuse_foreign
from threeam.core.journal import Journal

_HISTORY_NAME = "history"
_HISTORY = 500  # texts that are brought back
_DRAFT_NAME = re.compile(r"draft-(\d+)-(\d+)\.json(?:\.\d+\.new)?")


class Draft(NamedTuple):
    """A text that has not been sent, or not been answered: the kind of its box, the words, and since when.

    ``since``: where the journal ended when it was typed, as device, inode and offset: a clock may be stepped between
    then and its line. None: there was no log yet.
    """

    kind: str
    text: str
    since: tuple[int, int, int] | None


class KeptDrafts(NamedTuple):
    """The drafts of one screen, the one in the box first, and its ``BY``."""

    by: str
    drafts: tuple[Draft, ...]


class DraftStore:
    """The drafts and the history of one screen.

    ``on_problem`` is told, from the store's own thread, a sentence when nothing can be kept, and an empty one when
    it can again.
    """

    def __init__(self, journal: Journal, on_problem: Callable[[str], object]) -> None:
        self._on_problem = on_problem
        self._latest: KeptDrafts | None = None
        self._problems: dict[str, str] = {}
        self._folder = own_folder(journal)
        self._folders = (self._folder, _folder_in_memory(journal))
        self._name = f"draft-{os.getpid()}-{_started(os.getpid())}.json"
        self._work: SimpleQueue[tuple[str, Callable[[], None]] | None] = SimpleQueue()  # None: no more
        threading.Thread(target=self._run, name="drafts", daemon=True).start()

    def restore(self) -> KeptDrafts | None:
        """The newest drafts that a screen which is no more has left, taken over."""
        newest, seen = None, set[str]()
        for path in sorted(self._left_behind(), key=_changed, reverse=True):
            screen = os.path.basename(path).partition(".json")[0]
            try:
                try:
                    kept = _read(path)
                except (ValueError, TypeError):
                    if path.endswith(".new"):  # it was killed while it wrote this; the file before it stands
                        os.unlink(path)
                    continue
                if newest is None:
                    os.replace(path, os.path.join(os.path.dirname(path), self._name))  # at no moment are they nowhere
                    newest = kept
                elif screen in seen:  # killed before a whole file could take the place of this one
                    os.unlink(path)
                else:
                    for draft in kept.drafts:
                        self._append_history(draft.text)  # an older draft is one key (up) away
                    os.unlink(path)
                seen.add(screen)
            except OSError:  # another screen was faster
                continue
        return newest

    def history(self) -> list[str]:
        """The texts that were sent, the oldest first."""
        texts: list[str] = []
        for folder in self._folders:
            with suppress(OSError):
                refuse_foreign(folder)
                with open(os.path.join(folder, _HISTORY_NAME), encoding="utf-8", errors="replace") as file:
                    for line in file:
                        with suppress(ValueError):  # cut off by a full disk, or the empty line that ends such a one
                            texts.append(str(json.loads(line)))
        return texts[-_HISTORY:]

    def save(self, kept: KeptDrafts) -> None:
        """Keeps the drafts as they are now."""
        self._latest = kept
        self._work.put(("drafts", self._write_latest))

    def remember(self, text: str) -> None:
        """Adds a text to the history."""
        self._work.put(("the history", lambda: self._append_history(text)))

    def settle(self, timeout: float) -> None:
        """Waits until everything asked for so far is done, at most ``timeout`` seconds."""
        done = threading.Event()
        self._work.put(("", done.set))
        done.wait(timeout)

    def stop(self) -> None:
        """Lets its thread end, once everything is done."""
        self._work.put(None)

    def _run(self) -> None:
        while (asked := self._work.get()) is not None:
            (what, work), problem = asked, ""
            try:
                work()
            except OSError as error:  # the box still has the text; the screen says that it is not kept
                problem = f"{what} cannot be kept in {self._folder}: {error.strerror}"
            except Exception as error:  # a fault of ours must not end the keeping
                problem = f"{what} cannot be kept: {type(error).__name__}: {error}"
            if what and problem != self._problems.get(what, ""):
                self._problems[what] = problem
                self._on_problem(problem)

    def _write_latest(self) -> None:
        kept, self._latest = self._latest, None
        if kept is not None:  # else a save that was asked for later has been done already
            self._write(kept)

    def _write(self, kept: KeptDrafts) -> None:
        lies_in = self._write_in(self._folders, kept) if kept.drafts else None
        for folder in self._folders:
            if folder != lies_in:  # what lay there is older; where it cannot be removed, the newest counts
                with suppress(OSError):
                    os.unlink(os.path.join(folder, self._name))

    def _write_in(self, folders: Iterable[str], kept: KeptDrafts) -> str:
        """Keeps the drafts in the first of ``folders`` that takes them; gives it. Raises the OSError of the first."""
        first, *others = folders
        try:
            make_folder(first)
            path = os.path.join(first, self._name)
            new = f"{path}.{threading.get_ident()}.new"
            fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                with open(fd, "w", encoding="utf-8") as file:
                    json.dump(kept, file)
            except OSError:  # a full disk: what was kept before stands
                os.unlink(new)
                raise
            os.replace(new, path)
        except OSError:
            if others:
                with suppress(OSError):  # the first is the one to be mended
                    return self._write_in(others, kept)
            raise
        return first

    def _append_history(self, text: str) -> None:
        first, *others = self._folders
        try:
            _append(first, text)
        except OSError:  # a full disk: as with the drafts
            for folder in others:
                with suppress(OSError):
                    _append(folder, text)
                    return
            raise

    def _left_behind(self) -> list[str]:
        left: list[str] = []
        for folder in self._folders:
            with suppress(OSError):
                refuse_foreign(folder)
                drafts = ((name, _DRAFT_NAME.fullmatch(name)) for name in os.listdir(folder))
                dead = [name for name, found in drafts if found and _started(int(found[1])) != int(found[2])]
                left += [os.path.join(folder, name) for name in dead]
        return left


def _changed(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


def _read(path: str) -> KeptDrafts:
    with open(path, encoding="utf-8") as file:
        by, drafts = json.load(file)
    return KeptDrafts(str(by), tuple(Draft(str(kind), str(text), _place(since)) for kind, text, since in drafts))


def _place(value: object) -> tuple[int, int, int] | None:
    match value:
        case [int(device), int(inode), int(offset)]:
            return device, inode, offset
    return None


def _folder_in_memory(journal: Journal) -> str:
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if os.path.isabs(runtime):
        return os.path.join(runtime, "3am", one_name(journal))
    return f"/dev/shm/3am-{os.geteuid()}-{one_name(journal)}"


def _append(folder: str, text: str) -> None:
    """Appends a record to the history in ``folder``, whole. Raises OSError."""
    make_folder(folder)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
    fd = os.open(os.path.join(folder, _HISTORY_NAME), flags, 0o600)
    try:
        record = ("\n" + json.dumps(text) + "\n").encode()  # a record that was cut off ends there
        if os.write(fd, record) < len(record):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    finally:
        os.close(fd)


def _started(pid: int) -> int:
    """When a process began, in clock ticks since boot: with the pid it names a process for good. 0: none."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[19])
    except OSError:
        return 0
