"""One run of a program: start it, time it, read its output, and end it with all of its children.

The clock runs from just before the start until the end, and in between this process only reads the output. The program
inherits no descriptor that this process opened: they are closed on exec. It inherits those that the parent of this
process opened for it (a ``<(...)`` of a shell).
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
from threeam.process.process_tree import child_pids, descendant_pids, kill_other_children
from threeam.process.stacks import read_stacks, request_stacks

STDIN, STDOUT, STDERR = 0, 1, 2
_READ_BYTES = 256 * 1024
_PIPE_BYTES = 1024 * 1024  # capacity of a pipe: the default maximum of an unprivileged user
_GRACE_S = 5.0  # time that an interrupted program has to end by itself
_MAX_POLL_MS = 24 * 60 * 60 * 1000
_DUMP_S = 1.0  # time that a program has to print its stacks
# Python ignores some of these, and a child would inherit that.
_SIGNALS_RESET_IN_CHILD = (signal.SIGPIPE, signal.SIGXFSZ, *INTERRUPT_SIGNALS)


class StartFailed(Exception):
    """The program could not be started. The message says why."""


class ExecutionResult(NamedTuple):
    """The result of a run.

    ``duration_ns``: from the start to the end. ``cpu_ns``: user and system time of the program and of the children that
    it waited for, as of getrusage(2), to the microsecond. ``exit_code``: 128 + the number of the signal that ended it.
    ``interrupted_by``: the signal with which the user ended it; 0: none.
    """

    duration_ns: int
    cpu_ns: int
    exit_code: int
    timed_out: bool = False
    interrupted_by: int = 0


class Interference:
    """An interference with a program while it runs. This base class does nothing."""

    def next_due(self) -> float | None:
        """Return the time of the next call of `fire`, on the clock of `time.monotonic` (s); None: never."""
        return None

    def fire(self, pid: int) -> None:
        """Interfere with the process ``pid`` and its children. Called when due."""

    def release(self, pid: int) -> None:
        """Undo whatever would keep the process ``pid`` from ending."""


class ExecuteOptions(NamedTuple):
    """The surroundings of a program.

    ``new_session``: in a session of its own, without a terminal; otherwise as a shell runs it. ``isolated``: with an
    empty stdin, and its session is killed at its end. The session is also killed if the program timed out, or if it was
    interrupted in a session of its own. Call `adopt_orphans` before, for processes that have left the session.
    ``merge_stderr``: both outputs are one pipe, in their order, as `STDOUT`. ``timeout_s``: None: no limit.
    ``reads_stacks``: if the program times out, its stacks are passed on as the end of its output, before it is killed.
    """

    new_session: bool = True
    isolated: bool = True
    merge_stderr: bool = True
    timeout_s: float | None = None
    reads_stacks: bool = False


_DEFAULT_OPTIONS = ExecuteOptions()


def execute(
    argv: Sequence[str],
    on_output: Callable[[int, bytes], object],
    options: ExecuteOptions = _DEFAULT_OPTIONS,
    interference: Interference | None = None,
    running: RunningProgram | None = None,
) -> ExecutionResult:
    """Run ``argv``; call ``on_output`` with `STDOUT` or `STDERR` and its output as it comes. Raise `StartFailed`.

    If ``on_output`` raises BrokenPipeError, the read end of that stream is closed, as at the end of a pipe in a shell.
    ``running``: tells the guard of this process which program to kill if this process is killed.
    """
    process = RunningProcess(argv, on_output, options, interference or Interference(), running)
    # An interrupt must not come between the start and the loop that handles it.
    signal_mask = signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPT_SIGNALS)
    try:
        process.spawn(signal_mask - set(INTERRUPT_SIGNALS))
        try:
            process.read_until_exit()
        except BaseException:  # whatever failed, the program must not run on
            process.send_signal(signal.SIGKILL)
            raise
        finally:
            process.reap()
        process.drain()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, signal_mask)
        process.close()
    return process.result()


class RunningProcess:
    """A program from its start to its end: its pipes, its deadline, and the signal that interrupted it.

    Call the methods in this order, with `INTERRUPT_SIGNALS` blocked: `spawn`, `read_until_exit`, `reap`, `drain`,
    `close`, `result`. The signals are unblocked only while `read_until_exit` waits for output.
    """

    def __init__(
        self,
        argv: Sequence[str],
        on_output: Callable[[int, bytes], object],
        options: ExecuteOptions,
        interference: Interference,
        running: RunningProgram | None,
    ) -> None:
        self._argv = argv
        self._on_output = on_output
        self._options = options
        self._interference = interference
        self._running = running
        self._pipes = _open_pipes(1 if options.merge_stderr else 2)
        self._pipe_inode = os.fstat(self._pipes[0][0]).st_ino
        self._streams = {reader: STDOUT + number for number, (reader, _) in enumerate(self._pipes)}  # by read end
        self._poll = poll()
        self._other_children: list[int] = []  # children of this process that existed before
        self._pid = 0
        self._pidfd = -1
        self._started_ns = self._ended_ns = 0
        self._deadline_ns: int | None = None  # then the program is killed
        self._timed_out_ns = 0  # when the deadline was over; 0: it was not
        self._interrupted_by = 0  # the number of a signal; 0: none
        self._status = 0  # as of wait4(2)
        self._cpu_s = 0.0

    def spawn(self, signal_mask: set[signal.Signals | int]) -> None:
        """Start the program with ``signal_mask``. Raise `StartFailed`."""
        options = self._options
        actions: list[tuple[object, ...]] = [
            (os.POSIX_SPAWN_DUP2, self._pipes[0][1], STDOUT),
            (os.POSIX_SPAWN_DUP2, self._pipes[-1][1], STDERR),
        ]
        if options.isolated or (options.new_session and os.isatty(STDIN)):
            actions.insert(0, (os.POSIX_SPAWN_OPEN, STDIN, os.devnull, os.O_RDONLY, 0))
        try:
            self._other_children = child_pids(os.getpid())
            self._tell_guard(0, self._pipe_inode)
            signals_to_reset = _signals_to_reset(options.isolated)
            self._started_ns = time.monotonic_ns()
            self._pid = os.posix_spawnp(
                self._argv[0], [*self._argv], os.environ, file_actions=actions, setsid=options.new_session,
                setsigmask=signal_mask, setsigdef=signals_to_reset,
            )  # fmt: skip
        except OSError as error:
            raise StartFailed(f"{self._argv[0]}: {error.strerror}") from None
        finally:
            for _, writer in self._pipes:
                os.close(writer)
        if options.timeout_s is not None:
            self._deadline_ns = self._started_ns + round(options.timeout_s * NS_PER_S)

    def read_until_exit(self) -> None:
        """Pass the output on until the program has ended. Apply the deadline, the interference and interrupts."""
        self._tell_guard(self._pid, self._pipe_inode)
        self._pidfd = os.pidfd_open(self._pid)
        with signal_wakeup_fd() as wakeup_fd:
            for fd in (self._pidfd, wakeup_fd, *self._streams):
                self._poll.register(fd, POLLIN)
            while not self._ended_ns:
                self._poll_once(wakeup_fd)

    def _poll_once(self, wakeup_fd: int) -> None:
        try:
            ready = self._wait_for_events()
        except KeyboardInterrupt as interrupt:
            self._on_interrupt(getattr(interrupt, "code", 128 + signal.SIGINT) - 128)
            return
        now_ns = time.monotonic_ns()
        if self._pidfd in ready:
            self._ended_ns = now_ns
            return
        for fd in ready:
            data = os.read(fd, _READ_BYTES)
            if fd != wakeup_fd:  # the handler of the signal has been called by now
                self._pass_on(fd, data)
        due_s = self._interference.next_due()
        if self._deadline_ns is not None and now_ns >= self._deadline_ns:
            self._on_deadline()
        elif due_s is not None and now_ns >= due_s * NS_PER_S:  # also if the program never stops printing
            self._interference.fire(self._pid)

    def _wait_for_events(self) -> list[int]:
        """Return the descriptors that are readable. Raise KeyboardInterrupt if a signal comes."""
        signal.pthread_sigmask(signal.SIG_UNBLOCK, INTERRUPT_SIGNALS)
        try:
            ready = self._poll.poll(_poll_timeout_ms(self._deadline_ns, self._interference.next_due()))
        finally:
            signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPT_SIGNALS)
        return [fd for fd, _ in ready]

    def _pass_on(self, fd: int, data: bytes) -> None:
        if not data:
            self._poll.unregister(fd)
            return
        try:
            self._on_output(self._streams[fd], data)
        except BrokenPipeError:
            self._poll.unregister(fd)
            del self._streams[fd]
            os.close(fd)

    def _on_interrupt(self, signum: int) -> None:
        """Send the signal on, unless the terminal has sent it to the program too; the next signal kills the program."""
        if not self._options.new_session and signum in (signal.SIGINT, signal.SIGQUIT) and is_in_foreground():
            self._interrupted_by = signum  # some programs handle it and run on: gdb, a shell, a JVM
            return
        self.send_signal(signal.SIGKILL if self._interrupted_by else signum)
        self._interrupted_by = signum
        self._deadline_ns = time.monotonic_ns() + round(_GRACE_S * NS_PER_S)
        self._interference.release(self._pid)
        self._interference = Interference()

    def _on_deadline(self) -> None:
        is_first, self._deadline_ns = not (self._timed_out_ns or self._interrupted_by), None
        if is_first:
            self._timed_out_ns = time.monotonic_ns()
            if self._options.reads_stacks and self._read_stacks():
                self._deadline_ns = time.monotonic_ns() + round(_DUMP_S * NS_PER_S)
                return
        self.send_signal(signal.SIGKILL)

    def _read_stacks(self) -> bool:
        """Pass on the stacks of the program. Return whether it prints some of them now, on a signal."""
        self._interference.release(self._pid)
        self._interference = Interference()
        for reader, stream in [*self._streams.items()]:
            _drain(reader, stream, self._on_output)
        own_children = [pid for pid in child_pids(os.getpid()) if pid not in self._other_children]
        pids = [self._pid, *(pid for pid in own_children if pid != self._pid)]
        pids += [descendant for pid in pids for descendant in descendant_pids(pid)]
        text, signals = read_stacks(pids)
        with suppress(BrokenPipeError):
            self._on_output(STDOUT if self._options.merge_stderr else STDERR, text)
        request_stacks(signals)
        return bool(signals)

    def send_signal(self, signum: int) -> None:
        """Send ``signum`` to the program, and to all of its session if it has its own.

        A process of another user (sudo) may not be signalled. It is waited for all the same, and reaped.
        """
        with suppress(ProcessLookupError, PermissionError):
            (os.killpg if self._options.new_session else os.kill)(self._pid, signum)

    def reap(self) -> None:
        """Wait for the program, and kill the processes that it left behind if it must not leave any."""
        if self._pidfd >= 0:
            os.close(self._pidfd)
        # An interrupted program takes its children with it: the background jobs of a shell ignore some signals.
        options = self._options
        kills_session = options.isolated or (self._interrupted_by != 0 and options.new_session)
        if kills_session:  # before the program is reaped: until then its pid is not used again
            self.send_signal(signal.SIGKILL)
        self._tell_guard(0, 0)
        _, self._status, usage = os.wait4(self._pid, 0)
        self._cpu_s = usage.ru_utime + usage.ru_stime
        if kills_session or self._timed_out_ns:
            kill_other_children(self._other_children)

    def drain(self) -> None:
        """Pass on what the program printed before its end."""
        for reader, stream in self._streams.items():
            _drain(reader, stream, self._on_output)

    def close(self) -> None:
        """Close the read ends of the pipes."""
        for reader in self._streams:
            os.close(reader)

    def result(self) -> ExecutionResult:
        """Return how the run went."""
        exit_code = os.waitstatus_to_exitcode(self._status)
        # A program that shares the terminal of this process and exits with 0 has handled ctrl+c itself.
        has_handled_interrupt = not self._options.new_session and exit_code == 0
        if self._timed_out_ns and self._options.reads_stacks:
            exit_code = -signal.SIGKILL  # a Go program that prints its stacks exits by itself then
        return ExecutionResult(
            (self._timed_out_ns or self._ended_ns) - self._started_ns,
            round(self._cpu_s * 1_000_000) * 1000,
            exit_code if exit_code >= 0 else 128 - exit_code,
            bool(self._timed_out_ns),
            0 if has_handled_interrupt else self._interrupted_by,
        )

    def _tell_guard(self, pid: int, pipe_inode: int) -> None:
        if self._running is not None:
            self._running.update(pid, pipe_inode)


def _poll_timeout_ms(deadline_ns: int | None, due_s: float | None) -> int | None:
    """Return the time (ms) until the earlier of a deadline (ns) and a due time (s); None if there is neither.

    It is a day at most: poll(2) takes no more than 24 days.
    """
    times_ns = [] if deadline_ns is None else [float(deadline_ns)]
    if due_s is not None:
        times_ns.append(due_s * NS_PER_S)
    remaining_ms = ceil((min(times_ns) - time.monotonic_ns()) / 1_000_000) if times_ns else None
    return None if remaining_ms is None else min(max(0, remaining_ms), _MAX_POLL_MS)


def is_in_foreground() -> bool:
    """Return whether a terminal sends its ctrl+c and ctrl+\\ to this process and its children, despite redirections."""
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:  # there is no terminal
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:  # the terminal was hung up
        return False
    finally:
        os.close(terminal)


def _signals_to_reset(isolated: bool) -> tuple[int, ...]:
    """Return the signals that the program must not ignore. A signal that nohup ignores stays ignored, as in a shell."""
    if isolated:
        return _SIGNALS_RESET_IN_CHILD
    return tuple(
        signum
        for signum in _SIGNALS_RESET_IN_CHILD
        if signum not in INTERRUPT_SIGNALS or signal.getsignal(signum) != signal.SIG_IGN
    )


def _open_pipes(count: int) -> list[tuple[int, int]]:
    pipes: list[tuple[int, int]] = []
    try:
        for _ in range(count):
            reader, writer = os.pipe()
            pipes.append((reader, writer))
            with suppress(OSError):  # the user has too many large pipes: then this one is smaller
                fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    except BaseException:
        for reader, writer in pipes:
            os.close(reader)
            os.close(writer)
        raise
    return pipes


def _drain(fd: int, stream: int, on_output: Callable[[int, bytes], object]) -> None:
    """Pass on at most a full pipe of output: a process that the program left behind may still print."""
    os.set_blocking(fd, False)
    remaining = _PIPE_BYTES
    with suppress(BlockingIOError, BrokenPipeError):
        while remaining > 0 and (data := os.read(fd, _READ_BYTES)):
            remaining -= len(data)
            on_output(stream, data)
