"""One row of the speed table."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Measurement(NamedTuple):
    """The work that was measured, what 3am took for it, and what ``peer`` took for it in the same run.

    ``goal``: the highest ratio of the two that meets the goal; None for a row that only compares.
    """

    work: str
    value: float
    peer_value: float
    peer: str
    goal: float | None
    unit: str = "ms"

    @property
    def ratio(self) -> float:
        """What 3am took, as a multiple of what the peer took."""
        return self.value / self.peer_value if self.peer_value else float("inf")

    def table_row(self) -> str:
        """Return the row as Markdown; a missed goal stands in it as missed."""
        goal = "| |" if self.goal is None else f"≤ {self.goal:g} × | {self._verdict} |"
        return (
            f"| {self.work} | {self.value:.2f} {self.unit} | {self.peer} {self.peer_value:.2f} {self.unit} "
            f"| {self.ratio:.2f} × | {goal}"
        )

    @property
    def _verdict(self) -> str:
        return "met" if self.goal is not None and self.ratio <= self.goal else "**missed**"


Report = Callable[[Measurement], None]


def limit_measurement(work: str, value: float, limit: float, unit: str = "ms") -> Measurement:
    """Return the row of a goal that is a limit by itself, and not a multiple of what a peer takes."""
    return Measurement(work, value, limit, "the goal itself", 1, unit)
