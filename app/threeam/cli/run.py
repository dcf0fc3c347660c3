"""``3am run``: a command once, its output kept; or many times in arms, and what that shows."""

from __future__ import annotations

import fcntl
import os
import time
from argparse import REMAINDER, ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from threeam.cli.console import Echo, OutputFailed, is_open_on, print_err, print_json, print_out, write_bytes
from threeam.cli.context import Context, context
from threeam.cli.exits import ExitCode
from threeam.cli.parser import Parser
from threeam.cli.submit import acknowledgement, submit
from threeam.core.errors import FileUnusable, JournalError, PreconditionFailed, Unsure
from threeam.core.format.times import format_duration, parse_duration
from threeam.core.store.attachment_kinds import PLAN
from threeam.core.store.attachments import discard_attachment, read_attachment, write_attachment
from threeam.core.write.draft import Draft, hypothesis_tag
from threeam.core.write.write_stats import WriteStatsPublisher
from threeam.core.write.writer import Writer
from threeam.experiments.arms import parse_arms
from threeam.experiments.experiment import MAX_RUNS, Experiment, Run
from threeam.experiments.failure_rule import FAILED, LOST, PASSED, TIMED_OUT, parse_failure_rule
from threeam.experiments.fingerprint import identity_of, legacy_fingerprint, parse_identity, wrapper_fingerprint
from threeam.experiments.plan import ExperimentPlan, decode_plan, encode_plan, loggable_command
from threeam.experiments.runner import (
    RunContext,
    RunInterrupted,
    SingleRun,
    check_arms,
    check_runnable,
    run_once,
    run_plan,
)
from threeam.experiments.runs import PlanFacts, format_run, plan_draft, require_experiment, runs_draft, single_run_draft
from threeam.experiments.verdict import experiment_json, experiment_report_lines, verdict_draft
from threeam.process.execute import STDERR, STDOUT, StartFailed
from threeam.process.output import TerminalSanitizer
from threeam.process.process_tree import require_linux
from threeam.tracing.instances import measure_instances, summarize_instances

_TELL_NS = 200_000_000  # between two looks at how far it is
_LOOK_S = 0.25  # s at what the other instances take
_TIMED_OUT = 124  # as timeout(1) has it
_OURS = ("--arm", "--seed", "--fail", "--fail-regex", "--exit-code")  # of which few programs have one


def run(_command: str, argv: Sequence[str]) -> int:
    """Runs ``3am run``."""
    parser = Parser(
        "3am run",
        "Runs a command, shows what it prints, keeps it beside the journal without its secrets, and writes a line "
        "about how it ended. With -n it is an experiment: so many runs in each arm, in random order, and a verdict "
        "when all are done. Built-in arms are bare, pin, nice, stress and jitter, together as in pin+stress; yours is "
        "NAME=WRAPPER. Exit 1 if any run failed, or if in any arm most runs did not pass.",
        "examples:\n"
        "  3am run -H H7 -- ./repro --once\n"
        "  3am run -n 200 --arm bare --arm strace='strace -f -o /dev/null' --timeout 5s -H H7 -- ./repro\n"
        "  3am run --resume R12\n"
        "  3am run --report R12 --json",
    )
    parser.add_argument("-n", type=int, metavar="N", help="runs in each arm")
    parser.add_argument(
        "--arm", action="append", default=[], metavar="ARM", help="bare, pin+stress, strace='strace -f'"
    )
    parser.add_argument(
        "--timeout", metavar="T", help="end a run after so long (5s); it is then neither a failure nor a clean run"
    )
    parser.add_argument("--seed", type=int, metavar="S", help="of the order of the arms, and of jitter")
    parser.add_argument("-H", "--hyp", metavar="H7", help="the hypothesis that it is about")
    parser.add_argument("--fail", action="append", default=[], metavar="RULE", help="exit!=0, exit==3, timeout")
    parser.add_argument(
        "--fail-regex",
        metavar="RE",
        help="it fails if a line of its output matches, and passes only if it exits with 0",
    )
    parser.add_argument("--exit-code", action="store_true", help="exit as the command did (124: timed out)")
    parser.add_argument("--resume", metavar="R12", help="go on with an experiment that was ended")
    parser.add_argument("--report", metavar="R12", help="what an experiment has shown, again")
    parser.add_argument("--json", action="store_true", help="with --report: one object, in full precision")
    parser.add_argument("-q", "--quiet", action="store_true", help="do not print what was written")
    parser.add_argument("command", nargs=REMAINDER, metavar="-- CMD", help="the command and its arguments")
    words, separator, command = _split(argv)
    args = parser.parse_args(words)
    command = args.command + separator * bool(args.command) + command
    if not args.report:
        require_linux("3am run")
    if args.resume or args.report:
        if command or args.n is not None or args.arm or (args.resume and args.report):
            parser.error("--resume and --report take nothing else: what was planned is fixed")
        return _report(args) if args.report else _resume(args)
    if args.json:
        parser.error("--json is for --report")
    if not command:
        parser.error("which command? it comes after --")
    if not separator and (own := next((word for word in command if word in _OURS), None)) is not None:
        parser.error(f"{own} stands behind the command, and would be its own: options come first, then --, then CMD")
    if "timeout" in args.fail and args.timeout is None:
        parser.error("--fail timeout never comes true without --timeout 5s")
    if args.n is None:
        if args.arm or args.seed is not None:
            parser.error("how many runs in each arm? -n 200")
        return _once(args, command)
    if args.exit_code:
        parser.error("--exit-code is for one run: of many there is no one exit")
    return _many(args, command, parser)


