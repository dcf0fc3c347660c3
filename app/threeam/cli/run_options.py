"""The options of ``3am run``, and the mode that they ask for."""

from __future__ import annotations

import os
from argparse import REMAINDER, Action, ArgumentParser, Namespace
from collections.abc import Sequence
from typing import Any, NamedTuple

from threeam.cli.failure_options import add_failure_options, parse_failure_options
from threeam.cli.parser import Parser
from threeam.experiments.arms.arm import Arm, parse_arms
from threeam.experiments.experiment import MAX_RUNS
from threeam.experiments.failure_rule import FailureRule
from threeam.experiments.plan import ExperimentPlan
from threeam.experiments.verdicts.stopping import EVIDENCE
from threeam.process.process_tree import require_linux

_MAX_JOBS = 64
_OWN_OPTIONS = ("--arm", "--seed", "--fail", "--fail-regex", "--exit-code")  # few programs have one of these


class OneRun(NamedTuple):
    """The mode that runs a command once. ``use_exit_code``: exit with the exit code of the command."""

    command: list[str]
    rule: FailureRule
    timeout_ns: int | None
    use_exit_code: bool


class ManyRuns(NamedTuple):
    """The mode that runs a new experiment."""

    plan: ExperimentPlan


class Resume(NamedTuple):
    """The mode that continues the experiment ``name``."""

    name: str


class Report(NamedTuple):
    """The mode that prints the results of the experiment ``name``, or the outputs of the failures of one ``kind``."""

    name: str
    as_json: bool
    kind: str | None = None


class MoreRuns(NamedTuple):
    """The mode that makes ``n`` more runs in each arm of the experiment ``name``."""

    name: str
    n: int
    seed: int


class ListRuns(NamedTuple):
    """The mode that prints all experiments, searches and bisections, the newest first."""

    as_json: bool


Mode = OneRun | ManyRuns | Resume | Report | MoreRuns | ListRuns


def parse_run_options(argv: Sequence[str]) -> tuple[Namespace, Mode]:
    """Return the options and the mode of ``argv``. Exit if they contradict each other."""
    words, separator, after_separator = split_at_separator(argv)
    parser = _parser()
    args = parser.parse_args(words)
    command = [*args.command, *after_separator]
    if args.command and separator:  # a word before the separator is the command, and the separator its argument
        command = [*args.command, *separator, *after_separator]
    if not args.report and not args.list:
        require_linux("3am run")
    if args.json and not args.report and not args.list:
        parser.error("--json is for --report and --list")
    if args.list or args.more:
        if (
            command
            or _has_options_of_a_run(args)
            or bool(args.list) + bool(args.more or args.resume or args.report) > 1
        ):
            parser.error("--list and --more take no command, and no option of a new run")
        return args, ListRuns(args.json) if args.list else _more_runs(parser, *args.more)
    if args.kind is not None and (args.json or not args.report):
        parser.error("--kind prints outputs of an experiment: 3am run --report R12 --kind a, without --json")
    if args.resume or args.report:
        if command or _has_options_of_a_run(args) or (args.resume and args.report):
            parser.error("--resume and --report take no command, and no option of a new run: what was planned is fixed")
        return args, Report(args.report, args.json, args.kind) if args.report else Resume(args.resume)
    if not command:
        parser.error("which command? it comes after --")
    if not separator and (own := next((word for word in command if word in _OWN_OPTIONS), None)) is not None:
        parser.error(f"{own} is after the command, so it belongs to the command: options come first, then --, then CMD")
    rule, timeout_ns = parse_failure_options(parser, args)
    if args.n is None and (args.arm or args.seed is not None or args.stop or args.jobs is not None):
        parser.error("how many runs in each arm? -n 200")
    if args.n is not None and args.exit_code:
        parser.error("--exit-code is for one run: many runs have no common exit code")
    if args.n is None:
        return args, OneRun(command, rule, timeout_ns, args.exit_code)
    arms = parse_arms(args.arm, sorted(os.sched_getaffinity(0)))
    if not 1 <= args.n * len(arms) <= MAX_RUNS:
        parser.error(f"-n {args.n}: write a number from 1 to {MAX_RUNS // len(arms)}")
    if args.seed is not None and not 0 <= args.seed < 2**63:
        parser.error(f"--seed {args.seed}: write a number from 0 to {2**63 - 1}")
    seed = _random_seed() if args.seed is None else args.seed
    jobs = _parse_jobs(parser, args, arms)
    if args.stop and len(arms) == 1 and args.hyp is None:
        parser.error("--stop compares arms, and there is one: with -H H7 it stops when 3am fixed H7 has its answer")
    stop = EVIDENCE if args.stop and len(arms) > 1 else ""
    return args, ManyRuns(ExperimentPlan(tuple(command), arms, args.n, seed, rule, timeout_ns, os.getcwd(), stop, jobs))


