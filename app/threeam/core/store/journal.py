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

from threeam.core.errors import BadInput, FileUnusable, ForeignSymlink
from threeam.core.platform.disk import IMMUTABLE, has_file_attribute, is_read_only
from threeam.core.platform.folders import SAFE_OPEN_FLAGS, absolute_path, make_dirs, open_file, resolve_path
from threeam.core.platform.portability import fsync_fd
from threeam.core.store.chain import Chain
from threeam.core.store.recognize import UTF16_HINT, is_journal, is_utf16, live_log_path
from threeam.core.store.segment import Segment as Segment

SCRIPT_LOG = "/var/log/sysadmin_sanity.log"
SCRIPT_LOCK = "/tmp/sanity.lock"
SCRIPT_LOCKS = {SCRIPT_LOG: SCRIPT_LOCK}  # logs whose lock the Bash script has elsewhere
_HEAD_BYTES = 64  # bytes of the first line of a file: its stamp fits in, and no two files share it
_TAIL_BYTES = 256  # bytes before a place: the last line's stamp, for all but the longest


class Position(NamedTuple):
    """A place in the journal: a byte ``offset`` in a ``segment``."""

    segment: Segment
    offset: int


class Fingerprint(NamedTuple):
    """A place in a file, by what stood before it when it was taken. Keeps nothing open."""

    identity: tuple[int, int]
    offset: int
    head: bytes
    tail: bytes

    @classmethod
    def capture(cls, segment: Segment, offset: int) -> Fingerprint:
        """A mark at ``offset``."""
        start = max(0, offset - _TAIL_BYTES)
        head = segment.read(0, min(_HEAD_BYTES, offset)).partition(b"\n")[0]
        return cls(segment.identity, offset, head, segment.read(start, offset - start))

    def matches(self, segment: Segment) -> bool:
        """Whether ``segment`` is the same file, and was not truncated and written anew since."""
        if segment.identity != self.identity or not self.matches_head(segment):
            return False
        if len(self.tail) < min(self.offset, _TAIL_BYTES):  # it was taken while the file was being truncated
            return False
        return segment.read(self.offset - len(self.tail), len(self.tail)) == self.tail

    def matches_head(self, segment: Segment) -> bool:
        """Whether ``segment`` begins as the file did: it was not written anew."""
        return segment.read(0, len(self.head)) == self.head


class ResumePoint(NamedTuple):
    """A marked place, with its file held open: from here one can go on reading, whatever the file is called by now."""

    segment: Segment
    fingerprint: Fingerprint

    @classmethod
    def capture(cls, segment: Segment, offset: int) -> ResumePoint:
        """An anchor at ``offset``."""
        return cls(segment, Fingerprint.capture(segment, offset))

    @property
    def offset(self) -> int:
        """The offset in the file."""
        return self.fingerprint.offset

    def is_valid(self) -> bool:
        """Whether the file was not truncated and written anew since."""
        return self.fingerprint.matches(self.segment)


