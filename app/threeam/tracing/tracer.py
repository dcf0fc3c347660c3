"""Attach a tool to a running process, and always detach it, even if 3am is killed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from select import select
from typing import NamedTuple

from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import escape_unprintable
from threeam.process.execute import ExecuteOptions, ExecutionResult, Interference, execute
from threeam.process.guard import RunningProgram

TRACERS = ("strace", "perf", "lsof", "tcpdump")
_ATTACH_POLL_S = 0.01  # time between two checks whether the tool is attached
_GRACE_S = 5.0  # time that an interrupted tool has to detach


class TracedProcess(NamedTuple):
    """A process: its pid, its name in the kernel, and its start (clock ticks since the boot)."""

    pid: int
    name: str
    start_ticks: str


def find_process(pid: int) -> TracedProcess:
    """Return the process ``pid``. Raise `PreconditionFailed` if it does not exist."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            stat = file.read().decode("utf-8", "backslashreplace")
    except OSError:
        raise PreconditionFailed(f"there is no process {pid}") from None
    name, _, rest = stat.partition("(")[2].rpartition(")")
    return TracedProcess(pid, escape_unprintable(name), rest.split()[19])


def tracer_command(tool: str, pid: int) -> list[str]:
    """Return the command that attaches ``tool`` to ``pid``. Raise `PreconditionFailed` if there is nothing to trace."""
    match tool:
        case "strace":
            return ["strace", "-f", "-ttt", "-T", "-s", "256", "-p", str(pid)]
        case "perf":
            return ["perf", "stat", "-d", "-p", str(pid)]
        case "lsof":
            return ["lsof", "-n", "-P", "+r", "1", "-p", str(pid)]
        case _:
            ports = " or ".join(f"port {port}" for port in _network_ports(pid))
            return ["tcpdump", "-l", "-n", "-tt", "-i", "any", ports]


def _network_ports(pid: int) -> list[int]:
    import psutil  # deferred: the import is slow, and only tcpdump needs it

    try:
        connections = psutil.Process(pid).net_connections(kind="inet")
    except psutil.Error as error:
        raise PreconditionFailed(
            f"the sockets of {pid} cannot be listed: {type(error).__name__}; try it with sudo"
        ) from None
    # The local address of a socket that is not bound is an empty tuple.
    ports = {getattr(connection.laddr, "port", 0) for connection in connections} - {0}
    if not ports:
        raise PreconditionFailed(f"{pid} has no network socket: there is nothing for tcpdump to trace")
    return sorted(ports)


class TracerSession(Interference):
    """A watch over a tool: it calls ``on_attached``, and ends the tool after ``duration_s`` (None: never)."""

    def __init__(
        self, tool: str, process: TracedProcess, duration_s: float | None, on_attached: Callable[[int], object]
    ) -> None:
        self.tool = tool
        self.process = process
        self._stop_at = None if duration_s is None else time.monotonic() + duration_s
        self._on_attached = on_attached
        self._check_at: float | None = time.monotonic() + _ATTACH_POLL_S  # None: the tool is attached
        self._kill_at: float | None = None

    def next_due(self) -> float | None:
        times = [self._check_at, self._stop_at if self._kill_at is None else self._kill_at]
        return min((time_s for time_s in times if time_s is not None), default=None)

    def fire(self, pid: int) -> None:
        now = time.monotonic()
        if self._check_at is not None and now >= self._check_at:
            self._check_at = now + _ATTACH_POLL_S
            if is_attached(self.tool, pid, self.process.pid):
                self._check_at = None
                self._on_attached(pid)
        with suppress(ProcessLookupError):
            if self._kill_at is not None and now >= self._kill_at:
                self._kill_at = now + _GRACE_S
                os.killpg(pid, signal.SIGKILL)
            elif self._kill_at is None and self._stop_at is not None and now >= self._stop_at:
                self._kill_at = now + _GRACE_S
                os.killpg(pid, signal.SIGINT)


def is_attached(tool: str, tracer_pid: int, target_pid: int) -> bool:
    """Return whether the process ``tracer_pid``, which runs ``tool``, has begun to trace ``target_pid``."""
    try:
        if tool == "strace":
            with open(f"/proc/{target_pid}/status") as file:
                return f"TracerPid:\t{tracer_pid}\n" in file.read()
        with open(f"/proc/{tracer_pid}/comm") as file:  # after execve(2) it has the name of the tool
            return file.read().strip()[:15] == tool
    except OSError:
        return False


def run_tracer(
    session: TracerSession, on_output: Callable[[int, bytes], object], running: RunningProgram
) -> ExecutionResult:
    """Attach the tool of ``session`` until its time is over, an interrupt comes, or it ends.

    ``on_output`` gets its output. Raise `PreconditionFailed` and `StartFailed`.
    """
    return execute(tracer_command(session.tool, session.process.pid), on_output, ExecuteOptions(), session, running)


def stop_orphaned_tracer(running: RunningProgram) -> None:
    """End the tool of an observer that was killed: by SIGINT, so that it detaches, and then by SIGKILL."""
    pid = running.pid
    if pid <= 0:
        return
    with suppress(ProcessLookupError):
        try:
            pidfd = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        except OSError:  # no descriptor is free, so the end of the tool cannot be awaited, and it must not trace on
            os.killpg(pid, signal.SIGKILL)
            return
        try:
            os.killpg(pid, signal.SIGINT)
            if not select([pidfd], [], [], _GRACE_S)[0]:
                os.killpg(pid, signal.SIGKILL)
        finally:
            os.close(pidfd)
