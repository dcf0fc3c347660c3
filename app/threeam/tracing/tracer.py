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
_LOOK = 0.01  # s between two looks whether it is attached
_GRACE = 5.0  # s to detach by itself


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
            ports = " or ".join(f"port {port}" for port in _ports(pid))
            return ["tcpdump", "-l", "-n", "-tt", "-i", "any", ports]


def _ports(pid: int) -> list[int]:
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
        self, tool: str, process: TracedProcess, seconds: float | None, attached: Callable[[int], object]
    ) -> None:
        self.tool = tool
        self.process = process
        self._due = None if seconds is None else time.monotonic() + seconds
        self._attached = attached
        self._look_at: float | None = time.monotonic() + _LOOK  # None: it is attached
        self._kill_at: float | None = None

    def next_due(self) -> float | None:
        times = [self._look_at, self._due if self._kill_at is None else self._kill_at]
        return min((one for one in times if one is not None), default=None)

    def fire(self, pid: int) -> None:
        now = time.monotonic()
        if self._look_at is not None and now >= self._look_at:
            self._look_at = now + _LOOK
            if is_attached(self.tool, pid, self.process.pid):
                self._look_at = None
                self._attached(pid)
        with suppress(ProcessLookupError):
            if self._kill_at is not None and now >= self._kill_at:
                self._kill_at = now + _GRACE
                os.killpg(pid, signal.SIGKILL)
            elif self._kill_at is None and self._due is not None and now >= self._due:
                self._kill_at = now + _GRACE
                os.killpg(pid, signal.SIGINT)


def is_attached(tool: str, by: int, pid: int) -> bool:
    """Whether the process ``by``, which is ``tool``, has begun to watch ``pid``."""
    try:
        if tool == "strace":
            with open(f"/proc/{pid}/status") as file:
                return f"TracerPid:\t{by}\n" in file.read()
        with open(f"/proc/{by}/comm") as file:  # it is itself by now, and no copy of who has started it
            return file.read().strip()[:15] == tool
    except OSError:
        return False


def run_tracer(
    watching: TracerSession, take: Callable[[int, bytes], object], running: RunningProgram
) -> ExecutionResult:
    """Attach the tool of ``watching`` until its time is over, an interrupt comes, or it ends; ``take`` gets its output.

    Raise `Declined` and `NotStarted`.
    """
    return execute(tracer_command(watching.tool, watching.process.pid), take, ExecuteOptions(), watching, running)


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
            if not select([ended], [], [], _GRACE)[0]:
                os.killpg(pid, signal.SIGKILL)
        finally:
            os.close(ended)
