"""``3am provoke``: search for the arm that makes a command fail more often, and for the place in its code."""

from __future__ import annotations

import os
from argparse import REMAINDER, Namespace
from collections.abc import Callable, Sequence

from threeam.cli.console import Echo, print_json, print_report
from threeam.cli.context import Context
from threeam.cli.failure_options import add_failure_options, parse_failure_options
from threeam.cli.parser import Parser
from threeam.cli.run_options import JournalNotJobs, Report, split_at_separator
from threeam.cli.run_outputs import print_outputs_of_kind
from threeam.cli.run_surroundings import journal_access, observe, writable_context
from threeam.cli.search_progress import ConfirmationProgress, SearchProgress, search_exit_code
from threeam.cli.team_hosts import read_bound
from threeam.core.format.remote_hypothesis import Bound
from threeam.core.format.times import format_duration, parse_duration
from threeam.experiments.experiment import MAX_RUNS
from threeam.experiments.plan import ExperimentPlan
from threeam.experiments.provoke.budget import MAX_BUDGET_NS, Budget, RunBudget, TimeBudget
from threeam.experiments.provoke.search import Search
from threeam.experiments.provoke.search_plan import Reproducer
from threeam.experiments.provoke.search_report import search_json, search_report
from threeam.experiments.provoke.search_runner import SearchRunner
from threeam.experiments.runner import ExperimentRunner
from threeam.experiments.runs.plan_runs import RunInterrupted
from threeam.process.process_tree import require_linux

_DEFAULT_BUDGET = "300"


def run(_command: str, argv: Sequence[str]) -> int:
    """Run ``3am provoke``."""
    words, separator, after_separator = split_at_separator(argv)
    parser = _parser()
    args = parser.parse_args(words)
    command = [*args.command, *(separator if args.command else ()), *after_separator]
    require_linux("3am provoke")
    if not command:
        parser.error("which command? it comes after --")
    rule, timeout_ns = parse_failure_options(parser, args)
    budget = _parse_budget(parser, args.budget)
    ctx = writable_context(args)
    hypothesis = read_bound(ctx, args.hyp)
    reproducer, seed = Reproducer(tuple(command), rule, timeout_ns, os.getcwd()), int.from_bytes(os.urandom(4))
    return _search(ctx, args, lambda runner: runner.start(reproducer, seed, budget, hypothesis))


def resume_search(ctx: Context, args: Namespace, name: str) -> int:
    """Do what is left of the search ``name``, and return the exit code."""
    return _search(ctx, args, lambda runner: runner.resume(name))


def print_search_report(ctx: Context, search: Search, mode: Report) -> int:
    """Print the report on ``search``, and return the exit code: that of the search, or of outputs that are printed."""
    if mode.kind is not None:
        return print_outputs_of_kind(ctx.journal, search, mode.kind)
    if mode.as_json:
        print_json(search_json(search))
    else:
        print_report(search_report(search, ctx.clock()), details_below=True)
    return search_exit_code(bool(search.found))


class _Experimenter:
    """The way of a search to run an experiment: as ``3am run -n`` does."""

    def __init__(self, ctx: Context, echo: Echo) -> None:
        self._runner = ExperimentRunner(journal_access(ctx), ConfirmationProgress(echo))

    def start(self, plan: ExperimentPlan, hypothesis: Bound | None) -> None:
        self._runner.start(plan, hypothesis, observe)

    def resume(self, name: str) -> None:
        self._runner.resume(name)


def _search(ctx: Context, args: Namespace, go: Callable[[SearchRunner], bool]) -> int:
    echo = Echo(ctx.journal.log_path, quiet=args.quiet)
    try:
        found = go(SearchRunner(journal_access(ctx), SearchProgress(echo), _Experimenter(ctx, echo)))
    except RunInterrupted as interrupt:
        return interrupt.code
    echo.close()
    return search_exit_code(found)


def _parse_budget(parser: Parser, text: str) -> Budget:
    if not (text.isascii() and text.isdigit()):
        budget_ns = parse_duration(text)
        if budget_ns > MAX_BUDGET_NS:
            parser.error(f"--budget {text}: write a time of {format_duration(MAX_BUDGET_NS)} at most")
        return TimeBudget(budget_ns)
    if len(text) > 9 or not 1 <= int(text) <= MAX_RUNS:
        parser.error(f"--budget {text}: write a number from 1 to {MAX_RUNS}, or a time such as 5m")
    return RunBudget(int(text))


def _parser() -> Parser:
    parser = Parser(
        "3am provoke",
        "Searches for the arm that makes a command fail more often: a delay before one of its system calls, noise at "
        "lock operations, filled memory, valgrind. The calls are counted by strace. The better half of the arms is "
        "tried again, until two are left; then fresh runs of the best arm are compared with bare ones, and only they "
        "are evidence. For a delay the place in the code is named. Exit 0 if an arm was found, else 1.",
        "examples:\n  3am provoke -H H7 -- ./repro\n  3am provoke --budget 10m --timeout 5s --fail timeout -- ./repro",
        journal_flags=("--journal",),  # -j is added below
    )
    option = parser.add_argument
    option("--budget", default=_DEFAULT_BUDGET, metavar="N|TIME", help="runs or time in all (default: 300)")
    add_failure_options(parser)
    option("-j", action=JournalNotJobs, metavar="NAME", help="the same as --journal")
    option("-H", "--hyp", metavar="H7", help="link to hypothesis H7, or to db1/H7 of another host")
    option("-q", "--quiet", action="store_true", help="do not print what was written")
    option("command", nargs=REMAINDER, metavar="-- CMD", help="the command and its arguments")
    return parser
