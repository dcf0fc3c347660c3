"""Rotation, under the lock: the log gets a second name, and a new log that needs no older file takes its place.

At every moment the name of the log is that of a complete file: the old log is linked under its second name, the new
one is created under a temporary name, and then renamed over the first name. The next writer undoes a rotation that was
interrupted between these steps.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import NamedTuple

from threeam.core.errors import RotationFailed, RotationSkipped, SyncFailed
from threeam.core.format.entry import CONTINUED_FROM, REPEATED_TAG, Entry, Stamp, escape_unprintable, format_entry
from threeam.core.platform.disk import APPEND_ONLY, has_file_attribute, has_space
from threeam.core.platform.folders import SAFE_OPEN_FLAGS, fsync_dir_fd, list_names, open_dir
from threeam.core.platform.portability import fdatasync_fd, fsync_fd, read_acl, write_acl
from threeam.core.platform.whole_write import write_all
from threeam.core.store.chain import Chain
from threeam.core.store.journal import Journal, Segment
from threeam.core.store.segment import is_rotated_name


class RotationResult(NamedTuple):
    """The path that the old log has now, and the size of the new one.

    ``durability_warning``: why the rotation may not outlast a crash; empty as a rule.
    """

    rotated_path: str
    new_log_bytes: int
    durability_warning: str = ""


class NewLog(NamedTuple):
    """The content of a new log: a line by ``author_id`` at ``stamp`` that names the old log, and the carried lines.

    ``cups``: those of the author, as on each of their lines.
    ``last_stamp``: the last stamp of the old log. ``carried``: the lines that repeat the state of the old log.
    """

    author_id: str
    cups: int
    stamp: Stamp
    last_stamp: Stamp
    carried: bytes

    @property
    def carried_count(self) -> int:
        """Return the number of carried lines."""
        return self.carried.count(b"\n")

    def format(self, rotated_name: str) -> bytes:
        """Return the bytes of the log, if the old one has been renamed to ``rotated_name``."""
        tags = (("BY", self.author_id), ("AT", str(self.last_stamp)), (REPEATED_TAG, str(self.carried_count)))
        return format_entry(Entry(self.stamp, self.cups, tags, CONTINUED_FROM + rotated_name)) + self.carried


def rotate(
    journal: Journal, old: Segment, old_size: int, new: NewLog, *, only_if_smaller: bool, lock_lost: Callable[[], bool]
) -> RotationResult:
    """Put a new log in the place of ``old``, and return the path that ``old`` has now. Call it under the lock.

    The new log gets the mode and group of the old one, and its owner if root rotates; else it is ours.
    ``old_size``: its bytes when ``new`` was made; if it has grown since, ``new`` does not repeat its last lines.
    ``only_if_smaller``: only if the new log is at most half as long; else a log with much to carry would be rotated
    for every block. ``lock_lost``: returns whether another process may hold the lock by now. Raises `RotationSkipped`.
    """
    folder, name = os.path.split(journal.log_path)
    with ExitStack() as stack:
        try:
            dir_fd = stack.enter_context(open_dir(folder))
        except OSError as error:
            raise RotationFailed(f"{journal.log_path} is not rotated, and unchanged: {error.strerror}") from None
        temporary, rotated = f"{name}.{os.getpid()}.rotating", ""
        try:
            old_status = os.fstat(old.fd)
            if only_if_smaller and 2 * len(new.carried) > old_status.st_size:
                raise RotationSkipped("the lines that the new log would have to carry over are as long as the log")
            if not has_space(old.fd, 0, len(new.carried)):  # before megabytes are written under the lock
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            rotated = _link_rotated_name(name, dir_fd, new.stamp)
            data = new.format(rotated)
            _create_log_file(temporary, dir_fd, data, old, old_status)
            _sync_old_log(old)
            fsync_dir_fd(dir_fd)  # the second name is on the disk before it is the only one
            statuses = [os.stat(path, dir_fd=dir_fd, follow_symlinks=False) for path in (name, rotated)]
            is_same_file = all(os.path.samestat(status, old_status) for status in statuses)
            if lock_lost() or not is_same_file or statuses[0].st_size != old_size:
                raise RotationSkipped(
                    f"{journal.log_path} is not rotated: another process changed it meanwhile, without this lock"
                )
            os.rename(temporary, name, src_dir_fd=dir_fd, dst_dir_fd=dir_fd)
        except BaseException as error:
            for path in filter(None, (temporary, rotated)):
                with suppress(OSError):  # else the next writer does it
                    os.unlink(path, dir_fd=dir_fd)
            if isinstance(error, OSError):
                raise RotationFailed(
                    f"{journal.log_path} is not rotated, and unchanged: {error.strerror}; fix that and try again"
                ) from None
            raise
        rotated_path, warning = os.path.join(folder, rotated), ""
        try:
            fsync_dir_fd(dir_fd)
        except OSError as error:
            warning = f"the disk did not confirm that it was rotated ({error.strerror})"
        return RotationResult(rotated_path, len(data), warning)


def recover_interrupted_rotation(path: str, log: Segment) -> int:
    """Remove the names that an interrupted rotation of ``log`` at ``path`` has left. Call it under the lock.

    Return how many second names of that kind remain, because they are not ours to remove. Raises OSError.
    """
    folder, base = os.path.split(path)
    remaining = 0
    with open_dir(folder) as dir_fd:
        for name in list_names(dir_fd):
            is_second_name = is_rotated_name(path, name) and os.path.samestat(
                os.stat(name, dir_fd=dir_fd, follow_symlinks=False), os.fstat(log.fd)
            )
            if is_second_name or re.fullmatch(re.escape(base) + r"\.\d+\.rotating", name):
                try:
                    os.unlink(name, dir_fd=dir_fd)
                except OSError:
                    remaining += 1 if is_second_name else 0
    return remaining


def prune_rotated(journal: Journal, keep: int) -> str:
    """Delete the oldest files of the chain, so that ``keep`` rotated ones stay. Call it under the lock.

    Return why a file could not be deleted, or nothing.
    """
    live = journal.open_live()
    chain = Chain(journal.log_path)  # a new chain: a file that cannot be read does not matter here
    for number, segment in enumerate(chain.segments_backward(live) if live is not None else ()):
        if number > keep and is_rotated_name(journal.log_path, os.path.basename(segment.path)):
            try:
                with open_dir(os.path.dirname(segment.path)) as dir_fd:
                    os.unlink(os.path.basename(segment.path), dir_fd=dir_fd)
            except OSError as error:
                return f"{segment.path} cannot be deleted: {error.strerror}"
    return ""


def check_rotatable(log: Segment, path: str) -> None:
    """Raise `RotationSkipped` if ``log`` at ``path`` is not ours to rotate, or cannot get another name.

    It needs no lock, and changes nothing.
    """
    folder, name = os.path.split(path)
    try:
        if escape_unprintable(name) != name:  # the new log could not name the old one
            raise RotationSkipped(f"{path} is not rotated: its name has characters that a line of the log cannot hold")
        check_replaceable(path, os.stat(folder), os.fstat(log.fd))
        if not os.access(folder, os.W_OK | os.X_OK):
            raise RotationFailed(f"{path} cannot get another name: {folder} is not yours to write")
        if has_file_attribute(log.fd, APPEND_ONLY):
            import shlex  # rarely needed

            remedy = f"chattr -a {shlex.quote(path)}"
            raise RotationFailed(f"{path} cannot get another name: it is append-only (chattr +a)", remedy)
        if _is_mount_point(path):
            raise RotationFailed(
                f"{path} cannot get another name: it is a mount point, as a single file in a container is; "
                "mount its folder instead"
            )
    except OSError as error:
        raise RotationFailed(f"{path} is not rotated, and unchanged: {error.strerror}") from None


def _is_mount_point(path: str) -> bool:
    """Return whether ``path`` itself is a mount point: then a rename from it or to it fails."""
    try:
        with open("/proc/self/mountinfo", "rb") as table:
            rows = table.read().splitlines()
    except OSError:  # another system
        return False
    escaped = re.sub(rb"[ \t\n\\]", lambda match: b"\\%03o" % match[0][0], os.fsencode(path))
    return any(row.split(b" ", 5)[4] == escaped for row in rows)


def check_replaceable(path: str, folder_status: os.stat_result, log_status: os.stat_result) -> None:
    """Raise `RotationSkipped` if a user could lose access to the log by the rotation.

    The new log has the mode and group of the old one, but unless we are root it is ours. So if another user owns the
    old log, they must be able to write the new one as a member of the group.
    """
    uid = os.geteuid()
    if folder_status.st_mode & stat.S_ISVTX and uid not in (0, folder_status.st_uid, log_status.st_uid):
        raise RotationSkipped(f"{path} lies in a folder where only its owner can give it another name")
    if uid in (0, log_status.st_uid) or (
        log_status.st_mode & stat.S_IWGRP
        and (
            _is_group_member(log_status.st_uid, log_status.st_gid)
            or _is_accessible_by_group_only(path, folder_status, log_status)
        )
    ):
        return
    raise RotationSkipped(
        f"{path} is not rotated: its owner may not be in its group, and could not write it any more; "
        "let them rotate it, or root"
    )


def _is_group_member(uid: int, gid: int) -> bool:
    """Return whether the system lists a user as a member of a group. A login may give more groups."""
    import pwd

    if uid == 0:
        return True
    try:
        user = pwd.getpwuid(uid)
    except KeyError:  # a uid without a name
        return False
    return gid in os.getgrouplist(user.pw_name, user.pw_gid)


def _is_accessible_by_group_only(path: str, folder_status: os.stat_result, log_status: os.stat_result) -> bool:
    """Return whether the owner of the log at ``path`` can reach it only as a member of its group.

    Then they are a member, even if the system's list does not say so, and can write a log of another member.
    """
    if (
        folder_status.st_mode & stat.S_IXOTH
        or folder_status.st_uid == log_status.st_uid
        or folder_status.st_gid != log_status.st_gid
    ):
        return False
    return read_acl(os.path.dirname(path)) is None


def _link_rotated_name(name: str, dir_fd: int, stamp: Stamp) -> str:
    """Give the log a second name that is not in use, and return the name. Raises OSError."""
    stem = name.removesuffix(".log")
    ns = stamp.ns
    while True:
        utc = Stamp(ns).rfc3339().replace("-", "").replace(":", "")
        rotated = f"{stem}.{utc}.log"
        try:
            os.link(name, rotated, src_dir_fd=dir_fd, dst_dir_fd=dir_fd, follow_symlinks=False)
        except FileExistsError:
            ns += 1
        else:
            return rotated


def _create_log_file(name: str, dir_fd: int, data: bytes, old: Segment, old_status: os.stat_result) -> None:
    """Create a synced file with ``data``, and with the mode, group and access list of ``old``. Raises OSError.

    It gets the owner of ``old`` only if we are root.
    """
    fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | SAFE_OPEN_FLAGS, 0o600, dir_fd=dir_fd)
    try:
        status = os.fstat(fd)
        if (status.st_uid, status.st_gid) != (old_status.st_uid, old_status.st_gid):
            os.fchown(fd, old_status.st_uid if os.geteuid() == 0 else -1, old_status.st_gid)
        os.fchmod(fd, stat.S_IMODE(old_status.st_mode))
        if (access := read_acl(old.fd)) is not None:
            write_acl(fd, access)
        write_all(fd, data)
        fsync_fd(fd)
    finally:
        os.close(fd)


def _sync_old_log(old: Segment) -> None:
    try:
        fdatasync_fd(old.fd)
    except OSError as error:
        raise SyncFailed(f"the disk did not confirm {old.path} ({error.strerror})") from None
