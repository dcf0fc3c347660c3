"""The room on the disk of a log."""

from __future__ import annotations

import os


def free_bytes(place: str | int) -> int:
    """Bytes that an ordinary user can still write on the disk of a path or descriptor. Raises OSError."""
    about = os.statvfs(place)
    return about.f_bavail * about.f_frsize


def in_units(size: int) -> str:
    """``size`` bytes as a person reads them: ``40 KiB``, ``1.5 GiB``."""
    amount, unit = float(size), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if amount < 1024 or unit == "TiB":
            break
        amount /= 1024
    return f"{amount:.0f} {unit}" if amount >= 10 or unit == "B" else f"{amount:.1f} {unit}"