def _parse_jobs(parser: Parser, args: Namespace, arms: Sequence[Arm]) -> int:
    """Return how many runs are made side by side. Exit if the number is too large, or if an arm forbids it."""
    jobs = 1 if args.jobs is None else int(args.jobs)
    if not 1 <= jobs <= _MAX_JOBS:
        parser.error(f"-j {jobs}: write a number from 1 to {_MAX_JOBS}")
    alone = next((arm.name for arm in arms if arm.needs_whole_machine), None)
    if jobs > 1 and alone is not None:
        parser.error(f"-j {jobs}: the arm {alone} needs the machine for one run at a time")
    return jobs


def _more_runs(parser: Parser, count: str, name: str) -> MoreRuns:
    """Return the mode of ``--more``. Exit if ``count`` is not a number of runs."""
    if not (count.isascii() and count.isdigit() and 1 <= int(count[:9]) <= MAX_RUNS):
        parser.error(f"--more {count}: write a number from 1 to {MAX_RUNS}, and then the experiment: --more 100 R12")
    return MoreRuns(name, int(count), _random_seed())


def _random_seed() -> int:
    """Return a random seed for the order of runs."""
    return int.from_bytes(os.urandom(4))


def _has_options_of_a_run(args: Namespace) -> bool:
    """Return whether ``args`` has an option that says how a command is run, counted or logged."""
    numbers_and_texts = (args.n, args.jobs, args.timeout, args.seed, args.hyp, args.fail_regex)
    return bool(args.arm or args.fail or args.exit_code or args.stop) or any(
        value is not None for value in numbers_and_texts
    )


class _JobsOrJournal(Action):
    """``-j 4`` is a number of jobs, as in make(1), and ``-j checkout`` is a journal, as in every command."""

    def __call__(self, parser: ArgumentParser, namespace: Namespace, value: Any, option: str | None = None) -> None:
        if _is_number(value):
            namespace.jobs = int(value[:9])
        else:
            namespace.journal = value


class JournalNotJobs(Action):
    """``-j checkout`` of a command that makes one run at a time: ``-j 4`` is not taken for a journal."""

    def __call__(self, parser: ArgumentParser, namespace: Namespace, value: Any, option: str | None = None) -> None:
        if _is_number(value):
            parser.error(f"-j {value}: {parser.prog} makes one run at a time; the journal {value} is --journal {value}")
        namespace.journal = value


def _is_number(text: str) -> bool:
    return text.isascii() and text.removeprefix("-").isdigit()


def _parser() -> Parser:
    parser = Parser(
        "3am run",
        "Runs a command, shows its output, saves the output without its secrets, and logs how the command ended. "
        "With -n it is an experiment: N runs in each arm, in random order, and a verdict when all are done. "
        "Built-in arms are bare, pin, nice, stress, jitter, delay:CALL=T, noise, perturb, memcheck and quota:N; "
        "combine them as in pin+stress. Your own arm is NAME=WRAPPER. Exit 0 if no run failed or timed out and in "
        "every arm more than half of the runs passed, else 1.",
        "examples:\n"
        "  3am run -H H7 -- ./repro --once\n"
        "  3am run -n 200 --arm bare --arm strace='strace -f -o /dev/null' --timeout 5s -H H7 -- ./repro\n"
        "  3am run --resume R12\n"
        "  3am run --more 100 R12\n"
        "  3am run --report R12 --kind b",
        journal_flags=("--journal",),  # -j is added below
    )
    option = parser.add_argument
    option("-n", type=int, metavar="N", help="runs in each arm")
    option(
        "--arm", action="append", default=[], metavar="ARM", help="bare, pin+stress, delay:mkdir=20ms, x='strace -f'"
    )
    add_failure_options(parser)
    option("--jobs", type=int, metavar="N", help="make N runs side by side; not with arms that are about the CPUs")
    option("-j", action=_JobsOrJournal, dest="jobs", metavar="N|NAME", help="a number: --jobs; a name: --journal")
    option(
        "--stop",
        action="store_true",
        help="stop an arm when it is decided; with one arm and -H, when fixed has its answer (3am changed comes first)",
    )
    option("--seed", type=int, metavar="S", help="random seed for run order and jitter")
    option("-H", "--hyp", metavar="H7", help="link to hypothesis H7, or to db1/H7 of another host")
    option("--exit-code", action="store_true", help="exit as the command did (124: timed out)")
    option("--list", action="store_true", help="print all experiments, searches and bisections, the newest first")
    option("--more", nargs=2, metavar=("N", "R12"), help="make N more runs in each arm of an experiment")
    option("--resume", metavar="R12", help="continue an experiment that was ended")
    option("--report", metavar="R12", help="print the results of an experiment again")
    option("--kind", metavar="A", help="with --report: print the saved outputs of this kind of failure")
    option("--json", action="store_true", help="with --report and --list: JSON, in full precision")
    option("-q", "--quiet", action="store_true", help="do not print what was written")
    option("command", nargs=REMAINDER, metavar="-- CMD", help="the command and its arguments")
    return parser


def split_at_separator(argv: Sequence[str]) -> tuple[list[str], list[str], list[str]]:
    """Return the words before the first ``--``, the separator as a list (empty: none), and the words after it."""
    words = list(argv)
    index = words.index("--") if "--" in words else len(words)
    return words[:index], words[index : index + 1], words[index + 1 :]