class Journal(NamedTuple):
    """The resolved paths of one journal. Make it with `journal_at`.

    ``home``: the state folder that a writer may create, or None where the log lies elsewhere. ``chain``: the log and
    the rotated files before it.
    """

    log_path: str
    lock_path: str
    state_dir: str | None
    chain: Chain

    @property
    def log_name(self) -> str:
        """The file name of the log, safe to show."""
        return os.path.basename(self.log_path)

    @property
    def attachments_dir(self) -> str:
        """Where the files that go with the journal lie."""
        return self.log_path + ".d"

    @property
    def lock_paths(self) -> tuple[str, ...]:
        """The lock files that a writer takes, in this order.

        For a log of the Bash script, whose lock lies in /tmp, the one beside the log as well: a service with a private
        /tmp, or a container, sees the log and another /tmp, and the lock there keeps nobody out.
        """
        beside = self.log_path + ".lock"
        return (
            (self.lock_path,)
            if self.log_path not in SCRIPT_LOCKS or self.lock_path == beside
            else (self.lock_path, beside)
        )

    def open_live(self) -> Segment | None:
        """The live log opened for reading, or None where there is none yet.

        Raises `Unusable` for what is no regular file or cannot be read.
        """
        try:
            fd = open_file(self.log_path, os.O_RDONLY)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise FileUnusable(describe_open_error(self.log_path, error)) from None
        try:
            check_regular_file(fd, self.log_path)
        except FileUnusable:
            os.close(fd)
            raise
        return Segment(fd, self.log_path)

    def predecessor(self, segment: Segment) -> Segment | None:
        """As `Chain.predecessor`."""
        return self.chain.predecessor(segment)

    def segments_backward(self, segment: Segment) -> Iterator[Segment]:
        """As `Chain.back_from`."""
        return self.chain.segments_backward(segment)

    def successor(self, segment: Segment) -> Segment | None:
        """The file that continues ``segment``; None for the live log, and for a file that none continues."""
        live = self.open_live()
        return None if live is None else self.chain.successor(segment, live)

    def oldest_segment(self, segment: Segment) -> Segment:
        """The first file of the chain that ``segment`` is in."""
        for at in self.segments_backward(segment):
            segment = at
        return segment

    def segments_forward(self, last: Segment) -> Iterator[Segment]:
        """Every file of the journal up to ``last``, the oldest first."""
        return self.chain.segments_forward(last)

    def ensure_state_dir(self) -> None:
        """Makes the state folder where it is ours to make. Raises `Unusable`."""
        if self.state_dir is None:
            return
        try:
            if not os.path.isdir(self.state_dir):
                make_dirs(self.state_dir)
        except OSError as error:
            raise FileUnusable(
                f"{self.state_dir} cannot be made ({error.strerror}): name a log elsewhere with --log"
            ) from None

    def new_file_owner(self) -> tuple[int, int]:
        """Return the owner and group of new files: root makes those in a user's state folder for that user."""
        if self.state_dir is not None and os.geteuid() == 0:
            folder = self.state_dir
            while not os.path.exists(folder):  # its folders will be made for the owner of the first one that is there
                folder = os.path.dirname(folder)
            about = os.stat(folder)
            if about.st_uid != 0:
                return about.st_uid, about.st_gid
        return os.geteuid(), os.getegid()

    def write_obstacle(self) -> str | None:
        """The sentence that says why nothing can be appended here, or None. Creates nothing."""
        while (about := _lstat_or_none(self.log_path)) is not None:
            if os.access(self.log_path, os.W_OK):
                return self._append_obstacle()
            after = _lstat_or_none(self.log_path)
            if after is not None and os.path.samestat(about, after):  # else it was rotated away in between
                return describe_open_error(self.log_path, _access_error(self.log_path))
        folder = os.path.dirname(self.log_path)
        if self.state_dir is None and not os.path.isdir(folder):  # our own state folder is made if it is missing
            return describe_open_error(self.log_path, OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)))
        while not os.path.exists(folder):
            folder = os.path.dirname(folder)
        if os.access(folder, os.W_OK | os.X_OK):
            return None
        if is_read_only(folder):
            return f"{self.log_path} cannot be created: {folder} is mounted read-only; choose another with --log"
        return f"{self.log_path} cannot be created: {folder} is not yours to write; choose another with --log"

    def _append_obstacle(self) -> str | None:
        """Return the sentence that says why the file at the log's path is not one to append to, or None."""
        if (live := live_log_path(self.log_path)) is not None:
            return f"{self.log_path} was rotated away from {live}: name that one with --log"
        try:
            log = self.open_live()
            # The lock beside it tells that 3am has written here, whatever logrotate has put in its place since.
            used = self.state_dir is not None or os.path.lexists(self.log_path + ".lock")
            if log is None or is_journal(log, accept_plain_text=used):
                return None
        except FileUnusable as why:
            return str(why)
        except OSError:  # the writer fails at the same, and says why
            return None
        if is_utf16(log.read(0, 1024)):
            return f"{self.log_path} is {UTF16_HINT}"
        return f"{self.log_path} is not a journal, since none of its lines is an entry: name another with --log"


def resolve_journal(log_path: str, lock_path: str | None = None, *, state_dir: str | None = None) -> Journal:
    """The journal whose log is at ``log``.

    A log that is a symlink of our own (or root's) is resolved once, so that its lock lies beside
    its target; another user's is refused with `Unusable`. Without ``lock`` it is the log's path +
    ``.lock``, or for the log of the Bash script what `SCRIPT_LOCKS` says. Raises `BadInput` if the
    lock is the log itself.
    """
    try:
        resolved = resolve_path(log_path)
    except ForeignSymlink as error:
        raise FileUnusable(describe_open_error(log_path, error)) from None
    except OSError:  # not to be seen: opening it says so better
        resolved = absolute_path(log_path)
    if lock_path is None:
        lock_path = SCRIPT_LOCKS.get(resolved, resolved + ".lock")
    elif _is_same_file(
        lock_path, resolved
    ):  # an empty lock file would be made there first, or the log be replaced as a lock
        raise BadInput(f"the lock {lock_path} is the log itself: name another file with --lock, or leave it out")
    else:
        lock_path = _resolve_lock_dir(lock_path)
    return Journal(resolved, lock_path, state_dir, Chain(resolved))


