"""A run of a command that is not logged: it prepares an experiment, or explains its result."""

from __future__ import annotations

from collections.abc import Sequence

from threeam.core.format.entry import NS_PER_S
from threeam.experiments.failure_rule import FailureRule
from threeam.experiments.runs.plan_runs import RunInterrupted
from threeam.process.execute import ExecuteOptions, ExecutionResult, execute
from threeam.process.guard import process_guard
from threeam.process.output import OutputRecorder


def trial_run(argv: Sequence[str], rule: FailureRule, timeout_ns: int | None) -> tuple[str, ExecutionResult]:
    """Run ``argv``; return its outcome by ``rule``, and the result. Raise `RunInterrupted` if a signal ends it.

    Call `adopt_orphans` before. The run is ended if this process is killed.
    """
    recorder = OutputRecorder(lambda _: None, rule.regex)
    options = ExecuteOptions(timeout_s=None if timeout_ns is None else timeout_ns / NS_PER_S)
    with process_guard(lambda: None) as running:
        result = execute(argv, lambda _, data: recorder.feed(data), options, running=running)
    recorder.close()
    if result.interrupted_by:
        raise RunInterrupted(result.interrupted_by)
    return rule.outcome(result.exit_code, timed_out=result.timed_out, matched=recorder.matched), result
