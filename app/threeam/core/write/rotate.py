"""Rotation, under the lock: the live log gets a name of its own, and a new one takes its place and stands alone.

At every moment the name of the log means a whole file: the old one is linked under its second name, the
new one is made aside, and then renamed over the first name. A rotation that was cut off between the two is undone
by the next writer.
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
from threeam.core.store.chain import Chain
from threeam.core.store.journal import Journal, Segment
from threeam.core.store.segment import is_rotated_name


class RotationResult(NamedTuple):
    """The path that the old log has now, and the bytes of the new one.

    ``doubt``: why that may not outlast a crash, mostly empty.
    """

    rotated_path: str
    new_log_bytes: int
    durability_warning: str = ""


def rotate(
    journal: Journal,
    old: Segment,
    author: str,
    stamp: Stamp,
    last_stamp: Stamp,
    carried: bytes,
    *,
    only_if_smaller: bool,
    lock_lost: Callable[[], bool],
) -> RotationResult:
    """Puts a new log in the place of ``old``, and gives the path that ``old`` has now. Call it under the lock.

    The new one begins at ``stamp`` with a line that names the old one, whose last stamp is ``last_stamp``, and states how
    many lines ``carried`` has; these follow. It has the mode and group of the old one, and the owner if root rotates;
    else it is ours. ``only_if_smaller``: only if the new one is at most half as long: else a log that carries much would be
    rotated for every block. ``lock_lost``: whether the lock may be somebody else's by now. Raises `NotRotated`.
    """
    folder, name = os.path.split(journal.log_path)
    with ExitStack() as stack:
        try:
            dir_fd = stack.enter_context(open_dir(folder))
        except OSError as error:
            raise RotationFailed(f"{journal.log_path} is not rotated, and as it was: {error.strerror}") from None
        aside, rotated = f"{name}.{os.getpid()}.rotating", ""
        try:
            about = os.fstat(old.fd)
            if only_if_smaller and 2 * len(carried) > about.st_size:
                raise RotationSkipped("what the new log would have to carry over is as long as the log")
            if not has_space(old.fd, 0, len(carried)):  # before it is written: that may be megabytes, under the lock
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            rotated = _link_rotated_name(name, dir_fd, stamp)
            count = carried.count(b"\n")  # the head of the new log ends after them, whatever is appended
            first = Entry(
                stamp,
                0,
                (("BY", author), ("AT", str(last_stamp)), (REPEATED_TAG, str(count))),
                CONTINUED_FROM + rotated,
            )
            data = format_entry(first) + carried
            _create_log_file(aside, dir_fd, data, old, about)
            _sync_old_log(old)
            fsync_dir_fd(dir_fd)  # the second name is on the disk before it is the only one
            named = [os.stat(path, dir_fd=dir_fd, follow_symlinks=False) for path in (name, rotated)]
            if lock_lost() or not all(os.path.samestat(one, about) for one in named):
                raise RotationSkipped(
                    f"the lock file was removed meanwhile, and somebody else was at {journal.log_path}"
                )
            os.rename(aside, name, src_dir_fd=dir_fd, dst_dir_fd=dir_fd)
        except BaseException as error:
            for path in filter(None, (aside, rotated)):
                with suppress(OSError):  # or the next writer does it
                    os.unlink(path, dir_fd=dir_fd)
            if isinstance(error, OSError):
                raise RotationFailed(
                    f"{journal.log_path} is not rotated, and as it was: {error.strerror}; fix that and try again"
                ) from None
            raise
        rotated = os.path.join(folder, rotated)
        try:
            fsync_dir_fd(dir_fd)
        except OSError as error:
            return RotationResult(
                rotated, len(data), f"the disk did not confirm that it was rotated ({error.strerror})"
            )
        return RotationResult(rotated, len(data))


def recover_interrupted_rotation(path: str, log: Segment) -> int:
    """Takes back what a rotation of ``log`` at ``path`` left when it was cut off. Under the lock.

    Gives how many second names of that kind it has still, since they are not ours to remove.
    """
    folder, base = os.path.split(path)
    left = 0
    with open_dir(folder) as dir_fd:
        for name in list_names(dir_fd):
            second = is_rotated_name(path, name) and os.path.samestat(
                os.stat(name, dir_fd=dir_fd, follow_symlinks=False), os.fstat(log.fd)
            )
            if second or re.fullmatch(re.escape(base) + r"\.\d+\.rotating", name):
                try:
                    os.unlink(name, dir_fd=dir_fd)
                except OSError:
                    left += second
    return left


def prune_rotated(journal: Journal, keep: int) -> str:
    """Deletes the oldest files of the chain, so that ``keep`` rotated ones stay. Under the lock.

    Gives why one stays all the same, or nothing.
    """
    live = journal.open_live()
    chain = Chain(journal.log_path)  # one of its own: a file that cannot be read does not matter here
    for number, segment in enumerate(chain.segments_backward(live) if live is not None else ()):
        if number > keep and is_rotated_name(journal.log_path, os.path.basename(segment.path)):
            try:
                with open_dir(os.path.dirname(segment.path)) as dir_fd:
                    os.unlink(os.path.basename(segment.path), dir_fd=dir_fd)
            except OSError as error:
                return f"{segment.path} cannot be deleted: {error.strerror}"
    return ""


def check_rotatable(log: Segment, path: str) -> None:
    """Raise `NotRotated` if ``log`` at ``path`` is not ours to rotate, or cannot get another name.

    It needs no lock, and changes nothing.
    """
    folder = os.path.dirname(path)
    try:
        if escape_unprintable(os.path.basename(path)) != os.path.basename(
            path
        ):  # the new log could not name the old one
            raise RotationSkipped(f"{path} is not rotated: its name has characters that a line of the log cannot hold")
        check_replaceable(path, os.stat(folder), os.fstat(log.fd))
        if not os.access(folder, os.W_OK | os.X_OK):
            raise RotationFailed(f"{path} cannot get another name: {folder} is not yours to write")
        if has_file_attribute(log.fd, APPEND_ONLY):
            import shlex  # for a sentence that is rarely needed

            remedy = f"chattr -a {shlex.quote(path)}"
            raise RotationFailed(f"{path} cannot get another name: it is append-only (chattr +a)", remedy)
        if _is_mount_point(path):
            raise RotationFailed(
                f"{path} cannot get another name: it is a mount point, as a single file in a container is; "
                "mount its folder instead"
            )
    except OSError as error:
        raise RotationFailed(f"{path} is not rotated, and as it was: {error.strerror}") from None


def _is_mount_point(path: str) -> bool:
    """Return whether something is mounted at ``path`` itself: then it cannot be renamed, and nothing over it."""
    try:
        with open("/proc/self/mountinfo", "rb") as table:
            rows = table.read().splitlines()
    except OSError:  # another system
        return False
    escaped = re.sub(rb"[ \t\n\\]", lambda match: b"\\%03o" % match[0][0], os.fsencode(path))
    return any(row.split(b" ", 5)[4] == escaped for row in rows)


def check_replaceable(path: str, folder_status: os.stat_result, log_status: os.stat_result) -> None:
    """Raise `NotRotated` if the new log could not be to everybody what the old one is to them.

    It has the same mode and group, but unless we are root it is ours. So if another user owns the old one, they must
    be able to write the new one as a member of the group.
    """
    me = os.geteuid()
    if folder_status.st_mode & stat.S_ISVTX and me not in (0, folder_status.st_uid, log_status.st_uid):
        raise RotationSkipped(f"{path} lies in a folder where only its owner can give it another name")
    if me in (0, log_status.st_uid) or (
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
    """Return whether the system's lists say that a user has the rights of a group. A login may give more groups."""
    import pwd

    if uid == 0:
        return True
    try:
        user = pwd.getpwuid(uid)
    except KeyError:  # one without a name
        return False
    return gid in os.getgrouplist(user.pw_name, user.pw_gid)


