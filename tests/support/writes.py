"""What blocks of a writer look like."""

from __future__ import annotations

from pathlib import Path

from support.journals import entries


def stamps(log: Path) -> list[int]:
    return [entry.stamp.ns for entry in entries(log)]
