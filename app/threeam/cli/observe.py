"""``3am observe``: a tool attached to a process that runs, and the journal knows from when to when."""

from __future__ import annotations

import signal
from argparse import Namespace
from collections.abc import Sequence
from contextlib import suppress
from threading import Thread
from typing import NamedTuple

from threeam.cli.console import OutputFailed, is_open_on, print_err, write_bytes
from threeam.cli.context import Context, context
from threeam.cli.exits import ExitCode, run_reporting_errors
from threeam.cli.parser import Parser
from threeam.core.errors import FileUnusable, JournalError, PreconditionFailed
from threeam.core.format.entry import NS_PER_S, decode_utf8
from threeam.core.format.times import parse_duration
from threeam.core.platform.signals import INTERRUPT_SIGNALS, defer_interrupts
from threeam.core.store.attachment_kinds import TRACER_OUTPUT
from threeam.core.store.attachments import discard_attachment
from threeam.core.write.draft import Draft, hypothesis_tag
from threeam.core.write.writer import Writer
from threeam.host.system import this_system
from threeam.host.tracer_checks import attach_obstacle
from threeam.process.background import PROGRAM_ENDED, BackgroundWork, run_in_background
from threeam.process.execute import ExecutionResult, StartFailed
from threeam.process.guard import RunningProgram
from threeam.process.output import OutputRecorder, record_output
from threeam.process.process_tree import require_linux
from threeam.projections import FOLD
from threeam.tracing.instances import is_instance
from threeam.tracing.observations import abandoned_draft, attached_draft, detached_draft, observations
from threeam.tracing.tracer import TRACERS, TracedProcess, TracerSession, find_process, run_tracer, stop_orphaned_tracer

_MAX_ERROR_BYTES = 4096  # bytes of what a tool says, of which the first line says why it did not attach


def run(_command_line: str, argv: Sequence[str]) -> int:
    """Runs ``3am observe``."""
    parser = Parser(
        "3am observe",
        "Attaches strace, perf, lsof or tcpdump to a process that runs, keeps what it says beside the journal, and "
        "writes when it was attached and when detached: what was logged in between is marked, for its timings were "
        "perturbed. It detaches after --for, on ctrl+c, and also if this program is killed.",
        "example:\n  3am observe 4121 --with strace --for 5s -H H7",
    )
    parser.add_argument("pid", type=int, nargs="?", metavar="PID", help="the process")
    parser.add_argument("--with", dest="tool", choices=TRACERS, default=TRACERS[0], help="by what (strace)")
    parser.add_argument("--for", dest="length", metavar="T", help="so long: 5s (until ctrl+c)")
    parser.add_argument("-H", "--hyp", metavar="H7", help="the hypothesis that it is about")
    parser.add_argument(
        "--over", action="store_true", help="say that nothing is attached any more, after a crash of the machine"
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="do not print what was written")
    args = parser.parse_args(argv)
    if args.over == (args.pid is not None):
        parser.error("--over takes no PID" if args.over else "which process? 3am observe 4121; pgrep -o NAME has it")
    if not args.over:
        require_linux("3am observe")
    seconds = None if args.length is None else parse_duration(args.length) / NS_PER_S
    at = context(args)
    if (why := at.journal.write_obstacle()) is not None:
        raise FileUnusable(f"nothing was attached: {why}")
    if args.over:
        return _mark_detached(at, args.quiet)
    hypothesis_tag(at.load_state(), args.hyp)
    process = find_process(args.pid)
    if (why := attach_obstacle(this_system(), args.tool, process.pid)) is not None:
        raise FileUnusable(why)
    return _observe(_TracerRun(args, at, process, seconds, at.clock().ns))


class _TracerRun(NamedTuple):
    """What is observed, since when (ns), and for how long (s; None: until an interrupt)."""

    args: Namespace
    at: Context
    process: TracedProcess
    seconds: float | None
    since: int

    @property
    def file(self) -> str:
        """The name of the file that keeps what the tool says."""
        return f"{self.args.tool}-{self.process.pid}-{self.since}.out"

    def begin(self) -> Draft:
        """Return the draft of the line that says that it is attached."""
        return attached_draft(self.args.tool, self.process.pid, self.process.name, self.since, self.args.hyp)

    def end(self, output_file: str) -> Draft:
        """Return the draft of the line that says that it is detached now."""
        process = self.process
        return detached_draft(
            self.args.tool, process.pid, process.name, self.since, self.at.clock().ns, output_file, self.args.hyp
        )


