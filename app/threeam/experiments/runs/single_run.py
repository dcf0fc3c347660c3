"""A command that is run once, with its output saved."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from threeam.core.format.clock import Clock
from threeam.core.format.entry import NS_PER_S
from threeam.core.store.attachment_kinds import RUN_OUTPUT
from threeam.core.store.attachments import attachment_path
from threeam.core.store.journal import Journal
from threeam.experiments.experiment import BARE, Run
from threeam.experiments.failure_rule import CUT_SHORT, LOST, FailureRule
from threeam.process.execute import ExecuteOptions, ExecutionResult, execute, is_in_foreground
from threeam.process.guard import process_guard
from threeam.process.output import MAX_SAVED_BYTES, OutputRecorder, SavedOutput, record_output
from threeam.process.process_tree import adopt_orphans

EXIT_KILLED = 137  # the exit code of a lost run: its guard killed it, so nothing reported the real one


def lost_run(number: int, arm: str, now_ns: int) -> Run:
    """Return the run of a plan whose process was killed, as it is logged at ``now_ns``."""
    return Run(number, arm, LOST, EXIT_KILLED, now_ns, 0, 0, 0)


class SingleRun(NamedTuple):
    """A command to run once, its failure rule, and its time limit (ns; None: no limit).

    ``merge_stderr``: whether stdout and stderr are one pipe, so that their order is preserved.
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
    """Run a command; return the run, the signal that interrupted it (0: none), and where its output was saved.

    ``on_output`` gets the output as it comes. It is redacted and saved after the end of the run, or for each 16 MiB of
    it. If this process is killed, the command is killed too, what was not saved is lost, and another process calls
    ``on_lost``. Raise `StartFailed` or `FileUnusable` if the command was not started.
    """
    began_ns = clock().ns
    output_name = f"run-{began_ns}-{os.getpid()}.out"
    timeout_s = None if spec.timeout_ns is None else spec.timeout_ns / NS_PER_S
    # In a session of its own the terminal does not send it ctrl+c.
    new_session = spec.timeout_ns is not None or not is_in_foreground()
    options = ExecuteOptions(
        new_session=new_session,
        isolated=False,
        merge_stderr=spec.merge_stderr,
        timeout_s=timeout_s,
        reads_stacks=True,
    )
    adopt_orphans()

    def on_orphaned() -> None:
        on_lost(_lost_run(journal, output_name, began_ns, clock))

    def run(recorder: OutputRecorder) -> ExecutionResult:
        def take(stream: int, data: bytes) -> None:
            recorder.feed(data)
            on_output(stream, data)

        return execute(spec.command, take, options, running=running)

    with process_guard(on_orphaned) as running:
        # Work done while the program runs is measured with it, and the program waits while its pipe is full.
        result, recorder, saved = record_output(
            journal, RUN_OUTPUT, output_name, spec.rule.regex, run, flush_bytes=MAX_SAVED_BYTES
        )
    run_made = make_run(1, BARE, spec.rule, result, recorder, began_ns)
    return run_made._replace(file=saved.name), result.interrupted_by, saved


def _lost_run(journal: Journal, output_name: str, began_ns: int, clock: Clock) -> Run:
    """Return the run whose 3am was killed, with the output saved until then; delete its file if that is empty."""
    path, size = attachment_path(journal, output_name), 0
    with suppress(OSError):
        size = os.path.getsize(path)
        if not size:
            os.unlink(path)
    duration_ns = max(0, clock().ns - began_ns)
    return Run(1, BARE, LOST, EXIT_KILLED, began_ns, duration_ns, 0, size, output_name if size else "")


def make_run(
    number: int, arm: str, rule: FailureRule, result: ExecutionResult, recorder: OutputRecorder, began_ns: int
) -> Run:
    """Return the run with this ``number`` (from 1) from the result of its process, judged by ``rule``."""
    outcome = rule.outcome(result.exit_code, timed_out=result.timed_out, matched=recorder.matched)
    return Run(
        number,
        arm,
        CUT_SHORT if result.interrupted_by else outcome,
        result.exit_code,
        began_ns,
        result.duration_ns,
        result.cpu_ns,
        recorder.size,
    )
