"""The display of ``3am run`` while a command runs: its output, or the progress of an experiment."""

from __future__ import annotations

import os
import time
from collections import Counter

from threeam.cli.console import Echo, OutputFailed, print_err, write_bytes
from threeam.cli.exits import ExitCode
from threeam.cli.submit import acknowledgement
from threeam.core.format.times import format_duration
from threeam.experiments.experiment import Experiment, Run
from threeam.experiments.failure_rule import FAILED, PASSED
from threeam.experiments.plan import ExperimentPlan
from threeam.experiments.runs.run_rows import run_line_in_words
from threeam.process.execute import STDERR, STDOUT
from threeam.process.output import TerminalSanitizer

_REDRAW_INTERVAL_NS = 200_000_000


class OutputPrinter:
    """A printer of the output of a command, made safe if ``fd`` is a terminal. It raises BrokenPipeError."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._sanitize = TerminalSanitizer() if os.isatty(fd) else None
        self._has_failed = False

    def __call__(self, data: bytes) -> None:
        if not self._has_failed:
            try:
                write_bytes(data if self._sanitize is None else self._sanitize(data), self._fd)
            except OutputFailed as error:  # a full disk: the output is saved all the same
                self._has_failed = True
                print_err(str(error))


def format_for_terminal(raw: bytes, fd: int) -> bytes:
    """Return lines of the log about runs in words, without their tags, if ``fd`` is a terminal; else as they are."""
    return b"".join(map(run_line_in_words, raw.splitlines(keepends=True))) if os.isatty(fd) else raw


class PlanEcho:
    """The part of a listener that all plans share: it repeats their lines on stdout."""

    def __init__(self, echo: Echo) -> None:
        self._echo = echo

    def on_written(self, raw: bytes) -> None:
        self._echo(format_for_terminal(raw, STDOUT))

    def on_warning(self, text: str) -> None:
        print_err(text)

    def on_unfinished(self, text: str) -> None:
        print_err(text)

    def acknowledge(self, raw: bytes, exit_code: ExitCode) -> None:
        """Repeat the lines of a result. After this, a signal does not change the exit code."""
        with acknowledgement(exit_code, len(raw)):
            self._echo(format_for_terminal(raw, STDOUT))


class ExperimentProgress(PlanEcho):
    """The listener of an experiment: it shows progress on a terminal."""

    def __init__(self, echo: Echo) -> None:
        super().__init__(echo)
        self._line: _ProgressLine | None = None

    def on_verdict(self, raw: bytes, experiment: Experiment) -> None:
        self.acknowledge(raw, experiment_exit_code(experiment))

    def on_begin(self, number: int, plan: ExperimentPlan, remaining: int) -> None:
        self._line = _ProgressLine(number, plan, remaining)

    def on_run(self, run: Run) -> None:
        if self._line is not None:
            self._line.count_run(run)

    def on_end(self) -> None:
        if self._line is not None:
            self._line.clear()


def experiment_exit_code(experiment: Experiment) -> ExitCode:
    """Return `OK` if no run failed or timed out and in every arm more than half passed, else `NEGATIVE`."""
    counts = [arm for arm in experiment.counts().values() if arm.total]
    is_clean = bool(counts) and all(not (arm.failed or arm.timed_out) and 2 * arm.passed > arm.total for arm in counts)
    return ExitCode.OK if is_clean else ExitCode.NEGATIVE


class _ProgressLine:
    """The progress of an experiment, drawn on stderr between two runs: a timer would disturb the runs."""

    def __init__(self, number: int, plan: ExperimentPlan, remaining: int) -> None:
        self._label = f"R{number}"
        self._failed = {arm.name: 0 for arm in plan.arms}
        self._conclusive = {arm.name: 0 for arm in plan.arms}
        self._kinds = Counter[str]()
        self._done, self._remaining, self._total = 0, remaining, plan.total
        self._started_ns = time.monotonic_ns()
        self._line = StatusLine()

    def count_run(self, run: Run) -> None:
        """Count ``run``, and draw the line again if the last time is long enough ago."""
        self._done += 1
        if run.kind:
            self._kinds[run.kind] += 1
        if run.outcome == FAILED:
            self._failed[run.arm] += 1
        if run.outcome in (FAILED, PASSED):
            self._conclusive[run.arm] += 1
        if self._line.is_due() or self._done == self._remaining:
            rates = " · ".join(f"{arm} {self._failed[arm]}/{ended}" for arm, ended in self._conclusive.items())
            time_left = format_duration(
                (time.monotonic_ns() - self._started_ns) // self._done * (self._remaining - self._done)
            )
            done = self._total - self._remaining + self._done
            kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(self._kinds.items()))
            kinds = f" · kinds {kinds}" if len(self._kinds) > 1 else ""
            since = "" if self._remaining == self._total else "since the resume "
            self._line.draw(f"{self._label} {done}/{self._total} · {time_left} left · {since}failed {rates}{kinds}")

    def clear(self) -> None:
        """Erase the line."""
        self._line.clear()


class StatusLine:
    """A line on stderr that is drawn again and again, if that is a terminal."""

    def __init__(self) -> None:
        self._is_terminal = os.isatty(STDERR)
        self._drawn_ns = time.monotonic_ns()

    def is_due(self) -> bool:
        """Return whether the line was drawn long enough ago to be drawn again."""
        return self._is_terminal and time.monotonic_ns() - self._drawn_ns > _REDRAW_INTERVAL_NS

    def draw(self, text: str) -> None:
        """Draw the line with ``text``, cut at the width of the terminal."""
        if not self._is_terminal:
            return
        self._drawn_ns = time.monotonic_ns()
        try:
            width = os.get_terminal_size(STDERR).columns - 1  # a line that wraps would leave rows behind
            os.write(STDERR, f"\r{text[:width]}\x1b[K".encode())
        except OSError:  # the terminal is gone; the runs continue
            self._is_terminal = False

    def clear(self) -> None:
        """Erase the line."""
        self.draw("")
