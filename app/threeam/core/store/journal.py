"""The journal: the paths of a log, its lock and its attachments, and positions in its chain of files.

The first line of each file names its predecessor. This links the live log and the rotated files; the order of their
names does not. A position in the journal is (segment, offset).
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
SCRIPT_LOCKS = {SCRIPT_LOG: SCRIPT_LOCK}  # logs of the Bash script, whose lock is not beside the log
_HEAD_BYTES = 64  # bytes of the first line of a file: enough for its stamp, which is different in each file
_TAIL_BYTES = 256  # bytes before an offset: enough for the stamp of the last line, unless that is long


class Position(NamedTuple):
    """A place in the journal: a byte ``offset`` in a ``segment``."""

    segment: Segment
    offset: int


class Fingerprint(NamedTuple):
    """An offset in a file, and bytes before it that tell later whether the file still has them. Holds no open file."""

    identity: tuple[int, int]
    offset: int
    head: bytes
    tail: bytes

    @classmethod
    def capture(cls, segment: Segment, offset: int) -> Fingerprint:
        """Return the fingerprint of ``segment`` at ``offset``. Raises OSError."""
        start = max(0, offset - _TAIL_BYTES)
        head = segment.read(0, min(_HEAD_BYTES, offset)).partition(b"\n")[0]
        return cls(segment.identity, offset, head, segment.read(start, offset - start))

    def extend(self, data: bytes) -> Fingerprint:
        """Return the fingerprint at the end of ``data``, the bytes of whole lines that begin at the offset (not 0)."""
        return self._replace(offset=self.offset + len(data), tail=(self.tail + data)[-_TAIL_BYTES:])

    def matches(self, segment: Segment) -> bool:
        """Return whether ``segment`` is the same file, and was not truncated and rewritten since. Raises OSError."""
        if segment.identity != self.identity or not self.matches_head(segment):
            return False
        if len(self.tail) < min(self.offset, _TAIL_BYTES):  # captured while the file was being truncated
            return False
        return segment.read(self.offset - len(self.tail), len(self.tail)) == self.tail

    def ends_with(self, data: bytes) -> bool:
        """Return whether ``data``, or as much of its end as is known here, stands before the offset."""
        return self.tail.endswith(data[-_TAIL_BYTES:])

    def matches_head(self, segment: Segment) -> bool:
        """Return whether ``segment`` begins as the file did: it was not rewritten. Raises OSError."""
        return segment.read(0, len(self.head)) == self.head


class ResumePoint(NamedTuple):
    """A position from which reading can resume, with its file held open: the file may be renamed meanwhile."""

    segment: Segment
    fingerprint: Fingerprint

    @classmethod
    def capture(cls, segment: Segment, offset: int) -> ResumePoint:
        """Return the resume point of ``segment`` at ``offset``. Raises OSError."""
        return cls(segment, Fingerprint.capture(segment, offset))

    @property
    def offset(self) -> int:
        """The offset in the file."""
        return self.fingerprint.offset

    def is_valid(self) -> bool:
        """Return whether the file was not truncated and rewritten since. Raises OSError."""
        return self.fingerprint.matches(self.segment)


class Journal(NamedTuple):
    """The resolved paths of one journal. Make it with `resolve_journal`.

    ``state_dir``: the state folder that a writer may create, or None if the log lies elsewhere. ``chain``: the log and
    the rotated files before it.
    """

    log_path: str
    lock_path: str
    state_dir: str | None
    chain: Chain

    @property
    def log_name(self) -> str:
        """The file name of the log."""
        return os.path.basename(self.log_path)

    @property
    def folder_beside_log(self) -> str:
        """The folder ``<log>.d``; `attachment_dir` is the folder in use, which may be a private one."""
        return self.log_path + ".d"

    @property
    def problem(self) -> str:
        """A sentence that says why no new lines can come, of a copy of a journal; else empty."""
        return ""

    @property
    def lock_paths(self) -> tuple[str, ...]:
        """The lock files that a writer takes, in this order.

        For a log of the Bash script, whose lock lies in /tmp, this includes the one beside the log. A service with a
        private /tmp, or a container, may see the log but another /tmp, in which a lock excludes no other process.
        """
        beside = self.log_path + ".lock"
        return (
            (self.lock_path,)
            if self.log_path not in SCRIPT_LOCKS or self.lock_path == beside
            else (self.lock_path, beside)
        )

    def open_live(self) -> Segment | None:
        """Open the live log for reading; return None if it does not exist yet.

        Raises `FileUnusable` if it is not a regular file or cannot be read.
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
        """Return the predecessor of a file; see `Chain.predecessor`."""
        return self.chain.predecessor(segment)

    def segments_backward(self, segment: Segment) -> Iterator[Segment]:
        """Yield a file and those before it; see `Chain.segments_backward`."""
        return self.chain.segments_backward(segment)

    def successor(self, segment: Segment) -> Segment | None:
        """Return the file that continues ``segment``; None for the live log, and for a file without a successor."""
        live = self.open_live()
        return None if live is None else self.chain.successor(segment, live)

    def oldest_segment(self, segment: Segment) -> Segment:
        """Return the oldest file of the chain that ``segment`` is in."""
        oldest = segment
        for predecessor in self.segments_backward(segment):
            oldest = predecessor
        return oldest

    def segments_forward(self, last: Segment) -> Iterator[Segment]:
        """Yield every file of the journal up to ``last``, the oldest first."""
        return self.chain.segments_forward(last)

    def ensure_state_dir(self) -> None:
        """Make the state folder if the log lies in it. Raises `FileUnusable`."""
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
        """Return the uid and gid of new files: those that root makes in a user's state folder belong to that user."""
        if self.state_dir is not None and os.geteuid() == 0:
            folder = self.state_dir
            while not os.path.exists(folder):  # missing folders will get the owner of the first one that exists
                folder = os.path.dirname(folder)
            status = os.stat(folder)
            if status.st_uid != 0:
                return status.st_uid, status.st_gid
        return os.geteuid(), os.getegid()

    def write_obstacle(self) -> str | None:
        """Return a sentence that says why nothing can be appended to the log, or None. Creates nothing."""
        while (status := _lstat_or_none(self.log_path)) is not None:
            if os.access(self.log_path, os.W_OK):
                return self._append_obstacle()
            status_after = _lstat_or_none(self.log_path)
            if status_after is not None and os.path.samestat(status, status_after):  # else it was rotated in between
                return describe_open_error(self.log_path, _access_error(self.log_path))
        folder = os.path.dirname(self.log_path)
        if self.state_dir is None and not os.path.isdir(folder):  # a missing state folder will be made
            return describe_open_error(self.log_path, OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)))
        while not os.path.exists(folder):
            folder = os.path.dirname(folder)
        if os.access(folder, os.W_OK | os.X_OK):
            return None
        if os.path.isdir(folder) and not os.access(folder, os.X_OK):  # the log may be there
            return describe_open_error(self.log_path, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))
        if is_read_only(folder):
            return f"{self.log_path} cannot be created: {folder} is mounted read-only; choose another with --log"
        return f"{self.log_path} cannot be created: {folder} is not yours to write; choose another with --log"

    def _append_obstacle(self) -> str | None:
        """Return a sentence that says why the existing file must not be appended to, or None."""
        if (live_path := live_log_path(self.log_path)) is not None:
            return f"{self.log_path} was rotated away from {live_path}: name that one with --log"
        try:
            log = self.open_live()
            # The lock beside it shows that 3am has written here, even if logrotate has put another file here since.
            was_used = self.state_dir is not None or os.path.lexists(self.log_path + ".lock")
            if log is None or is_journal(log, accept_plain_text=was_used):
                return None
        except FileUnusable as error:
            return str(error)
        except OSError:  # the writer will get and report the same error
            return None
        if is_utf16(log.read(0, 1024)):
            return f"{self.log_path} is {UTF16_HINT}"
        return f"{self.log_path} is not a journal, since none of its lines is an entry: name another with --log"