def _split(argv: Sequence[str]) -> tuple[list[str], list[str], list[str]]:
    """What stands before the first ``--``, that, and what follows."""
    words = list(argv)
    at = words.index("--") if "--" in words else len(words)
    return words[:at], words[at : at + 1], words[at + 1 :]


# One run.


def _once(args: Namespace, command: list[str]) -> int:
    rule = parse_failure_rule(args.fail, args.fail_regex)
    timeout_ns = None if args.timeout is None else parse_duration(args.timeout)
    check_runnable(command)
    at = context(args)
    _check_writable(at)
    hypothesis_tag(at.load_state(), args.hyp)  # before anything is run
    one_pipe = os.path.samestat(os.fstat(STDOUT), os.fstat(STDERR))
    identity = identity_of(command, rule, timeout_ns, os.getcwd())
    shows = {which: _Shows(which) for which in (STDOUT, STDERR)}

    def lost(run: Run) -> None:
        at.writer().write(single_run_draft(loggable_command(command), run, identity, args.hyp))

    try:
        made, cut, kept = run_once(
            at.journal,
            SingleRun(command, rule, timeout_ns, one_pipe),
            lambda which, data: shows[which](data),
            lost,
            at.clock,
        )
    except StartFailed as not_started:
        raise FileUnusable(str(not_started)) from None
    if kept.problem:
        print_err(f"what it printed is not kept: {kept.problem}")
    draft = single_run_draft(loggable_command(command), made, identity, args.hyp)
    text = f"{format_run(made)}: {loggable_command(command)}"
    code = 128 + cut if cut else _code_of_run(made, as_command=args.exit_code, saved=not kept.problem)
    try:
        submit(lambda: at, lambda _: draft, text, quiet=args.quiet, fd=STDERR, exit_code=code)
    except JournalError:
        if kept.path:
            print_err(f"what it printed is kept in {kept.path}")
        raise
    return code


def _code_of_run(run: Run, *, as_command: bool, saved: bool) -> int:
    """Return the exit code for one run. ``saved``: whether its output was kept."""
    if as_command:
        return _TIMED_OUT if run.outcome == TIMED_OUT else run.exit_code
    if run.outcome != PASSED:
        return ExitCode.NEGATIVE
    return ExitCode.OK if saved else ExitCode.IO_ERROR


