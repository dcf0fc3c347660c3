"""The disk of a log: how much room there is, and whether it is one on which the lock means something."""

from __future__ import annotations

import os


def free_bytes(place: str | int) -> int:
    """Bytes that an ordinary user can still write on the disk of a path or descriptor. Raises OSError."""
    about = os.statvfs(place)
    return about.f_bavail * about.f_frsize


def has_room(fd: int, size: int, more: int) -> bool:
    """Whether a file of ``size`` bytes may well have room for ``more``. Raises OSError."""
    about = os.fstatvfs(fd)
    if about.f_blocks == 0:  # a file system that does not say
        return True
    free = about.f_bfree if os.geteuid() == 0 else about.f_bavail
    return more <= free * about.f_frsize + -size % about.f_frsize


def in_units(size: int) -> str:
    """``size`` bytes as a person reads them: ``40 KiB``, ``1.5 GiB``."""
    amount, unit = float(size), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if amount < 1024 or unit == "TiB":
            break
        amount /= 1024
    return f"{amount:.0f} {unit}" if amount >= 10 or unit == "B" else f"{amount:.1f} {unit}"


_NETWORK = ("nfs", "cifs", "smb", "9p", "afs", "ceph", "gluster", "fuse.sshfs", "fuse.glusterfs", "lustre")


def network_warning(path: str) -> str | None:
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
    kind = kind_of_mount(rows, device)
    if kind is None or not kind.startswith(_NETWORK):
        return None
    return f"{path} lies on {kind}: there the lock does not keep other hosts out; put the log on a local disk"


def kind_of_mount(rows: list[str], device: int) -> str | None:
    """The file system of a device number, from the rows of a mountinfo (proc(5)), or None."""
    for row in rows:
        about, _, rest = row.partition(" - ")
        if f" {os.major(device)}:{os.minor(device)} " in about:
            return rest.partition(" ")[0]
    return None
