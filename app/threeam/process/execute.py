"""One run of a command: started, timed, and ended with all that it has started.

The clock stands from just before the program is started until it has ended, and nothing else is done in between but
to read what it prints. It gets no descriptor of ours: every one is closed on exec. What its own parent had open for it
(a ``<(...)`` of a shell) it gets.
"""

from __future__ import annotations

import fcntl
import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from math import ceil
from select import POLLIN, poll
from typing import NamedTuple

from threeam.core.format.entry import NS_PER_S
from threeam.core.platform.signals import INTERRUPT_SIGNALS, signal_wakeup_fd
from threeam.process.guard import RunningProgram
from threeam.process.process_tree import child_pids, kill_other_children

STDIN, STDOUT, STDERR = 0, 1, 2
_READ = 256 * 1024  # bytes
_PIPE = 1024 * 1024  # bytes that it may print before anybody has read them; the most that a user is let
_GRACE = 5.0  # s to end by itself after it was interrupted
# Python ignores these, and what it starts would ignore them too.
_AS_IN_A_SHELL = (signal.SIGPIPE, signal.SIGXFSZ, *INTERRUPT_SIGNALS)


class StartFailed(Exception):
    """The program could not be started. The message says why."""


class ExecutionResult(NamedTuple):
    """How a run went.

    ``ns``: from the start to its end. ``cpu_ns``: of it and of all that it has waited for, user and system, as
    getrusage(2) has it: to the microsecond. ``code``: its exit, or 128 + the signal that ended it. ``cut``: the signal
    by which whoever watched it had it end; 0: none.
    """

    duration_ns: int
    cpu_ns: int
    exit_code: int
    timed_out: bool = False
    interrupted_by: int = 0


class Interference:
    """Interferes with a run while it goes on; this one does not."""

    def next_due(self) -> float | None:
        """When it wants to be called, as `time.monotonic` has it; None: never."""
        return None

    def fire(self, pid: int) -> None:
        """Interferes with the process ``pid`` and its children. It is due."""

    def release(self, pid: int) -> None:
        """Makes good what the process would hang in."""


class ExecuteOptions(NamedTuple):
    """How a program is run.

    ``apart``: in a session of its own, which has no terminal; else as a shell runs it. ``alone``: without our stdin,
    and what it leaves behind is killed at its end. That is killed in any case if it took too long, or was cut short
    while it ran apart (`adopt_orphans` must have been called, for what has left the session). ``one_pipe``: both
    outputs in their order, as `OUT`. ``timeout``: s.
    """

    new_session: bool = True
    isolated: bool = True
    merge_stderr: bool = True
    timeout_s: float | None = None


_BY_ITSELF = ExecuteOptions()


def execute(
    argv: Sequence[str],
    take: Callable[[int, bytes], object],
    how: ExecuteOptions = _BY_ITSELF,
    meddler: Interference | None = None,
    running: RunningProgram | None = None,
) -> ExecutionResult:
    """Run ``argv``; ``take`` gets what it prints as it comes, with `OUT` or `ERR`. Raise `NotStarted`.

    If ``take`` raises BrokenPipeError, the program prints to nobody from then on, as at the end of a pipe in a shell.
    ``running``: what the guard of this process ends if this process is killed.
    """
    meddler, (apart, alone, one_pipe, timeout) = meddler or Interference(), how
    pipes = _pipes(1 if one_pipe else 2)
    actions: list[tuple[object, ...]] = [
        (os.POSIX_SPAWN_DUP2, pipes[0][1], STDOUT),
        (os.POSIX_SPAWN_DUP2, pipes[-1][1], STDERR),
    ]
    if alone or (apart and os.isatty(STDIN)):
        actions.insert(0, (os.POSIX_SPAWN_OPEN, STDIN, os.devnull, os.O_RDONLY, 0))
    taken = {reader: STDOUT + number for number, (reader, _) in enumerate(pipes)}
    # An interrupt must not come between the start and the place where it is minded.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPT_SIGNALS)
    try:
        try:
            known, pipe = child_pids(os.getpid()), os.fstat(pipes[0][0]).st_ino
            if running is not None:
                running.update(0, pipe)
            begun = time.monotonic_ns()
            pid = os.posix_spawnp(
                argv[0], [*argv], os.environ, file_actions=actions, setsid=apart,
                setsigmask=before - set(INTERRUPT_SIGNALS),
                setsigdef=_default(alone),
            )  # fmt: skip
        except OSError as error:
            raise StartFailed(f"{argv[0]}: {error.strerror}") from None
        finally:
            for _, writer in pipes:
                os.close(writer)
        ended, timed_out, cut = -1, False, 0
        try:  # from here on it must not run on, whatever fails
            if running is not None:
                running.update(pid, pipe)
            ended = os.pidfd_open(pid)
            with signal_wakeup_fd() as signalled:
                cut, timed_out, end = _watch(pid, (ended, signalled), taken, take, begun, apart, timeout, meddler)
        except BaseException:
            _end(pid, signal.SIGKILL, apart)
            raise
        finally:
            if ended >= 0:
                os.close(ended)
            # What was begun by a program that is cut short ends with it: a shell's background jobs ignore some signals.
            whole = alone or bool(cut and apart)
            if whole:  # before it is reaped, while its number is nobody else's
                _end(pid, signal.SIGKILL, apart)
            if running is not None:
                running.update(0, 0)
            _, status, usage = os.wait4(pid, 0)
            if whole or timed_out:
                kill_other_children(known)
        for reader, which in taken.items():
            _drain(reader, which, take)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        for reader in taken:
            os.close(reader)
    code = os.waitstatus_to_exitcode(status)
    if not apart and code == 0:  # it has taken ctrl+c in its own way, and gone on
        cut = 0
    cpu_ns = round((usage.ru_utime + usage.ru_stime) * 1_000_000) * 1000
    return ExecutionResult(end - begun, cpu_ns, code if code >= 0 else 128 - code, timed_out, cut)