class _Shows:
    """Shows what a command prints as it comes; on a terminal its escapes are made safe. Raises BrokenPipeError."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._safe = TerminalSanitizer() if os.isatty(fd) else None
        self._failure = False

    def __call__(self, data: bytes) -> None:
        if not self._failure:
            try:
                write_bytes(self._safe(data) if self._safe is not None else data, self._fd)
            except OutputFailed as untold:  # a full disk: what it prints is kept all the same
                self._failure = True
                print_err(str(untold))


# Many.


def _many(args: Namespace, command: list[str], parser: ArgumentParser) -> int:
    rule, timeout_ns = (
        parse_failure_rule(args.fail, args.fail_regex),
        None if args.timeout is None else parse_duration(args.timeout),
    )
    arms = parse_arms(args.arm, sorted(os.sched_getaffinity(0)))
    if not 1 <= args.n * len(arms) <= MAX_RUNS:
        parser.error(f"-n {args.n}: write a number from 1 to {MAX_RUNS // len(arms)}")
    if args.seed is not None and not 0 <= args.seed < 2**63:
        parser.error(f"--seed {args.seed}: write a number from 0 on")
    seed = int.from_bytes(os.urandom(4)) if args.seed is None else args.seed
    plan = ExperimentPlan(tuple(command), arms, args.n, seed, rule, timeout_ns, os.getcwd())
    check_runnable(command)
    check_arms(arms)
    at = context(args)
    _check_writable(at)
    writer = at.writer()
    path = write_attachment(at.journal, PLAN, f"plan-{at.clock().ns}-{os.getpid()}.json", encode_plan(plan))
    footprint = summarize_instances(measure_instances(_LOOK_S, but=[os.getpid()]))
    identity = identity_of(command, rule, timeout_ns, plan.cwd)
    facts = PlanFacts(plan.n, seed, arms, identity, os.path.basename(path))
    draft = plan_draft(f"{plan.text()}; {footprint}", facts, args.hyp)
    try:
        block = writer.write(draft)
    except BaseException as why:
        if writer.first_stamp is None:
            discard_attachment(path)
        elif isinstance(why, KeyboardInterrupt):  # 130 would say that nothing was written
            raise Unsure(writer.first_stamp, "the program was interrupted before it could say so") from None
        raise
    echo = _echo(args, at)
    echo(block.raw)
    number = next(int(key[1:]) for key, value in block.draft_entries[-1].tags if key[:1] == "R" and value[:2] == "0/")
    with _claimed(path, f"R{number}"):
        return _go_through(number, plan, list(range(1, plan.total + 1)), (), at, writer, echo)


def _resume(args: Namespace) -> int:
    at = context(args)
    _check_writable(at)
    one = _not_done(args.resume, at)
    path, content, signed = read_attachment(at.journal, one.file, PLAN)
    plan = decode_plan(content, path)
    if not signed:
        raise FileUnusable(
            f"{path} is not signed with your key, so its command is not run: {loggable_command(plan.command)}; "
            "start the experiment again with 3am run -n"
        )
    os.chdir(plan.cwd)
    check_runnable(plan.command)
    _check_same(one, plan, path)
    check_arms(plan.arms)
    with _claimed(path, one.name):
        one = _not_done(one.name, at)  # somebody else may have gone on with it until now
        return _go_through(one.number, plan, one.remaining, one.detailed_runs, at, at.writer(), _echo(args, at))


def _check_same(one: Experiment, plan: ExperimentPlan, path: str) -> None:
    """Raise `Unusable` if ``plan`` is not that of the experiment, or would run another program now.

    Say so if the program itself has changed: then the runs that are made now are of another build.
    """
    now, planned_as = identity_of(plan.command, plan.rule, plan.timeout_ns, plan.cwd), parse_identity(one.identity)
    fingerprint = now.fingerprint if planned_as else legacy_fingerprint(plan.command, plan.rule)
    names, wrappers = tuple(arm.name for arm in plan.arms), tuple(map(wrapper_fingerprint, plan.arms))
    same_arms = names == one.arms and one.wrapper_fingerprints in ((), wrappers)
    if planned_as and planned_as.program != now.program and planned_as.folder == now.folder:
        raise FileUnusable(
            f"{one.name} ran {planned_as.program}; {plan.command[0]} is {now.program} now: set PATH as then"
        )
    if (plan.n, plan.seed, fingerprint) != (one.n, one.seed, one.fingerprint) or not same_arms:
        raise FileUnusable(f"{path} is not the plan of {one.name}: it has other arms, another seed, or another command")
    if planned_as and planned_as.sha256 != now.sha256:
        was, is_now = planned_as.sha256 or "not readable", now.sha256 or "not readable"
        print_err(f"{now.program} has changed since {one.name} was planned: its SHA-256 was {was}, and is {is_now}")


def _not_done(name: str, at: Context) -> Experiment:
    """Return the experiment of this name. Raise `Declined` if it has nothing left to do."""
    one = require_experiment(at.load_state(), name)
    if one.seed is None:
        raise PreconditionFailed(
            f"{one.name} is a single run, and has no plan to resume: 3am run -- CMD runs the command again"
        )
    if one.verdict and not one.remaining:
        raise PreconditionFailed(f"{one.name} is done: {one.verdict}")
    return one


def _go_through(
    number: int, plan: ExperimentPlan, left: Sequence[int], kept: Sequence[Run], at: Context, writer: Writer, echo: Echo
) -> int:
    """Makes the runs that are left, and writes the verdict. What stdout does not take costs no run."""

    def write(draft: Draft) -> None:
        with writer.lock_log(
            full_state=draft.needs_full_state, interruptible=True
        ) as log:  # interrupts are held back by whoever runs
            log.write(draft)

    def lost() -> None:
        one = require_experiment(at.load_state(), f"R{number}")
        for nth in one.remaining[:1]:  # the others that are not written were not lost: nobody knows of them
            run = Run(nth, plan.run_arms()[nth - 1].name, LOST, 137, at.clock().ns, 0, 0, 0)
            at.writer().write(runs_draft(number, plan.total, [run]))

    writer.stats_publisher = WriteStatsPublisher(at.journal.log_path)
    counter = _Counter(number, plan, len(left))
    try:
        run_plan(number, plan, left, kept, RunContext(at.journal, write, counter.tell, lost, at.clock))
        code = _answer(require_experiment(at.load_state(), f"R{number}"))
    except KeyboardInterrupt as interrupt:
        counter.close()
        print_err(f"R{number} is ended before its plan is done: 3am run --resume R{number} goes on")
        if isinstance(interrupt, RunInterrupted):
            return interrupt.code
        raise
    except (JournalError, StartFailed, OSError) as error:
        counter.close()
        print_err(
            f"R{number} is ended before its plan is done: once this is fixed, 3am run --resume R{number} continues it"
        )
        raise error if isinstance(error, JournalError) else FileUnusable(str(error)) from None
    finally:
        counter.close()
    verdict = _conclude(number, plan, writer)
    with acknowledgement(code, len(verdict)):
        echo(verdict)
    echo.close()
    return code


def _conclude(number: int, plan: ExperimentPlan, writer: Writer) -> bytes:
    """Write the verdict and return its lines. If that fails, say that no run is lost: the plan is done."""
    try:
        return writer.write(verdict_draft(number)).raw
    except Unsure:
        raise
    except (JournalError, KeyboardInterrupt):
        print_err(
            f"all {plan.total} runs of R{number} are made and in the journal; its verdict is not: "
            f"3am run --report R{number} shows it, 3am run --resume R{number} writes it"
        )
        raise


def _answer(one: Experiment) -> ExitCode:
    """Return the exit code: `Exit.NO` if a run failed, or if in any arm most runs did not pass.

    A plan in which most runs hang must not look clean to a CI job.
    """
    counts = [arm for arm in one.counts().values() if arm.total]
    clean = bool(counts) and all(not arm.failed and 2 * arm.passed > arm.total for arm in counts)
    return ExitCode.OK if clean else ExitCode.NEGATIVE


@contextmanager
def _claimed(path: str, name: str) -> Iterator[None]:
    """Keeps everybody else from going on with the plan at ``path`` meanwhile. Raises `Declined` where somebody is."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PreconditionFailed(f"{name} is being run by another process") from None
        yield
    finally:
        os.close(fd)


