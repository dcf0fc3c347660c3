"""``3am run``: run a command once and save its output, or run an experiment: many runs in arms, and a verdict."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Callable, Sequence
from shutil import get_terminal_size

from threeam.cli.console import Echo, print_err, print_json, print_report
from threeam.cli.context import Context, context
from threeam.cli.exits import ExitCode
from threeam.cli.run_options import ListRuns, ManyRuns, MoreRuns, OneRun, Report, Resume, parse_run_options
from threeam.cli.run_outputs import print_outputs_of_kind
from threeam.cli.run_progress import ExperimentProgress, OutputPrinter, experiment_exit_code, format_for_terminal
from threeam.cli.run_surroundings import journal_access, observe, writable_context
from threeam.cli.submit import Receipt, submit
from threeam.cli.team_hosts import read_bound
from threeam.core.errors import FileUnusable, JournalError
from threeam.core.format.remote_hypothesis import Bound
from threeam.experiments.build import single_run_build
from threeam.experiments.experiment import Experiment, Run
from threeam.experiments.experiment_report import experiment_report
from threeam.experiments.failure_rule import PASSED, TIMED_OUT
from threeam.experiments.fingerprint import identity_of
from threeam.experiments.plan import ExperimentPlan, loggable_command
from threeam.experiments.provoke.confirmation import find_search_to_resume
from threeam.experiments.provoke.search import find_search
from threeam.experiments.run_list import listed_runs, run_json, run_list_report
from threeam.experiments.runnable import check_runnable
from threeam.experiments.runner import ExperimentRunner
from threeam.experiments.runs.plan_runs import RunInterrupted
from threeam.experiments.runs.repeats import find_repeats
from threeam.experiments.runs.run_drafts import single_run_draft
from threeam.experiments.runs.run_log import require_experiment
from threeam.experiments.runs.run_tags import format_run
from threeam.experiments.runs.single_run import SingleRun, run_once
from threeam.experiments.verdicts.stopping import clean_runs_rule
from threeam.experiments.verdicts.verdict import experiment_json
from threeam.process.execute import STDERR, STDOUT, StartFailed

_REPORT_INDENT = 2  # cells before each line of a report
_TIMEOUT_EXIT_CODE = 124  # the same as that of timeout(1)


def run(_command: str, argv: Sequence[str]) -> int:
    """Run ``3am run``."""
    args, mode = parse_run_options(argv)
    match mode:
        case OneRun():
            return _run_once(args, mode)
        case ManyRuns(plan):
            return _start_experiment(args, plan)
        case Resume(name):
            return _resume(args, name)
        case MoreRuns(name, n, seed):
            ctx = writable_context(args)
            return _run_experiment(ctx, args, lambda runner: runner.repeat(name, n, seed, observe))
        case ListRuns(as_json):
            return _print_list(args, as_json)
        case Report():
            return _print_report(args, mode)


def _run_once(args: Namespace, mode: OneRun) -> int:
    check_runnable(mode.command)
    ctx = writable_context(args)
    hypothesis = read_bound(ctx, args.hyp)
    has_one_pipe = os.path.samestat(os.fstat(STDOUT), os.fstat(STDERR))
    identity = identity_of(mode.command, mode.rule, mode.timeout_ns, os.getcwd())
    build = single_run_build(mode.command, os.getcwd())
    command = loggable_command(mode.command)
    printers = {fd: OutputPrinter(fd) for fd in (STDOUT, STDERR)}

    def on_lost(lost_run: Run) -> None:
        ctx.writer().write(single_run_draft(command, lost_run, identity, hypothesis, build))

    try:
        made, signum, saved = run_once(
            ctx.journal,
            SingleRun(mode.command, mode.rule, mode.timeout_ns, has_one_pipe),
            lambda fd, data: printers[fd](data),
            on_lost,
            ctx.clock,
        )
    except StartFailed as error:
        raise FileUnusable(str(error)) from None
    if saved.problem:
        print_err(f"its output is not saved: {saved.problem}")
    draft = single_run_draft(command, made, identity, hypothesis, build)
    text = f"{format_run(made)}: {command}"
    exit_code = (
        128 + signum if signum else _run_exit_code(made, as_command=mode.use_exit_code, is_saved=not saved.problem)
    )
    receipt = Receipt(args.quiet, STDERR, exit_code, lambda raw: format_for_terminal(raw, STDERR))
    try:
        code = submit(lambda: ctx, lambda _: draft, text, receipt)
    except JournalError:
        if saved.path:
            print_err(f"its output is saved in {saved.path}")
        raise
    return exit_code if mode.use_exit_code or signum else code


def _run_exit_code(run: Run, *, as_command: bool, is_saved: bool) -> int:
    """Return the exit code for one run. ``is_saved``: whether its output could be saved."""
    if as_command:
        return _TIMEOUT_EXIT_CODE if run.outcome == TIMED_OUT else run.exit_code
    if run.outcome != PASSED:
        return ExitCode.NEGATIVE
    return ExitCode.OK if is_saved else ExitCode.IO_ERROR


def _resume(args: Namespace, name: str) -> int:
    ctx = writable_context(args)
    if (search := find_search_to_resume(ctx.load_state(), name)) is not None:
        from threeam.cli.provoke import resume_search  # few plans are those of a search

        return resume_search(ctx, args, search.name)
    return _run_experiment(ctx, args, lambda runner: runner.resume(name))


def _start_experiment(args: Namespace, plan: ExperimentPlan) -> int:
    ctx = writable_context(args)
    hypothesis = read_bound(ctx, args.hyp)
    if args.stop and not plan.stop:  # one arm: it stops when `3am fixed` has its answer
        plan = plan._replace(stop=_rule_for_fix(ctx, hypothesis, plan))
    return _run_experiment(ctx, args, lambda runner: runner.start(plan, hypothesis, observe))


def _run_experiment(ctx: Context, args: Namespace, go: Callable[[ExperimentRunner], Experiment]) -> int:
    echo = Echo(ctx.journal.log_path, quiet=args.quiet)
    try:
        experiment = go(ExperimentRunner(journal_access(ctx), ExperimentProgress(echo)))
    except RunInterrupted as interrupt:
        return interrupt.code
    echo.close()
    return experiment_exit_code(experiment)


def _rule_for_fix(ctx: Context, hypothesis: Bound | None, plan: ExperimentPlan) -> str:
    """Return the rule with which ``plan`` stops when `3am fixed` has its answer. Raise `PreconditionFailed`."""
    from threeam.reports.fix_assessment import required_runs_since

    state = ctx.load_state()
    subject = state.hypotheses[hypothesis] if isinstance(hypothesis, int) else hypothesis
    assert subject is not None  # --stop with one arm needs -H
    required = required_runs_since(state, subject, plan.identity.fingerprint, plan.arms[0].name)
    return clean_runs_rule(plan.n if required is None else required)


def _print_list(args: Namespace, as_json: bool) -> int:
    ctx = context(args)
    ctx.require_log()
    state = ctx.load_state()
    if not as_json:
        print_report(run_list_report(state, ctx.clock()))
    for listed in listed_runs(state) if as_json else ():
        print_json(run_json(listed))
    return ExitCode.OK


def _print_report(args: Namespace, mode: Report) -> int:
    ctx = context(args)
    ctx.require_log()
    state = ctx.load_state()
    if (search := find_search(state, mode.name)) is not None:
        from threeam.cli.provoke import print_search_report

        return print_search_report(ctx, search, mode)
    experiment = require_experiment(state, mode.name)
    if mode.kind is not None:
        return print_outputs_of_kind(ctx.journal, experiment, mode.kind)
    if mode.as_json:
        print_json(experiment_json(experiment))
    else:
        width = get_terminal_size().columns - _REPORT_INDENT
        sections = experiment_report(
            experiment,
            ctx.clock(),
            width,
            emoji=ctx.settings.emoji,
            with_runs=False,
            repeats=find_repeats(state, experiment),
        )
        print_report(sections, details_below=True)
    return experiment_exit_code(experiment)
