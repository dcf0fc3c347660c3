"""Checks of the tracing tools: whether they are installed and whether they may trace. Each is tried."""

from __future__ import annotations

from collections.abc import Sequence

from threeam.host.check import OK, RED, UNKNOWN, YELLOW, Check
from threeam.host.system import System

# capabilities(7), by their numbers in linux/capability.h
_CAP_NET_RAW, _CAP_SYS_PTRACE, _CAP_SYS_ADMIN, _CAP_PERFMON = 13, 19, 21, 38

# tool -> (its Debian package, a command that only works if the tool may trace)
_TRIALS: dict[str, tuple[str, Sequence[str]]] = {
    "strace": ("strace", ("strace", "-o", "/dev/null", "true")),
    "lsof": ("lsof", ("lsof", "-v")),
    "tcpdump": ("tcpdump", ("tcpdump", "-i", "lo", "-d")),
    "perf": ("linux-perf", ("perf", "stat", "-e", "cpu-clock", "true")),
}


def check_tracers(system: System) -> list[Check]:
    """Return the checks of strace, lsof, tcpdump and perf, and of what the kernel lets this user trace."""
    checks = []
    for tool, (package, trial) in _TRIALS.items():
        if system.which(tool) is None:
            checks.append(Check(tool, YELLOW, "not installed", system.install_command(package)))
        else:
            checks.append(_try_tool(system, tool, trial))
    if not any(check.verdict == OK for check in checks):  # no tool works at all
        checks = [check._replace(verdict=RED) for check in checks]
    return [*checks, _check_ptrace(system), _check_perf_events(system)]


def _try_tool(system: System, tool: str, trial: Sequence[str]) -> Check:
    result = system.run(trial)
    if result is None:
        return Check(tool, UNKNOWN, f"did not answer: {' '.join(trial)}")
    code, output = result
    if code != 0:
        lines = [line.strip() for line in output.splitlines() if line.strip()]
        reason = next((line for line in lines if not line.endswith(":")), f"exit {code}")  # perf begins with "Error:"
        return Check(
            tool, YELLOW, f"not allowed to trace here: {reason}", f"sudo {' '.join(trial)}" if system.uid else ""
        )
    if tool == "lsof" and not system.has_capability(_CAP_SYS_PTRACE):
        return Check(tool, OK, "your own processes; those of other users only with sudo")
    return Check(tool, OK, "works")


def _check_ptrace(system: System) -> Check:
    """Return whether strace may attach to a running process: ptrace_scope of the Yama module (kernel: Yama.rst)."""
    name, scope = "attach to a process", (system.read_file("/proc/sys/kernel/yama/ptrace_scope") or "").strip()
    if scope == "3":
        return Check(name, RED, "ptrace_scope 3: not allowed until the next boot")
    if system.has_capability(_CAP_SYS_PTRACE):
        return Check(name, OK, "any process (CAP_SYS_PTRACE)")
    if scope in ("", "0"):
        return Check(name, OK, "your own processes" + (", ptrace_scope 0" if scope else ""))
    limit = "only children of the tracer" if scope == "1" else "not without CAP_SYS_PTRACE"
    fix = "sudo sysctl kernel.yama.ptrace_scope=0"
    return Check(name, YELLOW if scope == "1" else RED, f"{limit}: ptrace_scope {scope}", fix)


def _check_perf_events(system: System) -> Check:
    """Return what perf may count.

    Source: perf-security.rst and sysctl/kernel.rst of the kernel. Debian's level 3 and above allows nothing.
    """
    name, level = "perf events", (system.read_file("/proc/sys/kernel/perf_event_paranoid") or "").strip()
    if not level.isascii() or not level.lstrip("-").isdigit():
        return Check(name, UNKNOWN, "the kernel has no perf_event_paranoid")
    if system.has_capability(_CAP_PERFMON) or system.has_capability(_CAP_SYS_ADMIN):
        return Check(name, OK, f"all (perf_event_paranoid {level}, and CAP_PERFMON)")
    fix = "sudo sysctl kernel.perf_event_paranoid=1"
    if int(level) >= 3:
        return Check(name, RED, f"none: perf_event_paranoid {level}", fix)
    if int(level) == 2:
        return Check(name, YELLOW, "your own programs, but not the kernel: perf_event_paranoid 2", fix)
    return Check(name, OK, f"perf_event_paranoid {level}")


def attach_obstacle(system: System, tool: str, pid: int) -> str | None:
    """Return why ``tool`` cannot be attached to the process ``pid``, with the fix, in a sentence; None if it can."""
    if system.which(tool) is None:
        return f"{tool} is not installed: {system.install_command(_TRIALS[tool][0])}"
    about = dict(
        line.split(":\t", 1) for line in (system.read_file(f"/proc/{pid}/status") or "").splitlines() if ":\t" in line
    )
    if (
        (owner := about.get("Uid", "").split("\t")[0])
        and int(owner) != system.uid
        and not system.has_capability(_CAP_SYS_PTRACE)
    ):
        return f"{pid} is another user's, and you have no CAP_SYS_PTRACE: sudo 3am observe {pid} --with {tool}"
    if tool == "strace" and about.get("TracerPid", "0") != "0":
        return f"{pid} is traced already, by {about['TracerPid']}: a process has one tracer at a time"
    checks = {"strace": _check_ptrace, "perf": _check_perf_events}
    check = checks[tool](system) if tool in checks else _try_tool(system, tool, _TRIALS[tool][1])
    if check.verdict in (OK, UNKNOWN) or (tool == "perf" and check.verdict != RED):
        return None
    return f"{tool} may not: {check.detail}{f'; fix it with {check.fix}' if check.fix else ''}"
