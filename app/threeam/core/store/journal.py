"""The journal: a chain of log files under one name, the lock that guards them, the folder beside them.

The live log and its rotated predecessors are linked by the first line of each, which names the file
before; not by the sort of their names. A place in the journal is (segment, offset).
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from typing import NamedTuple

from threeam.core.errors import BadInput, ForeignLink, Unusable
from threeam.core.platform.disk import IMMUTABLE, has_attribute, is_read_only
from threeam.core.platform.folders import OPEN_SAFELY, absolute, make_folders, open_file, resolve
from threeam.core.platform.portability import sync
from threeam.core.store.chain import Chain
from threeam.core.store.recognize import UTF16, is_journal, is_utf16, live_name
from threeam.core.store.segment import Segment as Segment

SCRIPT_LOG = "/var/log/sysadmin_sanity.log"
SCRIPT_LOCK = "/tmp/sanity.lock"
SCRIPT_LOCKS = {SCRIPT_LOG: SCRIPT_LOCK}  # logs whose lock the Bash script has elsewhere
_HEAD = 64  # bytes of the first line of a file: its stamp fits in, and no two files share it
_TAIL = 256  # bytes before a place: the last line's stamp, for all but the longest


class Position(NamedTuple):
    """A place in the journal: a byte ``offset`` in a ``segment``."""

    segment: Segment
    offset: int


class Mark(NamedTuple):
    """A place in a file, by what stood before it when it was taken. Keeps nothing open."""

    identity: tuple[int, int]
    offset: int
    head: bytes
    tail: bytes

    @classmethod
    def at(cls, segment: Segment, offset: int) -> Mark:
        """A mark at ``offset``."""
        start = max(0, offset - _TAIL)
        head = segment.read(0, min(_HEAD, offset)).partition(b"\n")[0]
        return cls(segment.identity, offset, head, segment.read(start, offset - start))

    def holds_in(self, segment: Segment) -> bool:
        """Whether ``segment`` is the same file, and was not truncated and written anew since."""
        if segment.identity != self.identity or not self.same_beginning(segment):
            return False
        if len(self.tail) < min(self.offset, _TAIL):  # it was taken while the file was being truncated
            return False
        return segment.read(self.offset - len(self.tail), len(self.tail)) == self.tail

    def same_beginning(self, segment: Segment) -> bool:
        """Whether ``segment`` begins as the file did: it was not written anew."""
        return segment.read(0, len(self.head)) == self.head


class Anchor(NamedTuple):
    """A marked place, with its file held open: from here one can go on reading, whatever the file is called by now."""

    segment: Segment
    mark: Mark

    @classmethod
    def at(cls, segment: Segment, offset: int) -> Anchor:
        """An anchor at ``offset``."""
        return cls(segment, Mark.at(segment, offset))

    @property
    def offset(self) -> int:
        """The offset in the file."""
        return self.mark.offset

    def holds(self) -> bool:
        """Whether the file was not truncated and written anew since."""
        return self.mark.holds_in(self.segment)


class Journal(NamedTuple):
    """The resolved paths of one journal. Make it with `journal_at`.

    ``home``: the state folder that a writer may create, or None where the log lies elsewhere. ``chain``: the log and
    the rotated files before it.
    """

    log: str
    lock: str
    home: str | None
    chain: Chain

    @property
    def name(self) -> str:
        """The file name of the log, safe to show."""
        return os.path.basename(self.log)

    @property
    def folder(self) -> str:
        """Where the files that go with the journal lie."""
        return self.log + ".d"

    @property
    def locks(self) -> tuple[str, ...]:
        """The lock files that a writer takes, in this order.

        For a log of the Bash script, whose lock lies in /tmp, the one beside the log as well: a service with a private
        /tmp, or a container, sees the log and another /tmp, and the lock there keeps nobody out.
        """
        beside = self.log + ".lock"
        return (self.lock,) if self.log not in SCRIPT_LOCKS or self.lock == beside else (self.lock, beside)

    def live(self) -> Segment | None:
        """The live log opened for reading, or None where there is none yet.

        Raises `Unusable` for what is no regular file or cannot be read.
        """
        try:
            fd = open_file(self.log, os.O_RDONLY)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unusable(unusable(self.log, error)) from None
        try:
            check_regular(fd, self.log)
        except Unusable:
            os.close(fd)
            raise
        return Segment(fd, self.log)

    def predecessor(self, segment: Segment) -> Segment | None:
        """As `Chain.predecessor`."""
        return self.chain.predecessor(segment)

    def back_from(self, segment: Segment) -> Iterator[Segment]:
        """As `Chain.back_from`."""
        return self.chain.back_from(segment)

    def successor(self, segment: Segment) -> Segment | None:
        """The file that continues ``segment``; None for the live log, and for a file that none continues."""
        live = self.live()
        return None if live is None else self.chain.successor(segment, live)

    def oldest(self, segment: Segment) -> Segment:
        """The first file of the chain that ``segment`` is in."""
        for at in self.back_from(segment):
            segment = at
        return segment

    def segments(self, last: Segment) -> Iterator[Segment]:
        """Every file of the journal up to ``last``, the oldest first."""
        return self.chain.segments(last)

    def make_home(self) -> None:
        """Makes the state folder where it is ours to make. Raises `Unusable`."""
        if self.home is None:
            return
        try:
            if not os.path.isdir(self.home):
                make_folders(self.home)
        except OSError as error:
            raise Unusable(f"{self.home} cannot be made ({error.strerror}): name a log elsewhere with --log") from None

    def new_owner(self) -> tuple[int, int]:
        """Return the owner and group of new files: root makes those in a user's state folder for that user."""
        if self.home is not None and os.geteuid() == 0:
            folder = self.home
            while not os.path.exists(folder):  # its folders will be made for the owner of the first one that is there
                folder = os.path.dirname(folder)
            about = os.stat(folder)
            if about.st_uid != 0:
                return about.st_uid, about.st_gid
        return os.geteuid(), os.getegid()

    def why_not_writable(self) -> str | None:
        """The sentence that says why nothing can be appended here, or None. Creates nothing."""
        while (about := _status(self.log)) is not None:
            if os.access(self.log, os.W_OK):
                return self._why_not_ours()
            after = _status(self.log)
            if after is not None and os.path.samestat(about, after):  # else it was rotated away in between
                return unusable(self.log, _denied(self.log))
        folder = os.path.dirname(self.log)
        if self.home is None and not os.path.isdir(folder):  # our own state folder is made if it is missing
            return unusable(self.log, OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)))
        while not os.path.exists(folder):
            folder = os.path.dirname(folder)
        if os.access(folder, os.W_OK | os.X_OK):
            return None
        if is_read_only(folder):
            return f"{self.log} cannot be created: {folder} is mounted read-only; choose another with --log"
        return f"{self.log} cannot be created: {folder} is not yours to write; choose another with --log"

    def _why_not_ours(self) -> str | None:
        """Return the sentence that says why the file at the log's path is not one to append to, or None."""
        if (live := live_name(self.log)) is not None:
            return f"{self.log} was rotated away from {live}: name that one with --log"
        try:
            log = self.live()
            # The lock beside it tells that 3am has written here, whatever logrotate has put in its place since.
            used = self.home is not None or os.path.lexists(self.log + ".lock")
            if log is None or is_journal(log, text_is_enough=used):
                return None
        except Unusable as why:
            return str(why)
        except OSError:  # the writer fails at the same, and says why
            return None
        if is_utf16(log.read(0, 1024)):
            return f"{self.log} is {UTF16}"
        return f"{self.log} is not a journal, since none of its lines is an entry: name another with --log"


