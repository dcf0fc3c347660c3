"""The disk of a log: how much room there is, and whether it is one on which the lock means something."""

from __future__ import annotations

import fcntl
import os
import sys

APPEND_ONLY, IMMUTABLE = 0x20, 0x10  # FS_APPEND_FL and FS_IMMUTABLE_FL of ioctl_iflags(2)
_FS_IOC_GETFLAGS = 0x8008_6601 if sys.maxsize > 2**32 else 0x8004_6601  # FS_IOC_GETFLAGS


def free_bytes(path_or_fd: str | int) -> int:
    """Bytes that an ordinary user can still write on the disk of a path or descriptor. Raises OSError."""
    about = os.statvfs(path_or_fd)
    return about.f_bavail * about.f_frsize


def is_read_only(path: str) -> bool:
    """Return whether ``path`` lies on a file system that is mounted read-only."""
    try:
        return bool(os.statvfs(path).f_flag & os.ST_RDONLY)
    except OSError:
        return False


def has_file_attribute(fd: int, attribute: int) -> bool:
    """Return whether a file has an attribute of chattr(1); False if the file system does not say."""
    try:
        flags = fcntl.ioctl(fd, _FS_IOC_GETFLAGS, bytes(8))
    except OSError:
        return False
    return bool(int.from_bytes(flags[:4], sys.byteorder) & attribute)


def has_space(fd: int, size: int, extra: int) -> bool:
    """Whether a file of ``size`` bytes may well have room for ``more``. Raises OSError."""
    about = os.fstatvfs(fd)
    if about.f_blocks == 0:  # a file system that does not say
        return True
    free = about.f_bfree if os.geteuid() == 0 else about.f_bavail
    return extra <= free * about.f_frsize + -size % about.f_frsize


def format_bytes(size: int) -> str:
    """``size`` bytes as a person reads them: ``40 KiB``, ``1.5 GiB``."""
    amount, unit = float(size), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if amount < 1024 or unit == "TiB":
            break
        amount /= 1024
    return f"{amount:.0f} {unit}" if amount >= 10 or unit == "B" else f"{amount:.1f} {unit}"


_NETWORK_FSTYPES = ("nfs", "cifs", "smb", "9p", "afs", "ceph", "gluster", "fuse.sshfs", "fuse.glusterfs", "lustre")


def network_fs_warning(path: str) -> str | None:
    """A sentence where ``path`` lies on a network file system, or None. From ``/proc/self/mountinfo``.

    flock(2) does not exclude across the clients of NFS, and O_APPEND is not atomic there (open(2)).
    """
    folder = os.path.dirname(path)
    try:
        device = os.stat(folder).st_dev
        with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as table:
            rows = table.read().splitlines()
    except OSError:
        return None
    kind = mount_fstype(rows, device)
    if kind is None or not kind.startswith(_NETWORK_FSTYPES):
        return None
    return f"{path} lies on {kind}: there the lock does not keep other hosts out; put the log on a local disk"


def mount_fstype(mountinfo_rows: list[str], device: int) -> str | None:
    """The file system of a device number, from the rows of a mountinfo (proc(5)), or None."""
    for row in mountinfo_rows:
        about, _, rest = row.partition(" - ")
        if f" {os.major(device)}:{os.minor(device)} " in about:
            return rest.partition(" ")[0]
    return None
