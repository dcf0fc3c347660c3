"""One row of the speed table."""

from __future__ import annotations

from typing import NamedTuple


class Measured(NamedTuple):
    """A row: the work, what we took, what the peer took in the same run, and the goal as a ratio (None: to compare)."""

    work: str
    ours: float
    peer: float
    peer_name: str
    goal: float | None
    unit: str = "ms"
