"""The stacks of a run that hangs: read from outside by a debugger, or printed by the program itself on a signal.

eu-stack(1) stops a process for some milliseconds; gdb(1), the second choice, for most of a second. py-spy(1) reads the
frames of Python. Go, Java, and Python with faulthandler print all stacks themselves on a signal that they handle. That
ends some of them, so a signal is only for a run that is killed next.
"""

from __future__ import annotations

import os
import resource
import select
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from threeam.core.platform.signals import INTERRUPT_SIGNALS
from threeam.process.captured import MAX_OUTPUT_BYTES, run_captured
from threeam.process.hang import NO_PYTHON_FRAMES, STACKS_LINE, describe_hang
from threeam.process.runtimes import GO, JAVA, PYTHON, runtime_of

MAX_PROCESSES = 32  # of one run; the others are only counted
_MAX_SECTION_BYTES = 256 * 1024
_TOTAL_S = 10.0  # for all processes of a run
_TRACER_END_S = 1.0
_STOP_S, _STOP_POLL_S = 1.0, 0.001  # to see that a process has stopped
_TOOL_S = 5.0  # for one call of a tool: gdb reads the symbols of a large program for seconds
_MAX_FRAMES = "64"  # of a thread: a stack that overflowed has thousands
_MAX_COMMAND_CHARACTERS = 120
_PTRACE_SCOPE = "/proc/sys/kernel/yama/ptrace_scope"  # 1: only an ancestor may attach to a process; 2: only root
_SECCOMP_FILTER = "2"  # proc(5)
_NO_CORE_DUMP = 1  # bytes. Less than a page, so no file; and a program in core_pattern is not started: core(5)
_FAULTHANDLER_SIGNALS = (signal.SIGSEGV, signal.SIGFPE, signal.SIGABRT, signal.SIGBUS, signal.SIGILL)


class _Process(NamedTuple):
    """A process of a run. ``tracer``: the process that traces it; 0: none. ``handled``: the signals that it handles.

    ``has_filter``: whether its system calls pass a filter of seccomp.
    """

    pid: int
    command: str
    runtime: str
    thread_count: int
    is_stopped: bool
    tracer: int
    handled: frozenset[int]
    has_filter: bool


def read_stacks(pids: Sequence[int]) -> tuple[bytes, dict[int, int]]:
    """Return the stacks of the processes ``pids`` as a section of text, and the signals that make the others print.

    The signals are by pid. They are not sent. An interrupt that is pending ends the reading early.
    """
    deadline = time.monotonic() + _TOTAL_S
    parts, signals = [f"{STACKS_LINE}\n", *_end_tracers(pids)], dict[int, int]()
    for pid in pids[:MAX_PROCESSES]:
        if (process := _look_at(pid)) is None:
            continue
        threads = f"{process.thread_count} thread{'' if process.thread_count == 1 else 's'}"
        parts.append(f"[3am: process {process.pid}, {threads}: {process.command}]\n")
        if time.monotonic() >= deadline or signal.sigpending() & set(INTERRUPT_SIGNALS):
            parts.append("[3am: not read: there was no time left]\n")
            continue
        text, signum = _stacks_of(process, deadline)
        parts.append(text)
        if signum:
            signals[process.pid] = signum
    if len(pids) > MAX_PROCESSES:
        parts.append(f"[3am: {len(pids) - MAX_PROCESSES} more processes are left out]\n")
    section = _cut("".join(parts), _MAX_SECTION_BYTES)
    if not signals and (description := describe_hang(section)):
        section += f"[3am: {description}]\n"
    if signals:
        section += "[3am: what these processes print on a signal follows]\n"
    return b"\n" + section.encode("utf-8", "replace"), signals


def request_stacks(signals: dict[int, int]) -> None:
    """Send the signals of `read_stacks`. No process dumps core on one."""
    for pid, signum in signals.items():
        with suppress(ProcessLookupError, PermissionError):
            _, hard_limit = resource.prlimit(pid, resource.RLIMIT_CORE)
            soft_limit = _NO_CORE_DUMP if hard_limit == resource.RLIM_INFINITY else min(_NO_CORE_DUMP, hard_limit)
            resource.prlimit(pid, resource.RLIMIT_CORE, (soft_limit, hard_limit))
            os.kill(pid, signum)
            os.kill(pid, signal.SIGCONT)  # it was stopped if something traced it


def _end_tracers(pids: Sequence[int]) -> list[str]:
    """Kill those of ``pids`` that trace another of them: a process has one tracer. Return a line for each.

    With a filter of seccomp (`strace --seccomp-bpf`) the system calls that it passes to the tracer fail once that is
    gone, and the program would end, or hang in another place. So it is stopped before.
    """
    processes = {pid: process for pid in pids if (process := _look_at(pid)) is not None}
    tracers = [processes[pid] for pid in {process.tracer for process in processes.values()} if pid in processes]
    filtered = [pid for pid, process in processes.items() if process.tracer in processes and process.has_filter]
    for pid in filtered:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGSTOP)
    for tracer in tracers:
        pidfd = os.pidfd_open(tracer.pid)
        try:
            os.kill(tracer.pid, signal.SIGKILL)
            select.select([pidfd], [], [], _TRACER_END_S)  # once it is readable, nothing is traced by it
        finally:
            os.close(pidfd)
    for pid in filtered:
        _wait_until_stopped(pid)
    return [
        f"[3am: ended before the others were read, because it traced them: {tracer.command}]\n" for tracer in tracers
    ]


