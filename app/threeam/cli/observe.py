"""``3am observe``: a tool attached to a process that runs, and the journal knows from when to when."""

from __future__ import annotations

import signal
from argparse import Namespace
from collections.abc import Sequence
from contextlib import suppress
from threading import Thread

from threeam.cli.console import is_open_on, put, talk
from threeam.cli.context import Context, context
from threeam.cli.exits import Exit
from threeam.cli.parser import Parser
from threeam.core.beside import file_beside
from threeam.core.draft import Draft, bound_to
from threeam.core.entry import NS, decode
from threeam.core.journal import JournalError, Unusable
from threeam.core.when import parse_length
from threeam.machine.system import this_system
from threeam.machine.tracing import why_not
from threeam.observe.attach import TOOLS, Process, guarded, process_of, watch
from threeam.observe.execute import NotStarted
from threeam.observe.observers import attached, detached
from threeam.observe.output import Output

_FIRST = 4096  # bytes of what a tool says, of which the first line says why it did not attach


def run(_command: str, argv: Sequence[str]) -> int:
    """Runs ``3am observe``."""
    parser = Parser(
        "3am observe",
        "Attaches strace, perf, lsof or tcpdump to a process that runs, keeps what it says beside the journal, and "
        "writes when it was attached and when detached: what was logged in between is marked, for its timings were "
        "perturbed. It detaches after --for, on ctrl+c, and also if this program is killed.",
        "example:\n  3am observe 4121 --with strace --for 5s -H H7",
    )
    parser.add_argument("pid", type=int, metavar="PID", help="the process")
    parser.add_argument("--with", dest="tool", choices=TOOLS, default=TOOLS[0], help="by what (strace)")
    parser.add_argument("--for", dest="length", metavar="T", help="so long: 5s (until ctrl+c)")
    parser.add_argument("-H", "--hyp", metavar="H7", help="the hypothesis that it is about")
    parser.add_argument("-q", "--quiet", action="store_true", help="do not print what was written")
    args = parser.parse_args(argv)
    seconds = None if args.length is None else parse_length(args.length) / NS
    at = context(args)
    if (why := at.journal.why_not_writable()) is not None:
        raise Unusable(f"nothing was attached: {why}")
    bound_to(at.state(), args.hyp)
    process = process_of(args.pid)
    if (why := why_not(this_system(), args.tool, process.pid)) is not None:
        raise Unusable(why)
    return _observe(args, at, process, seconds)


def _observe(args: Namespace, at: Context, process: Process, seconds: float | None) -> int:
    tool, pid, name = args.tool, process.pid, process.name
    since, writer = at.clock().ns, at.writer()
    kept, first, says = f"{tool}-{pid}-{since}.out", bytearray(), list[Thread]()

    def end(file: str) -> Draft:
        return detached(tool, pid, name, since, at.clock().ns, file, args.hyp)

    def orphaned(_: int) -> None:
        writer.write(end(kept))

    def begin(tracer: int) -> None:
        tell_guard(tracer)
        # On a thread: while it waits for the lock, what the tool prints has to be read, or the process would stand.
        says.append(Thread(target=_write, args=(at, attached(tool, pid, name, since, args.hyp), args.quiet)))
        says[0].start()

    with guarded(orphaned) as tell_guard:
        try:
            with file_beside(at.journal, kept) as file:
                output = Output(file.write)

                def take(_: int, data: bytes) -> None:
                    first.extend(data[: _FIRST - len(first)])
                    output.take(data)

                ended = watch(tool, process, seconds, take, begin)
                output.close()
                if not says:
                    said = decode(bytes(first)).strip().partition("\n")[0]
                    raise Unusable(f"{tool} did not attach to {pid} ({name}): {said or f'exit {ended.code}'}")
        except NotStarted as not_started:
            raise Unusable(str(not_started)) from None
        finally:
            for thread in says:
                thread.join()
        _put(writer.write(end(kept)).raw, at, quiet=args.quiet)
        talk(f"what {tool} said is kept in {file.name}")
    if ended.cut == signal.SIGINT and seconds is None:  # that is how it is ended
        return Exit.DONE
    return 128 + ended.cut if ended.cut else Exit.DONE


def _write(at: Context, draft: Draft, quiet: bool) -> None:
    try:
        _put(at.writer().write(draft).raw, at, quiet=quiet)
    except JournalError as error:  # the line of its end says since when it was attached, too
        talk(str(error))


def _put(raw: bytes, at: Context, *, quiet: bool) -> None:
    if not quiet and not is_open_on(at.journal.log, 1):
        with suppress(BrokenPipeError):
            put(raw)