def resolve_journal(log_path: str, lock_path: str | None = None, *, state_dir: str | None = None) -> Journal:
    """Return the journal whose log is at ``log_path``.

    A log that is a symlink of this user or of root is resolved once, so that the lock lies beside its target. Raises
    `FileUnusable` for a symlink of another user. Without ``lock_path`` the lock is the log's path + ``.lock``, or for
    the log of the Bash script that of `SCRIPT_LOCKS`. Raises `BadInput` if the lock is the log itself.
    """
    try:
        resolved = resolve_path(log_path)
    except ForeignSymlink as error:
        raise FileUnusable(describe_open_error(log_path, error)) from None
    except OSError:  # opening it raises a clearer error
        resolved = absolute_path(log_path)
    if lock_path is None:
        lock_path = SCRIPT_LOCKS.get(resolved, resolved + ".lock")
    elif _is_same_file(lock_path, resolved):
        # An empty lock file would be made at the path of a missing log; an existing log could be replaced as a lock.
        raise BadInput(f"the lock {lock_path} is the log itself: name another file with --lock, or leave it out")
    else:
        lock_path = _resolve_lock_dir(lock_path)
    return Journal(resolved, lock_path, state_dir, Chain(resolved))


def _resolve_lock_dir(lock_path: str) -> str:
    """Return a lock's path with its folder resolved, but not its last name: a lock that is a symlink is refused."""
    folder, name = os.path.split(lock_path.rstrip("/") or "/")
    try:
        return os.path.join(resolve_path(folder), name)
    except OSError:  # opening it raises a clearer error
        return absolute_path(lock_path)