def _watch(
    pid: int,
    wakers: tuple[int, int],
    taken: dict[int, int],
    take: Callable[[int, bytes], object],
    begun: int,
    apart: bool,
    timeout: float | None,
    meddler: Interference,
) -> tuple[int, bool, int]:
    """Read until the process has ended.

    Return the signal that cut it short, whether it took too long, and when it ended (ns).
    ``wakers``: descriptors that are readable when the process has ended, and when a signal has come.
    """
    ended, signalled = wakers
    waiting = poll()
    for fd in (*wakers, *taken):
        waiting.register(fd, POLLIN)
    limit = None if timeout is None else begun + round(timeout * NS_PER_S)
    cut, timed_out = 0, False
    while True:
        try:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, INTERRUPT_SIGNALS)
            try:
                ready = waiting.poll(_milliseconds(limit, meddler.next_due()))
            finally:
                signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPT_SIGNALS)
        except KeyboardInterrupt as interrupt:
            number = getattr(interrupt, "code", 128 + signal.SIGINT) - 128
            if not apart and number in (signal.SIGINT, signal.SIGQUIT) and is_in_foreground():
                cut = number  # the terminal sends it to everybody, and some programs go on: gdb, a shell, a JVM
                continue
            _end(pid, signal.SIGKILL if cut else number, apart)
            cut, limit = number, time.monotonic_ns() + round(_GRACE * NS_PER_S)
            meddler.release(pid)
            meddler = Interference()
            continue
        now = time.monotonic_ns()
        fds = [fd for fd, _ in ready]
        if ended in fds:
            return cut, timed_out, now
        for fd in fds:
            data = os.read(fd, _READ)
            if fd == signalled:  # its handler has been called by now
                continue
            if not data:
                waiting.unregister(fd)
                continue
            try:
                take(taken[fd], data)
            except BrokenPipeError:
                waiting.unregister(fd)
                del taken[fd]
                os.close(fd)
        if limit is not None and now >= limit:
            timed_out, limit = timed_out or not cut, None
            _end(pid, signal.SIGKILL, apart)
        elif (due := meddler.next_due()) is not None and now >= due * NS_PER_S:  # also if it never stops printing
            meddler.fire(pid)


def _milliseconds(limit: int | None, due: float | None) -> int | None:
    """How long may be waited until the one time (ns) or the other (s); None: for ever."""
    times = ([] if limit is None else [float(limit)]) + ([] if due is None else [due * NS_PER_S])
    return max(0, ceil((min(times) - time.monotonic_ns()) / 1_000_000)) if times else None


def _end(pid: int, number: int, apart: bool) -> None:
    """Send ``number`` to the process, and to all of its session if it is apart.

    A process that runs as another user (sudo) may not be signalled. It is waited for all the same, and reaped.
    """
    with suppress(ProcessLookupError, PermissionError):
        (os.killpg if apart else os.kill)(pid, number)


def is_in_foreground() -> bool:
    """Whether a terminal sends its ctrl+c and ctrl+\\ to us, and to what we have started, whatever is redirected."""
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:  # there is none
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:  # it has been hung up
        return False
    finally:
        os.close(terminal)


def _default(alone: bool) -> tuple[int, ...]:
    """The signals that it does not ignore. What nohup had us ignore it goes on to ignore, as in a shell."""
    ignored = () if alone else [one for one in INTERRUPT_SIGNALS if signal.getsignal(one) == signal.SIG_IGN]
    return tuple(one for one in _AS_IN_A_SHELL if one not in ignored)


def _pipes(count: int) -> list[tuple[int, int]]:
    pipes: list[tuple[int, int]] = []
    try:
        for _ in range(count):
            reader, writer = os.pipe()
            pipes.append((reader, writer))
            with suppress(OSError):  # a user may have too many large ones: then it is a smaller one
                fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, _PIPE)
    except BaseException:
        for reader, writer in pipes:
            os.close(reader)
            os.close(writer)
        raise
    return pipes


def _drain(fd: int, which: int, take: Callable[[int, bytes], object]) -> None:
    """Reads what the process has printed before its end, a pipe full at most: who was started by it may print on."""
    os.set_blocking(fd, False)
    left = _PIPE
    with suppress(BlockingIOError, BrokenPipeError):
        while left > 0 and (data := os.read(fd, _READ)):
            left -= len(data)
            take(which, data)
