"""The budget of a search and of the fresh runs after it: a number of runs, or a time. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from threeam.core.format.entry import NS_PER_S
from threeam.core.format.times import format_duration
from threeam.experiments.runs.run_tags import MalformedTag, require_count

MIN_CONFIRMING_RUNS = 20  # fresh runs of each of two arms; fewer can hardly show a difference
MAX_BUDGET_NS = 365 * 24 * 3600 * NS_PER_S
_MAX_CONFIRMING_SHARE = 120  # runs of a budget that are kept for the fresh ones
_MAX_RUNS_BY_TIME = 2000


class RunBudget(NamedTuple):
    """A budget of ``runs`` in all."""

    runs: int

    def search_runs(self, run_ns: int) -> int:
        """Return the runs of the search alone. ``run_ns``: how long a run takes."""
        return self.runs - max(2 * MIN_CONFIRMING_RUNS, min(self.runs // 3, _MAX_CONFIRMING_SHARE))

    def is_spent(self, spent_ns: int) -> bool:
        """Return whether runs that took ``spent_ns`` have taken all of the time of the search."""
        return False

    def remaining_runs(self, done: int, spent_ns: int) -> int:
        """Return how many runs are left after ``done`` ones that took ``spent_ns``."""
        return self.runs - done

    def tag_words(self) -> str:
        """Return the words of the plan's tag that say the budget."""
        return f"budget={self.runs} limit=0"

    def __str__(self) -> str:
        return f"a budget of {self.runs} runs"


class TimeBudget(NamedTuple):
    """A budget of ``ns`` in all. Three fifths of it are for the search."""

    ns: int

    def search_runs(self, run_ns: int) -> int:
        """Return the runs of the search alone. ``run_ns``: how long a run takes."""
        return min(_MAX_RUNS_BY_TIME, self._search_ns // max(1, run_ns))

    def is_spent(self, spent_ns: int) -> bool:
        """Return whether runs that took ``spent_ns`` have taken all of the time of the search."""
        return spent_ns >= self._search_ns

    def remaining_runs(self, done: int, spent_ns: int) -> int:
        """Return how many runs are left after ``done`` ones that took ``spent_ns``."""
        mean_ns = max(1, spent_ns // max(1, done))
        return (self.ns - spent_ns) // mean_ns

    def tag_words(self) -> str:
        """Return the words of the plan's tag that say the budget."""
        return f"budget=0 limit={self.ns}"

    @property
    def _search_ns(self) -> int:
        return self.ns * 3 // 5

    def __str__(self) -> str:
        return f"a budget of {format_duration(self.ns)}"


Budget = RunBudget | TimeBudget


def parse_budget(words: Mapping[str, str]) -> Budget:
    """Return the budget in the ``words`` of a plan's tag. Raise `MalformedTag` if they have none."""
    runs, ns = require_count(words.get("budget")), require_count(words.get("limit"))
    if not (runs or ns):
        raise MalformedTag
    return RunBudget(runs) if runs else TimeBudget(ns)
