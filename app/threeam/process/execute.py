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
_READ_BYTES = 256 * 1024  # bytes
_PIPE_BYTES = 1024 * 1024  # bytes that it may print before anybody has read them; the most that a user is let
_GRACE_S = 5.0  # s to end by itself after it was interrupted
# Python ignores these, and what it starts would ignore them too.
_SIGNALS_RESET_IN_CHILD = (signal.SIGPIPE, signal.SIGXFSZ, *INTERRUPT_SIGNALS)


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


_DEFAULT_OPTIONS = ExecuteOptions()


def execute(
    argv: Sequence[str],
    on_output: Callable[[int, bytes], object],
    options: ExecuteOptions = _DEFAULT_OPTIONS,
    interference: Interference | None = None,
    running: RunningProgram | None = None,
) -> ExecutionResult:
    """Run ``argv``; ``on_output`` gets what it prints as it comes, with `OUT` or `ERR`. Raise `NotStarted`.

    If ``on_output`` raises BrokenPipeError, the program prints to nobody from then on, as at the end of a pipe in a shell.
    ``running``: what the guard of this process ends if this process is killed.
    """
    interference, (apart, alone, one_pipe, timeout) = interference or Interference(), options
    pipes = _open_pipes(1 if one_pipe else 2)
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
                setsigdef=_signals_to_reset(alone),
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
                cut, timed_out, end = _read_until_exit(
                    pid, (ended, signalled), taken, on_output, begun, apart, timeout, interference
                )
        except BaseException:
            _send_signal(pid, signal.SIGKILL, apart)
            raise
        finally:
            if ended >= 0:
                os.close(ended)
            # What was begun by a program that is cut short ends with it: a shell's background jobs ignore some signals.
            whole = alone or bool(cut and apart)
            if whole:  # before it is reaped, while its number is nobody else's
                _send_signal(pid, signal.SIGKILL, apart)
            if running is not None:
                running.update(0, 0)
            _, status, usage = os.wait4(pid, 0)
            if whole or timed_out:
                kill_other_children(known)
        for reader, which in taken.items():
            _drain(reader, which, on_output)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        for reader in taken:
            os.close(reader)
    code = os.waitstatus_to_exitcode(status)
    if not apart and code == 0:  # it has taken ctrl+c in its own way, and gone on
        cut = 0
    cpu_ns = round((usage.ru_utime + usage.ru_stime) * 1_000_000) * 1000
    return ExecutionResult(end - begun, cpu_ns, code if code >= 0 else 128 - code, timed_out, cut)


def _read_until_exit(
    pid: int,
    wake_fds: tuple[int, int],
    streams: dict[int, int],
    on_output: Callable[[int, bytes], object],
    started_ns: int,
    new_session: bool,
    timeout_s: float | None,
    interference: Interference,
) -> tuple[int, bool, int]:
    """Read until the process has ended.

    Return the signal that cut it short, whether it took too long, and when it ended (ns).
    ``wake_fds``: descriptors that are readable when the process has ended, and when a signal has come.
    """
    ended, signalled = wake_fds
    waiting = poll()
    for fd in (*wake_fds, *streams):
        waiting.register(fd, POLLIN)
    limit = None if timeout_s is None else started_ns + round(timeout_s * NS_PER_S)
    cut, timed_out = 0, False
    while True:
        try:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, INTERRUPT_SIGNALS)
            try:
                ready = waiting.poll(_poll_timeout_ms(limit, interference.next_due()))
            finally:
                signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPT_SIGNALS)
        except KeyboardInterrupt as interrupt:
            number = getattr(interrupt, "code", 128 + signal.SIGINT) - 128
            if not new_session and number in (signal.SIGINT, signal.SIGQUIT) and is_in_foreground():
                cut = number  # the terminal sends it to everybody, and some programs go on: gdb, a shell, a JVM
                continue
            _send_signal(pid, signal.SIGKILL if cut else number, new_session)
            cut, limit = number, time.monotonic_ns() + round(_GRACE_S * NS_PER_S)
            interference.release(pid)
            interference = Interference()
            continue
        now = time.monotonic_ns()
        fds = [fd for fd, _ in ready]
        if ended in fds:
            return cut, timed_out, now
        for fd in fds:
            data = os.read(fd, _READ_BYTES)
            if fd == signalled:  # its handler has been called by now
                continue
            if not data:
                waiting.unregister(fd)
                continue
            try:
                on_output(streams[fd], data)
            except BrokenPipeError:
                waiting.unregister(fd)
                del streams[fd]
                os.close(fd)
        if limit is not None and now >= limit:
            timed_out, limit = timed_out or not cut, None
            _send_signal(pid, signal.SIGKILL, new_session)
        elif (due := interference.next_due()) is not None and now >= due * NS_PER_S:  # also if it never stops printing
            interference.fire(pid)


def _poll_timeout_ms(deadline_ns: int | None, due_s: float | None) -> int | None:
    """How long may be waited until the one time (ns) or the other (s); None: for ever."""
    times = ([] if deadline_ns is None else [float(deadline_ns)]) + ([] if due_s is None else [due_s * NS_PER_S])
    return max(0, ceil((min(times) - time.monotonic_ns()) / 1_000_000)) if times else None


def _send_signal(pid: int, signum: int, new_session: bool) -> None:
    """Send ``signum`` to the process, and to all of its session if it is apart.

    A process that runs as another user (sudo) may not be signalled. It is waited for all the same, and reaped.
    """
    with suppress(ProcessLookupError, PermissionError):
        (os.killpg if new_session else os.kill)(pid, signum)


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


def _signals_to_reset(isolated: bool) -> tuple[int, ...]:
    """The signals that it does not ignore. What nohup had us ignore it goes on to ignore, as in a shell."""
    ignored = () if isolated else [one for one in INTERRUPT_SIGNALS if signal.getsignal(one) == signal.SIG_IGN]
    return tuple(one for one in _SIGNALS_RESET_IN_CHILD if one not in ignored)


def _open_pipes(count: int) -> list[tuple[int, int]]:
    pipes: list[tuple[int, int]] = []
    try:
        for _ in range(count):
            reader, writer = os.pipe()
            pipes.append((reader, writer))
            with suppress(OSError):  # a user may have too many large ones: then it is a smaller one
                fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    except BaseException:
        for reader, writer in pipes:
            os.close(reader)
            os.close(writer)
        raise
    return pipes


def _drain(fd: int, stream: int, on_output: Callable[[int, bytes], object]) -> None:
    """Reads what the process has printed before its end, a pipe full at most: who was started by it may print on."""
    os.set_blocking(fd, False)
    left = _PIPE_BYTES
    with suppress(BlockingIOError, BrokenPipeError):
        while left > 0 and (data := os.read(fd, _READ_BYTES)):
            left -= len(data)
            on_output(stream, data)