def _wait_until_stopped(pid: int) -> None:
    """Wait until a process that was sent SIGSTOP has stopped, for a second at most."""
    deadline = time.monotonic() + _STOP_S
    while (process := _look_at(pid)) is not None and not process.is_stopped and time.monotonic() < deadline:
        time.sleep(_STOP_POLL_S)


def _look_at(pid: int) -> _Process | None:
    """Return what /proc says about a process; None if it has ended."""
    try:
        with open(f"/proc/{pid}/status") as file:
            fields = {key: value.strip() for key, _, value in (line.partition(":") for line in file)}
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read().rstrip(b"\0").replace(b"\0", b" ").decode("utf-8", "replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    if fields["State"].startswith(("Z", "X")):
        return None
    mask = int(fields["SigCgt"], 16)
    handled = frozenset(signum for signum in range(1, 65) if mask >> (signum - 1) & 1)
    is_stopped = fields["State"].startswith("T")
    command = " ".join(words.split())[:_MAX_COMMAND_CHARACTERS]
    has_filter = fields.get("Seccomp") == _SECCOMP_FILTER
    return _Process(
        pid, command, runtime_of(pid), int(fields["Threads"]), is_stopped, int(fields["TracerPid"]), handled, has_filter
    )


def _stacks_of(process: _Process, deadline: float) -> tuple[str, int]:
    """Return the stacks of a process, and the signal on which it would print them itself; 0: none."""
    if process.runtime in (GO, JAVA):  # a debugger sees threads there, and not the goroutines or the compiled frames
        return ("", signal.SIGQUIT) if signal.SIGQUIT in process.handled else (_native_stacks(process, deadline), 0)
    if process.runtime != PYTHON:
        return _native_stacks(process, deadline), 0
    text, signum = _python_stacks(process, deadline), 0
    if text.startswith(NO_PYTHON_FRAMES) and process.handled.issuperset(_FAULTHANDLER_SIGNALS):
        text, signum = "", signal.SIGABRT
    return text + _native_stacks(process, deadline), signum


def _python_stacks(process: _Process, deadline: float) -> str:
    """Return what py-spy prints about a process, or a line that says why there are no frames."""
    tool = shutil.which("py-spy") or shutil.which("py-spy", path=os.path.dirname(sys.executable))
    if tool is None:
        return f"{NO_PYTHON_FRAMES}pip install py-spy, or run it with PYTHONFAULTHANDLER=1]\n"
    # A process that is traced or stopped cannot be stopped by py-spy, but its memory can be read.
    options = ("--nonblocking",) if process.tracer or process.is_stopped else ()
    text = _run_tool([tool, "dump", *options, "--pid", str(process.pid)], deadline)
    return text if "\nThread " in text else f"{NO_PYTHON_FRAMES}{_failure(tool, text)}]\n"


def _native_stacks(process: _Process, deadline: float) -> str:
    """Return the stacks that a debugger finds, or a line that says why there are none."""
    if process.tracer:
        return f"[3am: no native frames: process {process.tracer} traces it]\n"
    pid, reason = str(process.pid), "there is no eu-stack and no gdb: apt install elfutils"
    with_lines = () if process.runtime == PYTHON else ("-s",)  # the lines of the interpreter would hide the program
    commands = (
        ("eu-stack", "-n", _MAX_FRAMES, *with_lines, "-p", pid),
        ("gdb", "-nx", "-batch", "-iex", "set debuginfod enabled off", "-iex", "set auto-load off", "-p", pid,
         "-ex", "set print frame-arguments none", "-ex", f"thread apply all backtrace {_MAX_FRAMES}"),
    )  # fmt: skip
    for command in commands:
        if (tool := shutil.which(command[0])) is None:
            continue
        text = _run_tool([tool, *command[1:]], deadline)
        if "\n#0 " in text:
            return text
        reason = _failure(tool, text)
    return f"[3am: no native frames: {reason}]\n"


def _failure(tool: str, text: str) -> str:
    """Return why a tool has found no frame, by the first line of its output ``text``, with what helps."""
    first_line = text.strip().partition("\n")[0] or "it printed nothing"
    with suppress(OSError), open(_PTRACE_SCOPE) as file:
        if (scope := file.read().strip()) in ("1", "2") and os.geteuid() != 0:
            first_line += f"; ptrace_scope is {scope}: sudo sysctl kernel.yama.ptrace_scope=0"
    return f"{os.path.basename(tool)}: {first_line}"


def _run_tool(argv: Sequence[str], deadline: float) -> str:
    environ = {key: value for key, value in os.environ.items() if key != "DEBUGINFOD_URLS"}  # no download of symbols
    limit_s = min(_TOOL_S, deadline - time.monotonic())
    result = run_captured(argv, limit_s, {**environ, "LC_ALL": "C"}) if limit_s > 0 else None
    text = result[1] if result else ""
    return _cut(text if not text or text.endswith("\n") else f"{text}\n", MAX_OUTPUT_BYTES)


def _cut(text: str, max_bytes: int) -> str:
    """Return ``text``; if it has ``max_bytes`` or more, only that many, with a line that says so."""
    data = text.encode("utf-8", "replace")
    if len(data) < max_bytes:
        return text
    return data[:max_bytes].decode("utf-8", "ignore").rpartition("\n")[0] + "\n[3am: the rest is left out]\n"
