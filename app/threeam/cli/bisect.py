"""``3am bisect``: find the commit that has introduced a bug that fails only sometimes."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Sequence

from threeam.cli.console import Echo, print_report
from threeam.cli.context import Context, context
from threeam.cli.exits import ExitCode
from threeam.cli.failure_options import add_failure_options, parse_failure_options
from threeam.cli.parser import Parser
from threeam.cli.run_options import JournalNotJobs, split_at_separator
from threeam.cli.run_progress import PlanEcho, StatusLine
from threeam.cli.run_surroundings import journal_access, writable_context
from threeam.cli.team_hosts import read_bound
from threeam.core.errors import FileUnusable
from threeam.core.platform.user_dirs import private_cache_dir
from threeam.experiments.bisect.bisect_log import Bisection, require_bisection
from threeam.experiments.bisect.bisect_plan import BisectPlan, commits_between, subfolder_of
from threeam.experiments.bisect.bisect_report import bisect_report
from threeam.experiments.bisect.bisect_runner import BisectRunner, load_bisect_plan
from threeam.experiments.bisect.posterior import belief_of
from threeam.experiments.experiment import MAX_RUNS
from threeam.experiments.failure_rule import FailureRule
from threeam.experiments.runs.plan_runs import RunInterrupted
from threeam.process.git import WorkTree
from threeam.process.process_tree import require_linux

_DEFAULT_BUDGET, _MIN_BUDGET = 1000, 10


def run(_command: str, argv: Sequence[str]) -> int:
    """Run ``3am bisect``."""
    args, command, rule, timeout_ns = _parse(argv)
    if args.report:
        return _print_report(context(args), args.report)
    ctx = writable_context(args)
    echo = Echo(ctx.journal.log_path, quiet=args.quiet)
    runner = BisectRunner(journal_access(ctx), _Progress(echo))
    try:
        if args.resume:
            bisection = runner.resume(args.resume, args.budget)
        else:
            hypothesis = read_bound(ctx, args.hyp)
            plan = _plan(args, command, rule, timeout_ns)
            bisection = runner.start(plan, args.budget or _DEFAULT_BUDGET, hypothesis)
    except RunInterrupted as interrupt:
        return interrupt.code
    echo.close()
    return _exit_code(bisection)


def _parse(argv: Sequence[str]) -> tuple[Namespace, list[str], FailureRule, int | None]:
    """Return the options, the command, its failure rule and its time limit (ns). Exit if they contradict each other."""
    words, _, command = split_at_separator(argv)
    parser = _parser()
    args = parser.parse_args(words)
    require_linux("3am bisect")
    if args.resume or args.report:
        fixed = (args.good, args.build, args.timeout, args.hyp, args.fail_regex, *args.fail, *command)
        if any(fixed) or (args.resume and args.report):
            parser.error("--resume and --report take no commits, no command, and no option of a new bisection")
    elif args.bad is None:
        parser.error("between which commits? 3am bisect GOOD BAD -- CMD")
    elif not command:
        parser.error("which command? it comes after --")
    if args.budget is not None and not _MIN_BUDGET <= args.budget <= MAX_RUNS:
        parser.error(f"--budget {args.budget}: write a number of runs from {_MIN_BUDGET} to {MAX_RUNS}")
    return args, command, *parse_failure_options(parser, args)


def _parser() -> Parser:
    parser = Parser(
        "3am bisect",
        "Finds the commit that has introduced a bug that fails only sometimes. Commits between GOOD and BAD are run in "
        "work trees of their own, each time the one that is expected to tell most, until one is the cause with 95 % "
        "or the budget is used. Exit 125 of the command: this commit cannot be tested. "
        "Exit 0 if a commit is named, else 1.",
        "examples:\n"
        "  3am bisect v1.4 main --build 'make -s' --timeout 5s -H H7 -- ./repro --once\n"
        "  3am bisect --resume R12 --budget 2000\n"
        "  3am bisect --report R12",
        journal_flags=("--journal",),  # -j is added below
    )
    option = parser.add_argument
    option("good", nargs="?", metavar="GOOD", help="a commit without the bug")
    option("bad", nargs="?", metavar="BAD", help="a later commit with the bug")
    option("--build", metavar="CMD", default="", help="a shell line that is run once in each work tree")
    option("--budget", type=int, metavar="N", help=f"make N runs at most (default {_DEFAULT_BUDGET})")
    add_failure_options(parser)
    option("-j", action=JournalNotJobs, metavar="NAME", help="the same as --journal")
    option("-H", "--hyp", metavar="H7", help="link to hypothesis H7, or to db1/H7 of another host")
    option("--resume", metavar="R12", help="continue a bisection that was ended or is not decided")
    option("--report", metavar="R12", help="print what a bisection has found")
    parser.add_quiet_option()
    return parser


def _plan(args: Namespace, command: Sequence[str], rule: FailureRule, timeout_ns: int | None) -> BisectPlan:
    cache = private_cache_dir(os.environ)
    if cache is None:
        raise FileUnusable("there is no folder for work trees: set HOME or XDG_CACHE_HOME")
    tree = WorkTree(os.getcwd())
    commits = commits_between(tree, args.good, args.bad)
    checkouts = os.path.join(cache, "bisect", f"{os.getpid()}-{os.urandom(4).hex()}")
    subfolder = subfolder_of(tree, os.getcwd())
    return BisectPlan(tuple(command), args.build, rule, timeout_ns, tree.path, subfolder, checkouts, commits)


def _print_report(ctx: Context, name: str) -> int:
    ctx.require_log()
    bisection = require_bisection(ctx.load_state(), name)
    plan = load_bisect_plan(ctx.journal, bisection).plan
    print_report(bisect_report(bisection, plan, ctx.clock()))
    return _exit_code(bisection)


def _exit_code(bisection: Bisection) -> ExitCode:
    """Return `OK` if a commit after the good one can be named, else `NEGATIVE`."""
    belief = belief_of(bisection.runs())
    return ExitCode.OK if belief.is_decided and belief.answer.last > 0 else ExitCode.NEGATIVE


class _Progress(PlanEcho):
    """The listener of a bisection: it shows progress on a terminal."""

    def __init__(self, echo: Echo) -> None:
        super().__init__(echo)
        self._line = StatusLine()

    def on_result(self, raw: bytes, bisection: Bisection) -> None:
        self.acknowledge(raw, _exit_code(bisection))

    def on_step(self, bisection: Bisection, about: str) -> None:
        failed = sum(runs.failed for runs in bisection.commits.values())
        self._line.draw(f"{bisection.name} {bisection.done}/{bisection.budget} · {failed} failed · {about}")

    def on_end(self) -> None:
        self._line.clear()
