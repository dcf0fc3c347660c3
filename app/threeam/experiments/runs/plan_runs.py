"""The loop over the runs of a plan: run each in its arm, and log the runs in batches."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, nullcontext, suppress
from typing import NamedTuple, Protocol

from threeam.core.errors import LockTimeout, Unsure
from threeam.core.format.clock import Clock
from threeam.core.format.entry import NS_PER_S
from threeam.core.platform.signals import defer_interrupts
from threeam.core.write.draft import Draft
from threeam.experiments.arms.arm import Arm
from threeam.experiments.arms.arm_setup import ArmSetup, set_up_arms
from threeam.experiments.arms.chaos import Jitter, Neighbours, start_neighbours
from threeam.experiments.experiment import FailureKind, Run
from threeam.experiments.failure_rule import FailureRule
from threeam.experiments.runs.run_drafts import runs_draft
from threeam.experiments.runs.run_outputs import RunOutputs
from threeam.experiments.runs.side_by_side import Turn, make_one_by_one, start_workers
from threeam.experiments.runs.single_run import make_run
from threeam.process.execute import ExecuteOptions, execute
from threeam.process.guard import RunningProgram, process_guard
from threeam.process.output import MAX_SAVED_BYTES, OutputRecorder
from threeam.process.process_tree import adopt_orphans

MAX_BATCH_RUNS = 100  # runs logged in one hold of the lock, and under one sync
_BATCH_INTERVAL_NS = 1 * NS_PER_S  # a batch is written after this time, even if it is not full


class RunInterrupted(KeyboardInterrupt):
    """A signal ended a run; ``code``: the exit code that says so (128 + the number of the signal)."""

    def __init__(self, signum: int) -> None:
        super().__init__()
        self.code = 128 + signum


class PlannedRuns(Protocol):
    """The runs of a plan: the command, its arms, and which arm has each turn."""

    @property
    def command(self) -> Sequence[str]:
        """Return the command and its arguments."""

    @property
    def arms(self) -> Sequence[Arm]:
        """Return all arms."""

    @property
    def seed(self) -> int:
        """Return the seed of what is random during a run."""

    @property
    def rule(self) -> FailureRule:
        """Return the conditions under which a run fails."""

    @property
    def timeout_ns(self) -> int | None:
        """Return the time limit of a run; None: no limit."""

    @property
    def total(self) -> int:
        """Return the number of runs, of all arms."""

    def run_arms(self) -> Sequence[Arm]:
        """Return the arm of each run, in the order of the runs."""


class RunContext(NamedTuple):
    """The outputs, the clock and the callbacks of a running plan.

    ``submit`` writes lines and is not interrupted. ``on_run`` is called after each run. ``on_lost`` is called by
    another process if this one is killed.
    """

    outputs: RunOutputs
    submit: Callable[[Draft], object]
    on_run: Callable[[Run], object]
    on_lost: Callable[[], object]
    clock: Clock


def run_plan(number: int, plan: PlannedRuns, remaining: Iterable[int], context: RunContext, jobs: int = 1) -> None:
    """Make the ``remaining`` runs (their numbers) of ``plan`` for the experiment ``number``.

    Raise `RunInterrupted` if a signal ends a run. The runs made until then are written, as far as possible, whatever
    ends the plan. ``jobs``: how many runs are made side by side.
    """
    adopt_orphans()
    arms = plan.run_arms()
    batch = _RunBatch(number, plan.total, context)
    with ExitStack() as stack:
        setup = stack.enter_context(set_up_arms(plan.arms, plan.seed))
        # The guard is forked before the neighbours: they would keep its pipe open.
        running = stack.enter_context(process_guard(context.on_lost))
        # An interrupt is delivered only during a run, and ends it.
        stack.enter_context(defer_interrupts(True))
        neighbours = None
        if any(arm.stress for arm in plan.arms):
            neighbours = stack.enter_context(start_neighbours(sorted(os.sched_getaffinity(0))))
        stack.callback(batch.flush)

        def make_turn(run_number: int, running: RunningProgram) -> Turn:
            surroundings = _Surroundings(setup, neighbours, running, context.clock)
            return _make_turn(run_number, arms[run_number - 1], plan, surroundings)

        if jobs == 1:
            turns = make_one_by_one(iter(remaining), lambda run_number: make_turn(run_number, running))
        else:
            turns = stack.enter_context(start_workers(jobs, make_turn, running)).make(iter(remaining))
        interrupted: list[Turn] = []
        for turn in turns:
            if turn.signum:
                interrupted.append(turn)
                continue
            context.on_run(batch.add(turn.run, turn.output))
        if interrupted:  # the line says that the plan was ended here, until this run is made again
            first = min(interrupted, key=lambda turn: turn.run.number)
            batch.add(first.run, b"")
            raise RunInterrupted(first.signum)


class _Surroundings(NamedTuple):
    """The surroundings of the runs of a plan. ``neighbours``: None if no arm has any."""

    setup: ArmSetup
    neighbours: Neighbours | None
    running: RunningProgram
    clock: Clock


def _make_turn(number: int, arm: Arm, plan: PlannedRuns, surroundings: _Surroundings) -> Turn:
    """Make one run."""
    setup, neighbours, running, clock = surroundings
    words = [*setup.words_before(arm, number), *plan.command]
    chunks: list[bytes] = []
    # The output is searched after the end of the run, up to 16 MiB of it: before, the clock of the run is ticking.
    recorder = OutputRecorder(chunks.append, plan.rule.regex, flush_bytes=MAX_SAVED_BYTES)
    jitter = Jitter(f"{plan.seed}:{number}") if arm.jitter else None
    timeout_s = None if plan.timeout_ns is None else plan.timeout_ns / NS_PER_S
    with neighbours.busy() if arm.stress and neighbours is not None else nullcontext():
        began_ns = clock().ns
        result = execute(
            words,
            lambda _, data: recorder.feed(data),
            ExecuteOptions(timeout_s=timeout_s, reads_stacks=True),
            jitter,
            running,
        )
    recorder.close()
    run = make_run(number, arm.name, plan.rule, result, recorder, began_ns)
    return Turn(run, result.interrupted_by, b"".join(chunks))


class _RunBatch:
    """Runs that are not written yet: writing each by itself would disturb what the experiment counts."""

    def __init__(self, number: int, total: int, context: RunContext) -> None:
        self._number = number
        self._total = total
        self._context = context
        self._runs: list[Run] = []
        self._new_kinds: dict[int, FailureKind] = {}
        self._flushed_ns = time.monotonic_ns()

    def add(self, run: Run, output: bytes) -> Run:
        """Add ``run``, and write the batch if it is full or old enough. Return the run with its kind of failure."""
        run, new_kind = self._context.outputs.keep(run, output)
        if new_kind is not None:
            self._new_kinds[run.number] = new_kind
        self._runs.append(run)
        if len(self._runs) >= MAX_BATCH_RUNS or time.monotonic_ns() - self._flushed_ns >= _BATCH_INTERVAL_NS:
            with suppress(LockTimeout):  # the runs are written with the next batch
                self.flush()
        return run

    def flush(self) -> None:
        """Write the runs that are not written. Raise what the writer raises.

        A batch of which the writer is `Unsure` is in the log, and is not written a second time.
        """
        if self._runs:
            try:
                self._context.submit(runs_draft(self._number, self._total, self._runs, self._new_kinds))
            except Unsure:
                self._runs, self._new_kinds = [], {}
                raise
            self._runs, self._new_kinds = [], {}
        self._flushed_ns = time.monotonic_ns()