class _Counter:
    """Says on a terminal how far it is, between two runs: whatever draws by itself would disturb them."""

    def __init__(self, number: int, plan: ExperimentPlan, left: int) -> None:
        self._head = f"R{number}"
        self._failed = dict.fromkeys([arm.name for arm in plan.arms], 0)
        self._ended = dict.fromkeys(self._failed, 0)
        self._done, self._left, self._total = 0, left, plan.total
        self._begun = self._told = time.monotonic_ns()
        self._draws = os.isatty(STDERR)

    def tell(self, one: Run) -> None:
        """Counts a run."""
        self._done += 1
        self._failed[one.arm] += one.outcome == FAILED
        self._ended[one.arm] += one.outcome in (FAILED, PASSED)
        now = time.monotonic_ns()
        if self._draws and (now - self._told > _TELL_NS or self._done == self._left):
            self._told = now
            arms = " · ".join(f"{arm} {self._failed[arm]}/{ended}" for arm, ended in self._ended.items())
            left = format_duration((now - self._begun) // self._done * (self._left - self._done))
            made = self._total - self._left + self._done
            self._draw(f"{self._head} {made}/{self._total} · {left} left · failed {arms}")

    def close(self) -> None:
        """Takes it away."""
        if self._draws:
            self._draw("")

    def _draw(self, text: str) -> None:
        try:
            width = os.get_terminal_size(STDERR).columns - 1  # one that wraps would leave rows behind
            os.write(STDERR, f"\r{text[:width]}\x1b[K".encode())
        except OSError:  # the terminal is gone, and the experiment is not
            self._draws = False


def _echo(args: Namespace, at: Context) -> Echo:
    return Echo(quiet=args.quiet or is_open_on(at.journal.log_path, STDOUT))


def _check_writable(at: Context) -> None:
    if (why := at.journal.write_obstacle()) is not None:
        raise FileUnusable(f"nothing was run: {why}")


# What it has shown.


def _report(args: Namespace) -> int:
    at = context(args)
    at.require_log()
    one = require_experiment(at.load_state(), args.report)
    if args.json:
        print_json(experiment_json(one))
    else:
        for line in experiment_report_lines(one):
            print_out(line)
    return _answer(one)