def _lstat_or_none(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except OSError:
        return None


def _is_same_file(path: str, resolved: str) -> bool:
    """Return whether ``path`` is another name of the file at ``resolved``, or of the file that will be made there."""
    try:
        return os.path.realpath(path) == resolved or os.path.samefile(path, resolved)
    except OSError:  # one of them does not exist
        return False


def check_regular_file(fd: int, path: str) -> os.stat_result:
    """Return the status of ``fd``. Raises `FileUnusable` if it is not a regular file."""
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        raise FileUnusable(f"{path} is {_file_type(status.st_mode)}, not a file: name another with --log")
    return status


def describe_open_error(path: str, error: OSError) -> str:
    """Return a sentence about a failed open: the path, the cause, and a remedy."""
    match error.errno:
        case errno.EISDIR:
            return f"{path} is a folder, not a file: name another with --log"
        case errno.ENXIO:
            return f"{path} is a FIFO or a device, not a file: name another with --log"
        case errno.ELOOP if isinstance(error, ForeignSymlink):
            target = "file" if os.path.basename(error.filename) == os.path.basename(path) else "folder"
            return f"{error.filename} is a symlink of {user_name(error.uid)}: name the {target} that it points to"
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
            cause = "is not a folder;" if os.path.exists(folder) else "does not exist; make it (mkdir -p), or"
            return f"{path} cannot be opened: its folder {folder} {cause} name another with --log"
        case _:
            return f"{path} cannot be opened: {os.strerror(error.errno or 0)}"


def fsync_dir(path: str) -> None:
    """Wait until the names in a folder are on the disk. Raises OSError."""
    fd = os.open(path or "/", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fsync_fd(fd)
    finally:
        os.close(fd)


def user_name(uid: int) -> str:
    """Return the name of a user, or ``uid N`` if it is not in the user database."""
    import pwd  # here, since only a refusal needs it

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
    """Return an error for `describe_open_error` that says why the file at ``path`` cannot be written."""
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