def _observe(tracer_run: _TracerRun) -> int:
    """Observe in a process of its own, which ctrl+z does not stop: the process that is observed would stand still."""

    tool, pid, name = tracer_run.args.tool, tracer_run.process.pid, tracer_run.process.name
    if tracer_run.seconds is None:
        print_err(f"ctrl+c detaches {tool} from {pid} ({name}); --for 5s does so by itself")

    def orphaned(running: RunningProgram) -> None:
        stop_orphaned_tracer(running)
        _writer_without_timeout(tracer_run.at).write(tracer_run.end(tracer_run.file))

    def left() -> None:
        print_err(f"{tool} is detached from {pid} ({name}); the line that says so is written when the lock is free")

    def work(running: RunningProgram) -> int:
        return run_reporting_errors(lambda: _read_until_exit(tracer_run, running))

    return run_in_background(BackgroundWork(work, orphaned, left))


def _read_until_exit(one: _TracerRun, running: RunningProgram) -> int:
    at, first, says = one.at, bytearray(), list[Thread]()
    tool, pid, name, quiet = one.args.tool, one.process.pid, one.process.name, one.args.quiet

    def begin(_: int) -> None:
        # On a thread: while it waits for the lock, what the tool prints has to be read, or the process would stand.
        says.append(Thread(target=_sink, args=(at, one.begin(), quiet)))
        says[0].start()

    def watched(output: OutputRecorder) -> ExecutionResult:
        def take(_: int, data: bytes) -> None:
            first.extend(data[: _MAX_ERROR_BYTES - len(first)])
            output.feed(data)

        return run_tracer(TracerSession(tool, one.process, one.seconds, begin), take, running)

    with defer_interrupts(True):  # they come while it is watched, and at no other moment
        try:
            # No run is timed by it: what the tool says is kept as it comes.
            ended, _, kept = record_output(at.journal, TRACER_OUTPUT, one.file, "", watched, flush_bytes=0)
        except StartFailed as not_started:
            raise FileUnusable(str(not_started)) from None
        finally:
            for thread in says:
                thread.join()
        if not says:
            if kept.path:
                discard_attachment(kept.path)
            said = decode_utf8(bytes(first)).strip().partition("\n")[0]
            raise FileUnusable(f"{tool} did not attach to {pid} ({name}): {said or f'exit {ended.exit_code}'}")
        end = one.end(kept.name)
        running.update(
            PROGRAM_ENDED, 0
        )  # from now on an interrupt ends the wait of the other process, and not this line
        for number in INTERRUPT_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        try:
            _print_written(_writer_without_timeout(at).write(end).raw, at, quiet=quiet)
        except OutputFailed:
            raise
        except JournalError:
            print_err("the journal does not know that it is detached: 3am observe --over says so later")
            raise
        if kept.path:
            print_err(f"what {tool} said is kept in {kept.path}")
        if kept.problem:
            raise FileUnusable(f"what {tool} said is not kept: {kept.problem}")
    if ended.interrupted_by == signal.SIGINT and one.seconds is None:  # that is how it is ended
        return ExitCode.OK
    return 128 + ended.interrupted_by if ended.interrupted_by else ExitCode.OK


def _mark_detached(ctx: Context, quiet: bool) -> int:
    """Says of what is still attached, as far as the journal knows, that it is not, where nobody is left who could."""
    attached_still = [one for one in observations(ctx.load_state()).values() if one.until_ns is None]
    if not attached_still:
        raise PreconditionFailed("nothing is attached, as far as the journal knows")
    code = ExitCode.OK
    for one in attached_still:
        if one.author is not None and one.author.host == ctx.author.host and is_instance(one.author.pid):
            print_err(f"{one.text}: it is, by the 3am of pid {one.author.pid}")
            code = ExitCode.NEGATIVE
        else:
            _print_written(
                _writer_without_timeout(ctx).write(abandoned_draft(one, ctx.clock().ns)).raw, ctx, quiet=quiet
            )
    return code


def _writer_without_timeout(ctx: Context) -> Writer:
    """A writer that waits for the lock as long as it takes: where a line is missing, all after it would be marked."""
    return Writer(ctx.journal, FOLD, ctx.clock, ctx.write_options()._replace(lock_timeout=None))


def _sink(at: Context, draft: Draft, quiet: bool) -> None:
    try:
        _print_written(at.writer().write(draft).raw, at, quiet=quiet)
    except JournalError as error:  # the line of its end says since when it was attached, too
        print_err(str(error))


def _print_written(raw: bytes, ctx: Context, *, quiet: bool) -> None:
    if not quiet and not is_open_on(ctx.journal.log_path, 1):
        with suppress(BrokenPipeError):
            write_bytes(raw)
