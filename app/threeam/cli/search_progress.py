"""The display of ``3am provoke`` while it searches: the round, and the arms that fail most often."""

from __future__ import annotations

import time

from threeam.cli.console import Echo
from threeam.cli.exits import ExitCode
from threeam.cli.run_progress import ExperimentProgress, PlanEcho, StatusLine
from threeam.core.format.times import format_duration
from threeam.experiments.experiment import Experiment, Run
from threeam.experiments.failure_rule import FAILED, PASSED
from threeam.experiments.provoke.halving import Progress
from threeam.experiments.provoke.search import Search

_SHOWN_ARMS = 3  # besides bare


class SearchProgress(PlanEcho):
    """The listener of a search: it shows progress on a terminal."""

    def __init__(self, echo: Echo) -> None:
        super().__init__(echo)
        self._line = StatusLine()
        self._label = ""
        self._counts: dict[str, tuple[int, int]] = {}  # by arm: failed and conclusive
        self._bare = ""
        self._done = self._total = self._done_here = 0
        self._started_ns = time.monotonic_ns()

    def on_round(self, search: Search, progress: Progress) -> None:
        self._label = f"{search.name} round {progress.round} of {len(search.halving.rounds)}"
        self._bare, self._done, self._total = search.arms[0], search.done_count, search.total
        shown = (0, *progress.survivors)
        all_counts = search.counts()
        self._counts = {search.arms[i]: (all_counts[i].counts.failed, all_counts[i].counts.conclusive) for i in shown}
        self._draw()

    def on_run(self, run: Run) -> None:
        failed, conclusive = self._counts[run.arm]
        self._counts[run.arm] = failed + (run.outcome == FAILED), conclusive + (run.outcome in (FAILED, PASSED))
        self._done += 1
        self._done_here += 1
        if self._line.is_due():
            self._draw()

    def on_confirmed(self, search: Search, arm: str) -> None:
        self._line.draw(f"{search.name} · {arm} is confirmed: looking for its place in the code")

    def on_end(self) -> None:
        self._line.clear()

    def on_result(self, raw: bytes, *, found: bool) -> None:
        self.acknowledge(raw, search_exit_code(found))

    def _draw(self) -> None:
        elapsed_ns = time.monotonic_ns() - self._started_ns
        left = elapsed_ns // max(1, self._done_here) * (self._total - self._done)
        time_left = f"at most {format_duration(left)} left · " if self._done_here else ""
        others = [arm for arm in self._counts if arm != self._bare]
        best = sorted(others, key=lambda arm: -self._counts[arm][0])[:_SHOWN_ARMS]
        rates = " · ".join(f"{arm} {self._counts[arm][0]}/{self._counts[arm][1]}" for arm in (self._bare, *best))
        self._line.draw(f"{self._label} · {self._done}/{self._total} · {time_left}failed {rates}")


class ConfirmationProgress(ExperimentProgress):
    """The listener of the experiment that confirms the choice of a search. The search goes on after the verdict."""

    def on_verdict(self, raw: bytes, experiment: Experiment) -> None:
        self.on_written(raw)  # a signal still ends the search, and changes the exit code

    def on_unfinished(self, text: str) -> None:
        """Show nothing: the search tells how to resume both."""


def search_exit_code(found: bool) -> ExitCode:
    """Return `OK` if an arm was found, else `NEGATIVE`."""
    return ExitCode.OK if found else ExitCode.NEGATIVE