def _is_accessible_by_group_only(path: str, folder_status: os.stat_result, log_status: os.stat_result) -> bool:
    """Return whether the owner of the log at ``path`` gets to it only as a member of its group.

    Then a log of another member takes nothing from them, whatever the list of groups says of them.
    """
    if (
        folder_status.st_mode & stat.S_IXOTH
        or folder_status.st_uid == log_status.st_uid
        or folder_status.st_gid != log_status.st_gid
    ):
        return False
    return read_acl(os.path.dirname(path)) is None


def _link_rotated_name(name: str, dir_fd: int, stamp: Stamp) -> str:
    """Gives the log its second name, which was nobody's before; gives that name. Raises OSError."""
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
    """Make a synced file with ``data`` in it, and with the mode, group and access list of ``old``. Raises OSError.

    Only root can give it the owner, too.
    """
    fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | SAFE_OPEN_FLAGS, 0o600, dir_fd=dir_fd)
    try:
        made = os.fstat(fd)
        if (made.st_uid, made.st_gid) != (old_status.st_uid, old_status.st_gid):
            os.fchown(fd, old_status.st_uid if os.geteuid() == 0 else -1, old_status.st_gid)
        os.fchmod(fd, stat.S_IMODE(old_status.st_mode))
        if (access := read_acl(old.fd)) is not None:
            write_acl(fd, access)
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]
        fsync_fd(fd)
    finally:
        os.close(fd)


def _sync_old_log(old: Segment) -> None:
    try:
        fdatasync_fd(old.fd)
    except OSError as error:
        raise SyncFailed(f"the disk did not confirm {old.path} ({error.strerror})") from None
