"""The content of a snapshot of the machine: numbers and texts by name, and the processes to watch. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from threeam.core.format.entry import NS_PER_S


class WatchedProcess(NamedTuple):
    """A process to read in detail, with what is needed to find it again after a restart."""

    pid: int
    created: float
    name: str
    cmdline: tuple[str, ...]


class Snapshot(NamedTuple):
    """The values read at ``at_ns``: numbers and texts by name. ``unread`` names in words what could not be read.

    A name is ``group/what``. Numbers are bytes, counts and per cent; a missing number means 0. ``blind``: prefixes of
    names of which nothing is known, because they could not be read.
    """

    at_ns: int
    numbers: Mapping[str, float]
    texts: Mapping[str, str]
    unread: tuple[str, ...]
    blind: tuple[str, ...] = ()


def span_seconds(snapshots: Sequence[Snapshot]) -> float:
    """Return the time from the first to the last snapshot, in seconds."""
    return (snapshots[-1].at_ns - snapshots[0].at_ns) / NS_PER_S if snapshots else 0.0
