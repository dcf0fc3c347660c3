"""``3am observe``: attach a tool to a running process, and log from when to when it was attached."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from contextlib import suppress

from threeam.cli.console import is_open_on, print_err, write_bytes
from threeam.cli.context import Context, context
from threeam.cli.exits import ExitCode, run_reporting_errors
from threeam.cli.parser import Parser
from threeam.cli.team_hosts import read_bound
from threeam.core.errors import FileUnusable, PreconditionFailed
from threeam.core.format.entry import NS_PER_S
from threeam.core.format.times import parse_duration
from threeam.core.write.writer import Writer
from threeam.host.system import this_system
from threeam.host.tracer_checks import attach_obstacle
from threeam.process.background import BackgroundWork, run_in_background
from threeam.process.guard import RunningProgram
from threeam.process.process_tree import require_linux
from threeam.projections import FOLD
from threeam.tracing.instances import is_instance
from threeam.tracing.live_observation import LiveObservation, ObservationContext, ObservationRequest
from threeam.tracing.observations import abandoned_draft, observations
from threeam.tracing.tracer import TRACERS, find_process


def run(_command: str, argv: Sequence[str]) -> int:
    """Run ``3am observe``."""
    parser = Parser(
        "3am observe",
        "Attaches strace, perf, lsof or tcpdump to a running process, saves the output of the tool, and logs when it "
        "was attached and detached: lines in between are marked, because their timings were perturbed. It detaches "
        "after --for, on ctrl+c, and also if this program is killed.",
        "example:\n  3am observe 4121 --with strace --for 5s -H H7",
    )
    parser.add_argument("pid", type=int, nargs="?", metavar="PID", help="the process")
    parser.add_argument("--with", dest="tool", choices=TRACERS, help="tool to attach (default: strace)")
    parser.add_argument(
        "--for", dest="duration", metavar="DURATION", help="stop after this long, e.g. 5s (default: until ctrl+c)"
    )
    parser.add_argument("-H", "--hyp", metavar="H7", help="link to hypothesis H7, or to db1/H7 of another host")
    parser.add_argument(
        "--over", action="store_true", help="log that nothing is attached any more, after a crash of the machine"
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="do not print what was written")
    args = parser.parse_args(argv)
    if args.over and any(value is not None for value in (args.pid, args.tool, args.duration, args.hyp)):
        parser.error("--over takes no PID, and none of --with, --for and -H")
    if not args.over and args.pid is None:
        parser.error("which process? 3am observe 4121; pgrep -o NAME has it")
    if not args.over:
        require_linux("3am observe")
    duration_s = None if args.duration is None else parse_duration(args.duration) / NS_PER_S
    ctx = context(args)
    if (obstacle := ctx.journal.write_obstacle()) is not None:
        raise FileUnusable(f"nothing was attached: {obstacle}")
    if args.over:
        return _log_abandoned(ctx, quiet=args.quiet)
    hypothesis = read_bound(ctx, args.hyp)
    process, tool = find_process(args.pid), args.tool or TRACERS[0]
    if (obstacle := attach_obstacle(this_system(), tool, process.pid)) is not None:
        raise FileUnusable(obstacle)
    return _observe(ObservationRequest(tool, process, duration_s, hypothesis), ctx, quiet=args.quiet)


def _observe(request: ObservationRequest, ctx: Context, *, quiet: bool) -> int:
    """Observe in a background process, which ctrl+z does not stop: the observed process would stand still."""
    observation = LiveObservation(
        request,
        ObservationContext(
            ctx.journal,
            ctx.clock,
            ctx.writer,
            lambda: _patient_writer(ctx),
            lambda raw: _print_written(raw, ctx, quiet=quiet),
            print_err,
        ),
    )
    if request.duration_s is None:
        print_err(f"ctrl+c detaches {request.tool} from {request}; --for 5s does so by itself")

    def observe(running: RunningProgram) -> int:
        signum = observation.run(running)
        if signum == signal.SIGINT and request.duration_s is None:  # the usual way to end it
            return ExitCode.OK
        return 128 + signum if signum else ExitCode.OK

    def work(running: RunningProgram) -> int:
        return run_reporting_errors(lambda: observe(running))

    def on_abandoned() -> None:
        print_err(f"{request.tool} is detached from {request}; the line that says so is written when the lock is free")

    return run_in_background(BackgroundWork(work, observation.finish_orphaned, on_abandoned))


def _log_abandoned(ctx: Context, *, quiet: bool) -> int:
    """Log that each tool without a detach line is detached, unless the 3am that attached it still runs here."""
    still_attached = [seen for seen in observations(ctx.load_state()).values() if seen.until_ns is None]
    if not still_attached:
        raise PreconditionFailed("nothing is attached, according to the journal")
    code = ExitCode.OK
    for seen in still_attached:
        if seen.author is not None and seen.author.host == ctx.author.host and is_instance(seen.author.pid):
            print_err(f"still attached: {seen.text} (by 3am, pid {seen.author.pid})")
            code = ExitCode.NEGATIVE
        else:
            block = _patient_writer(ctx).write(abandoned_draft(seen, ctx.clock().ns))
            _print_written(block.raw, ctx, quiet=quiet)
    return code


def _patient_writer(ctx: Context) -> Writer:
    """Return a writer that waits for the lock without a limit."""
    return Writer(ctx.journal, FOLD, ctx.clock, ctx.write_options()._replace(lock_timeout=None))


def _print_written(raw: bytes, ctx: Context, *, quiet: bool) -> None:
    if not quiet and not is_open_on(ctx.journal.log_path, 1):
        with suppress(BrokenPipeError):
            write_bytes(raw)
