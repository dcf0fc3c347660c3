"""Attaching a tool to a process that runs, and detaching it again, whatever happens to who has attached it."""

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
_ATTACH_POLL_S = 0.01  # s between two looks whether it is attached
_GRACE_S = 5.0  # s to detach by itself


class TracedProcess(NamedTuple):
    """A process by its number, as the kernel names it, and since when it runs (clock ticks after the boot)."""

    pid: int
    name: str
    start_ticks: str


def find_process(pid: int) -> TracedProcess:
    """The process ``pid``. Raises `Declined` where there is none."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            about = file.read().decode("utf-8", "backslashreplace")
    except OSError:
        raise PreconditionFailed(f"there is no process {pid}") from None
    name, _, rest = about.partition("(")[2].rpartition(")")
    return TracedProcess(pid, escape_unprintable(name), rest.split()[19])


def tracer_command(tool: str, pid: int) -> list[str]:
    """The command that attaches ``tool`` to ``pid``. Raises `Declined` where there is nothing for it to see."""
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
    import psutil  # it takes its time, and tcpdump alone needs it

    try:
        found = psutil.Process(pid).net_connections(kind="inet")
    except psutil.Error as error:
        raise PreconditionFailed(
            f"the sockets of {pid} are not to be seen: {type(error).__name__}; try it with sudo"
        ) from None
    ports = sorted({port for one in found if (port := getattr(one.laddr, "port", 0))})  # () where it has none
    if not ports:
        raise PreconditionFailed(f"{pid} has no socket of the network: there is nothing for tcpdump to see")
    return ports


class TracerSession(Interference):
    """Tells ``attached`` as soon as the tool is attached, and ends it after ``seconds`` (None: it goes on)."""

    def __init__(
        self, tool: str, process: TracedProcess, duration_s: float | None, on_attached: Callable[[int], object]
    ) -> None:
        self.tool = tool
        self.process = process
        self._stop_at = None if duration_s is None else time.monotonic() + duration_s
        self._on_attached = on_attached
        self._check_at: float | None = time.monotonic() + _ATTACH_POLL_S  # None: it is attached
        self._kill_at: float | None = None

    def next_due(self) -> float | None:
        times = [self._check_at, self._stop_at if self._kill_at is None else self._kill_at]
        return min((one for one in times if one is not None), default=None)

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
    """Whether the process ``tracer_pid``, which is ``tool``, has begun to watch ``target_pid``."""
    try:
        if tool == "strace":
            with open(f"/proc/{target_pid}/status") as file:
                return f"TracerPid:\t{tracer_pid}\n" in file.read()
        with open(f"/proc/{tracer_pid}/comm") as file:  # it is itself by now, and no copy of who has started it
            return file.read().strip()[:15] == tool
    except OSError:
        return False


def run_tracer(
    session: TracerSession, on_output: Callable[[int, bytes], object], running: RunningProgram
) -> ExecutionResult:
    """Attach the tool of ``session`` until its time is over, an interrupt comes, or it ends; ``on_output`` gets its output.

    Raise `Declined` and `NotStarted`.
    """
    return execute(tracer_command(session.tool, session.process.pid), on_output, ExecuteOptions(), session, running)


def stop_orphaned_tracer(running: RunningProgram) -> None:
    """End a tool whose observer was killed, by an interrupt if it minds one: so it detaches."""
    pid = running.pid
    if pid <= 0:
        return
    with suppress(ProcessLookupError):
        try:
            ended = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        except OSError:  # no descriptor is free: without one nobody can wait for it, and it must not watch on
            os.killpg(pid, signal.SIGKILL)
            return
        try:
            os.killpg(pid, signal.SIGINT)
            if not select([ended], [], [], _GRACE_S)[0]:
                os.killpg(pid, signal.SIGKILL)
        finally:
            os.close(ended)