def journal_at(log: str, lock: str | None = None, *, home: str | None = None) -> Journal:
    """The journal whose log is at ``log``.

    A log that is a symlink of our own (or root's) is resolved once, so that its lock lies beside
    its target; another user's is refused with `Unusable`. Without ``lock`` it is the log's path +
    ``.lock``, or for the log of the Bash script what `SCRIPT_LOCKS` says. Raises `BadInput` if the
    lock is the log itself.
    """
    try:
        resolved = resolve(log)
    except ForeignLink as error:
        raise Unusable(unusable(log, error)) from None
    except OSError:  # not to be seen: opening it says so better
        resolved = absolute(log)
    if lock is None:
        lock = SCRIPT_LOCKS.get(resolved, resolved + ".lock")
    elif _same_file(lock, resolved):  # an empty lock file would be made there first, or the log be replaced as a lock
        raise BadInput(f"the lock {lock} is the log itself: name another file with --lock, or leave it out")
    else:
        lock = _in_its_folder(lock)
    return Journal(resolved, lock, home, Chain(resolved))


def _in_its_folder(lock: str) -> str:
    """Return the path of a lock with its folder resolved. The file itself is not followed: a symlink is refused."""
    folder, name = os.path.split(lock.rstrip("/") or "/")
    try:
        return os.path.join(resolve(folder), name)
    except OSError:  # opening it says why
        return absolute(lock)