def _resolve_lock_dir(lock_path: str) -> str:
    """Return the path of a lock with its folder resolved. The file itself is not followed: a symlink is refused."""
    folder, name = os.path.split(lock_path.rstrip("/") or "/")
    try:
        return os.path.join(resolve_path(folder), name)
    except OSError:  # opening it says why
        return absolute_path(lock_path)


def _lstat_or_none(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except OSError:
        return None


def _is_same_file(path: str, resolved: str) -> bool:
    """Whether ``path`` is another name of the file at ``resolved``, or of the file that will be made there."""
    try:
        return os.path.realpath(path) == resolved or os.path.samefile(path, resolved)
    except OSError:  # one of them does not exist
        return False


def check_regular_file(fd: int, path: str) -> os.stat_result:
    """The status of ``fd`` if it is a regular file, else `Unusable`."""
    about = os.fstat(fd)
    if not stat.S_ISREG(about.st_mode):
        raise FileUnusable(f"{path} is {_file_type(about.st_mode)}, not a file: name another with --log")
    return about


def describe_open_error(path: str, error: OSError) -> str:
    """One sentence for a failed open: the path, what is wrong, and what to do."""
    match error.errno:
        case errno.EISDIR:
            return f"{path} is a folder, not a file: name another with --log"
        case errno.ENXIO:
            return f"{path} is a FIFO or a device, not a file: name another with --log"
        case errno.ELOOP if isinstance(error, ForeignSymlink):
            what = "file" if os.path.basename(error.filename) == os.path.basename(path) else "folder"
            return f"{error.filename} is a symlink of {user_name(error.uid)}: name the {what} that it points to"
        case errno.ELOOP:
            return f"{path} is a symlink: name the file that it points to with --log"
        case errno.EROFS:
            return f"{path} cannot be written: its file system is mounted read-only; name another with --log"
        case errno.EPERM if error.strerror == "immutable":
            return f"{path} cannot be written: it is immutable; chattr -i it, or name another with --log"
        case errno.EACCES | errno.EPERM:
            verb = "written" if error.strerror == "write" else "opened"
            return f"{path} cannot be {verb}: permission denied; ask {_owner_phrase(path)}, or name another with --log"
        case errno.ENOTDIR | errno.ENOENT:
            folder = os.path.dirname(path)
            what = "is not a folder;" if os.path.exists(folder) else "does not exist; make it (mkdir -p), or"
            return f"{path} cannot be opened: its folder {folder} {what} name another with --log"
        case _:
            return f"{path} cannot be opened: {os.strerror(error.errno or 0)}"


def fsync_dir(path: str) -> None:
    """Waits until the names in a folder are on the disk. Raises OSError."""
    fd = os.open(path or "/", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fsync_fd(fd)
    finally:
        os.close(fd)


def user_name(uid: int) -> str:
    """The name of a user, or ``uid N`` for one without a name."""
    import pwd  # needed for a refusal only

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def _owner_phrase(path: str) -> str:
    try:
        return f"its owner ({user_name(os.lstat(path).st_uid)})"
    except OSError:
        return "the owner of its folder"


def _access_error(path: str) -> OSError:
    """Return why the file at ``path`` cannot be written, as an error for `unusable`."""
    if is_read_only(path):
        return OSError(errno.EROFS, os.strerror(errno.EROFS))
    try:
        fd = os.open(path, os.O_RDONLY | SAFE_OPEN_FLAGS)
    except OSError:
        return OSError(errno.EACCES, "write")
    try:
        immutable = has_file_attribute(fd, IMMUTABLE)
    finally:
        os.close(fd)
    return OSError(errno.EPERM, "immutable") if immutable else OSError(errno.EACCES, "write")


def _file_type(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a folder"
    if stat.S_ISFIFO(mode):
        return "a FIFO"
    if stat.S_ISSOCK(mode):
        return "a socket"
    return "a device"
