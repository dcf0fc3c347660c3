"""Going through a plan: its runs are made turn by turn, what did not pass is kept, the lines are written in between."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, nullcontext, suppress
from functools import partial
from typing import NamedTuple

from threeam.core.errors import BadInput, FileUnusable, LockTimeout
from threeam.core.format.clock import Clock
from threeam.core.format.entry import NS_PER_S, decode_utf8
from threeam.core.platform.signals import defer_interrupts
from threeam.core.store.attachment_kinds import RUN_OUTPUT
from threeam.core.store.attachments import attachment_path, write_attachment
from threeam.core.store.journal import Journal
from threeam.core.write.draft import Draft
from threeam.experiments.arms import Arm
from threeam.experiments.chaos import Jitter, Neighbours, start_neighbours
from threeam.experiments.experiment import BARE, MAX_DETAILED_RUNS, Run
from threeam.experiments.failure_rule import CUT_SHORT, LOST, PASSED, FailureRule
from threeam.experiments.plan import ExperimentPlan
from threeam.experiments.runs import runs_draft
from threeam.process.execute import ExecuteOptions, ExecutionResult, execute, is_in_foreground
from threeam.process.guard import RunningProgram, process_guard
from threeam.process.output import MAX_SAVED_BYTES, OutputRecorder, SavedOutput, record_output
from threeam.process.process_tree import adopt_orphans

MAX_BATCH_RUNS = 100  # runs in one hold of the lock, and under one sync
_BATCH_INTERVAL_NS = 1 * NS_PER_S  # or those of so long
_EXIT_KILLED = 137  # the exit of a run whose end nobody saw: its guard has killed it
_MAX_SAVED_BYTES = 256 * 1024 * 1024  # of the outputs of one experiment


class RunInterrupted(KeyboardInterrupt):
    """Whoever watched a run ended it, with a signal of this ``code`` (128 + its number)."""

    def __init__(self, signum: int) -> None:
        super().__init__()
        self.code = 128 + signum


def check_runnable(command: Sequence[str]) -> None:
    """Raises `BadInput` where ``command`` is nothing that can be run."""
    name = command[0]
    if shutil.which(name) is not None:
        return
    if os.path.exists(name):
        raise BadInput(f"{name} cannot be run: it is no program that you may execute")
    shell = f"; a line for the shell: 3am run -- sh -c '{name}'" if " " in name else ""
    raise BadInput(f"{name}: there is no such command{shell}")


def check_arms(arms: Sequence[Arm]) -> None:
    """Tries what each arm puts before the command on ``true``: if the tracer itself fails, every run would.

    Raises `BadInput` where one does not come through.
    """
    for arm in arms:
        said: list[bytes] = []
        if arm.before:
            check_runnable(arm.before)
            tried = execute([*arm.before, "true"], partial(_collect_output, said), ExecuteOptions(timeout_s=10))
            if tried.exit_code != 0:
                first = decode_utf8(b"".join(said)).strip().partition("\n")[0]
                raise BadInput(
                    f"arm {arm.name} fails by itself, with {' '.join(arm.before)} true: {first or tried.exit_code}"
                )


def _collect_output(chunks: list[bytes], _which: int, data: bytes) -> None:
    chunks.append(data)


class SingleRun(NamedTuple):
    """What is run once: a command, what counts as failing, and how long it may take (ns; None: as long as it takes).

    ``one_pipe``: whether both of its outputs are one, in their order.
    """

    command: Sequence[str]
    rule: FailureRule
    timeout_ns: int | None
    merge_stderr: bool


def run_once(
    journal: Journal,
    spec: SingleRun,
    on_output: Callable[[int, bytes], object],
    on_lost: Callable[[Run], object],
    clock: Clock,
) -> tuple[Run, int, SavedOutput]:
    """Run a command and keep what it prints: the run, the signal that cut it short (0: none), and where it is kept.

    ``on_output`` gets what it prints as it comes. It is redacted and kept after its end, or when there are 16 MiB of it. If
    this process is killed, the command ends, what was not yet kept is lost, and ``on_lost`` is called in another process.
    Raise `NotStarted` or `Unusable` before anything was run.
    """
    command, rule, timeout_ns, one_pipe = spec
    began = clock().ns
    seconds = None if timeout_ns is None else timeout_ns / NS_PER_S
    name = f"run-{began}-{os.getpid()}.out"

    apart = timeout_ns is not None or not is_in_foreground()  # where no terminal would tell it of a ctrl+c
    adopt_orphans()

    def orphaned() -> None:
        on_lost(_lost_run(journal, name, began, clock))

    def run(output: OutputRecorder) -> ExecutionResult:
        def take(which: int, data: bytes) -> None:
            output.feed(data)
            on_output(which, data)

        return execute(command, take, ExecuteOptions(apart, False, one_pipe, seconds), running=running)

    with process_guard(orphaned) as running:
        # What is done while the program runs is measured with it, and it waits when its pipe is full.
        ended, output, kept = record_output(journal, RUN_OUTPUT, name, rule.regex, run, flush_bytes=MAX_SAVED_BYTES)
    return _make_run(1, BARE, rule, ended, output, began)._replace(file=kept.name), ended.interrupted_by, kept


def _lost_run(journal: Journal, name: str, began_ns: int, clock: Clock) -> Run:
    """Return the run whose 3am was killed, with what it had printed by then; an empty file is removed."""
    path, size = attachment_path(journal, name), 0
    with suppress(OSError):
        size = os.path.getsize(path)
        if not size:
            os.unlink(path)
    return Run(1, BARE, LOST, _EXIT_KILLED, began_ns, max(0, clock().ns - began_ns), 0, size, name if size else "")


class RunContext(NamedTuple):
    """What an experiment needs: where to keep, how to write, whom to tell of each run.

    ``lost``: what is to be done if this process is killed; another process does it.
    """

    journal: Journal
    submit: Callable[[Draft], object]
    on_run: Callable[[Run], object]
    on_lost: Callable[[], object]
    clock: Clock


def run_plan(
    number: int, plan: ExperimentPlan, remaining: Sequence[int], saved_runs: Sequence[Run], context: RunContext
) -> None:
    """Makes the runs of ``remaining``, those of ``plan`` whose turn has not been taken. ``saved_runs``: of which more is known.

    ``doing.submit`` writes lines, without being interrupted. Raises `Cut` when somebody ends it: what has been run is
    written then, and so it is whatever else goes wrong, if it can be.
    """
    adopt_orphans()
    turns, batch = plan.run_arms(), _RunBatch(number, plan.total, saved_runs, context)
    shown_passing = {run.arm for run in saved_runs if run.outcome == PASSED}
    with ExitStack() as stack:
        running = stack.enter_context(
            process_guard(context.on_lost)
        )  # before the neighbours: they would keep its pipe open
        # An interrupt comes only while a run goes on, which is ended by it then.
        stack.enter_context(defer_interrupts(True))
        cpus = sorted(os.sched_getaffinity(0))
        beside = stack.enter_context(start_neighbours(cpus)) if any(arm.stress for arm in plan.arms) else None
        stack.callback(batch.write)
        for nth in remaining:
            arm = turns[nth - 1]
            run, cut, printed = _run_turn(nth, arm, plan, (beside, running), context.clock)
            if cut:  # it says that the plan was ended here, until the run is made again
                batch.add(run, b"", save_output=False)
                raise RunInterrupted(cut)
            batch.add(run, b"".join(printed), save_output=run.outcome != PASSED or arm.name not in shown_passing)
            if run.outcome == PASSED:
                shown_passing.add(arm.name)
            context.on_run(run)


def _run_turn(
    number: int, arm: Arm, plan: ExperimentPlan, surroundings: tuple[Neighbours | None, RunningProgram], clock: Clock
) -> tuple[Run, int, list[bytes]]:
    beside, running = surroundings
    kept: list[bytes] = []
    # The clock of the run goes on while its output is looked through: that comes after its end, up to 16 MiB.
    output = OutputRecorder(kept.append, plan.rule.regex, flush_bytes=MAX_SAVED_BYTES)
    meddler = Jitter(f"{plan.seed}:{number}") if arm.jitter else None
    seconds = None if plan.timeout_ns is None else plan.timeout_ns / NS_PER_S
    with beside.busy() if arm.stress and beside is not None else nullcontext():
        began = clock().ns
        ended = execute(
            [*arm.before, *plan.command],
            lambda _, data: output.feed(data),
            ExecuteOptions(timeout_s=seconds),
            meddler,
            running,
        )
    output.close()
    return _make_run(number, arm.name, plan.rule, ended, output, began), ended.interrupted_by, kept


def _make_run(
    number: int, arm: str, rule: FailureRule, result: ExecutionResult, output: OutputRecorder, began_ns: int
) -> Run:
    outcome = rule.outcome(result.exit_code, timed_out=result.timed_out, matched=output.matched)
    return Run(
        number,
        arm,
        CUT_SHORT if result.interrupted_by else outcome,
        result.exit_code,
        began_ns,
        result.duration_ns,
        result.cpu_ns,
        output.size,
    )


class _RunBatch:
    """Runs that are not written yet: the journal must not disturb what it counts."""

    def __init__(self, number: int, total: int, saved_runs: Sequence[Run], context: RunContext) -> None:
        self._number = number
        self._total = total
        self._context = context
        self._runs: list[Run] = []
        self._flushed_ns = time.monotonic_ns()
        self._saved_bytes = sum(min(run.output_bytes, MAX_SAVED_BYTES) for run in saved_runs)
        self._detailed_runs = len(saved_runs)

    def add(self, run: Run, output: bytes, *, save_output: bool) -> None:
        if (
            output
            and save_output
            and self._detailed_runs < MAX_DETAILED_RUNS
            and self._saved_bytes + len(output) <= _MAX_SAVED_BYTES
        ):
            name = f"R{self._number}-{run.number}-{run.began_ns}.out"
            with suppress(FileUnusable):  # the line comes first, and says by its silence that there is no file
                write_attachment(self._context.journal, RUN_OUTPUT, name, output)
                run = run._replace(file=name)
                self._detailed_runs, self._saved_bytes = self._detailed_runs + 1, self._saved_bytes + len(output)
        self._runs.append(run)
        if len(self._runs) >= MAX_BATCH_RUNS or time.monotonic_ns() - self._flushed_ns >= _BATCH_INTERVAL_NS:
            with suppress(LockTimeout):  # with the next ones, then
                self.write()

    def write(self) -> None:
        """Writes what is not written. Raises as the writer does."""
        if self._runs:
            self._context.submit(runs_draft(self._number, self._total, self._runs))
            self._runs = []
        self._flushed_ns = time.monotonic_ns()