def _status(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except OSError:
        return None


def _same_file(path: str, resolved: str) -> bool:
    """Whether ``path`` is another name of the file at ``resolved``, or of the file that will be made there."""
    try:
        return os.path.realpath(path) == resolved or os.path.samefile(path, resolved)
    except OSError:  # one of them does not exist
        return False


def check_regular(fd: int, path: str) -> os.stat_result:
    """The status of ``fd`` if it is a regular file, else `Unusable`."""
    about = os.fstat(fd)
    if not stat.S_ISREG(about.st_mode):
        raise Unusable(f"{path} is {_what(about.st_mode)}, not a file: name another with --log")
    return about


def unusable(path: str, error: OSError) -> str:
    """One sentence for a failed open: the path, what is wrong, and what to do."""
    match error.errno:
        case errno.EISDIR:
            return f"{path} is a folder, not a file: name another with --log"
        case errno.ENXIO:
            return f"{path} is a FIFO or a device, not a file: name another with --log"
        case errno.ELOOP if isinstance(error, ForeignLink):
            what = "file" if os.path.basename(error.filename) == os.path.basename(path) else "folder"
            return f"{error.filename} is a symlink of {owner_name(error.uid)}: name the {what} that it points to"
        case errno.ELOOP:
            return f"{path} is a symlink: name the file that it points to with --log"
        case errno.EROFS:
            return f"{path} cannot be written: its file system is mounted read-only; name another with --log"
        case errno.EPERM if error.strerror == "immutable":
            return f"{path} cannot be written: it is immutable; chattr -i it, or name another with --log"
        case errno.EACCES | errno.EPERM:
            verb = "written" if error.strerror == "write" else "opened"
            return f"{path} cannot be {verb}: permission denied; ask {_owner(path)}, or name another with --log"
        case errno.ENOTDIR | errno.ENOENT:
            folder = os.path.dirname(path)
            what = "is not a folder;" if os.path.exists(folder) else "does not exist; make it (mkdir -p), or"
            return f"{path} cannot be opened: its folder {folder} {what} name another with --log"
        case _:
            return f"{path} cannot be opened: {os.strerror(error.errno or 0)}"


def sync_folder(path: str) -> None:
    """Waits until the names in a folder are on the disk. Raises OSError."""
    fd = os.open(path or "/", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        sync(fd)
    finally:
        os.close(fd)


def owner_name(uid: int) -> str:
    """The name of a user, or ``uid N`` for one without a name."""
    import pwd  # needed for a refusal only

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def _owner(path: str) -> str:
    try:
        return f"its owner ({owner_name(os.lstat(path).st_uid)})"
    except OSError:
        return "the owner of its folder"


def _denied(path: str) -> OSError:
    """Return why the file at ``path`` cannot be written, as an error for `unusable`."""
    if is_read_only(path):
        return OSError(errno.EROFS, os.strerror(errno.EROFS))
    try:
        fd = os.open(path, os.O_RDONLY | OPEN_SAFELY)
    except OSError:
        return OSError(errno.EACCES, "write")
    try:
        immutable = has_attribute(fd, IMMUTABLE)
    finally:
        os.close(fd)
    return OSError(errno.EPERM, "immutable") if immutable else OSError(errno.EACCES, "write")


def _what(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a folder"
    if stat.S_ISFIFO(mode):
        return "a FIFO"
    if stat.S_ISSOCK(mode):
        return "a socket"
    return "a device"
