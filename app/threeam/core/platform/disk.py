"""Free space and properties of the file system that a log lies on."""

from __future__ import annotations

import fcntl
import os
import sys

APPEND_ONLY, IMMUTABLE = 0x20, 0x10  # FS_APPEND_FL and FS_IMMUTABLE_FL of ioctl_iflags(2)
_FS_IOC_GETFLAGS = 0x8008_6601 if sys.maxsize > 2**32 else 0x8004_6601  # FS_IOC_GETFLAGS


def free_bytes(path_or_fd: str | int) -> int:
    """Return how many bytes an ordinary user can still write to the file system of a file. Raises OSError."""
    status = os.statvfs(path_or_fd)
    return status.f_bavail * status.f_frsize


def is_read_only(path: str) -> bool:
    """Return whether ``path`` lies on a file system that is mounted read-only."""
    try:
        return bool(os.statvfs(path).f_flag & os.ST_RDONLY)
    except OSError:
        return False


def has_file_attribute(fd: int, attribute: int) -> bool:
    """Return whether a file has an attribute of chattr(1); False if the file system does not support them."""
    try:
        flags = fcntl.ioctl(fd, _FS_IOC_GETFLAGS, bytes(8))
    except OSError:
        return False
    return bool(int.from_bytes(flags[:4], sys.byteorder) & attribute)


def has_space(fd: int, size: int, extra: int) -> bool:
    """Return whether a file of ``size`` bytes probably has space for ``extra`` bytes more. Raises OSError."""
    status = os.fstatvfs(fd)
    if status.f_blocks == 0:  # the file system does not report its size
        return True
    free_blocks = status.f_bfree if os.geteuid() == 0 else status.f_bavail
    return extra <= free_blocks * status.f_frsize + -size % status.f_frsize


def format_bytes(size: int) -> str:
    """Return ``size`` in the largest fitting unit: ``40 KiB``, ``1.5 GiB``."""
    amount, unit = float(size), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if amount < 1024 or unit == "TiB":
            break
        amount /= 1024
    return f"{amount:.0f} {unit}" if amount >= 10 or unit == "B" else f"{amount:.1f} {unit}"


_NETWORK_FSTYPES = ("nfs", "cifs", "smb", "9p", "afs", "ceph", "gluster", "fuse.sshfs", "fuse.glusterfs", "lustre")


def network_fs_warning(path: str) -> str | None:
    """Return a warning if ``path`` lies on a network file system, else None. Source: ``/proc/self/mountinfo``.

    flock(2) does not exclude across the clients of NFS, and O_APPEND is not atomic there (open(2)).
    """
    folder = os.path.dirname(path)
    try:
        device = os.stat(folder).st_dev
        with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as mountinfo:
            rows = mountinfo.read().splitlines()
    except OSError:
        return None
    fstype = mount_fstype(rows, device)
    if fstype is None or not fstype.startswith(_NETWORK_FSTYPES):
        return None
    return f"{path} lies on {fstype}: there the lock does not keep other hosts out; put the log on a local disk"


def mount_fstype(mountinfo_rows: list[str], device: int) -> str | None:
    """Return the file system type of a device number, from rows of mountinfo (proc(5)); None if it is not mounted."""
    for row in mountinfo_rows:
        mount, _, file_system = row.partition(" - ")
        if f" {os.major(device)}:{os.minor(device)} " in mount:
            return file_system.partition(" ")[0]
    return None
